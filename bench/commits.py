"""Commits a second with 1 to 1,000 writers: our log beside a bare append, SQLite, TinyDB and a rewritten file, each synced before it answers.

All stores start with the same records and are driven by the same committer, so that only the store differs.
The desk has a committer of its own and does all the rest as well: rules, state, frames.
"""

import time

import gevent
import orjson
from gevent.event import AsyncResult, Event
from gevent.threadpool import ThreadPool

import contest
from bench.common import MARKS, TOP, asked, desk, folder, interleaved, median, ratio, rehearsal, table
from bench.picture import bars
from bench.stores import Append, OurLog, Rewrite, Sqlite, Tiny

WRITERS = (1, 10, 100, 1000)
ALREADY = 10_000
# Many short turns: what else the machine does then falls on all alike, and the median of the ratios leaves it out.
SECONDS = 0.3
ROUNDS = 21
# Those that write everything again for each batch need longer turns to have written at all, so they get fewer.
SLOW_SECONDS = 1.0
SLOW_ROUNDS = 5

NAMES = {"append": "append + fdatasync", "sqlite": "SQLite", "log": "the log", "tinydb": "TinyDB", "rewrite": "rewriting data.json"}
PICTURE = TOP / "docs" / "images" / "store.svg"


def record(number: int) -> dict:
    """The event of one sheet, about 300 bytes as JSON: what a judging contest writes most."""
    return {
        "at": 1790000000000 + number, "type": "GiveSheet", "by": "judge:marta-7f3a", "id": f"{number:022d}", "body": f"{number:016x}",
        "events": [{"type": "SheetGiven", "entry": 100 + number % 400, "judge": "marta-7f3a", "late": False, "marks": {
            "technique": 8.5, "composition": 7.5, "placement": 9.0, "style": 6.5, "creativity": 8.0}}],
    }


def measure() -> str:
    """A Markdown part: commits a second of each, how many times the others' the log's are, and the picture of it."""
    found = {writers: _turns(writers) for writers in WRITERS}
    bars(PICTURE, "Commits a second", f"Each on disk before it is answered; {ALREADY:,} records there already. Each group has its own scale.",
         {f"{writers:,} writer{'s' * (writers > 1)}": {NAMES[name]: median(found[writers][name]) for name in NAMES} for writers in WRITERS}, NAMES["log"])
    figures = [[writers, *(median(found[writers][name]) for name in (*NAMES, "desk"))] for writers in WRITERS]
    beside = [name for name in NAMES if name != "log"]
    ratios = [[writers, *(_times(ratio(found[writers]["log"], found[writers][name])) for name in beside)] for writers in WRITERS]
    return (f"![Commits a second of five stores with 1, 10, 100 and 1,000 writers; the figures stand in the table below](images/{PICTURE.name})\n\n"
            f"Records of {len(orjson.dumps(record(0)))} bytes as JSON, {ALREADY:,} there already. All that wait share one batch, whatever the store: SQLite "
            "(WAL, synchronous=FULL) makes one transaction of it, TinyDB and the rewriting of data.json (orjson, fsync, rename, fsync of the folder) write "
            "everything once. TinyDB overwrites its only copy in place: a crash in the middle loses all. `the log` is the log alone; `the desk` is the whole way of "
            "a judge's sheet: rules, log, state, frames.\n\n"
            + table(["writers", *NAMES.values(), "the desk"], figures)
            + f"\n\nHow many times the others' commits the log makes: medians of the ratios of {ROUNDS} rounds in turn, of {SLOW_ROUNDS} for the last two.\n\n"
            + table(["writers", *(f"log : {NAMES[name]}" for name in beside)], ratios))


def _times(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _turns(writers: int) -> dict[str, list[float]]:
    """Commits a second of every turn; the slow ones took part in the first rounds."""
    fast = {"append": lambda: _store(Append, writers), "sqlite": lambda: _store(Sqlite, writers),
            "log": lambda: _store(OurLog, writers), "desk": lambda: _desk(writers)}
    slow = {"tinydb": lambda: _store(Tiny, writers, SLOW_SECONDS), "rewrite": lambda: _store(Rewrite, writers, SLOW_SECONDS)}
    found, rest = interleaved(fast | slow, SLOW_ROUNDS), interleaved(fast, ROUNDS - SLOW_ROUNDS)
    return {name: found[name] + rest.get(name, []) for name in found}


def _store(kind, writers: int, seconds: float = SECONDS) -> float:
    with folder("commits") as under:
        store = kind(under)
        try:
            store.commit([record(number) for number in range(ALREADY)])
            return rate(store, writers, seconds)
        finally:
            store.close()


def _desk(writers: int, seconds: float = SECONDS) -> float:
    """Sheets a second that the desk commits when `writers` judges' phones each give one and wait for the answer."""
    with folder("desk") as under, desk(under) as opened:
        (judge,), entries = rehearsal(opened, writers)
        until, counted = time.monotonic() + seconds, 0

        def tap(entry: int) -> None:
            nonlocal counted
            base = None
            while time.monotonic() < until:
                marks = MARKS | {"technique": 1 + counted % 19 / 2}
                base = opened.submit(asked(contest.GiveSheet, entry=entry, judge=judge, marks=marks, note="", base=base)).seq
                counted += 1

        began = time.monotonic()
        gevent.joinall([gevent.spawn(tap, entry) for entry in entries], raise_error=True)
        return counted / (time.monotonic() - began)


def rate(store, writers: int, seconds: float = SECONDS) -> float:
    """Commits a second when `writers` greenlets each write, wait until it is on disk, and write again.

    One committer takes all that wait, has the store write them in its one thread, and wakes them.
    """
    waiting: list[tuple[dict, AsyncResult]] = []
    some = Event()
    pool = ThreadPool(1)
    counted = 0
    until = time.monotonic() + seconds

    def write(number: int) -> None:
        nonlocal counted
        while time.monotonic() < until:
            answer = AsyncResult()
            waiting.append((record(number), answer))
            some.set()
            answer.get()
            counted += 1
            number += writers

    def commit_all() -> None:
        while True:
            some.wait()
            some.clear()
            batch = waiting[:]
            waiting.clear()
            if batch:
                pool.apply(store.commit, ([one for one, _ in batch],))
                for _, answer in batch:
                    answer.set()

    committer = gevent.spawn(commit_all)
    began = time.monotonic()
    gevent.joinall([gevent.spawn(write, number) for number in range(writers)], raise_error=True)
    took = time.monotonic() - began
    committer.kill()
    pool.kill()
    return counted / took
