"""What programs use around a model: data loading, checkpointing, logs."""


def __getattr__(name: str) -> object:
    """The parts are imported when first asked for."""
    if name in ("checkpoint", "data", "hooks", "safetensors", "tensorboard"):
        from importlib import import_module

        return import_module(f"dynagrad.utils.{name}")
    raise AttributeError(f"module 'dynagrad.utils' has no attribute {name!r}")
