"""Files without PyTorch: what comes back, what is refused, what is never lost and never run."""

from __future__ import annotations

import fractions
import io
import os
import pickle
import stat
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

import dynagrad as dg
from dynagrad import serialization
from dynagrad.storage import UntypedStorage


def written(value: Any, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    dg.save(value, file, **options)
    file.seek(0)
    return file


def back(value: Any, **options: Any) -> Any:
    return dg.load(written(value), **options)


DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_tensors_come_back(dtype: str, shape: tuple[int, ...]) -> None:
    value = (dg.randn(shape) * 3).to(getattr(dg, dtype))
    found = back(value)
    assert (found.dtype, found.shape) == (value.dtype, value.shape)
    assert dg.equal(found, value)


def test_containers_come_back() -> None:
    value = {
        "list": [1, 2.5, None, True, "text", b"bytes", 1 << 80, -3], "tuple": (1, (2, ())), "set": {1, 2},
        "ordered": OrderedDict(a=1, b=[dg.ones(1)]), "size": dg.ones(2, 3).shape, "dtype": dg.float32,
        "device": dg.device("cpu"), 5: complex(1, 2), "buffer": bytearray(b"xyz"),
    }  # fmt: skip
    found = back(value)
    assert str(found) == str(value)
    assert type(found["ordered"]) is OrderedDict
    assert found["dtype"] is dg.float32
    assert type(found["size"]) is type(value["size"])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol(protocol: int) -> None:
    found = dg.load(written({"a": [dg.ones(2), "text", b"bytes", {1}]}, pickle_protocol=protocol))
    assert found["a"][1:] == ["text", b"bytes", {1}]


def test_what_was_shared_is_shared() -> None:
    base = dg.arange(12.0).reshape(3, 4)
    found = back({"base": base, "row": base[1], "turned": base.t(), "again": base})
    assert found["again"] is found["base"]
    assert found["turned"].stride() == (1, 4)
    assert found["row"].storage_offset() == 4
    found["base"][1, 2] = 99
    assert found["row"][2] == 99
    assert found["turned"][2, 1] == 99
    assert len(zipfile.ZipFile(written([base, base[1], base.t()])).infolist()) == 6  # one of them a storage


def test_gradients_parameters_and_attributes() -> None:
    leaf = dg.ones(2, requires_grad=True)
    parameter = dg.nn.Parameter(dg.zeros(2), requires_grad=False)
    marked = dg.ones(1)
    marked.note = "kept"  # type: ignore[attr-defined]
    found = back([leaf, leaf * 2, parameter, marked])
    assert [each.requires_grad for each in found] == [True, True, False, False]
    assert found[1].is_leaf
    assert type(found[2]) is dg.nn.Parameter
    assert found[3].note == "kept"


def test_a_state_dict_goes_into_another_model_and_optimiser(tmp_path: Path) -> None:
    model = dg.nn.Linear(3, 2)
    optimizer = dg.optim.Adam(model.parameters())
    model(dg.ones(1, 3)).sum().backward()
    optimizer.step()
    dg.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "x.pt")
    found = dg.load(tmp_path / "x.pt")
    other = dg.nn.Linear(3, 2)
    other.load_state_dict(found["model"])
    again = dg.optim.Adam(other.parameters())
    again.load_state_dict(found["optimizer"])
    assert dg.equal(other.weight, model.weight)
    assert again.state[other.weight]["step"].item() == 1


def test_a_whole_model_comes_back_where_code_may_run(tmp_path: Path) -> None:
    model = dg.nn.Sequential(dg.nn.Linear(3, 2))
    dg.save(model, tmp_path / "model.pt")
    with pytest.raises(pickle.UnpicklingError, match=r"GLOBAL torch\.nn\.modules\.container\.Sequential was not"):
        dg.load(tmp_path / "model.pt")
    found = dg.load(tmp_path / "model.pt", weights_only=False)
    x = dg.randn(4, 3)
    assert dg.equal(found(x), model(x))


def test_memory_maps(tmp_path: Path) -> None:
    value = {"a": dg.arange(1000.0), "b": dg.ones(3, dtype=dg.int64)}
    path = tmp_path / "x.pt"
    dg.save(value, path)
    found = dg.load(str(path), mmap=True)
    assert dg.equal(found["a"], value["a"])
    found["a"].zero_()  # the file keeps its values
    assert dg.equal(dg.load(path)["a"], value["a"])
    assert all(dg.load(path, mmap=True)[key].data_ptr() % 64 == 0 for key in "ab")
    with pytest.raises(ValueError, match="must be a file path"):
        dg.load(written(value), mmap=True)


