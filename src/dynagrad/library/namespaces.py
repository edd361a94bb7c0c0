"""``torch.ops``: custom operators by namespace and name. The library's own ops are public under `dynagrad` itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynagrad.library.custom import CustomOpDef

OPERATORS: dict[str, dict[str, CustomOpDef]] = {}


class OpOverload:
    """One form of an operator: custom ones have one, named ``default``."""

    def __init__(self, definition: CustomOpDef) -> None:
        self._definition = definition

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the operator gives."""
        return self._definition(*args, **kwargs)

    @property
    def _schema(self) -> str:
        return self._definition.full_schema

    def name(self) -> str:
        """Its name, ``namespace::name``."""
        return self._definition.qualname

    def __str__(self) -> str:
        return f"{self._definition.qualname.replace('::', '.')}.default"

    def __repr__(self) -> str:
        return f"<OpOverload(op='{self._definition.qualname.replace('::', '.')}', overload='default')>"


class OpOverloadPacket:
    """An operator."""

    def __init__(self, definition: CustomOpDef) -> None:
        self.default = OpOverload(definition)
        self.__name__ = definition.qualname.rpartition(":")[2]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What its form gives."""
        return self.default(*args, **kwargs)

    def overloads(self) -> list[str]:
        """The names of its forms."""
        return ["default"]

    def __str__(self) -> str:
        return str(self.default).removesuffix(".default")


class _OpNamespace:
    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> OpOverloadPacket:
        found = OPERATORS.get(self.name, {}).get(name)
        if found is None:
            raise AttributeError(f"'_OpNamespace' '{self.name}' object has no attribute '{name}'")
        return found.packet


class _Ops:
    """Namespaces, each of which may still be empty."""

    def __getattr__(self, name: str) -> _OpNamespace:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _OpNamespace(name)
        setattr(self, name, made)
        return made


ops = _Ops()
