"""``torch.torch_version``: a version that is a string, and is compared as a version."""

from __future__ import annotations

import re
from typing import Any

import dynagrad

__all__ = ["TorchVersion"]

_VERSION = re.compile(
    r"v?(?P<release>\d+(?:\.\d+)*)(?:[-_.]?(?P<pre>a|b|c|rc|alpha|beta|pre|preview)[-_.]?(?P<pre_number>\d*))?"
    r"(?:[-_.]?(?:post|rev|r)[-_.]?(?P<post>\d*))?(?:[-_.]?dev[-_.]?(?P<dev>\d*))?(?:\+(?P<local>[a-z0-9.]+))?",
    re.IGNORECASE,
)
_PRE = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}


def _key(text: str) -> tuple[Any, ...] | None:
    """What orders versions (PEP 440): release, then dev, pre-release, final, post; then the local part."""
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        return None
    release = [int(each) for each in found["release"].split(".")]
    while len(release) > 1 and release[-1] == 0:
        release.pop()
    pre = (_PRE[found["pre"].lower()], int(found["pre_number"] or 0)) if found["pre"] else None
    post = None if found["post"] is None else int(found["post"] or 0)
    dev = None if found["dev"] is None else int(found["dev"] or 0)
    if pre is None:
        pre = (-1, 0) if dev is not None and post is None else (9, 0)
    local = tuple(
        (0, part.lower(), 0) if not part.isdigit() else (1, "", int(part))
        for part in (found["local"] or "").split(".")
        if part
    )
    return tuple(release), pre, -1 if post is None else post, (1, 0) if dev is None else (0, dev), local


class TorchVersion(str):
    """A version as a string that other versions, strings and tuples are compared with as versions.

    >>> from dynagrad.torch_version import TorchVersion
    >>> TorchVersion("2.13.0+cpu") > "2.9", TorchVersion("2.13.0") >= (2, 1), TorchVersion("2.13.0rc1") < "2.13"
    (True, True, True)
    """

    __slots__ = ()

    def _compare(self, other: Any, by: str) -> Any:
        text = ".".join(map(str, other)) if isinstance(other, (tuple, list)) else str(other)
        mine, theirs = _key(str(self)), _key(text)
        if mine is None or theirs is None:  # a tag that is no version: as strings
            return getattr(str, by)(self, text)
        return getattr(tuple, by)(mine, theirs)

    def __lt__(self, other: Any) -> bool:
        return bool(self._compare(other, "__lt__"))

    def __le__(self, other: Any) -> bool:
        return bool(self._compare(other, "__le__"))

    def __gt__(self, other: Any) -> bool:
        return bool(self._compare(other, "__gt__"))

    def __ge__(self, other: Any) -> bool:
        return bool(self._compare(other, "__ge__"))

    def __eq__(self, other: object) -> bool:
        return bool(self._compare(other, "__eq__"))

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return str.__str__(self)


def __getattr__(name: str) -> TorchVersion:
    """``__version__``, which `dynagrad run` sets."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return TorchVersion(dynagrad.__version__)
