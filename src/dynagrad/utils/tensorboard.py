"""SummaryWriter: logs for TensorBoard, through tensorboardX (the extra ``tensorboard``)."""

from __future__ import annotations

from typing import Any

from dynagrad.tensor import Tensor

try:
    from tensorboardX import SummaryWriter as _SummaryWriter
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        "logs for TensorBoard need tensorboardX: pip install 'dynagrad[tensorboard]'", name="tensorboardX"
    ) from _error

__all__ = ["SummaryWriter"]


def _plain(value: Any) -> Any:
    """``value`` with every tensor in it as a NumPy array."""
    if isinstance(value, Tensor):
        value = value.detach()
        return (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(each) for each in value)
    return value


class SummaryWriter(_SummaryWriter):
    """tensorboardX's writer, which takes our tensors wherever it takes arrays.

    Args:
        log_dir and the rest: as tensorboardX's. The folder is ``runs/`` with date and host if none is given.
    """

    def add_scalar(self, tag: str, scalar_value: Any, *args: Any, **kwargs: Any) -> None:
        """Logs a number."""
        super().add_scalar(tag, _number(scalar_value), *args, **kwargs)

    def add_scalars(self, main_tag: str, tag_scalar_dict: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        """Logs several numbers in one picture."""
        numbers = {tag: _number(value) for tag, value in tag_scalar_dict.items()}
        super().add_scalars(main_tag, numbers, *args, **kwargs)

    def add_hparams(self, hparam_dict: Any, metric_dict: Any, *args: Any, **kwargs: Any) -> None:
        """Logs hyperparameters, and what came of them."""
        metrics = {name: _number(value) for name, value in metric_dict.items()}
        super().add_hparams({k: _number(v) for k, v in hparam_dict.items()}, metrics, *args, **kwargs)

    def add_graph(self, *_: Any, **__: Any) -> None:
        """Refused: TensorBoard's graph needs a traced program. ``dynagrad.viz.make_dot`` draws the recorded graph."""
        raise NotImplementedError(
            "add_graph needs a traced program, which a dynamic graph has not; draw it with torchviz's make_dot"
        )


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value


def _taking_tensors(name: str) -> Any:
    inherited = getattr(_SummaryWriter, name)

    def method(self: SummaryWriter, *args: Any, **kwargs: Any) -> Any:
        return inherited(self, *_plain(args), **_plain(kwargs))

    method.__name__ = name
    method.__doc__ = inherited.__doc__
    return method


for _name in (
    "add_histogram", "add_image", "add_images", "add_image_with_boxes", "add_video", "add_audio", "add_embedding",
    "add_pr_curve", "add_mesh",
):  # fmt: skip
    if hasattr(_SummaryWriter, _name):
        setattr(SummaryWriter, _name, _taking_tensors(_name))
