"""The page: one HTML file with a recording, its layout and everything that shows them. ``page_of`` writes it."""

from __future__ import annotations

from .page import page_of

__all__ = ["page_of"]
