"""Apple's Metal backend, which is not built."""


def is_available() -> bool:
    """False: this build has no Metal."""
    return False


def is_built() -> bool:
    """False: this build has no Metal."""
    return False
