"""The stores that are measured beside each other. Each keeps a batch of records so that they are on disk when `commit` returns."""

import os
import secrets
import sqlite3
from pathlib import Path

import orjson
import tinydb

import contest


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


class Tiny:
    """TinyDB as it comes, one insert_multiple a batch. It syncs, but writes over its only copy: a crash in the middle loses all."""

    def __init__(self, under: Path):
        self.file = tinydb.TinyDB(under / "records.json")

    def commit(self, records: list[dict]) -> None:
        self.file.insert_multiple(records)

    def close(self) -> None:
        self.file.close()


class Rewrite:
    """All records as one JSON text (by the fastest encoder there is) in a new file: synced, renamed over data.json, the folder synced."""

    def __init__(self, under: Path):
        self.path, self.disk, self.records = under / "data.json", contest.Disk(), []

    def commit(self, records: list[dict]) -> None:
        self.records += records
        contest.replace_file(self.disk, self.path, [orjson.dumps(self.records)])

    def close(self) -> None:
        self.records = []


class OurLog:
    """The contest's own log: hash chain, private part, recovery; the same class that serves."""

    def __init__(self, under: Path):
        self.log = contest.recover(under, contest.Disk(), secrets.token_hex(16)).log

    def commit(self, records: list[dict]) -> None:
        self.log.append([contest.encode_line(one, {}, "") for one in records], self.log.head.seq)

    def close(self) -> None:
        self.log.close()
