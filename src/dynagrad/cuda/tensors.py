"""The old classes of tensors on a GPU, such as ``torch.cuda.FloatTensor``: no tensor is one, and none can be made."""

from __future__ import annotations

from typing import Any, NoReturn

import dynagrad


class _CudaTensor(type):
    """The class of these classes."""

    def __call__(cls, *data: Any, **options: Any) -> NoReturn:  # noqa: ARG002
        raise TypeError(
            f"type torch.cuda.{cls.__name__} not available. Torch not compiled with CUDA enabled. dynagrad computes on the CPU"
        )

    def __instancecheck__(cls, value: object) -> bool:
        return False


def _made(name: str) -> _CudaTensor:
    of = getattr(dynagrad, name)
    return _CudaTensor(
        name, (), {"dtype": of.dtype, "is_cuda": True, "__doc__": f"A GPU's {name}, of which there is none."}
    )


CLASSES = {
    name: _made(name)
    for name in (
        "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor",
        "LongTensor", "ShortTensor",
    )
}  # fmt: skip
