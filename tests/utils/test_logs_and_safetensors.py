"""The extras: safetensors files and logs for TensorBoard."""

from __future__ import annotations

from pathlib import Path

import pytest

import dynagrad as dg


def test_tensors_go_through_safetensors(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors")
    from dynagrad.utils import safetensors

    value = {
        "a": dg.arange(6.0).reshape(2, 3), "b": dg.ones(2, dtype=dg.bfloat16), "c": dg.tensor(True),
        "d": dg.zeros(0, 3), "e": dg.tensor([1, -2]),
    }  # fmt: skip
    safetensors.save_file(value, tmp_path / "x.safetensors", {"by": "test"})
    found = safetensors.load_file(tmp_path / "x.safetensors")
    assert set(found) == set(value)
    for name, tensor in value.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
        assert dg.equal(found[name], tensor)
    with pytest.raises(RuntimeError, match="share memory"):
        safetensors.save({"a": value["a"], "b": value["a"][1]})
    with pytest.raises(ValueError, match="non contiguous"):
        safetensors.save({"a": value["a"].t()})
    data = (tmp_path / "x.safetensors").read_bytes()
    with pytest.raises(library.SafetensorError):
        safetensors.load(data[: len(data) // 2])


def test_modules_go_through_safetensors(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    from dynagrad.utils import safetensors

    model = dg.nn.Sequential(dg.nn.Linear(2, 2), dg.nn.Linear(2, 2))
    model[1].weight = model[0].weight
    safetensors.save_model(model, tmp_path / "x.safetensors")
    other = dg.nn.Sequential(dg.nn.Linear(2, 2), dg.nn.Linear(2, 2))
    assert safetensors.load_model(other, tmp_path / "x.safetensors") == ([], [])
    assert dg.equal(other[1].weight, model[0].weight)


@pytest.mark.parity
def test_safetensors_of_pytorch_are_the_same_files(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("safetensors.torch")
    from dynagrad.utils import safetensors

    theirs.save_file({"a": torch.arange(3.0), "b": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "t.safetensors")
    found = safetensors.load_file(tmp_path / "t.safetensors")
    assert found["a"].tolist() == [0, 1, 2]
    safetensors.save_file(found, tmp_path / "d.safetensors")
    assert torch.equal(theirs.load_file(tmp_path / "d.safetensors")["b"], torch.ones(2, dtype=torch.bfloat16))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_log_for_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    from dynagrad.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", dg.tensor(0.5), 1)
        writer.add_scalars("both", {"a": dg.tensor(1.0), "b": 2.0}, 1)
        writer.add_histogram("weights", dg.randn(100), 1)
        writer.add_image("picture", dg.rand(3, 8, 8), 1)
        with pytest.raises(NotImplementedError, match="make_dot"):
            writer.add_graph(None)
    (log,) = tmp_path.glob("events*")
    content = log.read_bytes()
    assert b"loss" in content
    assert b"weights" in content
    assert b"picture" in content
