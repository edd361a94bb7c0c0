"""Apple's Metal backend, which is not built."""


def is_available() -> bool:
    """False: this build has no Metal."""
    return False


def is_built() -> bool:
    """False: this build has no Metal."""
    return False


def is_macos13_or_newer(minor: int = 0) -> bool:  # noqa: ARG001
    """False: this build has no Metal."""
    return False


is_macos_or_newer = is_macos13_or_newer