def test_places() -> None:
    seen = []
    assert dg.equal(back(dg.ones(2), map_location="cpu"), dg.ones(2))
    back(dg.ones(2), map_location=lambda storage, location: seen.append((type(storage), location)) or storage)
    assert seen == [(UntypedStorage, "cpu")]
    back(dg.ones(2), map_location={"cpu": "cpu"})
    with pytest.raises(RuntimeError, match=r"CUDA device but torch\.cuda\.is_available\(\) is False"):
        back(dg.ones(2), map_location="cuda:0")
    elsewhere = written(dg.ones(2)).getvalue().replace(b"X\x03\x00\x00\x00cpu", b"X\x04\x00\x00\x00cuda")
    assert elsewhere  # the checksum no longer holds: the record is damaged, and said to be
    with pytest.raises(RuntimeError, match="failed reading zip archive"):
        dg.load(io.BytesIO(elsewhere))


def test_files_in_the_middle_of_others() -> None:
    file = io.BytesIO(b"head" + written(dg.ones(2)).getvalue())
    file.seek(4)
    assert dg.equal(dg.load(file), dg.ones(2))
    for broken in (object(), 5):
        with pytest.raises(AttributeError):
            dg.load(broken)
        with pytest.raises(AttributeError):
            dg.save(1, broken)


# ---- never lost ------------------------------------------------------------------------------------------------------
class Interrupted:
    """Stops whoever pickles it."""

    def __reduce__(self) -> Any:
        raise KeyboardInterrupt


def test_an_interrupted_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pt"
    dg.save(dg.ones(2), path)
    with pytest.raises(KeyboardInterrupt):
        dg.save([dg.zeros(2), Interrupted()], path)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("the disk is full")))
    with pytest.raises(OSError, match="disk is full"):
        dg.save(dg.zeros(2), path)
    monkeypatch.undo()
    assert dg.equal(dg.load(path), dg.ones(2))
    assert os.listdir(tmp_path) == ["x.pt"]


def test_a_saved_file_keeps_mode_and_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.pt", tmp_path / "link.pt"
    dg.save(1, real)
    real.chmod(0o640)
    link.symlink_to(real)
    dg.save(2, link)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert dg.load(real) == 2
    with pytest.raises(RuntimeError, match=r"Parent directory .* does not exist"):
        dg.save(1, tmp_path / "nowhere" / "x.pt")


# ---- never run -------------------------------------------------------------------------------------------------------
ran = []


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return ran.append, (1,)


class EvilSystem:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/never",)


@pytest.mark.parametrize("value", [Evil(), EvilSystem(), fractions.Fraction(1, 2), print, os.getcwd])
def test_code_is_refused_by_name(value: Any) -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"Weights only load failed(.|\n)*GLOBAL"):
        back({"x": [value]})
    assert not ran


def test_names_can_be_allowed() -> None:
    value = {"half": fractions.Fraction(1, 2)}
    assert serialization.get_unsafe_globals_in_checkpoint(written(value)) == ["fractions.Fraction"]
    with serialization.safe_globals([fractions.Fraction]):
        assert back(value) == value
    with pytest.raises(pickle.UnpicklingError):
        back(value)
    serialization.add_safe_globals([(fractions.Fraction, "fractions.Fraction")])
    assert serialization.get_safe_globals() == [fractions.Fraction]
    assert back(value) == value
    serialization.clear_safe_globals()
    assert back(value, weights_only=False) == value


