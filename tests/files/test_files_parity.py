"""Files between PyTorch and this library, in both directions, and the old format."""

from __future__ import annotations

import io
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dynagrad as dg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")


def same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, dg.Tensor)
        assert (str(ours.dtype), tuple(ours.shape), ours.stride()) == (
            str(theirs.dtype), tuple(theirs.shape), theirs.stride()
        )  # fmt: skip
        assert (ours.requires_grad, ours.storage_offset()) == (theirs.requires_grad, theirs.storage_offset())
        np.testing.assert_array_equal(ours.detach().double().numpy(), theirs.detach().double().numpy())
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        assert type(ours).__name__ == type(theirs).__name__
        for key in theirs:
            same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            same(mine, other)
    else:
        assert ours == theirs or str(ours) == str(theirs)


def values(lib: Any) -> dict[str, Any]:
    base = lib.arange(24.0).reshape(2, 3, 4)
    marked = lib.ones(2)
    marked.note = "kept"
    return {
        "dtypes": {name: lib.tensor([0, 1, 2, 3]).to(getattr(lib, name)) for name in DTYPES},
        "views": [base, base[1], base.transpose(0, 2), base[:, 1:, ::2], base],
        "shapes": [lib.tensor(3.5), lib.zeros(0), lib.zeros(2, 0, 3)],
        "leaf": lib.ones(2, requires_grad=True),
        "made": lib.ones(2, requires_grad=True) * 3,
        "parameter": lib.nn.Parameter(lib.ones(2, 2)),
        "fixed": lib.nn.Parameter(lib.ones(2), requires_grad=False),
        "ordered": OrderedDict(a=1, b=(2, [3])),
        "plain": [1, 2.5, None, True, "té", b"bytes", 1 << 70, {1}, complex(1, 2)],
        "things": [lib.float32, lib.device("cpu"), base.shape],
        "marked": marked,
    }


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("weights_only", [True, False])
def test_pytorchs_files_load_here(tmp_path: Path, weights_only: bool, mmap: bool) -> None:
    path = tmp_path / "theirs.pt"
    theirs = values(torch)
    torch.save(theirs, path)
    ours = dg.load(path, weights_only=weights_only, mmap=mmap)
    same(ours, theirs)
    assert ours["marked"].note == "kept"
    assert type(ours["parameter"]) is dg.nn.Parameter
    ours["views"][0][1, 2, 3] = -5
    assert ours["views"][1][2, 3] == -5


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize("weights_only", [True, False])
def test_our_files_load_in_pytorch(tmp_path: Path, weights_only: bool, mmap: bool) -> None:
    path = tmp_path / "ours.pt"
    ours = values(dg)
    dg.save(ours, path)
    theirs = torch.load(path, weights_only=weights_only, mmap=mmap)
    same(ours, theirs)
    assert theirs["marked"].note == "kept"
    assert type(theirs["parameter"]) is torch.nn.Parameter
    theirs["views"][0][1, 2, 3] = -5
    assert theirs["views"][1][2, 3] == -5


def test_buffers_go_both_ways() -> None:
    file = io.BytesIO()
    torch.save([torch.ones(3), "x"], file)
    file.seek(0)
    same(dg.load(file), [torch.ones(3), "x"])
    file = io.BytesIO()
    dg.save([dg.ones(3), "x"], file)
    file.seek(0)
    same([dg.ones(3), "x"], torch.load(file))


def test_a_training_state_goes_on_in_the_other_library(tmp_path: Path) -> None:
    def trained(lib: Any) -> tuple[Any, Any]:
        lib.manual_seed(0)
        model = lib.nn.Sequential(lib.nn.Linear(4, 3), lib.nn.Linear(3, 1))
        return model, lib.optim.Adam(model.parameters(), lr=0.1)

    def steps(lib: Any, model: Any, optimizer: Any) -> list[float]:
        x = lib.arange(8.0).reshape(2, 4) / 8
        losses = []
        for _ in range(5):
            optimizer.zero_grad()
            loss = (model(x) ** 2).sum()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    for source, target in ((dg, torch), (torch, dg)):
        model, optimizer = trained(source)
        steps(source, model, optimizer)
        source.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "state.pt")
        other, again = trained(target)
        state = target.load(tmp_path / "state.pt")
        other.load_state_dict(state["model"])
        again.load_state_dict(state["optimizer"])
        np.testing.assert_allclose(steps(target, other, again), steps(source, model, optimizer), rtol=1e-4)


