"""Commits a second with 1, 10 and 100 writers: our log beside a bare append and SQLite, each synced before it answers.

The three stores start from the same records and are driven by the same committer, so that only the store differs.
The desk has a committer of its own and does all the rest as well: rules, state, frames.
"""

import os
import secrets
import sqlite3
import time
from pathlib import Path

import gevent
import orjson
from gevent.event import AsyncResult, Event
from gevent.threadpool import ThreadPool

import contest
from bench.common import MARKS, asked, desk, folder, interleaved, median, ratio, rehearsal, table

WRITERS = (1, 10, 100)
# Many short turns: what else the machine does then falls on all alike, and the median of the ratios leaves it out.
SECONDS = 0.3
ROUNDS = 25


def record(number: int) -> dict:
    """The event of one sheet, about 300 bytes as JSON: what a judging contest writes most."""
    return {
        "at": 1790000000000 + number, "type": "GiveSheet", "by": "judge:marta-7f3a", "id": f"{number:022d}", "body": f"{number:016x}",
        "events": [{"type": "SheetGiven", "entry": 100 + number % 400, "judge": "marta-7f3a", "late": False, "marks": {
            "technique": 8.5, "composition": 7.5, "placement": 9.0, "style": 6.5, "creativity": 8.0}}],
    }


class Append:
    """The floor: JSON lines, one write and one fdatasync a batch; no hash, no chain, no recovery."""

    def __init__(self, under: Path):
        self.file = os.open(under / "lines.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def commit(self, records: list[dict]) -> None:
        os.write(self.file, b"".join(orjson.dumps(one) + b"\n" for one in records))
        getattr(os, "fdatasync", os.fsync)(self.file)

    def close(self) -> None:
        os.close(self.file)


class Sqlite:
    """WAL, synchronous=FULL, one transaction a batch: as durable as our log."""

    def __init__(self, under: Path):
        self.file = sqlite3.connect(under / "lines.db", check_same_thread=False, isolation_level=None)
        self.file.execute("PRAGMA journal_mode=WAL")
        self.file.execute("PRAGMA synchronous=FULL")
        self.file.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY, line BLOB NOT NULL)")

    def commit(self, records: list[dict]) -> None:
        self.file.execute("BEGIN")
        self.file.executemany("INSERT INTO log (line) VALUES (?)", [(orjson.dumps(one),) for one in records])
        self.file.execute("COMMIT")

    def close(self) -> None:
        self.file.close()


class OurLog:
    """The contest's own log: hash chain, private part, recovery; the same class that serves."""

    def __init__(self, under: Path):
        self.log = contest.recover(under, contest.Disk(), secrets.token_hex(16)).log

    def commit(self, records: list[dict]) -> None:
        self.log.append([contest.encode_line(one, {}, "") for one in records], self.log.head.seq)

    def close(self) -> None:
        self.log.close()


def measure() -> str:
    """A Markdown part: commits a second of each, and the ratios to SQLite of the same rounds."""
    rows = []
    for writers in WRITERS:
        found = interleaved({
            "append": lambda: _store(Append, writers), "sqlite": lambda: _store(Sqlite, writers),
            "log": lambda: _store(OurLog, writers), "desk": lambda: _desk(writers)}, ROUNDS)
        rows.append([writers, *(median(found[name]) for name in ("append", "sqlite", "log", "desk")),
                     f"{ratio(found['log'], found['append']):.2f}", f"{ratio(found['log'], found['sqlite']):.2f}"])
    size = len(orjson.dumps(record(0)))
    return (f"Records of {size} bytes as JSON; SQLite in WAL mode with synchronous=FULL, one transaction for all that wait. "
            "`log` is the log alone; `desk` is the whole way of a judge's sheet: rules, log, state, frames.\n\n"
            + table(["writers", "append + fdatasync", "SQLite", "log", "desk", "log : append", "log : SQLite"], rows))


def _store(kind, writers: int) -> float:
    with folder("commits") as under:
        store = kind(under)
        try:
            return rate(store, writers)
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
