"""``python -m benchmarks.page``: how long a recording takes to lay out, and its page to open and to step.

The page of 20 000 operations should be under 25 MB, show its first picture within 3 s and step within 50 ms in a
headless Chromium on two cores; an LSTM unrolled 50 times should be laid out within a second. Each figure is printed
beside its limit, and the exit status says whether all hold. Times are medians of what a clock shows; beside them stands
the processor time of the page's main thread, which other programs on the machine hardly change.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dynagrad as torch
from dynagrad.viz import record
from dynagrad.viz.layout import lay_out
from dynagrad.viz.page import page_of

OPERATIONS = 20_000
STEPS = 200
REPEATS = 3
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
# Each step's time runs until the frame after it has been painted.
STEPPING = """async (count) => {
    const times = [];
    for (let i = 0; i < count; i++) {
        const began = performance.now();
        dynagradPage.goToStep(dynagradPage.step + 1);
        await new Promise((done) => requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.onmessage = done;
            channel.port2.postMessage(0);
        }));
        times.push(performance.now() - began);
    }
    return times;
}"""
OPEN_ALL = "dynagradPage.unfold(); dynagradPage.unfold()"


def lstm(turns: int) -> Any:
    """An LSTM written out, unrolled ``turns`` times, recorded."""
    with record(title="lstm.py", limit=10**7) as recording:
        weights = {
            gate: (torch.randn(8, 4, requires_grad=True), torch.randn(8, 8, requires_grad=True)) for gate in "ifgo"
        }
        h, c = torch.zeros(8, 1), torch.zeros(8, 1)
        for _ in range(turns):
            x = torch.randn(4, 1)
            i, f, g, o = (w.mm(x) + u.mm(h) for w, u in weights.values())
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        h.sum().backward()
    return recording


def training(operations: int) -> Any:
    """A training loop of at least ``operations`` operations, recorded."""
    with record(title="training.py", limit=10**7) as recording:
        x, y = torch.randn(80, 1), torch.randn(80, 1)
        b, w = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
        for _ in range(operations // 9):
            loss = ((y - (b + w * x)) ** 2).mean()
            loss.backward()
            with torch.no_grad():
                b -= 0.1 * b.grad
                w -= 0.1 * w.grad
    return recording


def seconds(function: Any, *args: Any) -> tuple[float, Any]:
    """The median time of a call, and its last result."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        result = function(*args)
        times.append(time.perf_counter() - began)
    return statistics.median(times), result


def opened(browser: Any, address: str) -> dict[str, float]:
    """Opens a page and steps through it, closed as it comes and with its groups opened; times in seconds."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def work() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(one["value"] for one in metrics if one["name"] == "TaskDuration")

    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    times = {"first": time.perf_counter() - began, "first work": work()}
    page.wait_for_selector("html[data-complete]")
    for name in ("closed", "open"):
        before = work()
        times[name] = statistics.median(page.evaluate(STEPPING, STEPS)) / 1e3
        times[f"{name} work"] = (work() - before) / STEPS
        page.evaluate(OPEN_ALL)
        page.evaluate("dynagradPage.goToStep(2000)")
    page.close()
    return times


def in_chromium(path: Path) -> dict[str, float] | None:
    """Medians of what ``opened`` measures, or None where there is no Chromium or no Playwright."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if program is None:
        return None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=list(FLAGS))
        runs = [opened(browser, path.as_uri()) for _ in range(REPEATS)]
        browser.close()
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def row(what: str, figure: float, limit: float, unit: str, work: float | None = None) -> bool:
    """Prints one line of the table; whether the figure is within its limit."""
    of_it = "" if work is None else f", {work:.3g} {unit} of work in its main thread"
    print(f"{what:<58} {figure:>9.3g} {unit:<3} (limit {limit:g} {unit}){of_it}")
    return figure <= limit


def main() -> int:
    """Measures and prints everything."""
    took, _ = seconds(lay_out, lstm(50).data)
    good = [row("layout of an LSTM unrolled 50 times", took, 1, "s")]
    recording = training(OPERATIONS).data
    count = sum(step["kind"] == "op" for step in recording["steps"])
    began = time.perf_counter()
    page = page_of(recording)
    print(f"{f'writing the page of {count} operations':<58} {time.perf_counter() - began:>9.3g} s")
    good.append(row(f"size of the page of {count} operations", len(page.encode()) / 1e6, 25, "MB"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(page, encoding="utf-8")
        browser = in_chromium(path)
    if browser is None:
        print("no Chromium or no Playwright: the page was not opened")
    else:
        good.append(row("its first picture in headless Chromium", browser["first"], 3, "s", browser["first work"]))
        for name in ("closed", "open"):
            work = browser[f"{name} work"] * 1e3
            good.append(row(f"a step, groups {name}", browser[name] * 1e3, 50, "ms", work))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
