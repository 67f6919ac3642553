"""A snapshot of a large contest while judges go on: what it does to the time of a commit."""

import gc
import time

import gevent

import contest
from bench.common import MARKS, asked, desk, folder, interleaved, median, percentile, ratio, table
from bench.history import History, opening

ENTRIES = 100_000
WRITERS = 10
ROUNDS = 9


def measure() -> str:
    """A Markdown part: milliseconds of a commit with and without a snapshot being written, and the ratio of the p99s."""
    with folder("snapshot") as under:
        history = History(under)
        history.write(opening(entries=ENTRIES, judges=1))
        history.close()
        with desk(under) as opened:
            opened.forget_past()   # what is written is the state of five minutes ago; here that is the state now
            gc.freeze()   # as `serve` does
            found, took = _rounds(opened)
        gc.unfreeze()
    quiet, busy = found["quiet"], found["snapshot"]
    rows = [[name, *(f"{median([percentile(turn, part) for turn in turns]) * 1000:.1f} ms" for part in (0.5, 0.9, 0.99)), f"{sum(map(len, turns)):,}"]
            for name, turns in (("nothing else", quiet), ("a snapshot is written", busy))]
    beside = ratio(*([percentile(turn, 0.99) for turn in turns] for turns in (busy, quiet)))
    return (f"{ENTRIES:,} entries; {WRITERS} phones give sheets one after the other, each waiting for its answer, in turns as long as a snapshot takes: "
            f"{median(took):.1f} s. Medians of {ROUNDS} turns each. **The p99 while a snapshot is written is {beside:.2f} times the p99 without**, the median of the "
            "rounds' ratios.\n\n" + table(["meanwhile", "p50", "p90", "p99", "commits"], rows))


def _rounds(opened) -> tuple[dict[str, list], list[float]]:
    """The latencies of each turn, and how long each snapshot took."""
    took: list[float] = []

    def write_snapshot() -> None:
        began = time.perf_counter()
        opened.snapshot()
        took.append(time.perf_counter() - began)

    found = interleaved({"snapshot": lambda: _latencies(opened, write_snapshot),
                         "quiet": lambda: _latencies(opened, lambda: gevent.sleep(took[-1]))}, ROUNDS)
    return found, took


def _latencies(opened, meanwhile) -> list[float]:
    """Seconds of each commit that began and ended while `meanwhile` ran."""
    judge, entries, over, found = min(opened.state.judges), sorted(opened.state.entries)[:WRITERS], False, []

    def tap(entry: int) -> None:
        number, sheet = 0, opened.state.sheets.get(entry, {}).get(judge)
        base = sheet and sheet.seq
        while not over:
            marks, began = MARKS | {"technique": 1 + number % 19 / 2}, time.perf_counter()
            base = opened.submit(asked(contest.GiveSheet, entry=entry, judge=judge, marks=marks, note="", base=base)).seq
            number += 1
            if not over:
                found.append(time.perf_counter() - began)

    phones = [gevent.spawn(tap, entry) for entry in entries]
    meanwhile()
    over = True
    gevent.joinall(phones, raise_error=True)
    return found
