"""Photographs the page that plays lab 2B's cell, for the README: needs Playwright and a Chromium."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
PROGRAM = HERE / "cell.py"
SIZE = {"width": 1200, "height": 700}
SELECTED = "[aria-label*='TanhBackward0'] .tensor .shape"


def main() -> None:
    """Writes ``page.png``: backward half way, with a tensor in the inspector."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        page_file = Path(folder) / "page.html"
        subprocess.run([sys.executable, "-m", "dynagrad", "run", PROGRAM, "--record", page_file], check=True)  # noqa: S603
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE)
        page.goto(page_file.as_uri())
        page.wait_for_selector("html[data-complete]")
        page.evaluate("dynagradPage.goToStep(dynagradPage.story.steps.findLastIndex(step => step.kind === 'node') - 2)")
        page.click(SELECTED)
        page.evaluate("dynagradPage.graph.fit()")
        page.screenshot(path=HERE / "page.png")
        browser.close()


if __name__ == "__main__":
    main()
