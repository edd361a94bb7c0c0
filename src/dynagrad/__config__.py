"""``torch.__config__``: how this build was made, and what it computes with."""

from dynagrad._core.machine import get_num_threads, instruction_set

__all__ = ["parallel_info", "show"]


def show() -> str:
    """The build as text.

    >>> import dynagrad as torch
    >>> print(torch.__config__.show())  # doctest: +ELLIPSIS
    dynagrad built with:
      - CPU capability usage: ...
    """
    return (
        "dynagrad built with:\n"
        f"  - CPU capability usage: {str(instruction_set()).upper()}\n"
        "  - BLAS and LAPACK: OpenBLAS\n"
        "  - Build settings: USE_CUDA=0, USE_MKL=0, USE_MKLDNN=0, USE_OPENMP=0, USE_DISTRIBUTED=0\n"
    )


def parallel_info() -> str:
    """The threads as text.

    >>> import dynagrad as torch
    >>> print(torch.__config__.parallel_info())  # doctest: +ELLIPSIS
    dynagrad's thread pool:
      get_num_threads() : ...
    """
    return (
        "dynagrad's thread pool:\n"
        f"  get_num_threads() : {get_num_threads()}\n"
        "  get_num_interop_threads() : 1\n"
        "OpenMP not found\nMKL not found\nMKLDNN not found\n"
    )
