"""Entries a second when 100, 1,000 and 10,000 are there already: flat, or a long day gets slower and slower."""

import time

from bench.common import add_entries, desk, folder, interleaved, median, ratio, rehearsal, table

ALREADY = (100, 1_000, 10_000)
MORE = 500
ROUNDS = 7


def measure() -> str:
    """A Markdown part: entries a second at each size, and the ratio of the largest to the smallest."""
    found = interleaved({str(already): (lambda already=already: _rate(already)) for already in ALREADY}, ROUNDS)
    smallest = found[str(ALREADY[0])]
    rows = [[already, median(found[str(already)]), f"{ratio(found[str(already)], smallest):.2f}"] for already in ALREADY]
    return (f"{MORE} more entries from 100 phones at once, each with its photo already stored: rules, log, state, frames.\n\n"
            + table(["entries there", "entries a second", f"beside {ALREADY[0]}"], rows))


def _rate(already: int) -> float:
    with folder("entries") as under, desk(under) as opened:
        rehearsal(opened, 0)
        add_entries(opened, already)
        began = time.monotonic()
        add_entries(opened, MORE)
        return MORE / (time.monotonic() - began)
