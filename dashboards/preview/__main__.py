"""`make dashboards-preview`: draw every dashboard in both languages to build/dashboards/*.png.

Exits with status 1 and names the panels if any of them is empty.
"""

import json
import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from playwright.sync_api import sync_playwright

from dashboards.generate import DASHBOARDS, FOLDER
from dashboards.preview.page import WIDTH, page
from dashboards.preview.queries import Answer, Json, TimeRange, answers, is_empty, time_range
from dashboards.preview.stack import Stack, running_stack
from dashboards.text import Language
from liuyan.errors import LiuyanError
from liuyan.log import configure_logging
from local_stack.chromium import get_chromium

PICTURES = FOLDER.parent / "build" / "dashboards"
SCREEN = 1000


def main() -> int:
    """Draw all dashboards; return the exit status."""
    configure_logging(level="error")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="liuyan-preview-") as folder,
            running_stack(Path(folder), _say) as stack,
        ):
            empty = draw_all(stack)
    except LiuyanError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status
    for where in empty:
        sys.stderr.write(f"Empty: {where}\n")
    _say(f"The pictures are in {PICTURES}.")
    return 1 if empty else 0


def draw_all(stack: Stack) -> list[str]:
    """Draw every dashboard in both languages; return the panels that are empty and should not be."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    plotly = find_spec("plotly")
    if plotly is None or plotly.origin is None:
        raise LiuyanError("The preview needs the package plotly. Install it with `make install`.")
    shutil.copy(Path(plotly.origin).parent / "package_data" / "plotly.min.js", PICTURES)
    empty, pages = [], []
    for specification in DASHBOARDS:
        for language in Language:
            dashboard = json.loads((FOLDER / language / f"{specification.name}.json").read_text())
            shown = time_range(dashboard, time.time())
            found = _answers(stack, dashboard, shown)
            empty += [f"{dashboard['title']}: {title}" for title in _empty(dashboard, found)]
            path = PICTURES / f"{specification.name}-{language}.html"
            path.write_text(page(dashboard, found, shown, language))
            pages.append(path)
    _photograph(pages)
    return empty


def _answers(stack: Stack, dashboard: Json, shown: TimeRange) -> dict[int, list[Answer]]:
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    return {panel["id"]: answers(stack, dashboard, panel, shown) for panel in panels}


def _empty(dashboard: Json, found: dict[int, list[Answer]]) -> list[str]:
    """Return the titles of panels without any data, except those for which that is good news."""
    panels = [panel for panel in dashboard["panels"] if panel["id"] in found]
    return [
        panel["title"]
        for panel in panels
        if all(map(is_empty, found[panel["id"]])) and "noValue" not in panel["fieldConfig"]["defaults"]
    ]


def _photograph(pages: list[Path]) -> None:
    """Take two pictures of each page: the first screen, and all of it (NAME-full.png)."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=get_chromium(), args=["--no-sandbox"])
        screen = browser.new_page(viewport={"width": WIDTH, "height": SCREEN})
        for path in pages:
            screen.goto(path.as_uri())
            screen.wait_for_selector("body[data-drawn]")
            screen.screenshot(path=path.with_suffix(".png"))
            screen.screenshot(path=path.with_name(f"{path.stem}-full.png"), full_page=True)
        browser.close()


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    sys.exit(main())
