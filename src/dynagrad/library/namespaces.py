"""Custom operators by namespace and name, as `ops` finds them: each is a packet of forms, of which there is one."""

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
