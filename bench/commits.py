"""Commits a second with 1, 10 and 100 writers: our log beside a bare append and SQLite, each synced before it answers."""

import os
import sqlite3
import time
from pathlib import Path

import gevent
import orjson
from gevent.event import AsyncResult, Event
from gevent.threadpool import ThreadPool

from bench.common import folder, interleaved, median, ratio, table

WRITERS = (1, 10, 100)
SECONDS = 1.5


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
