"""The colours of pictures and of the page, by theme: the one home that the stylesheet and the SVG renderer share."""

from __future__ import annotations

LIGHT = {
    "canvas": "#fcfbf9",
    "panel": "#ffffff",
    "raised": "#f5f3ef",
    "ink": "#20242c",
    "soft": "#5f6775",
    "faint": "#a5acb8",
    "line": "#dcdfe4",
    "edge": "#8d96a5",
    "data-fill": "#edf0f4",
    "data-line": "#76829a",
    "parameter-fill": "#dceafc",
    "parameter-line": "#2867b8",
    "intermediate-fill": "#eef7ef",
    "intermediate-line": "#44875a",
    "operation-fill": "#f3eefb",
    "operation-line": "#7454b3",
    "operation-ink": "#ffffff",
    "gradient-fill": "#ffeddc",
    "gradient-line": "#c05c0e",
    "group-fill": "#6b7a9010",
    "group-line": "#c3c9d3",
    "current": "#e8a800",
    "current-fill": "#fff3cc",
    "selected": "#0b6bcb",
    "error": "#b8232f",
    "error-fill": "#fde8e8",
    "accent": "#2867b8",
}

DARK = {
    "canvas": "#14171c",
    "panel": "#1b1f26",
    "raised": "#242932",
    "ink": "#e9ebef",
    "soft": "#a3abb9",
    "faint": "#6b7483",
    "line": "#343a45",
    "edge": "#7d8798",
    "data-fill": "#2a303a",
    "data-line": "#9aa6bb",
    "parameter-fill": "#17304f",
    "parameter-line": "#6fa8f0",
    "intermediate-fill": "#1b3324",
    "intermediate-line": "#74b98a",
    "operation-fill": "#2c2440",
    "operation-line": "#a98be0",
    "operation-ink": "#14171c",
    "gradient-fill": "#40290f",
    "gradient-line": "#f0964a",
    "group-fill": "#9fb0cc0d",
    "group-line": "#454d5b",
    "current": "#f2c230",
    "current-fill": "#443a14",
    "selected": "#63b0ff",
    "error": "#ff7b84",
    "error-fill": "#451d21",
    "accent": "#7db4f5",
}

THEMES = {"light": LIGHT, "dark": DARK}


def opaque(colour: str, under: str) -> str:
    """``#rrggbbaa`` laid over ``under``: not every reader of SVG knows colours with an alpha.

    Example:
        >>> from dynagrad.viz.palette import opaque
        >>> opaque("#00000080", "#ffffff")
        '#7f7f7f'
    """
    if len(colour) == 7:
        return colour
    share = int(colour[7:], 16) / 255
    pairs = ((int(colour[i : i + 2], 16), int(under[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(top * share + bottom * (1 - share)):02x}" for top, bottom in pairs)
