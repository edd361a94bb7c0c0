"""Where the process can find an OpenBLAS whose integers are 64 bits wide.

NumPy's wheels carry one. It serves us too: it weighs more than the rest of dynagrad, and a process has no use for two.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

# (package, where its libraries lie as seen from the package's own folder)
_CARRIERS = (("numpy", "../numpy.libs"), ("numpy", ".dylibs"), ("scipy_openblas64", "lib"))


def copies() -> Iterator[Path]:
    """The libraries that are there, the first choice first; no package is imported.

    >>> all("openblas64_" in path.name for path in copies())
    True
    """
    for package, folder in _CARRIERS:
        spec = find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield from sorted(Path(place, folder).glob("lib*openblas64_*"))
