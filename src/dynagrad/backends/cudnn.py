"""cuDNN's switches. Scripts set them before they know whether there is a GPU; without one they change nothing."""

enabled = False
benchmark = False
deterministic = False


def is_available() -> bool:
    """False: this build has no cuDNN."""
    return False


def version() -> None:
    """None: there is no cuDNN."""
