"""Places of storages, skipped data, shared maps, the old format: without PyTorch."""

from __future__ import annotations

import io
import mmap
import zipfile
from pathlib import Path
from typing import Any

import pytest

import dynagrad as dg
from dynagrad import serialization
from dynagrad.serialization import places


@pytest.fixture
def registry() -> Any:
    before = list(places._packages)
    yield
    places._packages[:] = before


def test_a_program_names_places_and_brings_storages_there(registry: Any) -> None:
    seen = []

    def fetch(storage: Any, place: str) -> Any:
        if place != "shelf":
            return None
        seen.append(storage.nbytes())
        return storage.clone()

    serialization.register_package(5, lambda storage: "shelf" if storage.nbytes() == 12 else None, fetch)
    for old in (False, True):
        file = io.BytesIO()
        dg.save([dg.ones(3), dg.zeros(2)], file, _use_new_zipfile_serialization=not old)
        assert file.getvalue().count(b"shelf") == 1
        file.seek(0)
        big, small = dg.load(file)
        assert big.tolist() == [1, 1, 1]
        assert small.tolist() == [0, 0]
    assert seen == [12, 12]
    places._packages[:] = [each for each in places._packages if each.deserializer is not fetch]
    file.seek(0)
    with pytest.raises(RuntimeError, match=r"don't know how to restore data location .* \(tagged with shelf\)"):
        dg.load(file)
    file.seek(0)
    assert dg.load(file, map_location={"shelf": "cpu"})[0].tolist() == [1, 1, 1]


def test_skipped_data_takes_its_room_and_is_not_read() -> None:
    whole, empty = io.BytesIO(), io.BytesIO()
    dg.save({"w": dg.ones(100)}, whole)
    with serialization.skip_data():
        dg.save({"w": dg.ones(100)}, empty)
    assert len(whole.getvalue()) == len(empty.getvalue())
    empty.seek(0)
    assert dg.load(empty)["w"].tolist() == [0] * 100
    whole.seek(0)
    with serialization.skip_data():
        assert dg.load(whole)["w"].tolist() == [0] * 100
    whole.seek(0)
    assert dg.load(whole)["w"].tolist() == [1] * 100


def test_maps_are_private_unless_they_are_shared(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    dg.save(dg.zeros(4), path)
    dg.load(path, mmap=True).fill_(1)
    assert dg.load(path).tolist() == [0, 0, 0, 0]
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        dg.load(path, mmap=True).fill_(2)
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    with zipfile.ZipFile(path) as archive:
        entry = next(each for each in archive.infolist() if each.filename.endswith("data/0"))
    data = path.read_bytes()
    assert dg.tensor([2.0] * 4).numpy().tobytes() in data[entry.header_offset :]


def test_the_order_of_bytes_of_a_file_that_does_not_say_it() -> None:
    file = io.BytesIO()
    dg.save(dg.tensor([1], dtype=dg.int32), file, _disable_byteorder_record=True)
    for order, value in (("LITTLE", 1), ("BIG", 1 << 24)):
        serialization.set_default_load_endianness(serialization.LoadEndianness[order])
        file.seek(0)
        assert dg.load(file).tolist() == [value]
    serialization.set_default_load_endianness(None)
    with pytest.raises(TypeError, match="set_default_load_endianness"):
        serialization.set_default_load_endianness("big")


def test_the_old_format_keeps_what_is_shared_and_lands_whole(tmp_path: Path) -> None:
    x = dg.arange(6.0).reshape(2, 3)
    value = {"x": x, "t": x.t(), "p": dg.nn.Parameter(dg.ones(2)), "s": x.untyped_storage(), "n": [1, "two"]}
    path = tmp_path / "old.pt"
    dg.save({key: value[key] for key in "xtpn"}, path, _use_new_zipfile_serialization=False)
    found = dg.load(path)
    assert not zipfile.is_zipfile(path)
    found["x"][0, 1] = 9
    assert found["t"][1, 0] == 9
    assert isinstance(found["p"], dg.nn.Parameter)
    assert found["n"] == [1, "two"]
    dg.save(value["s"], path, _use_new_zipfile_serialization=False)
    assert dg.load(path, weights_only=False).nbytes() == 24
    with pytest.raises(NotImplementedError, match="checksums are always written"):
        serialization.set_crc32_options(False)
    with pytest.raises(NotImplementedError, match="no fake tensors"):
        serialization.skip_data(materialize_fake_tensors=True)
