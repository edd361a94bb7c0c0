"""The CUDA backend, which is not built."""


def is_built() -> bool:
    """False: this build has no CUDA."""
    return False
