"""Layered drawing of directed graphs: ranks, an order within each rank, coordinates. Iterative and deterministic.

Knows items with a size and links with ports, and nothing of tensors, text or colours. Links run downwards.
"""

from __future__ import annotations

from .arrange import Arrangement, Item, Link, arrange

__all__ = ["Arrangement", "Item", "Link", "arrange"]
