"""A page that is open in a real headless Chromium, and what the tests ask of it."""

from __future__ import annotations

import shutil
import time
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Tab:
    """A page that has been opened, with everything that it said, asked for or tried to fetch."""

    def __init__(self, browser: Any, address: str, size: tuple[int, int] = (1280, 800)) -> None:
        self.page = browser.new_page()
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.said: list[str] = []
        self.fetched: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.fetched.append(request.url))
        self.address = address
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready]")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def step(self) -> int:
        return self.page.evaluate("dynagradPage.step")

    def go(self, step: int) -> None:
        self.page.evaluate("step => dynagradPage.goToStep(step)", step)

    def until(self, condition: str) -> None:
        # Playwright's own way to wait compiles text in the page, which the page's policy forbids.
        deadline = time.monotonic() + 10
        while not self.page.evaluate(condition):
            assert time.monotonic() < deadline, condition
            self.page.wait_for_timeout(20)

    def shown(self, selector: str) -> int:
        return self.page.evaluate(
            "selector => [...document.querySelectorAll(selector)].filter(node =>"
            " getComputedStyle(node).visibility !== 'hidden' && getComputedStyle(node).display !== 'none').length",
            selector,
        )

    def names(self) -> list[str]:
        return self.page.evaluate(
            "[...document.querySelectorAll('#drawing .unit:not(.future) .tensor:not(.tag) .name')]"
            ".map(node => node.textContent)"
        )


def overlaps(tab: Tab) -> list[Any]:
    """Pairs of units and closed groups that overlap; and open groups that do not hold what is theirs."""
    return tab.page.evaluate("""() => {
        const { geometry } = dynagradPage, found = [];
        for (const [g, group] of geometry.groups.entries()) {
            if (geometry.closedAround(g) !== null) continue;
            const boxes = [
                ...group.units.map((u) => geometry.unitBox(u)), ...group.groups.map((c) => geometry.groupBox(c))];
            const own = geometry.groupBox(g);
            boxes.forEach((a, i) => {
                if (a.x < own.x - .1 || a.y < own.y - .1 || a.x + a.width > own.x + own.width + .1
                    || a.y + a.height > own.y + own.height + .1) found.push(["out", g, i]);
                boxes.slice(i + 1).forEach((b, j) => {
                    if (a.x < b.x + b.width - .2 && b.x < a.x + a.width - .2 && a.y < b.y + b.height - .2
                        && b.y < a.y + a.height - .2) found.push([g, i, i + 1 + j]);
                });
            });
        }
        return found;
    }""")
