"""`make rehearse`: twelve categories, 150 entries and five judges from the first entry to Best of Show; ends with 1 where anything came out otherwise than planned."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.conftest import BUILD, CHROMIUM_ARGUMENTS, chromium_path
from tests.rehearsal.day import Day, report
from tests.rehearsal.plan import FULL, SMALL
from tests.server import Server


def main(words: list[str]) -> int:
    """words   ["--small"] for the size that is in `make test`"""
    size = SMALL if "--small" in words else FULL
    print(f"{size.categories} categories, {size.entries} entries, {size.judges} judges of whom one is without wifi for {size.offline} entries and a reload.")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
        server = Server(Path(folder) / "data").start()
        try:
            day = Day(server, size, browser, BUILD / "rehearsal")
            day.run()
        except AssertionError as wrong:
            print(f"Not as planned: {wrong}", file=sys.stderr)
            return 1
        finally:
            browser.close()
            server.end()
    print("\n".join(report(day)))
    print(f"The pages that say how each category was decided are in {BUILD / 'rehearsal'}, to be read by eye.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
