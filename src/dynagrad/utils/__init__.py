"""What programs use around a model: data loading, checkpointing, logs, measurements."""

from typing import Any as _Any

_MODULES = """
    _pytree benchmark checkpoint collect_env cpp_extension data deterministic dlpack hooks model_zoo
    safetensors tensorboard
""".split()  # noqa: SIM905 - a list of names
_NAMES = {"swap_tensors": "swap"}


def __getattr__(name: str) -> _Any:
    """The parts are imported when first asked for."""
    if name in _MODULES or name in _NAMES:
        from importlib import import_module

        module = import_module(f"{__name__}.{_NAMES.get(name, name)}")
        return module if name in _MODULES else getattr(module, name)
    raise AttributeError(f"module 'dynagrad.utils' has no attribute {name!r}")