@pytest.mark.parametrize("weights_only", [True, False])
def test_the_old_format_loads(weights_only: bool) -> None:
    file = io.BytesIO()
    theirs = values(torch)
    torch.save(theirs, file, _use_new_zipfile_serialization=False)
    data = file.getvalue()
    same(dg.load(io.BytesIO(data), weights_only=weights_only), theirs)
    for length in (10, 100, len(data) // 2, len(data) - 3):
        with pytest.raises(Exception) as refusal:  # noqa: PT011  # any refusal
            dg.load(io.BytesIO(data[:length]), weights_only=weights_only)
        assert not isinstance(refusal.value, (MemoryError, IndexError, AssertionError))


@pytest.mark.parametrize("weights_only", [True, False])
def test_pytorch_reads_the_old_format_from_here(weights_only: bool) -> None:
    file = io.BytesIO()
    ours = values(dg)
    dg.save(ours, file, _use_new_zipfile_serialization=False)
    file.seek(0)
    theirs = torch.load(file, weights_only=weights_only)
    same(ours, theirs)
    file.seek(0)
    same(dg.load(file, weights_only=weights_only), theirs)


def test_what_the_old_format_cannot_hold_is_refused_alike() -> None:
    for lib in (dg, torch):
        x = lib.arange(4, dtype=lib.int32)
        with pytest.raises(RuntimeError, match="Cannot save multiple tensors or storages that view the same data"):
            lib.save([x, x.view(lib.float32)], io.BytesIO(), _use_new_zipfile_serialization=False)
        with lib.serialization.skip_data(), pytest.raises(RuntimeError, match="Cannot use skip_data=True with"):
            lib.save(x, io.BytesIO(), _use_new_zipfile_serialization=False)
        file = io.BytesIO()
        lib.save(x, file, _use_new_zipfile_serialization=False)
        file.seek(0)
        with pytest.raises((RuntimeError, ValueError), match=r"mmap"):
            lib.load(file, mmap=True)


def test_constants_and_settings_are_pytorchs() -> None:
    ours, theirs = dg.serialization, torch.serialization
    for name in ("MAGIC_NUMBER", "PROTOCOL_VERSION", "DEFAULT_PROTOCOL"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.get_default_mmap_options() == theirs.get_default_mmap_options()
    assert ours.get_crc32_options() is theirs.get_crc32_options()
    assert ours.get_default_load_endianness() is theirs.get_default_load_endianness()
    assert [each.name for each in ours.LoadEndianness] == [each.name for each in theirs.LoadEndianness]
    for lib in (dg, torch):
        storage = lib.ones(2).untyped_storage()
        assert lib.serialization.location_tag(storage) == "cpu"
        assert lib.serialization.default_restore_location(storage, "cpu") is storage
        with pytest.raises(
            RuntimeError, match=r"don't know how to restore data location of torch.storage.UntypedStorage"
        ):
            lib.serialization.default_restore_location(storage, "foo")
        with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
            lib.serialization.default_restore_location(storage, "cuda:0")
        with pytest.raises(ValueError, match=r"expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, but got 99"):
            lib.serialization.set_default_mmap_options(99)


def test_the_same_files_are_refused() -> None:
    class Mine:
        pass

    Mine.__qualname__ = "Mine"
    globals()["Mine"] = Mine
    file = io.BytesIO()
    torch.save({"x": Mine()}, file)
    for lib in (dg, torch):
        file.seek(0)
        with pytest.raises(Exception, match=r"Weights only load failed") as refusal:
            lib.load(file)
        assert type(refusal.value).__name__ == "UnpicklingError"
    ours = dg.serialization.get_unsafe_globals_in_checkpoint(file)
    file.seek(0)
    assert ours == torch.serialization.get_unsafe_globals_in_checkpoint(file)
    del globals()["Mine"]


def test_whole_modules_are_found_under_both_names(tmp_path: Path) -> None:
    path = tmp_path / "module.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(torch.nn.Identity, path)
        assert dg.load(path, weights_only=False) is dg.nn.Identity
        dg.save(dg.nn.Linear, path)
        assert torch.load(path, weights_only=False) is torch.nn.Linear
