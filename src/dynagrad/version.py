"""Versions, as scripts ask for them."""

__version__ = "0.1.0"
cuda: str | None = None
hip: str | None = None
git_version: str | None = None
debug = False
