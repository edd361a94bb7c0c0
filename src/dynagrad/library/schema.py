"""Signatures of operators in PyTorch's notation, such as ``(Tensor x, SymInt n=2) -> Tensor``, from annotations."""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

import dynagrad
from dynagrad.tensor import Tensor

_PLAIN: dict[Any, str] = {
    Tensor: "Tensor", int: "SymInt", float: "float", bool: "bool", str: "str", complex: "Scalar",
    dynagrad.dtype: "ScalarType", dynagrad.device: "Device",
}  # fmt: skip
_SEQUENCES = (list, collections.abc.Sequence)


def infer_schema(
    prototype_function: Callable[..., Any], /, *, mutates_args: str | Iterable[str], op_name: str | None = None
) -> str:
    """The signature of a function, all of whose parameters and whose result are annotated.

    Args:
        prototype_function: the function. ValueError names a parameter without an annotation that operators can have.
        mutates_args: the names of the tensors that it writes to, or "unknown".
        op_name: what to put in front.

    >>> import dynagrad as torch
    >>> def scaled(x: torch.Tensor, by: float = 2.0) -> torch.Tensor: ...
    >>> torch.library.infer_schema(scaled, mutates_args=())
    '(Tensor x, float by=2.0) -> Tensor'
    """
    signature = inspect.signature(prototype_function)
    hints = typing.get_type_hints(prototype_function)
    parts, starred = [], False
    changed = mutates_args if isinstance(mutates_args, str) else set(mutates_args)
    for i, parameter in enumerate(signature.parameters.values()):
        name = parameter.name
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ValueError(
                f"infer_schema(func): We do not support positional-only args, varargs, or varkwargs. Got func with "
                f"signature {signature})"
            )
        if name not in hints:
            raise ValueError(
                f"infer_schema(func): Parameter {name} must have a type annotation. Got func with signature {signature})"
            )
        kind = _type_of(hints[name])
        if kind is None:
            raise ValueError(
                f"infer_schema(func): Parameter {name} has unsupported type {hints[name]}. Got func with signature {signature})"
            )
        if kind.startswith("Tensor") and (changed == "unknown" or name in changed):
            kind = f"Tensor(a{i}!){kind.removeprefix('Tensor')}"
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        parts.append(f"{kind} {name}{_default(parameter)}")
    if not isinstance(changed, str) and not changed <= set(signature.parameters):
        raise ValueError(
            f"infer_schema(func): {sorted(changed - set(signature.parameters))} in mutates_args were not found in the custom op's "
            "signature"
        )
    return f"{op_name or ''}({', '.join(parts)}) -> {_result(hints.get('return', inspect.Signature.empty), signature)}"


def _type_of(hint: Any) -> str | None:
    """What a type is called in a schema; None for one that operators cannot have."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        rest = [each for each in arguments if each is not type(None)]
        if len(rest) == 1 and len(arguments) == 2:
            inner = _type_of(rest[0])
            return None if inner is None else inner + "?"
        return "Scalar" if set(rest) <= {int, float, bool} else None
    if origin in _SEQUENCES and len(arguments) == 1:
        inner = _type_of(arguments[0])
        return None if inner is None else inner + "[]"
    return None


def _default(parameter: inspect.Parameter) -> str:
    given = parameter.default
    if given is parameter.empty:
        return ""
    return f'="{given}"' if isinstance(given, str) else f"={given}"


def _result(hint: Any, signature: inspect.Signature) -> str:
    if hint is inspect.Signature.empty:
        raise ValueError(
            f"infer_schema(func): No return type annotation was provided. Please add one. Got func with signature {signature})"
        )
    if hint in (None, type(None)):
        return "()"
    each = typing.get_args(hint) if typing.get_origin(hint) is tuple else (hint,)
    kinds = [_type_of(one) for one in each]
    if None in kinds:
        raise ValueError(
            f"infer_schema(func): Return has unsupported type {hint}. Got func with signature {signature})"
        )
    return str(kinds[0]) if typing.get_origin(hint) is not tuple else f"({', '.join(map(str, kinds))})"