def packed(pickled: bytes, **records: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.pkl", pickled)
        archive.writestr("x/version", "3")
        for name, data in records.items():
            archive.writestr(f"x/data/{name}", data)
    file.seek(0)
    return file


REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def tensor_pickle(offset: str, size: str, stride: str, count: str = "K\x04", kind: str = "FloatStorage") -> bytes:
    storage = f"(X\x07\x00\x00\x00storagectorch\n{kind}\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu{count}tQ"
    text = f"({storage}{offset}({size}t({stride}t\x89)tR."
    return b"\x80\x02" + REBUILD + text.encode("latin1")


HOSTILE: dict[str, bytes] = {
    "eval": b"\x80\x02cbuiltins\neval\n(X\x01\x00\x00\x001tR.",
    "system": b"\x80\x02cposix\nsystem\n(X\x01\x00\x00\x00xtR.",
    "inst": b"(S'x'\nios\nsystem\n.",
    "protocol 0": b"cos\nsystem\n(S'x'\ntR.",
    "setattr on a function": b"\x80\x02" + REBUILD + b"N}X\x01\x00\x00\x00aK\x01s\x86b.",
    "setattr on a class": b"\x80\x02ctorch\nTensor\nN}X\x01\x00\x00\x00aK\x01s\x86b.",
    "dunder of a class": b"\x80\x02ctorch.nn.parameter\nParameter.__init__\n)R.",
    "getattr": b"\x80\x02cbuiltins\ngetattr\n.",
    "huge bytearray": b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    "call a tensor": b"\x80\x02}K\x01\x85R.",
    "extension": b"\x80\x02\x82\x01.",
    "empty": b"",
    "no end": b"\x80\x02K\x01",
    "underflow": b"\x80\x02tR.",
    "no memo": b"\x80\x02h\x05.",
    "long string": b"\x80\x02X\xff\xff\xff\xffabc.",
    "append to a dict": b"\x80\x02}K\x01a.",
    "noise": bytes(range(256)),
    "storage key": b"\x80\x02(X\x07\x00\x00\x00storageNNNNtQ.",
    "another id": b"\x80\x02K\x01Q.",
    "outside": tensor_pickle("K\x00", "K\x08", "K\x01"),
    "offset": tensor_pickle("K\x03", "K\x04", "K\x01"),
    "stride": tensor_pickle("K\x00", "K\x02", "K\x09"),
    "negative stride": tensor_pickle("K\x03", "K\x02", "J\xff\xff\xff\xff"),
    "negative size": tensor_pickle("K\x00", "J\xff\xff\xff\xff", "K\x01"),
    "negative offset": tensor_pickle("J\xff\xff\xff\xff", "K\x01", "K\x01"),
    "overflow": tensor_pickle("K\x00", "\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00", "K\x01"),
    "text for a size": tensor_pickle("K\x00", "X\x01\x00\x00\x00a", "K\x01"),
    "fewer strides": tensor_pickle("K\x00", "K\x02K\x02", "K\x01"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused(name: str) -> None:
    with pytest.raises(pickle.UnpicklingError):
        dg.load(packed(HOSTILE[name], **{"0": b"\0" * 16}))


def test_a_good_one_for_comparison() -> None:
    assert dg.load(packed(tensor_pickle("K\x00", "K\x04", "K\x01"), **{"0": b"\0" * 16})).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("count", ["K\x05", "J\xff\xff\xff\x7f"])
def test_a_storage_that_is_shorter_than_promised_is_refused(count: str) -> None:
    with pytest.raises(RuntimeError, match="storage 0 has 16 bytes, but the pickle promises"):
        dg.load(packed(tensor_pickle("K\x00", "K\x04", "K\x01", count), **{"0": b"\0" * 16}))


def test_missing_and_compressed_records_are_refused() -> None:
    with pytest.raises(RuntimeError, match="record data/0 is missing"):
        dg.load(packed(tensor_pickle("K\x00", "K\x04", "K\x01")))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", tensor_pickle("K\x00", "K\x04", "K\x01"))
        archive.writestr("x/data/0", b"\0" * 10_000_000)
    bomb.seek(0)
    with pytest.raises(RuntimeError, match="is compressed"):
        dg.load(bomb)


def test_records_that_overlap_are_refused() -> None:
    data = b"\0" * 4000
    one = tensor_pickle("K\x00", "K\x01", "K\x01", "M\xe8\x03")[2:-1]
    each = b"".join(one.replace(b"\x01\x00\x00\x000", b"\x01\x00\x00\x00%d" % i) for i in range(3))
    good = packed(b"\x80\x02]q\x00(" + each + b"e.", **{str(i): data for i in range(3)})
    assert len(dg.load(good)) == 3
    file = bytearray(good.getvalue())
    entries = {entry.filename: entry for entry in zipfile.ZipFile(good).infolist()}
    at = file.rindex(b"PK\x01\x02", 0, file.rindex(b"x/data/2"))
    file[at + 42 : at + 46] = entries["x/data/0"].header_offset.to_bytes(4, "little")
    with pytest.raises(RuntimeError, match="failed reading zip archive"):
        dg.load(io.BytesIO(bytes(file)))


def test_every_truncation_is_noticed() -> None:
    whole = written({"a": dg.arange(100.0), "b": "text"}).getvalue()
    for length in [*range(200), *range(200, len(whole), 37), len(whole) - 1]:
        with pytest.raises((RuntimeError, pickle.UnpicklingError, EOFError)):
            dg.load(io.BytesIO(whole[:length]))


def test_flipped_bytes_never_crash_and_never_pass_unseen() -> None:
    value = dg.arange(64.0)
    whole = written(value).getvalue()
    for at in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[at] ^= 0x55
        try:
            found = dg.load(io.BytesIO(bytes(damaged)))
        except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError):
            continue
        assert dg.equal(found, value)


@pytest.mark.parametrize(
    "content", [b"hello, this is text", b"\x93NUMPY\x01\x00", b"\x1f\x8b\x08\x00", b"\x89PNG\r\n\x1a\n"]
)
def test_foreign_files(content: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"none that torch\.save wrote|magic number"):
        dg.load(io.BytesIO(content))
    foreign = io.BytesIO()
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("../../etc/passwd", content)
    foreign.seek(0)
    with pytest.raises(RuntimeError, match=r"holds no data\.pkl"):
        dg.load(foreign)


def test_options_that_cannot_be_meant() -> None:
    with pytest.raises(RuntimeError, match="pickle_module is specified"):
        back(1, pickle_module=pickle, weights_only=True)
    with pytest.raises(ValueError, match="pickles by itself"):
        dg.save(1, io.BytesIO(), pickle_module=os)
    with pytest.raises(EOFError, match="empty"):
        dg.load(io.BytesIO())
    with pytest.raises(FileNotFoundError):
        dg.load("nowhere.pt")


def test_storages() -> None:
    x = dg.arange(6, dtype=dg.int32)
    assert x.untyped_storage().nbytes() == 24
    assert x[2:].untyped_storage() == x.untyped_storage()
    assert x[2:].untyped_storage().data_ptr() == x.data_ptr()
    storage = x.storage()
    storage[1] = 7
    assert x[1] == 7
    assert (len(storage), storage.dtype, storage.element_size()) == (6, dg.int32, 4)
    assert UntypedStorage(4).tolist() == [0, 0, 0, 0]


class Counted(io.BytesIO):
    """A file that remembers how it was read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.asked: list[int] = []
        self.filled = 0

    def read(self, size: int | None = -1) -> bytes:
        self.asked.append(-1 if size is None else size)
        return super().read(size)

    def readinto(self, target: Any) -> int:
        self.filled += len(target)
        return super().readinto(target)


def test_an_old_file_in_the_middle_of_another_is_read_where_it_lies() -> None:
    kept = dg.arange(10000, dtype=dg.float64)
    inner = written(kept, _use_new_zipfile_serialization=False).getvalue()
    file = Counted(b"before" + inner + b"after")
    file.seek(6)
    assert dg.equal(dg.load(file), kept)
    assert file.filled == 80000
    assert -1 not in file.asked
    assert max(file.asked) < 80000
    assert file.read() == b"after"


def test_storages_convert_copy_and_read_buffers() -> None:
    storage = dg.FloatStorage([1.5, 2])
    assert storage.int().tolist() == [1, 2]
    assert storage.type() == "torch.FloatStorage"
    assert storage.type("torch.DoubleStorage").dtype is dg.float64
    other = storage.clone()
    assert other.fill_(3).tolist() == [3, 3]
    assert storage.copy_(other).tolist() == [3, 3]
    with pytest.raises(RuntimeError, match="size does not match, self was 8 bytes but src was 4 bytes"):
        storage.copy_(dg.FloatStorage(1))
    assert dg.ShortStorage.from_buffer(b"\1\2\3\4", "big").tolist() == [258, 772]
    assert dg.BoolStorage.from_buffer(b"\0\1\2", "native").tolist() == [False, True, True]
    assert dg.IntStorage.from_buffer(b"\0\1\0\0\0\2\0\0\0", "little", 1, 5).tolist() == [2]
    with pytest.raises(ValueError, match="must be a multiple of element size"):
        dg.IntStorage.from_buffer(b"123", "big")
    seen = dg.ones(2)
    bytes_of = seen.untyped_storage()
    bytes_of.fill_(0)
    assert seen.tolist() == [0, 0]
    bytes_of[3] = 64
    assert seen[0] == 2
