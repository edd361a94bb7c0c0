"""What the examples share: their options, the curve that each draws, and its numbers beside it."""

import argparse
import json
from pathlib import Path


def options(description, **more):
    """--quick runs in a few seconds; --out names the folder for the picture and the numbers."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run, as in the tests")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out")
    for name, choices in more.items():
        parser.add_argument(f"--{name}", choices=choices, default=choices[0])
    return parser.parse_args()


def draw(out, name, curves, ylabel="loss", log=True):
    """Draws {label: numbers} to NAME.png, if matplotlib is there, and writes the numbers to NAME.json."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(curves))
    try:
        import matplotlib
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    for label, numbers in curves.items():
        axes.plot(range(1, len(numbers) + 1), numbers, label=label)
    axes.set(xlabel="step", ylabel=ylabel, yscale="log" if log else "linear", title=name.replace("_", " "))
    axes.legend()
    figure.tight_layout()
    figure.savefig(out / f"{name}.png", dpi=100)
    pyplot.close(figure)
    print(f"picture: {out / name}.png")
