"""contest.py: a real-time tattoo contest in one file.

An organiser starts it with one command; collectors enter their tattoos from
their phones, judges mark them, with or without wifi, and a screen reveals the
winners. State is a fold over one durable log, and data flows one way:

    tap -> command -> decide -> event -> log (fsync) -> fold -> state -> frames -> sockets

Contents
    Settings       every default, its unit and help line
    Errors         every error raised on purpose
    Records        nouns: state, commands, events, their JSON forms
    Scoring        marks in, standings out
    Reasons        how the places came about, what they would be otherwise
    Decisions      the rules: decide; of contest, categories, judges, entries
    Judging        the rules of marks, run-offs, winners, reveal and stage
    Folds          the state after a fact: fold
    Views          who sees what: view, frames
    Papers         what leaves the contest on paper and as files
    Log            durable lines, snapshot, recovery
    Trees          whole folders: lock, key, backup, restore, erasure
    Stencil        a photo as a stencil of its lines
    Photos         untrusted bytes to safe files
    Wire           frames and requests off a hostile network
    Hub            sockets, heartbeat, what is held, slow readers
    Desk           the only door from command to fact
    Site           a request read, an answer to write, what routes may use
    Routes         what each address does, in one table
    Web            HTTP to requests, answers and pages to HTTP
    Server         a whole contest put together, handed over, checked
    Verbs          what can be asked of a contest, by a name; what it gives
    Script         the Python face: a folder opened, served, or asked over HTTP
    Command line   wiring, subcommands

Each section uses only what stands above it. Importing this module starts
nothing, patches nothing and opens nothing.
"""

from __future__ import annotations

import argparse
import atexit
import base64
import bisect
import concurrent.futures
import contextlib
import csv
import ctypes
import dataclasses
import datetime
import email.errors
import errno
import faulthandler
import fcntl
import functools
import gc
import gzip
import hashlib
import hmac
import html
import http.client
import inspect
import io
import itertools
import json
import math
import os
import random
import re
import resource
import secrets
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types
import typing
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
import warnings
import zipfile
import zlib
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import bottle
import gevent
import gevent.event
import gevent.local
import gevent.lock
import gevent.pool
import gevent.pywsgi
import gevent.queue
import gevent.socket
import gevent.threadpool
import geventwebsocket.handler
import itsdangerous
import multipart
import orjson
import prometheus_client
import prometheus_client.core
import segno
from immutables import Map
from PIL import ExifTags, Image, ImageChops, ImageCms, ImageFilter, ImageOps, ImageStat

__version__ = "0.1.0"
__all__ = ["Client", "Contest", "ContestError", "Judging", "Refused", "Rows", "Settings", "open", "serve", "standings"]


# --- Settings ---------------------------------------------------------------
# Everything an organiser may turn, with unit and default. Each is a flag and a
# CONTEST_<NAME>; an unknown or unreadable one stops the start with a sentence,
# because a misspelt setting that is silently ignored is found out on stage.


def _setting(default, help_line: str):
    """A field of Settings with its help line."""
    return field(default=default, metadata={"help": help_line})


@dataclass(frozen=True)
class Settings:
    """The settings of one server; `read_settings` fills them from flags and environment."""

    data: str = _setting("data", "folder that holds the contest")
    host: str = _setting("0.0.0.0", "address to listen on")
    port: int = _setting(8000, "port to listen on; 0 takes a free one")
    admin_password: str = _setting("", "the organiser's password at every start; empty: by setup link")
    public_url: str = _setting("", "address printed on QR codes, as https://contest.example")
    trust_proxy: str = _setting("none", "whose proxy headers are believed: none, fly or one-hop")
    ping_seconds: float = _setting(30.0, "seconds between two heartbeats")
    dead_seconds: float = _setting(45.0, "seconds of silence after which a connection is dead")
    held_messages: int = _setting(1000, "messages held for one who is away, per audience")
    held_seconds: float = _setting(300.0, "seconds for which they are held")
    drain_seconds: float = _setting(30.0, "seconds a stopping server waits for requests under way")
    max_connections: int = _setting(12000, "live connections accepted at once")
    address_connections: int = _setting(8000, "open connections from one address; 0: any number")
    address_requests: float = _setting(500.0, "requests a second from one address, ten seconds' worth at once; 0: any number")
    address_uploads: float = _setting(600.0, "photos a minute from one address that is not signed in; 0: any number")
    metrics_port: int = _setting(0, "port for /metrics without a key; 0: none")
    backup_folder: str = _setting("", "second place for backups: a stick or a mounted folder")
    segment_bytes: int = _setting(64 << 20, "bytes after which the log begins a new segment")
    photo_bytes: int = _setting(25 << 20, "largest photo accepted, in bytes")
    reserve_bytes: int = _setting(64 << 20, "free bytes on the disk below which the server is not ready")
    archive_bytes: int = _setting(10 << 30, "largest backup accepted for a restore, in bytes")
    quota_log_bytes: int = _setting(1 << 30, "bytes that the log may take; 0: any number")
    quota_backups_bytes: int = _setting(2 << 30, "bytes that the backups beside it may take, without their photos; 0: any number")
    quota_photos_bytes: int = _setting(5 << 30, "bytes that the photos may take; 0: any number")
    user: int = _setting(0, "numeric user that a server started as root becomes; 0: it stays root")
    log_format: str = _setting("lines", "what is printed: lines for people, or json: an object for each request and sentence")
    watchdog_seconds: float = _setting(30.0, "seconds after which a server that stands still ends itself, to be started again; 0: never")


# --- Errors -----------------------------------------------------------------
# Every error raised on purpose: one root, one level of children. Refused is a
# rule saying no; the others end the process with their exit code.


class ContestError(Exception):
    """The root of every error this module raises on purpose."""

    status = 500
    exit_code = 70


class Refused(ContestError):
    """A rule said no: nothing was changed.

    code     stable, for programs: "no_such_entry"
    text     one plain sentence for people
    status   the HTTP status
    extra    more keys for the answer, beside "error"
    """

    exit_code = 64

    def __init__(self, code: str, text: str, status: int = 400, **extra):
        super().__init__(text)
        self.code, self.text, self.status, self.extra = code, text, status, extra


class UsageError(ContestError):
    """A setting or a word of the command line cannot be read."""

    exit_code = 64


class LogCorrupt(ContestError):
    """The log is damaged where a crash cannot explain it. Nothing was changed."""

    exit_code = 65


class SyncFailed(ContestError):
    """A sync failed: what the last batch left on disk is unknown, so the process ends."""

    status = 503
    exit_code = 74


class FolderInUse(ContestError):
    """Another process writes this data folder."""

    exit_code = 75


class NotOurs(ContestError):
    """The data folder is not ours to write."""

    exit_code = 77


class Unreachable(ContestError):
    """No server answers at an address."""

    exit_code = 69


def no_such(kind: str, key) -> Refused:
    return Refused(f"no_such_{kind}", f"There is no {kind} {key}.", 404)


# --- Records ----------------------------------------------------------------
# The nouns of the contest: what it is (State), what is asked (commands), what
# happened (events). All are immutable values. Event names are for ever.
# Nothing here reads a clock, rolls dice or touches a disk.

DEFAULT_CRITERIA = (
    ("technique", "Technique & cleanliness"),
    ("composition", "Composition & readability"),
    ("placement", "Placement & flow"),
    ("style", "Style"),
    ("creativity", "Creativity"),
)
ENTRY_STATES = ("registered", "checked-in", "called", "on-stage", "no-show", "withdrawn", "disqualified")
OUT_STATES = frozenset({"no-show", "withdrawn", "disqualified"})
PRESENT_STATES = frozenset({"checked-in", "called", "on-stage"})
CALLS = 3  # who does not come then is out
REHEARSED = 3  # the places of the drawn category that a reveal is rehearsed with
NAMES = ("title", "artist", "studio", "collector")  # what everybody is told once a place is revealed
PERSONAL = (*NAMES, "say", "phone")
CONSENT = "2026-1"  # the version of the consent text an entrant ticks


@dataclass(frozen=True, slots=True)
class Criterion:
    id: str
    name: str
    weight: float = 1


@dataclass(frozen=True, slots=True)
class Category:
    """One competition: what is entered, judged on its criteria, and awarded places. `state` runs from open to announced."""

    id: str
    name: str
    state: str = "open"
    method: str = "points"
    tokens: int = 3
    quorum: int = 0
    criteria: tuple[Criterion, ...] = ()
    lowest: float = 1
    highest: float = 10
    step: float = 0.5
    places: int = 3
    minimum: int = 0
    show_scores: bool = True
    position: int = 1
    age: str = "either"  # fresh or healed: what is entered
    at_show: bool = False  # done at the show
    max_per_artist: int = 0  # 0: any number
    needs: str = ""  # a second photo: before or reference
    size_cm: tuple[float, float] | None = None  # the longest side, from and to
    closes_at: int | None = None  # ms; entries after it are refused
    sources: tuple[str, ...] = ()  # "from" outside: the categories whose first places compete here; people's choice: whose entries
    ballots: str = "codes"  # people's choice: a vote for each printed code, or (weak) for each of the "devices"
    day: str = ""  # "2026-11-28": when it is judged, of a contest of several days


@dataclass(frozen=True, slots=True)
class Judge:
    """One who holds a link: a judge, the desk or a host (`role`)."""

    id: str
    name: str
    role: str
    studio: str = ""
    categories: tuple[str, ...] | None = None  # None: all
    head: bool = False
    generation: int = 1  # raised to kill a link
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """What a script signs in with: it may what its `role` may, admin, desk or host."""

    id: str
    name: str
    role: str
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo's three files, the size of the large one in px, and the sha256 of each."""

    large: str
    thumb: str
    stencil: str
    width: int
    height: int
    sha256: Map[str, str] = Map()

    @property
    def files(self) -> tuple[str, str, str]:
        """The names of its three files."""
        return self.large, self.thumb, self.stencil


@dataclass(frozen=True, slots=True)
class Entry:
    """One tattoo in one category. Until its place is revealed the number is all that anybody outside the staff sees."""

    number: int
    category: str
    photos: tuple[Photo, ...]
    at: int
    state: str = "registered"
    hidden: bool = False
    title: str = ""
    artist: str = ""
    studio: str = ""
    collector: str = ""
    say: str = ""  # how the names are pronounced: for the staff, who say them on stage
    phone: str = ""
    consent: str = ""
    adult: bool = False
    reason: str = ""
    age: str = ""
    size_cm: float = 0  # 0: nobody said
    at_show: bool = False
    overridden: tuple[str, ...] = ()  # the rules of its category that the desk let it break
    calls: int = 0  # how often it was called to the stage, 0 to 3
    been: bool = False  # it has stood on the stage and left it
    of: int = 0  # the entry that this first place stands for, in a Best of Show


@dataclass(frozen=True, slots=True)
class Sheet:
    """One judge's marks for one entry. A criterion that is not judged is absent."""

    entry: int
    judge: str
    marks: Map[str, float] = Map()
    note: str = ""
    recused: bool = False
    late: bool = False
    counted: bool = True
    seq: int = 0
    by: str = ""
    because: str = ""  # who recused the judge: "judge", "organiser" or "studio", the same one; "lifted" by the organiser
    typed: bool = False  # the marks were typed in by the organiser, from paper; `by` may be of a later recusal


@dataclass(frozen=True, slots=True)
class Hand:
    """What one judge gives a whole category: the entries that get a token, or all of them in order, best first."""

    category: str
    judge: str
    entries: tuple[int, ...] = ()
    late: bool = False
    counted: bool = True
    seq: int = 0
    by: str = ""


@dataclass(frozen=True, slots=True)
class RunOff:
    """A vote between entries that are level: {judge: entry}. It counts once it is closed."""

    id: str
    category: str
    entries: tuple[int, ...]
    votes: Map[str, int] = Map()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Tie:
    """The head judge's decision about entries that are level: groups, best first."""

    order: tuple[tuple[int, ...], ...]
    reason: str = ""
    seq: int = 0
    by: str = ""


@dataclass(frozen=True, slots=True)
class CodeBatch:
    """Codes of a people's choice that were made together: numbers 1 to `count`, of which `used` have voted."""

    id: str
    category: str
    count: int
    at: int
    used: int = 0
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Vote:
    """One vote of a people's choice. Nothing in it, nor its key, says who gave it."""

    entry: int
    batch: str = ""  # "": by a device


@dataclass(frozen=True, slots=True)
class Decision:
    """Who won. `step` is the furthest step of the reveal whose names were shown; -1: nothing yet."""

    category: str
    places: tuple[tuple[int, ...], ...]
    reason: str = ""
    scores: Map[str, float] = Map()  # {number as text: score}; empty where the decision differs from the standings
    step: int = -1
    absent: tuple[int, ...] = ()  # entries passed over since nobody came to the stage for them
    known: tuple[int, ...] = ()  # entries that have no place any more, but whose names had been shown: they stay public
    corrected_at: int = 0  # ms; 0: not corrected
    correction: str = ""  # why it was corrected after the announcement

    @property
    def revealed(self) -> tuple[tuple[int, ...], ...]:
        """The groups whose names are public, best first."""
        return self.places[max(0, len(self.places) - max(0, self.step)):]

    @property
    def begun(self) -> bool:
        """Whether a name has been shown: from then on the decision is not made anew."""
        return bool(self.revealed or self.known)

    def place(self, group: int) -> int:
        """The place of a group: 1 + the number of entries before it."""
        return 1 + sum(len(g) for g in self.places[:group])


@dataclass(frozen=True, slots=True)
class Screen:
    mode: str = "wall"
    category: str = ""
    step: int = 0
    phase: str = "ink"
    text: str = ""
    drawn_step: int = 0  # of the rehearsal, which leaves the reveal where it was
    drawn_phase: str = "ink"


@dataclass(frozen=True, slots=True)
class Stage:
    entry: int | None = None
    follow: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """What the organiser sets for the whole contest."""

    name: str = ""
    language: str = "en"
    wall: str = "at-once"
    publish: str = "placed"
    calm: bool = False
    registration: bool = True
    sheets_open: bool = False  # once a category is announced, an entrant sees the own marks by the private link
    zone: str = ""  # of the venue, "Europe/Berlin"; empty: times are shown as each device has them


class Seen(typing.NamedTuple):
    """A command that had an effect: the keyed hash of its body, and the thing it made or changed.

    A state remembers it as one text, "<body> <kind> <key>": a long contest has a million of them.
    """

    body: str
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class State:
    """The contest at one seq. An immutable value: draft, committed state and a snapshot being written share structure."""

    epoch: str = ""
    seq: int = 0
    rules: Rules = Rules()
    categories: Map[str, Category] = Map()
    judges: Map[str, Judge] = Map()
    keys: Map[str, Key] = Map()
    entries: Map[int, Entry] = Map()
    sheets: Map[int, Map[str, Sheet]] = Map()  # entry -> judge -> sheet
    after: Map[int, Map[str, Sheet]] = Map()  # sheets that came after the decision: kept, not counted
    hands: Map[str, Map[str, Hand]] = Map()  # category -> judge -> tokens or ranking
    after_hands: Map[str, Map[str, Hand]] = Map()
    run_offs: Map[str, RunOff] = Map()
    ties: Map[str, tuple[Tie, ...]] = Map()  # category -> in the order decided
    batches: Map[str, CodeBatch] = Map()
    votes: Map[str, Map[str, Vote]] = Map()  # category -> keyed hash of a code or a device -> its vote
    decisions: Map[str, Decision] = Map()
    screen: Screen = Screen()
    stage: Stage = Stage()
    photos: Map[str, int] = Map()  # 32 hex -> entry number
    seen: Map[str, str] = Map()  # command id -> what it did, see Seen
    private: Map[int, tuple[int, ...]] = Map()  # entry -> the seqs of lines with something private about it
    erased: Map[int, tuple[str, ...]] = Map()  # entry -> the names of its photos, for the restore of an older backup
    numbers: int = 100  # the last entry number given; the first is 101, so that it never looks like a place
    judge_ids: int = 0  # the last id given to a judge or a key
    run_off_ids: int = 0


# Forms: what a person may send for each kind of thing, a checker a field. They refuse; they never repair.


def _text(most: int = 300, least: int = 0) -> Callable:
    """A checker of one line (or a few) of text that a person typed."""
    def check(name: str, value) -> str:
        if not isinstance(value, str):
            raise Refused("bad_field", f"{name} is a text.", field=name)
        value = value.strip()
        if len(value) > most:
            raise Refused("bad_field", f"{name} is longer than {most} characters.", field=name)
        if len(value) < least:
            raise Refused("missing_field", f"{name} is missing.", field=name)
        if any(ord(c) < 32 and c not in "\n\t" or ord(c) == 127 for c in value):
            raise Refused("bad_field", f"{name} holds a control character.", field=name)
        return value
    return check


def _choice(*words: str) -> Callable:
    def check(name: str, value) -> str:
        if value not in words or not isinstance(value, str):
            raise Refused("bad_field", f"{name} is one of {', '.join(words)}.", field=name)
        return value
    return check


def _flag(name: str, value) -> bool:
    if not isinstance(value, bool):
        raise Refused("bad_field", f"{name} is true or false.", field=name)
    return value


def _number(low, high, whole: bool = False) -> Callable:
    def check(name: str, value):
        fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool) and low <= value <= high
        if not fits:
            raise Refused("bad_field", f"{name} is a number from {low} to {high}.", field=name)
        return value
    return check


def _criteria(name: str, value) -> list[dict]:
    """1 to 20 criteria with an id each; ids are made from names where absent."""
    if not isinstance(value, list) or not 1 <= len(value) <= 20:
        raise Refused("bad_field", "A category has 1 to 20 criteria.", field=name)
    made, taken = [], set()
    for item in value:
        if not isinstance(item, dict):
            raise Refused("bad_field", "A criterion is {name, weight}.", field=name)
        item = checked({"id": _text(40), "name": _text(120, 1), "weight": _number(0.001, 1000)}, item, ("name",))
        key = slug(item.get("id") or item["name"], taken)
        taken.add(key)
        made.append({"id": key, "name": item["name"], "weight": item.get("weight", 1)})
    return made


def _names(name: str, value) -> list[str] | None:
    if value is not None and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
        raise Refused("bad_field", f"{name} is a list of ids, or null for all.", field=name)
    return value


def _size(name: str, value) -> float:
    """A length in cm; a form sends it as it was typed: "12,5"."""
    if isinstance(value, str) and re.fullmatch(r"\s*(\d{1,3}([.,]\d{1,2})?)?\s*", value, re.ASCII):
        value = float(value.strip().replace(",", ".") or 0)
    return _number(0, 300)(name, value)


def _sizes(name: str, value) -> list | None:
    if value is not None and not (isinstance(value, list) and len(value) == 2):
        raise Refused("bad_field", f"{name} is [from, to] in cm, or null.", field=name)
    if value and not _number(0, 300)(name, value[0]) <= _number(0, 300)(name, value[1]):
        raise Refused("bad_field", f"{name} goes from the smaller to the larger.", field=name)
    return value


def _sources(name: str, value) -> list[str]:
    if not isinstance(value, list) or len(set(map(str, value))) < len(value) or not all(isinstance(v, str) for v in value):
        raise Refused("bad_field", f"{name} is a list of the ids of other categories.", field=name)
    return value


def _moment(name: str, value) -> int | None:
    return None if value is None else _number(0, 10**14, True)(name, value)


def _day(name: str, value) -> str:
    """A date of the calendar, "2026-11-28", or "" for none."""
    with contextlib.suppress(ValueError):
        if value == "" or (isinstance(value, str) and datetime.date.fromisoformat(value).isoformat() == value):
            return value
    raise Refused("bad_field", f"{name} is a date such as 2026-11-28, or empty.", field=name)


def _zone(name: str, value) -> str:
    """The name of a time zone, "Europe/Berlin", or "". Browsers know which there are; here only its form is looked at."""
    if not isinstance(value, str) or not re.fullmatch(r"([A-Za-z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,32}){0,2})?", value, re.ASCII):
        raise Refused("bad_field", f"{name} is a time zone such as Europe/Berlin, or empty.", field=name)
    return value


def _tick(name: str, value) -> bool:
    return value == "yes" if value in ("yes", "no", "") and isinstance(value, str) else _flag(name, value)


RULES_FIELDS = {
    "name": _text(120, 1), "language": _choice("en", "de", "es", "it", "fr"), "wall": _choice("at-once", "checked-in"),
    "publish": _choice("placed", "all"), "calm": _flag, "registration": _flag, "sheets_open": _flag, "zone": _zone}
CATEGORY_FIELDS = {
    "name": _text(120, 1), "method": _choice("points", "trimmed", "tokens", "ranking", "choice"), "tokens": _number(1, 20, True),
    "quorum": _number(0, 100, True), "criteria": _criteria, "places": _number(1, 20, True),
    "minimum": _number(0, 1000, True), "lowest": _number(0, 100), "highest": _number(0, 100), "step": _number(0.01, 10),
    "show_scores": _flag, "position": _number(1, 1000, True), "age": _choice("fresh", "healed", "either"), "at_show": _flag,
    "max_per_artist": _number(0, 100, True), "needs": _choice("", "before", "reference"), "size_cm": _sizes, "closes_at": _moment,
    "from": _sources, "day": _day, "ballots": _choice("codes", "devices")}
JUDGE_FIELDS = {
    "name": _text(120, 1), "role": _choice("judge", "desk", "host"), "studio": _text(), "categories": _names, "head": _flag}
KEY_FIELDS = {"name": _text(120, 1), "role": _choice("admin", "desk", "host")}
ENTRY_FIELDS = {
    "category": _text(80, 1), "title": _text(), "artist": _text(), "studio": _text(), "collector": _text(300, 1),
    "say": _text(), "phone": _text(60), "age": _choice("", "fresh", "healed"), "size_cm": _size, "at_show": _tick}
DESCRIBED = ("age", "size_cm", "at_show")  # what the rules of a category ask of an entry, beside its artist
REASON, NOTE, MESSAGE = _text(1000), _text(2000), _text(300, 1)
CODES = _number(1, 5000, True)  # a batch; a code's number has 15 bits
MODE, PHASE = _choice("wall", "stage", "reveal", "black", "message"), _choice("stencil", "ink")


def checked(table: Mapping[str, Callable], given: Mapping, needed: Iterable[str] = ()) -> dict:
    """The given fields, each checked by its row of the table. An unknown one is refused, never ignored."""
    for name in given:
        if name not in table:
            raise Refused("unknown_field", f"There is no field {name}.", field=str(name))
    for name in needed:
        if name not in given:
            raise Refused("missing_field", f"{name} is missing.", field=name)
    return {name: table[name](name, value) for name, value in given.items()}


@functools.lru_cache(4096)  # the same few studios and artists, compared again with every entry
def folded(name: str) -> str:
    """A name as it is compared: without regard to case, width of letters and blanks.

    >>> folded("  Zoë   INK ") == folded("zoe\u0308 ink")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def slug(name: str, taken: Iterable[str]) -> str:
    """An id made of a name: "Black & Grey" -> "black-grey"; numbered where it is taken."""
    base = re.sub(r"[^a-z0-9]+", "-", name.casefold().translate(str.maketrans("äöüßáàâéèêíìóòôúùñçå", "aousaaaeeeiiooouunca")))
    base = base.strip("-")[:40].strip("-") or "category"
    taken, number = set(taken), 2
    found = base
    while found in taken:
        found, number = f"{base}-{number}", number + 1
    return found


# Commands: imperative. `by`, `at`, `id` and `body` are added by the edge.


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What somebody asked for.

    by     "admin", "judge:<id>", "desk:<id>", "host:<id>", "public", "admin:<key>" for a script, or "rescue:<judge>": the organiser loaded that judge's file
    at     ms since 1970, informative
    id     minted by the asker; the same id has one effect
    body   keyed hash of what was asked
    """

    by: str
    at: int
    id: str
    body: str = ""


def _command(title: str, /, **fields: type) -> type[Command]:
    """A command class with these fields, in this order."""
    made = dataclasses.make_dataclass(
        title, list(fields.items()), bases=(Command,), frozen=True, slots=True, kw_only=True)
    made.__module__ = __name__
    return made


ChangeContest = _command("ChangeContest", fields=dict)
AddCategory = _command("AddCategory", fields=dict)
ChangeCategory = _command("ChangeCategory", category=str, fields=dict)
DeleteCategory = _command("DeleteCategory", category=str)
OpenCategory = _command("OpenCategory", category=str, reason=str)
StartJudging = _command("StartJudging", category=str)
CloseJudging = _command("CloseJudging", category=str)
ReopenCategory = _command("ReopenCategory", category=str, reason=str)
AnnounceCategory = _command("AnnounceCategory", category=str)
MergeCategory = _command("MergeCategory", category=str, into=str, reason=str)
InviteJudge = _command("InviteJudge", fields=dict)
RenewJudge = _command("RenewJudge", judge=str)
RevokeJudge = _command("RevokeJudge", judge=str)
AddKey = _command("AddKey", fields=dict)
RevokeKey = _command("RevokeKey", key=str)
SubmitEntry = _command("SubmitEntry", fields=dict, photos=list)
ChangeEntry = _command("ChangeEntry", entry=int, fields=dict)
SetEntryState = _command("SetEntryState", entry=int, state=str, reason=str)
CallEntry = _command("CallEntry", entry=int, call=int)
CallCategory = _command("CallCategory", category=str, call=int)
AddPhoto = _command("AddPhoto", entry=int, photos=list)
ErasePerson = _command("ErasePerson", entry=int)
RestoreContest = _command("RestoreContest", carried=dict)
HidePhoto = _command("HidePhoto", entry=int)
ShowPhoto = _command("ShowPhoto", entry=int)
GiveSheet = _command("GiveSheet", entry=int, judge=str, marks=dict, note=str, base=object)
RecuseJudge = _command("RecuseJudge", entry=int, judge=str, recused=bool, reason=str)
GiveTokens = _command("GiveTokens", category=str, judge=str, entries=list, base=object)
GiveRanking = _command("GiveRanking", category=str, judge=str, order=list, base=object)
CallRunOff = _command("CallRunOff", category=str, entries=list)
VoteInRunOff = _command("VoteInRunOff", run_off=str, judge=str, choice=int)
CloseRunOff = _command("CloseRunOff", run_off=str)
DecideTie = _command("DecideTie", category=str, order=list, reason=str)
MakeCodes = _command("MakeCodes", category=str, batch=str, count=int)
RevokeCodes = _command("RevokeCodes", batch=str)
CastVote = _command("CastVote", category=str, batch=str, ballot=str, entry=int)
DecideWinners = _command("DecideWinners", category=str, places=list, reason=str)
PassOver = _command("PassOver", category=str, entry=int)
CorrectWinners = _command("CorrectWinners", category=str, places=list, reason=str)
StepReveal = _command("StepReveal", category=str, step=int, phase=str)
StepRehearsal = _command("StepRehearsal", step=int, phase=str)
SetScreen = _command("SetScreen", mode=str, text=str)
CallToStage = _command("CallToStage", entry=object, follow=bool)


# Events: past tense. `private` names the fields that are personal or free text: they stand
# in the private part of a line, so that a person can be erased without breaking the chain.


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Folding it never refuses."""


def _event(title: str, /, private: tuple[str, ...] = (), **fields: type) -> type[Event]:
    """An event class with these fields; those named in `private` are kept apart on disk."""
    made = dataclasses.make_dataclass(
        title, list(fields.items()), bases=(Event,), frozen=True, slots=True,
        namespace={"private": frozenset(private)})
    made.__module__ = __name__
    return made


ContestChanged = _event("ContestChanged", changes=dict)
CategoryAdded = _event("CategoryAdded", category=str, fields=dict)
CategoryChanged = _event("CategoryChanged", category=str, changes=dict)
CategoryDeleted = _event("CategoryDeleted", category=str)
CategoryOpened = _event("CategoryOpened", ("reason",), category=str, reason=str)
JudgingStarted = _event("JudgingStarted", category=str)
JudgingClosed = _event("JudgingClosed", category=str)
CategoryReopened = _event("CategoryReopened", ("reason",), category=str, reason=str)
CategoryAnnounced = _event("CategoryAnnounced", category=str)
CategoryMerged = _event("CategoryMerged", ("reason",), category=str, into=str, entries=list, reason=str)
JudgeInvited = _event("JudgeInvited", ("name", "studio"), judge=str, name=str, role=str, studio=str,
                      categories=list, head=bool)
JudgeRenewed = _event("JudgeRenewed", judge=str)
JudgeRevoked = _event("JudgeRevoked", judge=str)
KeyAdded = _event("KeyAdded", ("name",), key=str, name=str, role=str)
KeyRevoked = _event("KeyRevoked", key=str)
EntrySubmitted = _event("EntrySubmitted", PERSONAL, entry=int, category=str, photos=list, consent=str, adult=bool,
                        title=str, artist=str, studio=str, collector=str, phone=str, say=str)
EntryChanged = _event("EntryChanged", ("changes",), entry=int, changes=dict)
EntryMoved = _event("EntryMoved", entry=int, category=str)
EntryAdvanced = _event("EntryAdvanced", entry=int, category=str, of=int)
EntryDescribed = _event("EntryDescribed", entry=int, fields=dict)
RulesOverridden = _event("RulesOverridden", ("reason",), entry=int, rules=list, reason=str)
PhotoAdded = _event("PhotoAdded", entry=int, photo=dict)
EntryStateChanged = _event("EntryStateChanged", ("reason",), entry=int, state=str, reason=str)
EntryCalled = _event("EntryCalled", entry=int, call=int)
PersonErased = _event("PersonErased", entry=int, lines=list)
ContestRestored = _event("ContestRestored", judges=dict, judge_ids=int, numbers=int)
PhotoHidden = _event("PhotoHidden", entry=int)
PhotoShown = _event("PhotoShown", entry=int)
SheetGiven = _event("SheetGiven", ("note",), entry=int, judge=str, marks=dict, note=str, late=bool, counted=bool)
JudgeRecused = _event("JudgeRecused", ("reason",), entry=int, judge=str, reason=str)
RecusalLifted = _event("RecusalLifted", ("reason",), entry=int, judge=str, reason=str)
TokensGiven = _event("TokensGiven", category=str, judge=str, entries=list, late=bool, counted=bool)
RankingGiven = _event("RankingGiven", category=str, judge=str, order=list, late=bool, counted=bool)
RunOffCalled = _event("RunOffCalled", run_off=str, category=str, entries=list)
RunOffVoted = _event("RunOffVoted", run_off=str, judge=str, choice=int)
RunOffClosed = _event("RunOffClosed", run_off=str)
TieDecided = _event("TieDecided", ("reason",), category=str, order=list, reason=str)
StudioMatched = _event("StudioMatched", judge=str, entries=list)
CodesMade = _event("CodesMade", category=str, batch=str, count=int)
CodesRevoked = _event("CodesRevoked", category=str, batch=str)
VoteCast = _event("VoteCast", category=str, batch=str, ballot=str, entry=int)
WinnersDecided = _event("WinnersDecided", ("reason",), category=str, places=list, scores=dict, reason=str)
WinnerAbsent = _event("WinnerAbsent", category=str, entry=int, places=list, scores=dict)
CorrectionMade = _event("CorrectionMade", ("reason",), category=str, places=list, scores=dict, reason=str)
RevealStepped = _event("RevealStepped", category=str, step=int, phase=str)
RehearsalStepped = _event("RehearsalStepped", step=int, phase=str)
ScreenSet = _event("ScreenSet", ("text",), mode=str, text=str)
StageCalled = _event("StageCalled", entry=object, follow=bool)

EVENTS: Mapping[str, type[Event]] = Map({
    name: cls for name, cls in globals().items() if isinstance(cls, type) and issubclass(cls, Event) and cls is not Event})


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the log: a command that had an effect, and its events."""

    seq: int
    batch: int
    at: int
    type: str
    by: str
    id: str
    body: str
    events: tuple[Event, ...]


def fact_json(fact: Fact) -> tuple[dict, dict]:
    """A fact as the hashed JSON and the private JSON of its line (empty if nothing is private)."""
    shown, private = [], {}
    for index, event in enumerate(fact.events):
        values = {f.name: getattr(event, f.name) for f in dataclasses.fields(event)}
        kept = {name: values.pop(name) for name in event.private if values[name]}
        if kept:
            private[str(index)] = kept
        shown.append({"type": type(event).__name__} | {k: v for k, v in values.items() if k not in event.private})
    public = {"seq": fact.seq, "batch": fact.batch, "at": fact.at, "type": fact.type, "by": fact.by,
              "id": fact.id, "body": fact.body, "events": shown}
    return public, private


@functools.cache
def _event_fields(cls: type[Event]) -> list[tuple[str, Callable | None]]:
    """The fields of an event in order, each with what makes an empty one where it is private, else None."""
    return [(f.name, (dict if f.type is dict else str) if f.name in cls.private else None) for f in dataclasses.fields(cls)]


def fact_from_json(public: Mapping, private: Mapping) -> Fact:
    """The fact that a line holds. A private field that is not there (or was erased) is empty."""
    events = []
    for index, shown in enumerate(public["events"]):
        cls = EVENTS.get(shown["type"])
        if cls is None:
            raise LogCorrupt(f"Seq {public['seq']} holds a {shown['type']}, which this version does not know: a newer one wrote it.")
        kept = private.get(str(index), {})
        events.append(cls(*[kept.get(name, empty()) if empty else shown[name] for name, empty in _event_fields(cls)]))
    return Fact(public["seq"], public["batch"], public["at"], public["type"], public["by"], public["id"],
                public["body"], tuple(events))


def changed(record, **changes):
    """A record (not a command: those inherit fields) with some fields changed.

    What dataclasses.replace does, in a fifth of the time: every line of the log pays it.
    """
    made, put = object.__new__(type(record)), object.__setattr__
    for name in record.__slots__:
        put(made, name, changes[name] if name in changes else getattr(record, name))
    return made


def plain(value) -> object:
    """A record as JSON values."""
    return orjson.loads(dumps(value))


def dumps(value) -> bytes:
    """Compact JSON bytes of records, maps and plain values. NaN cannot occur: marks are checked at the door."""
    return orjson.dumps(value, default=_jsonable, option=orjson.OPT_NON_STR_KEYS)


def _jsonable(value):
    if isinstance(value, Map):  # sorted: a Map's own order differs from one process to the next
        return dict(sorted(value.items()))
    raise TypeError(f"{type(value).__name__} has no JSON form")


@functools.cache
def _maker(kind) -> Callable | None:
    """How a value read from JSON, which is used up, becomes the record, tuple or map that `kind` says; None where it stays as it is."""
    if dataclasses.is_dataclass(kind):
        return _record_maker(kind)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is Map:
        items = _items_maker(kind)
        return (lambda value: Map(items(value))) if items else Map
    make = _maker(args[0]) if args else None
    if origin is tuple:
        return lambda value: tuple(map(make, value)) if make else tuple(value)
    if type(None) in args:
        return lambda value: None if value is None else make(value) if make else value
    return None


def _record_maker(kind) -> Callable:
    makers = [(name, make) for name, each in typing.get_type_hints(kind).items() if (make := _maker(each))]

    def made(value: dict):
        for name, make in makers:
            if name in value:
                value[name] = make(value[name])
        return kind(**value)
    return made


@functools.cache
def _items_maker(kind) -> Callable | None:
    """How a JSON object becomes the items of a map; None where they stay as they are."""
    key, each = typing.get_args(kind)
    make = _maker(each)
    if key is int:
        return lambda value: {int(k): make(v) if make else v for k, v in value.items()}
    return (lambda value: {k: make(v) for k, v in value.items()}) if make else None


def state_parts(state: State) -> Iterator[tuple[str, object]]:
    """A state in pieces of some 250 things, for a snapshot.

    One encode call over everything would hold the interpreter's lock (50,000 entries: a commit waits 150 ms).
    """
    for f in dataclasses.fields(state):
        value = getattr(state, f.name)
        for piece in _pieces(value) if isinstance(value, Map) else [value]:
            yield f.name, piece


def _pieces(things: Map) -> Iterator[dict]:
    """A map in pieces; one of maps, as the sheets are, is weighed by what those hold."""
    piece, weight = {}, 0
    for key, value in things.items():
        piece[key] = value
        weight += len(value) if isinstance(value, Map) else 1
        if weight >= 250:
            yield piece
            piece, weight = {}, 0
    if piece:
        yield piece


def state_from_parts(parts: Iterable[tuple[str, object]]) -> State:
    """The state whose pieces these are; a piece is let go of as soon as it is taken up."""
    shape, fields, growing = typing.get_type_hints(State), {}, {}
    for name, value in parts:
        in_pieces = typing.get_origin(shape[name]) is Map
        make = (_items_maker if in_pieces else _maker)(shape[name])
        made = make(value) if make else value
        if in_pieces:
            growing.setdefault(name, Map().mutate()).update(made)
        else:
            fields[name] = made
    return State(**fields, **{name: grown.finish() for name, grown in growing.items()})


# --- Scoring ----------------------------------------------------------------
# Marks in, standings out, a reason for every place. Exact: decimals as written,
# kept as fractions, never compared after rounding. A method makes the first
# steps of the chain, the rest is the same for all. Called by Decisions.


@dataclass(frozen=True)
class Judging:
    """All that the standings of one category are made of: plain values, no state."""

    entries: Collection[int]  # the pool: numbers, without those that are out
    panel: Collection[str]  # the judges whose sheets, hands and votes are read
    criteria: Collection[Criterion] = ()  # in the order in which they break ties; only the proportion of the weights matters
    sheets: Mapping[tuple[str, int], Mapping[str, float]] = Map()  # {(judge, entry): {criterion: mark}}; missing: not judged
    recused: Collection[tuple[str, int]] = ()  # (judge, entry): wins over whatever was given; never missing, never zero
    places: int = 3  # how many awards there are
    method: str = "points"  # or "trimmed", "tokens", "ranking", "choice"
    hands: Mapping[str, Iterable[int]] = Map()  # {judge: entries that got a token, or all of them, best first}
    tokens: int = 3  # how many a judge has
    quorum: int = 0  # judges (people's choice: votes) that an entry should have; fewer is flagged
    gone: Collection[str] = ()  # judges who left: what they gave counts, nothing of theirs is missing
    run_offs: Collection[tuple[str, Iterable[int], Mapping[str, int]]] = ()  # (id, entries, {judge: entry}), in the order held
    decisions: Collection[tuple[Iterable[Iterable[int]], str]] = ()  # (groups, best first; reason); a later one for the same replaces
    votes: Mapping[int, int] = Map()  # people's choice: {entry: votes}; missing: none


class Count(typing.NamedTuple):
    """What a method makes of a judging."""

    steps: list[tuple[str, Callable]]  # of the chain, before run-offs
    judges: Mapping[int, Iterable[str]]  # who scored an entry; nobody: it is unranked
    shown: Callable[[int], dict]  # what a row says of an entry
    missing: list[tuple[str, int | None]]  # None: tokens, which are missing for no entry in particular
    flags: list[str]


@functools.lru_cache(4096)  # reading a decimal is slow, and an evening's marks are a few dozen different ones
def exact(number) -> Fraction:
    """The decimal that was written: 8.1 is 81/10, not the nearest float."""
    return Fraction(str(number))


def rounded(value: Fraction, digits: int = 2) -> float:
    """A fraction for print, half up.

    >>> rounded(Fraction(1745, 200))
    8.73
    """
    scale = 10 ** digits
    return math.floor(value * scale + Fraction(1, 2)) / scale


def mean_of(values: Iterable[Fraction]) -> Fraction:
    values = list(values)
    return sum(values, Fraction(0)) / len(values)


def _blocks(group: list, key: Callable) -> list[list]:
    """A group cut into blocks of equal key, highest key first."""
    keys = {entry: key(entry) for entry in group}
    return [[e for e in group if keys[e] == k] for k in sorted(set(keys.values()), reverse=True)]


def _by(name: str, key: Callable) -> tuple[str, Callable]:
    """A step of the chain that puts the higher key first; `tie_chain` reads its numbers off the key."""
    return name, functools.partial(_blocks, key=key)


def judge_totals(judging: Judging) -> dict[int, dict[str, Fraction]]:
    """{entry: {judge: weighted mean of a complete sheet}}, of the pool, the panel, and who is not recused.

    errors   Refused `bad_field`: a weight that is not positive
    """
    criteria, recused = list(judging.criteria), set(judging.recused)
    weights = {c.id: exact(c.weight) for c in criteria}
    if any(weight <= 0 for weight in weights.values()):
        raise Refused("bad_field", "A weight is a number above 0.", field="weight")
    whole = sum(weights.values())
    made: dict = {e: {} for e in judging.entries}
    for judge in judging.panel:
        for entry in made:
            marks = judging.sheets.get((judge, entry))
            if marks is not None and weights and (judge, entry) not in recused and all(c in marks for c in weights):
                made[entry][judge] = sum(w * exact(marks[c]) for c, w in weights.items()) / whole
    return made


def _count_points(judging: Judging) -> Count:
    """Points, or trimmed where every entry has the same number of judges, 4 at least: means, criteria in order, duels."""
    totals, recused = judge_totals(judging), set(judging.recused)
    sizes, drop = {len(each) for each in totals.values()}, dropped(judging, totals)
    flags = ["trim-off:" + ("fewer-than-4" if len(sizes) == 1 else "unequal-panel")] if judging.method == "trimmed" and not drop else []
    score = {e: mean_of(sorted(each.values())[drop:len(each) - drop]) for e, each in totals.items() if each}
    spread = {e: max(each.values()) - min(each.values()) for e, each in totals.items() if each}
    steps = [_by("mean", score.get)]
    steps += [_by(f"criterion:{c.id}", lambda e, c=c: mean_of(exact(judging.sheets[j, e][c.id]) for j in totals[e]))
              for c in judging.criteria]
    steps.append(("head-to-head", lambda group: _head_to_head(group, totals)))
    missing = [(j, e) for e in totals for j in judging.panel if (j, e) not in recused and j not in totals[e]]
    flags += [f"spread:{e}" for e in spread if spread[e] >= 3]
    return Count(steps, totals, lambda e: {"score": rounded(score[e]), "spread": rounded(spread[e])}, missing, flags)


def dropped(judging: Judging, totals: Mapping) -> int:
    """How many of an entry's highest and of its lowest are left out: 1 or 0."""
    sizes = {len(each) for each in totals.values()}
    return int(judging.method == "trimmed" and len(sizes) == 1 and min(sizes) >= 4)


def _head_to_head(group: list, totals: Mapping) -> list[list]:
    """The finest ordered blocks such that every entry of an earlier block beats every entry of every later one.

    A beats B when, of the judges who scored both, more put A above B than B above A.
    """
    ranks = _ranks(group, totals)
    beaten = {a: 0 for a in group}  # whom an entry beats, a bit each: duels of a thousand entries stay cheap
    for i, a in enumerate(group):
        for k in range(i + 1, len(group)):
            b = group[k]
            ahead = sum((ranks[a][j] > ranks[b][j]) - (ranks[a][j] < ranks[b][j]) for j in ranks[a] if j in ranks[b])
            if ahead > 0:
                beaten[a] |= 1 << k
            elif ahead < 0:
                beaten[b] |= 1 << i
    # A valid cut keeps the winners of more duels in front, so only that order needs trying.
    bit = {e: 1 << i for i, e in enumerate(group)}
    order = sorted(group, key=lambda e: -beaten[e].bit_count())
    blocks, block, rest, by_all = [], [], (1 << len(group)) - 1, (1 << len(group)) - 1
    for entry in order:
        block.append(entry)
        rest &= ~bit[entry]
        by_all &= beaten[entry] | ~rest
        if rest & ~by_all == 0:
            blocks.append(sorted(block))
            block = []
    return blocks


def _ranks(group: list, totals: Mapping) -> dict:
    """{entry: {judge: rank of the total among that judge's, higher is better}}: whole numbers compare faster than fractions."""
    levels: dict = {}
    for entry in group:
        for judge, total in totals[entry].items():
            levels.setdefault(judge, set()).add(total)
    rank = {judge: {total: i for i, total in enumerate(sorted(found))} for judge, found in levels.items()}
    return {entry: {judge: rank[judge][total] for judge, total in totals[entry].items()} for entry in group}


def _eligible(judging: Judging) -> dict[str, list[int]]:
    """{judge: the pool without those the judge is recused from}."""
    recused = set(judging.recused)
    return {j: [e for e in judging.entries if (j, e) not in recused] for j in judging.panel}


def _count_tokens(judging: Judging) -> Count:
    """Tokens: who got more of them. A token for an entry that is out or recused is lost."""
    eligible, given = _eligible(judging), {}
    for judge, pool in eligible.items():
        hand = list(judging.hands.get(judge, ()))
        if len(hand) > judging.tokens or len(set(hand)) < len(hand):
            raise Refused("bad_tokens", f"A judge has {judging.tokens} tokens, each for another entry.")
        given[judge] = set(hand) & set(pool)
    got = {e: sum(e in hand for hand in given.values()) for e in judging.entries}
    judges = {e: [j for j in given if given[j] and e in eligible[j]] for e in judging.entries}
    missing = [(j, None) for j, pool in eligible.items() if len(given[j]) < min(judging.tokens, len(pool))]
    flags = ["uneven-panel"] if len({frozenset(each) for each in judges.values()}) > 1 else []
    return Count([_by("tokens", got.get)], judges, lambda e: {"score": got[e], "spread": None}, missing, flags)


def _count_ranking(judging: Judging) -> Count:
    """Ranking: the skating system's rules 5 to 8, with shares and means where the published rules count and add up."""
    eligible, recused, missing = _eligible(judging), set(judging.recused), []
    got: dict = {e: {} for e in judging.entries}
    for judge, pool in eligible.items():
        order = [e for e in judging.hands.get(judge, ()) if (judge, e) not in recused and e in got]
        if len(set(order)) < len(order):
            raise Refused("bad_ranking", "A ranking names each entry once.")
        missing += [(judge, e) for e in sorted(set(pool) - set(order))]
        for rank, entry in enumerate(order if len(order) == len(pool) else (), 1):
            got[entry][judge] = rank
    ranks = {e: sorted(each.values()) for e, each in got.items()}
    return Count(_skating(ranks), got, lambda e: {"score": None, "spread": None, "ranks": got[e]}, missing, [])


def _skating(ranks: Mapping[int, list[int]]) -> list[tuple[str, Callable]]:
    """The steps for sorted ranks. No step looks at another entry, so "all of H, then k + 1" is the order of the keys."""
    last = max((each[-1] for each in ranks.values() if each), default=0)

    def first(e):  # the first k that more than half of the ranks reach
        return ranks[e][len(ranks[e]) // 2]

    def share(e, k):
        return Fraction(bisect.bisect_right(ranks[e], k), len(ranks[e]))

    def mean(e, k):
        return mean_of(map(Fraction, ranks[e][:bisect.bisect_right(ranks[e], k)]))

    return [_by("majority", lambda e: -first(e)), _by("larger-majority", lambda e: share(e, first(e))),
            _by("lower-sum", lambda e: -mean(e, first(e))),
            _by("next-place", lambda e: tuple((share(e, k), -mean(e, k)) for k in range(first(e) + 1, last + 1)))]


def _count_choice(judging: Judging) -> Count:
    """People's choice: who got more votes. One that nobody chose is unranked: no award for none. A vote for who is out is lost."""
    got = {e: judging.votes.get(e, 0) for e in judging.entries}
    return Count([_by("votes", got.get)], {e: range(n) for e, n in got.items()}, lambda e: {"score": got[e], "spread": None}, [], [])


_COUNTS = Map({"points": _count_points, "trimmed": _count_points, "tokens": _count_tokens, "ranking": _count_ranking,
               "choice": _count_choice})


def count_of(judging: Judging) -> Count:
    """What the judging's method makes of it."""
    return _COUNTS[judging.method](judging)


Groups = list[tuple[list[int], str | None]]  # best first, each with the step that decided it, None: still tied


def break_ties(groups: Groups, steps: Iterable[tuple[str, Callable]]) -> Groups:
    """Groups split by each step in turn. No step restarts the chain.

    groups   [(entries, the step that left it alone, or None)], best first
    steps    [(name, split)], split(entries) -> ordered blocks
    returns  the same; None: no step could split it
    """
    for name, split in steps:
        after: Groups = []
        for group, by in groups:
            blocks = split(group) if len(group) > 1 else [group]
            after += [(block, by or (name if len(block) == 1 else None)) for block in blocks]
        groups = after
    return groups


def heard_votes(judging: Judging, entries: Collection[int], votes: Mapping[str, int]) -> dict[str, int]:
    """The votes of a run-off that count: of the panel, for one of its entries, by judges recused from none of them."""
    panel, recused = set(judging.panel), set(judging.recused)
    return {j: e for j, e in votes.items() if j in panel and e in entries and not any((j, x) in recused for x in entries)}


def hold_run_offs(groups: Groups, judging: Judging) -> tuple[Groups, list[str], list[str]]:
    """The groups after the run-offs in the order held, the ids of those that are void, and flags for votes that do not count."""
    stale, flags = [], []
    for key, entries, votes in judging.run_offs:
        field_ = set(entries)
        if not any(by is None and set(group) == field_ for group, by in groups):
            stale.append(key)
            continue
        heard = heard_votes(judging, field_, votes)
        flags += [f"run-off-vote:{key}:{j}" for j in sorted(set(votes) - set(heard))]
        got = {e: list(heard.values()).count(e) for e in field_}
        groups = break_ties(groups, [("run-off", lambda group: _blocks(group, got.get) if set(group) == field_ else [group])])
    return groups, stale, flags + ["run-off-stale"] * bool(stale)


def apply_decisions(groups: Groups, judging: Judging) -> tuple[Groups, list[str]]:
    """The groups after the head judge's decisions, and flags for those that fit no tied group: they are void."""
    orders = {}
    for order, reason in judging.decisions:
        blocks = [sorted(block) for block in order]
        named = sorted(e for block in blocks for e in block)
        fits = reason.strip() and all(blocks) and [named] == [sorted(g) for g, by in groups if by is None and sorted(g) == named]
        if fits or tuple(named) not in orders:
            orders[tuple(named)] = blocks if fits else None
    after: Groups = []
    for group, by in groups:
        blocks = orders.get(tuple(sorted(group))) if by is None else None
        after += [(block, "decision") for block in blocks] if blocks else [(group, by)]
    return after, ["decision-void:" + "+".join(map(str, named)) for named, blocks in orders.items() if blocks is None]


def standings(judging: Judging) -> dict:
    """Rank the entries of one category, best first, with a reason for every place.

    returns  {"provisional", "rows": [{"place", "entry", "score", "judges", "spread", "tied_with", "decided_by"}],
             "unranked", "missing": [{"judge", "entry"}], "flags", "unresolved": [[entry]], "stale": [run-off]}
             score and spread are None where a method has none; a ranking's row has "ranks" {judge: rank}; tokens miss no entry: None
    errors   Refused: `bad_field` (a weight), `bad_tokens`, `bad_ranking`

    Source: docs/scoring.md. Places are standard competition ranking ("1224").

    >>> sheets = {("ana", 1): {"t": 8}, ("ana", 2): {"t": 8}, ("ana", 3): {"t": 5}}
    >>> table = standings(Judging([1, 2, 3], ["ana"], [Criterion("t", "Technique")], sheets))
    >>> [(r["place"], r["entry"], r["decided_by"]) for r in table["rows"]]
    [(1, 1, 'shared'), (1, 2, 'shared'), (3, 3, 'mean')]
    """
    judging = dataclasses.replace(judging, entries=sorted(judging.entries), panel=list(judging.panel))
    count = count_of(judging)
    ranked = [e for e in judging.entries if count.judges[e]]
    groups, stale, void = hold_run_offs(break_ties([(ranked, None)] if ranked else [], count.steps), judging)
    groups, voids = apply_decisions(groups, judging)
    rows = _rows(groups, count)
    missing = [(j, e) for j, e in count.missing if j not in set(judging.gone)]
    below = [f"quorum:{r['entry']}" for r in sorted(rows, key=lambda r: r["entry"]) if r["judges"] < judging.quorum]
    shared = {tuple(sorted([r["entry"], *r["tied_with"]])) for r in rows if r["decided_by"] == "shared" and r["place"] <= judging.places}
    return {"provisional": bool(missing), "rows": rows, "unranked": [e for e in judging.entries if not count.judges[e]],
            "missing": [{"judge": j, "entry": e} for j, e in missing],
            "flags": [*count.flags, *below, *void, *voids] if judging.entries else [],
            "unresolved": sorted(map(list, shared)), "stale": stale}


def _rows(groups: Groups, count: Count) -> list[dict]:
    rows, place = [], 1
    for group, by in groups:
        for entry in sorted(group):
            rows.append({"place": place, "entry": entry} | count.shown(entry) | {
                "judges": len(count.judges[entry]), "tied_with": sorted(e for e in group if e != entry), "decided_by": by or "shared"})
        place += len(group)
    return rows


# --- Reasons ----------------------------------------------------------------
# How the places came about, for whoever has to answer for them: exact numbers,
# each step of a tie, and what the places would be if they were counted otherwise.
# Reads a Judging as Scoring does; nothing here decides.

MOST_DUELS = 40  # entries level up to there are told pair by pair: of more nobody reads the thousands of pairs


def what_if(judging: Judging) -> dict:
    """What the places would be if strict and generous judges were evened out. For the organiser to look at: it decides nothing.

    returns  {"judge_effect": {"rows": [{"place", "entry", "score"}], "judges": {judge: how much above the others}} or None,
             "z_score": the same, "judges" being their {judge: standard deviation}}; None: the judges have no entries in common

    Judge effect: s_ij = m_i + b_j by least squares, the b_j adding up to 0; exact. z-score: the mean over the judges of
    (mark - the judge's mean) / the judge's standard deviation; a judge whose marks are all equal says 0. It needs a
    root, which is cut at 12 places and compared at 6: the only numbers here that are not exact.

    >>> given = {("a", 1): {"t": 9}, ("a", 2): {"t": 7}, ("b", 2): {"t": 5}, ("b", 3): {"t": 6}}
    >>> what_if(Judging([1, 2, 3], ["a", "b"], [Criterion("t", "T")], given))["judge_effect"]["judges"]
    {'a': 1.0, 'b': -1.0}
    """
    totals = {e: each for e, each in judge_totals(judging).items() if each}
    found = ((j, {e: each[j] for e, each in totals.items() if j in each}) for j in judging.panel)
    by_judge = {j: each for j, each in found if each}
    effects = _effects(totals, by_judge)
    mean = {j: mean_of(each.values()) for j, each in by_judge.items()}
    wide = {j: _root(mean_of((t - mean[j]) ** 2 for t in each.values())) for j, each in by_judge.items()}
    z = {e: mean_of((t - mean[j]) / wide[j] if wide[j] else Fraction(0) for j, t in each.items()) for e, each in totals.items()}
    evened = {e: mean_of(t - (effects or {}).get(j, 0) for j, t in each.items()) for e, each in totals.items()}
    return {"judge_effect": _what_if_rows(evened, effects) if effects is not None else None,
            "z_score": _what_if_rows({e: Fraction(round(value * 10**6), 10**6) for e, value in z.items()}, wide)}


def _what_if_rows(scores: Mapping[int, Fraction], judges: Mapping[str, Fraction]) -> dict:
    order = sorted(scores, key=lambda e: (-scores[e], e))
    rows = [{"place": 1 + sum(s > scores[e] for s in scores.values()), "entry": e, "score": rounded(scores[e])} for e in order]
    return {"rows": rows, "judges": {j: rounded(value) for j, value in judges.items()}}


def _root(value: Fraction) -> Fraction:
    """A square root, cut at 12 places."""
    return Fraction(math.isqrt(value.numerator * 10**24 // value.denominator), 10**12)


def _effects(totals: Mapping, by_judge: Mapping) -> dict[str, Fraction] | None:
    """{judge: b_j}, or None where the judges fall apart into groups without an entry in common."""
    judges = list(by_judge)
    rows = []
    for j in judges[1:]:  # the equation of the first follows from the others: its place takes the sum of 0
        shares = {k: sum((Fraction(1, len(totals[e])) for e in by_judge[j] if k in totals[e]), Fraction(0)) for k in judges}
        rest = sum((t - mean_of(totals[e].values()) for e, t in by_judge[j].items()), Fraction(0))
        rows.append([Fraction(len(by_judge[j])) * (j == k) - shares[k] for k in judges] + [rest])
    solved = _solve([[Fraction(1)] * len(judges) + [Fraction(0)], *rows]) if judges else []
    return None if solved is None else dict(zip(judges, solved))


def _solve(rows: list[list[Fraction]]) -> list[Fraction] | None:
    """The solution of n equations in n unknowns (the last column is the right side), None where there is not one only."""
    for i in range(len(rows)):
        pivot = next((k for k in range(i, len(rows)) if rows[k][i]), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for k, row in enumerate(rows):
            if k != i and row[i]:
                rows[k] = [x - row[i] * y for x, y in zip(row, rows[i])]
    return [row[-1] for row in rows]


def written(value: Fraction) -> str:
    """An exact number as a decimal where it has one, else as the fraction that it is; not below 0.

    >>> written(Fraction(349, 40)), written(Fraction(26, 3)), written(Fraction(8))
    ('8.725', '26/3', '8')
    """
    digits = next((n for n in range(40) if 10 ** n % value.denominator == 0), None)
    if not digits:
        return str(value)
    whole, rest = divmod(value.numerator * 10 ** digits // value.denominator, 10 ** digits)
    return f"{whole}.{rest:0{digits}d}"


def exact_scores(judging: Judging) -> dict[int, str]:
    """{entry: its score, exact}; a ranking has none."""
    count = count_of(judging)
    key = count.steps[0][1].keywords["key"]
    return {} if judging.method == "ranking" else {e: written(Fraction(key(e))) for e in judging.entries if count.judges[e]}


def sheet_totals(judging: Judging) -> dict[tuple[str, int], tuple[str, str]]:
    """{(judge, entry): (total of the sheet, exact; "counted", "dropped-high" or "dropped-low")} of the sheets that are read.

    Of several that are as high, or as low, the first of the panel is named: one copy is dropped, and it does not matter which.
    """
    totals = judge_totals(judging)
    found = {(j, e): (written(t), "counted") for e, each in totals.items() for j, t in each.items()}
    for entry, each in totals.items() if dropped(judging, totals) else ():
        lowest = min(each, key=each.get)
        highest = max((j for j in each if j != lowest), key=each.get)
        for judge, why in ((lowest, "dropped-low"), (highest, "dropped-high")):
            found[judge, entry] = found[judge, entry][0], why
    return found


def tie_chain(judging: Judging) -> list[dict]:
    """Each step of the chain that a group of level entries came to, in the order taken, with its numbers.

    returns  [{"step", "entries", "into": [[entry]], best first, "values": {entry: [exact numbers]}}]; head-to-head has "duels"
             [{"entries": [a, b], "judges": [how many put a above b, b above a]}] instead (up to MOST_DUELS entries), a run-off its
             "run_off" id, a decision its "reason"; both are "void" where they were not about such a group, or a later one replaced them

    >>> sheets = {("ana", 1): {"t": 8}, ("ana", 2): {"t": 7}}
    >>> tie_chain(Judging([1, 2], ["ana"], [Criterion("t", "Technique")], sheets))
    [{'step': 'mean', 'entries': [1, 2], 'into': [[1], [2]], 'values': {1: ['8'], 2: ['7']}}]
    """
    judging = dataclasses.replace(judging, entries=sorted(judging.entries), panel=list(judging.panel))
    count, told = count_of(judging), []
    ranked = [e for e in judging.entries if count.judges[e]]
    groups = break_ties([(ranked, None)] if ranked else [], [_told(name, split, judging, told) for name, split in count.steps])
    for key, entries, votes in judging.run_offs:
        groups, stale, _ = hold_run_offs(groups, dataclasses.replace(judging, run_offs=[(key, entries, votes)]))
        heard = list(heard_votes(judging, entries, votes).values())
        told.append({"step": "run-off", "run_off": key, "entries": sorted(entries), "void": bool(stale),
                     "into": [] if stale else [sorted(group) for group, _ in groups if set(group) <= set(entries)],
                     "values": {e: [str(heard.count(e))] for e in sorted(entries)}})
    return told + _told_decisions(groups, judging)


def _told(name: str, split: Callable, judging: Judging, told: list[dict]) -> tuple[str, Callable]:
    """A step that writes down what it does; alone entries never come to it."""
    def watched(group: list) -> list[list]:
        blocks = split(group)
        numbers = {"values": {e: _figures(split.keywords["key"](e)) for e in sorted(group)}} if name != "head-to-head" else {
            "values": {}, "duels": _duels(group, judge_totals(judging)) if len(group) <= MOST_DUELS else []}
        told.append({"step": name, "entries": sorted(group), "into": [sorted(block) for block in blocks]} | numbers)
        return blocks
    return name, watched


def _figures(key) -> list[str]:
    """The numbers that a step compares; the sign only says which way."""
    return [part for each in key for part in _figures(each)] if isinstance(key, tuple) else [written(abs(Fraction(key)))]


def _duels(group: list, totals: Mapping) -> list[dict]:
    """Who put whom above whom: the pairs of a group, each with its count of judges."""
    found = []
    for a, b in itertools.combinations(sorted(group), 2):
        both = [j for j in totals[a] if j in totals[b]]
        found.append({"entries": [a, b], "judges": [sum(totals[a][j] > totals[b][j] for j in both),
                                                    sum(totals[b][j] > totals[a][j] for j in both)]})
    return found


def _told_decisions(groups: Groups, judging: Judging) -> list[dict]:
    """What the head judge decided; of several about the same entries the last one that fits holds."""
    told: list[dict] = []
    for order, reason in judging.decisions:
        named = sorted(e for block in order for e in block)
        fits = not apply_decisions(groups, dataclasses.replace(judging, decisions=[(order, reason)]))[1]
        for before in told:
            before["void"] |= fits and before["entries"] == named
        told.append({"step": "decision", "entries": named, "into": [sorted(block) for block in order], "values": {}, "reason": reason,
                     "void": not fits})
    return told


# --- Decisions --------------------------------------------------------------
# The rules: what a command makes happen, or why not. Pure: Desk asks at the
# door, once; afterwards only the events count. Here stand what the rules ask
# of the state, the door, and the rules of contest, categories, judges and
# entries; those of judging are the next section's.

MARKED = Map({"tokens": "tokens", "ranking": "ranking"})  # what else than marks on criteria a method counts


def known_category(state: State, category: str, *allowed: str) -> Category:
    found = state.categories.get(category)
    if found is None:
        raise no_such("category", category)
    if allowed and found.state not in allowed:
        raise Refused("wrong_state", f"{found.name} is {found.state}; it would have to be {' or '.join(allowed)}.", 409)
    return found


def known_entry(state: State, number: int) -> Entry:
    if number not in state.entries:
        raise no_such("entry", number)
    return state.entries[number]


def known_judge(state: State, judge: str, *roles: str) -> Judge:
    found = state.judges.get(judge)
    if found is None or (roles and found.role not in roles):
        raise no_such("judge", judge)
    return found


def entries_of(state: State, category: str) -> list[Entry]:
    return sorted((e for e in state.entries.values() if e.category == category), key=lambda e: e.number)


def pool_of(state: State, category: Category) -> list[Entry]:
    """The entries that compete in a category, by number: its own; in a people's choice those of the categories it takes them from.

    Where it names none it is all of them but the first places of a Best of Show, which are there already.
    """
    if category.method != "choice":
        return entries_of(state, category.id)
    sources = category.sources or [c.id for c in state.categories.values() if not c.sources]
    return sorted((e for e in state.entries.values() if e.category in sources), key=lambda e: e.number)


def competes(state: State, category: Category, entry: Entry) -> bool:
    if category.method != "choice":
        return entry.category == category.id
    return entry.category in category.sources or not (category.sources or state.categories[entry.category].sources)


def sits_on(judge: Judge, category: str) -> bool:
    return judge.role == "judge" and (judge.categories is None or category in judge.categories)


def _panel(state: State, category: str) -> list[Judge]:
    """The judges of a category, in the order invited."""
    return sorted((j for j in state.judges.values() if sits_on(j, category)), key=lambda j: int(j.id[1:]))


def judging_of(state: State, category: Category) -> Judging:
    """What the standings of a category are made of, as things are.

    Of a people's choice nobody is told who is ahead while people may vote: until it is closed nobody has a vote here.
    A judge whose link was revoked stays on the panel with what was judged, and is missing nowhere. A run-off counts
    once it is closed.
    """
    pool = [e.number for e in pool_of(state, category) if e.state not in OUT_STATES]
    if category.method == "choice":  # no judge, sheet or run-off has a say in it
        secret = category.state in ("open", "judging")
        votes = Counter(vote.entry for vote in state.votes.get(category.id, Map()).values()) if not secret else Map()
        return Judging(pool, (), places=category.places, method="choice", votes=votes, quorum=category.quorum,
                       decisions=[(tie.order, tie.reason) for tie in state.ties.get(category.id, ())])
    seats = _panel(state, category.id)
    sheets = {(s.judge, n): s for n in pool for s in state.sheets.get(n, {}).values()}
    held = [r for r in run_offs_of(state, category.id) if r.closed]
    return Judging(
        pool, [j.id for j in seats], category.criteria, {pair: s.marks for pair, s in sheets.items()},
        {pair for pair, s in sheets.items() if s.recused}, category.places, category.method,
        {h.judge: h.entries for h in state.hands.get(category.id, {}).values()}, category.tokens, category.quorum,
        {j.id for j in seats if j.revoked}, [(r.id, r.entries, r.votes) for r in held],
        [(tie.order, tie.reason) for tie in state.ties.get(category.id, ())])


def category_standings(state: State, category: str) -> dict:
    """The standings of a category as `standings` gives them, with its id, its method and the entries that are out."""
    found = known_category(state, category)
    out = [e.number for e in pool_of(state, found) if e.state in OUT_STATES]
    table = standings(judging_of(state, found))
    voting = found.method == "choice" and found.state in ("open", "judging")
    return {"category": category, "method": found.method} | table | {"provisional": table["provisional"] or voting, "out": out}


def tied_groups(judging: Judging) -> list[list[int]]:
    """The groups of entries that nothing but the head judge has told apart."""
    rows = standings(dataclasses.replace(judging, decisions=()))["rows"]
    return [sorted([r["entry"], *r["tied_with"]]) for r in rows if r["tied_with"]]


def run_offs_of(state: State, category: str | None = None) -> list[RunOff]:
    """The run-offs of a category, or all, in the order called."""
    return sorted((r for r in state.run_offs.values() if category in (None, r.category)), key=lambda r: int(r.id[1:]))


def seats(state: State, run_off: RunOff) -> list[str]:
    """The judges who are told of a run-off: of the panel, their link alive."""
    return [j.id for j in _panel(state, run_off.category) if not j.revoked]


def voters(state: State, run_off: RunOff) -> list[str]:
    """The judges who may vote in a run-off: those who are told of it and are recused from none of its entries."""
    sheets = [state.sheets.get(number, {}) for number in run_off.entries]
    return [j for j in seats(state, run_off) if not any(j in each and each[j].recused for each in sheets)]


def _is_judged(state: State, category: str) -> bool:
    """Whether a judge has given anything in a category. A recusal is not about how it is judged."""
    given = (state.hands, state.after_hands, state.votes)
    return any(category in each for each in given) or any(_is_marked(state, e.number) for e in entries_of(state, category))


def _is_marked(state: State, entry: int) -> bool:
    return any(sheet.marks for kept in (state.sheets, state.after) for sheet in kept.get(entry, {}).values())


def podium(table: Mapping, places: int) -> list[list[int]]:
    """The groups of entries that the standings place among the awards, best first."""
    groups: dict[int, list[int]] = {}
    for row in table["rows"]:
        if row["place"] <= places:
            groups.setdefault(row["place"], []).append(row["entry"])
    return list(groups.values())


def newest_sheet(state: State, entry: int, judge: str) -> Sheet | None:
    """The newest sheet of a judge for an entry, counted or not."""
    return state.after.get(entry, {}).get(judge) or state.sheets.get(entry, {}).get(judge)


def check_none_open(state: State, category: Category, entries: Iterable[int]) -> None:
    if any(not r.closed and set(entries) & set(r.entries) for r in run_offs_of(state, category.id)):
        raise Refused("run_off_open", f"A run-off of {category.name} is open: close it first.", 409)


def full_without(state: State, judge: str, run_offs: Iterable[RunOff]) -> list[Event]:
    """The open run-offs that close since nobody but this judge, who has voted or now may not, still had to."""
    return [RunOffClosed(r.id) for r in run_offs if not r.closed and judge in voters(state, r)
            and all(j in r.votes for j in voters(state, r) if j != judge)]


def decide(state: State, command: Command) -> tuple[Event, ...]:
    """What a command makes happen; nothing at all where it changes nothing.

    errors   Refused: the rule that says no, state unchanged
    """
    return tuple(ruling(command, state))


@functools.singledispatch
def ruling(command: Command, state: State) -> Iterable[Event]:
    raise TypeError(f"no rule for {type(command).__name__}")


@ruling.register(ChangeContest)
def _change_contest(command, state):
    changes = checked(RULES_FIELDS, command.fields)
    changes = {k: v for k, v in changes.items() if getattr(state.rules, k) != v}
    return [ContestChanged(changes)] if changes else []


def _check_scale(lowest, highest, step) -> None:
    if not lowest < highest or (exact(highest) - exact(lowest)) % exact(step):
        raise Refused("bad_field", "Marks go from lowest to highest in whole steps.", field="step")


@ruling.register(AddCategory)
def _add_category(command, state):
    fields = checked(CATEGORY_FIELDS, command.fields, ("name",))
    _check_name(state, fields["name"])
    _check_scale(fields.get("lowest", 1), fields.get("highest", 10), fields.get("step", 0.5))
    for source in fields.get("from", ()):
        _check_source(known_category(state, source), fields.get("method"))
    fields.setdefault("criteria", [{"id": key, "name": name, "weight": 1} for key, name in DEFAULT_CRITERIA])
    last = len(state.categories) + 1
    fields["position"] = min(fields.get("position", last), last)
    # Not the id of a deleted one that a judge's invitation still names.
    taken = {*state.categories, *(c for j in state.judges.values() for c in j.categories or ())}
    return [CategoryAdded(slug(fields["name"], taken), fields)]


@ruling.register(ChangeCategory)
def _change_category(command, state):
    found = known_category(state, command.category)
    changes = checked(CATEGORY_FIELDS, command.fields)
    judged_by = {"criteria", "method", "tokens", "lowest", "highest", "step", "ballots"} | ({"from"} if found.method == "choice" else set())
    if judged_by & set(changes) and _is_judged(state, found.id):
        raise Refused("category_has_sheets", f"{found.name} has been judged: what was judged by stays.", 409)
    if "choice" in (found.method, changes.get("method")) and changes.get("method", found.method) != found.method:
        raise Refused("wrong_method", "A people's choice stays one, and no other category becomes one.", 409)
    if "from" in changes:
        _check_sources(state, found, changes["from"])
    if "name" in changes:
        _check_name(state, changes["name"], found.id)
    if "places" in changes and found.state in ("decided", "announced"):
        raise Refused("wrong_state", f"{found.name} is {found.state}: its awards stay.", 409)
    scale = {k: changes.get(k, getattr(found, k)) for k in ("lowest", "highest", "step")}
    _check_scale(**scale)
    if "position" in changes:
        changes["position"] = min(changes["position"], len(state.categories))
    return [CategoryChanged(found.id, changes)] if changes else []


def _check_name(state: State, name: str, own: str = "") -> None:
    """Two categories of one name could not be told apart on a screen, a certificate or in a table that is imported."""
    if any(folded(each.name) == folded(name) for each in state.categories.values() if each.id != own):
        raise Refused("name_taken", f"There is a category {name} already.", 409, field="name")


def _check_sources(state: State, category: Category, sources: list[str]) -> None:
    if category.state != "open" or (entries_of(state, category.id) and not category.sources):
        raise Refused("wrong_state", f"{category.name} has its own entries, or is judged already.", 409)
    for source in sources:
        _check_source(known_category(state, source), category.method)
    reached = list(sources)
    for source in reached:  # grows while it is walked
        if source == category.id:
            raise Refused("bad_field", f"{category.name} cannot take its own winners.", field="from")
        reached += [each for each in known_category(state, source).sources if each not in reached]


def _check_source(source: Category, method) -> None:
    if method == "choice" == source.method:
        raise Refused("bad_field", "A people's choice has no entries of its own.", field="from")


@ruling.register(DeleteCategory)
def _delete_category(command, state):
    found = known_category(state, command.category)
    if entries_of(state, found.id) or found.id in state.votes:
        raise Refused("category_not_empty", f"{found.name} has entries: move them first.", 409)
    for each in state.categories.values():
        if each.sources == (found.id,):  # without any it would be another award: one with entries of its own, or a choice among all
            raise Refused("last_source", f"{each.name} takes its entries from {found.name} alone: give it another source first.", 409)
    return [CategoryDeleted(found.id)]


@ruling.register(StartJudging)
def _start_judging(command, state):
    found = known_category(state, command.category, "open")
    return [JudgingStarted(found.id), *(_advanced(state, found) if found.method != "choice" else ())]


def _advanced(state: State, category: Category) -> list[Event]:
    """An entry for each first place of the categories that this one takes its entries from, with the recusals carried over.

    It stands for the entry as it first came, so that who has won the day and the category competes once.
    """
    there, events = {e.of for e in entries_of(state, category.id)}, []
    for source in category.sources:
        each = known_category(state, source)
        if each.state != "announced":
            raise Refused("not_announced", f"{each.name} is not announced yet: who won it is not known.", 409)
        for number in (state.decisions[source].places or ((),))[0]:
            of = state.entries[number].of or number
            if of in there or {state.entries[n].state for n in (of, number)} & OUT_STATES:
                continue
            there.add(of)
            made = changed(state.entries[of], number=state.numbers + 1 + sum(type(e) is EntryAdvanced for e in events), category=category.id)
            events += [EntryAdvanced(made.number, category.id, of), *_carried_recusals(state, state.entries[number], made)]
    return events


def _carried_recusals(state: State, source: Entry, made: Entry) -> list[Event]:
    """Who was recused from the first place is so from the entry that stands for it; what the organiser lifted stays lifted."""
    panel = [j for j in _panel(state, made.category)]
    sheets = {j.id: newest_sheet(state, source.number, j.id) for j in panel}
    told: list[Event] = [StudioMatched(j, [made.number]) if sheet.because == "studio" else JudgeRecused(made.number, j, "")
                         for j, sheet in sheets.items() if sheet and sheet.recused]
    return told + _studio_matches(state, [j for j in panel if not (sheets[j.id] and sheets[j.id].because)], [made])


def family(state: State, number: int) -> list[int]:
    """An entry and those that stand for the same tattoo in a Best of Show, the one that came first last."""
    of = state.entries[number].of or number
    if not any(c.sources for c in state.categories.values()):
        return [of]
    return [*sorted(e.number for e in state.entries.values() if e.of == of), of]


@ruling.register(CloseJudging)
def _close_judging(command, state):
    return [JudgingClosed(known_category(state, command.category, "judging").id)]


@ruling.register(OpenCategory)
def _open_category(command, state):
    found = known_category(state, command.category, "judging")
    reason = REASON("reason", command.reason)
    if not reason and _is_judged(state, found.id):
        raise Refused("reason_needed", f"{found.name} has sheets already: say why it is opened again.")
    return [CategoryOpened(found.id, reason)]


@ruling.register(ReopenCategory)
def _reopen_category(command, state):
    found = known_category(state, command.category, "closed", "decided")
    reason = REASON("reason", command.reason)
    if not reason:
        raise Refused("reason_needed", f"Say why {found.name} is judged again.")
    if found.id in state.decisions and state.decisions[found.id].begun:
        raise Refused("wrong_state", f"A place of {found.name} has been revealed: it cannot be judged again.", 409)
    return [CategoryReopened(found.id, reason), *_studio_matches(state, state.judges.values(), entries_of(state, found.id))]


@ruling.register(AnnounceCategory)
def _announce_category(command, state):
    return [CategoryAnnounced(known_category(state, command.category, "decided").id)]


@ruling.register(InviteJudge)
def _invite_judge(command, state):
    fields = {"studio": "", "categories": None, "head": False} | checked(JUDGE_FIELDS, command.fields, ("name", "role"))
    for category in fields["categories"] or ():
        known_category(state, category)
    made = Judge(f"j{state.judge_ids + 1}", **fields)
    return [JudgeInvited(made.id, **fields), *_studio_matches(state, [made], _undecided_entries(state))]


@ruling.register(RenewJudge)
def _renew_judge(command, state):
    judge = known_judge(state, command.judge)
    return [JudgeRenewed(judge.id), *_studio_matches(state, [changed(judge, revoked=False)], _undecided_entries(state))]


def _undecided_entries(state: State) -> Iterator[Entry]:
    done = {c.id for c in state.categories.values() if c.state in ("decided", "announced")}
    return (e for e in state.entries.values() if e.category not in done)


def _studio_matches(state: State, judges: Iterable[Judge], entries: Iterable[Entry]) -> list[Event]:
    """The recusals that come by themselves: of each judge from the studio of an entry, unless one stands or was lifted.

    Events, not something that standings look up: they must hold when a name is typed anew or its person is erased.
    """
    told = []
    sitting = [j for j in judges if j.role == "judge" and not j.revoked and folded(j.studio)]
    named = [(e, folded(e.studio)) for e in entries if e.studio] if sitting else []
    for judge in sitting:
        found = [e.number for e, studio in named if studio == folded(judge.studio) and sits_on(judge, e.category)
                 and not ((now := newest_sheet(state, e.number, judge.id)) and (now.recused or now.because))]
        if found:
            concerned = [r for r in run_offs_of(state) if set(r.entries) & set(found)]
            told += [StudioMatched(judge.id, found), *full_without(state, judge.id, concerned)]
    return told


@ruling.register(RevokeJudge)
def _revoke_judge(command, state):
    if known_judge(state, command.judge).revoked:
        return []
    return [JudgeRevoked(command.judge), *full_without(state, command.judge, run_offs_of(state))]


@ruling.register(AddKey)
def _add_key(command, state):
    return [KeyAdded(f"k{state.judge_ids + 1}", **checked(KEY_FIELDS, command.fields, ("name", "role")))]


@ruling.register(RevokeKey)
def _revoke_key(command, state):
    if command.key not in state.keys:
        raise no_such("key", command.key)
    return [] if state.keys[command.key].revoked else [KeyRevoked(command.key)]


@ruling.register(SubmitEntry)
def _submit_entry(command, state):
    given = dict(command.fields)
    ticks = {name: given.pop(name, False) for name in ("consent", "adult")}
    override = given.pop("override", "")
    fields = checked(ENTRY_FIELDS, given, ("category", "collector"))
    found = known_category(state, fields.pop("category"))
    if ticks["consent"] is not True:
        raise Refused("consent_missing", "The collector's consent to show the photo is missing.")
    if ticks["adult"] is not True:
        raise Refused("adult_missing", "Only adults may enter.")
    if not command.photos:
        raise Refused("photo_missing", "The photo is missing.")
    if not state.rules.registration and command.by.partition(":")[0] not in ("desk", "admin"):
        raise Refused("registration_closed", "Registration is closed.", 409)
    if found.state != "open":
        raise Refused("category_closed", f"{found.name} takes no more entries.", 409)
    _check_own(found)
    names = {name: fields.pop(name, "") for name in PERSONAL}
    described = {name: value for name, value in fields.items() if value}
    entry = Entry(state.numbers + 1, found.id, (), command.at, artist=names["artist"], studio=names["studio"], **described)
    late = Refused("category_closed", f"{found.name} has closed.", 409)
    breaks = [late] if found.closes_at is not None and command.at > found.closes_at else []
    return [EntrySubmitted(entry.number, found.id, command.photos, CONSENT, True, **names),
            *([EntryDescribed(entry.number, described)] if described else []),
            *_overridden(command.by, entry, [*breaks, *_broken_rules(state, found, entry)], override),
            *_studio_matches(state, state.judges.values(), [entry])]


def _check_own(*categories: Category) -> None:
    for each in categories:
        if each.method == "choice":
            raise Refused("votes_only", f"In {each.name} people vote for the entries of other categories: it takes none itself.", 409)
        if each.sources:
            raise Refused("winners_only", f"The entries of {each.name} are the winners of other categories.", 409)


# The rules of a category. Each that an entry breaks is a refusal, which the desk may override with a reason.


def _broken_rules(state: State, category: Category, entry: Entry) -> Iterator[Refused]:
    """What speaks against an entry in a category. Where a rule asks for something, nothing said is no answer to it."""
    if category.age not in ("either", entry.age):
        yield Refused("wrong_age", f"{category.name} is for {category.age} tattoos: say which this is.", field="age")
    if category.at_show and not entry.at_show:
        yield Refused("not_at_show", f"{category.name} is for tattoos done at the show.", field="at_show")
    if category.size_cm and not category.size_cm[0] <= entry.size_cm <= category.size_cm[1]:
        low, high = category.size_cm
        yield Refused("size_out_of_range", f"{category.name} is for tattoos of {low:g} to {high:g} cm.", field="size_cm", size_cm=[low, high])
    if category.max_per_artist:
        most, artist = category.max_per_artist, folded(entry.artist)
        others = [e for e in state.entries.values() if e.category == category.id and e.number != entry.number
                  and e.state not in OUT_STATES and folded(e.artist) == artist]
        if not artist or len(others) >= most:
            yield Refused("too_many_of_artist", f"{category.name} takes {most} of each artist, who is to be named.", 409, field="artist", most=most)


def _overridden(by: str, entry: Entry, breaks: list[Refused], override) -> list[Event]:
    """The event that lets an entry break rules; none where it breaks none.

    errors   Refused: the first of them, where nobody says why it may; `not_allowed` where the desk did not say it
    """
    reason = REASON("override", override)
    if reason and by.partition(":")[0] not in ("desk", "admin"):
        raise Refused("not_allowed", "Only the desk overrides a rule.", 403)
    if breaks and not reason:
        raise breaks[0]
    return [RulesOverridden(entry.number, [each.code for each in breaks], reason)] if breaks else []


@ruling.register(AddPhoto)
def _add_photo(command, state):
    entry = known_entry(state, command.entry)
    if entry.number in state.erased:
        raise Refused("erased", f"The person of entry {entry.number} was erased.", 409)
    if entry.state in OUT_STATES:
        raise Refused("withdrawn", f"Entry {entry.number} is {entry.state}.", 409)
    if not command.photos:
        raise Refused("photo_missing", "The photo is missing.")
    at_desk = command.by.partition(":")[0] in ("desk", "admin")
    found = known_category(state, entry.category, *(("open", "judging", "closed") if at_desk else ("open",)))
    if len(entry.photos) >= (4 if at_desk else 2 if found.needs else 1):  # a collector brings what is asked for, no more
        raise Refused("too_many_photos", f"Entry {entry.number} has all its photos.", 409)
    return [PhotoAdded(entry.number, command.photos[0])]


def lacks_photo(state: State, entry: Entry) -> bool:
    needed = state.categories[entry.category].needs
    return bool(needed) and len(entry.photos) < 2 and "second_photo_missing" not in entry.overridden


@ruling.register(ChangeEntry)
def _change_entry(command, state):
    entry = known_entry(state, command.entry)
    if entry.number in state.erased:
        raise Refused("erased", f"The person of entry {entry.number} was erased.", 409)
    given = dict(command.fields)
    override = given.pop("override", "")
    changes = {k: v for k, v in checked(ENTRY_FIELDS, given).items() if getattr(entry, k) != v}
    events = []
    target = changes.pop("category", entry.category)
    if target != entry.category:
        known_category(state, target, "open", "judging")
        source = known_category(state, entry.category, "open", "judging", "closed")
        _check_own(source, state.categories[target])
        check_none_open(state, source, [entry.number])
        if _is_marked(state, entry.number) and not _same_scale(source, state.categories[target]):
            raise Refused("category_has_sheets", f"Entry {entry.number} has been judged, and the other category judges by another scale.", 409)
        events.append(EntryMoved(entry.number, target))
    after = changed(entry, category=target, **changes)
    described = {k: changes.pop(k) for k in DESCRIBED if k in changes}
    for number in family(state, entry.number) if changes else ():
        events.append(EntryChanged(number, changes))
    events += [EntryDescribed(entry.number, described)] if described else []
    return events + _follows(state, command.by, entry, after, override)


def _follows(state: State, by: str, before: Entry, after: Entry, override) -> list[Event]:
    """What follows from another category, artist or size of an entry: rules that are overridden, recusals."""
    events, moved, found = [], before.category != after.category, state.categories[after.category]
    if moved or any(getattr(before, name) != getattr(after, name) for name in ("artist", *DESCRIBED)):
        known = () if moved else before.overridden
        events += _overridden(by, after, [b for b in _broken_rules(state, found, after) if b.code not in known], override)
    if found.state not in ("decided", "announced") and (moved or before.studio != after.studio):
        events += _studio_matches(state, state.judges.values(), [after])
    return events


def _same_scale(one: Category, other: Category) -> bool:
    """Whether sheets given in one category mean the same in the other."""
    return len({(tuple(c.id for c in each.criteria), each.lowest, each.highest, each.step, MARKED.get(each.method))
                for each in (one, other)}) == 1


@ruling.register(MergeCategory)
def _merge_category(command, state):
    found, into = known_category(state, command.category, "open", "judging", "closed"), known_category(state, command.into, "open", "judging")
    if found.id == into.id:
        raise Refused("bad_field", f"{found.name} is not merged with itself.", field="into")
    _check_own(found, into)
    reason = REASON("reason", command.reason)
    if not reason:
        raise Refused("reason_needed", f"Say why {found.name} is merged with {into.name}.")
    entries = entries_of(state, found.id)
    by_hand = found.id in state.hands  # tokens and rankings are given to a whole category: they do not move with its entries
    if by_hand or (any(_is_marked(state, e.number) for e in entries) and not _same_scale(found, into)):
        raise Refused("category_has_sheets", f"{found.name} has been judged, and {into.name} judges by another scale.", 409)
    check_none_open(state, found, [e.number for e in entries])
    moved = [changed(e, category=into.id) for e in entries]
    made = CategoryMerged(found.id, into.id, [e.number for e in entries], reason)
    return [made, *_sources_merged(state, found, into), *_studio_matches(state, state.judges.values(), moved)] if entries else []


def _sources_merged(state: State, found: Category, into: Category) -> list[Event]:
    """Whoever takes its entries from a category takes them from the one that this was merged into."""
    return [CategoryChanged(each.id, {"from": list(dict.fromkeys(into.id if s == found.id else s for s in each.sources))})
            for each in state.categories.values() if found.id in each.sources]


@ruling.register(SetEntryState)
def _set_entry_state(command, state):
    entry = known_entry(state, command.entry)
    reason = REASON("reason", command.reason)
    role = command.by.partition(":")[0]
    if entry.state in OUT_STATES and role == "host":
        raise Refused("not_allowed", f"Entry {entry.number} is {entry.state}: that is not yours to change.", 403)
    if entry.state in OUT_STATES and role == "public":
        return []
    if entry.number in state.erased and command.state not in OUT_STATES:
        raise Refused("erased", f"The person of entry {entry.number} was erased.", 409)
    if command.state == "disqualified" and not reason:
        raise Refused("reason_needed", f"Say why entry {entry.number} is disqualified.")
    if entry.state == command.state:
        return []
    lacks = command.state == "checked-in" and lacks_photo(state, entry)
    missing = Refused("second_photo_missing", f"Entry {entry.number} needs a second photo: {state.categories[entry.category].needs}.", 409)
    return [EntryStateChanged(entry.number, command.state, reason), *_overridden(command.by, entry, [missing] if lacks else [], reason if lacks else "")]


@ruling.register(CallEntry)
def _call_entry(command, state):
    entry = known_entry(state, command.entry)
    if entry.state in OUT_STATES and command.by.partition(":")[0] == "host":
        raise Refused("not_allowed", f"Entry {entry.number} is {entry.state}: that is not yours to change.", 403)
    if entry.number in state.erased:
        raise Refused("erased", f"The person of entry {entry.number} was erased.", 409)
    waits = entry.state == "called"
    call = _checked_call(command.call, entry.calls if waits else min(entry.calls, CALLS - 1), f"Entry {entry.number}")
    return [] if waits and call <= entry.calls else [EntryCalled(entry.number, max(call, entry.calls))]


@ruling.register(CallCategory)
def _call_category(command, state):
    found = known_category(state, command.category)
    waiting = [e for e in entries_of(state, found.id) if e.state not in OUT_STATES and e.state != "on-stage" and not e.been]
    call = _checked_call(command.call, max((e.calls for e in waiting), default=0), found.name)
    return [EntryCalled(e.number, call) for e in waiting if e.state != "called" or e.calls < call]


def _checked_call(call: int, made: int, who: str) -> int:
    """Which call is asked for, 0 being the next: named by its number, so that two who tap at once call once."""
    if not 0 <= call <= CALLS:
        raise Refused("bad_field", f"call is 1 to {CALLS}.", field="call")
    if call == 0 and made >= CALLS:
        raise Refused("no_more_calls", f"{who} has been called {CALLS} times.", 409)
    if call > made + 1:
        raise Refused("call_skipped", f"Call {made + 1} of {who} comes first.", 409)
    return call or made + 1


@ruling.register(ErasePerson)
def _erase_person(command, state):
    entry = known_entry(state, command.entry)
    return [] if entry.number in state.erased else [PersonErased(entry.number, sorted(state.private.get(entry.number, ())))]


@ruling.register(RestoreContest)
def _restore_contest(command, state):
    carried = command.carried
    erased = [PersonErased(n, sorted(state.private.get(n, ()))) for n in carried["erased"]
              if n in state.entries and n not in state.erased]
    revoked = [CodesRevoked(state.batches[b].category, b) for b in carried.get("batches", ()) if b in state.batches and not state.batches[b].revoked]
    return [ContestRestored(carried["judges"], carried["judge_ids"], carried["numbers"]), *revoked, *erased]


def carried_over(state: State) -> dict:
    """What of a state must survive the restore of an older one: dead links, given numbers, erased people."""
    judges = {j.id: [j.generation, j.revoked] for j in state.judges.values() if j.generation > 1}
    judges |= {k.id: [1, True] for k in state.keys.values() if k.revoked}
    return {"judges": judges, "judge_ids": state.judge_ids, "numbers": state.numbers, "erased": sorted(state.erased),
            "batches": sorted(b.id for b in state.batches.values() if b.revoked),
            "gone_photos": sorted(name for names in state.erased.values() for name in names)}


@ruling.register(HidePhoto)
def _hide_photo(command, state):
    known_entry(state, command.entry)
    return [PhotoHidden(n) for n in family(state, command.entry) if not state.entries[n].hidden]


@ruling.register(ShowPhoto)
def _show_photo(command, state):
    known_entry(state, command.entry)
    return [PhotoShown(n) for n in family(state, command.entry) if state.entries[n].hidden]


# --- Judging ----------------------------------------------------------------
# The rules of what judges give and what becomes of it: sheets, tokens,
# rankings, run-offs, the people's votes, the decision, the reveal and the
# stage. As pure as Decisions, whose door they stand behind.


@ruling.register(GiveSheet)
def _give_sheet(command, state):
    entry, judge, found = _seat(state, command.entry, command.judge)
    _check_method(found, "points", "trimmed")
    marks = _checked_marks(found, command.marks)
    now = newest_sheet(state, entry.number, judge.id)
    if (command.base or 0) != (now.seq if now else 0):
        raise Refused("conflict", f"Entry {entry.number} was judged on another device in between.", 409,
                      sheet=plain(now) | ({} if command.by == "admin" else {"because": told_because(now)}) if now else None)
    note = NOTE("note", command.note)
    return [SheetGiven(entry.number, judge.id, marks, note, *_late_and_counted(found))]


def _late_and_counted(category: Category) -> tuple[bool, bool]:
    return category.state != "judging", category.state in ("judging", "closed")


@ruling.register(RecuseJudge)
def _recuse_judge(command, state):
    entry, judge, found = _seat(state, command.entry, command.judge)
    if found.state in ("decided", "announced"):
        raise Refused("wrong_state", f"{found.name} is {found.state}: its standings stay.", 409)
    reason = REASON("reason", command.reason)
    now = newest_sheet(state, entry.number, judge.id)
    if command.recused == bool(now and now.recused):
        return []
    if not command.recused:
        _check_lift(command.by, now, reason)
        return [RecusalLifted(entry.number, judge.id, reason)]
    concerned = [r for r in run_offs_of(state, found.id) if entry.number in r.entries]
    return [JudgeRecused(entry.number, judge.id, reason), *full_without(state, judge.id, concerned)]


def _check_lift(by: str, sheet: Sheet, reason: str) -> None:
    if sheet.because in ("organiser", "studio") and by.partition(":")[0] != "admin":
        raise Refused("not_allowed", "Only the organiser lifts this recusal.", 403)
    if sheet.because == "studio" and not reason:
        raise Refused("reason_needed", "Judge and entry are of the same studio: say why this judge judges it.")


def _seat(state: State, number: int, judge: str) -> tuple[Entry, Judge, Category]:
    """The entry, the judge who may judge it, and its category; else Refused."""
    entry = known_entry(state, number)
    seat, found = _panel_seat(state, entry.category, judge)
    if entry.state in OUT_STATES:
        raise Refused("withdrawn", f"Entry {number} is {entry.state}.", 409)
    return entry, seat, found


def _panel_seat(state: State, category: str, judge: str) -> tuple[Judge, Category]:
    """The judge who may judge a category, once it is judged; else Refused."""
    found, seat = known_category(state, category), known_judge(state, judge, "judge")
    if not sits_on(seat, category):
        raise Refused("not_allowed", f"{found.name} is not yours to judge.", 403)
    if found.state == "open":
        raise Refused("not_judging", f"Judging of {found.name} has not begun.", 409)
    return seat, found


def _check_method(category: Category, *methods: str) -> None:
    if category.method not in methods:
        raise Refused("wrong_method", f"{category.name} is judged by {category.method}.", 409)


@functools.lru_cache(4096)  # fractions are exact and slow, and the judges of an evening choose among a few dozen marks
def _fits(mark, lowest, highest, step) -> bool:
    """Whether a mark lies on the scale, counted exactly from its lowest point."""
    return lowest <= mark <= highest and not (exact(mark) - exact(lowest)) % exact(step)


def _checked_marks(category: Category, marks) -> dict:
    if not isinstance(marks, dict):
        raise Refused("bad_mark", "Marks are {criterion: number}.")
    known = {c.id for c in category.criteria}
    for name, mark in marks.items():
        if name not in known:
            raise Refused("unknown_criterion", f"{category.name} has no criterion {name}.")
        is_number = isinstance(mark, (int, float)) and not isinstance(mark, bool)
        if not is_number or not _fits(mark, category.lowest, category.highest, category.step):
            raise Refused("bad_mark", f"A mark is a number from {category.lowest} to {category.highest} "
                                      f"in steps of {category.step}.", criterion=name)
    return dict(marks)


def told_because(sheet: Sheet) -> str:
    """What its judge is told of who made a recusal: "judge", who may lift it, or "organiser". Who is of whose studio is not for judges."""
    return ("judge" if sheet.because == "judge" else "organiser") if sheet.recused else ""


@ruling.register(GiveTokens)
def _give_tokens(command, state):
    judge, found = _panel_seat(state, command.category, command.judge)
    _check_method(found, "tokens")
    now = _checked_base(state, found, judge, command.base)
    entries = _checked_entries(state, found, command.entries, "bad_tokens")
    if len(entries) > found.tokens:
        raise Refused("bad_tokens", f"A judge has {found.tokens} tokens in {found.name}.")
    for number in set(entries) - set(now.entries if now else ()):
        if state.entries[number].state in OUT_STATES:
            raise Refused("withdrawn", f"Entry {number} is {state.entries[number].state}.", 409)
    return [TokensGiven(found.id, judge.id, entries, *_late_and_counted(found))]


@ruling.register(GiveRanking)
def _give_ranking(command, state):
    judge, found = _panel_seat(state, command.category, command.judge)
    _check_method(found, "ranking")
    _checked_base(state, found, judge, command.base)
    order = _checked_entries(state, found, command.order, "bad_ranking")
    judging = judging_of(state, found)
    holes = [n for n in judging.entries if n not in order and (judge.id, n) not in judging.recused]
    if order and holes:
        raise Refused("bad_ranking", f"The ranking lacks entry {holes[0]}.", missing=holes)
    return [RankingGiven(found.id, judge.id, order, *_late_and_counted(found))]


def _checked_base(state: State, category: Category, judge: Judge, base) -> Hand | None:
    """The judge's hand as it is; a conflict if it is not the one that the judge has seen."""
    now = newest_hand(state, category.id, judge.id)
    if (base or 0) != (now.seq if now else 0):
        raise Refused("conflict", f"{category.name} was judged on another device in between.", 409, hand=plain(now) if now else None)
    return now


def _checked_entries(state: State, category: Category, numbers, code: str) -> list[int]:
    """Entry numbers of a category, none of them twice."""
    if not isinstance(numbers, list) or not all(type(n) is int for n in numbers):
        raise Refused("bad_field", "Entries are a list of entry numbers.", field="entries")
    for number in numbers:
        if not competes(state, category, known_entry(state, number)):
            raise Refused(code, f"Entry {number} is not in {category.name}.")
        if numbers.count(number) > 1:
            raise Refused(code, f"Entry {number} is named twice.")
    return numbers


def newest_hand(state: State, category: str, judge: str) -> Hand | None:
    """The newest tokens or ranking of a judge for a category, counted or not."""
    return state.after_hands.get(category, {}).get(judge) or state.hands.get(category, {}).get(judge)


@ruling.register(CallRunOff)
def _call_run_off(command, state):
    found = known_category(state, command.category, "judging", "closed")
    _check_method(found, "points", "trimmed", "tokens", "ranking")
    entries = _checked_entries(state, found, command.entries, "bad_field")
    _check_tied(state, found, entries)
    check_none_open(state, found, entries)
    made = RunOff(f"r{state.run_off_ids + 1}", found.id, tuple(sorted(entries)))
    if not voters(state, made):
        raise Refused("nobody_votes", "There is no judge who may vote between these entries.", 409)
    return [RunOffCalled(made.id, found.id, sorted(entries))]


def _check_tied(state: State, category: Category, entries: list[int]) -> None:
    if sorted(entries) not in tied_groups(judging_of(state, category)):
        raise Refused("not_tied", "These entries are not level, or not all that are: nothing is to be decided between them.", 409)


def _run_off(state: State, run_off: str) -> RunOff:
    if run_off not in state.run_offs:
        raise Refused("no_such_run_off", f"There is no run-off {run_off}.", 404)
    return state.run_offs[run_off]


@ruling.register(VoteInRunOff)
def _vote_in_run_off(command, state):
    run_off = _run_off(state, command.run_off)
    judge, found = _panel_seat(state, run_off.category, command.judge)
    if run_off.closed:
        raise Refused("run_off_closed", "This run-off is closed.", 409)
    if judge.id not in voters(state, run_off):
        raise Refused("recused", "A judge who is recused from one of the entries has no vote.", 409)
    if command.choice not in run_off.entries:
        raise Refused("bad_choice", f"Entry {command.choice} is not in this run-off.")
    if run_off.votes.get(judge.id) == command.choice:
        return []
    return [RunOffVoted(run_off.id, judge.id, command.choice), *full_without(state, judge.id, [run_off])]


@ruling.register(CloseRunOff)
def _close_run_off(command, state):
    return [] if _run_off(state, command.run_off).closed else [RunOffClosed(command.run_off)]


@ruling.register(DecideTie)
def _decide_tie(command, state):
    found = known_category(state, command.category, "judging", "closed")
    if found.method == "choice":  # who is level is secret while people may vote
        known_category(state, found.id, "closed")
    if not isinstance(command.order, list) or not all(isinstance(group, list) and group for group in command.order):
        raise Refused("bad_field", "order is lists of entry numbers, best first: [[118], [121, 130]].", field="order")
    entries = _checked_entries(state, found, [n for group in command.order for n in group], "bad_field")
    _check_tied(state, found, entries)
    check_none_open(state, found, entries)
    reason = REASON("reason", command.reason)
    if not reason:
        raise Refused("reason_needed", "Say why the head judge decided so.")
    return [TieDecided(found.id, command.order, reason)]


# People's choice. A ballot is a keyed hash of a code or of a device: the log holds what was chosen, never by whom.


def _peoples_choice(state: State, category: str, *allowed: str) -> Category:
    found = known_category(state, category, *allowed)
    _check_method(found, "choice")
    return found


@ruling.register(MakeCodes)
def _make_codes(command, state):
    found = _peoples_choice(state, command.category, "open", "judging")
    if found.ballots != "codes":
        raise Refused("wrong_method", f"In {found.name} each device has a vote: there are no codes.", 409)
    if command.batch in state.batches:
        raise Refused("bad_id", "There is a batch of this id.")
    return [CodesMade(found.id, command.batch, CODES("count", command.count))]


@ruling.register(RevokeCodes)
def _revoke_codes(command, state):
    if command.batch not in state.batches:
        raise no_such("batch", command.batch)
    batch = state.batches[command.batch]
    known_category(state, batch.category, "open", "judging")  # after the close it would choose between totals that were seen
    return [] if batch.revoked else [CodesRevoked(batch.category, batch.id)]


@ruling.register(CastVote)
def _cast_vote(command, state):
    found = _peoples_choice(state, command.category)
    check_ballot(state, found, command.batch, command.ballot)
    if found.state == "open":
        raise Refused("voting_not_open", f"The voting of {found.name} has not begun.", 409)
    if found.state != "judging":
        raise Refused("voting_closed", f"The voting of {found.name} is closed.", 409)
    entry = known_entry(state, command.entry)
    if not competes(state, found, entry) or entry.hidden:
        raise Refused("not_in_choice", f"Entry {entry.number} is not up for {found.name}.", 409)
    if entry.state in OUT_STATES:
        raise Refused("withdrawn", f"Entry {entry.number} is {entry.state}.", 409)
    return [VoteCast(found.id, command.batch, command.ballot, entry.number)]


def check_ballot(state: State, category: Category, batch: str, ballot: str) -> None:
    """Refuse a ballot that has no vote, or has given it. A vote for an entry that is out since is lost, and free again.

    batch    the codes that it is one of; "" for a device
    errors   Refused: `wrong_method`, `no_such_code`, `code_revoked`, `code_used`, `device_used`
    """
    if (category.ballots == "codes") != bool(batch):
        raise Refused("wrong_method", f"In {category.name} people vote by {category.ballots}.", 409)
    if batch and (batch not in state.batches or state.batches[batch].category != category.id):
        raise no_such("code", "like this")
    if batch and state.batches[batch].revoked:
        raise Refused("code_revoked", "This code was taken back by the organiser.", 409)
    given = state.votes.get(category.id, Map()).get(ballot)
    entry = state.entries[given.entry] if given else None
    counts = entry is not None and entry.state not in OUT_STATES and competes(state, category, entry)
    if counts and batch:
        raise Refused("code_used", "This code has voted.", 409)
    if counts:
        raise Refused("device_used", "This device has voted.", 409)


@ruling.register(DecideWinners)
def _decide_winners(command, state):
    found = known_category(state, command.category, "closed", "decided")
    if found.id in state.decisions and state.decisions[found.id].begun:
        raise Refused("wrong_state", f"A place of {found.name} has been revealed: its winners stay.", 409)
    places = _checked_places(state, found, command.places)
    check_none_open(state, found, [e.number for e in entries_of(state, found.id)])
    reason = REASON("reason", command.reason)
    table = category_standings(state, found.id)
    same = [sorted(g) for g in places] == [sorted(g) for g in podium(table, found.places)]
    if not reason and (not same or table["provisional"] or table["unresolved"]):
        raise Refused("reason_needed", "These winners differ from the standings, or the standings are not complete: say why.",
                      differs=not same, provisional=table["provisional"], unresolved=table["unresolved"])
    scores = {str(r["entry"]): r["score"] for r in table["rows"] for g in places if r["entry"] in g and r["score"] is not None} if same else {}
    return [WinnersDecided(found.id, places, scores, reason)]


def _checked_places(state: State, category: Category, places) -> list[list[int]]:
    whole = isinstance(places, list) and all(
        isinstance(g, list) and g and all(type(n) is int for n in g) for g in places)
    if not whole:
        raise Refused("bad_field", "Places are lists of entry numbers, best first: [[118], [121, 130]].", field="places")
    named = [n for group in places for n in group]
    if len(set(named)) != len(named):
        raise Refused("bad_places", "An entry can have one place only.")
    if any(sum(map(len, places[:i])) >= category.places for i in range(len(places))):
        raise Refused("bad_places", f"{category.name} has {category.places} places.")
    for number in named:
        entry = known_entry(state, number)
        if not competes(state, category, entry):
            raise Refused("bad_places", f"Entry {number} is not in {category.name}.")
        if entry.state in OUT_STATES:
            raise Refused("withdrawn", f"Entry {number} is {entry.state}.", 409)
    return places


@ruling.register(PassOver)
def _pass_over(command, state):
    found, decision = _decided(state, command.category)
    number = known_entry(state, command.entry).number
    if number in decision.absent:
        return []
    if not any(number in group for group in decision.places):
        raise Refused("not_placed", f"Entry {number} has no place in {found.name}.", 409)
    # Whoever stands behind moves up. So those are either all secret or all shown: a shown place that moved would tell
    # that a secret one has, and taking its names back would be no better.
    if not _may_pass_over(decision, number):
        raise Refused("place_not_shown", f"Places behind that of entry {number} are shown already: show its place first.", 409)
    table = category_standings(state, found.id)
    places = _moved_up(table, found.places, decision, number)
    return [WinnerAbsent(found.id, number, places, _scores(table, places) if decision.scores else {})]


def _may_pass_over(decision: Decision, number: int) -> bool:
    return not decision.revealed or any(number in group for group in decision.revealed)


def places_without(state: State, category: str, table: Mapping) -> dict[str, list[list[int]]]:
    """What the places would become if a winner were not there, for each who may be passed over now: {"118": [[121], [130]]}.

    table    the category's standings, as `category_standings` gives them
    """
    found, decision = known_category(state, category), state.decisions.get(category)
    placed = [n for group in decision.places for n in group] if decision else []
    return {str(n): _moved_up(table, found.places, decision, n) for n in placed if _may_pass_over(decision, n)}


def _decided(state: State, category: str) -> tuple[Category, Decision]:
    found = known_category(state, category)
    if found.id not in state.decisions:
        raise Refused("not_decided", f"The winners of {found.name} are not decided.", 409)
    return found, state.decisions[found.id]


def _moved_up(table: Mapping, most: int, decision: Decision, absent: int) -> list[list[int]]:
    """The places without one entry: those behind it move up, and who comes next in the standings takes the last award.

    Next is the best behind everybody who has, or had, a place: whom the organiser left out on purpose stays out.
    """
    left = [[n for n in group if n != absent] for group in decision.places]
    left = [group for group in left if group]
    had = {*decision.absent, *(n for group in decision.places for n in group)}
    ranks = [i for i, row in enumerate(table["rows"]) if row["entry"] in had]
    behind = table["rows"][ranks[-1] + 1:] if ranks else []
    if behind and sum(map(len, left)) < most:
        left.append([row["entry"] for row in behind if row["place"] == behind[0]["place"]])
    return left


def _scores(table: Mapping, places: Iterable[Iterable[int]]) -> dict[str, float]:
    placed = {n for group in places for n in group}
    return {str(row["entry"]): row["score"] for row in table["rows"] if row["entry"] in placed and row["score"] is not None}


@ruling.register(CorrectWinners)
def _correct_winners(command, state):
    found = known_category(state, command.category, "announced")
    places = _checked_places(state, found, command.places)
    reason = REASON("reason", command.reason)
    if not reason:
        raise Refused("reason_needed", f"Say why the winners of {found.name} are corrected: everybody is shown it.")
    if tuple(map(tuple, places)) == state.decisions[found.id].places:
        return []
    table = category_standings(state, found.id)
    same = [sorted(g) for g in places] == [sorted(g) for g in podium(table, found.places)]
    return [CorrectionMade(found.id, places, _scores(table, places) if same else {}, reason)]


# Warnings: what the organiser should know before deciding, and may decide in spite of.


def decision_warnings(state: State, category: str, table: Mapping, placed: Iterable[int] | None = None) -> list[dict]:
    """What speaks against the winners of a category as they are decided or, until then, as the standings have them.

    table    its standings, as `category_standings` gives them
    placed   entries of it that are thought of as its winners in place of those
    returns  [{"code", "entries": [numbers that it is about], ...}]; an empty list: nothing
    """
    found, decision = known_category(state, category), state.decisions.get(category)
    if placed is None:
        placed = [n for group in (decision.places if decision else podium(table, found.places)) for n in group]
    placed = list(placed)
    pool = [e.number for e in pool_of(state, found) if e.state not in OUT_STATES]
    told = [{"code": "tied", "entries": sorted(group)} for group in table["unresolved"]]
    if table["missing"]:
        told.append({"code": "incomplete", "entries": sorted({m["entry"] for m in table["missing"] if m["entry"] is not None}),
                     "missing": len(table["missing"])})
    if len(pool) < found.minimum:
        told.append({"code": "below_minimum", "entries": pool, "minimum": found.minimum})
    if any(e.state in PRESENT_STATES for e in state.entries.values()):
        told += [{"code": "not_checked_in", "entries": [n]} for n in placed if state.entries[n].state == "registered"]
    told += [{"code": "second_photo_missing", "entries": [n]} for n in placed if lacks_photo(state, state.entries[n])]
    told += [{"code": state.entries[n].state, "entries": [n]} for n in placed if state.entries[n].state in OUT_STATES]
    told += _sources_corrected(state, found) if found.sources and found.method != "choice" and found.state != "open" else []
    if found.method == "choice":  # that the judges and the people agree is no news; that a name is given away too early is
        blind = [n for n in sorted(placed) if state.categories[state.entries[n].category].state in ("judging", "closed")]
        return told + ([{"code": "still_judged", "entries": blind}] if blind else [])
    return told + _placed_elsewhere(state, category, placed)


def _sources_corrected(state: State, category: Category) -> list[dict]:
    """A warning for each entry of a Best of Show that is no first place any more, and for each that has become one since."""
    first = {state.entries[n].of or n for source in category.sources if source in state.decisions for n in (state.decisions[source].places or ((),))[0]}
    here = entries_of(state, category.id)
    late = [n for n in sorted(first - {e.of for e in here}) if state.entries[n].state not in OUT_STATES]
    return [{"code": "not_first", "entries": [e.number]} for e in here if e.of not in first and e.state not in OUT_STATES] + [
        {"code": "first_missing", "entries": [n]} for n in late]


def _placed_elsewhere(state: State, category: str, placed: list[int]) -> list[dict]:
    """A warning for each placed entry whose collector or artist has a place in another category."""
    best_of = bool(state.categories[category].sources)  # that a Best of Show and its sources share winners is no news
    others = [(each, state.entries[n]) for each, decision in state.decisions.items()
              if each != category and state.categories[each].method != "choice" and bool(state.categories[each].sources) == best_of for group in decision.places for n in group]
    told = []
    for number in sorted(placed):
        for name in ("collector", "artist"):
            ours = folded(getattr(state.entries[number], name))
            told += [{"code": "already_placed", "entries": [number], "who": name, "category": each, "entry": other.number}
                     for each, other in sorted(others, key=lambda pair: pair[1].number)
                     if ours and folded(getattr(other, name)) == ours and not other.of == state.entries[number].of > 0]
    return told


@ruling.register(StepReveal)
def _step_reveal(command, state):
    found, decision = _decided(state, command.category)
    PHASE("phase", command.phase)
    groups = len(decision.places)
    last = groups + 1
    if not 0 <= command.step <= last:
        raise Refused("bad_field", f"The reveal of {found.name} has the steps 0 to {last}.", field="step")
    if command.step > decision.step + 1:
        raise Refused("step_skipped", f"Step {decision.step + 1} of {found.name} comes first.", 409)
    phase = command.phase if 1 <= command.step <= groups else "ink"
    if state.screen == Screen("reveal", found.id, command.step, phase):
        return []
    ends = phase == "ink" and command.step == max(1, groups) and found.state == "decided"
    return [RevealStepped(found.id, command.step, phase)] + ([CategoryAnnounced(found.id)] if ends else [])


@ruling.register(StepRehearsal)
def _step_rehearsal(command, state):
    PHASE("phase", command.phase)
    if not 0 <= command.step <= REHEARSED + 1:
        raise Refused("bad_field", f"The rehearsal has the steps 0 to {REHEARSED + 1}.", field="step")
    begun = state.screen.category in state.decisions and state.decisions[state.screen.category].begun
    if state.screen.mode == "reveal" or (begun and state.categories[state.screen.category].state == "decided"):
        raise Refused("reveal_begun", "A reveal is under way: rehearse before it or after it.", 409)
    phase = command.phase if 1 <= command.step <= REHEARSED else "ink"
    now = state.screen
    same = (now.mode, now.drawn_step, now.drawn_phase) == ("rehearsal", command.step, phase)
    return [] if same else [RehearsalStepped(command.step, phase)]


@ruling.register(SetScreen)
def _set_screen(command, state):
    mode = MODE("mode", command.mode)
    if mode == "reveal" and not state.screen.category:
        raise Refused("not_decided", "No reveal has begun.", 409)
    text = MESSAGE("text", command.text) if mode == "message" else ""
    return [ScreenSet(mode, text)] if (state.screen.mode, state.screen.text) != (mode, text) else []


@ruling.register(CallToStage)
def _call_to_stage(command, state):
    left = [EntryStateChanged(e.number, "checked-in", "") for e in state.entries.values() if e.state == "on-stage" and e.number != command.entry]
    if command.entry is None:
        return [StageCalled(None, command.follow), *left] if left or state.stage != Stage(None, command.follow) else []
    if type(command.entry) is not int:
        raise Refused("bad_field", "entry is an entry number, or null.", field="entry")
    entry = known_entry(state, command.entry)
    if entry.state in OUT_STATES:
        raise Refused("withdrawn", f"Entry {entry.number} is {entry.state}.", 409)
    moved = [EntryStateChanged(entry.number, "on-stage", "")] if entry.state != "on-stage" else []
    told = [StageCalled(entry.number, command.follow), *left, *moved]
    return told if left or moved or state.stage != Stage(entry.number, command.follow) else []


# --- Folds ------------------------------------------------------------------
# The state after a fact: how each event changes it. Nothing is refused here,
# for an event is a fact. Called by Desk for what was just decided and by
# recovery for every line: both must get the same state. Pure.


def thing_of(fact: Fact) -> tuple[str, object]:
    """The kind and key of the thing a fact made or changed: what a repeat of its command is answered with."""
    event = fact.events[0]
    if isinstance(event, ContestRestored):
        return "contest", ""
    if isinstance(event, (RevealStepped, RehearsalStepped, ScreenSet)):
        return "screen", ""
    if isinstance(event, StageCalled):
        return "stage", ""
    if isinstance(event, (WinnersDecided, WinnerAbsent, CorrectionMade)):
        return "decision", event.category
    if isinstance(event, (SheetGiven, JudgeRecused, RecusalLifted)):
        return "sheet", f"{event.entry}/{event.judge}"
    if isinstance(event, (TokensGiven, RankingGiven)):
        return "hand", f"{event.category}/{event.judge}"
    if isinstance(event, TieDecided):
        return "tie", event.category
    if isinstance(event, (CodesMade, CodesRevoked, VoteCast)):  # of a vote: not what was chosen
        return "choice", event.category
    for kind in ("entry", "run_off", "judge", "category", "key"):
        if hasattr(event, kind):
            return kind, getattr(event, kind)
    return "contest", ""


def fold(state: State, fact: Fact) -> State:
    """The state after a fact. An event is a fact: nothing is refused here."""
    for event in fact.events:
        state = _FOLDS[type(event)](event, state, fact)
    changes = {"seq": fact.seq, "private": _noted_private(state.private, fact)}
    if fact.id:
        kind, key = thing_of(fact)
        changes["seen"] = state.seen.set(fact.id, f"{fact.body} {kind} {key}")
    return changed(state, **changes)


def _noted_private(known: Map, fact: Fact) -> Map:
    """Which lines say something private about which entry: what an erasure has to take away."""
    for event in fact.events:
        if event.private and any(getattr(event, name) for name in event.private) and hasattr(event, "entry"):
            known = known.set(event.entry, (*known.get(event.entry, ()), fact.seq))
    return known


def _with(state: State, collection: str, key, /, **changes) -> State:
    """A state in which one record of a collection has changed."""
    records = getattr(state, collection)
    return changed(state, **{collection: records.set(key, changed(records[key], **changes))})


def _category_fields(fields: Mapping) -> dict:
    fields = {k: v for k, v in fields.items() if k != "position"}
    if "criteria" in fields:
        fields["criteria"] = tuple(Criterion(**c) for c in fields["criteria"])
    if fields.get("size_cm"):
        fields["size_cm"] = tuple(fields["size_cm"])
    if "from" in fields:
        fields["sources"] = tuple(fields.pop("from"))
    return fields


def _ordered(categories: Map, moved: str, position: int) -> Map:
    """Categories numbered 1, 2, 3 with one of them at a position."""
    order = sorted((c for c in categories.values() if c.id != moved), key=lambda c: c.position)
    order.insert(position - 1, categories[moved])
    return Map({c.id: changed(c, position=i) for i, c in enumerate(order, 1)})


def _fold_category_added(event, state, fact):
    made = Category(event.category, **_category_fields(event.fields))
    return changed(
        state, categories=_ordered(state.categories.set(made.id, made), made.id, event.fields["position"]))


def _fold_category_changed(event, state, fact):
    state = _with(state, "categories", event.category, **_category_fields(event.changes))
    if "position" in event.changes:
        return changed(
            state, categories=_ordered(state.categories, event.category, event.changes["position"]))
    return state


def _undecided(state: State, category: str) -> State:
    """A state without a decision for a category, and a screen that does not show it."""
    if category not in state.decisions:
        return state
    screen = state.screen
    if screen.category == category:
        screen = changed(screen, category="", step=0, mode="wall" if screen.mode == "reveal" else screen.mode)
    return changed(state, decisions=state.decisions.delete(category), screen=screen)


def _fold_category_deleted(event, state, fact):
    left = sorted(state.categories.delete(event.category).values(), key=lambda c: c.position)
    categories = Map({c.id: changed(c, position=i, sources=tuple(s for s in c.sources if s != event.category))
                      for i, c in enumerate(left, 1)})
    gone = {name: Map({k: v for k, v in getattr(state, name).items() if k != event.category}) for name in ("hands", "after_hands", "ties")}
    gone["batches"] = Map({b.id: b for b in state.batches.values() if b.category != event.category})
    run_offs = Map({r.id: r for r in state.run_offs.values() if r.category != event.category})
    return _undecided(changed(state, categories=categories, run_offs=run_offs, **gone), event.category)


def _fold_category_reopened(event, state, fact):
    # What came after the decision counts from now on: nothing a judge gave is lost.
    state = _with(state, "categories", event.category, state="judging")
    for entry in entries_of(state, event.category):
        for sheet in state.after.get(entry.number, {}).values():
            state = _put_sheet(state, changed(sheet, counted=True))
    for hand in state.after_hands.get(event.category, {}).values():
        state = _put_hand(state, changed(hand, counted=True))
    return _undecided(state, event.category)


def _fold_category_merged(event, state, fact):
    for number in event.entries:
        state = _with(state, "entries", number, category=event.into)
    return state


def _fold_category_announced(event, state, fact):
    state = _with(state, "categories", event.category, state="announced")
    decision = state.decisions[event.category]
    return _with(state, "decisions", event.category, step=max(decision.step, len(decision.places)))


def _fold_judge_invited(event, state, fact):
    seats = None if event.categories is None else tuple(event.categories)
    made = Judge(event.judge, event.name, event.role, event.studio, seats, event.head)
    return changed(state, judges=state.judges.set(made.id, made), judge_ids=state.judge_ids + 1)


def _fold_key_added(event, state, fact):
    return changed(state, keys=state.keys.set(event.key, Key(event.key, event.name, event.role)), judge_ids=state.judge_ids + 1)


def _fold_entry_submitted(event, state, fact):
    photos = tuple(map(_photo, event.photos))
    names = {name: getattr(event, name) for name in PERSONAL}
    made = Entry(event.entry, event.category, photos, fact.at, consent=event.consent, adult=event.adult, **names)
    known = state.photos
    for photo in photos:
        known = known.set(photo.large[:32], made.number)
    return changed(state, entries=state.entries.set(made.number, made), photos=known, numbers=made.number)


def _fold_entry_advanced(event, state, fact):
    first = state.entries[event.of]
    present = "checked-in" if first.state in PRESENT_STATES else "registered"
    made = changed(first, number=event.entry, category=event.category, at=fact.at, of=event.of, state=present, reason="", overridden=(), calls=0, been=False)
    return changed(state, entries=state.entries.set(made.number, made), numbers=made.number)


def _fold_entry_state(event, state, fact):
    calls = state.entries[event.entry].calls
    more = {"called": {"calls": max(1, calls)}, "on-stage": {"been": True}, "checked-in": {"calls": 0},
            "registered": {"calls": 0, "been": False}}.get(event.state, {})
    return _with(state, "entries", event.entry, state=event.state, reason=event.reason, **more)


def _photo(given: Mapping) -> Photo:
    return Photo(**(given | {"sha256": Map(given["sha256"])}))


def _fold_photo_added(event, state, fact):
    made = _photo(event.photo)
    state = _with(state, "entries", event.entry, photos=(*state.entries[event.entry].photos, made))
    return changed(state, photos=state.photos.set(made.large[:32], event.entry))


def _fold_rules_overridden(event, state, fact):
    return _with(state, "entries", event.entry, overridden=(*state.entries[event.entry].overridden, *event.rules))


def _put_sheet(state: State, sheet: Sheet) -> State:
    return _put(state, "sheets", "after", sheet.entry, sheet)


def _put_hand(state: State, hand: Hand) -> State:
    return _put(state, "hands", "after_hands", hand.category, hand)


def _put(state: State, counted: str, after: str, key, record: Sheet | Hand) -> State:
    """A state with this as the judge's newest: among the counted, or beside them once the winners are decided."""
    name, other = (counted, after) if record.counted else (after, counted)
    kept = {name: _set(getattr(state, name), key, record)}
    beside = getattr(state, after)
    if record.counted and record.judge in beside.get(key, {}):
        kept[other] = beside.set(key, beside[key].delete(record.judge))
    return changed(state, **kept)


def _set(records: Map, key, record: Sheet | Hand) -> Map:
    return records.set(key, records.get(key, Map()).set(record.judge, record))


def _fold_hand(event, state, fact):
    entries = event.entries if isinstance(event, TokensGiven) else event.order
    return _put_hand(state, Hand(event.category, event.judge, tuple(entries), event.late, event.counted, fact.seq, fact.by))


def _fold_run_off_called(event, state, fact):
    made = RunOff(event.run_off, event.category, tuple(event.entries))
    return changed(state, run_offs=state.run_offs.set(made.id, made), run_off_ids=state.run_off_ids + 1)


def _fold_tie_decided(event, state, fact):
    made = Tie(tuple(map(tuple, event.order)), event.reason, fact.seq, fact.by)
    return changed(state, ties=state.ties.set(event.category, (*state.ties.get(event.category, ()), made)))


def _by_organiser(by: str) -> bool:
    return by.partition(":")[0] == "admin"  # also by a script with the organiser's key


def _fold_sheet_given(event, state, fact):
    was = newest_sheet(state, event.entry, event.judge)
    return _put_sheet(state, Sheet(event.entry, event.judge, Map(event.marks), event.note, bool(was and was.recused),
                                   event.late, event.counted, fact.seq, fact.by, was.because if was else "", _by_organiser(fact.by)))


def _recusal(state: State, event, fact: Fact, recused: bool) -> State:
    was = newest_sheet(state, event.entry, event.judge) or Sheet(event.entry, event.judge)
    who = "organiser" if _by_organiser(fact.by) else "judge"
    because = who if recused else "lifted" if who == "organiser" else ""
    return _put_sheet(state, changed(was, recused=recused, seq=fact.seq, by=fact.by, because=because))


def _fold_studio_matched(event, state, fact):
    """As if the organiser had said so: a judge sees who recused, and is not to see from that whose studio it is."""
    for number in event.entries:
        was = newest_sheet(state, number, event.judge) or Sheet(number, event.judge)
        state = _put_sheet(state, changed(was, recused=True, seq=fact.seq, by="admin", because="studio"))
    return state


def _fold_codes_made(event, state, fact):
    made = CodeBatch(event.batch, event.category, event.count, fact.at)
    return changed(state, batches=state.batches.set(made.id, made))


def _fold_codes_revoked(event, state, fact):
    """A batch that voted no more: nor do the votes count that were given with it."""
    kept = Map({k: v for k, v in state.votes.get(event.category, Map()).items() if v.batch != event.batch})
    votes = state.votes.set(event.category, kept) if event.category in state.votes else state.votes
    return _with(changed(state, votes=votes), "batches", event.batch, revoked=True)


def _fold_vote_cast(event, state, fact):
    votes = state.votes.get(event.category, Map())
    if event.batch and event.ballot not in votes:
        state = _with(state, "batches", event.batch, used=state.batches[event.batch].used + 1)
    return changed(state, votes=state.votes.set(event.category, votes.set(event.ballot, Vote(event.entry, event.batch))))


def _fold_person_erased(event, state, fact):
    entry = state.entries[event.entry]
    names = tuple(name for photo in entry.photos for name in photo.files)
    blank = dict.fromkeys(PERSONAL, "") | {"reason": "", "photos": (), "hidden": True}
    state = _with(state, "entries", event.entry, **blank, state="withdrawn")
    for kept in ("sheets", "after"):
        for sheet in getattr(state, kept).get(event.entry, {}).values():
            state = changed(state, **{kept: _set(getattr(state, kept), event.entry, changed(sheet, note=""))})
    photos = Map({key: number for key, number in state.photos.items() if number != event.entry})
    return changed(state, photos=photos, erased=state.erased.set(event.entry, names),
                               private=state.private.delete(event.entry) if event.entry in state.private else state.private)


def _fold_contest_restored(event, state, fact):
    """Links that were dead stay dead, and no number or id that somebody holds on paper is given again."""
    judges, keys = state.judges, state.keys
    for key, (generation, revoked) in event.judges.items():
        if key in judges:
            judges = judges.set(key, changed(judges[key], generation=generation, revoked=revoked))
        elif key in keys:
            keys = keys.set(key, changed(keys[key], revoked=revoked))
    return changed(state, judges=judges, keys=keys, judge_ids=max(state.judge_ids, event.judge_ids),
                               numbers=max(state.numbers, event.numbers))


def _fold_winners_decided(event, state, fact):
    """A decision made again keeps the slate where it stands on the screen; a stencil of the one before gives way to it."""
    shown = state.decisions[event.category].step if event.category in state.decisions else -1
    made = Decision(event.category, tuple(map(tuple, event.places)), event.reason, Map(event.scores), shown)
    if state.screen.category == event.category:
        state = changed(state, screen=changed(state.screen, step=0, phase="ink"))
    state = _with(state, "categories", event.category, state="decided")
    return changed(state, decisions=state.decisions.set(event.category, made))


def _fold_winner_absent(event, state, fact):
    was = state.decisions[event.category]
    known = [event.entry] if any(event.entry in group for group in was.revealed) else []
    return _replaced(state, event, absent=(*was.absent, event.entry), known=(*was.known, *known))


def _fold_correction_made(event, state, fact):
    was, placed = state.decisions[event.category], {n for group in event.places for n in group}
    known = [*was.known, *(n for group in was.places for n in group)]
    state = _replaced(state, event, known=tuple(n for n in known if n not in placed),
                      absent=tuple(n for n in was.absent if n not in placed), corrected_at=fact.at, correction=event.reason)
    return _with(state, "decisions", event.category, step=max(state.decisions[event.category].step, len(event.places)))


def _replaced(state: State, event: Event, **changes) -> State:
    """A state with other places in a decision. A step keeps its distance to the first place: no secret place is shown by it."""
    was, places = state.decisions[event.category], tuple(map(tuple, event.places))
    grown, screen = len(places) - len(was.places), state.screen
    step = max(0, was.step + grown) if was.step > 0 else was.step
    state = _with(state, "decisions", event.category, places=places, scores=Map(event.scores), step=step, **changes)
    if screen.category != event.category or screen.step == 0:
        return state
    if was.step <= 0:  # a stencil stands there at most
        return changed(state, screen=changed(screen, step=0, phase="ink"))
    return changed(state, screen=changed(screen, step=max(0, screen.step + grown)))


def _fold_reveal_stepped(event, state, fact):
    state = changed(state, screen=Screen("reveal", event.category, event.step, event.phase))
    if event.phase == "stencil":
        return state
    return _with(state, "decisions", event.category, step=max(event.step, state.decisions[event.category].step))


# How each event changes a state: a line where it is one field, a function where it is more.
_FOLDS: Mapping[type[Event], Callable[[Event, State, Fact], State]] = Map({
    ContestChanged: lambda e, s, fact:
        changed(s, rules=changed(s.rules, **e.changes)),
    CategoryAdded: _fold_category_added,
    CategoryChanged: _fold_category_changed,
    CategoryDeleted: _fold_category_deleted,
    CategoryOpened: lambda e, s, fact: _with(s, "categories", e.category, state="open"),
    JudgingStarted: lambda e, s, fact: _with(s, "categories", e.category, state="judging"),
    JudgingClosed: lambda e, s, fact: _with(s, "categories", e.category, state="closed"),
    CategoryReopened: _fold_category_reopened,
    CategoryAnnounced: _fold_category_announced,
    CategoryMerged: _fold_category_merged,
    JudgeInvited: _fold_judge_invited,
    JudgeRenewed: lambda e, s, fact:
        _with(s, "judges", e.judge, generation=s.judges[e.judge].generation + 1, revoked=False),
    JudgeRevoked: lambda e, s, fact:
        _with(s, "judges", e.judge, generation=s.judges[e.judge].generation + 1, revoked=True),
    KeyAdded: _fold_key_added,
    KeyRevoked: lambda e, s, fact: _with(s, "keys", e.key, revoked=True),
    EntrySubmitted: _fold_entry_submitted,
    EntryChanged: lambda e, s, fact: _with(s, "entries", e.entry, **e.changes),
    EntryMoved: lambda e, s, fact: _with(s, "entries", e.entry, category=e.category, overridden=()),
    EntryAdvanced: _fold_entry_advanced,
    EntryDescribed: lambda e, s, fact: _with(s, "entries", e.entry, **e.fields),
    RulesOverridden: _fold_rules_overridden,
    PhotoAdded: _fold_photo_added,
    EntryStateChanged: _fold_entry_state,
    EntryCalled: lambda e, s, fact: _with(s, "entries", e.entry, state="called", reason="", calls=e.call, been=False),
    PersonErased: _fold_person_erased,
    ContestRestored: _fold_contest_restored,
    PhotoHidden: lambda e, s, fact: _with(s, "entries", e.entry, hidden=True),
    PhotoShown: lambda e, s, fact: _with(s, "entries", e.entry, hidden=False),
    SheetGiven: _fold_sheet_given,
    JudgeRecused: lambda e, s, fact: _recusal(s, e, fact, True),
    RecusalLifted: lambda e, s, fact: _recusal(s, e, fact, False),
    TokensGiven: _fold_hand,
    RankingGiven: _fold_hand,
    RunOffCalled: _fold_run_off_called,
    RunOffVoted: lambda e, s, fact:
        _with(s, "run_offs", e.run_off, votes=s.run_offs[e.run_off].votes.set(e.judge, e.choice)),
    RunOffClosed: lambda e, s, fact: _with(s, "run_offs", e.run_off, closed=True),
    TieDecided: _fold_tie_decided,
    StudioMatched: _fold_studio_matched,
    CodesMade: _fold_codes_made,
    CodesRevoked: _fold_codes_revoked,
    VoteCast: _fold_vote_cast,
    WinnersDecided: _fold_winners_decided,
    WinnerAbsent: _fold_winner_absent,
    CorrectionMade: _fold_correction_made,
    RevealStepped: _fold_reveal_stepped,
    RehearsalStepped: lambda e, s, fact:
        changed(s, screen=changed(s.screen, mode="rehearsal", drawn_step=e.step, drawn_phase=e.phase)),
    ScreenSet: lambda e, s, fact:
        changed(s, screen=changed(s.screen, mode=e.mode, text=e.text)),
    StageCalled: lambda e, s, fact: changed(s, stage=Stage(e.entry, e.follow)),
})


# --- Views ------------------------------------------------------------------
# Who sees what. A thing is named by its kind and key; `view` is the thing as a
# channel may see it, None if not at all, and `frames` what each channel is told
# of a fact: the difference of two views. A page's state and a socket's message
# are both made of it, so one cannot know more than the other. Pure.

CHANNELS = ("public", "judge", "desk", "host", "admin")
STAFF = frozenset({"desk", "host", "admin"})
OWN = frozenset({"sheet", "hand", "run_off"})  # what a judge sees of the own only


def view(state: State, channel: str, kind: str, key=None) -> dict | None:
    """A thing as a channel may see it, or None.

    channel   "public", "judge", "desk", "host", "admin", or "judge:<id>" for what is that judge's own
    """
    if channel.startswith("judge:"):
        return _own_view(state, channel[6:], kind, key)
    return _VIEWS[kind](state, channel, key)


def _contest_view(state, channel, key):
    return plain(state.rules)


def _category_view(state, channel, key):
    if key not in state.categories:
        return None
    seen = plain(state.categories[key])
    sources = seen.pop("sources")
    return seen | {"from": sources, "blind": not sources or seen["method"] == "choice"}


def _photo_view(photo: Photo) -> dict:
    return {name: getattr(photo, name) for name in ("large", "thumb", "stencil", "width", "height")}


def _is_named(state: State, entry: Entry) -> bool:
    """Whether everybody may know who made an entry and who wears it."""
    if entry.of:  # its first place was announced
        return True
    decision, category = state.decisions.get(entry.category), state.categories.get(entry.category)
    if decision and category and category.state == "announced" and state.rules.publish == "all":
        return True
    return any(entry.number in each.known or any(entry.number in group for group in each.revealed) for each in _decisions_about(state, entry))


def _decisions_about(state: State, entry: Entry) -> list[Decision]:
    """The decisions in which an entry may have a place: that of its category, and those of the people's choices."""
    return [d for key, d in sorted(state.decisions.items()) if key == entry.category or state.categories[key].method == "choice"]


def _entry_view(state, channel, key):
    entry = state.entries.get(key)
    if entry is None or (channel == "public" and not _is_public(state, entry)):
        return None
    photos = [_photo_view(p) for p in entry.photos] if channel in STAFF or is_shown(entry) else []
    if channel == "public":
        del photos[1:]  # a reference may show somebody's child: it is for judges and staff
    seen = {"number": entry.number, "category": entry.category, "state": entry.state, "hidden": entry.hidden,
            "photo": photos[0] if photos else None, "photos": photos, "at": entry.at, "calls": entry.calls}
    if entry.of:
        seen["of"] = entry.of
    if channel in STAFF or _is_named(state, entry):
        seen |= {name: getattr(entry, name) for name in NAMES}
    if channel in STAFF:
        seen |= {name: getattr(entry, name) for name in ("say", *DESCRIBED)} | {"overridden": list(entry.overridden), "been": entry.been}
    if channel in ("desk", "admin"):
        seen |= {"phone": entry.phone, "adult": entry.adult}
    return seen


def is_shown(entry: Entry) -> bool:
    """Whether an entry's photos may be seen by others than the staff."""
    return not entry.hidden and entry.state not in ("withdrawn", "disqualified")


def _is_public(state: State, entry: Entry) -> bool:
    if not is_shown(entry):
        return False
    return state.rules.wall == "at-once" or entry.state in ("checked-in", "called", "on-stage") or _is_named(state, entry)


def _judge_view(state, channel, key):
    return plain(state.judges[key]) if channel == "admin" and key in state.judges else None


def _key_view(state, channel, key):
    return plain(state.keys[key]) if channel == "admin" and key in state.keys else None


def _sheet_view(state, key):
    sheet = newest_sheet(state, *key)
    if sheet is None:
        return None
    shown = {name: getattr(sheet, name) for name in Sheet.__slots__}  # plain(), but quicker: most frames are of sheets
    shown["marks"] = dict(sorted(sheet.marks.items()))
    return shown


def _all_sheets_view(state, channel, key):
    return _sheet_view(state, key) if channel == "admin" else None


def _own_view(state, judge, kind, key):
    """What is one judge's own: the sheets, the tokens or ranking, the run-offs of that judge's categories."""
    if kind == "run_off":
        return _own_run_off_view(state, judge, key)
    if kind not in ("sheet", "hand") or key[1] != judge:
        return None
    if kind == "hand":
        return _hand_view(state, "admin", key)
    seen = _sheet_view(state, key)
    if seen:
        seen["because"] = told_because(newest_sheet(state, *key))
    return seen


def _own_run_off_view(state, judge, key):
    """The own vote, and how many are still to vote: not who has, and not for whom."""
    run_off = state.run_offs.get(key)
    if run_off is None or judge not in seats(state, run_off):
        return None
    may = voters(state, run_off)
    return {"id": key, "category": run_off.category, "entries": list(run_off.entries), "closed": run_off.closed, "may_vote": judge in may,
            "choice": run_off.votes.get(judge), "waiting": 0 if run_off.closed else sum(j not in run_off.votes for j in may)}


def _hand_view(state, channel, key):
    hand = newest_hand(state, *key)
    return plain(hand) if hand and channel == "admin" else None


def _run_off_view(state, channel, key):
    if channel != "admin" or key not in state.run_offs:
        return None
    return plain(state.run_offs[key]) | {"voters": voters(state, state.run_offs[key])}


def _tie_view(state, channel, key):
    return {"category": key, "decisions": plain(state.ties[key])} if channel == "admin" and key in state.ties else None


def _decision_view(state, channel, key):
    if channel not in ("admin", "host") or key not in state.decisions:
        return None
    decision = state.decisions[key]
    seen = plain(decision) | {"revealed": len(decision.revealed), "corrected": _corrected(decision)}
    del seen["corrected_at"], seen["correction"], seen["known"]
    if channel == "host":  # who runs the show knows who has won, and neither marks nor how many voted for whom
        del seen["scores"]
    out = sorted(n for group in decision.places for n in group if state.entries[n].state in OUT_STATES)
    return seen | {"out": out}


def _corrected(decision: Decision) -> dict | None:
    return {"at": decision.corrected_at, "reason": decision.correction} if decision.corrected_at else None


def _winner(state: State, decision: Decision, number: int) -> dict:
    """One revealed entry; once all are revealed with its score, where the category shows scores.

    Not before: a score at the third place would already tell that the decision is that of the standings, and its
    absence that a higher place is not.
    """
    entry = state.entries[number]
    seen = {"number": number} | {name: getattr(entry, name) for name in NAMES}
    seen["photo"] = _photo_view(entry.photos[0]) if entry.photos and is_shown(entry) else None
    complete = decision.step >= len(decision.places)
    if complete and state.categories[decision.category].show_scores and str(number) in decision.scores:
        counted = "votes" if state.categories[decision.category].method == "choice" else "score"
        seen[counted] = decision.scores[str(number)]
    return seen


def _places_view(state: State, decision: Decision) -> list[dict]:
    hidden = len(decision.places) - len(decision.revealed)
    return [{"place": decision.place(hidden + i), "entries": [_winner(state, decision, n) for n in sorted(group)]}
            for i, group in enumerate(decision.revealed)]


def _winners_view(state, channel, key):
    decision, category = state.decisions.get(key), state.categories.get(key)
    if decision is None or category is None or not (decision.begun or category.state == "announced"):
        return None
    seen = {"category": key, "places": _places_view(state, decision)}
    if absent := [n for n in decision.absent if n in decision.known]:  # one passed over in secret stays a number
        seen["absent"] = absent
    return seen | {"corrected": _corrected(decision)} if decision.corrected_at else seen


def _screen_view(state, channel, key):
    screen = state.screen
    if screen.mode == "message":
        return {"mode": "message", "text": screen.text}
    if screen.mode == "stage":
        entry = view(state, "public", "entry", state.stage.entry)
        return {"mode": "stage", "entry": entry, "next": next_on_stage(state)}
    if screen.mode == "rehearsal":
        more = {"step": screen.drawn_step, "steps": REHEARSED + 1} if channel in ("admin", "host") else {}
        return {"mode": "rehearsal"} | _rehearsal_view(screen) | more
    if screen.mode != "reveal" or screen.category not in state.decisions:
        return {"mode": "black" if screen.mode == "black" else "wall"}
    seen = {"mode": "reveal", "category": screen.category} | _reveal_view(state, state.decisions[screen.category])
    if channel in ("admin", "host"):
        seen |= {"step": screen.step, "steps": len(state.decisions[screen.category].places) + 1}
    return seen


def _reveal_view(state: State, decision: Decision) -> dict:
    """What a step of the reveal shows: nothing that depends on a later step."""
    step, groups = state.screen.step, len(decision.places)
    if step == 0:
        return {"phase": "slate"}
    if groups == 0:
        return {"phase": "none"}
    if step > groups:
        return {"phase": "hold", "places": _places_view(state, decision)}
    group = decision.places[groups - step]
    seen = {"phase": state.screen.phase, "place": decision.place(groups - step)}
    if state.screen.phase == "ink":
        return seen | {"entries": [_winner(state, decision, n) for n in sorted(group)]}
    shown = [state.entries[n] for n in group if is_shown(state.entries[n])]
    photos = [entry.photos[0] for entry in shown if entry.photos]
    return seen | {"stencils": sorted(
        ({"stencil": p.stencil, "width": p.width, "height": p.height} for p in photos), key=lambda p: p["stencil"])}


def _rehearsal_view(screen: Screen) -> dict:
    """What a step of the rehearsal shows: pictures that every screen has. It knows no entry and no decision."""
    if screen.drawn_step == 0:
        return {"phase": "slate"}
    if screen.drawn_step > REHEARSED:
        return {"phase": "hold"}
    return {"phase": screen.drawn_phase, "place": REHEARSED + 1 - screen.drawn_step}


def next_on_stage(state: State) -> int | None:
    """The entry that follows the one on stage: of its category, not out and not there yet, the called first, by number from there on."""
    now = state.entries.get(state.stage.entry) if state.stage.entry else None
    if now is None:
        return None
    waiting = [e for e in state.entries.values() if e.category == now.category and not e.been and e.number != now.number and e.state not in OUT_STATES
               and (state.rules.wall == "at-once" or e.state in PRESENT_STATES)]
    return min(waiting, key=lambda e: (e.state != "called", e.number < now.number, e.number)).number if waiting else None


def _choice_view(state, channel, key):
    """How the voting of a people's choice goes, for the organiser: how many votes, never for whom."""
    if channel != "admin" or key not in state.categories or state.categories[key].method != "choice":
        return None
    batches = sorted((b for b in state.batches.values() if b.category == key), key=lambda b: (b.at, b.id))
    return {"category": key, "votes": len(state.votes.get(key, ())), "batches": plain(batches)}


def _stage_view(state, channel, key):
    return plain(state.stage) | {"next": next_on_stage(state)}


_VIEWS: Mapping[str, Callable] = Map({
    "contest": _contest_view, "category": _category_view, "entry": _entry_view, "judge": _judge_view, "key": _key_view,
    "sheet": _all_sheets_view, "hand": _hand_view, "run_off": _run_off_view, "tie": _tie_view, "choice": _choice_view, "decision": _decision_view, "winners": _winners_view, "screen": _screen_view,
    "stage": _stage_view})


def things_of(state: State) -> Iterator[tuple[str, object]]:
    """Every thing of a state by kind and key, in the order that a page lists them."""
    order = sorted(state.categories.values(), key=lambda c: c.position)
    yield "contest", None
    yield from (("category", c.id) for c in order)
    yield from (("entry", number) for number in sorted(state.entries))
    yield from (("judge", key) for key in sorted(state.judges, key=lambda k: int(k[1:])))
    yield from (("key", key) for key in sorted(state.keys, key=lambda k: int(k[1:])))
    yield from (("sheet", (n, j)) for n in sorted({*state.sheets, *state.after}) for j in sorted(
        set(state.sheets.get(n, ())) | set(state.after.get(n, ()))))
    yield from (("hand", (c.id, j)) for c in order for j in sorted({*state.hands.get(c.id, ()), *state.after_hands.get(c.id, ())}))
    yield from (("run_off", r.id) for r in run_offs_of(state))
    yield from (("tie", c.id) for c in order if c.id in state.ties)
    yield from (("choice", c.id) for c in order if c.method == "choice")
    yield from (("decision", c.id) for c in order if c.id in state.decisions)
    yield from (("winners", c.id) for c in order if c.id in state.decisions)
    yield "screen", None
    yield "stage", None


def _named_with(state: State, category: str) -> list[int]:
    """Whose names may become known with a decision; of the hundreds that people chose from, those who have a place."""
    if state.categories[category].method != "choice":
        return [e.number for e in entries_of(state, category)]
    decision = state.decisions[category]
    return sorted({*decision.known, *(n for group in decision.places for n in group)})


def _touched(event: Event, before: State, after: State) -> list[tuple[str, object]]:
    """The things that an event may have changed, for anybody."""
    if isinstance(event, ContestChanged):
        everything = {"wall", "publish"} & set(event.changes)
        return [("contest", None), ("screen", None), ("stage", None)] + [("entry", n) for n in sorted(after.entries) if everything]
    if isinstance(event, StudioMatched):
        voted = [("run_off", r.id) for r in run_offs_of(after) if set(r.entries) & set(event.entries)]
        return [("sheet", (n, event.judge)) for n in event.entries] + voted
    if isinstance(event, (SheetGiven, JudgeRecused, RecusalLifted)):  # most of a contest's lines: little looks different
        voted = () if isinstance(event, SheetGiven) else run_offs_of(after)
        return [("sheet", (event.entry, event.judge)), *(("run_off", r.id) for r in voted if event.entry in r.entries)]
    if isinstance(event, (TokensGiven, RankingGiven)):
        return [("hand", (event.category, event.judge))]
    if isinstance(event, (RunOffCalled, RunOffVoted, RunOffClosed)):
        return [("run_off", event.run_off)]
    if isinstance(event, TieDecided):
        return [("tie", event.category)]
    if isinstance(event, (KeyAdded, KeyRevoked)):
        return [("key", event.key)]
    if isinstance(event, (CodesMade, CodesRevoked, VoteCast)):
        return [("choice", event.category)]
    if isinstance(event, ContestRestored):
        return [(kind, key) for key in sorted(event.judges) for kind in ("judge", "key")] + [("run_off", r.id) for r in run_offs_of(after)]
    things: list[tuple[str, object]] = []
    category = getattr(event, "category", None)
    if isinstance(event, (CategoryAdded, CategoryChanged, CategoryDeleted)):
        things += [("category", key) for key in sorted({*before.categories, *after.categories})]
        things += [(kind, category) for kind in ("decision", "winners", "tie", "choice")]
        if isinstance(event, CategoryDeleted):
            things += [("hand", (category, j)) for name in ("hands", "after_hands") for j in sorted(getattr(before, name).get(category, ()))]
            things += [("run_off", r.id) for r in run_offs_of(before, category)]
    elif category and category in after.categories:
        things += [("category", category), ("decision", category), ("winners", category)]
        if isinstance(event, (RevealStepped, CategoryAnnounced, WinnerAbsent, CorrectionMade)):
            things += [("entry", n) for n in _named_with(after, category)]
        if isinstance(event, CategoryMerged):
            things += [("entry", n) for n in event.entries]
        if isinstance(event, CategoryReopened):
            things += [("sheet", (e.number, j)) for e in entries_of(after, category) for j in before.after.get(e.number, ())]
            things += [("hand", (category, j)) for j in sorted(before.after_hands.get(category, ()))]
    number, judge = getattr(event, "entry", None), getattr(event, "judge", None)
    if number is not None:
        things.append(("entry", number))
        things += [(kind, d.category) for d in _decisions_about(after, after.entries[number]) for kind in ("winners", "decision")]
        if isinstance(event, PersonErased):
            things += [("sheet", (number, judge)) for judge in sorted({*before.sheets.get(number, ()), *before.after.get(number, ())})]
    if judge is not None:
        things += [("judge", judge), *(("run_off", r.id) for r in run_offs_of(after))]
    return [*things, ("screen", None), ("stage", None)]


@functools.cache
def _told_as(cls: type[Event]) -> str:
    """The name of an event in a frame: SheetGiven -> "sheet_given".

    Two go by the name of another: theirs would tell a judge whose studio it is, and the hall that a secret winner left.
    """
    cls = {StudioMatched: JudgeRecused, WinnerAbsent: WinnersDecided}.get(cls, cls)
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def _owners(state: State, kind: str, key) -> list[str]:
    """The channels of the judges whose own a thing may be."""
    if kind == "run_off":
        return [f"judge:{judge.id}" for judge in state.judges.values() if judge.role == "judge"]
    return [f"judge:{key[1]}"] if kind in ("sheet", "hand") else []


def frames(before: State, after: State, fact: Fact) -> dict[str, list[dict]]:
    """What each channel is told of a fact: the things that look different to it now.

    returns  {channel: [{"k": event's name, "d": {kind: thing} or {"gone": {kind: key}}}]}; a channel without a
             difference is absent
    """
    told: dict[str, list[dict]] = {}
    done = set()
    for event in fact.events:
        name = _told_as(type(event))
        for kind, key in _touched(event, before, after):
            if (kind, key) in done:
                continue
            done.add((kind, key))
            own = _owners(after, kind, key)
            for channel in (*CHANNELS, *own):
                was, now = view(before, channel, kind, key), view(after, channel, kind, key)
                if was != now:
                    told.setdefault(channel, []).append(
                        {"k": name, "d": {kind: now} if now is not None else {"gone": {kind: key}}})
    return told


# --- Papers -----------------------------------------------------------------
# What leaves the contest on paper and as files: how a category was decided, an
# entrant's own marks, everything as JSON and as tables. Pure: made of a state,
# and of the facts that Routes has Desk read. Decides nothing, changes nothing.

_NOT_TOLD = frozenset({"PhotoAdded", "PhotoHidden", "PhotoShown", "EntryDescribed", "JudgeRenewed",
                       "VoteCast"})  # they decide nothing; whom people voted for is secret, and a thousand lines
_LEFT_OUT = frozenset({"photos", "phone", "say", "scores", "lines", "consent", "adult", "carried"})  # fields of events that the story does without
FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"  # a text that begins so may be run by a spreadsheet. Source: OWASP, "CSV Injection"


def trail(state: State, category: str, facts: Iterable[Fact]) -> list[dict]:
    """What happened about a category, in the order of the log: who did what when.

    state    as it is now: it knows which entries are in the category
    facts    all of them, from the first
    returns  [{"seq", "at", "by", "what": the event in the words of a frame, ...its fields}]; of sheets that a judge saved
             again and again before turning to another entry the last, with "since" and "times"
    """
    story: list[dict | None] = []
    where: dict[int, str] = {}  # the category an entry was in at that moment
    last: dict[str, int] = {}  # judge -> where the story holds what that judge gave last
    for fact in facts:
        for event in fact.events:
            number = getattr(event, "entry", None)
            if isinstance(event, (EntrySubmitted, EntryAdvanced, EntryMoved)):
                concerned = category in (event.category, where.get(number), getattr(state.entries.get(number), "category", None))
                where[number] = event.category
            else:
                concerned = _concerns(state, category, event, where)
            if isinstance(event, CategoryMerged):
                where |= dict.fromkeys(event.entries, event.into)
            if isinstance(event, CategoryAdded) and concerned:  # one of the same name that was deleted is another category
                story, last = [told for told in story if told and told["what"] == "judge_invited"], {}
            if concerned and type(event).__name__ not in _NOT_TOLD:
                _tell(story, last, fact, event)
    return [told for told in story if told]


def _concerns(state: State, category: str, event: Event, where: Mapping[int, str]) -> bool:
    """Whether an event is part of the story of a category."""
    if isinstance(event, ContestRestored):
        return True
    if isinstance(event, JudgeInvited):
        return event.role == "judge" and (event.categories is None or category in event.categories)
    if isinstance(event, JudgeRevoked):
        return event.judge in state.judges and state.judges[event.judge].role == "judge"
    if isinstance(event, StudioMatched):
        return any(where.get(number) == category for number in event.entries)
    if run_off := state.run_offs.get(getattr(event, "run_off", None)):
        return run_off.category == category
    number = getattr(event, "entry", None)
    if category in (getattr(event, "category", None), getattr(event, "into", None)):
        return True
    return number is not None and not isinstance(event, StageCalled) and (
        where.get(number) == category or (number in state.entries and state.entries[number].category == category))


def _tell(story: list[dict | None], last: dict[str, int], fact: Fact, event: Event) -> None:
    """Put an event into the story. A judge who saves the same thing again replaces it there."""
    told = {f.name: getattr(event, f.name) for f in dataclasses.fields(event) if f.name not in _LEFT_OUT}
    told = {"seq": fact.seq, "at": fact.at, "by": fact.by, "what": re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()} | told
    if isinstance(event, EntryChanged):
        told["changes"] = sorted(event.changes)
    if not isinstance(event, (SheetGiven, TokensGiven, RankingGiven)):
        last.clear()
        story.append(told)
        return
    before = story[last[event.judge]] if event.judge in last else None
    same = ("what", "by", "late", "counted", "entry" if isinstance(event, SheetGiven) else "category")
    if before and all(before[name] == told[name] for name in same):
        told |= {"since": before.get("since", before["at"]), "times": before.get("times", 1) + 1}
        story[last[event.judge]] = None
    last[event.judge] = len(story)
    story.append(told)


def how_decided(state: State, category: str, story: list[dict]) -> dict:
    """All that the places of a category rest on, as GET /api/decided/ID tells it.

    story    its `trail`
    errors   Refused `no_such_category`
    """
    table = category_standings(state, category)
    judging = judging_of(state, state.categories[category])
    totals = sheet_totals(judging) if judging.method in ("points", "trimmed") else {}
    scores = exact_scores(judging)
    for row in table["rows"]:
        row["exact"] = scores.get(row["entry"])
    numbers = [e.number for e in entries_of(state, category)]
    hands = [plain(h) | {"typed": _is_typed(h), "part": _hand_part(h, judging, table)} for h in _hands(state, category)]
    return {
        "category": view(state, "admin", "category", category), "contest": view(state, "admin", "contest"), "standings": table,
        "chain": tie_chain(judging), "judges": _judges_in(state, judging, numbers, story),
        "keys": [{"id": key.id, "name": key.name} for key in state.keys.values()],
        "entries": [_entry_told(state, e.number) for e in pool_of(state, state.categories[category])],
        "sheets": [_sheet_told(s, judging, totals, table["out"]) for n in numbers for s in _sheets(state, n)],
        "hands": hands, "recusals": _recusals(state, numbers, story),
        "run_offs": [plain(r) for r in run_offs_of(state, category)],
        "ties": plain(state.ties.get(category, ())), "decision": view(state, "admin", "decision", category),
        "warnings": decision_warnings(state, category, table), "trail": story}


def _sheets(state: State, number: int) -> list[Sheet]:
    """The sheets of an entry, those that came too late behind those that count."""
    return [s for kept in (state.sheets, state.after) for _, s in sorted(kept.get(number, {}).items(), key=lambda item: int(item[0][1:]))]


def _hands(state: State, category: str) -> list[Hand]:
    return [h for kept in (state.hands, state.after_hands) for _, h in sorted(kept.get(category, {}).items(), key=lambda item: int(item[0][1:]))]


def _is_typed(hand: Hand) -> bool:
    return hand.by.partition(":")[0] == "admin"


def _judges_in(state: State, judging: Judging, numbers: list[int], story: list[dict]) -> list[dict]:
    """The panel, and whoever else the story names."""
    named = {*judging.panel, *(s.judge for n in numbers for s in _sheets(state, n)), *(told.get("judge") for told in story),
             *(told["by"].partition(":")[2] for told in story)} & set(state.judges)
    found = [state.judges[key] for key in sorted(named, key=lambda key: int(key[1:]))]
    return [{"id": j.id, "name": j.name, "role": j.role, "studio": j.studio, "head": j.head, "revoked": j.revoked,
             "on_panel": j.id in judging.panel} for j in found]


def _entry_told(state: State, number: int) -> dict:
    entry = state.entries[number]
    told = {name: getattr(entry, name) for name in ("number", "state", "title", "artist", "studio", "collector", "reason", "of")}
    return told | {"overridden": list(entry.overridden), "photo": entry.photos[0].thumb if entry.photos else None}


def _sheet_told(sheet: Sheet, judging: Judging, totals: Mapping, out: list[int]) -> dict:
    """A sheet, its exact total, and what became of it."""
    total, part = totals.get((sheet.judge, sheet.entry), (None, "incomplete" if sheet.marks else "empty"))
    if not sheet.counted:
        total, part = None, "late"
    elif sheet.recused:
        part = "recused"
    elif sheet.entry in out:
        part = "out"
    elif sheet.judge not in judging.panel:
        part = "not-on-panel"
    return plain(sheet) | {"total": total, "part": part}


def _hand_part(hand: Hand, judging: Judging, table: Mapping) -> str:
    """What became of tokens or a ranking."""
    if not hand.counted:
        return "late"
    if hand.judge not in judging.panel:
        return "not-on-panel"
    missing = any(each["judge"] == hand.judge for each in table["missing"])
    return "incomplete" if judging.method == "ranking" and (missing or not hand.entries) else "counted"


def _recusals(state: State, numbers: list[int], story: list[dict]) -> list[dict]:
    """Who is recused from what, by whom, and why as far as anybody said."""
    why = {(told["entry"], told["judge"]): told for told in story if told["what"] == "judge_recused"}
    why |= {(n, told["judge"]): told for told in story if told["what"] == "studio_matched" for n in told["entries"]}
    found = []
    for sheet in (s for n in numbers for s in _sheets(state, n) if s.recused):
        told = why.get((sheet.entry, sheet.judge), {})
        found.append({"entry": sheet.entry, "judge": sheet.judge, "because": sheet.because, "at": told.get("at"), "by": told.get("by"),
                      "reason": told.get("reason", "")})
    return found


def own_marks(state: State, number: int) -> dict | None:
    """What the judges gave an entry, for its entrant: without names, in an order that tells nothing. None while it is not to be seen.

    returns  {"sheets": [{criterion: mark}], best first}, {"tokens": 2, "judges": 5} or {"ranks": [1, 2, 4], "judges": 3}
    """
    entry = state.entries[number]
    category = state.categories[entry.category]
    if not state.rules.sheets_open or category.state != "announced" or entry.state in OUT_STATES:
        return None
    judging = judging_of(state, category)
    if category.method in ("points", "trimmed"):
        totals = {j: Fraction(total) for (j, n), (total, _) in sheet_totals(judging).items() if n == number}
        order = sorted(totals, key=lambda j: (-totals[j], [-judging.sheets[j, number][c.id] for c in category.criteria]))
        return {"sheets": [{c.id: judging.sheets[j, number][c.id] for c in category.criteria} for j in order]} if order else None
    row = next((r for r in standings(judging)["rows"] if r["entry"] == number), None)
    if row is None:
        return None
    shown = {"tokens": row["score"]} if category.method == "tokens" else {"ranks": sorted(row["ranks"].values())}
    return shown | {"judges": row["judges"]}


# Files: everything as one JSON, and as tables for a spreadsheet.


def _exported(state: State) -> Iterator[tuple[str, Iterator[dict]]]:
    """The lists of an export, in the words of docs/http.md."""
    order = sorted(state.categories.values(), key=lambda c: c.position)
    yield "categories", (view(state, "admin", "category", c.id) for c in order)
    yield "judges", ({k: v for k, v in plain(state.judges[key]).items() if k != "generation"} for key in sorted(state.judges, key=lambda k: int(k[1:])))
    yield "entries", (view(state, "admin", "entry", n) | {"reason": state.entries[n].reason, "consent": state.entries[n].consent}
                      for n in sorted(state.entries))
    yield "sheets", (plain(s) for n in sorted({*state.sheets, *state.after}) for s in _sheets(state, n))
    yield "hands", (plain(h) for c in order for h in _hands(state, c.id))
    yield "run_offs", (plain(r) for r in run_offs_of(state))
    yield "ties", (view(state, "admin", "tie", c.id) for c in order if c.id in state.ties)
    yield "standings", (_exact_standings(state, c) for c in order)
    yield "decisions", (view(state, "admin", "decision", c.id) for c in order if c.id in state.decisions)
    yield "winners", (seen for c in order if (seen := view(state, "admin", "winners", c.id)))


def _exact_standings(state: State, category: Category) -> dict:
    table, scores = category_standings(state, category.id), exact_scores(judging_of(state, category))
    return table | {"rows": [row | {"exact": scores.get(row["entry"])} for row in table["rows"]]}


def export_json(state: State, head: Mapping) -> Iterator[bytes]:
    """Everything, as pieces of one JSON object with a thing a line. Photos are in a backup, not here.

    head   {"epoch", "seq", "hash"}: the line of the log that it is of
    """
    begin = dumps({"export": 1, "head": head, "contest": view(state, "admin", "contest")})
    yield begin[:-1]
    for name, things in _exported(state):
        yield b',\n"%s":[' % name.encode()
        for number, piece in enumerate(_batches(things)):
            yield (b",\n" if number else b"\n") + b",\n".join(map(dumps, piece))
        yield b"]"
    yield b"}\n"


def _batches(things: Iterable, size: int = 250) -> Iterator[list]:
    things = iter(things)
    while piece := list(itertools.islice(things, size)):
        yield piece


def _category_rows(state):
    for c in sorted(state.categories.values(), key=lambda c: c.position):
        yield [c.id, c.name, c.state, c.method, c.places, c.lowest, c.highest, c.step, [f"{x.id}:{written(exact(x.weight))}" for x in c.criteria],
               c.age, c.at_show, c.max_per_artist, c.needs, c.minimum, c.quorum, _instant(c.closes_at), c.sources]


def _judge_rows(state):
    for j in sorted(state.judges.values(), key=lambda j: int(j.id[1:])):
        yield [j.id, j.name, j.role, j.studio, j.head, j.revoked, "all" if j.categories is None else j.categories]


def _entry_rows(state):
    for _, e in sorted(state.entries.items()):
        yield [e.number, e.category, e.state, e.title, e.artist, e.studio, e.collector, e.say, e.phone, _instant(e.at), e.age, e.size_cm or None,
               e.at_show, e.overridden, e.reason, e.of or None, e.adult, e.consent, e.hidden]


def _sheets_by_category(state: State) -> Iterator[tuple[Category, int, Sheet]]:
    for category in sorted(state.categories.values(), key=lambda c: c.position):
        yield from ((category, e.number, s) for e in entries_of(state, category.id) for s in _sheets(state, e.number))


def _sheet_rows(state):
    totals = {}
    for category in state.categories.values():
        judging = dataclasses.replace(judging_of(state, category), method="points")
        totals |= {pair: total for pair, (total, _) in sheet_totals(judging).items()}
    for category, number, s in _sheets_by_category(state):
        total = totals.get((s.judge, number), "") if s.counted else ""
        yield [category.id, number, s.judge, state.judges[s.judge].name, *_parted(total), s.recused, s.because, s.late, s.counted, s.typed, s.note, s.seq]


def _mark_rows(state):
    for category, number, s in _sheets_by_category(state):
        for c in category.criteria:
            if c.id in s.marks:
                yield [category.id, number, s.judge, state.judges[s.judge].name, c.id, c.name, c.weight, s.marks[c.id], s.counted]


def _hand_rows(state):
    for category in sorted(state.categories.values(), key=lambda c: c.position):
        for h in _hands(state, category.id):
            for position, number in enumerate(h.entries, 1):
                yield [category.id, category.method, h.judge, state.judges[h.judge].name, position, number, h.late, h.counted, _is_typed(h)]


def _run_off_rows(state):
    for r in run_offs_of(state):
        for judge, number in sorted(r.votes.items()):
            yield [r.category, r.id, r.entries, r.closed, judge, state.judges[judge].name, number]


def _tie_rows(state):
    for category, ties in sorted(state.ties.items()):
        for tie in ties:
            yield [category, [" = ".join(map(str, group)) for group in tie.order], tie.reason, tie.by, tie.seq]


def _standing_rows(state):
    for category in sorted(state.categories.values(), key=lambda c: c.position):
        table = _exact_standings(state, category)
        for r in table["rows"]:
            yield [category.id, r["place"], r["entry"], r["score"], *_parted(r["exact"] or "")[1:], r["judges"], r["spread"], r["decided_by"],
                   r["tied_with"], table["provisional"]]
        for why in ("unranked", "out"):
            yield from ([category.id, None, number, None, None, None, None, None, why, None, table["provisional"]] for number in table[why])


def _winner_rows(state):
    for category in sorted(state.categories.values(), key=lambda c: c.position):
        if decision := state.decisions.get(category.id):
            for at, group in enumerate(decision.places):
                for entry in (state.entries[n] for n in group):
                    yield [category.id, category.name, decision.place(at), entry.number, entry.title, entry.artist, entry.studio, entry.collector,
                           decision.scores.get(str(entry.number)), group in decision.revealed, decision.reason, decision.absent, decision.correction]


def _instant(ms: int | None) -> str | None:
    """A moment as a spreadsheet sorts it: 2026-11-23T21:10:00Z."""
    return None if ms is None else datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parted(total: str) -> list:
    """An exact number as rounded, numerator, denominator: a cell "26/3" would be read as a day in March."""
    value = Fraction(total) if total else None
    return [None, None, None] if value is None else [rounded(value), value.numerator, value.denominator]


#: The tables of an export: their columns, and what makes their rows of a state.
TABLES: Mapping[str, tuple[str, Callable[[State], Iterator[list]]]] = Map({
    "categories": ("category name state method places lowest highest step criteria age at_show max_per_artist needs minimum quorum closes_at from",
                   _category_rows),
    "judges": ("judge name role studio head revoked categories", _judge_rows),
    "entries": ("entry category state title artist studio collector say phone entered_at age size_cm at_show overridden reason of adult consent hidden",
                _entry_rows),
    "sheets": ("category entry judge name total total_numerator total_denominator recused because late counted typed note seq", _sheet_rows),
    "marks": ("category entry judge name criterion criterion_name weight mark counted", _mark_rows),
    "hands": ("category method judge name position entry late counted typed", _hand_rows),
    "run_offs": ("category run_off entries closed judge name choice", _run_off_rows),
    "ties": ("category order reason by seq", _tie_rows),
    "standings": ("category place entry score score_numerator score_denominator judges spread decided_by tied_with provisional", _standing_rows),
    "winners": ("category category_name place entry title artist studio collector score revealed reason absent correction", _winner_rows)})


def cell(value, comma: bool = False) -> str:
    """A value as a cell. A text that a spreadsheet might take for a formula gets an apostrophe in front.

    comma   numbers with a decimal comma

    >>> cell("=1+1"), cell(8.5, comma=True), cell(None), cell([118, 121]), cell(True)
    ("'=1+1", '8,5', '', '118 121', 'yes')
    """
    if value is None or isinstance(value, bool):
        return "yes" if value else "" if value is None else "no"
    if isinstance(value, (int, float)):
        text = f"{value:.15g}" if isinstance(value, float) else str(value)
        return text.replace(".", ",") if comma else text
    text = value if isinstance(value, str) else " ".join(map(str, value))
    return "'" + text if text.startswith(tuple(FORMULA)) else text


def export_csv(state: State, what: str, comma: bool = False) -> Iterator[bytes]:
    """A table of TABLES as pieces of a CSV file: UTF-8 with a mark in front, without which spreadsheets take it for another code.

    comma    decimal commas and semicolons between the cells, as spreadsheets of most of Europe have them
    """
    columns, rows = TABLES[what]
    yield b"\xef\xbb\xbf"
    for piece in _batches(itertools.chain([columns.split()], rows(state))):
        out = io.StringIO()
        writer = csv.writer(out, delimiter=";" if comma else ",")
        writer.writerows([cell(value, comma) for value in row] for row in piece)
        yield out.getvalue().encode()


# --- Log --------------------------------------------------------------------
# The truth. Lines go in, in order, and are durable before anything is told of
# them; docs/log-format.md is the format. Called by Desk (append, snapshot) and
# by recovery at start. Knows lines, seqs and hashes, never what an event means.
# Files are reached through a Disk only, so that a test can give one that fails
# or forgets.

ZERO_HASH = "0" * 32
LINE_BYTES = 1 << 20


class Disk:
    """The file operations that the log needs, as the operating system gives them."""

    def open_append(self, path: Path) -> int:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def open_read(self, path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def write(self, fd: int, piece: bytes) -> int:
        return os.write(fd, piece)

    def sync(self, fd: int) -> None:
        """Return only when the file's bytes are on the disk (macOS: by its documentation, untried)."""
        if hasattr(fcntl, "F_FULLFSYNC"):
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(fd)

    def sync_folder(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def forget_cache(self, fd: int) -> None:
        """Drop cached pages, so that what is read next is what the disk holds."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def close(self, fd: int) -> None:
        os.close(fd)

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def lines(self, path: Path, start: int = 0) -> Iterator[bytes]:
        """The lines of a file from a byte on, each with its end."""
        with path.open("rb") as file:
            file.seek(start)
            yield from file

    def pieces(self, path: Path, size: int | None = None) -> Iterator[bytes]:
        """The first `size` bytes of a file, at most 1 MiB at a time."""
        with path.open("rb") as file:
            left = size if size is not None else 1 << 62
            while left and (piece := file.read(min(left, 1 << 20))):
                left -= len(piece)
                yield piece

    def link(self, old: Path, new: Path) -> None:
        """A second name for a file that never changes; a copy where the file system has no such thing."""
        try:
            os.link(old, new)
        except OSError:
            replace_file(self, new, self.pieces(old))

    def exists(self, path: Path) -> bool:
        return path.exists()

    def names(self, folder: Path) -> list[str]:
        return sorted(os.listdir(folder))

    def make_folder(self, path: Path) -> None:
        path.mkdir(mode=0o700, exist_ok=True)

    def rename(self, old: Path, new: Path) -> None:
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def remove_tree(self, path: Path) -> None:
        shutil.rmtree(path, ignore_errors=not path.exists())


def length(disk: Disk, path: Path) -> int:
    """The size of a file in bytes."""
    fd = disk.open_read(path)
    try:
        return disk.size(fd)
    finally:
        disk.close(fd)


def write_all(disk: Disk, fd: int, piece: bytes) -> None:
    """Write every byte, or raise OSError. A short write is followed up until the disk says why."""
    rest = memoryview(piece)
    while rest:
        rest = rest[disk.write(fd, rest):]


def ensure_folder(disk: Disk, path: Path) -> None:
    """Make a folder and those above it, each with its name synced: what is put in would be lost with the name."""
    if not disk.exists(path):
        ensure_folder(disk, path.parent)
        disk.make_folder(path)
        disk.sync_folder(path.parent)


def replace_file(disk: Disk, path: Path, chunks: Iterable[bytes]) -> None:
    """Write a whole file so that a crash leaves the old one or the new one, never a mixture."""
    temporary = path.with_name(path.name + ".new")
    disk.remove(temporary)
    fd = disk.open_append(temporary)
    try:
        for chunk in chunks:
            write_all(disk, fd, chunk)
        disk.sync(fd)
    finally:
        disk.close(fd)
    disk.rename(temporary, path)
    disk.sync_folder(path.parent)


def read_own(disk: Disk, path: Path, kind: type, *keys: str, advice: str = "A backup holds it."):
    """The JSON in one of our own small files.

    errors   LogCorrupt where it is not what we write
    """
    try:
        found = orjson.loads(disk.read(path))
        if type(found) is not kind or (kind is dict and not set(keys) <= set(found)):
            raise ValueError("it holds something else")
    except ValueError as why:
        raise LogCorrupt(f"{path} cannot be read ({why}). {advice}") from why
    return found


def chain(previous: str, text: bytes) -> str:
    """The hash of a line: blake2b-128 of the previous line's hash and the bytes of its JSON, 32 hex."""
    return hashlib.blake2b(previous.encode() + text, digest_size=16).hexdigest()


def private_hash(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def encode_line(public: dict, private: dict, salt: str) -> tuple[bytes, bytes]:
    """The two JSON texts of a line: the hashed and the private one (empty where nothing is private).

    salt     32 hex, random: without it an erased name could be guessed from its hash
    errors   Refused `line_too_long` above 1 MiB, `bad_json` where a text is no valid Unicode
    """
    try:
        hidden = orjson.dumps({"salt": salt} | private) if private else b""
        if hidden:
            public = public | {"private": private_hash(hidden)}
        shown = dumps(public)
    except orjson.JSONEncodeError as why:
        raise Refused("bad_json", "A text holds characters that are not valid Unicode.") from why
    if len(shown) + len(hidden) + 35 > LINE_BYTES:
        raise Refused("line_too_long", "That is more than one command may hold.", 413)
    return shown, hidden


class Head(typing.NamedTuple):
    """Where the log ends."""

    epoch: str
    seq: int
    hash: str


class Line(typing.NamedTuple):
    """One line as read: its hash, its seq (0 for a header), the two JSON texts; they are parsed only by who needs them.

    A tuple: a start makes one of every line that the log has. `batch` is 0 where the line is read without being checked.
    """

    hash: str
    seq: int
    shown: bytes
    hidden: bytes
    batch: int = 0

    @property
    def public(self) -> dict:
        return orjson.loads(self.shown)

    @property
    def private(self) -> dict:
        """What is private, {} where there is nothing or it was erased."""
        return orjson.loads(self.hidden) if self.hidden else {}


def split_line(raw: bytes) -> tuple[str, bytes, bytes]:
    """The hash, the hashed JSON and the private JSON (or b"") of a line, nothing checked yet."""
    first, _, rest = raw.partition(b" ")
    digest = first.decode("ascii", "replace")
    cut = rest.find(b'"} {"salt":"') + 2  # a quote inside a JSON text is escaped, so this stands nowhere else
    return (digest, rest, b"") if cut < 2 else (digest, rest[:cut], rest[cut + 1:])


#: How every record begins: written by us, so it can be read without parsing the rest.
_RECORD = re.compile(rb'\{"seq":(\d+),"batch":(\d+),"at":')


def parse_line(raw: bytes, previous: str) -> Line:
    """A line of a segment, checked against the hash before it.

    errors   ValueError saying what is wrong
    """
    digest, shown, hidden = split_line(raw)
    if chain(previous, shown) != digest:
        raise ValueError("its hash does not follow from the line before")
    if hidden and not shown.endswith(b'"private":"%s"}' % private_hash(hidden).encode()):
        raise ValueError("its private part does not match its hash")
    found = _RECORD.match(shown)
    seq, batch = found.groups() if found else (0, 0)
    return Line(digest, int(seq), shown, hidden, int(batch))


@dataclass(frozen=True, slots=True)
class Tail:
    """Bytes of a write that a crash cut short, at the end of the last segment."""

    path: Path
    end: int  # the size up to which the segment is whole


def erased_seqs(disk: Disk, tree: Path) -> list[int]:
    """The seqs of a tree whose private part was taken away on purpose."""
    return read_own(disk, tree / "erased.json", list) if disk.exists(tree / "erased.json") else []


def segment_paths(disk: Disk, tree: Path) -> list[Path]:
    """The segments of a tree, in order."""
    names = disk.names(tree / "wal") if disk.exists(tree / "wal") else []
    return [tree / "wal" / name for name in names if re.fullmatch(r"wal-\d{16}\.jsonl", name)]


class Reader:
    """Reads a tree's segments in order and checks all that docs/log-format.md promises. Changes nothing.

    Iterating gives (segment, offset behind the line, Line); afterwards `head`, `size` and `tail` say how the log ends.
    errors   LogCorrupt: damage that a crash cannot explain
    """

    def __init__(self, disk: Disk, tree: Path):
        self.disk, self.tree = disk, tree
        self.segments = segment_paths(disk, tree)
        self._epoch, self._seq, self._hash = Head("", 0, ZERO_HASH)
        self.size, self.tail = 0, None
        self.lines_in_last = 0
        self._unexplained = set()  # seqs whose private part is missing and that nobody has erased so far
        self._erased = set(erased_seqs(disk, tree))

    @property
    def head(self) -> Head:
        """The last line read so far."""
        return Head(self._epoch, self._seq, self._hash)

    def __iter__(self) -> Iterator[tuple[Path, int, Line]]:
        for path in self.segments:
            if path.name != segment_name(self._seq + 1):
                raise LogCorrupt(f"{path.name}: a segment before it is missing; the log is whole up to seq {self._seq}. "
                                 f"A backup that reaches seq {self._seq + 1} holds it.")
            yield from self._segment(path, last=path is self.segments[-1])
        if self._unexplained - self._erased:
            seq = min(self._unexplained - self._erased)
            raise LogCorrupt(f"The private part of seq {seq} is missing, and nobody erased it. A backup holds it.")

    def _segment(self, path: Path, last: bool) -> Iterator[tuple[Path, int, Line]]:
        at, batch, self.lines_in_last = 0, 0, 0
        for raw in self.disk.lines(path):
            try:
                if not raw.endswith(b"\n"):
                    raise ValueError("it has no end")
                line = parse_line(raw[:-1], self._hash)
                if at == 0:
                    self._take_header(line)
                else:
                    batch = self._take_record(line, batch)
            except (ValueError, KeyError, TypeError) as why:
                if last and at > 0 and not _later_batch(b"".join(self.disk.lines(path, at)), self._seq + 1):
                    self.tail, self.size = Tail(path, at), at
                    return
                raise LogCorrupt(f"{path.name}: seq {self._seq + 1} is damaged: {why}. Nothing was changed; "
                                 f"a backup that reaches seq {self._seq + 1} holds it.") from why
            at += len(raw)
            self.size = at
            if at > len(raw):
                yield path, at, line

    def _take_header(self, line: Line) -> None:
        header = line.public
        if header.get("contest") != 1:
            raise ValueError("its header is of a version this program does not know")
        if header["first"] != self._seq + 1 or header["previous"] != self._hash:
            raise ValueError("its header does not follow from the segment before")
        self._epoch, self._hash = header["epoch"], line.hash

    def _take_record(self, line: Line, batch: int) -> int:
        if line.seq != self._seq + 1 or not batch <= line.batch <= line.seq:
            raise ValueError("its number does not follow")
        if not line.hidden and line.shown.rfind(b',"private":"', -48) > 0:
            self._unexplained.add(line.seq)
        if b'"type":"PersonErased"' in line.shown:
            self._erased.update(seq for event in line.public["events"] for seq in event.get("lines", ()))
        self._seq, self._hash = line.seq, line.hash
        self.lines_in_last += 1
        return line.batch


def segment_name(first: int) -> str:
    """The file name of the segment that begins with a seq."""
    return f"wal-{first:016d}.jsonl"


def lines_behind(disk: Disk, tree: Path, seq: int) -> Iterator[Line]:
    """The lines of a tree behind a seq, unchecked, up to the first that is not whole. Costs no more in a long log than in a short one."""
    for path, later in zip(found := segment_paths(disk, tree), [*found[1:], None]):
        if later and int(later.name[4:20]) <= seq + 1:
            continue
        at = _place_of(disk, path, seq + 1)
        for raw in disk.lines(path, at):
            digest, shown, hidden = split_line(raw.rstrip(b"\n"))
            record = _RECORD.match(shown)
            if not raw.endswith(b"\n"):
                return
            if record and int(record[1]) > seq:
                yield Line(digest, int(record[1]), shown, hidden)


def _place_of(disk: Disk, path: Path, seq: int) -> int:
    """Where in a segment a line begins that is not behind the one of this seq, nor far before it."""
    low, high = 0, length(disk, path)
    while high - low > 1 << 16:
        middle = (low + high) // 2
        lines = disk.lines(path, middle)
        begins = middle + len(next(lines, b""))
        record = _RECORD.match(split_line(next(lines, b""))[1])
        if record and int(record[1]) <= seq:
            low = begins
        else:
            high = middle
    return low


def _later_batch(rest: bytes, bad: int) -> bool:
    """Whether at or behind a bad line stands a record of a later batch: then the bad one had been synced, and this is rot.

    A torn write holds records of its own batch only, and segments are never reused, so nothing else can look like one.
    """
    return any(int(batch) > bad for _, batch in _RECORD.findall(rest))


class Log:
    """The durable log of one data folder, open for writing.

    One thread calls append, begin and mark. Reading at start is `recover`, which makes the Log.
    """

    def __init__(self, folder: Path, disk: Disk, segment_bytes: int):
        self.folder, self.disk, self.segment_bytes = folder, disk, segment_bytes
        self.head = Head("", 0, ZERO_HASH)
        self.path = Path()
        self.size = self.before_bytes = 0  # the last durable size of the segment, and of all others together
        self.most_bytes = 0  # that all of them may take; 0: any number
        self.must_begin = ""  # why a new segment has to begin before the next line, "" if none has to
        self.tail: Tail | None = None  # a torn write that is still to be cut
        self._fd = -1

    def begin(self) -> None:
        """Make ready to append: set a torn tail aside, open or begin a segment.

        errors   Refused `disk_full` where the disk does not take it: the log can be read, and begun later; SyncFailed
        """
        try:
            if self.tail:
                self._cut_tail(self.tail)
                self.tail = None
            ensure_folder(self.disk, self.folder / "wal")
            self.disk.sync_folder(self.folder)  # a crash may have left wal/ with a name that only the cache has
            if self.must_begin and self.path.name != segment_name(self.head.seq + 1):
                self._begin_segment(self.must_begin, self.head.epoch)
            elif self._fd < 0 or self.must_begin:  # a segment that holds no line yet is as good as a new one
                self._take(self.path, self.head)
            self._check_quota(1)
        except OSError as why:
            if why.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE):
                raise disk_refuses(why) from why
            if why.errno in (errno.EACCES, errno.EPERM):
                raise NotOurs(f"{why.filename or self.folder} is not ours to write: we are user {os.getuid()}.") from why
            raise SyncFailed(f"{self.folder}: the log cannot be begun ({why}).") from why

    def _cut_tail(self, tail: Tail) -> None:
        """Copy a torn tail to quarantine and cut it."""
        rest = b"".join(self.disk.lines(tail.path, tail.end))
        ensure_folder(self.disk, self.folder / "quarantine")
        replace_file(self.disk, self.folder / "quarantine" / f"{tail.path.stem}-{tail.end}.torn", [rest])
        fd = self.disk.open_append(tail.path)
        try:
            self.disk.truncate(fd, tail.end)
            self.disk.sync(fd)
        except OSError as why:  # never tried again: whether the tail is gone is unknown now
            raise SyncFailed(f"{tail.path}: a torn write cannot be cut ({why}).") from why
        finally:
            self.disk.close(fd)

    def _begin_segment(self, why: str, epoch: str) -> None:
        """Start a new segment: its header is synced, and its name, before a line goes in."""
        path = self.folder / "wal" / segment_name(self.head.seq + 1)
        digest = write_header(self.disk, path, epoch, self.head, why)
        self._take(path, Head(epoch, self.head.seq, digest))

    def _take(self, path: Path, head: Head) -> None:
        fd = self.disk.open_append(path)
        try:
            size = self.disk.size(fd)
        except OSError:
            self.disk.close(fd)
            raise
        old, self._fd, self.path, self.head, self.size, self.must_begin = self._fd, fd, path, head, size, ""
        if old >= 0:
            self.disk.close(old)
        self.before_bytes = sum(size for other, size in self.mark()[1] if other != path)

    def _check_quota(self, coming: int) -> None:
        if self.most_bytes and self.before_bytes + self.size + coming > self.most_bytes:
            raise Refused("disk_full", f"The log has its {self.most_bytes:,} bytes (CONTEST_QUOTA_LOG_BYTES).", 507)

    def append(self, lines: list[tuple[bytes, bytes]], expected: int) -> list[str]:
        """Make lines durable, all in one write and one sync.

        lines     [(hashed JSON, private JSON or b"")], as encode_line makes them
        expected  the seq of the head they follow
        returns   the lines' hashes
        errors    Refused `disk_full` (507): nothing was kept; SyncFailed: nothing is known, the process must end
        """
        if expected != self.head.seq:
            raise LogCorrupt(f"{self.path.name}: asked to write after seq {expected}, but the log ends at {self.head.seq}.")
        if self.size >= self.segment_bytes and self.path.name != segment_name(self.head.seq + 1):
            self.must_begin = "size"
        if self._fd < 0 or self.must_begin:
            self.begin()
        digest, hashes, out = self.head.hash, [], []
        for shown, hidden in lines:
            digest = chain(digest, shown)
            hashes.append(digest)
            out.append(f"{digest} ".encode() + shown + (b" " + hidden if hidden else b"") + b"\n")
        joined = b"".join(out)
        self._check_quota(len(joined))
        self._write(joined)
        try:
            self.disk.sync(self._fd)
        except OSError as why:
            # Never tried again: after a failed sync the kernel may drop the pages and report the next one as good.
            raise SyncFailed(f"{self.path}: the disk did not confirm the last lines ({why}).") from why
        self.size += len(joined)
        self.head = Head(self.head.epoch, self.head.seq + len(lines), digest)
        return hashes

    def _write(self, joined: bytes) -> None:
        """Write; where the disk refuses, cut back to the last durable size and refuse.

        The cut is synced: after a power cut whole lines of the refused batch could otherwise be found and believed.
        """
        try:
            write_all(self.disk, self._fd, joined)
        except OSError as why:
            try:
                self.disk.truncate(self._fd, self.size)
                self.disk.sync(self._fd)
            except OSError as worse:
                raise SyncFailed(f"{self.path}: a half-written line cannot be taken back ({worse}).") from why
            raise disk_refuses(why) from why

    def begin_after_erasure(self) -> None:
        """Begin a new segment, so that none that may have to be written again is open."""
        self.must_begin = "erase"
        self.begin()

    def mark(self) -> tuple[Head, list[tuple[Path, int]]]:
        """Where the log ends, and its segments with their durable sizes: what a backup copies while lines go on coming."""
        wal = self.folder / "wal"
        paths = [wal / name for name in self.disk.names(wal) if name.endswith(".jsonl") and wal / name <= self.path]
        sizes = [(path, length(self.disk, path)) for path in paths if path != self.path]
        return self.head, [*sizes, (self.path, self.size)]

    def note_head(self) -> None:
        """Write HEAD: where the log ends, when it ends in peace."""
        head = self.head._asdict() | {"segment": self.path.name, "size": self.size}
        replace_file(self.disk, self.folder / "HEAD", [orjson.dumps(head)])

    def close(self) -> None:
        """Give the segment back. HEAD is the caller's to note."""
        if self._fd >= 0:
            self.disk.close(self._fd)
            self._fd = -1


def disk_refuses(why: OSError) -> Refused:
    return Refused("disk_full", f"The disk does not take more ({os.strerror(why.errno or 0)}).", 507)


def write_header(disk: Disk, path: Path, epoch: str, head: Head, why: str) -> str:
    """Begin a segment behind a head; returns the header's hash.

    why   "new", "unclean" (the last run did not end in peace), "size", "erase" or "restore"
    """
    text = orjson.dumps({"contest": 1, "epoch": epoch, "first": head.seq + 1, "previous": head.hash, "began": why})
    digest = chain(head.hash, text)
    replace_file(disk, path, [f"{digest} ".encode() + text + b"\n"])
    return digest


@dataclass
class Recovered:
    """What a start found: the log, the newest usable snapshot, and where the lines behind it begin."""

    log: Log
    snapshot: tuple[Head, Iterator] | None  # its parts can be gone through once
    sentences: list[str]  # what was found and mended, for people

    def lines(self) -> Iterator[Line]:
        """The lines behind the snapshot. They were checked; reading them again costs less than keeping them."""
        seq = self.snapshot[0].seq if self.snapshot else 0
        return itertools.islice(lines_behind(self.log.disk, self.log.folder, seq), self.log.head.seq - seq)


def recover(folder: Path, disk: Disk, epoch: str, segment_bytes: int = 64 << 20) -> Recovered:
    """Read a data folder, check all of it, and make its log. Changes nothing but what the disk has in its cache.

    epoch    random 32 hex, used if the folder is new
    errors   LogCorrupt: damage that a crash cannot explain, nothing changed; SyncFailed
    """
    log, reader = Log(folder, disk, segment_bytes), Reader(disk, folder)
    if not reader.segments:
        if disk.exists(folder / "HEAD"):
            raise LogCorrupt(f"{folder / 'wal'}: HEAD names a log, but there is none. A backup holds it.")
        log.head, log.must_begin = Head(epoch, 0, ZERO_HASH), "new"
        return Recovered(log, None, [])
    make_durable(disk, reader.segments[-1])
    candidates = _snapshot_heads(disk, folder)
    wanted = {head.seq: head.hash for _, head in candidates}
    on_chain = {line.seq for _, _, line in reader if wanted.get(line.seq) == line.hash}
    noted = noted_head(disk, folder)
    said = check_end(reader, noted)
    log.head, log.path, log.tail = reader.head, reader.segments[-1], reader.tail
    in_peace = noted and noted["segment"] == log.path.name and noted["size"] == reader.size and not reader.tail
    if not in_peace and reader.lines_in_last:
        log.must_begin = "unclean"
    return Recovered(log, _newest_whole(disk, reader.head.epoch, candidates, on_chain), said)


def check_end(reader: Reader, noted: dict | None) -> list[str]:
    """Hold the end of the log against HEAD; returns what people should be told."""
    if noted and noted["epoch"] == reader.head.epoch and noted["seq"] > reader.head.seq:
        raise LogCorrupt(f"{reader.segments[-1].name}: the log ends at seq {reader.head.seq}, but seq {noted['seq']} had been "
                         f"confirmed. A backup that reaches seq {noted['seq']} holds the rest.")
    if reader.tail is None:
        return []
    return ["The last write was not finished when the server ended. It had not been confirmed to anybody; its bytes are set aside "
            "in quarantine."]


def make_durable(disk: Disk, path: Path) -> None:
    """Sync the last segment and forget its cache: what is read next is what the disk holds.

    Where the platform has no posix_fadvise the cache stays; the sync has still made durable what is about to be shown.
    """
    fd = disk.open_read(path)
    try:
        disk.sync_folder(path.parent)  # a segment's name, too, may so far be known to the cache only
        disk.sync_folder(path.parent.parent)
        disk.sync(fd)
        disk.forget_cache(fd)
    except OSError as why:
        if why.errno != errno.EROFS:
            raise SyncFailed(f"{path}: the disk did not confirm it ({why}).") from why
    finally:
        disk.close(fd)


def noted_head(disk: Disk, folder: Path) -> dict | None:
    path = folder / "HEAD"
    advice = "It only guards the log's end: if `verify` finds no other fault, remove it."
    return read_own(disk, path, dict, "epoch", "seq", "segment", "size", advice=advice) if disk.exists(path) else None


# Snapshots: only speed, all may be deleted.


def save_snapshot(disk: Disk, folder: Path, head: Head, parts: Iterable[tuple[str, object]], pause_seconds: float = 0) -> None:
    """Write a snapshot: contest.json is the newest, snapshots/ keeps the two before it.

    pause_seconds   the sleep after each part: a thread that only encodes would take the interpreter from those who commit
    """
    path, older = folder / "contest.json", folder / "snapshots"
    temporary = folder / "contest.json.next"
    replace_file(disk, temporary, _snapshot_chunks(head, parts, pause_seconds))
    check_snapshot(disk, temporary)  # read back: one that cannot be read must not take the place of one that can
    if disk.exists(path):
        ensure_folder(disk, older)
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a damaged one is not worth keeping
            disk.rename(path, older / f"contest-{_snapshot_head(disk, path).seq:016d}.json")
        for name in disk.names(older)[:-2]:
            disk.remove(older / name)
        disk.sync_folder(older)
    disk.rename(temporary, path)
    disk.sync_folder(folder)


def _snapshot_chunks(head: Head, parts: Iterable[tuple[str, object]], pause_seconds: float) -> Iterator[bytes]:
    """A snapshot as JSON, a part a line, closed by the blake2b of all lines before."""
    check, comma = hashlib.blake2b(digest_size=16), b""
    chunk = _SNAPSHOT_HEAD[0] + orjson.dumps(head._asdict()) + _SNAPSHOT_HEAD[1]
    for part in parts:
        check.update(chunk)
        yield chunk
        chunk, comma = comma + dumps(part) + b"\n", b","
        time.sleep(pause_seconds)
    check.update(chunk)
    yield chunk
    yield _SNAPSHOT_END % check.hexdigest().encode()


_SNAPSHOT_HEAD, _SNAPSHOT_END = (b'{"head":', b',"parts":[\n'), b'],"check":"%s"}\n'


def check_snapshot(disk: Disk, path: Path) -> Head:
    """The head of a snapshot whose every byte was read and found whole; large pieces, so that commits can go on beside.

    errors   ValueError where it is damaged
    """
    check, rest, size = hashlib.blake2b(digest_size=16), b"", len(_SNAPSHOT_END % ZERO_HASH.encode())
    for piece in disk.pieces(path):
        rest += piece
        check.update(rest[:-size])
        rest = rest[-size:]
    if rest != _SNAPSHOT_END % check.hexdigest().encode():
        raise ValueError(f"{path.name} is damaged")
    return _snapshot_head(disk, path)


def read_snapshot(disk: Disk, path: Path) -> tuple[Head, Iterator[tuple[str, object]]]:
    """The head and the parts of a snapshot: all of it is checked now, but a part is parsed only when its turn comes.

    errors   ValueError where it is damaged
    """
    head, lines = check_snapshot(disk, path), disk.lines(path)
    next(lines)
    return head, (orjson.loads(line.removeprefix(b",")) for line in lines if not line.startswith(b"]"))


def _snapshot_head(disk: Disk, path: Path) -> Head:
    """Where a snapshot stands, by its first line alone: cheap, and believed only once the whole was checked."""
    first = next(iter(disk.lines(path)), b"")
    return Head(**orjson.loads(first.removeprefix(_SNAPSHOT_HEAD[0]).removesuffix(_SNAPSHOT_HEAD[1])))


def snapshot_paths(disk: Disk, folder: Path) -> list[Path]:
    """The snapshots of a data folder, newest first."""
    older, names = folder / "snapshots", []
    with contextlib.suppress(OSError):
        names = disk.names(older)[::-1] if disk.exists(older) else []
    return [p for p in [folder / "contest.json", *(older / n for n in names if n.endswith(".json"))] if disk.exists(p)]


def _snapshot_heads(disk: Disk, folder: Path) -> list[tuple[Path, Head]]:
    found = []
    for path in snapshot_paths(disk, folder):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found.append((path, _snapshot_head(disk, path)))
    return found


def _newest_whole(disk: Disk, epoch: str, candidates: list, on_chain: Collection[int]) -> tuple[Head, Iterator] | None:
    """The newest snapshot that lies on this log's chain and is whole; a damaged one only costs time."""
    for path, head in sorted(candidates, key=lambda c: -c[1].seq):
        if head.seq in on_chain and head.epoch == epoch:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                return read_snapshot(disk, path)
    return None


# --- Trees ------------------------------------------------------------------
# Whole contests as folders: the data folder, each backup, each folder kept by
# a restore; who holds one, its key, and how one is copied, replaced or rid of a
# person. Called by Desk's Keeper and by recovery. Made while lines go on
# coming, checked before they count. Knows files and lines, never a rule.

_PHOTO_NAME = re.compile(r"[0-9a-f]{32}-(large|thumb|stencil)\.(jpg|webp)")
TREE_FILES = ("secret.json", "contest.json", "erased.json")
#: What a kill may leave of an upload, of a backup, and of a restore that was never ordered.
LEFTOVERS = ("restoring-upload", "backups/.making", "restoring")
MANIFEST_BYTES = 64 << 20  # most of a manifest: half a million photos
_ARCHIVED = re.compile(r"manifest\.json|secret\.json|contest\.json|erased\.json|wal/wal-\d{16}\.jsonl"
                       r"|photos/[0-9a-f]{2}/[0-9a-f]{32}-(large|thumb|stencil)\.(jpg|webp)")


def hashed(pieces: Iterable[bytes], entry: dict) -> Iterator[bytes]:
    """Pass pieces on, and leave their {"size", "sha256"} in `entry`."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
        yield piece
    entry |= {"size": size, "sha256": digest.hexdigest()}


def tree_photos(disk: Disk, tree: Path) -> list[Path]:
    """The photo files of a tree."""
    folder = tree / "photos"
    shelves = [s for s in disk.names(folder) if re.fullmatch(r"[0-9a-f]{2}", s)] if disk.exists(folder) else []
    return [folder / shelf / name for shelf in shelves for name in disk.names(folder / shelf) if _PHOTO_NAME.fullmatch(name)]


def link_photos(disk: Disk, old: Path, new: Path, left_out: frozenset = frozenset()) -> list[Path]:
    """Give every photo of a tree a second name in another; returns the new ones. Photos never change, so no copy is needed."""
    links, made = [], set()
    for path in tree_photos(disk, old):
        shelf = new / "photos" / path.parent.name
        if path.name in left_out:
            continue
        if shelf not in made:
            ensure_folder(disk, shelf)
            made.add(shelf)
        if not disk.exists(shelf / path.name):
            disk.link(path, shelf / path.name)
        links.append(shelf / path.name)
    for shelf in made:
        disk.sync_folder(shelf)
    return links


def _sums(disk: Disk, photos: list[Path], known: Mapping[str, dict]) -> dict[str, dict]:
    """{name: {"size", "sha256"}} of photos. What an earlier manifest knows is not read again: they never change."""
    sums = {}
    for path in photos:
        sums[path.name] = found = dict(known.get(path.name, ()))
        if not found:
            deque(hashed(disk.pieces(path), found), maxlen=0)
    return sums


def make_backup(disk: Disk, folder: Path, head: Head, segments: list[tuple[Path, int]], why: str,
                place: Path | None = None, spared: frozenset = frozenset(), keep: int = 12, most_bytes: int = 0) -> str:
    """Make a backup of what is durable up to a head, check it, and let the oldest go; returns its name.

    segments  as Log.mark gives them: files that may have grown since
    why       "timer", "stop", "hand", or the command that it comes before: "delete", "erase", "restore"
    place     the second place, whose numbers are not given again
    spared    names that stay whatever their age: what a restore is about to read
    keep      how many backups stay (count)
    most_bytes  what they may take together; 0: any number. The newest stays, however large
    errors    OSError, LogCorrupt where it cannot be read back; an old one goes only after that
    """
    backups, making = folder / "backups", folder / "backups" / ".making"
    disk.remove_tree(making)
    ensure_folder(disk, making / "wal")
    files: dict[str, dict] = {}
    sources = [(f"wal/{path.name}", path, size) for path, size in segments]
    sources += [(name, folder / name, None) for name in TREE_FILES if disk.exists(folder / name)]
    for name, path, size in sources:
        replace_file(disk, making / name, hashed(disk.pieces(path, size), files.setdefault(name, {})))
    manifest = {"contest": 1, "why": why, "epoch": head.epoch, "seq": head.seq, "hash": head.hash, "files": files,
                "photos": _sums(disk, link_photos(disk, folder, making), _known_sums(disk, folder))}
    replace_file(disk, making / "manifest.json", [orjson.dumps(manifest)])
    check_backup(disk, making, deep=False)
    known = backup_names(disk, folder)
    taken = known + (backups_in(disk, place) if place and disk.exists(place) else [])
    name = f"{1 + max((int(each[:6]) for each in taken), default=0):06d}-{head.seq}-{why}"
    disk.rename(making, backups / name)
    disk.sync_folder(backups)
    spare = [each for each in known if each not in spared]
    sizes = {each: own_bytes(disk, backups / each) for each in [*known, name]} if most_bytes else {}
    while spare and (len(known) + 1 > keep or (most_bytes and sum(sizes.values()) > most_bytes)):
        known.remove(oldest := spare.pop(0))
        sizes.pop(oldest, 0)
        _let_go_of(disk, backups / oldest, making)
    return name


def own_bytes(disk: Disk, tree: Path) -> int:
    """What a backup takes on the disk by itself: all but its photos, which are second names of the contest's own."""
    folders = [each for each in (tree, tree / "wal") if disk.exists(each)]  # a damaged one may lack its segments
    paths = [folder / name for folder in folders for name in disk.names(folder) if name not in ("wal", "photos")]
    return sum(length(disk, path) for path in paths)


def _known_sums(disk: Disk, folder: Path) -> Mapping[str, dict]:
    """The photos of the newest backup, as its manifest has them."""
    for name in backup_names(disk, folder)[-1:]:
        with contextlib.suppress(LogCorrupt, OSError):
            return read_manifest(disk, folder / "backups" / name)["photos"]
    return {}


def _let_go_of(disk: Disk, tree: Path, aside: Path) -> None:
    """Remove a backup: out by one rename that is durable before the first file goes, so what bears its name is whole."""
    disk.rename(tree, aside)
    disk.sync_folder(tree.parent)
    disk.remove_tree(aside)


def backup_names(disk: Disk, folder: Path) -> list[str]:
    """The backups in a folder's backups/, oldest first: by their running number, never by the clock."""
    return backups_in(disk, folder / "backups")


def backups_in(disk: Disk, place: Path) -> list[str]:
    """The backups in a folder of them, oldest first."""
    names = disk.names(place) if disk.exists(place) else []
    return [name for name in names if re.fullmatch(r"\d{6}-\d+-[a-z]+", name)]


def read_manifest(disk: Disk, tree: Path) -> dict:
    """What a backup says of itself: {"contest", "why", "epoch", "seq", "hash", "files", "photos"}.

    errors   LogCorrupt where it is not what we write
    """
    manifest = read_own(disk, tree / "manifest.json", dict, "epoch", "seq", "hash", "files", "photos", advice="Another backup may be whole.")
    kinds = (str, int, str, dict, dict)
    sums = [each for name in ("files", "photos") if isinstance(manifest[name], dict) for each in manifest[name].values()]
    whole = all(type(manifest[name]) is kind for name, kind in zip(("epoch", "seq", "hash", "files", "photos"), kinds))
    whole = whole and all(isinstance(each, dict) and set(each) == {"size", "sha256"} for each in sums)
    if not whole:
        raise LogCorrupt(f"{tree.name}: its manifest is not that of a backup.")
    return manifest


def check_backup(disk: Disk, tree: Path, deep: bool = True) -> dict:
    """The manifest of a backup whose every file was read and found whole.

    deep     whether photos are read too; else only their sizes are looked at, since they never change
    errors   LogCorrupt naming the file that is not
    """
    try:
        manifest = read_manifest(disk, tree)
        there = {path.name: path for path in tree_photos(disk, tree)}
        for name, kept in [*manifest["files"].items(), *manifest["photos"].items()]:
            found = {"size": -1}
            if name in manifest["files"] or (deep and name in there):
                deque(hashed(disk.pieces(there.get(name, tree / name)), found), maxlen=0)
            elif name in there:
                found = kept | {"size": length(disk, there[name])}
            if found != kept:
                raise LogCorrupt(f"{tree.name}: {name} is {'missing' if found['size'] < 0 else 'not what was backed up'}.")
    except OSError as why:
        raise LogCorrupt(f"{tree.name}: the backup is not whole ({why}).") from why
    reader = Reader(disk, tree)
    deque(reader, maxlen=0)
    if reader.head != Head(manifest["epoch"], manifest["seq"], manifest["hash"]) or reader.tail:
        raise LogCorrupt(f"{tree.name}: its log ends at seq {reader.head.seq}, not {manifest['seq']}.")
    return manifest


def key_of(disk: Disk, tree: Path) -> str:
    """The key of a tree's contest in hex; "" where it cannot be read."""
    with contextlib.suppress(LogCorrupt, OSError):
        key = read_own(disk, tree / "secret.json", dict, "key")["key"]
        return key if isinstance(key, str) else ""
    return ""


def copy_backup(disk: Disk, tree: Path, place: Path, keep: int = 12) -> None:
    """Copy a backup to a second place, a stick or a mounted folder: photos once, then only new ones; checked there."""
    target, making = place / tree.name, place / f".{tree.name}"
    if disk.exists(target):
        return
    _clear_half_made(disk, place)
    ensure_folder(disk, making / "wal")
    manifest = read_manifest(disk, tree)
    for name in (*manifest["files"], "manifest.json"):
        replace_file(disk, making / name, disk.pieces(tree / name))
    for path in tree_photos(disk, tree):
        there = place / "photos" / path.parent.name / path.name
        ensure_folder(disk, there.parent)
        if not disk.exists(there) or length(disk, there) != length(disk, path):
            replace_file(disk, there, disk.pieces(path))
    others = {path.name for path in tree_photos(disk, place)} - set(manifest["photos"])
    link_photos(disk, place, making, frozenset(others))
    check_backup(disk, making, deep=False)
    disk.rename(making, target)
    disk.sync_folder(place)
    for old in backups_in(disk, place)[:-keep]:
        _let_go_of(disk, place / old, making)


def _clear_half_made(disk: Disk, place: Path) -> None:
    """Remove what a kill or a pulled stick left of copies."""
    for name in disk.names(place):
        if re.fullmatch(r"\.\d{6}-\d+-[a-z]+", name):
            disk.remove_tree(place / name)


def archive(disk: Disk, tree: Path) -> Iterator[bytes]:
    """A backup as one zip file, piece by piece: nothing is built in memory, and it may be larger than 4 GB."""
    class Sink(io.RawIOBase):
        """Collects what zipfile writes until it is passed on."""

        def __init__(self):
            self.pieces: list[bytes] = []

        def writable(self) -> bool:
            return True

        def write(self, piece) -> int:
            self.pieces.append(bytes(piece))
            return len(piece)

        def taken(self) -> bytes:
            whole, self.pieces = b"".join(self.pieces), []
            return whole

    sink = Sink()
    manifest = read_manifest(disk, tree)
    names = ["manifest.json", *manifest["files"], *(f"photos/{p.parent.name}/{p.name}" for p in tree_photos(disk, tree))]
    with zipfile.ZipFile(sink, "w", allowZip64=True) as zipped:
        for name in names:
            with zipped.open(zipfile.ZipInfo(name), "w", force_zip64=True) as out:
                for piece in disk.pieces(tree / name):
                    out.write(piece)
                    yield sink.taken()
    yield sink.taken()


def tree_bytes(disk: Disk, tree: Path) -> int:
    """The bytes of a backup's files: the size of its archive but for what a zip adds to each name."""
    manifest = read_manifest(disk, tree)
    return sum(each["size"] for name in ("files", "photos") for each in manifest[name].values())


def untold(what: str, done: int, total: int) -> None:
    """Progress that nobody watches: what a `tell` is where none is given."""


def unpack(disk: Disk, file: Path, into: Path, tell: Callable[[str, int, int], None] = untold) -> None:
    """Unpack an archive into a new tree: only names that a backup has, each as large as the manifest says and no larger.

    errors   Refused `not_a_backup`
    """
    disk.remove_tree(into)
    ensure_folder(disk, into)
    try:
        with zipfile.ZipFile(file) as zipped:
            members = {member.filename: member for member in zipped.infolist()}
            _unpack_one(disk, zipped, members["manifest.json"], into, MANIFEST_BYTES)
            manifest = read_manifest(disk, into)
            sizes = {name: each["size"] for name, each in manifest["files"].items()}
            sizes |= {f"photos/{name[:2]}/{name}": each["size"] for name, each in manifest["photos"].items()}
            if len(members) < len(zipped.infolist()) or set(members) != {"manifest.json", *sizes}:
                raise ValueError("it does not hold what its manifest says")
            for done, name in enumerate(sizes, 1):
                _unpack_one(disk, zipped, members[name], into, sizes[name])
                tell("files", done, len(sizes))
    except (zipfile.BadZipFile, LogCorrupt, EOFError, KeyError, ValueError, zlib.error) as why:
        disk.remove_tree(into)
        raise Refused("not_a_backup", f"This file is no backup of a contest ({why}).") from why


def _unpack_one(disk: Disk, zipped: zipfile.ZipFile, member: zipfile.ZipInfo, into: Path, most: int) -> None:
    """One file of an archive. Its size is believed: zipfile reads no more than it says."""
    plain_zip = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not member.flag_bits & 1
    if not _ARCHIVED.fullmatch(member.filename) or not plain_zip or member.file_size > most:
        raise ValueError(f"{member.filename[:80]} is nothing that a backup has")
    ensure_folder(disk, (into / member.filename).parent)
    with zipped.open(member) as source:
        replace_file(disk, into / member.filename, iter(lambda: source.read(1 << 20), b""))


# Restore: the new tree is staged, then the old one is moved beside and the new one in. A crash in between is finished at the next start.

_MOVED = ("wal", "snapshots", "contest.json", "HEAD", "erased.json", "photos", "secret.json", "carry.json")


def stage_restore(disk: Disk, folder: Path, source: Path, to_seq: int | None, epoch: str, carry: dict, same_key: bool,
                  gone: Iterable[str]) -> Head:
    """Build the tree that is to replace a data folder, in restoring/, out of a checked backup; returns where its log ends.

    to_seq   the last seq to bring back; None: all
    same_key whether the backup is of the contest that it replaces
    epoch    random 32 hex: whoever saw the replaced future has to fetch the state anew
    carry    what must survive the restore: kept in carry.json until the first start has made it a line of the log
    gone     the names of photos of people who were erased since
    errors   Refused `no_such_seq`; LogCorrupt where the source is damaged
    """
    target = folder / "restoring"
    disk.remove_tree(target)
    ensure_folder(disk, target / "wal")
    reader, ends, last = Reader(disk, source), {}, Head("", 0, ZERO_HASH)
    for path, offset, _ in reader:
        ends[path], last = offset, reader.head
        if last.seq == to_seq:
            break
    if to_seq is not None and last.seq != to_seq:
        raise Refused("no_such_seq", f"The backup ends at seq {last.seq}.")
    for path, size in ends.items():
        replace_file(disk, target / "wal" / path.name, disk.pieces(path, size))
    write_header(disk, target / "wal" / segment_name(last.seq + 1), epoch, last, "restore")
    erased = {seq for tree in ((folder, source) if same_key else (source,)) for seq in erased_seqs(disk, tree)}
    replace_file(disk, target / "secret.json", disk.pieces((folder if same_key else source) / "secret.json"))
    replace_file(disk, target / "erased.json", [orjson.dumps(sorted(erased))])
    replace_file(disk, target / "carry.json", [orjson.dumps(carry)])
    link_photos(disk, source, target, frozenset([*gone, *carry.get("gone_photos", ())]))
    disk.sync_folder(target)
    return last


def prepare_restore(disk: Disk, folder: Path, source: Path, to_seq: int | None, epoch: str, carry: dict) -> Head:
    """Check a backup, stage it, and order that it replaces the data folder's tree at the next start; returns where it ends.

    Nobody is brought back whom an erasure since the backup has taken out.
    """
    check_backup(disk, source)
    if not re.fullmatch(r"[0-9a-f]{64}", key_of(disk, source)):
        raise LogCorrupt(f"{source.name}: there is no key in it.")
    same_key = key_of(disk, folder) == key_of(disk, source)
    carry = carry if same_key else {}  # another contest's numbers are other people
    gone = {name for entry in carry.get("erased", ()) for name in photos_of(disk, source, entry)}
    last = stage_restore(disk, folder, source, to_seq, epoch, carry, same_key, gone)
    for entry in carry.get("erased", ()):
        strip_private(disk, folder / "restoring", entry)
    taken = [int(name) for name in disk.names(folder / "kept") if name.isdigit()] if disk.exists(folder / "kept") else []
    kept = f"{1 + max(taken, default=0):04d}"
    ensure_folder(disk, folder / "kept" / kept)
    replace_file(disk, folder / "RESTORE", [orjson.dumps({"kept": kept})])
    return last


def finish_restore(disk: Disk, folder: Path) -> None:
    """Do a restore that was ordered, or go on with it where a crash interrupted it. Each step may be done twice.

    Nothing is written, only renamed: what needs room was there when it was ordered, so that a full disk does not stop it halfway.
    """
    ordered, begun, staged = folder / "RESTORE", folder / "RESTORE.moved", folder / "restoring"
    if disk.exists(ordered):
        kept = folder / "kept" / read_own(disk, ordered, dict, "kept")["kept"]
        if not disk.exists(staged / "wal"):
            raise LogCorrupt(f"{folder}: RESTORE orders a restore, but what it staged is gone. Nothing was changed; remove RESTORE to go on as before.")
        _move(disk, folder, kept)
        disk.rename(ordered, begun)
        disk.sync_folder(folder)
    if disk.exists(begun):
        _move(disk, staged, folder)
        disk.remove(begun)
        disk.sync_folder(folder)
        disk.remove_tree(staged)


def _move(disk: Disk, old: Path, new: Path) -> None:
    if not disk.exists(old):
        return
    for name in _MOVED:
        if disk.exists(old / name):
            disk.rename(old / name, new / name)
    disk.sync_folder(new)
    disk.sync_folder(old)


# Erasure: the private part of a person's lines, in every tree that can be reached.


def trees(disk: Disk, folder: Path) -> list[Path]:
    """The data folder, its backups, and what restores have kept beside."""
    kept = [folder / "kept" / name for name in disk.names(folder / "kept")] if disk.exists(folder / "kept") else []
    return [folder, *(folder / "backups" / name for name in backup_names(disk, folder)), *kept]


def strip_private(disk: Disk, tree: Path, entry: int, gone: frozenset = frozenset()) -> int:
    """Write a tree's segments again without the private parts of lines about an entry; returns how many there were.

    erased.json says first which are missing on purpose. The segment that is being written must hold none of them.
    gone   names of photos that were removed from the tree, for a backup's manifest
    """
    count = 0
    for path in segment_paths(disk, tree):
        found = [seq for raw in disk.lines(path) if (seq := _about(raw, entry))]
        if not found:
            continue
        count += len(found)
        known: list[int] = []
        with contextlib.suppress(LogCorrupt):  # one that cannot be read belongs to a tree that was not whole before
            known = erased_seqs(disk, tree)
        replace_file(disk, tree / "erased.json", [orjson.dumps(sorted({*known, *found}))])
        replace_file(disk, path, (_bare(raw) if _about(raw, entry) else raw for raw in disk.lines(path)))
    if disk.exists(tree / "manifest.json"):
        _renew_manifest(disk, tree, gone)
    return count


def _read_line(raw: bytes) -> dict | None:
    """What a line of a segment says to everybody, unchecked; None where that cannot be read."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        public = orjson.loads(split_line(raw.rstrip(b"\n"))[1])
        return public if isinstance(public["seq"], int) and isinstance(public["events"], list) else {"seq": 0, "events": []}
    return {"seq": 0, "events": []} if b'{"contest":' in raw[:48] else None


def _about(raw: bytes, entry: int) -> int:
    """The seq of a line that holds something private about an entry, 0 for any other line.

    A damaged line may be about anybody: -1, for its seq is not known.
    """
    public = _read_line(raw)
    if public is None:
        return -1 if len(raw) > 34 else 0
    private = split_line(raw.rstrip(b"\n"))[2]
    return public["seq"] if private and any(event.get("entry") == entry for event in public["events"]) else 0


def _bare(raw: bytes) -> bytes:
    """A line without its private part; of a damaged one, where that cannot be told apart, the hash alone."""
    digest, shown, _ = split_line(raw.rstrip(b"\n"))
    return digest.encode() + b" " + (shown if _read_line(raw) else b"") + b"\n"


def photos_of(disk: Disk, tree: Path, entry: int) -> list[str]:
    """The names of the photo files that a tree's lines name for an entry."""
    lines = (_read_line(raw) for path in segment_paths(disk, tree) for raw in disk.lines(path) if b'"photos":[{' in raw)
    events = [event for line in lines if line for event in line["events"] if event.get("entry") == entry]
    return [photo[size] for event in events for photo in event.get("photos", ()) for size in ("large", "thumb", "stencil")]


def _renew_manifest(disk: Disk, tree: Path, gone: frozenset) -> None:
    """Let a backup's manifest say what an erasure, perhaps one before a crash, wrote again: its log. Its snapshot holds names.

    Nothing else is read anew: what was damaged before must not look whole afterwards, and the log has its chain for that.
    """
    disk.remove(tree / "contest.json")
    try:
        manifest = read_manifest(disk, tree)
    except LogCorrupt:  # no backup any more, but it must not keep the person either
        return
    files = {name: kept for name, kept in manifest["files"].items() if name != "contest.json"}
    for name in [f"wal/{path.name}" for path in segment_paths(disk, tree)] + ["erased.json"] * disk.exists(tree / "erased.json"):
        files[name] = {}
        deque(hashed(disk.pieces(tree / name), files[name]), maxlen=0)
    photos = {name: kept for name, kept in manifest["photos"].items() if name not in gone}
    replace_file(disk, tree / "manifest.json", [orjson.dumps(manifest | {"files": files, "photos": photos})])


def _remove_photos(disk: Disk, tree: Path, gone: frozenset) -> None:
    """Remove photos from a tree; every shelf is synced, also where an earlier try, cut short, has left none to remove."""
    for path in tree_photos(disk, tree):
        if path.name in gone:
            disk.remove(path)
    photos = tree / "photos"
    for shelf in disk.names(photos) if disk.exists(photos) else []:
        if re.fullmatch(r"[0-9a-f]{2}", shelf):
            disk.sync_folder(photos / shelf)


def erase_in_place(disk: Disk, place: Path, erased: Mapping[int, Iterable[str]]) -> None:
    """The same in a second place: its backups, and the photos that they share. What was done there before is noted there.

    erased   {entry: names of its photos}
    """
    done: set[int] = set()
    if disk.exists(place / "erased-here.json"):
        with contextlib.suppress(LogCorrupt):  # then all is done again: twice is as good as once
            done = set(read_own(disk, place / "erased-here.json", list))
    _clear_half_made(disk, place)
    for entry, photos in erased.items():
        if entry in done:
            continue
        for tree in (place, *(place / name for name in backups_in(disk, place))):
            _erase_in_tree(disk, tree, entry, frozenset(photos))
    if set(erased) - done:
        replace_file(disk, place / "erased-here.json", [orjson.dumps(sorted({*done, *erased}))])


def _erase_in_tree(disk: Disk, tree: Path, entry: int, gone: frozenset) -> None:
    """Photos, private parts, and in a tree that nobody writes the snapshots."""
    _remove_photos(disk, tree, gone)
    disk.remove(tree / "contest.json")
    disk.remove_tree(tree / "snapshots")
    strip_private(disk, tree, entry, gone)
    # Also where nothing was found: a crash may have come between an earlier try's rename and its sync.
    for each in (tree / "wal", tree):
        if disk.exists(each):
            disk.sync_folder(each)


def erase_everywhere(disk: Disk, folder: Path, entry: int, photos: Iterable[str]) -> None:
    """Take a person's private parts and photos out of every tree of this contest under a data folder, and what kills left.

    A tree of another contest is left alone: its numbers are other people.
    """
    own = key_of(disk, folder)
    for tree in trees(disk, folder):
        if key_of(disk, tree) in (own, ""):
            _erase_in_tree(disk, tree, entry, frozenset(photos))
    for leftover in ("quarantine", *LEFTOVERS):
        disk.remove_tree(folder / leftover)
    disk.sync_folder(folder)


def is_known(disk: Disk, folder: Path, entry: int) -> bool:
    """Whether any tree of this contest under a data folder still holds something private about an entry."""
    own = key_of(disk, folder)
    return any(_about(raw, entry) > 0 for tree in trees(disk, folder) if key_of(disk, tree) == own
               for path in segment_paths(disk, tree) for raw in disk.lines(path))


class FolderLock:
    """The one writer's hold on a data folder, for the life of the process."""

    def __init__(self, folder: Path, address: str, held: int = -1):
        """Take the folder, made if absent.

        held     the descriptor that a server before this one, in the same process, has held it with; it is never free then
        errors   FolderInUse naming the holder, NotOurs where we may not write
        """
        try:
            ensure_folder(Disk(), folder)
            if not os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
            self._file = os.fdopen(self._opened(folder / "LOCK") if held < 0 else held, "r+")
        except OSError as why:
            raise NotOurs(f"{folder} cannot be written by user {os.getuid()} ({why.strerror}).") from why
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as why:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise FolderInUse(f"{folder} is in use by {holder}.") from why
        self.tell(address)

    @staticmethod
    def _opened(path: Path) -> int:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as why:
            if why.errno != errno.EROFS:
                raise
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # a disk that cannot be written can still be read, by one

    def tell(self, address: str) -> None:
        """Write who holds the folder and where it is served, for the one who finds it in use."""
        with contextlib.suppress(OSError):  # a full or read-only disk: the lock holds all the same
            self._file.seek(0)
            self._file.truncate()
            self._file.write(f"process {os.getpid()} {address}".strip())
            self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()

    def release(self) -> None:
        self._file.close()


CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I, L, O, U: they are read as 1, 1, 0, V


def _in_letters(value: int, length: int) -> str:
    return "".join(CODE_LETTERS[value >> 5 * i & 31] for i in reversed(range(length)))


def _from_letters(text: str) -> int:
    return functools.reduce(lambda value, letter: value << 5 | CODE_LETTERS.index(letter), text, 0)


def derived(key: bytes, kind: str, name: str, generation: int = 1) -> str:
    """20 letters and digits that only this key gives."""
    digest = hashlib.blake2b(f"{kind}|{name}|{generation}".encode(), key=key, digest_size=13).digest()
    return base64.b32encode(digest).decode().lower()[:20]


def second_place_of(key: bytes, backup_folder: str) -> Path:
    """The folder of a contest's own in the second place: a stick may serve two contests."""
    return Path(backup_folder) / f"contest-{derived(key, 'place', 'name')[:8]}"


class Secret:
    """secret.json: the key that links, cards and cookies are derived from, and the organiser's password.

    Never in the log, a state or an export. Replaced atomically.
    """

    def __init__(self, folder: Path, disk: Disk):
        self._path, self._disk = folder / "secret.json", disk
        kept = read_own(disk, self._path, dict, "key") if disk.exists(self._path) else {}
        if not kept and disk.exists(folder / "wal"):
            raise LogCorrupt(f"{self._path} is missing: every link and session hangs on it. A backup holds it.")
        self.key = bytes.fromhex(kept["key"]) if kept else secrets.token_bytes(32)
        self.password: str = kept.get("password", "")  # "scrypt$<salt hex>$<hash hex>", "" where none is set
        self.setup: str = kept.get("setup", "")  # hash of the setup link that still works
        self.setup_until: int = kept.get("setup_until", 0)  # ms
        self.addresses: list[str] = kept.get("addresses", [])  # to which links and codes that were given out lead, the newest last
        if not kept:
            self.save()

    def save(self) -> None:
        kept = {"key": self.key.hex(), "password": self.password, "setup": self.setup, "setup_until": self.setup_until,
                "addresses": self.addresses}
        replace_file(self._disk, self._path, [orjson.dumps(kept)])

    def derive(self, kind: str, name: str, generation: int = 1) -> str:
        """The secret part of a link: 20 letters and digits that only this contest's key gives."""
        return derived(self.key, kind, name, generation)

    def code(self, batch: str, number: int) -> str:
        """A code of a people's choice: 10 letters and digits, 50 bits that only this contest's key makes of a batch and a number.

        batch    7 of CODE_LETTERS
        number   1 to 32767
        """
        value = self._shuffled(_from_letters(batch) << 15 | number, range(10))
        return _in_letters(value, 10)

    def read_code(self, code: str) -> tuple[str, int]:
        """The batch and the number that a code would have, however it was typed; of one that was never given some that are not."""
        typed = "".join(c for c in code.upper() if c.isascii() and c.isalnum()).translate(str.maketrans("OILU", "011V"))
        if len(typed) != 10:
            return "", 0
        value = self._shuffled(_from_letters(typed), reversed(range(10)))
        return _in_letters(value >> 15, 7), value & 0x7FFF

    def _shuffled(self, value: int, rounds: Iterable[int]) -> int:
        """50 bits as 50 others: a Feistel network of two halves, which the same rounds backwards undo. So no two codes are alike."""
        left, right = value >> 25, value & 0x1FFFFFF
        for number in rounds:
            text = bytes([number]) + right.to_bytes(4, "big")
            digest = hashlib.blake2b(text, key=self.key, person=b"choice", digest_size=4).digest()
            left, right = right, left ^ int.from_bytes(digest, "big") & 0x1FFFFFF
        return right << 25 | left

    def set_password(self, password: str) -> None:
        """Keep a password as its scrypt hash; signs out every session that the old one opened."""
        salt = secrets.token_bytes(16)
        self.password = f"scrypt${salt.hex()}${self._scrypt(password, salt).hex()}"
        self.setup, self.setup_until = "", 0
        self.save()

    def check_password(self, password: str) -> bool:
        """Whether this is the password; takes the same time either way."""
        _, salt, kept = (self.password or f"scrypt${'00' * 16}${'00' * 32}").split("$")
        found = self._scrypt(password, bytes.fromhex(salt)).hex()
        return hmac.compare_digest(found, kept) and bool(self.password)

    @staticmethod
    def _scrypt(password: str, salt: bytes) -> bytes:
        return hashlib.scrypt(password.encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=32)

    def new_setup_link(self, now_ms: int, minutes: int = 30) -> str:
        """A single-use link to choose the password; the one before it is dead."""
        link = base64.b32encode(secrets.token_bytes(15)).decode().lower()
        self.setup = hashlib.blake2b(link.encode(), key=self.key, digest_size=16).hexdigest()
        self.setup_until = now_ms + minutes * 60_000
        self.save()
        return link

    def check_setup(self, link: str, now_ms: int) -> bool:
        found = hashlib.blake2b(link.encode(), key=self.key, digest_size=16).hexdigest()
        return bool(self.setup) and hmac.compare_digest(found, self.setup) and now_ms < self.setup_until


# --- Stencil ----------------------------------------------------------------
# A photo as a tattooer's stencil: its dark lines in violet on nothing. Pictures
# in, pictures out; called by Photos, knows neither files nor what they show.

VIOLET = (0x43, 0x28, 0x9B)                     # --carbon of static/tokens.css
_BLURS = ((1.2, 4.5, 60), (2.4, 8, 150))        # fine and wide radius, px; smallest mark, px of area
_RAMP = tuple(min(255, max(0, (level - 5) * 255 // 11)) for level in range(256))


def stencil_of(photo: Image.Image) -> Image.Image:
    """A grey photo's dark lines in violet on nothing; a violet duotone where lines would be too few or too many."""
    grey = _median(ImageOps.autocontrast(photo, cutoff=1))
    for fine, wide, smallest in _BLURS:
        lines = ImageChops.subtract(grey.filter(ImageFilter.GaussianBlur(wide)),
                                    grey.filter(ImageFilter.GaussianBlur(fine)))
        lines = _without_specks(lines.point(_RAMP), smallest)
        coverage = ImageStat.Stat(lines).mean[0] / 255
        if coverage <= 0.15:                    # above, the background speckles: draw coarser
            break
    if not 0.01 <= coverage <= 0.35:
        lines = ImageOps.invert(grey)
    return Image.merge("RGBA", (*Image.new("RGB", photo.size, VIOLET).split(), lines))


def _median(grey: Image.Image) -> Image.Image:
    """The median of each pixel and its eight neighbours, as Pillow's MedianFilter(3) to the byte, in 4 ms for its 35.

    Source: Paeth, "Median Finding on a 3 x 3 Grid" (Graphics Gems, 1990): columns sorted, then the lines of equal rank.
    """
    wide, high = grey.size
    padded = Image.new("L", (wide + 2, high + 2))
    padded.paste(grey, (1, 1))
    for edge, at in (((1, 1, wide + 1, 2), (1, 0)), ((1, high, wide + 1, high + 1), (1, high + 1)),
                     ((1, 0, 2, high + 2), (0, 0)), ((wide, 0, wide + 1, high + 2), (wide + 1, 0))):
        padded.paste(padded.crop(edge), at)     # what lies outside is as the edge
    darker, lighter = ImageChops.darker, ImageChops.lighter

    def middle(one: Image.Image, two: Image.Image, three: Image.Image) -> Image.Image:
        return lighter(darker(one, two), darker(lighter(one, two), three))

    def beside(picture: Image.Image) -> list[Image.Image]:
        return [picture.crop((left, 0, left + wide, high)) for left in range(3)]
    rows = [padded.crop((0, top, wide + 2, top + high)) for top in range(3)]
    least, most = beside(functools.reduce(darker, rows)), beside(functools.reduce(lighter, rows))
    return middle(functools.reduce(lighter, least), middle(*beside(middle(*rows))), functools.reduce(darker, most))


def _without_specks(lines: Image.Image, smallest: int) -> Image.Image:
    """The grey picture without its connected marks of an area under `smallest` pixels.

    Source: connected components by a union of the runs of neighbouring rows
    (Rosenfeld and Pfaltz, 1966). Of runs, not pixels: 20 ms a stencil.
    """
    wide = lines.width + 1                      # an empty last column keeps the rows apart
    pixels = bytearray(lines.crop((0, 0, wide, lines.height)).tobytes())
    runs = [run.span() for run in re.finditer(rb"[^\0]+", pixels)]
    area, parent, above = [end - start for start, end in runs], list(range(len(runs))), 0

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = run = parent[parent[run]]
        return run

    for run, (start, end) in enumerate(runs):
        while runs[above][1] < start - wide:
            above += 1
        touching = above
        while touching < run and runs[touching][0] <= end - wide:
            one, other = root(run), root(touching)
            if one != other:
                parent[one], area[other] = other, area[other] + area[one]
            touching += 1
    for run, (start, end) in enumerate(runs):
        if area[root(run)] < smallest:
            pixels[start:end] = bytes(end - start)
    return Image.frombytes("L", (wide, lines.height), bytes(pixels)).crop((0, 0, *lines.size))


# --- Photos -----------------------------------------------------------------
# Turns untrusted bytes into three safe files: upright, sRGB, without metadata,
# written and synced before anybody may name them. Web calls `take_in` in the
# photos' pool, a server's of one thread: a single decode is its budget. Knows
# Pillow and one folder; must never know an entry or the log.

LARGE_PIXELS, THUMB_PIXELS, STENCIL_PIXELS = 2048, 480, 1024    # longest sides
LEAST_PIXELS = 16                               # shorter side
#: Only a JPEG can be decoded smaller than it is: 48 megapixels take 50 MB so, and as a WebP 730.
MOST_PIXELS = {"JPEG": 50_000_000, "PNG": 25_000_000, "WEBP": 25_000_000, "AVIF": 25_000_000}
MOST_SCANS = 32                                 # of a JPEG; a camera's progressive one has about ten

_FILE_NAME = re.compile(r"[0-9a-f]{32}-(large\.jpg|thumb\.webp|stencil\.webp)")
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # those that head a segment, and the end
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_UPRIGHT = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90}


def photo_path(folder: Path, filename: str) -> Path:
    """Where a stored photo lies: `folder`/<first two digits>/`filename`.

    filename  <32 hex>-large.jpg, <32 hex>-thumb.webp or <32 hex>-stencil.webp
    errors    Refused "not_found" (404) for any other name; the disk is not asked

    >>> photo_path(Path("photos"), "0123456789abcdef" * 2 + "-thumb.webp").parts[:2]
    ('photos', '01')
    """
    if not _FILE_NAME.fullmatch(filename):
        raise Refused("not_found", "There is no such photo.", 404)
    return Path(folder) / filename[:2] / filename


def take_in(upload: Path, folder: Path, name: str, sync: Callable[[int], None] = os.fsync) -> dict:
    """Store an uploaded photo as a large picture, a thumbnail and a stencil.

    upload   the spooled bytes; what they are is read from them, never from a name
    folder   the photos' folder, made when missing (0700; files 0600)
    name     32 hex digits: 128 random bits of the caller's
    sync     makes a descriptor durable
    returns  {"large", "thumb", "stencil": file names, "width", "height": px of the
             large one, "sha256": {"large", "thumb", "stencil": hex}}
    errors   Refused not_a_photo, photo_heic, photo_broken (415), photo_too_small (400),
             photo_too_many_pixels (413); OSError of the disk; nothing is left behind

    Source: design.md "HTTP", Photos; look.md "The reveal's motion", the stencil.
    """
    large = _decoded(upload)
    sizes = {"large": f"{name}-large.jpg", "thumb": f"{name}-thumb.webp", "stencil": f"{name}-stencil.webp"}
    paths = [photo_path(folder, filename) for filename in sizes.values()]
    _make_folder(paths[0].parent, sync)
    sums = _stored([
        (paths[0], large, {"format": "JPEG", "quality": 88}),
        (paths[1], _at_most(large, THUMB_PIXELS), {"format": "WEBP", "quality": 80}),
        (paths[2], stencil_of(_at_most(large.convert("L"), STENCIL_PIXELS)), {"format": "WEBP", "quality": 70, "method": 0}),
    ], sync)
    return {**sizes, "width": large.width, "height": large.height, "sha256": dict(zip(sizes, sums))}


def check_photo(upload: Path) -> None:
    """Refuse what take_in would refuse, and store nothing. errors   as take_in"""
    _decoded(upload)


def _kind(head: bytes) -> str:
    """The format these first bytes claim, in Pillow's word; Refused for one that is not taken."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        brands = {head[at:at + 4] for at in range(8, min(len(head), int.from_bytes(head[:4], "big")), 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            raise Refused("photo_heic", "HEIC photos cannot be read here. Please send it as a JPEG.", 415)
    raise Refused("not_a_photo", "This file is not a photo we can read. Please send a JPEG, PNG, WebP or AVIF.", 415)


def _scans(jpeg: bytes) -> int:
    """How many scans a JPEG has, up to one too many: each may cost a walk over the whole picture."""
    at, scans = 2, 0
    while scans <= MOST_SCANS and (marker := _MARKER.search(jpeg, at)):
        if marker[0] == b"\xff\xd9":            # the end; what follows are other pictures, films
            break
        scans += marker[0] == b"\xff\xda"
        at = marker.end() + int.from_bytes(jpeg[marker.end():marker.end() + 2], "big")
    return scans


class _Quiet:
    """No warning is heard while a thread is in here: Python's catch_warnings, which one thread at a time may use, shared by many."""

    def __init__(self):
        self._lock, self._inside, self._caught = threading.Lock(), 0, contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._caught.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._caught.close()


_QUIET = _Quiet()


def _decoded(upload: Path) -> Image.Image:
    """The photo upright, in sRGB, 8-bit RGB, at most LARGE_PIXELS long, with nothing but pixels."""
    with upload.open("rb") as file, _QUIET:     # a camera's odd EXIF is no news
        kind = _kind(file.read(256))
        file.seek(0)
        try:
            if kind == "JPEG" and _scans(file.read()) > MOST_SCANS:
                raise OSError("too many scans")
            with Image.open(file, formats=(kind,)) as picture:      # the header alone: nothing is decoded yet
                if picture.width * picture.height > MOST_PIXELS[kind]:
                    raise Image.DecompressionBombError
                if min(picture.size) < LEAST_PIXELS:
                    raise Refused("photo_too_small", f"This photo is under {LEAST_PIXELS} pixels wide or high.")
                return _tidied(picture)
        except Image.DecompressionBombError as error:
            raise Refused("photo_too_many_pixels", f"This photo has more than {MOST_PIXELS[kind] // 1_000_000} "
                          "megapixels. Please send a smaller one.", 413) from error
        except Exception as error:              # Pillow's decoders raise whatever comes to hand
            if isinstance(error, Refused) or isinstance(error, OSError) and error.errno:
                raise                           # an errno: the disk's fault, not the picture's
            raise Refused("photo_broken", "This photo is damaged or incomplete. Please send it again.", 415) from error


def _tidied(picture: Image.Image) -> Image.Image:
    """Decode an opened picture: small first and turned last, or a phone's photo would take 400 MB."""
    scale = min(1, LARGE_PIXELS / max(picture.size))
    picture.draft(None, tuple(max(1, int(side * scale)) for side in picture.size))
    picture.load()
    orientation, profile = _orientation(picture), picture.info.get("icc_profile")
    plain = _in_srgb(_at_most(_opaque(picture), LARGE_PIXELS), profile)
    if orientation in _UPRIGHT:
        plain = plain.transpose(_UPRIGHT[orientation])
    plain.info.clear()                          # Pillow would write some of it into the new files
    return plain


def _at_most(picture: Image.Image, pixels: int) -> Image.Image:
    """The picture with its longest side at most so long; never enlarged."""
    scale = min(1, pixels / max(picture.size))
    size = tuple(max(1, round(side * scale)) for side in picture.size)
    return picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=1.0) if scale < 1 else picture


def _orientation(picture: Image.Image) -> int:
    """1 to 8, by EXIF; a broken EXIF block is no reason to refuse the photo."""
    with contextlib.suppress(Exception):
        return picture.getexif().get(ExifTags.Base.Orientation, 1)
    return 1


def _opaque(picture: Image.Image) -> Image.Image:
    """In mode L, RGB or CMYK: 16 bit cut to 8, what shines through laid on white."""
    if picture.mode.startswith("I"):            # convert("L") alone would clip 16 bit to white
        return picture.convert("I").point(lambda level: level * (1 / 256)).convert("L")
    if picture.has_transparency_data:
        white = Image.new("RGB", picture.size, "white")
        seen = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        white.paste(seen, mask=seen)
        return white
    return picture if picture.mode in ("L", "RGB", "CMYK") else picture.convert("RGB")


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """In RGB, by the embedded profile unless that is broken or meant for other channels."""
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
            return ImageCms.profileToProfile(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                                             ImageCms.createProfile("sRGB"), outputMode="RGB")
    return picture.convert("RGB")


def _make_folder(folder: Path, sync: Callable[[int], None]) -> None:  # private and durable, with what is missing above it
    for path in (*reversed(folder.parents), folder):
        if not path.is_dir():
            path.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(path.parent, sync)


def _sync_folder(folder: Path, sync: Callable[[int], None]) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def _stored(files: list[tuple[Path, Image.Image, dict]], sync: Callable[[int], None]) -> list[str]:
    """Write (path, picture, Pillow's options), all or none; their sha256 in hex."""
    parts = [path.with_name(f".{path.name}.part") for path, _, _ in files]
    try:
        sums = [_written(part, *rest, sync) for part, (_, *rest) in zip(parts, files)]
        for part, (path, _, _) in zip(parts, files):
            part.rename(path)
        _sync_folder(parts[0].parent, sync)
    except BaseException:
        for path in (*parts, *(path for path, _, _ in files)):
            path.unlink(missing_ok=True)
        raise
    return sums


def _written(path: Path, picture: Image.Image, options: dict, sync: Callable[[int], None]) -> str:
    """Encode into a new private file (encoding into memory would hold the interpreter's lock)."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
        picture.save(file, **options)
        file.flush()
        sync(file.fileno())
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- Wire -------------------------------------------------------------------
# What comes off a socket on a hostile network: WebSocket frames by RFC 6455,
# and requests for pywsgi with a deadline, a cap and a count for everything.
# Called by the loop. Hub's sockets are subclasses of WebSocket; Web makes the
# Front. Knows bytes, sizes, seconds and addresses; never a route, a role, an
# event or the state: what a request may do is asked of its Gate.

FRAME_BYTES = 64 << 10   # longest message, either way
REST_BYTES = 256 << 10   # what a socket that reads nothing may owe: a chunk, and answers to its own messages
READ_BYTES = 16 << 10    # more at once, and one flooder has the loop for longer
HEAD_BYTES = 64 << 10    # of a request: its first line and all headers
MOST_READ_OUT_BYTES = 64 << 20  # of a body that was refused: more is not read to save the answer
BODY_SECONDS = 30
LEAST_BYTES_A_SECOND = 1 << 10  # of a body, after its first BODY_SECONDS


class Close:
    """The close codes of the protocol."""

    NORMAL, PROTOCOL, BINARY, VANISHED, NOT_UTF8, POLICY, LARGE, FAULT, RESTART, FULL = (
        1000, 1002, 1003, 1006, 1007, 1008, 1009, 1011, 1012, 1013)  # 1006 is counted, never sent
    REPLACED, SLOW, SILENT, BAD_HELLO, SIGNED_OUT, NOT_ALLOWED, NO_HELLO, VERSION = (
        4001, 4008, 4045, 4400, 4401, 4403, 4408, 4426)


#: What a client may close with. Source: RFC 6455, "Reserved Status Code Ranges".
_CLIENT_CODES = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})


class BrokenFrame(ContestError):
    """The other side broke the WebSocket protocol; `code` is what to close with."""

    def __init__(self, code: int, text: str):
        super().__init__(text)
        self.code = code


def encode_frame(payload: bytes, opcode: int = 1) -> bytes:
    """A WebSocket frame as a server sends it: whole, unmasked. Source: RFC 6455, "Base Framing Protocol"."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x80 | opcode, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack("!BBQ", 0x80 | opcode, 127, size) + payload


class Frames:
    """Frames out of a client's bytes, however they are cut.

    Refuses what RFC 6455 forbids a client: no mask, reserved bits, unknown opcodes, long lengths written for short
    ones, control frames over 125 bytes or in pieces; and a message over `most_bytes` before it is read.
    """

    __slots__ = ("_bytes", "_opcode", "_parts", "_size")

    most_bytes, most_parts = FRAME_BYTES, 1024

    def __init__(self):
        self._bytes = bytearray()
        self._parts: list[bytes] = []  # a message in fragments
        self._size = 0  # of the message so far, in bytes
        self._opcode = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is begun: then another Frames would do as well."""
        return not self._bytes and not self._parts

    def feed(self, received: bytes) -> Iterator[tuple[int, bytes]]:
        """The whole messages, (opcode, payload), that these bytes complete.

        errors   BrokenFrame
        """
        self._bytes += received
        while (frame := self._next()) is not None:
            final, opcode, payload = frame
            if opcode >= 8:
                yield opcode, payload
                continue
            self._opcode = opcode or self._opcode
            self._parts.append(payload)
            self._size += len(payload)
            if self._size > self.most_bytes or len(self._parts) > self.most_parts:
                raise BrokenFrame(Close.LARGE, "a message too long, or in too many pieces")
            if final:
                whole, self._parts, self._size = b"".join(self._parts), [], 0
                yield self._opcode, whole

    def _next(self) -> tuple[bool, int, bytes] | None:
        have = self._bytes
        if len(have) < 2:
            return None
        opcode, size, start = have[0] & 15, have[1] & 127, 2
        if have[0] & 0x70 or opcode not in (0, 1, 2, 8, 9, 10) or not have[1] & 128:
            raise BrokenFrame(Close.PROTOCOL, "reserved bits, an unknown opcode or no mask")
        if opcode < 8 and (opcode == 0) != bool(self._parts):
            raise BrokenFrame(Close.PROTOCOL, "a fragment out of order")
        if opcode >= 8 and (size > 125 or not have[0] & 128):
            raise BrokenFrame(Close.PROTOCOL, "a control frame that is long or in pieces")
        if size > 125:
            start = 4 if size == 126 else 10
            if len(have) < start:
                return None
            least, size = (126, 1 << 16)[start == 10], int.from_bytes(have[2:start], "big")
            if size < least or size >> 63:
                raise BrokenFrame(Close.PROTOCOL, "a length longer than needed")
        if size > self.most_bytes:
            raise BrokenFrame(Close.LARGE, "a frame too long")
        if len(have) < start + 4 + size:
            return None
        mask, body = bytes(have[start:start + 4]), bytes(have[start + 4:start + 4 + size])
        final = bool(have[0] & 128)
        del self._bytes[:start + 4 + size]
        return final, opcode, _unmasked(mask, body)


def _unmasked(mask: bytes, body: bytes) -> bytes:
    """XOR with the mask, as one large number: a loop over bytes would be a hundred times slower."""
    size = len(body)
    repeated = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(body, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")


class WebSocket:
    """One connection after its upgrade: bytes, frames, closes, and how fast the other side may speak.

    What stands above RFC 6455 is a subclass's: take(opcode, payload) gets a whole message, caught_up() is called when
    all that waited has been taken. `hub` is where it belongs: it has a clock, counts, peers and left(socket, code).
    """

    __slots__ = ("blocked_since", "closing", "frames", "guest", "heard", "hub", "is_deaf", "reader", "rest", "sock", "tokens", "writer")

    most_tokens, tokens_a_second = 200, 50  # a message costs one, or one a KiB

    def __init__(self, hub, sock, guest: Guest):
        self.hub, self.sock, self.guest = hub, sock, guest
        self.heard, self.tokens = hub.clock(), self.most_tokens
        self.frames: Frames | None = None  # only while something is begun
        self.is_deaf = False  # nothing that comes is read any more
        self.rest, self.writer = b"", None  # what the socket has not taken yet, and who waits until it can
        self.blocked_since = self.closing = 0.0
        self.reader = gevent.get_hub().loop.io(sock.fileno(), 1)
        self.reader.start(self.readable)

    is_gone = property(lambda self: self.reader is None)

    def readable(self) -> None:
        """Called by the loop when there is something to read."""
        try:
            received = self.sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            received = b""
        self.feed(received) if received else self.drop()

    def feed(self, received: bytes) -> None:
        """Take what a client sent. An exception in here would silently stop the watcher, so every one is answered."""
        self.refill()
        if self.is_deaf:
            return
        self.frames = parser = self.frames or self.hub.frames_class()
        try:
            for opcode, payload in parser.feed(received):
                self.tokens -= max(1, len(payload) >> 10)
                self._dispatch(opcode, payload)
                if self.is_gone or self.is_deaf:
                    return
        except BrokenFrame as why:
            return self._break_off(why.code)
        except Exception:  # a fault of ours costs one connection and is told, never the loop
            traceback.print_exc()
            self.close(Close.FAULT)
        if parser.is_empty:
            self.frames = None
        if self.tokens < 0 and not self.closing:
            self.reader.stop()  # what it sends waits in the kernel, and then on its own side
            self.hub.counts["throttled"] += 1
            self.hub.peers.throttle(self, self.tokens if len(received) < READ_BYTES else -math.inf)

    def refill(self) -> None:
        """What time has given back may be spent. It counts as a sign of life, also of a socket that is held off: that one cannot give any."""
        now = self.hub.clock()
        self.tokens = min(self.most_tokens, self.tokens + (now - self.heard) * self.tokens_a_second)
        self.heard = now

    def _dispatch(self, opcode: int, payload: bytes) -> None:
        if opcode == 8:
            self._closed(payload)
        elif self.closing:
            return
        elif opcode == 9:
            self.send(encode_frame(payload, 10))
        elif opcode != 10:
            self.take(opcode, payload)

    def _closed(self, payload: bytes) -> None:
        """Answer a close with its own code, behind what is still owed."""
        code = int.from_bytes(payload[:2], "big") if payload else Close.NORMAL
        try:
            payload[2:].decode()
        except UnicodeDecodeError:
            code = Close.NOT_UTF8
        self._break_off(code if code in _CLIENT_CODES and len(payload) != 1 else Close.PROTOCOL)

    def _break_off(self, code: int) -> None:
        """Close a stream that is not read any further: what still comes is thrown away until the other side ends it too, or the time to close is over."""
        self.close(code)
        self.frames, self.is_deaf = None, True
        self._shut()

    def _shut(self) -> None:
        if not self.rest:
            with contextlib.suppress(OSError):  # the other side may be gone already
                self.sock.shutdown(socket.SHUT_WR)

    def send(self, chunk: bytes) -> None:
        """One direct, non-blocking send; what does not fit waits until the socket can be written."""
        if not self.rest:
            try:
                sent = self.sock.send(chunk)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                return self.drop()
            if not (chunk := chunk[sent:]):
                return
            self.blocked_since = self.hub.clock()
            self.writer = gevent.get_hub().loop.io(self.sock.fileno(), 2)
            self.writer.start(self._writable)
        self.rest += chunk
        if len(self.rest) > REST_BYTES:  # it asks and asks, and does not read the answers
            self.hub.counts["slow_dropped"] += 1
            self.drop(reset=True)

    def _writable(self) -> None:
        try:
            self.rest = self.rest[self.sock.send(self.rest):]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            return self.drop()
        self.blocked_since = self.hub.clock()
        if not self.rest:
            self.writer.stop()
            self.writer.close()
            self.writer = None
            self._shut() if self.is_deaf else self.caught_up()

    def close(self, code: int) -> None:
        """Say why, then wait a moment for the other side's close."""
        if not self.is_gone and not self.closing:
            self.closing = self.hub.clock()
            self.hub.left(self, code)
            self.send(encode_frame(struct.pack("!H", code), 8))

    def drop(self, reset: bool = False) -> None:
        """Let go of the socket at once; with `reset` also of what the kernel still holds for it."""
        if self.is_gone:
            return
        for watcher in filter(None, (self.reader, self.writer)):
            watcher.stop()
            watcher.close()
        self.reader = self.writer = None
        if reset:
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        if not self.closing:
            self.hub.left(self, Close.VANISHED)
        self.hub.peers.remove(self)
        self.hub.gone(self.guest.address)


# Requests.


@dataclass(frozen=True, slots=True)
class Guest:
    """One who may connect, as the gate found out: whose session, in which audience, from where."""

    session: str
    audience: str
    barred: frozenset = frozenset()  # pages that its hello must not name
    address: str = ""
    refusal: int = 0  # a close code to end with at once, for a browser, which cannot read a refused upgrade


@dataclass(frozen=True, slots=True)
class Gate:
    """What the wire asks those who know: each may raise Refused.

    most_bytes  most_bytes(path): the longest body there
    address_of  address_of(environ): who asks, a proxy looked through where one is believed
    admit       admit(environ): the Guest behind an upgrade
    connect     connect(socket, guest, bytes that came with the upgrade): takes the socket over
    note        note(environ, status, bytes of the answer, seconds): called after each request, where somebody wants to know
    """

    most_bytes: Callable[[str], int]
    address_of: Callable[[Mapping], str]
    admit: Callable[[Mapping], Guest]
    connect: Callable[[socket.socket, Guest, bytes], None]
    note: Callable[[Mapping, int, int, float], None] | None = None


class Crowd:
    """Counts what comes from each address: a flood from one is cut, a hall of phones behind one is served."""

    MOST_ADDRESSES = 10_000

    def __init__(self, connections: int, requests_a_second: float, clock: Callable[[], float] = time.monotonic, burst_seconds: float = 10):
        """connections, requests_a_second   at most from one address, so many seconds' worth of them at once; 0: any number"""
        self._burst_seconds = burst_seconds
        self._connections, self._rate, self._clock = connections, requests_a_second, clock
        self._open: dict[str, int] = {}
        self._tokens: dict[str, tuple[float, float]] = {}  # address -> (tokens, when)
        self.cut = 0  # connections and requests refused so far

    def enter(self, address: str) -> bool:
        """Count a connection in, unless there are too many."""
        count = self._open.get(address, 0)
        if self._connections and count >= self._connections:
            self.cut += 1
            return False
        if self._connections:
            self._open[address] = count + 1
        return True

    def leave(self, address: str) -> None:
        """Count a connection out."""
        if self._connections:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def ask(self, address: str) -> None:
        """Count a request.

        errors   Refused `too_many_requests`
        """
        if not self._rate:
            return
        now, most = self._clock(), self._rate * self._burst_seconds
        tokens, when = self._tokens.get(address, (most, now))
        tokens = min(most, tokens + (now - when) * self._rate) - 1
        if len(self._tokens) > self.MOST_ADDRESSES:  # then every flood may begin anew, once
            self._tokens.clear()
        self._tokens[address] = max(tokens, -1.0), now
        if tokens < 0:
            self.cut += 1
            raise Refused("too_many_requests", "Too many requests from this address: wait a moment.", 429, retry_after=1)


class Throttle:
    """Slows down guessing: after five wrong tries under a key each next one waits longer; a quiet quarter of an hour forgets."""

    QUIET_SECONDS = 900

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._wrong: dict[str, tuple[int, float]] = {}  # key -> (tries, when the next is heard)

    def count(self, key: str) -> None:
        """Count a try as wrong before it is looked at: many at once must not all slip through. `right` takes it back.

        errors   Refused `too_many_tries` with the seconds to wait
        """
        now = self._clock()
        count, until = self._wrong.get(key, (0, now))
        if now > until + self.QUIET_SECONDS:
            count = 0
        if count >= 5 and now < until:
            wait = int(until - now) + 1
            raise Refused("too_many_tries", f"Too many wrong tries. Wait {wait} seconds.", 429, retry_after=wait)
        if len(self._wrong) > 10_000:
            self._wrong.clear()
        self._wrong[key] = count + 1, now + min(300, 2 ** max(0, count - 3))

    def right(self, key: str) -> None:
        self._wrong.pop(key, None)


@contextlib.contextmanager
def body_deadline(size: int) -> Iterator[None]:
    """A limit for reading a body of `size` bytes: as a whole, and for each time that nothing comes.

    errors   Refused `too_slow`
    """
    slow = Refused("too_slow", "The request came too slowly.", 408)
    try:
        with gevent.Timeout(BODY_SECONDS + size / LEAST_BYTES_A_SECOND, slow):
            yield
    except TimeoutError:  # of the socket, see Connection.handle
        raise slow from None


class _Head:
    """The lines of a request's head, so many bytes of them and no more."""

    def __init__(self, file):
        self._file, self._left = file, HEAD_BYTES

    def readline(self, limit: int = -1) -> bytes:
        line = self._file.readline(limit)
        self._left -= len(line)
        if self._left < 0:
            raise ValueError("the head is too long")
        return line


class _Shutter(io.RawIOBase):
    """A socket's bytes under a buffer; shut for a moment, the buffer shows what it has and reads no more."""

    def __init__(self, raw: io.RawIOBase):
        self._raw, self._is_shut = raw, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int | None:
        return None if self._is_shut else self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()

    def read_ahead(self, file: io.BufferedReader) -> bytes:
        """What the buffer over this has read already."""
        self._is_shut = True
        try:
            return file.peek(1)
        finally:
            self._is_shut = False


_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a header's name. Source: RFC 9110, "Tokens"
_HEAD_DEFECTS = (email.errors.MissingHeaderBodySeparatorDefect, email.errors.FirstHeaderLineIsContinuationDefect,
                 email.errors.MisplacedEnvelopeHeaderDefect)
_REASONS = Map({400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 408: "Request Timeout", 411: "Length Required",
                413: "Content Too Large", 426: "Upgrade Required", 429: "Too Many Requests", 503: "Service Unavailable"})
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class _Slow(ValueError):
    """A head that did not come whole in its time."""


class Heads(geventwebsocket.handler.WebSocketHandler):
    """Waits for the requests of one connection and reads their heads for pywsgi: each in its time, each of bounded size."""

    head_seconds, idle_seconds = 10, 15
    #: Ends of a connection that say nothing of us: the phone left the wifi, or does not read.
    ignored_socket_errors = (errno.EPIPE, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, "timed out")
    _is_kept = False  # whether it has brought a request already
    _deadline: gevent.Timeout  # of the head that is being read
    path = ""

    def __init__(self, sock, address, server):
        self._shutter = _Shutter(sock.makefile("rb", 0))
        super().__init__(sock, address, server, io.BufferedReader(self._shutter))

    def log_request(self) -> None:
        """Nothing for people, whom the log of the contest tells it better; a note for programs, where they want one."""
        if (note := self.server.gate.note) and getattr(self, "environ", None):
            note(self.environ, abs(getattr(self, "code", None) or 0), self.response_length, self.time_finish - self.time_start)

    def handle(self) -> None:
        self.socket.settimeout(BODY_SECONDS)  # for a read that brings nothing, and each piece of an answer
        with contextlib.suppress(OSError):  # whoever is gone needs no answer, and nobody a traceback
            super().handle()

    def _sendall(self, answer) -> None:
        """A piece at a time: the limit is for one that stands still, not for a large one on a slow wifi."""
        for at in range(0, len(answer), READ_BYTES):
            super()._sendall(answer[at:at + READ_BYTES])

    def read_requestline(self) -> str:
        """The first line of a head; from its first byte on the whole head has so much time and no more."""
        begun = time.monotonic()
        if not (self._shutter.read_ahead(self.rfile) or self._wait_idle()) or not self.rfile.peek(1):
            return ""
        waited = 0 if self._is_kept else time.monotonic() - begun  # a new connection has no time to lose
        self._is_kept, self._deadline = True, gevent.Timeout.start_new(self.head_seconds - waited)
        try:
            return super().read_requestline()
        except gevent.Timeout:
            self.socket.sendall(_TOO_SLOW)
            return ""

    def _wait_idle(self) -> bool:
        """Wait for a request without reading of it, so that a restart may hand the connection on; whether one came in time."""
        front, came = self.server, False
        front.note_idle(self)
        with gevent.Timeout(self.idle_seconds if self._is_kept else self.head_seconds, False):
            gevent.socket.wait_read(self.socket.fileno())
            came = True
        front.gate_open.wait()
        front.note_busy(self)
        self.time_start = time.time()  # not when it began to wait
        return came

    #: pywsgi's name for what reads a request's head
    def MessageClass(self, file, *more):
        return super().MessageClass(_Head(file), *more)

    def read_request(self, raw_requestline: str) -> bool:
        try:
            return super().read_request(raw_requestline)
        except gevent.Timeout:
            raise _Slow from None
        finally:
            self._deadline.close()

    def _handle_client_error(self, ex) -> tuple | None:
        """A head that is too slow, too long or no HTTP is the other side's fault: an answer, and no traceback."""
        if isinstance(ex, OSError):
            return None
        if isinstance(ex, _Slow):
            return "408", _TOO_SLOW
        return super()._handle_client_error(ValueError(str(ex)) if isinstance(ex, http.client.HTTPException) else ex)


class Connection(Heads):
    """Answers the requests of one connection, and takes its socket out when it becomes a live one."""

    is_live = False  # whether its socket was taken out

    def run_application(self) -> None:
        gate = self.server.gate
        try:
            self.server.crowd.ask(gate.address_of(self.environ))
            self._check_head(gate)
            if self.environ["PATH_INFO"] == "/api/live":
                self._check_upgrade()
                return self._become_live(gate, gate.admit(self.environ))
        except Refused as no:
            return self._refuse(no)
        gevent.pywsgi.WSGIHandler.run_application(self)
        self._read_out()

    def _check_head(self, gate: Gate) -> None:
        """Refuse a request of a shape that two readers could understand differently, before anything of its body is read."""
        headers, length = self.headers, self.environ.get("CONTENT_LENGTH")
        if any(isinstance(defect, _HEAD_DEFECTS) for defect in headers.defects) or self.request_version == "HTTP/0.9" or not all(
                _TOKEN.fullmatch(name) and "\n" not in text for name, text in headers.items()):
            raise Refused("bad_request", "The head of this request is no HTTP.", 400)
        if "Transfer-Encoding" in headers:
            raise Refused("length_required", "A body says its length.", 411)
        lengths, hosts = (len(headers.get_all(name, [])) for name in ("Content-Length", "Host"))
        if lengths > 1 or hosts > 1 or (not hosts and self.request_version == "HTTP/1.1"):
            raise Refused("bad_request", "A request has one Content-Length and one Host.", 400)
        if length and not (length.isascii() and length.isdigit()):
            raise Refused("bad_request", "Content-Length is one number.", 400)
        if length and int(length) > gate.most_bytes(self.environ["PATH_INFO"]):
            raise Refused("body_too_large", "That is more than this server takes.", 413)

    def _refuse(self, no: Refused) -> None:
        """Answer a request that goes no further, and end the connection: what may still come of it is not to be trusted."""
        self.close_connection = True
        body = dumps({"error": {"code": no.code, "message": no.text}})
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Connection", "close")]
        headers += [("Retry-After", str(no.extra.get("retry_after", 5)))] * (no.status in (429, 503))
        headers += [("Sec-WebSocket-Version", "13")] * (no.status == 426)
        self.start_response(f"{no.status} {_REASONS[no.status]}", headers)
        self.result = [body]
        self.process_result()
        self._read_out()

    def _read_out(self) -> None:
        """Read what is left of a body for a while: a connection closed over unread bytes would take the answer with it."""
        with gevent.Timeout(BODY_SECONDS, False), contextlib.suppress(OSError):
            while self.wsgi_input.position < min(self.content_length or 0, MOST_READ_OUT_BYTES):
                self.wsgi_input.send_100_continue_enabled = False
                self.wsgi_input.read(READ_BYTES)
        if self.wsgi_input.position < (self.content_length or 0):
            self.close_connection = True
            self.wsgi_input.content_length = self.wsgi_input.position

    def _check_upgrade(self) -> None:
        """Refuse what is no proper upgrade to contest.v1."""
        environ = self.environ
        tokens = [t.strip().lower() for t in environ.get("HTTP_CONNECTION", "").split(",")]
        if environ["REQUEST_METHOD"] != "GET" or environ.get("HTTP_UPGRADE", "").lower() != "websocket" or "upgrade" not in tokens:
            raise Refused("upgrade_required", "This address speaks WebSocket.", 426)
        if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13" or self.request_version != "HTTP/1.1":
            raise Refused("upgrade_required", "This address speaks WebSocket, version 13.", 426)
        try:
            whole = len(base64.b64decode(environ.get("HTTP_SEC_WEBSOCKET_KEY", ""), validate=True)) == 16
        except ValueError:
            whole = False
        offered = [name.strip() for name in environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").split(",")]
        if not whole or environ.get("CONTENT_LENGTH", "0") not in ("", "0") or "contest.v1" not in offered:
            raise Refused("bad_upgrade", "The upgrade needs a key, no body, and the subprotocol contest.v1.", 400)

    def _become_live(self, gate: Gate, guest: Guest) -> None:
        """Answer 101 ourselves and hand the descriptor on; no greenlet stays behind."""
        key = self.environ["HTTP_SEC_WEBSOCKET_KEY"] + self.GUID
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        answer = (f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: contest.v1\r\n\r\n").encode()
        self.socket.settimeout(0)  # from here a read of what is not there says so at once
        try:
            early = self.rfile.peek()
        except OSError:
            early = b""
        self.status, self.code, self.headers_sent, self.close_connection, self.result = "101", 101, True, True, []
        self.rfile.close()
        plain_socket = socket.socket(fileno=self.socket.detach())
        plain_socket.setblocking(False)
        try:
            plain_socket.sendall(answer)  # at once, or never: nothing else has been sent since the last answer
        except OSError:
            return plain_socket.close()
        self.is_live = True
        gate.connect(plain_socket, guest, early)


class Front(gevent.pywsgi.WSGIServer):
    """The HTTP server: pywsgi behind a gate, with a count of who is there."""

    MOST_GREENLETS = 20_000  # more than the files that may be open: it is those that run out

    def __init__(self, listener, app, gate: Gate, crowd: Crowd, connection_class: type[Connection]):
        super().__init__(listener, app, spawn=gevent.pool.Pool(self.MOST_GREENLETS), handler_class=connection_class, log=None)
        self.gate, self.crowd = gate, crowd
        self.idle: set[Connection] = set()  # waiting for a request, of which nothing was read
        self.busy: dict[Connection, float] = {}  # with one under way, since when
        self.gate_open = gevent.event.Event()  # cleared while a restart lets no request begin
        self.gate_open.set()

    def shut(self) -> None:
        """Let no request begin: new connections wait in the listener's queue, those there before their first byte is read."""
        self.gate_open.clear()
        self.stop_accepting()

    def open(self) -> None:
        """Let requests begin again."""
        self.gate_open.set()
        self.start_accepting()

    @property
    def has_long_request(self) -> bool:
        """Whether one is under way that takes its time: an upload, a backup. A long poll ends when it is told to."""
        before = time.monotonic() - 1
        return any(since < before and not connection.path.startswith("/api/events") for connection, since in self.busy.items())

    def note_idle(self, connection: Connection) -> None:
        """From here to note_busy the connection can be handed to another server as it is."""
        self.busy.pop(connection, None)
        self.idle.add(connection)

    def note_busy(self, connection: Connection) -> None:
        """A request begins."""
        self.idle.discard(connection)
        self.busy[connection] = time.monotonic()

    @property
    def is_quiet(self) -> bool:
        """Whether no request is under way, nor a connection that was only just accepted."""
        return len(self.pool) == len(self.idle)

    def take_over(self, fd: int) -> None:
        """Go on with an idle connection of a server before this one."""
        sock = gevent.socket.socket(fileno=fd)
        sock.set_inheritable(False)
        try:
            self.do_handle(sock, sock.getpeername())
        except OSError:  # it went while nobody looked
            sock.close()

    def handle(self, sock, address) -> None:
        if not self.crowd.enter(address[0]):
            return  # the socket is closed by whoever called
        connection = self.handler_class(sock, address, self)
        try:
            connection.handle()
        finally:
            self.idle.discard(connection)
            self.busy.pop(connection, None)
            if not connection.is_live:  # else whoever took it says when it leaves
                self.crowd.leave(address[0])


# --- Hub --------------------------------------------------------------------
# Tells every screen and phone what happened, and holds it for those who are
# away. docs/realtime.md is the protocol. Called by Desk (publish), Wire
# (connect) and Routes (events). Knows bytes, channel names and cursors; never
# an event, a rule or the state. Publishing never waits on a phone: a socket is
# a cursor into what is held, and what it does not take now it is sent when it
# can be written. A connected socket has no greenlet: the loop calls it.

CHUNK_BYTES = 64 << 10   # joined for one socket at a time, at least one frame
FLUSH_SECONDS = 0.02
SLICE = 256              # sockets written between two turns of the loop


def turn(seconds: float) -> None:
    """A real turn of the loop: `gevent.sleep(0)` would not poll the sockets until fifty callbacks had run."""
    hub = gevent.get_hub()
    hub.wait(hub.loop.timer(seconds))


def guarded(work: Callable, *arguments) -> None:
    """Do something that must never end the loop it stands in: a fault of ours is told, and the next one is served."""
    try:
        work(*arguments)
    except Exception:
        traceback.print_exc()


# What is held for those who are away.


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a client stands: epoch, seq, the first 8 hex of the hash there, and its audience."""

    epoch: str
    seq: int
    hash8: str
    audience: str

    @classmethod
    def read(cls, value) -> Cursor | None:
        """The cursor in a hello or a query, None where there is none.

        errors   Refused `bad_cursor`
        """
        if value is None:
            return None
        try:
            made = cls(value["e"], value["s"], value["h"], value["a"])
        except (KeyError, TypeError):
            raise Refused("bad_cursor", "A cursor is {e, s, h, a}.") from None
        texts = all(isinstance(part, str) for part in (made.epoch, made.hash8, made.audience))
        if not texts or type(made.seq) is not int or made.seq < 0:
            raise Refused("bad_cursor", "A cursor's s is a whole number, the rest are texts.")
        return made


class Audience:
    """All who are sent the same: its held messages, and the sockets that listen."""

    def __init__(self, name: str, floor: int):
        self.name = name
        self.channels = ("judge", name) if name.startswith("judge:") else (name,)
        self.held: deque[tuple[int, int, float, bytes]] = deque()  # (seq, seq before it, when, message's JSON)
        self.floor, self.floor_why = floor, "lapped"  # the last seq that is not held any more, and why
        self.last = floor  # the last seq that has something for this audience
        self.peers: set[Peer] = set()
        self._news = gevent.event.Event()
        self._chunks: dict[int, tuple[bytes, int, int]] = {}

    def add(self, seq: int, when: float, message: bytes) -> None:
        """Hold a message; the sockets are sent it by the next flush."""
        self.held.append((seq, self.last, when, message))
        self.last = seq
        self.wake()

    def reset(self, seq: int, why: str) -> None:
        """Hold nothing before a seq: everybody fetches the state anew."""
        self.held.clear()
        self.floor, self.last, self.floor_why = seq, seq, why
        self.wake()

    def wake(self) -> None:
        """Let every long poll answer now with what there is."""
        self._chunks.clear()
        self._news.set()
        self._news = gevent.event.Event()

    def wait(self, seconds: float) -> None:
        """Wait for news."""
        self._news.wait(seconds)

    def after(self, seq: int) -> list[tuple[int, int, float, bytes]]:
        """What is held behind a seq, oldest first."""
        found = []
        for item in reversed(self.held):
            if item[0] <= seq:
                break
            found.append(item)
        return found[::-1]

    def chunk(self, seq: int) -> tuple[bytes, int, int]:
        """What is held behind a seq as joined frames: the bytes, the seq they reach, how many there are.

        Sockets at the same place share the bytes.
        """
        if seq not in self._chunks:
            if len(self._chunks) > 64:  # as many laggards at places of their own: sharing is over
                self._chunks.clear()
            parts, size, upto = [], 0, seq
            for upto, _, _, message in self.after(seq):
                parts.append(encode_frame(message))
                size += len(message)
                if size > CHUNK_BYTES:
                    break
            self._chunks[seq] = b"".join(parts), upto, len(parts)
        return self._chunks[seq]

    def trim(self, most: int, oldest: float) -> None:
        """Let go of what is too much or too old."""
        while len(self.held) > most:
            self.floor, self.floor_why = self.held.popleft()[0], "lapped"
        while self.held and self.held[0][2] < oldest:
            self.floor, self.floor_why = self.held.popleft()[0], "ttl"


class Backlog:
    """What every audience was told and may still ask for, and where in the log that is."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic):
        self.settings, self.clock = settings, clock
        self.epoch, self.seq, self.hash8 = "", 0, ""
        self._first = 0  # the seq of the first kept hash
        self._hashes = bytearray()  # 4 bytes a seq, from _first: those who missed nothing resume after days
        self.audiences: dict[str, Audience] = {}
        self.draining = False
        self.counts = dict.fromkeys((
            "resumes", "resets", "slow_dropped", "heartbeat_timeouts", "replaced", "throttled", "connected", "refused",
            "polls", "published", "delivered", "received"), 0)

    def begin(self, epoch: str, seq: int, hash8: str) -> None:
        """Start at a place of the log; lines behind it may be held again with `publish`."""
        self.epoch, self.seq, self.hash8 = epoch, seq, hash8
        self._first, self._hashes = seq, bytearray.fromhex(hash8)
        self.audiences = {name: Audience(name, seq) for name in CHANNELS}

    def audience(self, name: str) -> Audience:
        """The audience of that name. A judge's own begins as what all judges were sent, which is all it was sent too."""
        if name not in self.audiences:
            made, common = Audience(name, self.seq), self.audiences["judge"]
            made.held, made.last = common.held.copy(), common.last
            made.floor, made.floor_why = common.floor, common.floor_why
            self.audiences[name] = made
        return self.audiences[name]

    def _move_to(self, seq: int, hash8: str) -> None:
        self.seq, self.hash8 = seq, hash8
        if seq - self._first == len(self._hashes) // 4:  # else it is there: a line that could not be told is passed over next
            self._hashes += bytes.fromhex(hash8)

    def pass_over(self, seq: int, hash8: str) -> None:
        """Count a line that is not told, at start since it is too old: whoever stood before it fetches the state anew."""
        self._move_to(seq, hash8)
        for audience in self.audiences.values():
            self.reset(audience, "ttl")

    def publish(self, seq: int, hash8: str, told: Mapping[str, list[dict]], age_seconds: float = 0.0) -> None:
        """Tell a durable line's messages to every channel. Never waits.

        told         {channel: [message]}
        age_seconds  how long ago it was, for lines held again at start
        """
        for channel in told:
            self.audience(channel)
        self._move_to(seq, hash8)
        when, encoded = self.clock() - age_seconds, {}
        for audience in self.audiences.values():
            key = tuple(c for c in audience.channels if c in told)
            if not key:
                continue
            if key not in encoded:
                encoded[key] = dumps([m for channel in key for m in told[channel]])
            message = b'{"t":"ev","s":%d,"h":"%s","p":%d,"m":%s}' % (seq, hash8.encode(), audience.last, encoded[key])
            if len(message) > FRAME_BYTES:
                self.reset(audience, "lapped")
            else:
                audience.add(seq, when, message)
        self.counts["published"] += 1
        self._trim()

    def reset(self, audience: Audience, why: str) -> None:
        """Hold nothing before now for an audience."""
        audience.reset(self.seq, why)

    def _trim(self) -> None:
        oldest = self.clock() - self.settings.held_seconds
        for audience in self.audiences.values():
            audience.trim(self.settings.held_messages, oldest)

    def check(self, audience: Audience, cursor: Cursor | None) -> tuple[str, str]:
        """("resume", "") if everything since the cursor is held, else ("reset", why)."""
        self._trim()
        if cursor is None:
            return "reset", "new"
        if cursor.epoch != self.epoch:
            return "reset", "epoch"
        if cursor.audience != audience.name:
            return "reset", "audience"
        if cursor.seq > self.seq:
            return "reset", "ahead"
        if cursor.seq < max(audience.floor, self._first):
            return "reset", audience.floor_why if cursor.seq < audience.floor else "lapped"
        at = 4 * (cursor.seq - self._first)
        return ("resume", "") if self._hashes[at:at + 4].hex() == cursor.hash8 else ("reset", "hash")

    def events(self, name: str, cursor: Cursor | None, wait_seconds: float) -> dict:
        """What a long poll is answered: mode, the new cursor, and the messages since the old one."""
        audience = self.audience(name)
        mode, why = self.check(audience, cursor)
        if mode == "resume" and wait_seconds and not audience.after(cursor.seq) and not self.draining:
            audience.wait(wait_seconds)
            mode, why = self.check(audience, cursor)
        self.counts["polls"] += 1
        self.counts["resumes" if mode == "resume" else "resets"] += 1
        held = [orjson.Fragment(message) for *_, message in audience.after(cursor.seq)] if mode == "resume" else []
        return {"mode": mode, "why": why, "e": self.epoch, "s": self.seq, "h": self.hash8, "a": name, "events": held}

    def wake(self) -> None:
        """Let every long poll answer now."""
        for audience in self.audiences.values():
            audience.wake()


# Sockets.


class Peer(WebSocket):
    """A socket that speaks contest.v1: who listens, where it stands, and what it says of itself."""

    __slots__ = ("audience", "beat", "cid", "device", "page", "sent", "waiting")

    hello_seconds, blocked_seconds, closing_seconds = 5, 10, 2.5

    def __init__(self, hub: Hub, sock, guest: Guest):
        super().__init__(hub, sock, guest)
        self.audience = hub.audience(guest.audience)
        self.cid, self.device, self.page, self.waiting = "", "", "", 0
        self.sent = -1  # the seq up to which it was sent everything; -1: not greeted yet
        self.beat = self.heard

    def take(self, opcode: int, payload: bytes) -> None:
        """A hello, a pong or a bye; anything else is not understood."""
        self.hub.counts["received"] += 1
        if opcode == 2:
            return self.close(Close.BINARY)
        try:
            said = json.loads(payload.decode())
            kind = said["t"]
        except UnicodeDecodeError:
            return self.close(Close.NOT_UTF8)
        except (ValueError, KeyError, TypeError, RecursionError):
            return self.close(Close.BAD_HELLO)
        waiting = said.get("waiting")
        if isinstance(waiting, int) and 0 <= waiting < 1_000_000:
            self.waiting = waiting
        if kind == "hello":
            self._hello(said)
        elif kind == "bye":
            self.close(Close.NORMAL)
        elif kind != "pong":
            self.close(Close.BAD_HELLO)

    def _hello(self, said: dict) -> None:
        if said.get("v") != 1:
            return self.close(Close.VERSION)
        try:
            cursor = Cursor.read(said.get("cur"))
        except Refused:
            return self.close(Close.BAD_HELLO)
        cid, page, device = ("" if said.get(name) is None else str(said[name]) for name in ("cid", "page", "device"))
        if not all(re.fullmatch(r"[\w-]{0,64}", text, re.ASCII) for text in (cid, page, device)):
            return self.close(Close.BAD_HELLO)
        if page in self.guest.barred:
            return self.close(Close.NOT_ALLOWED)
        self.device, self.page = device or cid, sys.intern(page)  # ten thousand sockets name six pages
        self.hub.attach(self, cursor, cid)

    def caught_up(self) -> None:
        self.advance()

    def advance(self) -> None:
        """Send what its audience was sent since, chunk after chunk, until it has all or takes no more."""
        audience = self.audience
        while 0 <= self.sent < audience.last and not self.rest and not self.closing and not self.is_gone:
            if self.sent < audience.floor:
                self.hub.counts["slow_dropped"] += 1
                return self.close(Close.SLOW)
            chunk, self.sent, count = audience.chunk(self.sent)
            self.hub.counts["delivered"] += count
            self.send(chunk)

    def tick(self, now: float) -> None:
        """What time brings: a heartbeat; an end to the silent, the slow and those who never said hello."""
        limits = self.hub.settings
        if self.closing:
            if now - self.closing > self.closing_seconds:
                self.drop(reset=True)
        elif now - self.heard > limits.dead_seconds:
            self.hub.counts["heartbeat_timeouts"] += 1
            self.close(Close.SILENT)
        elif self.rest and now - self.blocked_since > self.blocked_seconds:
            self.hub.counts["slow_dropped"] += 1
            self.close(Close.SLOW)
        elif self.sent < 0:
            if now - self.beat > self.hello_seconds:
                self.close(Close.NO_HELLO)
        elif now - self.beat >= limits.ping_seconds:
            self.beat = now
            self.advance()  # before the heartbeat, whose `p` it would otherwise not have seen
            if not self.rest:
                self.send(self.hub.heartbeat(self.audience))


class Devices:
    """What devices last said of themselves that have no socket now: the judges' phones for as long as the server runs, others while they poll.

    Presence, kept in memory: never logged, and gone with the server.
    """

    poll_seconds, most_judges, most_others = 45, 16, 2000

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._heard: dict[str, dict[str, tuple[str, int, float, bool]]] = {}  # audience -> device -> page, waiting, when, polls

    def note(self, audience: str, device: str, page: str, waiting: int, when: float, polls: bool) -> None:
        """What a device said at that moment; the oldest of an audience with too many is forgotten, one without marks first."""
        heard = self._heard.setdefault(audience, {})
        heard.pop(device, None)
        heard[device] = (page, waiting, when, polls)
        if len(heard) > (self.most_judges if audience.startswith("judge:") else self.most_others):
            del heard[next((name for name, (_, left, *_) in heard.items() if not left), next(iter(heard)))]

    def note_poll(self, audience: str, said: Mapping[str, str]) -> None:
        """What stands in the query of a poll: device, page, waiting. What is not well formed is not noted."""
        device, page, waiting = said.get("device", ""), said.get("page", ""), said.get("waiting", "")
        if re.fullmatch(r"[\w-]{1,64} [\w-]{0,64} \d{1,6}", f"{device} {page} {waiting}", re.ASCII):
            self.note(audience, device, page, int(waiting), self._clock(), True)

    def rows(self) -> Iterator[tuple[str, str, str, int, float, bool]]:
        """(audience, device, page, waiting, seconds since, whether it polls now) of each."""
        now = self._clock()
        for audience, heard in self._heard.items():
            for device, (page, waiting, when, polls) in heard.items():
                yield audience, device, page, waiting, now - when, polls and now - when < self.poll_seconds


class Peers:
    """The connected sockets, found again by session and by page load; and those that speak too fast."""

    flood_seconds = 10

    def __init__(self, clock: Callable[[], float]):
        self._clock = clock
        self._all: set[Peer] = set()
        self._pages: dict[tuple[str, str], Peer] = {}  # (session, cid) -> its newest socket
        self._throttled: dict[WebSocket, tuple[float, float, float]] = {}  # since when, its tokens then, its tokens when last held off
        self.devices = Devices(clock)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Peer]:
        return iter(list(self._all))

    def add(self, peer: Peer) -> None:
        self._all.add(peer)

    def remove(self, peer: Peer) -> None:
        if peer in self._all and peer.sent >= 0 and peer.audience.name.startswith("judge:"):
            self.devices.note(peer.audience.name, peer.device, peer.page, peer.waiting, peer.heard, False)
        self._all.discard(peer)
        self._throttled.pop(peer, None)
        self._forget_page(peer)

    def newest(self, peer: Peer, cid: str) -> Peer | None:
        """Note that this socket is the page's now; returns the one it replaces."""
        self._forget_page(peer)
        peer.cid = cid
        if not cid:
            return None
        older = self._pages.get((peer.guest.session, cid))
        self._pages[peer.guest.session, cid] = peer
        return older

    def _forget_page(self, peer: Peer) -> None:
        if self._pages.get((peer.guest.session, peer.cid)) is peer:
            del self._pages[peer.guest.session, peer.cid]

    def of_session(self, session: str) -> list[Peer]:
        return [peer for peer in self._all if peer.guest.session == session]

    def presence(self) -> list[dict]:
        """Who listens, and judges' devices that do no more: what waits on each, seconds since the last sign of life, whether it is here."""
        now = self._clock()
        live = [(p.audience.name, p.device, p.page, p.waiting, now - p.heard, True) for p in self._all if p.sent >= 0]
        known = {(audience, device) for audience, device, *_ in live}
        gone = [row for row in self.devices.rows()
                if row[:2] not in known and (row[-1] or row[0].startswith("judge:"))]
        return [{"audience": audience, "device": device, "page": page, "waiting": waiting, "seen": round(ago, 1), "here": here}
                for audience, device, page, waiting, ago, here in live + gone]

    def throttle(self, peer: Peer, tokens: float) -> None:
        """Note that a socket is not read until it has tokens again. tokens   what it has, or -inf where more of it may wait to be read"""
        since, first, _ = self._throttled.get(peer, (self._clock(), tokens, tokens))
        self._throttled[peer] = since, first, tokens

    def release(self) -> None:
        """Read the throttled on, those who have calmed down; an end to those who stay too fast.

        Below the rate a debt grows smaller, however large the burst was that it began with; at the rate and above it does not.
        """
        for peer, (since, first, last) in list(self._throttled.items()):
            peer.refill()
            if self._clock() - since > self.flood_seconds:
                last = peer.tokens if peer.reader.active else last
                self._throttled[peer] = self._clock(), last, last
                if last <= first:
                    peer.close(Close.POLICY)
            if peer.closing or peer.tokens > peer.most_tokens / 2:
                self._throttled.pop(peer, None)
            if peer.tokens > 0 and not peer.closing:
                peer.reader.start(peer.readable)


class Hub(Backlog):
    """The live side of a server: its backlog, and the sockets that hear of it."""

    frames_class, peer_class = Frames, Peer

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic):
        super().__init__(settings, clock)
        self.peers = Peers(clock)
        self.closes: dict[int, int] = {}  # how often each close code was said, by either side
        self._pending = gevent.event.Event()
        self._loops: list[gevent.Greenlet] = []
        self.lag_seconds = 0.0
        self.stand_aside: Callable[[], None] = lambda: None  # waits while a commit is under way
        self.gone: Callable[[str], None] = lambda address: None  # told from where a socket was that is no more

    def start(self) -> None:
        """Begin to flush and to keep time, in the hub of this thread."""
        self._loops = [gevent.spawn(self._flush_for_ever), gevent.spawn(self._beat_for_ever)]

    def connect(self, sock, guest: Guest, early: bytes = b"") -> None:
        """Take over a plain, non-blocking socket after its upgrade. `early`: bytes that came with it."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CHUNK_BYTES)  # else the kernel holds megabytes for each that reads nothing
        peer = self.peer_class(self, sock, guest)
        self.peers.add(peer)
        self.counts["connected"] += 1
        if guest.refusal:
            self.counts["refused"] += 1
            peer.close(guest.refusal)
        elif early:
            peer.feed(early)

    @property
    def connections(self) -> int:
        return len(self.peers)

    def attach(self, peer: Peer, cursor: Cursor | None, cid: str = "") -> None:
        """Check the cursor, set it, register: in one step, without a yield, so that nothing falls in between."""
        if older := self.peers.newest(peer, cid):
            self.counts["replaced"] += 1
            older.close(Close.REPLACED)
        audience = peer.audience
        mode, why = self.check(audience, cursor)
        self.counts["resumes" if mode == "resume" else "resets"] += 1
        welcome = {"t": "welcome", "mode": mode, "why": why, "e": self.epoch, "s": self.seq, "h": self.hash8,
                   "a": audience.name, "ping": self.settings.ping_seconds, "dead": self.settings.dead_seconds,
                   "retry": [1, 30], "recommend": self.advice()["recommend"]}
        peer.sent = cursor.seq if mode == "resume" else self.seq
        audience.peers.add(peer)
        peer.send(encode_frame(dumps(welcome)))
        peer.advance()

    def left(self, peer: Peer, code: int) -> None:
        """Tell a socket that closes nothing more; the code is counted."""
        peer.audience.peers.discard(peer)
        self.closes[code] = self.closes.get(code, 0) + 1

    def publish(self, seq: int, hash8: str, told: Mapping[str, list[dict]], age_seconds: float = 0.0) -> None:
        super().publish(seq, hash8, told, age_seconds)
        self._pending.set()

    def reset(self, audience: Audience, why: str) -> None:
        super().reset(audience, why)
        said = encode_frame(b'{"t":"reset","why":"%s","s":%d}' % (why.encode(), self.seq))
        for peer in list(audience.peers):
            peer.sent = self.seq
            peer.send(said)

    def _flush_for_ever(self) -> None:
        while True:
            self._pending.wait()
            self._pending.clear()
            begun = self.clock()
            # The few first: a judge or the host does not wait for ten thousand screens.
            for audience in sorted(self.audiences.values(), key=lambda a: len(a.peers)):
                guarded(self._flush, audience)
            turn(max(0.0, FLUSH_SECONDS - (self.clock() - begun)))

    def _flush(self, audience: Audience) -> None:
        """Send what is new to every socket of an audience, some at a time."""
        last = audience.last
        for count, peer in enumerate(list(audience.peers), 1):
            if peer.sent < last and not peer.rest:
                peer.advance()
            if count % SLICE == 0:
                turn(0)
                self.stand_aside()

    def _beat_for_ever(self) -> None:
        tick = min(1.0, self.settings.ping_seconds / 4)
        while True:
            due = self.clock() + tick
            turn(tick)
            self.lag_seconds = max(0.0, self.clock() - due)
            guarded(self.peers.release)
            for count, peer in enumerate(self.peers, 1):
                if not peer.is_gone:
                    guarded(peer.tick, self.clock())
                if count % (4 * SLICE) == 0:
                    turn(0)

    def heartbeat(self, audience: Audience) -> bytes:
        """A protocol ping and the heartbeat of an audience, as bytes."""
        beat = {"t": "hb", "s": self.seq, "h": self.hash8, "p": audience.last, "now": int(time.time() * 1000)}
        return encode_frame(b"", 9) + encode_frame(dumps(beat))

    def close_session(self, session: str, code: int) -> None:
        """Close every socket of a session, whose sign-in has ended, and let its long polls hear of it: all but the public's answer now."""
        for peer in self.peers.of_session(session):
            peer.close(code)
        for name, audience in self.audiences.items():
            if name != "public":
                audience.wake()

    def drain(self, spread_seconds: float = 10) -> None:
        """Tell everybody that the server stops, and close: they come back by themselves, spread over some seconds."""
        self.draining = True
        said = encode_frame(dumps({"t": "drain", "in": self.settings.drain_seconds, "spread": spread_seconds}))
        for peer in self.peers:
            peer.send(said)
            peer.close(Close.RESTART)

    def stop(self) -> None:
        """Let go of everything."""
        gevent.killall(self._loops)
        for peer in self.peers:
            peer.drop()

    def advice(self) -> dict:
        """How a client should listen: one answer, of which health, fallback and welcome are views."""
        full, lag = self.connections / max(1, self.settings.max_connections), self.lag_seconds
        reasons = ["connections"] * (full >= 0.8) + ["loop_lag"] * (lag >= 0.25)
        recommend = "websocket" if not reasons else "longpoll" if full < 0.95 and lag < 1 else "poll"
        return {"recommend": recommend, "reasons": reasons, "retry": [1, 30],
                "retry_after": 10 if recommend == "poll" else None}

    def health(self) -> dict:
        """The third tier of health: how the live side is. Nobody connected is healthy."""
        advice = self.advice()
        status = "draining" if self.draining else "healthy" if not advice["reasons"] else "degraded"
        return {"status": status, "connections": self.connections, "head": self.seq,
                "held": sum(len(a.held) for a in self.audiences.values()),
                "loop_lag_ms": round(self.lag_seconds * 1000, 1), "recommend": advice["recommend"]} | self.counts


def hand_over_sockets(hub: Hub) -> list[dict]:
    """Every socket that stands at the end and owes nothing, for the next server to adopt; the others are closed, to come back.

    Called last, when nothing more is published. A heartbeat moves each cursor to the end: the next server may have
    forgotten what came before, and must not call that a gap.
    """
    rows = []
    for peer in hub.peers:
        peer.advance()
        if peer.sent >= 0 and not peer.rest and not peer.is_gone and not peer.closing:
            peer.send(hub.heartbeat(peer.audience))
        if peer.is_gone or peer.closing or peer.rest or peer.frames is not None:
            peer.close(Close.RESTART)
        else:
            guest = peer.guest
            rows.append({"fd": peer.sock.fileno(), "guest": [guest.session, guest.audience, sorted(guest.barred), guest.address],
                         "greeted": peer.sent >= 0} | {name: getattr(peer, name) for name in ("cid", "device", "page", "waiting")})
    return rows


def adopt_socket(hub: Hub, row: Mapping) -> None:
    """Go on with a socket that the server before this one has handed over; nothing was published in between."""
    session, audience, barred, address = row["guest"]
    sock = socket.socket(fileno=row["fd"])
    sock.set_inheritable(False)
    peer = hub.peer_class(hub, sock, Guest(session, audience, frozenset(barred), address))
    peer.device, peer.page, peer.waiting = row["device"], sys.intern(row["page"]), row["waiting"]
    hub.peers.add(peer)
    if row["greeted"]:
        hub.peers.newest(peer, row["cid"])
        peer.sent = hub.seq
        peer.audience.peers.add(peer)


# --- Desk -------------------------------------------------------------------
# The only door from command to fact. One writer takes what is waiting, decides
# each command in order on a draft, makes the batch durable, then lets the
# committed state move, publishes, and answers: nothing is seen before it is on
# disk. Called by Web and Script. Knows no HTTP and no socket.


HELD_AT_START_SECONDS = 600  # older lines are not told again: above any sensible CONTEST_HELD_SECONDS
SNAPSHOT_PAUSE_SECONDS = 0.002


def in_pool(pool, function: Callable, *arguments):
    """What a function returns or raises that runs in a thread of the pool, while other greenlets go on.

    The pool would print every exception, also those that a rule raises on purpose: so it is carried over as a value.
    """
    def tried() -> tuple[object, Exception | None]:
        try:
            return function(*arguments), None
        except Exception as why:
            return None, why
    result, why = pool.apply(tried)
    if why is not None:
        raise why
    return result


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command: the thing it made or changed, and whether it did so now (`new`) or before."""

    state: State
    seq: int
    kind: str
    key: str
    new: bool


def repeat_of(state: State, command_id: str, body: str) -> Outcome | None:
    """What a command of this id did before, None if it is new.

    errors   Refused `id_reuse` where the id was used for something else
    """
    if command_id not in state.seen:
        return None
    seen = Seen(*state.seen[command_id].split(" ", 2))
    if seen.body != body:
        raise Refused("id_reuse", "This id was used for something else.", 409)
    return Outcome(state, state.seq, seen.kind, seen.key, False)


class Batch:
    """Commands decided ahead of the disk, each on what those before it would make of the state.

    Thrown away with its draft where the disk does not take it; nobody has been answered then.
    """

    def __init__(self, state: State):
        self.start = self.draft = state
        self.lines: list[tuple[bytes, bytes]] = []
        self.told: list[tuple[State, State, Fact]] = []  # (before, after, fact) of each line
        self._answers: list[tuple[gevent.event.AsyncResult, Outcome | Exception]] = []

    def take(self, command: Command, answer: gevent.event.AsyncResult) -> None:
        """Decide a command; what becomes of it is told by `answer_all` or `fail`."""
        try:
            outcome = repeat_of(self.draft, command.id, command.body) or self._decided(command)
        except Refused as no:
            outcome = no
        except Exception as fault:  # a fault of ours in one command must not stop the writer for all
            traceback.print_exc()
            outcome = fault
        self._answers.append((answer, outcome))

    def _decided(self, command: Command) -> Outcome:
        """Decide and fold one command."""
        draft = self.draft
        events = decide(draft, command)
        if not events:
            return Outcome(draft, draft.seq, "", "", False)
        fact = Fact(draft.seq + 1, self.start.seq + 1, command.at, type(command).__name__, command.by, command.id,
                    command.body, events)
        after = fold(draft, fact)  # before the line is kept: what cannot be folded must never reach the disk
        self.lines.append(encode_line(*fact_json(fact), secrets.token_hex(16)))
        self.told.append((draft, after, fact))
        self.draft = after
        kind, key = thing_of(fact)
        return Outcome(after, fact.seq, kind, str(key), True)

    def answer_all(self, state: State) -> None:
        """Answer everybody, also the refused: a refusal may tell of what stands before it in the batch."""
        for answer, outcome in self._answers:
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set(changed(outcome, state=state))

    def fail(self, error: Exception) -> None:
        for answer, _ in self._answers:
            answer.set_exception(error)


class Past:
    """States some seconds apart, for as long as messages are held.

    A snapshot is taken of the oldest: so a start replays what was told since, and the hub holds it again for those who
    were away.
    """

    APART_SECONDS, KEPT_SECONDS = 5, 300

    def __init__(self, state: State, line_hash: str):
        self._kept: deque[tuple[float, State, str]] = deque([(float("-inf"), state, line_hash)])

    def add(self, state: State, line_hash: str) -> None:
        """Remember a state, unless another was a moment ago."""
        now = time.monotonic()
        if now - self._kept[-1][0] > self.APART_SECONDS:
            self._kept.append((now, state, line_hash))
        while len(self._kept) > 1 and self._kept[1][0] < now - self.KEPT_SECONDS:
            self._kept.popleft()

    @property
    def oldest(self) -> tuple[State, Head]:
        """The oldest state still remembered, and where in the log it stands."""
        _, state, line_hash = self._kept[0]
        return state, Head(state.epoch, state.seq, line_hash)


def rehearsed(state: State, commands: Iterable[Command]) -> list[Outcome | Exception]:
    """What would become of commands, one after the other; nothing happens."""
    batch, answers = Batch(state), []
    for command in commands:
        answers.append(gevent.event.AsyncResult())
        batch.take(command, answers[-1])
    batch.answer_all(state)
    return [answer.exception or answer.get() for answer in answers]


def records_of(lines: Iterable[Line], last: int, most: int) -> list[dict]:
    """Lines as plain records, each event with its type and all its fields, up to a seq and a number of them."""
    found = []
    for line in lines:
        if line.seq > last or len(found) >= most:
            break
        fact = fact_from_json(line.public, line.private)
        events = [{"type": type(event).__name__} | {f.name: getattr(event, f.name) for f in dataclasses.fields(event)} for event in fact.events]
        found.append({"seq": fact.seq, "at": fact.at, "type": fact.type, "by": fact.by, "id": fact.id, "hash": line.hash, "events": events})
    return found


def known_fact(line: Line) -> Fact:
    """The fact of a line.

    errors   LogCorrupt where a newer version has written it
    """
    try:
        return fact_from_json(line.public, line.private)
    except (KeyError, TypeError) as unknown:
        raise LogCorrupt(f"Seq {line.seq} says what version {__version__} does not know ({unknown}): a newer one has written it. "
                         f"Start that one, or restore a backup from before.") from unknown


class Desk:
    """The writer of one contest.

    submit may be called from any greenlet of the hub in which the desk was made.
    """

    def __init__(self, recovered: Recovered, disk_pool, publish: Callable, pass_over: Callable, on_fatal: Callable | None = None):
        """Take what was recovered; `replay` folds it.

        publish    publish(seq, hash8, told, age_seconds): called for every line that somebody may still have to hear of
        pass_over  pass_over(seq, hash8): called instead, at start, for lines too old for that
        on_fatal   on_fatal(error): called once when the log can no longer be written
        """
        self.log, self._recovered, self._pool = recovered.log, recovered, disk_pool
        self._publish, self._pass_over, self._on_fatal = publish, pass_over, on_fatal
        self._waiting: deque[tuple[Command, gevent.event.AsyncResult]] = deque()
        self._wake = gevent.event.Event()
        self.idle = gevent.event.Event()  # cleared while a batch is on its way to the disk
        self.idle.set()
        self.read_only = self.stopped = ""  # a sentence while the disk takes no more; while nothing is taken
        epoch = recovered.log.head.epoch
        self.base = state_from_parts(recovered.snapshot[1]) if recovered.snapshot else State(epoch=epoch)
        self.state = changed(self.base, epoch=epoch)
        self.line_hash = recovered.snapshot[0].hash if recovered.snapshot else ZERO_HASH
        self.past = Past(self.state, self.line_hash)
        self._writer, self._noted = None, -1  # the greenlet; the seq that HEAD names

    def replay(self, clock: Callable[[], float] = time.time) -> None:
        """Fold the lines behind the snapshot, and hold again what the recent ones told."""
        now = clock() * 1000
        for line in self._recovered.lines():
            fact = known_fact(line)
            before, self.state, self.line_hash = self.state, fold(self.state, fact), line.hash
            age = max(0.0, (now - fact.at) / 1000)
            if age < HELD_AT_START_SECONDS:
                self._publish(fact.seq, line.hash[:8], frames(before, self.state, fact), age)
            else:
                self._pass_over(fact.seq, line.hash[:8])
        self.past.add(self.state, self.line_hash)
        try:
            in_pool(self._pool, self.log.begin)
        except Refused as full:  # reads are served meanwhile, and why is said
            self.read_only = full.text

    def start(self) -> None:
        self._writer = gevent.spawn(self._write_for_ever)

    def submit(self, command: Command, wait_seconds: float = 30) -> Outcome:
        """Make a command happen; returns once it is durable and published.

        errors   Refused: a rule, a full disk; SyncFailed `outcome_unknown`: sent again under the same id it settles itself
        """
        if self.stopped:
            raise Refused("draining", self.stopped, 503)
        answer = gevent.event.AsyncResult()
        self._waiting.append((command, answer))
        self._wake.set()
        late = Refused("outcome_unknown", "No answer from the disk yet: ask again with the same id.", 503)
        with gevent.Timeout(wait_seconds, late):
            return answer.get()

    def _write_for_ever(self) -> None:
        while True:
            if not self._wake.wait(2.0):
                self._note_peace()
                continue
            self._wake.clear()
            while self._waiting:
                self.idle.clear()
                self._commit([self._waiting.popleft() for _ in range(min(len(self._waiting), 512))])
                self.idle.set()

    def _note_peace(self) -> None:
        """After two idle seconds write HEAD, which guards the very last batch, and see whether a full disk has room again."""
        if self._noted == self.log.head.seq and not self.read_only:
            return
        try:
            if self.read_only:
                in_pool(self._pool, self.log.begin)
            in_pool(self._pool, self.log.note_head)
            self._noted, self.read_only = self.log.head.seq, ""
        except SyncFailed as lost:
            self._lost(lost)
        except (OSError, Refused):  # HEAD only adds a guard, and there is still no room: the next quiet moment tries again
            pass

    def _commit(self, asked: list[tuple[Command, gevent.event.AsyncResult]]) -> None:
        """Decide, append, sync, show, answer: in that order, and for all of the batch or none."""
        batch = Batch(self.state)
        for command, answer in asked:
            batch.take(command, answer)
        try:
            hashes = in_pool(self._pool, self.log.append, batch.lines, self.state.seq) if batch.lines else []
        except Refused as full:
            self.read_only = full.text
            return batch.fail(full)
        except SyncFailed as lost:
            self._lost(lost)
            return batch.fail(Refused("outcome_unknown", "The disk did not confirm this. Ask again with the same id.", 503))
        if batch.lines:
            self.read_only = ""
        self._show(batch.told, hashes)
        batch.answer_all(self.state)

    def _lost(self, lost: SyncFailed) -> None:
        """Take nothing more, and let the process end once the callers have been told."""
        self.stopped = "The disk failed: the server stops. What was not answered may or may not have been kept."
        if self._on_fatal:
            gevent.spawn_later(0.2, self._on_fatal, lost)

    def _show(self, told: list[tuple[State, State, Fact]], hashes: list[str]) -> None:
        """Let the committed state move and publish: only now may anybody see it."""
        for (before, after, fact), digest in zip(told, hashes):
            self.state, self.line_hash = after, digest
            try:
                self._publish(fact.seq, digest[:8], frames(before, after, fact), 0.0)
            except Exception:  # a fault of ours in telling: everybody fetches the state anew, and the desk goes on
                traceback.print_exc()
                self._pass_over(fact.seq, digest[:8])
        self.past.add(self.state, self.line_hash)

    def forget_past(self) -> None:
        """Remember no older state than the one now: those hold what was erased."""
        self.past = Past(self.state, self.line_hash)

    def snapshot(self, pause_seconds: float = SNAPSHOT_PAUSE_SECONDS) -> None:
        """Write a snapshot of the oldest state that is remembered, see Past; commits go on meanwhile."""
        self.past.add(self.state, self.line_hash)
        state, head = self.past.oldest
        if state.seq:
            in_pool(gevent.get_hub().threadpool, save_snapshot, self.log.disk, self.log.folder, head, state_parts(state), pause_seconds)

    def pause(self, why: str) -> None:
        """Take nothing more, and end what waits: what the state says now is all there will be. `resume` takes it back."""
        self.stopped = self.stopped or why
        while self._writer and (self._waiting or not self.idle.is_set()):
            gevent.sleep(0.01)

    def resume(self, why: str) -> None:
        """Take commands again, where it was this pause that kept them out."""
        self.stopped = "" if self.stopped == why else self.stopped

    def stop(self, why: str = "The server stops.", with_snapshot: bool = True) -> None:
        """Refuse what comes, end what waits, write the snapshot and HEAD."""
        self.pause(why)
        gevent.killall([self._writer] if self._writer else [])
        with contextlib.suppress(OSError, ValueError):  # both only make the next start faster or stricter; the log is whole without
            if with_snapshot:
                self.snapshot(pause_seconds=0)
            in_pool(self._pool, self.log.note_head)


def records_behind(desk: Desk, seq: int, most: int) -> list[dict]:
    """What is committed behind a seq, as it stands in the log, see records_of."""
    lines = lines_behind(desk.log.disk, desk.log.folder, seq)
    return in_pool(gevent.get_hub().threadpool, records_of, lines, desk.state.seq, most)


def read_back(log: Log, seq: int, read: Callable[[Iterable[Fact]], object]) -> object:
    """What `read` makes of all facts up to a seq, from the first: in another thread, for a long evening takes a second."""
    def whole():
        lines = (line for _, _, line in Reader(log.disk, log.folder))
        return read(fact_from_json(line.public, line.private) for line in itertools.takewhile(lambda line: line.seq <= seq, lines))
    return in_pool(gevent.get_hub().threadpool, whole)


class SecondPlace:
    """A folder of this contest's own on another disk, made when that is there: a stick, a mounted folder."""

    def __init__(self, keeper: Keeper, place: Path):
        self.place, self._keeper = place, keeper
        self.fault = ""  # a sentence while it cannot be written, or is no second place at all

    def take(self, name: str) -> None:
        """Copy a backup there; first erase whom it still holds."""
        keeper, place = self._keeper, self.place
        try:
            if not place.parent.is_dir():
                raise OSError(errno.ENOENT, "it is not there")
            in_pool(keeper.pool, ensure_folder, keeper.disk, place)
            in_pool(keeper.pool, erase_in_place, keeper.disk, place, dict(keeper.desk.state.erased))
            in_pool(keeper.pool, copy_backup, keeper.disk, keeper.folder / "backups" / name, place)
            keeper.note_copy(str(place / name))
            # Also the empty mount point of a stick that is not plugged in.
            same_disk = place.stat().st_dev == keeper.folder.stat().st_dev
            self.fault = f"The second place {place.parent} lies on the contest's own disk." if same_disk else ""
        except (OSError, ContestError) as why:
            self._say(f"did not take the backup ({why}).")

    def erase(self, erased: Mapping[int, Iterable[str]]) -> None:
        """Erase people there, too, where it can be reached; else it is done before it takes the next backup."""
        if self.place.is_dir():
            try:
                erase_in_place(self._keeper.disk, self.place, erased)
            except (OSError, ContestError) as why:
                self._say(f"keeps whom it should not ({why}).")

    def has_erased(self, entry: int) -> bool:
        """Whether nobody will find that person there any more."""
        with contextlib.suppress(OSError, LogCorrupt):
            return entry in read_own(self._keeper.disk, self.place / "erased-here.json", list)
        return False

    def _say(self, what: str) -> None:
        self.fault = f"The second place {self.place} {what}"
        print(f"contest.py: {self.fault}", file=sys.stderr, flush=True)


class Room:
    """What may still come onto the disk: the photos have a quota, and marks find room when photos do not."""

    def __init__(self, settings: Settings, folder: Path, disk: Disk):
        self._settings, self._folder, self._disk = settings, folder, disk
        self.most_backup_bytes = settings.quota_backups_bytes
        self.photo_bytes = self._photos_coming = self._coming = 0  # stored; photos on their way in, by what their requests say; whatever is
        self.backups_fault = ""  # a sentence while the newest backup alone has more than all may take

    def count(self) -> None:
        """Count the photos anew: at start, and where some were removed."""
        self.photo_bytes = sum(length(self._disk, path) for path in tree_photos(self._disk, self._folder))

    def weigh(self, backup: Path) -> None:
        """Say where a backup alone is over the quota: older ones have gone for it already."""
        over = bool(self.most_backup_bytes) and own_bytes(self._disk, backup) > self.most_backup_bytes
        self.backups_fault = "One backup alone takes more than CONTEST_QUOTA_BACKUPS_BYTES." if over else ""
        if over:
            print(f"contest.py: {self.backups_fault}", file=sys.stderr, flush=True)

    def free_bytes(self) -> int:
        """What the disk can take before the reserve begins, less what is on its way; under 0 where the reserve is touched."""
        return shutil.disk_usage(self._folder).free - self._settings.reserve_bytes - self._coming

    @contextlib.contextmanager
    def kept(self, size: int, is_photo: bool) -> Iterator[None]:
        """Keep room for a file of `size` bytes as long as it is on its way.

        errors   Refused `disk_full`, `photos_full` (507): before a byte of it is read
        """
        photo = size if is_photo else 0
        if is_photo:
            self.check_photos(self._photos_coming + photo)
        if size > self.free_bytes():
            raise Refused("disk_full", "There is no room for this file: what is left is kept for the marks.", 507)
        self._coming, self._photos_coming = self._coming + size, self._photos_coming + photo
        try:
            yield
        finally:
            self._coming, self._photos_coming = self._coming - size, self._photos_coming - photo

    def check_photos(self, coming: int = 0) -> None:
        """Refuse what would bring the photos over their quota. errors   Refused `photos_full` (507)"""
        most = self._settings.quota_photos_bytes
        if most and self.photo_bytes + coming > most:
            raise Refused("photos_full", f"The photos have their {most:,} bytes (CONTEST_QUOTA_PHOTOS_BYTES).", 507)


class Keeper:
    """Keeps what a contest needs beside its log: snapshots and backups on time, and an eye on stray photos.

    Everything runs in a thread of `pool`, never the log's, so that commits go on meanwhile. Belongs to the desk's hub.
    """

    BACKUP_SECONDS, LOOK_SECONDS = 600, 10
    SNAPSHOT_LINES = 10_000
    STRAY_SECONDS = 24 * 3600

    def __init__(self, desk: Desk, log_pool, pool, folder: Path, settings: Settings, second_place: Path | None = None):
        """second_place   a folder of this contest's own in the second place, made when the place is there"""
        self.desk, self.log_pool, self.pool, self.folder = desk, log_pool, pool, folder
        self.room = Room(settings, folder, desk.log.disk)
        self.disk, self.second = desk.log.disk, SecondPlace(self, second_place) if second_place else None
        self.one_at_a_time = gevent.lock.BoundedSemaphore(1)
        self.orders = gevent.lock.BoundedSemaphore(1)  # restores and erasures: each goes through all trees
        self._backed_up, self._snapshot_at = self._newest_backup(), desk.state.seq
        self.unsettled: Callable[[], None] | None = None  # what the start could not finish, see `settle`
        self._greenlet: gevent.Greenlet | None = None

    def _newest_backup(self) -> tuple[str, int]:
        """The epoch and seq that the newest backup reaches; what came between it and a kill is still to be backed up."""
        for name in backup_names(self.disk, self.folder)[-1:]:
            with contextlib.suppress(LogCorrupt, OSError):
                manifest = read_manifest(self.disk, self.folder / "backups" / name)
                return manifest["epoch"], manifest["seq"]
        return self.desk.state.epoch, 0

    @property
    def _is_backed_up(self) -> bool:
        return (self.desk.state.epoch, self.desk.state.seq) == self._backed_up

    def start(self) -> None:
        """Begin to look after things."""
        self._greenlet = gevent.spawn(self._look_for_ever)

    def stop(self) -> None:
        """Make the last backup if there is anything new."""
        if self._greenlet:
            self._greenlet.kill()
        if not self._is_backed_up and not self.desk.read_only:
            self.quietly(lambda: self.backup("stop"))

    def snapshot(self) -> None:
        with self.one_at_a_time:  # nothing else goes through the folder then
            self.desk.snapshot()

    def _look_for_ever(self) -> None:
        self.quietly(self.sweep)
        last = time.monotonic()
        while True:
            gevent.sleep(self.LOOK_SECONDS)
            if self.unsettled:
                self.quietly(self.unsettled)
            seq = self.desk.state.seq
            if seq - self._snapshot_at >= max(self.SNAPSHOT_LINES, seq // 20):  # a long log's snapshot takes its time
                self._snapshot_at = seq
                self.quietly(self.snapshot)
            if not self._is_backed_up and time.monotonic() - last >= self.BACKUP_SECONDS:
                last = time.monotonic()
                self.quietly(lambda: self.backup("timer"))
                self.quietly(self.sweep)

    @staticmethod
    def quietly(work: Callable) -> None:
        """Do what the contest can go on without; say on stderr what failed."""
        try:
            work()
        except (OSError, ValueError, ContestError) as why:
            print(f"contest.py: {why}", file=sys.stderr, flush=True)

    def backup(self, why: str, spared: str = "") -> str:
        """Make a backup of all that is durable now, here and in the second place; returns its name.

        spared   the name of one that must not go now, however old
        errors   Refused `backup_failed` (507): nothing destructive should be done now
        """
        with self.one_at_a_time:
            head, segments = in_pool(self.log_pool, self.desk.log.mark)
            try:
                name = in_pool(self.pool, functools.partial(
                    make_backup, self.disk, self.folder, head, segments, why, self.second.place if self.second else None,
                    frozenset([spared]), most_bytes=self.room.most_backup_bytes))
            except (OSError, LogCorrupt) as fault:
                raise Refused("backup_failed", f"No backup could be made ({fault}).", 507) from fault
            self.room.weigh(self.folder / "backups" / name)
            self._backed_up = head.epoch, head.seq
            if self.second:
                self.second.take(name)
            return name

    def rows(self) -> list[dict]:
        """The backups, newest first: [{"name", "seq", "why", "at": ms}]."""
        return [self.row(name) for name in reversed(backup_names(self.disk, self.folder))]

    def row(self, name: str) -> dict:
        """What is listed of a backup. errors   Refused `no_such_backup`"""
        _, seq, why = self.tree(name).name.split("-")
        made = (self.tree(name) / "manifest.json").stat().st_mtime
        return {"name": name, "seq": int(seq), "why": why, "at": int(made * 1000)}

    def tree(self, name) -> Path:
        """The folder of a backup. errors   Refused `no_such_backup`"""
        if name not in backup_names(self.disk, self.folder):
            raise Refused("no_such_backup", f"There is no backup {name}.", 404)
        return self.folder / "backups" / name

    def stream(self, name: str, where: str) -> tuple[Iterator[bytes], int]:
        """A backup as one zip file, a piece at a time, and its files' size; that it went there is noted for erasures to come."""
        pieces, size = archive(self.disk, self.tree(name)), tree_bytes(self.disk, self.tree(name))
        self.note_copy(where)
        return iter(lambda: in_pool(self.pool, next, pieces, None), None), size

    def note_copy(self, where: str) -> None:
        """Remember that a copy of everything up to now has left the data folder: an erasure will name it."""
        copy = {"where": where, "seq": self.desk.state.seq, "at": int(time.time() * 1000)}
        replace_file(self.disk, self.folder / "copies.json", [orjson.dumps([*self.copies(), copy])])

    def copies(self) -> list[dict]:
        """The copies that have left the data folder: [{"where", "seq", "at"}]."""
        path = self.folder / "copies.json"
        return read_own(self.disk, path, list) if path.exists() else []

    def clear_leftovers(self) -> None:
        """At start, before anybody uploads: remove what a kill left of uploads, half-written photos, backups and restores.

        They hold originals with all their metadata, and names; no entry and no erasure would find them.
        """
        photos = self.folder / "photos"
        for path in [*photos.glob("incoming/*"), *photos.glob("[0-9a-f][0-9a-f]/.*.part")]:
            self.disk.remove(path)
        for leftover in LEFTOVERS:
            self.disk.remove_tree(self.folder / leftover)

    def sweep(self) -> int:
        """Set aside photos that no entry names and that are older than a day; returns how many. A named one is never touched."""
        named = {key for key in self.desk.state.photos}
        return in_pool(self.pool, self._set_aside, named, time.time() - self.STRAY_SECONDS)

    def _set_aside(self, named: set[str], before: float) -> int:
        strays = [p for p in tree_photos(self.disk, self.folder) if p.name[:32] not in named and p.stat().st_mtime < before]
        if strays:
            ensure_folder(self.disk, self.folder / "quarantine")
        for path in strays:
            self.disk.rename(path, self.folder / "quarantine" / path.name)
        self.room.count()
        return len(strays)


def order_restore(keeper: Keeper, source: Path | str, to_seq: int | None, tell: Callable = untold) -> int:
    """Check a backup, its name or an archive's file, and order that the next start puts it in place; returns its last seq.

    Nothing is taken any more then: what came between now and the start would be lost, and its numbers given again.
    errors   Refused `not_a_backup`, `no_such_backup`, `no_such_seq`, `backup_failed`, `disk_full`: all goes on as before;
             `draining` where one is ordered already
    """
    desk, disk, pool, unpacked = keeper.desk, keeper.disk, keeper.pool, keeper.folder / "restoring-upload"
    why = "A backup is being restored: try again in a moment."
    with keeper.orders:
        if desk.stopped:
            raise Refused("draining", desk.stopped, 503)
        try:
            if isinstance(source, Path):
                in_pool(pool, unpack, disk, source, unpacked, tell)
            tree = unpacked if isinstance(source, Path) else keeper.tree(source)
            keeper.backup("restore", spared=tree.name)
            desk.pause(why)
            return in_pool(pool, prepare_restore, disk, keeper.folder, tree, to_seq, secrets.token_hex(16), carried_over(desk.state)).seq
        except LogCorrupt as fault:
            desk.resume(why)
            raise Refused("not_a_backup", str(fault)) from fault
        except (ContestError, OSError) as fault:
            desk.resume(why)
            raise fault if isinstance(fault, ContestError) else disk_refuses(fault) from fault
        finally:
            in_pool(pool, disk.remove_tree, unpacked)


class Eraser:
    """Erases a person in every tree under a data folder; what a crash interrupts is gone on with at the next start."""

    def __init__(self, keeper: Keeper):
        self._keeper, self._desk, self._disk, self._folder = keeper, keeper.desk, keeper.disk, keeper.folder
        self._order = keeper.folder / "ERASING"

    def erase(self, entry: int, command: Command) -> list[dict]:
        """Erase the person of an entry; returns the copies out of reach that were made since it came: [{"where", "seq", "at"}].

        Also somebody whom a restore has taken out of the contest, but not out of what it kept beside.
        command  ErasePerson, as the edge made it
        errors   Refused: no such entry, a backup that cannot be made; a restore is under way
        """
        with self._keeper.orders:
            state = self._desk.state
            if self._desk.stopped:
                raise Refused("draining", self._desk.stopped, 503)
            here = entry in state.entries
            if not here and not in_pool(self._keeper.pool, is_known, self._disk, self._folder, entry):
                raise no_such("entry", entry)
            first = min(state.private.get(entry, (0,)))
            self._keeper.backup("erase")
            replace_file(self._disk, self._order, [orjson.dumps({"entry": entry, "photos": self._photos(state, entry)})])
            if here:
                self._desk.submit(command)
            self.finish()
        copies = {copy["where"]: copy for copy in self._keeper.copies()}
        second = self._keeper.second
        reached = f"{second.place}/" if second and second.has_erased(entry) else "\0"
        return [copy for copy in copies.values() if copy["seq"] >= first and not copy["where"].startswith(reached)]

    def _photos(self, state: State, entry: int) -> list[str]:
        """The names of an entry's photos: as the state has them, or where a restore took it away, as the trees do."""
        if entry in state.entries:
            return [name for photo in state.entries[entry].photos for name in photo.files] or list(state.erased.get(entry, ()))
        own = {name for other in state.entries.values() for photo in other.photos for name in photo.files}
        found = in_pool(self._keeper.pool, lambda: {
            name for tree in trees(self._disk, self._folder) for name in photos_of(self._disk, tree, entry)})
        return sorted(found - own)  # a tree of another contest gives the number to somebody else

    def finish(self) -> None:
        """Take an erased person's texts and photos out of every tree; at start this goes on with what a crash interrupted."""
        if not self._order.exists():
            return
        order = read_own(self._disk, self._order, dict, "entry", "photos")
        if order["entry"] in self._desk.state.erased or order["entry"] not in self._desk.state.entries:
            with self._keeper.one_at_a_time:
                in_pool(self._keeper.log_pool, self._desk.log.begin_after_erasure)
                self._desk.forget_past()
                in_pool(self._keeper.pool, self._erase_files, order["entry"], order["photos"])
        self._disk.remove(self._order)
        self._disk.sync_folder(self._folder)

    def _erase_files(self, entry: int, photos: list[str]) -> None:
        """Snapshots first: a new one of the state without the person in place of all older ones."""
        for name in ("contest.json", "contest.json.next"):
            self._disk.remove(self._folder / name)
        self._disk.remove_tree(self._folder / "snapshots")
        erase_everywhere(self._disk, self._folder, entry, photos)
        state, head = self._desk.past.oldest
        save_snapshot(self._disk, self._folder, head, state_parts(state), SNAPSHOT_PAUSE_SECONDS)
        self._keeper.room.count()
        if self._keeper.second:
            self._keeper.second.erase({entry: photos})


def settle(keeper: Keeper, eraser: Eraser) -> None:
    """Finish what an earlier run left: the line that a restore has to write first, an erasure, leftovers.

    Until a restore's line is in, no other may come: links that were dead would live again. Where the disk has no room,
    reads are served meanwhile, and the keeper tries again.
    """
    desk, carried = keeper.desk, keeper.folder / "carry.json"
    why = "A restore waits for room on the disk."
    keeper.unsettled = functools.partial(settle, keeper, eraser)
    if carried.exists() and (found := read_own(keeper.disk, carried, dict)):
        desk.resume(why)
        try:
            desk.submit(RestoreContest(carried=found, by="admin", at=int(time.time() * 1000), id=f"restore-{desk.state.epoch}"))
        except Refused:
            desk.pause(why)
            raise
    if desk.read_only:
        return
    keeper.disk.remove(carried)
    eraser.finish()
    keeper.clear_leftovers()
    keeper.unsettled = None


# --- Site -------------------------------------------------------------------
# What a request is once it was read, what an answer is before it is written,
# and all that the routes may use: the desk, the hub, the keys, and who is who by
# link or key. Knows no address and no HTTP; Routes and Web are built on it.


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks: role, and for those with a link their id."""

    role: str = "public"
    id: str = ""
    session: str = ""

    @property
    def by(self) -> str:
        return f"{self.role}:{self.id}" if self.id else self.role

    @property
    def audience(self) -> str:
        return self.by if self.role == "judge" else self.role


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, read: who, what stands in the path, what in the body."""

    who: Who
    args: Mapping[str, object] = Map()
    form: Mapping[str, object] = Map()
    query: Mapping[str, str] = Map()
    id: str = ""
    address: str = ""
    upload: Path | None = None
    upload_sha256: str = ""
    tell: Callable[[str, int, int], None] = untold  # tell(what, done, total), for one who asks in this process and watches
    in_turn: Callable[[], object] = bool  # returns once an entry may be made: an import's photos are read side by side, its rows entered in order


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route says: a JSON body (or a stream of bytes with its headers), its status, perhaps a session to open ({}: to end)."""

    body: dict
    status: int = 200
    session: dict | None = None
    stream: Iterable[bytes] | None = None
    headers: Mapping[str, str] = Map()


@dataclass
class Site:
    """All that the routes may use, put together once by Server."""

    settings: Settings
    folder: Path
    desk: Desk
    keeper: Keeper
    eraser: Eraser
    hub: Hub
    secret: Secret
    photo_pool: gevent.threadpool.ThreadPool
    address: str  # what QR codes say: http://192.168.1.5:8000
    here: Path  # where views/ and static/ are
    words: Mapping[str, Mapping[str, str]]
    throttle: Throttle
    crowd: Crowd
    uploads: Crowd
    begun: float = 0.0
    machine: Machine | None = None  # where one listens
    start_again: Callable = lambda: None  # set by who can: end this server and start it anew from what is staged
    running: int = 0
    draining: bool = False

    @property
    def state(self) -> State:
        return self.desk.state

    def submit(self, kind: type[Command], ask: Ask, **values) -> Outcome:
        """Send a command through the desk as the one who asks."""
        return self.desk.submit(self.command(kind, ask, **values))

    def command(self, kind: type[Command], ask: Ask, **values) -> Command:
        return kind(**values, by=ask.who.by, at=int(time.time() * 1000), id=ask.id or secrets.token_urlsafe(16),
                    body=self.fingerprint(kind, ask, values))

    def fingerprint(self, kind: type[Command], ask: Ask, values: Mapping) -> str:
        """A keyed hash of what was asked and by whom: a repeat is told from a misuse without keeping the text."""
        named = {k: v for k, v in values.items() if k != "photos"} | {"photo": ask.upload_sha256}
        text = orjson.dumps([kind.__name__, ask.who.by, named], option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(text, key=self.secret.key, digest_size=8).hexdigest()

    def seen_by(self, who: Who, kind: str, key=None) -> dict | None:
        """A thing as the asker may see it."""
        if kind in OWN and who.role == "judge":
            return view(self.state, who.by, kind, key)
        seen = view(self.state, who.role, kind, key)
        return self.finished(kind, seen) if seen else None

    def finished(self, kind: str, seen: dict) -> dict:
        """A thing with what only this server knows: its address, and the links that are derived from its key."""
        if kind == "judge":
            return seen | {"link": self.join_link(seen["id"], seen["generation"])}
        if kind == "key":
            return seen | {"secret": self.key_secret(seen["id"])}
        return seen | {"address": self.address, "languages": sorted(self.words)} if kind == "contest" else seen

    def publish(self, seq: int, hash8: str, told: Mapping[str, list[dict]], age_seconds: float) -> None:
        """Hand a line's messages to the hub, finished as a page would see them."""
        for messages in told.values():
            for message in messages:
                message["d"] = {kind: self.finished(kind, thing) for kind, thing in message["d"].items()}
        self.hub.publish(seq, hash8, told, age_seconds)

    def join_link(self, judge: str, generation: int) -> str:
        return f"{self.address}/join/{judge}-{self.secret.derive('join', judge, generation)}"

    def key_secret(self, key: str) -> str:
        """What a script sends as its key."""
        return f"{key}-{self.secret.derive('key', key)}"

    def key_holder(self, text: str) -> Who:
        """Who a script is by its key, or by the one derived for whoever can read the data folder.

        errors   Refused `bad_key`
        """
        if hmac.compare_digest(text.encode(), self.secret.derive("key", "local").encode()):
            return Who("admin", "", "key")
        key = self.state.keys.get(text.partition("-")[0])
        if key is None or key.revoked or not hmac.compare_digest(text.encode(), self.key_secret(key.id).encode()):
            raise Refused("bad_key", "This key is not (or no longer) good.", 401)
        return Who(key.role, key.id, key.id)

    def mine_link(self, number: int) -> str:
        return f"{self.address}/mine/{number}-{self.secret.derive('mine', str(number))}"

    def holder(self, link: str, kind: str) -> str:
        """The id in a link that this contest gave, checked by computing it again.

        errors   Refused `no_such_link`
        """
        name, _, mac = link.rpartition("-")
        judge = self.state.judges.get(name)
        if kind == "join" and judge is None:  # also one who was invited after the backup that was restored
            raise no_link()
        newest = judge.generation if kind == "join" else 1
        for generation in range(newest, 0, -1):
            if hmac.compare_digest(self.secret.derive(kind, name, generation).encode(), mac.encode()):
                if generation < newest:
                    raise link_revoked()
                return name
        raise no_link()


def no_link() -> Refused:
    return Refused("no_such_link", "This link is not (or no longer) good. Ask the organiser for a new one.", 404)


def link_revoked() -> Refused:
    return Refused("link_revoked", "This link was revoked. Ask the organiser for a new one.", 401)


# --- Routes -----------------------------------------------------------------
# One table: method, path, who may ask and what happens. A request is read
# already (an Ask) and an Answer is still to be written, so the same rows serve
# HTTP, `open` and the documents. May use Desk, Hub and Photos; never the log, a
# fold, bottle, or a write to the state. Errors are raised, never tried.

JSON_BYTES = 256 << 10
FORM_BYTES = 64 << 10  # what a form may hold beside its file
PUBLIC = frozenset({"public", "judge", "desk", "host", "admin"})
ADMIN, HOSTS, DESKS, JUDGES = (
    frozenset({"admin"}), frozenset({"host", "admin"}), frozenset({"desk", "admin"}), frozenset({"judge", "admin"}))
FLOOR = HOSTS | DESKS


def checked_id(given) -> str:
    """A command's id, "" where there is none. errors   Refused `bad_id`"""
    if given and not (isinstance(given, str) and re.fullmatch(r"[A-Za-z0-9_-]{8,64}", given)):
        raise Refused("bad_id", "An id has 8 to 64 letters, digits, - and _.")
    return given or ""


def check_size(settings: Settings, form: str, size: int) -> None:
    """Refuse a file (`form`: upload or archive) that is too large. errors   Refused `body_too_large`"""
    most = settings.archive_bytes if form == "archive" else settings.photo_bytes
    if size > most:
        raise Refused("body_too_large", f"A file has at most {most >> 20} MiB.", 413)


# What a form may leave out, and what it then means.
_OPTIONAL = Map({"reason": "", "note": "", "text": "", "phase": "ink", "follow": True, "base": None, "call": 0})
_JSON_NAMES = Map({str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"})


def _check_fields(form: Mapping, *known: str) -> None:
    for name in form:
        if name not in known:
            raise Refused("unknown_field", f"There is no field {name}.", field=name)


def _filled(kind: type[Command], form: Mapping, fixed: Mapping) -> dict:
    """The values of a command out of a form, each of its type.

    errors   Refused `missing_field`, `unknown_field`, `bad_field`
    """
    own = {f.name: f.type for f in dataclasses.fields(kind) if f.name not in Command.__dataclass_fields__}
    if "fields" in own:
        return dict(fixed) | {"fields": dict(form)}
    asked = {name: wanted for name, wanted in own.items() if name not in fixed}
    _check_fields(form, *asked)
    values = dict(fixed)
    for name, wanted in asked.items():
        if name not in form and name not in _OPTIONAL:
            raise Refused("missing_field", f"{name} is missing.", field=name)
        values[name] = form[name] if name in form else _OPTIONAL[name]
        if wanted is not object and type(values[name]) is not wanted:
            raise Refused("bad_field", f"{name} is {_JSON_NAMES[wanted]}.", field=name)
    return values


def _orders(command: type[Command], thing: str, status: int = 200, **fixed) -> Callable[[Site, Ask], Answer]:
    """A route that sends a command and answers with the thing it was about, as the asker may see it."""
    def route(site: Site, ask: Ask) -> Answer:
        outcome = site.submit(command, ask, **_filled(command, ask.form, fixed | dict(ask.args)))
        key = ask.args.get(thing) or outcome.key or None
        body = {thing: site.seen_by(ask.who, thing, key)}
        if thing == "judge":
            if command in (RenewJudge, RevokeJudge) and outcome.new:
                site.hub.close_session(key, Close.SIGNED_OUT)
            body["link"] = body[thing]["link"]
        if command is RevokeKey:
            site.hub.close_session(key, Close.SIGNED_OUT)
        return Answer(body, status if outcome.new else 200)
    return route


def _own_orders(command: type[Command], thing: str, *keys: str) -> Callable[[Site, Ask], Answer]:
    """A route for what is a judge's own, or what the organiser types in for a judge: the thing by these keys, the answer."""
    def route(site: Site, ask: Ask) -> Answer:
        form = dict(ask.form)
        judge = form.pop("judge", ask.who.id)
        if not isinstance(judge, str) or (ask.who.role == "judge" and judge != ask.who.id):
            raise Refused("not_allowed", "A judge gives the judge's own marks only.", 403)
        if "base" in command.__dataclass_fields__:
            form["base"] = _base(site, form.get("base"))
        else:
            form.pop("base", None)
        site.submit(command, ask, **_filled(command, form, {**ask.args, "judge": judge}))
        named = tuple(judge if key == "judge" else ask.args[key] for key in keys)
        return Answer({thing: site.seen_by(ask.who, thing, named if len(named) > 1 else named[0])})
    return route


def _base(site: Site, base) -> int | None:
    """The seq of the sheet last seen: "<epoch>:<seq>" or a bare seq of this epoch; -1 for one of another epoch."""
    if base is None or type(base) is int:
        return base
    epoch, _, seq = base.partition(":") if isinstance(base, str) else ("", "", "")
    if not seq.isascii() or not seq.isdigit() or len(seq) > 15:
        raise Refused("bad_field", "base is <epoch>:<seq>, a seq, or null.", field="base")
    return int(seq) if epoch == site.state.epoch else -1


def _shows(kind: str) -> Callable[[Site, Ask], Answer]:
    return lambda site, ask: Answer({kind: site.seen_by(ask.who, kind)})


def _lists(kind: str, name: str) -> Callable[[Site, Ask], Answer]:
    return lambda site, ask: Answer({name: [
        seen for k, key in things_of(site.state) if k == kind and (seen := site.seen_by(ask.who, k, key))]})


# People's choice: a code or a device has one vote. The log is told a keyed hash of it, and never who asks.

CODES_AT_ONCE = 60  # codes with their QR in one answer: what a sheet or two of paper hold


def _make_codes_route(site: Site, ask: Ask) -> Answer:
    """Make a batch of codes under an id that follows from the command's: the same command again is the same batch."""
    ask = dataclasses.replace(ask, id=ask.id or secrets.token_urlsafe(16))
    digest = hashlib.blake2b(ask.id.encode(), key=site.secret.key, person=b"batch", digest_size=7).digest()
    batch = "".join(CODE_LETTERS[byte & 31] for byte in digest)
    outcome = site.submit(MakeCodes, ask, **_filled(MakeCodes, ask.form, {"batch": batch}))
    return Answer({"choice": site.seen_by(ask.who, "choice", outcome.key), "batch": batch}, 201 if outcome.new else 200)


def _revoke_codes_route(site: Site, ask: Ask) -> Answer:
    site.submit(RevokeCodes, ask, **_filled(RevokeCodes, ask.form, dict(ask.args)))
    return Answer({"choice": site.seen_by(ask.who, "choice", site.state.batches[ask.args["batch"]].category)})


def _list_codes(site: Site, ask: Ask) -> Answer:
    """Some codes of a batch, each with its QR as an SVG path: an address of ours that draws it would put the code into logs."""
    batch = site.state.batches.get(ask.args["batch"])
    if batch is None:
        raise no_such("batch", ask.args["batch"])
    first = max(1, _whole(ask.query, "first", 1, batch.count))
    numbers = range(first, min(batch.count, first + CODES_AT_ONCE - 1) + 1)
    codes = in_pool(gevent.get_hub().threadpool, lambda: [_printed_code(site, batch.id, number) for number in numbers])
    return Answer({"codes": codes, "count": batch.count})


def _printed_code(site: Site, batch: str, number: int) -> dict:
    code = site.secret.code(batch, number)
    # One mask for all: to weigh the eight of them takes seven times as long, and phones read any.
    drawn = segno.make(f"{site.address}/vote#{code}", error="m", mask=2, micro=False)
    path = "".join(f"M{x1} {y}h{x2 - x1}v1h{x1 - x2}z" for (x1, y), (x2, _) in segno.utils.matrix_to_lines(drawn.matrix, 0, 0))
    return {"number": number, "code": f"{code[:5]}-{code[5:]}", "path": path, "size": len(drawn.matrix)}


def _ballot(site: Site, ask: Ask) -> tuple[str, str, str]:
    """The category, the batch ("" of a device) and the ballot that somebody votes with.

    errors   Refused `no_such_code`; `too_many_tries` after some of them. Only wrong ones wait: a code that is good is never
             kept waiting by a neighbour's guesses, and of 2^50 there are too many to guess
    """
    form = ask.form
    if "code" not in form:
        category, device = _filled_text(form, "category"), _filled_text(form, "device")
        if not re.fullmatch(r"[A-Za-z0-9_-]{16,64}", device):
            raise Refused("bad_field", "device is 16 to 64 letters, digits, - and _.", field="device")
        return category, "", site.secret.derive("device", f"{category}|{device}")
    batch, number = site.secret.read_code(_filled_text(form, "code"))
    made = site.state.batches.get(batch)
    if made is None or not 1 <= number <= made.count:
        site.throttle.count(f"code {ask.address}")
        raise no_such("code", "like this")
    return made.category, batch, site.secret.derive("ballot", f"{batch}|{number}")


def _look_at_ballot(site: Site, ask: Ask) -> Answer:
    """Whether a code or a device can vote, and where: asked when the page opens, before anybody has chosen."""
    _check_fields(ask.form, "code", "device", "category")
    category, batch, ballot = _ballot(site, ask)
    found = site.state.categories.get(category)
    if found is None or found.method != "choice":
        raise no_such("category", category)
    check_ballot(site.state, found, batch, ballot)
    return Answer({"ballot": {"category": category, "state": found.state}})


def _cast_vote_route(site: Site, ask: Ask) -> Answer:
    category, batch, ballot = _ballot(site, ask)
    form = {k: v for k, v in ask.form.items() if k not in ("code", "device", "category")}
    fixed = {"category": category, "batch": batch, "ballot": ballot}
    site.submit(CastVote, dataclasses.replace(ask, who=Who()), **_filled(CastVote, form, fixed))  # a judge's vote is the public's
    return Answer({"vote": {"category": category, "entry": form["entry"]}})


_PLURALS = types.MappingProxyType({"category": "categories", "entry": "entries", "judge": "judges", "key": "keys", "sheet": "sheets",
                                   "hand": "hands", "run_off": "run_offs", "tie": "ties", "choice": "choices",
                                   "decision": "decisions", "winners": "winners"})
_ROLE_LISTS = Map({"judge": OWN, "host": frozenset({"decision"}), "admin": OWN | {"judge", "key", "decision", "tie", "choice"}})


def who_is(site: Site, who: Who) -> dict:
    """What the one who asks is told of the own sign-in."""
    if judge := site.state.judges.get(who.id):
        return {"role": who.role, "id": judge.id, "name": judge.name, "head": judge.head, "categories": judge.categories}
    return {"role": who.role}


def whole_state(site: Site, who: Who) -> dict:
    """All that somebody may see, at one moment of the log, with the cursor to go on from."""
    hub, state = site.hub, site.state
    body = {"e": hub.epoch, "s": hub.seq, "h": hub.hash8, "a": who.audience, "me": who_is(site, who)}
    listed = {"category", "entry", "winners"} | _ROLE_LISTS.get(who.role, frozenset())
    body |= {_PLURALS[kind]: [] for kind in _PLURALS if kind in listed}
    for kind, key in things_of(state):
        if kind in _PLURALS and kind not in listed:
            continue
        seen = site.seen_by(who, kind, key)
        if kind not in _PLURALS:
            body[kind] = seen
        elif seen is not None:
            body[_PLURALS[kind]].append(seen)
    return body


def _feed(site: Site, ask: Ask) -> Answer:
    seen = (view(site.state, "public", "entry", n) for n in sorted(site.state.entries, reverse=True))
    return Answer({"feed": [{k: e[k] for k in ("number", "category", "photo", "at")} for e in seen if e]})


def _standings(site: Site, ask: Ask) -> Answer:
    table = category_standings(site.state, ask.args["category"])
    found = site.state.categories[ask.args["category"]]
    wanted = ask.query.get("what_if") == "1" and found.method in ("points", "trimmed")
    more = {"what_if": what_if(judging_of(site.state, found))} if wanted else {}
    warnings = decision_warnings(site.state, found.id, table, _thought_of(site, ask, found))
    return Answer(table | {"warnings": warnings, "if_absent": places_without(site.state, found.id, table)} | more)


def _thought_of(site: Site, ask: Ask, category: Category) -> list[int] | None:
    """The entries of a category that `placed=118,121` names; None: nothing was asked."""
    if "placed" not in ask.query:
        return None
    named = [int(each) if each.isascii() and each.isdigit() and len(each) < 10 else 0 for each in ask.query["placed"].split(",") if each]
    competing = {entry.number for entry in pool_of(site.state, category)}
    for number in named:
        if number not in competing:
            raise Refused("bad_query", f"placed is numbers of entries of {category.name}, with commas.", field="placed")
    return named


def _head(site: Site) -> Head:
    return Head(site.state.epoch, site.state.seq, site.desk.line_hash)


def _decided_by_what(site: Site, ask: Ask) -> Answer:
    state, head, category = site.state, _head(site), ask.args["category"]
    if category not in state.categories:
        raise no_such("category", category)
    story = read_back(site.desk.log, state.seq, lambda facts: trail(state, category, facts))
    announced = state.categories[category].state == "announced"
    shown = {"epoch": head.epoch, "seq": head.seq, "hash": head.hash if announced else head.hash[:8]}
    return Answer(how_decided(state, category, story) | {"head": shown})


def _as_file(pieces: Iterable[bytes], name: str, kind: str) -> Answer:
    """A file to be saved, made piece by piece so that others have their turn."""
    def in_turns() -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            turn(0)
    return Answer({}, stream=in_turns(), headers=Map({"Content-Type": kind, "Content-Disposition": f'attachment; filename="{name}"'}))


def _export_json(site: Site, ask: Ask) -> Answer:
    return _as_file(export_json(site.state, _head(site)._asdict()), "contest.json", "application/json")


def _export_csv(site: Site, ask: Ask) -> Answer:
    what, style = ask.query.get("what", "entries"), ask.query.get("decimal", "point")
    if what not in TABLES:
        raise Refused("bad_field", f"what is one of {', '.join(sorted(TABLES))}.", field="what")
    if style not in ("point", "comma"):
        raise Refused("bad_field", "decimal is point or comma.", field="decimal")
    return _as_file(export_csv(site.state, what, style == "comma"), f"contest-{what}.csv", "text/csv; charset=utf-8")


def _events(site: Site, ask: Ask) -> Answer:
    query = dict(ask.query)
    cursor = None
    if all(k in query for k in "esha"):
        digits = query["s"].isascii() and query["s"].isdigit() and len(query["s"]) < 16
        cursor = Cursor.read({k: query[k] for k in "eha"} | {"s": int(query["s"]) if digits else None})
    try:
        wait = min(25.0, max(0.0, float(query.get("wait", 25))))
    except ValueError:
        raise Refused("bad_field", "wait is a number of seconds.", field="wait") from None
    site.hub.peers.devices.note_poll(ask.who.audience, query)
    later = site.hub.advice()["retry_after"]
    return Answer(site.hub.events(ask.who.audience, cursor, 0.0 if wait != wait else wait),
                  headers={"Retry-After": str(later)} if later else {})


def _login(site: Site, ask: Ask) -> Answer:
    _check_password(site, ask, "password")
    return _admitted(site)


def _check_password(site: Site, ask: Ask, field_name: str) -> None:
    password = _filled_text(ask.form, field_name)
    site.throttle.count(f"password {ask.address}")
    if not in_pool(gevent.get_hub().threadpool, site.secret.check_password, password):
        raise Refused("wrong_password", "That is not the password.", 401)
    site.throttle.right(f"password {ask.address}")


def _admitted(site: Site) -> Answer:
    return Answer({"me": {"role": "admin"}}, session={"role": "admin", "p": site.secret.password[-16:]})


def _filled_text(form: Mapping, name: str) -> str:
    value = form.get(name)
    if not isinstance(value, str) or not value or len(value) > 1000:
        raise Refused("missing_field", f"{name} is missing.", field=name)
    return value


def _setup(site: Site, ask: Ask) -> Answer:
    link = _filled_text(ask.form, "link")
    if not site.secret.check_setup(link, int(time.time() * 1000)):
        site.throttle.count(f"link {ask.address}")
        raise Refused("setup_link_spent", "This setup link was used or is too old. `setup-link` prints a new one.", 401)
    return _set_password(site, ask)


def _change_password(site: Site, ask: Ask) -> Answer:
    _check_password(site, ask, "current")
    return _set_password(site, ask)


def _set_password(site: Site, ask: Ask) -> Answer:
    """Choose the password; whoever was signed in with the one before has to sign in again."""
    password = _filled_text(ask.form, "password")
    if len(password) < 8:
        raise Refused("password_too_short", "A password has at least 8 characters.")
    in_pool(gevent.get_hub().threadpool, site.secret.set_password, password)
    site.hub.close_session("admin", Close.SIGNED_OUT)
    return _admitted(site)


def _new_setup_link(site: Site, ask: Ask) -> Answer:
    link = site.secret.new_setup_link(int(time.time() * 1000))
    return Answer({"link": f"{site.address}/setup/{link}"}, 201)


def _entry_fields(form: Mapping) -> dict:
    """The fields of an entry out of a form."""
    fields = {k: v for k, v in form.items() if k not in ("consent", "adult")}
    return fields | {tick: form.get(tick) in ("yes", True) for tick in ("consent", "adult")}


NO_PHOTO = types.MappingProxyType({"large": "", "thumb": "", "stencil": "", "width": 0, "height": 0, "sha256": {}})


def _check_entries(site: Site, ask: Ask) -> Answer:
    """What would become of entries, one after the other, their photos aside; nothing happens."""
    rows = ask.form.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refused("bad_field", "rows is a list of entries.", field="rows")
    known = [_known_by_id(site, row.get("id")) or _too_large(site, row.pop("photo_bytes", 0)) for row in rows]
    new = [row for row, said in zip(rows, known) if said is None]
    unnamed = dataclasses.replace(ask, id="")  # else the request's own would be that of every row
    commands = [site.command(SubmitEntry, unnamed, fields=_entry_fields({k: v for k, v in row.items() if k != "id"}), photos=[dict(NO_PHOTO)]) for row in new]
    told = iter([_row_refused(no) if isinstance(no, Refused) else {} for no in rehearsed(site.state, commands)])
    return Answer({"rows": [next(told) if said is None else said for said in known]})


def _too_large(site: Site, photo_bytes) -> dict | None:
    """Why a row's photo would be refused unread, if it would be."""
    try:
        check_size(site.settings, "upload", photo_bytes if isinstance(photo_bytes, int) else 0)
    except Refused as no:
        return _row_refused(no)


def _known_by_id(site: Site, given) -> dict | None:
    """What the id of a row says by itself: the entry it has made, or why none can be made under it; None: it is new."""
    try:
        id_ = checked_id(given)
    except Refused as no:
        return _row_refused(no)
    if id_ not in site.state.seen:
        return None
    seen = Seen(*site.state.seen[id_].split(" ", 2))
    return {"entry": int(seen.key)} if seen.kind == "entry" else _row_refused(Refused("id_reuse", "This id is that of another command.", 409))


def _row_refused(no: Refused) -> dict:
    return {"code": no.code, "message": no.text}


def _submit_photo(site: Site, ask: Ask) -> Answer:
    made = _with_upload(site, ask, site.command(SubmitEntry, ask, fields=_entry_fields(ask.form), photos=["unread"]))
    number = int(made.key)
    entry = view(site.state, ask.who.role if ask.who.role in STAFF else "public", "entry", number)
    body = {"entry": entry or {"number": number, "category": site.state.entries[number].category, "state": "registered"},
            "mine": site.mine_link(number)}
    return Answer(body, 201 if made.new else 200)


def _with_upload(site: Site, ask: Ask, draft: Command) -> Outcome:
    """Submit a command with the photo that came: refuse what can be refused before it is decoded, then decode, then commit."""
    before = repeat_of(site.state, draft.id, draft.body)
    if before is not None:
        return before
    decide(site.state, draft)
    if ask.upload is None:
        raise Refused("photo_missing", "The photo is missing.")
    try:
        photo = in_pool(site.photo_pool, take_in, ask.upload, site.folder / "photos", secrets.token_hex(16))
        site.keeper.room.photo_bytes += _photo_bytes(site, photo)
    except OSError as why:
        raise Refused("disk_full", f"The photo could not be stored ({why.strerror}).", 507) from why
    ask.in_turn()
    try:
        site.keeper.room.check_photos()  # its request could not say what it comes to
        made = site.desk.submit(dataclasses.replace(draft, photos=[photo]))
    except Refused as no:
        if no.code != "outcome_unknown":
            _remove_photo(site, photo)
        raise
    if not made.new:
        _remove_photo(site, photo)
    return made


def _add_photo_route(site: Site, ask: Ask) -> Answer:
    _check_fields(ask.form)
    number = ask.args["entry"]
    made = _with_upload(site, ask, site.command(AddPhoto, ask, entry=number, photos=["unread"]))
    return Answer({"entry": site.seen_by(ask.who, "entry", number)}, 201 if made.new else 200)


def _mine_photo(site: Site, ask: Ask) -> Answer:
    _check_fields(ask.form)
    number = _mine_number(site, ask)
    made = _with_upload(site, ask, dataclasses.replace(site.command(AddPhoto, ask, entry=number, photos=["unread"]), by="public"))
    return Answer(_mine(site, ask).body, 201 if made.new else 200)


def _photo_bytes(site: Site, photo: Mapping) -> int:
    return sum(photo_path(site.folder / "photos", photo[size]).stat().st_size for size in ("large", "thumb", "stencil"))


def _remove_photo(site: Site, photo: Mapping) -> None:
    """Take back the files of a photo that no entry names."""
    site.keeper.room.photo_bytes -= _photo_bytes(site, photo)
    for size in ("large", "thumb", "stencil"):
        photo_path(site.folder / "photos", photo[size]).unlink(missing_ok=True)


def _mine_number(site: Site, ask: Ask) -> int:
    number = int(site.holder(ask.args["link"], "mine"))
    if number not in site.state.entries:  # it came after the backup that was restored
        raise no_link()
    return number


def _mine(site: Site, ask: Ask) -> Answer:
    number = _mine_number(site, ask)
    state, entry = site.state, site.state.entries[number]
    seen = view(state, "admin", "entry", number)
    marks = own_marks(state, number)
    return Answer({"entry": seen, "category": view(state, "public", "category", entry.category),
                   "contest": site.seen_by(ask.who, "contest"), "stage": view(state, "public", "stage")} | ({"marks": marks} if marks else {}))


def _mine_withdraw(site: Site, ask: Ask) -> Answer:
    number = _mine_number(site, ask)
    site.submit(SetEntryState, ask, entry=number, state="withdrawn", reason="")
    return _mine(site, ask)


def _delete_category(site: Site, ask: Ask) -> Answer:
    decide(site.state, site.command(DeleteCategory, ask, category=ask.args["category"]))  # refused before a backup is made
    site.keeper.backup("delete")
    return _orders(DeleteCategory, "category")(site, ask)


def _erase_person(site: Site, ask: Ask) -> Answer:
    number = ask.args["entry"]
    others = [n for n in family(site.state, number) if n != number] if number in site.state.entries else []
    for other in others:  # the same person in a Best of Show: the one asked for comes last, and is what a repeat is known by
        site.eraser.erase(other, site.command(ErasePerson, dataclasses.replace(ask, id=""), entry=other))
    copies = site.eraser.erase(number, site.command(ErasePerson, ask, entry=number))
    return Answer({"entry": site.seen_by(ask.who, "entry", number), "copies": copies})


def _list_backups(site: Site, ask: Ask) -> Answer:
    return Answer({"backups": site.keeper.rows(), "second_place_fault": site.keeper.second.fault if site.keeper.second else "",
                   "quota_fault": site.keeper.room.backups_fault})


def _make_backup(site: Site, ask: Ask) -> Answer:
    return Answer({"backup": site.keeper.row(site.keeper.backup("hand"))}, 201)


def _send_backup(site: Site, ask: Ask) -> Answer:
    """One file with everything, as it is read: a contest of any size, a piece at a time."""
    name = ask.args["name"].removesuffix(".zip")
    stream, size = site.keeper.stream(name, ask.query.get("as") or f"downloaded as contest-{name}.zip")
    return Answer({}, stream=stream, headers={
        "Content-Type": "application/zip", "Content-Disposition": f'attachment; filename="contest-{name}.zip"',
        "X-Backup-Bytes": str(size)})


def _restore(site: Site, ask: Ask) -> Answer:
    """Put a backup in place of everything: check and stage it now, then start again from it."""
    to_seq = ask.form.get("to_seq")
    if to_seq is not None and not re.fullmatch(r"\d{1,15}", str(to_seq), re.ASCII):
        raise Refused("bad_field", "to_seq is a whole number.", field="to_seq")
    last = order_restore(site.keeper, ask.upload or ask.form.get("name"), int(to_seq) if to_seq is not None else None, ask.tell)
    gevent.spawn_later(0.2, site.start_again)
    return Answer({"seq": last}, 202)


def _presence(site: Site, ask: Ask) -> Answer:
    seen = site.hub.peers.presence()
    here = [{k: v for k, v in c.items() if k != "here"} for c in seen if c["here"]]
    screens = sum(c["page"] == "display" for c in here)
    if ask.who.role == "host":  # who runs the show must know that it is seen; whose phone is where is the organiser's
        return Answer({"screens": screens})
    return Answer({"screens": screens, "connections": here,
                   "devices": [c for c in seen if c["audience"].startswith("judge:")],
                   "warnings": site.machine.warnings() if site.machine else []})


def _forget_warnings(site: Site, ask: Ask) -> Answer:
    if site.machine:
        site.machine.forget()
    return Answer({"warnings": site.machine.warnings() if site.machine else []})


def _rescue(site: Site, ask: Ask) -> Answer:
    """Take what a judge's phone has saved in a file: each sheet and hand once, under the id under which the phone would send it."""
    judge, lists = ask.form.get("judge"), [ask.form.get("sheets"), ask.form.get("hands", [])]
    judge = judge.get("id") if isinstance(judge, dict) else None
    if not isinstance(judge, str) or not all(isinstance(rows, list) and all(isinstance(row, dict) for row in rows) for rows in lists):
        raise Refused("not_a_rescue_file", "That is not a file that a judge's phone has saved.")
    if judge not in site.state.judges:
        raise no_such("judge", judge)
    report = {"taken": [], "known": [], "refused": []}
    for rows, found_in, name in zip(lists, (_rescued_sheet, _rescued_hand), ("entry", "category")):
        for before, row in zip([{}, *rows], rows):
            try:
                is_news = _take_rescued(site, judge, row, before, found_in(site, judge, row))
                report["taken" if is_news else "known"].append(row[name])
            except Refused as no:  # the other rows count all the same
                report["refused"].append({name: row.get(name), "code": no.code, "message": no.text})
    return Answer({"judge": judge} | report)


class _Rescued(typing.NamedTuple):
    """A row of a rescue file as what the phone would send."""

    kind: type[Command]
    about: dict  # {"entry": number} or {"category": id}
    form: dict
    now: object  # the sheet or hand that there is, or None
    named: str


def _rescued_sheet(site: Site, judge: str, row: Mapping) -> _Rescued:
    number = row.get("entry")
    entry = site.state.entries.get(number) if type(number) is int else None
    if entry is None:
        raise no_such("entry", number)
    if row.get("at") != entry.at:
        raise Refused("other_contest", f"Entry {number} is another one in this contest.", 409)
    if row.get("kind") == "recusal":
        kind, form = RecuseJudge, {"recused": row.get("recused")}
    else:
        kind, form = GiveSheet, {k: row[k] for k in ("marks", "note") if k in row}
    return _Rescued(kind, {"entry": number}, form, newest_sheet(site.state, number, judge), f"Entry {number}")


def _rescued_hand(site: Site, judge: str, row: Mapping) -> _Rescued:
    """Tokens or a ranking. A draft is refused like any order that is not whole."""
    category, at = row.get("category"), row.get("at")
    if not isinstance(category, str) or category not in site.state.categories:
        raise no_such("category", category)
    entries = {str(number): entry for number, entry in site.state.entries.items()}
    if not isinstance(at, dict) or any(number not in entries or entries[number].at != when for number, when in at.items()):
        raise Refused("other_contest", "Its entries are others in this contest.", 409)
    kind, field = (GiveRanking, "order") if row.get("method") == "ranking" else (GiveTokens, "entries")
    now = newest_hand(site.state, category, judge)
    return _Rescued(kind, {"category": category}, {field: row.get("entries")}, now, site.state.categories[category].name)


def _take_rescued(site: Site, judge: str, row: Mapping, before: Mapping, found: _Rescued) -> bool:
    """Whether a row of a rescue file was news. `before`: the row before it.

    The fingerprint is that of the judge's own command, so that the phone may send it later under the same id.
    """
    id_, recusal = checked_id(row.get("id") or "none"), found.kind is RecuseJudge
    if id_ in site.state.seen and row.get("answered") or (not recusal and _says(found.now, row)):
        return False
    if row.get("conflict"):
        raise Refused("conflict", f"{found.named} was judged on another device in between.", 409)
    form = found.form if recusal else found.form | {"base": _rescued_base(site, row, before, found.now)}
    asked = Ask(Who("judge", judge, judge), id=id_)
    command = site.command(found.kind, asked, **_filled(found.kind, form, found.about | {"judge": judge}))
    return site.desk.submit(dataclasses.replace(command, by=f"rescue:{judge}")).new


def _says(given, row: Mapping) -> bool:
    """Whether a sheet has the marks and the note of a row, or a hand its entries."""
    if given is None or isinstance(given, Hand):
        return given is not None and list(given.entries) == row.get("entries")
    return dict(given.marks) == row.get("marks") and given.note == row.get("note", "")


def _rescued_base(site: Site, row: Mapping, before: Mapping, now) -> int | None:
    """The sheet or hand that a row may replace.

    As the phone would say it; behind another row of the same entry or category, what that one says; and where a backup was restored
    since, any sheet that the judge had seen: it is an old one.
    """
    base, over = row.get("base"), row.get("over")
    if "after" in row and before.get("id") == row["after"]:
        return now.seq if _says(now, before) else -1
    if base is None or not isinstance(base, str) or _base(site, base) != -1:
        return _base(site, base)
    return None if now is None else now.seq if isinstance(over, list) and now.seq in over else -1


def _log(site: Site, ask: Ask) -> Answer:
    """Lines behind a seq, at once or as soon as there are any."""
    after, most, wait = (_whole(ask.query, name, default, largest) for name, default, largest in (
        ("after", 0, 10**15), ("limit", 500, 5000), ("wait", 0, 25)))
    until = time.monotonic() + wait
    while site.state.seq <= after and not site.hub.draining and (left := until - time.monotonic()) > 0:
        site.hub.audience("admin").wait(min(left, 1.0))  # a line of which nobody is told is seen a second later
    head = _head(site)._asdict()
    records = records_behind(site.desk, after, most) if site.state.seq > after else []
    return Answer({"records": list(map(_without_vote, records)), "head": head})


def _without_vote(record: dict) -> dict:
    """A line of the log that tells of a vote, but not for whom: the organiser is not to count along while people vote."""
    events = [{k: v for k, v in e.items() if e["type"] != "VoteCast" or k in ("type", "category")} for e in record["events"]]
    return record | {"events": events}


def _whole(query: Mapping, name: str, default: int, largest: int) -> int:
    """A whole number of a query. errors   Refused `bad_field`"""
    text = str(query.get(name, default))
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise Refused("bad_field", f"{name} is a whole number.", field=name)
    return min(int(text), largest)


def _health(site: Site, ask: Ask) -> Answer:
    return Answer({"status": "ok", "seq": site.state.seq, "uptime": round(time.monotonic() - site.begun, 1),
                   "version": __version__})


def _ready(site: Site, ask: Ask) -> Answer:
    room = shutil.disk_usage(site.folder).free >= site.settings.reserve_bytes
    reason = "draining" if site.draining else site.desk.read_only or site.desk.stopped or ("" if room else "The disk is nearly full.")
    return Answer({"ready": False, "reason": reason}, 503) if reason else Answer({"ready": True})


def _realtime_health(site: Site, ask: Ask) -> Answer:
    health = site.hub.health()
    return Answer(health, 503 if health["status"] == "draining" else 200)


def _realtime_metrics(site: Site, ask: Ask) -> Answer:
    closes = {str(code): count for code, count in sorted(site.hub.closes.items())}
    return Answer(site.hub.health() | {"running": site.running, "cut": site.crowd.cut, "closes": closes})


#: What /metrics counts, by the name that hub.counts has for it.
_COUNTED = Map({
    "resumes": "Clients that went on where they stood.", "resets": "Clients told to fetch the state anew.",
    "slow_dropped": "Sockets ended since they did not read.", "heartbeat_timeouts": "Sockets ended since they were silent.",
    "replaced": "Sockets replaced by a newer one of the same page.", "throttled": "Times a socket was not read since it said too much.",
    "connected": "Sockets taken over after an upgrade.", "refused": "Sockets told at once that they cannot stay.",
    "polls": "Long polls answered.", "published": "Lines of the log told.", "delivered": "Messages handed to sockets.",
    "received": "Messages from sockets."})


def _measured(site: Site) -> Iterator:
    """Every figure of a site, as it is now."""
    family = prometheus_client.core
    for name, help_line, value in (
            ("connections", "Live sockets.", site.hub.connections),
            ("seq", "The last line of the log.", site.state.seq),
            ("held_messages", "Messages held for those who are away.", site.hub.health()["held"]),
            ("loop_lag_seconds", "How late the loop came round.", site.hub.lag_seconds),
            ("requests_running", "Requests under way.", site.running),
            ("read_only", "1 while the disk takes no more.", int(bool(site.desk.read_only))),
            ("draining", "1 while the server stops.", int(site.draining))):
        yield family.GaugeMetricFamily(f"contest_{name}", help_line, value=value)
    for name, help_line in _COUNTED.items():
        yield family.CounterMetricFamily(f"contest_{name}", help_line, value=site.hub.counts[name])
    yield family.CounterMetricFamily("contest_cut", "Connections and requests refused as a flood.", value=site.crowd.cut)
    closes = family.CounterMetricFamily("contest_closes", "Sockets closed, by close code.", labels=["code"])
    for code, count in sorted(site.hub.closes.items()):
        closes.add_metric([str(code)], count)
    yield closes


def tell_metrics(site: Site, ask: Ask) -> Answer:
    """The same for Prometheus, in its text format."""
    text = prometheus_client.generate_latest(types.SimpleNamespace(collect=lambda: _measured(site)))
    return Answer({}, stream=[text], headers={"Content-Type": prometheus_client.CONTENT_TYPE_PLAIN_0_0_4})


@dataclass(frozen=True, slots=True)
class Route:
    """A row of the table: what is asked for, who may, and what happens. `form` says how the body is read."""

    method: str
    path: str
    roles: frozenset
    does: Callable[[Site, Ask], Answer]
    form: str = "json"


ROUTES = (
    Route("GET", "/api/state", PUBLIC, lambda site, ask: Answer(whole_state(site, ask.who))),
    Route("GET", "/api/events", PUBLIC, _events),
    Route("POST", "/api/setup", PUBLIC, _setup),
    Route("POST", "/api/setup-link", ADMIN, _new_setup_link),
    Route("POST", "/api/login", PUBLIC, _login),
    Route("POST", "/api/logout", PUBLIC, lambda site, ask: Answer({"me": {"role": "public"}}, session={})),
    Route("PUT", "/api/password", ADMIN, _change_password),
    Route("GET", "/api/contest", PUBLIC, _shows("contest")),
    Route("PATCH", "/api/contest", ADMIN, _orders(ChangeContest, "contest")),
    Route("GET", "/api/categories", PUBLIC, _lists("category", "categories")),
    Route("POST", "/api/categories", ADMIN, _orders(AddCategory, "category", 201)),
    Route("PATCH", "/api/categories/<category>", ADMIN, _orders(ChangeCategory, "category")),
    Route("DELETE", "/api/categories/<category>", ADMIN, _delete_category),
    Route("POST", "/api/categories/<category>/open", ADMIN, _orders(OpenCategory, "category")),
    Route("POST", "/api/categories/<category>/judge", ADMIN, _orders(StartJudging, "category")),
    Route("POST", "/api/categories/<category>/close", ADMIN, _orders(CloseJudging, "category")),
    Route("POST", "/api/categories/<category>/reopen", ADMIN, _orders(ReopenCategory, "category")),
    Route("POST", "/api/categories/<category>/announce", ADMIN, _orders(AnnounceCategory, "category")),
    Route("POST", "/api/categories/<category>/call", FLOOR, _orders(CallCategory, "category")),
    Route("POST", "/api/categories/<category>/merge", ADMIN, _orders(MergeCategory, "category")),
    Route("GET", "/api/judges", ADMIN, _lists("judge", "judges")),
    Route("POST", "/api/judges", ADMIN, _orders(InviteJudge, "judge", 201)),
    Route("POST", "/api/judges/<judge>/renew", ADMIN, _orders(RenewJudge, "judge")),
    Route("DELETE", "/api/judges/<judge>", ADMIN, _orders(RevokeJudge, "judge")),
    Route("GET", "/api/keys", ADMIN, _lists("key", "keys")),
    Route("POST", "/api/keys", ADMIN, _orders(AddKey, "key", 201)),
    Route("DELETE", "/api/keys/<key>", ADMIN, _orders(RevokeKey, "key")),
    Route("POST", "/api/entries", PUBLIC, _submit_photo, "upload"),
    Route("POST", "/api/entries/check", DESKS, _check_entries),
    Route("POST", "/api/entries/<entry:int>/photos", DESKS, _add_photo_route, "upload"),
    Route("PATCH", "/api/entries/<entry:int>", DESKS, _orders(ChangeEntry, "entry")),
    Route("POST", "/api/entries/<entry:int>/check-in", DESKS, _orders(SetEntryState, "entry", state="checked-in")),
    Route("POST", "/api/entries/<entry:int>/call", FLOOR, _orders(CallEntry, "entry")),
    Route("POST", "/api/entries/<entry:int>/no-show", FLOOR, _orders(SetEntryState, "entry", state="no-show")),
    Route("POST", "/api/entries/<entry:int>/withdraw", DESKS, _orders(SetEntryState, "entry", state="withdrawn")),
    Route("POST", "/api/entries/<entry:int>/reinstate", DESKS, _orders(SetEntryState, "entry", state="registered")),
    Route("POST", "/api/entries/<entry:int>/disqualify", ADMIN, _orders(SetEntryState, "entry", state="disqualified")),
    Route("POST", "/api/entries/<entry:int>/hide", FLOOR, _orders(HidePhoto, "entry")),
    Route("POST", "/api/entries/<entry:int>/show", FLOOR, _orders(ShowPhoto, "entry")),
    Route("PUT", "/api/sheets/<entry:int>", JUDGES, _own_orders(GiveSheet, "sheet", "entry", "judge")),
    Route("PUT", "/api/recusals/<entry:int>", JUDGES, _own_orders(RecuseJudge, "sheet", "entry", "judge")),
    Route("PUT", "/api/tokens/<category>", JUDGES, _own_orders(GiveTokens, "hand", "category", "judge")),
    Route("PUT", "/api/rankings/<category>", JUDGES, _own_orders(GiveRanking, "hand", "category", "judge")),
    Route("POST", "/api/categories/<category>/run-off", ADMIN, _orders(CallRunOff, "run_off", 201)),
    Route("PUT", "/api/run-offs/<run_off>", JUDGES, _own_orders(VoteInRunOff, "run_off", "run_off")),
    Route("POST", "/api/run-offs/<run_off>/close", ADMIN, _orders(CloseRunOff, "run_off")),
    Route("PUT", "/api/ties/<category>", ADMIN, _orders(DecideTie, "tie")),
    Route("POST", "/api/choice/codes", ADMIN, _make_codes_route),
    Route("GET", "/api/choice/codes/<batch>", ADMIN, _list_codes),
    Route("DELETE", "/api/choice/codes/<batch>", ADMIN, _revoke_codes_route),
    Route("POST", "/api/choice", PUBLIC, _look_at_ballot),
    Route("PUT", "/api/choice", PUBLIC, _cast_vote_route),
    Route("GET", "/api/standings/<category>", ADMIN, _standings),
    Route("GET", "/api/decided/<category>", ADMIN, _decided_by_what),
    Route("PUT", "/api/winners/<category>", ADMIN, _orders(DecideWinners, "decision")),
    Route("POST", "/api/winners/<category>/absent", HOSTS, _orders(PassOver, "decision")),
    Route("POST", "/api/winners/<category>/correct", ADMIN, _orders(CorrectWinners, "decision")),
    Route("GET", "/api/winners", PUBLIC, _lists("winners", "winners")),
    Route("GET", "/api/feed", PUBLIC, _feed),
    Route("POST", "/api/reveal", HOSTS, _orders(StepReveal, "screen")),
    Route("POST", "/api/rehearsal", HOSTS, _orders(StepRehearsal, "screen")),
    Route("POST", "/api/screen", HOSTS, _orders(SetScreen, "screen")),
    Route("POST", "/api/stage", HOSTS, _orders(CallToStage, "stage")),
    Route("GET", "/api/mine/<link>", PUBLIC, _mine),
    Route("POST", "/api/mine/<link>/photos", PUBLIC, _mine_photo, "upload"),
    Route("POST", "/api/mine/<link>/withdraw", PUBLIC, _mine_withdraw),
    Route("DELETE", "/api/entries/<entry:int>/person", ADMIN, _erase_person),
    Route("GET", "/api/log", ADMIN, _log),
    Route("GET", "/api/export.json", ADMIN, _export_json),
    Route("GET", "/api/export.csv", ADMIN, _export_csv),
    Route("GET", "/api/backups", ADMIN, _list_backups),
    Route("POST", "/api/backups", ADMIN, _make_backup),
    Route("GET", "/api/backups/<name>", ADMIN, _send_backup),
    Route("POST", "/api/restore", ADMIN, _restore, "archive"),
    Route("POST", "/api/rescue", ADMIN, _rescue),
    Route("GET", "/api/presence", HOSTS, _presence),
    Route("DELETE", "/api/warnings", ADMIN, _forget_warnings),
    Route("GET", "/health", PUBLIC, _health),
    Route("GET", "/ready", PUBLIC, _ready),
    Route("GET", "/api/realtime-health", PUBLIC, _realtime_health),
    Route("GET", "/api/realtime-fallback", PUBLIC, lambda site, ask: Answer(site.hub.advice())),
    Route("GET", "/api/realtime-metrics", ADMIN, _realtime_metrics),
    Route("GET", "/metrics", ADMIN, tell_metrics),
)


# --- Web --------------------------------------------------------------------
# Bottle: reads a request into an Ask, writes an Answer or an error as HTTP,
# fills the pages, serves the files, and says who may connect. The one
# translator of errors. Knows no rule and no command.

FIELD_BYTES = 8 << 10
SESSION_SECONDS = 14 * 24 * 3600
HEADERS = {
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
                               "form-action 'self'; frame-ancestors 'none'"}
PAGES = Map({"/": "home", "/submit": "submit", "/judge": "judge", "/display": "display", "/winners": "winners",
             "/rules": "rules", "/vote": "vote", "/papers": "papers", "/admin": "admin", "/host": "host", "/login": "login",
             "/setup/<link>": "setup", "/mine/<link>": "mine"})
ROLE_PAGES = Map({"judge": "/judge", "desk": "/submit", "host": "/host", "admin": "/admin"})


def _rebase_bottle() -> None:
    """Let bottle keep a request per greenlet instead of per thread.

    Bottle's request and response live in threading.local, which the greenlets of a thread share: of 50 concurrent
    requests whose handler yields, 40 would fail. Exactly these properties move; nothing else is patched.
    """
    def per_greenlet(name: str) -> property:
        local = gevent.local.local()

        def get(_):
            try:
                return local.value
            except AttributeError:
                raise RuntimeError("Request context not initialized.") from None
        return property(get, lambda _, value: setattr(local, "value", value), lambda _: delattr(local, "value"), name)

    for cls, names in ((bottle.LocalRequest, ("environ",)),
                       (bottle.LocalResponse, ("_status_line", "_status_code", "_cookies", "_headers", "body"))):
        for name in names:
            setattr(cls, name, per_greenlet(name))


def client_address(settings: Settings, environ: Mapping) -> str:
    """The address of the one who asks; a proxy's header is believed only as CONTEST_TRUST_PROXY says."""
    if settings.trust_proxy == "fly" and environ.get("HTTP_FLY_CLIENT_IP"):
        return environ["HTTP_FLY_CLIENT_IP"].strip()
    if settings.trust_proxy == "one-hop" and environ.get("HTTP_X_FORWARDED_FOR"):
        return environ["HTTP_X_FORWARDED_FOR"].rpartition(",")[2].strip()
    return environ.get("REMOTE_ADDR", "")


def _is_https(settings: Settings, environ: Mapping) -> bool:
    return settings.trust_proxy != "none" and environ.get("HTTP_X_FORWARDED_PROTO", "") == "https"


def _cookie_name(site: Site) -> str:
    return "contest_" + site.secret.derive("cookie", "name")[:8]


def _signer(site: Site) -> itsdangerous.URLSafeSerializer:
    return itsdangerous.URLSafeSerializer(site.secret.derive("cookie", "key"), salt="session")


def who_asks(site: Site, environ: Mapping) -> Who:
    """Who a request comes from: by key, by session cookie, or the public.

    errors   Refused `link_revoked` (401) for the session of a judge that was revoked or renewed, `bad_key`
    """
    if bearer := environ.get("HTTP_AUTHORIZATION", ""):
        return site.key_holder(bearer.removeprefix("Bearer "))
    cookies = bottle.BaseRequest(dict(environ)).cookies
    raw = cookies.get(_cookie_name(site))
    if not raw:
        return Who()
    try:
        session = _signer(site).loads(raw)
    except itsdangerous.BadSignature:
        return Who()
    if session["role"] == "admin":
        return Who("admin", "", "admin") if session["p"] == site.secret.password[-16:] else Who()
    judge = site.state.judges.get(session["id"])
    if judge is None or judge.revoked or judge.generation != session["g"]:
        raise link_revoked()
    return Who(judge.role, judge.id, judge.id)


def check_origin(site: Site, environ: Mapping, signed_in: bool) -> None:
    """Refuse a change that another site's page asks for.

    A cookie travels with every request of a browser, so such a request must say that it comes from a page of ours; one
    without a cookie may say nothing, but not name another site.
    """
    origin = environ.get("HTTP_ORIGIN")
    if origin is None:
        if not signed_in or environ.get("HTTP_SEC_FETCH_SITE") == "same-origin" or environ.get("HTTP_AUTHORIZATION"):
            return
    else:
        host = urllib.parse.urlsplit(site.settings.public_url).netloc or environ.get("HTTP_HOST", "")
        with contextlib.suppress(ValueError):  # an Origin that is no address is not ours
            if host and urllib.parse.urlsplit(origin).netloc == host:
                return
    raise Refused("foreign_origin", "This request comes from another site.", 403)


def _read_json() -> dict:
    """The JSON object in the body; an empty body is an empty object.

    errors   Refused `body_too_large` (413), `bad_json`
    """
    environ = bottle.request.environ
    size = int(environ.get("CONTENT_LENGTH") or 0)
    if size > JSON_BYTES:
        raise Refused("body_too_large", "That is more than this address takes.", 413)
    try:
        with body_deadline(size):
            raw = environ["wsgi.input"].read(size) if size else b""
    except OSError:
        raise Refused("bad_json", "The body did not arrive whole.") from None
    if not raw.strip():
        return {}
    try:
        form = orjson.loads(raw)
    except orjson.JSONDecodeError as why:
        raise Refused("bad_json", f"The body is not JSON ({why}).") from None
    if not isinstance(form, dict):
        raise Refused("bad_json", "The body is not a JSON object.")
    return form


def _read_query() -> dict:
    """What stands behind the question mark. errors   Refused `bad_query`"""
    try:
        return dict(bottle.request.query.decode())
    except UnicodeError:
        raise Refused("bad_query", "The address is not valid Unicode.") from None


@contextlib.contextmanager
def _read_upload(site: Site, form: str) -> Iterator[tuple[dict, Path | None, str]]:
    """The fields and the file of a multipart body; the file is spooled on the data volume and gone afterwards.

    A turn of the loop each 64 kB: bottle's own parser does not yield, and eight bodies would hold up everybody.
    errors   Refused `length_required`, `body_too_large`, `bad_form`, `disk_full`, `photos_full`
    """
    environ = bottle.request.environ
    if not environ.get("CONTENT_LENGTH"):
        raise Refused("length_required", "An upload says its length.", 411)
    size = int(environ["CONTENT_LENGTH"])
    most = _most_bytes(site, form)
    if size > most + FORM_BYTES:
        raise Refused("body_too_large", f"A file has at most {most >> 20} MiB.", 413)
    kind, options = multipart.parse_options_header(environ.get("CONTENT_TYPE", ""))
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise Refused("bad_form", "An entry is sent as multipart/form-data.")
    spool = site.folder / "photos" / "incoming"
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    with site.keeper.room.kept(size, form == "upload"), tempfile.NamedTemporaryFile(dir=spool) as file:
        try:
            with body_deadline(size):
                fields, digest = _parse_upload(environ["wsgi.input"], size, options["boundary"], file, most)
        except (multipart.MultipartError, UnicodeDecodeError) as why:
            raise Refused("bad_form", f"The form cannot be read ({why}).") from None
        except OSError as why:
            if why.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Refused("disk_full", "There is no room for this photo.", 507) from None
            raise Refused("bad_form", "The photo did not arrive whole.") from None
        file.flush()
        yield fields, Path(file.name) if digest else None, digest


def _most_bytes(site: Site, form: str) -> int:
    return site.settings.archive_bytes if form == "archive" else site.settings.photo_bytes


def _parse_upload(source, size: int, boundary: str, file, most: int) -> tuple[dict, str]:
    """The text fields, and the sha256 of the file that was written ("" if there was none)."""
    fields: dict[str, str] = {}
    digest, name, text = None, "", bytearray()
    with multipart.PushMultipartParser(boundary, content_length=size, max_segment_size=size,
                                       max_segment_count=20) as parser:
        while not parser.closed:
            for part in parser.parse(source.read(min(65536, size)) or b""):
                if isinstance(part, multipart.MultipartSegment):
                    name, text = part.name, bytearray()
                    if part.filename is not None:
                        if digest:
                            raise Refused("bad_form", "One file at a time.")
                        digest, name = hashlib.sha256(), ""
                elif part:
                    if not name:
                        digest.update(part)
                        file.write(part)
                        if file.tell() > most:
                            raise Refused("body_too_large", f"A file has at most {most >> 20} MiB.", 413)
                    elif len(text) + len(part) > FIELD_BYTES:
                        raise Refused("bad_field", f"{name} is too long.", field=name)
                    else:
                        text += part
                elif name:
                    fields[name] = text.decode()
            gevent.sleep(0)
    return fields, digest.hexdigest() if digest and file.tell() else ""


def _command_id(form: dict) -> str:
    """The command's id out of the body or the header, "" where neither has one."""
    return checked_id(form.pop("id", None) or bottle.request.environ.get("HTTP_IDEMPOTENCY_KEY"))


def _handled(site: Site, route: Route, args: dict) -> Answer:
    """One request from the door to the answer."""
    environ = bottle.request.environ
    signed_in = _cookie_name(site) in bottle.request.cookies
    try:
        who = who_asks(site, environ)
    except Refused:
        if "public" not in route.roles or route.path in ("/api/state", "/api/events"):
            raise  # elsewhere a visitor whose link was revoked is a visitor
        who = Who()
    if route.method != "GET":
        check_origin(site, environ, signed_in)
    if who.role not in route.roles:
        if who.role == "public":
            raise Refused("sign_in", "Sign in first.", 401)
        raise Refused("not_allowed", f"That is not for the role {who.role}.", 403)
    address = client_address(site.settings, environ)
    if route.form == "upload" or (route.form == "archive" and environ.get("CONTENT_TYPE", "").startswith("multipart/")):
        if route.form == "upload" and who.role == "public":
            site.uploads.ask(address)
        with _read_upload(site, route.form) as (fields, upload, digest):
            id_ = _command_id(fields)
            return route.does(site, Ask(who, args, fields, {}, id_, address, upload, digest))
    form = _read_json() if route.method != "GET" else {}
    answer = route.does(site, Ask(who, args, form, _read_query(), _command_id(form), address))
    if route.path in ("/api/events", "/api/log") and who_asks(site, environ) != who:
        raise link_revoked()  # the sign-in ended while the poll waited
    return answer


def _say_error(site: Site, error: ContestError) -> bytes:
    """The one translator from an error to an answer."""
    refused = error if isinstance(error, Refused) else Refused("fault", "Something went wrong on our side.", error.status)
    bottle.response.status = refused.status
    bottle.response.content_type = "application/json"
    if "retry_after" in refused.extra or refused.status == 503:
        bottle.response.set_header("Retry-After", str(refused.extra.get("retry_after", 2)))
    outer = {k: v for k, v in refused.extra.items() if k in OWN}
    inner = {k: v for k, v in refused.extra.items() if k not in OWN}
    return dumps({"error": {"code": refused.code, "message": refused.text} | inner} | outer)


def _endpoint(site: Site, route: Route) -> Callable:
    """The bottle callback of a row."""
    def endpoint(**args):
        """Answer one request, whatever happens inside."""
        if site.draining and route.path not in ("/health", "/ready", "/api/realtime-health"):
            return _say_error(site, Refused("draining", "The server restarts: try again in a moment.", 503))
        site.running += 1
        try:
            answer = _handled(site, route, args)
            body = dumps(answer.body)
        except ContestError as error:
            return _say_error(site, error)
        except Exception:  # a fault of ours: told on stderr, and to the caller without a word of the inside
            traceback.print_exc()
            return _say_error(site, ContestError())
        finally:
            site.running -= 1
        if answer.session is not None:
            _set_session(site, answer.session)
        bottle.response.status = answer.status
        bottle.response.content_type = "application/json"
        bottle.response.set_header("Cache-Control", "no-store")
        for name, value in answer.headers.items():
            bottle.response.set_header(name, value)
        return body if answer.stream is None else answer.stream
    return endpoint


def _set_session(site: Site, session: dict) -> None:
    secure = _is_https(site.settings, bottle.request.environ)
    if not session:
        bottle.response.delete_cookie(_cookie_name(site), path="/", httponly=True, samesite="lax", secure=secure)
        return
    bottle.response.set_cookie(_cookie_name(site), _signer(site).dumps(session), path="/", httponly=True,
                               samesite="lax", secure=secure, max_age=SESSION_SECONDS)


def load_words(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """{language: {key: sentence}} of static/words/; what a language lacks is said in English, as on the pages."""
    words = {path.stem: orjson.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))}
    return Map({language: Map(words["en"] | own) for language, own in words.items()})


def _language(site: Site) -> str:
    """The browser's language where we have it, else the contest's, else English."""
    wanted = re.findall(r"([a-z]{2})(?:-[A-Za-z]+)?", bottle.request.environ.get("HTTP_ACCEPT_LANGUAGE", ""))
    return next((lang for lang in (*wanted, site.state.rules.language) if lang in site.words), "en")


def _page(site: Site, name: str, **more) -> str:
    """A page of views/, in the reader's language."""
    language = _language(site)
    words = site.words[language]

    def t(key: str, **params) -> str:
        return re.sub(r"\{(\w+)\}", lambda m: str(params.get(m[1], m[0])), words.get(key, key))

    try:
        who = who_asks(site, bottle.request.environ)
    except Refused:
        who = Who()
    for header, value in HEADERS.items():
        bottle.response.set_header(header, value)
    bottle.response.set_header("Cache-Control", "no-store")
    if name == "display":  # our own pages show the host what the screen shows
        policy = HEADERS["Content-Security-Policy"].replace("frame-ancestors 'none'", "frame-ancestors 'self'")
        bottle.response.set_header("Content-Security-Policy", policy)
    if name == "judge":
        bottle.response.set_header("Contest-Shell", judge_shell(site.here)[0])
    categories = [view(site.state, "public", k, key) for k, key in things_of(site.state) if k == "category"]
    return bottle.template(name, template_lookup=[str(site.here / "views")], t=t, lang=language, page=name, consent=CONSENT,
                           contest=site.seen_by(who, "contest"), me=who_is(site, who), categories=categories,
                           modules=functools.partial(page_modules, site.here), **more)


def _join(site: Site, link: str):
    """Sign in by a link and go to the role's page. GET spends nothing: a link preview may fetch it."""
    address = client_address(site.settings, bottle.request.environ)
    try:
        judge = site.state.judges[site.holder(link, "join")]
    except Refused as no:
        if no.code == "no_such_link":  # only wrong ones count: a good link is never kept waiting by a neighbour's guesses
            with contextlib.suppress(Refused):
                site.throttle.count(f"link {address}")
                return _error_page(site, no.status, no.code, no.text)
            no = Refused("too_many_tries", "Too many wrong links. Wait a little.", 429)
        return _error_page(site, no.status, no.code, no.text)
    _set_session(site, {"role": judge.role, "id": judge.id, "g": judge.generation})
    bottle.response.status = 303
    bottle.response.set_header("Location", ROLE_PAGES[judge.role])
    return ""


def _error_page(site: Site, status: int, code: str, message: str) -> str:
    bottle.response.status = status
    return _page(site, "error", code=code, message=message, status=status)


def _serve_photo(site: Site, name: str):
    """A photo's file, for ever the same under its name; gone while hidden or withdrawn, except for the staff."""
    try:
        path = photo_path(site.folder / "photos", name)
        entry = site.state.entries.get(site.state.photos.get(name[:32], -1))
        if entry is None:
            raise Refused("not_found", "There is no such photo.", 404)
        if not is_shown(entry):
            if who_asks(site, bottle.request.environ).role not in STAFF:
                raise Refused("photo_gone", "This photo is not shown any more.", 410)
    except Refused as no:
        return _say_error(site, no)
    found = bottle.static_file(path.name, root=str(path.parent))
    found.set_header("Cache-Control", "private, max-age=31536000, immutable")
    found.set_header("X-Content-Type-Options", "nosniff")
    return found


def _files_behind(here: Path, *first: str) -> Mapping[str, bytes]:
    """{path: content} of these files and of all that they name, as a browser finds them: what a module imports, what a style sheet shows."""
    found: dict[str, bytes] = {}
    waiting = list(first)
    while waiting:
        path = waiting.pop(0)
        if path in found or not (here / path[1:]).is_file():
            continue
        content = found[path] = (here / path[1:]).read_bytes()
        pattern = rb"""\b(?:from|import)\s*"([^"]+)\"""" if path.endswith(".js") else rb"""url\("?([^")]+)"?\)"""
        named = re.findall(pattern, content) if path.endswith((".js", ".css")) else []
        waiting += [urllib.parse.urljoin(path, name.decode()) for name in named if not name.startswith(b"data:")]
    return found


@functools.lru_cache(32)
def page_modules(here: Path, page: str) -> tuple[str, ...]:
    """Every module behind a page's script. Told of them a browser asks for all at once, instead of finding one behind the other."""
    return tuple(_files_behind(here, f"/static/{page}.js"))[1:]


@functools.lru_cache(1)
def judge_shell(here: Path) -> tuple[str, Mapping[str, str]]:
    """The version of /judge, and {path: sha256} of the files it is made of: what its service worker keeps on a phone."""
    words = [f"/static/words/{path.name}" for path in sorted((here / "static" / "words").glob("*.json"))]
    own = [f"/static/{name}" for name in ("judge.js", "theme.js", "icon.svg", "tokens.css", "base.css", "judge.css", "judge/hands.css")]
    found = {path: hashlib.sha256(content).hexdigest() for path, content in _files_behind(here, *own, *words).items()}
    views = [here / "views" / name for name in ("layout.html", "judge.html")] + [here / "static" / "judge" / "worker.js"]
    all_of_it = hashlib.sha256(dumps(sorted(found.items())) + b"".join(path.read_bytes() for path in views))
    return all_of_it.hexdigest()[:16], Map(found)


def _serve_worker(site: Site):
    """The service worker of /judge, which knows what to keep: another version of a file makes another worker."""
    version, files = judge_shell(site.here)
    bottle.response.content_type = "text/javascript"
    for name, value in (("Service-Worker-Allowed", "/judge"), ("Cache-Control", "no-cache"), ("X-Content-Type-Options", "nosniff")):
        bottle.response.set_header(name, value)
    head = b'const VERSION = "%s";\nconst FILES = %s;\n' % (version.encode(), dumps(dict(sorted(files.items()))))
    return head + (site.here / "static" / "judge" / "worker.js").read_bytes()


#: An Accept-Encoding with gzip in it, and not as what is refused.
_UNPACKS = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))")


@functools.lru_cache(512)
def _packed(path: Path, changed_ns: int) -> tuple[str, bytes]:
    """The entity tag of a text file, and its bytes as gzip; `changed_ns` parts one version from the next."""
    content = path.read_bytes()
    return f'W/"{hashlib.sha256(content).hexdigest()[:32]}"', gzip.compress(content, mtime=0)


def _serve_static(site: Site, path: str):
    """A file of ours; text goes packed to whoever can unpack it: on a hall's wifi a page is there in a third of the time."""
    root, tag, packed = site.here / "static", None, None
    file = root / os.path.normpath(path.strip("/\\"))
    if file.suffix in (".js", ".css", ".json", ".svg") and ".." not in file.parts and file.is_file():
        tag, packed = _packed(file, file.stat().st_mtime_ns)
    found = bottle.static_file(path, root=str(root), etag=tag)
    if tag:  # known by its content alone: a version that is put back is older than what a browser keeps of the one after it
        found.headers.pop("Last-Modified", None)
        found.set_header("Vary", "Accept-Encoding")
    if tag and found.status_code == 200 and _UNPACKS.search(bottle.request.get_header("Accept-Encoding", "")):
        if found.body:
            found.body.close()
            found.body = packed
        found.set_header("Content-Encoding", "gzip")
        found.set_header("Content-Length", str(len(packed)))
    forever = path.startswith(("vendor/", "fonts/"))
    found.set_header("Cache-Control", "public, max-age=31536000, immutable" if forever else "no-cache")
    found.set_header("X-Content-Type-Options", "nosniff")
    return found


def _serve_qr(site: Site, path: str):
    """A QR code of one of our own addresses."""
    if len(path) > 200:
        return _say_error(site, Refused("not_found", "There is nothing here.", 404))
    bottle.response.content_type = "image/svg+xml"
    out = io.BytesIO()
    segno.make(f"{site.address}/{path}", error="m").save(out, kind="svg", border=2, xmldecl=False, svgclass=None,
                                                         lineclass=None, omitsize=True, dark="#000", light="#fff")
    return out.getvalue()


#: Pages that a role's hello must not name: who is not signed in is told so, and not left waiting for news.
_BARRED = Map({"public": frozenset({"admin", "host", "judge"}), "desk": frozenset({"admin", "host", "judge"}),
               "judge": frozenset({"admin", "host"}), "host": frozenset({"admin", "judge"}), "admin": frozenset()})
FULL_GUESTS = 100  # browsers that are told by a close code that the server is full: they cannot read a 503


def _guest(site: Site, environ: Mapping) -> Guest:
    """Who wants to listen.

    errors   Refused `foreign_origin`, `bad_key`, `draining`, `full`
    """
    address, browser = client_address(site.settings, environ), environ.get("HTTP_ORIGIN") is not None
    if browser:
        check_origin(site, environ, True)
    over = site.hub.connections - site.settings.max_connections
    if site.draining:
        raise Refused("draining", "The server restarts: try again in a moment.", 503)
    if over >= (FULL_GUESTS if browser else 0):
        raise Refused("full", "The server takes no more live connections.", 503)
    if over >= 0:
        return Guest("", "public", address=address, refusal=Close.FULL)
    try:  # without an Origin it is no browser: it has the role of its key, never that of a cookie
        who = who_asks(site, environ if browser else {k: v for k, v in environ.items() if k != "HTTP_COOKIE"})
    except Refused:
        if not browser:
            raise
        return Guest("", "public", address=address, refusal=Close.SIGNED_OUT)
    return Guest(who.session, who.audience, _BARRED[who.role], address)


def nobody(environ: Mapping) -> Guest:
    """For a port where nobody may listen."""
    raise Refused("not_allowed", "There is nothing to listen to on this port.", 403)


def make_gate(site: Site) -> Gate:
    """What the wire asks of a site."""
    def most_bytes(path: str) -> int:
        return FORM_BYTES + _most_bytes(site, "archive" if path == "/api/restore" else "upload")
    def note(environ: Mapping, *how) -> None:
        note_request(environ, *how, address=client_address(site.settings, environ))
    return Gate(most_bytes, lambda environ: client_address(site.settings, environ), lambda environ: _guest(site, environ),
                site.hub.connect, note if site.settings.log_format == "json" else None)


def make_metrics_app(site: Site) -> bottle.Bottle:
    """An application that knows /metrics alone, without a key: for a port that only the monitoring reaches."""
    app = bottle.Bottle()
    app.route("/metrics", "GET", _endpoint(site, Route("GET", "/metrics", PUBLIC, tell_metrics)))
    return app


def guarded_app(site: Site, app: Callable) -> Callable:
    """An application whose every answer says to the browser what it may do with it, pictures and errors too; under https also that it stays so."""
    def answer(environ: Mapping, start_response: Callable):
        def start(status: str, headers: list, fault=None):
            said = {name.lower() for name, _ in headers}
            wanted = list(HEADERS.items())
            if _is_https(site.settings, environ):
                wanted.append(("Strict-Transport-Security", "max-age=31536000"))
            return start_response(status, headers + [(name, value) for name, value in wanted if name.lower() not in said], fault)
        return app(environ, start)
    return answer


_SECRET_PATH = re.compile(r"^(/join|/setup|/mine|/api/mine|/photos|/qr/join|/qr/mine|/qr/setup)/[^/]+")


def note_request(environ: Mapping, status: int, size: int, seconds: float, address: str) -> None:
    """Print a request as one JSON line, for those who collect such lines: without its query, and without what in its path opens a door."""
    print(dumps({"at": int(time.time() * 1000), "method": environ.get("REQUEST_METHOD", ""), "path": _SECRET_PATH.sub(r"\1/*", environ.get("PATH_INFO", "")),
                 "status": status, "bytes": size, "ms": round(seconds * 1000, 1), "address": address}).decode(), flush=True)


def make_app(site: Site) -> bottle.Bottle:
    """The bottle application of a site: the rows of ROUTES, the pages, the files."""
    _rebase_bottle()
    app = bottle.Bottle()
    for route in ROUTES:
        app.route(route.path, route.method, _endpoint(site, route))
    for path, name in PAGES.items():
        app.route(path, "GET", lambda name=name, **args: _page(site, name, **args))
    app.route("/join/<link>", "GET", lambda link: _join(site, link))
    app.route("/photos/<name>", "GET", lambda name: _serve_photo(site, name))
    app.route("/static/judge/worker.js", "GET", lambda: _serve_worker(site))
    app.route("/static/<path:path>", "GET", lambda path: _serve_static(site, path))
    app.route("/qr/<path:path>.svg", "GET", lambda path: _serve_qr(site, path))

    def default_error(error: bottle.HTTPError):
        known = {404: ("not_found", "There is nothing here."), 405: ("method_not_allowed", "Not with this method.")}
        code, text = known.get(error.status_code, ("bad_request", "The request cannot be read."))
        if error.exception and error.status_code >= 500:
            traceback.print_exception(error.exception)
            code, text = "fault", "Something went wrong on our side."
        if bottle.request.path.startswith(("/api/", "/photos/")):
            return _say_error(site, Refused(code, text, error.status_code)).decode()
        return _error_page(site, error.status_code, code, text)
    app.default_error_handler = default_error
    return app


# --- Server -----------------------------------------------------------------
# A whole contest in one process: put together, begun, drained, handed over to
# its next version; and its folder checked where nothing serves it. Called by
# Script and Command line; knows no verb, nor what any single route does.


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Keep Python's cycle collector out of a recovery: it would walk the growing state again and again, for half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.unfreeze()  # both together make everything old without a look at it: as young it would be walked at once
            gc.enable()


@dataclass(frozen=True)
class Handed:
    """What a server finds open already, as descriptors which are its own from then on.

    listeners  listening sockets: for the web, for the metrics
    lock       the lock of the data folder, -1: it is to be taken
    idle       connections that wait for a request
    live       live sockets, as hand_over_sockets has them
    """

    listeners: tuple[int, ...] = ()
    lock: int = -1
    idle: tuple[int, ...] = ()
    live: tuple[Mapping, ...] = ()


def _listening(host: str, port: int):
    """A listening socket. Those who come while the log is read wait in its queue. errors   UsageError where the port is taken"""
    made = gevent.socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(1024)
        made.setblocking(False)
    except OSError as why:
        made.close()  # left to the collector it would warn in somebody's notebook
        raise UsageError(f"Cannot listen on {host} port {port}: {why.strerror}.") from why
    return made


def _listeners(settings: Settings, handed: Handed) -> list:
    """The sockets for the web and, with CONTEST_METRICS_PORT, for the metrics: what is open already, else new ones; all of them or none.

    errors   UsageError where a port is taken
    """
    ports = (settings.port, settings.metrics_port) if settings.metrics_port else (settings.port,)
    opened = [gevent.socket.socket(fileno=fd) for fd in handed.listeners[:len(ports)]]
    try:
        for port in ports[len(opened):]:
            opened.append(_listening(settings.host, port))
    except UsageError:
        for each in opened:
            each.close()
        raise
    for each in opened:
        # On the listening socket, so that every accepted one has it: pywsgi sends an answer in two pieces,
        # and without this each kept-alive answer waits 44 ms for the first piece to be acknowledged.
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        each.set_inheritable(False)
    return opened


class Server:
    """A running contest: log, desk, hub and web, put together.

    start() returns when it serves; stop() when everything is closed. Belongs to the gevent hub of its thread.
    """

    web = metrics_web = log_pool = photo_pool = listener = metrics_listener = None  # until they are made
    hub_class, connection_class = Hub, Connection

    def __init__(self, settings: Settings, on_fatal: Callable | None = None, listen: bool = True, handed: Handed = Handed()):
        """Take the folder and the port, recover the log, fold the state.

        handed   what is open already and need not be taken
        errors   FolderInUse, NotOurs, LogCorrupt, SyncFailed; UsageError where the port is taken
        """
        self.settings, self.folder = settings, Path(settings.data).resolve()
        self.lock, self._handed = FolderLock(self.folder, "", handed.lock), handed
        try:
            if listen:
                self.listener, self.metrics_listener = [*_listeners(settings, handed), None][:2]
            with no_collection():
                self._put_together(on_fatal)
        except OSError as why:
            self._let_go()
            where = f"{why.filename or self.folder}: {why.strerror}"
            if why.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT):
                raise NotOurs(f"{where}. We are user {os.getuid()}, and the folder has to be ours and to have room.") from why
            raise LogCorrupt(f"{where}. A backup holds what was there.") from why
        except BaseException:
            self._let_go()
            raise
        self.lock.tell(self.url)

    def _put_together(self, on_fatal: Callable | None) -> None:
        disk, here = Disk(), Path(__file__).resolve().parent
        threads = 1 if self.listener else os.cpu_count() or 1  # a folder of one's own: there is nobody to give way to
        self.log_pool, self.photo_pool = gevent.threadpool.ThreadPool(1), gevent.threadpool.ThreadPool(threads)
        if self.listener and sys.platform == "linux":  # where a thread has a priority of its own: decoding gives way to everything else
            self.photo_pool.apply(lambda: os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10))
        finish_restore(disk, self.folder)
        secret, hub = Secret(self.folder, disk), self.hub_class(self.settings)
        if self.settings.admin_password and not secret.check_password(self.settings.admin_password):
            secret.set_password(self.settings.admin_password)
        proxied = self.settings.trust_proxy != "none"  # then every connection is the proxy's
        crowd = Crowd(0 if proxied else self.settings.address_connections, self.settings.address_requests)
        self.recovered = recover(self.folder, disk, secrets.token_hex(16), self.settings.segment_bytes)
        self.recovered.log.most_bytes = self.settings.quota_log_bytes
        self.site = Site(self.settings, self.folder, None, None, None, hub, secret, self.photo_pool, self._address(), here,
                         load_words(here / "static" / "words"), Throttle(), crowd, Crowd(0, self.settings.address_uploads / 60, burst_seconds=60),
                         time.monotonic())
        self.desk = Desk(self.recovered, self.log_pool, self.site.publish, hub.pass_over, on_fatal)
        self.site.desk = self.desk
        hub.stand_aside, hub.gone = (lambda: self.desk.idle.wait(FLUSH_SECONDS)), crowd.leave
        found = self.recovered.snapshot[0] if self.recovered.snapshot else Head("", 0, ZERO_HASH)
        hub.begin(self.recovered.log.head.epoch, self.desk.base.seq, found.hash[:8])
        self.desk.replay()
        place = second_place_of(secret.key, self.settings.backup_folder) if self.settings.backup_folder else None
        self.keeper = Keeper(self.desk, self.log_pool, gevent.get_hub().threadpool, self.folder, self.settings, place)
        self.site.keeper, self.site.eraser = self.keeper, Eraser(self.keeper)

    def begin(self) -> None:
        """Take commands; first what a restore has to carry over, and an erasure that a crash interrupted."""
        self.desk.start()
        self.keeper.quietly(lambda: settle(self.keeper, self.site.eraser))
        self.keeper.start()

    @property
    def port(self) -> int:
        return self.listener.getsockname()[1] if self.listener else self.settings.port

    @property
    def url(self) -> str:
        """The address for this machine, "" where nothing listens."""
        host = "127.0.0.1" if self.settings.host in ("0.0.0.0", "::", "") else self.settings.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}" if self.listener else ""

    def _address(self) -> str:
        """The address that a phone in the room can reach; it stands on every QR code."""
        if self.settings.public_url or self.settings.host not in ("0.0.0.0", "::", ""):
            return self.settings.public_url.rstrip("/") or self.url
        return f"http://{local_name() or (lan_addresses() or ['127.0.0.1'])[0]}:{self.port}"

    def start(self) -> None:
        """Serve: from here on requests are answered."""
        gate = make_gate(self.site)
        self.web = Front(self.listener, guarded_app(self.site, make_app(self.site)), gate, self.site.crowd, self.connection_class)
        for row in self._handed.live:  # before anything is published: they stand at the end of the log
            self.site.crowd.enter(row["guest"][-1])
            adopt_socket(self.site.hub, row)
        self.begin()
        self.web.start()
        for fd in self._handed.idle:
            self.web.take_over(fd)
        if self.metrics_listener:
            self.metrics_web = Front(self.metrics_listener, make_metrics_app(self.site), dataclasses.replace(gate, admit=nobody, note=None), self.site.crowd, self.connection_class)
            self.metrics_web.start()
        self.site.hub.start()
        self.site.machine = Machine(self.site, self.port)
        self.site.machine.start()

    def stop(self) -> None:
        """Drain: refuse new requests, let running ones end, tell the sockets, write snapshot and HEAD."""
        site = self.site
        site.draining = True
        site.hub.drain()
        site.hub.wake()
        begun = time.monotonic()
        while (site.running and time.monotonic() < begun + self.settings.drain_seconds) or (
                site.hub.connections and time.monotonic() < begun + Peer.closing_seconds):
            gevent.sleep(0.02)
        self.desk.stop()
        self.keeper.stop()
        if site.machine:
            site.machine.stop()
        with contextlib.suppress(OSError):  # all is durable: a close has nothing left to lose
            self.desk.log.close()
        for web in filter(None, (self.web, self.metrics_web)):
            web.stop(timeout=1)
        site.hub.stop()
        self._let_go()

    def _let_go(self) -> None:
        """Give back threads, port and folder."""
        for pool in (self.log_pool, self.photo_pool):
            if pool:
                pool.kill()
        for listener in filter(None, (self.listener, self.metrics_listener)):
            listener.close()
        self.lock.release()


def come_to_rest(server: Server) -> None:
    """Bring a server to where no request is under way, and let none begin.

    One that takes its time is waited for while others are served, then all are held for the moment that it takes.
    What still runs after the drain's seconds will be cut.
    """
    web, hub = server.web, server.site.hub
    until = time.monotonic() + server.settings.drain_seconds
    while True:
        _waited(lambda: not web.has_long_request, until)
        web.shut()
        hub.wake()
        if _waited(lambda: web.is_quiet, min(until, time.monotonic() + 2)) or time.monotonic() >= until:
            break
        web.open()


def hand_over(server: Server) -> Handed:
    """End all of a server at rest but what the next one goes on with. Nothing may yield between this and the exec."""
    web, hub = server.web, server.site.hub
    server.desk.stop(with_snapshot=False)
    with contextlib.suppress(OSError):  # all is durable: a close has nothing left to lose
        server.desk.log.close()
    for pool in (server.log_pool, server.photo_pool, gevent.get_hub().threadpool):  # a thread left would take the signals that are blocked here
        pool.kill()
    gevent.sleep(0.001)  # a signal that came before is heard of in this turn of the loop
    listeners = tuple(each.fileno() for each in (server.listener, server.metrics_listener) if each)
    return Handed(listeners, server.lock.fileno(), tuple(each.socket.fileno() for each in web.idle), tuple(hand_over_sockets(hub)))


def _waited(true: Callable[[], bool], until: float) -> bool:
    """Whether it became true before then."""
    while not true():
        if time.monotonic() >= until:
            return False
        gevent.sleep(0.005)
    return True


def lan_addresses() -> list[str]:
    """The IPv4 addresses of this machine that others may reach, the one with the default route first."""
    found = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # documentation address: picks a route, sends nothing
        found.append(probe.getsockname()[0])
    with contextlib.suppress(OSError):
        found += [each[4][0] for each in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    return [a for a in dict.fromkeys(found) if not a.startswith("127.")]


def local_name(resolve: Callable = socket.getaddrinfo, seconds: float = 1.0) -> str:
    """This machine's name in the local network, as inkfest.local, where it leads to an address of ours; else "".

    A resolver without a network may think for ten seconds: it is asked in a thread, and not waited for.
    """
    name, found = socket.gethostname().partition(".")[0].lower() + ".local", []

    def look_up() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            found.extend(each[4][0] for each in resolve(name, None, socket.AF_INET))
    asking = threading.Thread(target=look_up, daemon=True)
    asking.start()
    asking.join(seconds)
    return name if set(found) & set(lan_addresses()) else ""


def fly_machines(resolve: Callable = socket.getaddrinfo) -> int:
    """How many Machines of this app run on Fly.io, as its own names tell; 0 where nobody can know.

    source   <app>.internal has an AAAA record for each Machine that runs: https://fly.io/docs/networking/private-networking/
    """
    found = []
    if app := os.environ.get("FLY_APP_NAME"):
        with contextlib.suppress(OSError, UnicodeError):
            found = resolve(f"{app}.internal", None, socket.AF_INET6)
    return len({address[0] for *_, address in found})


class Machine:
    """What becomes of the machine under a server: it slept, its address is another, its disk fills, it is not alone. For /admin and the terminal."""

    LOOK_SECONDS, SLEPT_SECONDS, KEPT_ADDRESSES = 5, 20, 8

    def __init__(self, site: Site, port: int, wall: Callable[[], float] = time.time, awake: Callable[[], float] = time.monotonic,
                 addresses: Callable[[], list[str]] = lan_addresses, count: Callable[[], int] = fly_machines):
        """wall, awake   clocks: one that goes on while the machine sleeps, one that does not; addresses   those others may reach;
        count   how many machines bear this contest's name"""
        self._site, self._port, self._wall, self._awake, self._addresses = site, port, wall, awake, addresses
        self._ahead, self._slept, self._is_low, self._own = wall() - awake(), {}, False, addresses()
        self._count, self._machines = count, 0
        self._greenlet: gevent.Greenlet | None = None
        self._note_address()

    def _note_address(self) -> None:
        """Remember where what is given out from now on leads to, in what a backup takes along."""
        secret, address = self._site.secret, self._site.address
        if address not in secret.addresses[-1:] and urllib.parse.urlsplit(address).hostname not in ("127.0.0.1", "::1", "localhost"):
            secret.addresses = [*[each for each in secret.addresses if each != address], address][-self.KEPT_ADDRESSES:]
            Keeper.quietly(secret.save)

    def start(self) -> None:
        """Look every few seconds."""
        self._greenlet = gevent.spawn(self._look_for_ever)

    def stop(self) -> None:
        if self._greenlet:
            self._greenlet.kill()

    def _look_for_ever(self) -> None:
        while True:
            gevent.sleep(self.LOOK_SECONDS)
            Keeper.quietly(self.look)

    def look(self) -> None:
        """Look once, and say on the terminal what is new."""
        ahead = self._wall() - self._awake()
        if ahead - self._ahead > self.SLEPT_SECONDS:
            self._slept = {"code": "slept", "seconds": round(ahead - self._ahead), "at": int(self._wall() * 1000)}
            self._say(f"This machine slept for {self._slept['seconds']} seconds, or its clock was set: nobody was answered meanwhile. Keep it awake.")
        self._ahead = ahead
        was, self._own = set(self._own), in_pool(gevent.get_hub().threadpool, self._addresses)
        if was != set(self._own) and any(each["code"] == "address_lost" for each in self.warnings()):
            self._say(f"This machine is no longer at {self._site.address}: it has {', '.join(self._own) or 'no network'} now.")
        was_low, self._is_low = self._is_low, self._site.keeper.room.free_bytes() < 4 * self._site.settings.reserve_bytes
        if self._is_low and not was_low:
            self._say("The disk fills up: make room before photos are refused.")
        were, self._machines = self._machines, in_pool(gevent.get_hub().threadpool, self._count)
        if self._machines > 1 and were < 2:
            self._say(f"{self._machines} Machines run this app, each with a contest of its own: keep one, the one whose volume has this contest.")

    @staticmethod
    def _say(text: str) -> None:
        print(f"contest.py: {text}", file=sys.stderr, flush=True)

    def _leads_here(self, address: str) -> bool:
        where = urllib.parse.urlsplit(address)
        return address == self._site.address or (where.hostname in self._own and where.port == self._port)

    def warnings(self) -> list[dict]:
        """What the organiser should know: [{"code": "slept", "seconds", "at": ms}, {"code": "disk_low", "megabytes"}, {"code": "machines", "count"},
        {"code": "address_lost" (codes shown now lead nowhere), "address"}, {"code": "address_former" (some given out before do), "address"}]."""
        address = self._site.address
        host = urllib.parse.urlsplit(address).hostname or ""
        moved = bool(re.fullmatch(r"[\d.]+", host)) and host not in (*self._own, "127.0.0.1") and not self._site.settings.public_url and (
            self._site.settings.host in ("0.0.0.0", "::", ""))
        found = [self._slept] if self._slept else []
        found += [{"code": "disk_low", "megabytes": max(0, self._site.keeper.room.free_bytes() >> 20)}] if self._is_low else []
        found += [{"code": "machines", "count": self._machines}] if self._machines > 1 else []
        found += [{"code": "address_lost", "address": address}] if moved else []
        return found + [{"code": "address_former", "address": each} for each in self._site.secret.addresses if not self._leads_here(each)]

    def forget(self) -> None:
        """The organiser has seen it: what is so now is said again, what was is not."""
        self._slept = {}
        self._site.secret.addresses = [each for each in self._site.secret.addresses if self._leads_here(each)]
        self._site.secret.save()


def _salvaged(disk: Disk, folder: Path) -> dict:
    """What a restore has to carry over from a log whose chain is broken: line by line, what cannot be folded left out."""
    state, erased = State(), set()
    for raw in (raw for path in segment_paths(disk, folder) for raw in disk.lines(path)):
        _, shown, hidden = split_line(raw.rstrip(b"\n"))
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            fact = fact_from_json(orjson.loads(shown), orjson.loads(hidden) if hidden else {})
            erased |= {event.entry for event in fact.events if isinstance(event, PersonErased)}
            state = fold(state, fact)
    return carried_over(state) | {"erased": sorted(erased)}


def restore_damaged(settings: Settings, source: str | Path, to_seq: int | None, tell: Callable = untold) -> int:
    """Order the restore of a backup for a folder whose log cannot be read to its end; returns the seq it will end at.

    What can be read of the damaged log still says which links are dead and who was erased.
    """
    disk, folder = Disk(), Path(settings.data).resolve()
    lock = FolderLock(folder, "")
    try:
        tree = folder / "backups" / str(source)
        if Path(source).suffix == ".zip":
            tree = folder / "restoring-upload"
            unpack(disk, Path(source), tree, tell)
        last = prepare_restore(disk, folder, tree, to_seq, secrets.token_hex(16), _salvaged(disk, folder))
        disk.remove_tree(folder / "restoring-upload")
        return last.seq
    finally:
        lock.release()


def verify(folder: str | Path, tell: Callable[[str, int, int], None] = untold, backup_folder: str = "") -> dict:
    """Read everything under a data folder and in its second place and say what is whole. Changes nothing; a server may run meanwhile.

    tell           tell(what, done, total): called as the work goes on
    backup_folder  the second place; "": none
    returns        {"ok", "log": {"epoch", "seq", "hash", "segments", "torn_bytes"}, "snapshots": [{"name", "fault"}],
                   "photos": {"named", "stray", "faults"}, "backups": [{"name", "fault"}], "second_place": None or
                   {"folder", "away" (a sentence, "" where it is there), "backups": [{"name", "fault"}]},
                   "kept": [{"name", "fault"}], "faults": [sentence]}; a fault is "" or a sentence. What a restore kept beside
                   may be the damaged log that it replaced: its faults are told there alone
    errors         UsageError where there is no contest, NotOurs where we may not read it
    """
    disk, folder = Disk(), Path(folder)
    check_readable(folder)
    faults: list[str] = []
    reader, state = Reader(disk, folder), State()
    try:
        noted = noted_head(disk, folder)  # before the log: what is written meanwhile must not look lost
        for _, _, line in reader:
            state = fold(state, known_fact(line))
            if state.seq % 1000 == 0:
                tell("log", state.seq, 0)
        check_end(reader, noted)
    except LogCorrupt as why:
        faults.append(str(why))
    try:
        read_own(disk, folder / "secret.json", dict, "key")
    except (OSError, LogCorrupt) as why:
        faults.append(f"{why}")
    torn = reader.tail.path.stat().st_size - reader.tail.end if reader.tail else 0
    log = {"epoch": reader.head.epoch, "seq": reader.head.seq, "hash": reader.head.hash, "segments": len(reader.segments),
           "torn_bytes": torn}
    photos = _verify_photos(disk, folder, state, tell)
    snapshots = [{"name": path.name, "fault": _fault_of(check_snapshot, disk, path)} for path in snapshot_paths(disk, folder)]
    backups, second = _verify_backups(disk, folder / "backups", tell), _verify_second_place(disk, folder, backup_folder, tell)
    kept = [{"name": name, "fault": _fault_of(_read_kept, disk, folder / "kept" / name)}
            for name in (disk.names(folder / "kept") if disk.exists(folder / "kept") else []) if disk.exists(folder / "kept" / name / "wal")]
    faults += photos["faults"] + [each["fault"] for each in [*snapshots, *backups, *(second or {"backups": ()})["backups"]] if each["fault"]]
    return {"ok": not faults, "log": log, "snapshots": snapshots, "photos": photos, "backups": backups, "second_place": second,
            "kept": kept, "faults": faults}


def _verify_backups(disk: Disk, place: Path, tell: Callable) -> list[dict]:
    """[{"name", "fault"}] of a folder of backups, each file of them read."""
    found, names = [], backups_in(disk, place)
    for done, name in enumerate(names, 1):
        fault = _fault_of(check_backup, disk, place / name)
        if not fault or name in backups_in(disk, place):  # one that was let go of meanwhile is no fault
            found.append({"name": name, "fault": fault})
        tell("backups", done, len(names))
    return found


def _verify_second_place(disk: Disk, folder: Path, backup_folder: str, tell: Callable) -> dict | None:
    key = key_of(disk, folder)
    if not backup_folder or not key:
        return None
    place = second_place_of(bytes.fromhex(key), backup_folder)
    try:
        backups, away = _verify_backups(disk, place, tell), "" if place.is_dir() else f"{place} is not there: what it holds was not read."
    except OSError as why:
        backups, away = [], f"{place} cannot be read ({why.strerror}): what it holds was not read."
    faults = [each | {"fault": each["fault"] and f"{backup_folder}: {each['fault']}"} for each in backups]
    return {"folder": str(place), "away": away, "backups": faults}


def _read_kept(disk: Disk, tree: Path) -> None:
    """Read what a restore kept beside; an unfinished write at its end is none of its faults.

    errors   LogCorrupt, OSError
    """
    deque(Reader(disk, tree), maxlen=0)
    read_own(disk, tree / "secret.json", dict, "key")


def check_readable(folder: Path) -> None:
    """See that there is a contest in a folder and that we may read it.

    errors   UsageError, NotOurs
    """
    try:
        if not (folder / "wal").is_dir():
            raise UsageError(f"There is no contest in {folder}.")
        for part in (folder, *folder.glob("wal/*.jsonl")):
            part.open().close() if part.is_file() else os.listdir(part)
    except PermissionError as why:
        raise NotOurs(f"{why.filename} cannot be read by user {os.getuid()}.") from why


def _fault_of(check: Callable, *arguments) -> str:
    try:
        check(*arguments)
    except (OSError, ValueError, KeyError, LogCorrupt) as why:
        return str(why)
    return ""


def _verify_photos(disk: Disk, folder: Path, state: State, tell: Callable) -> dict:
    """Hold every photo that an entry names against the hash in its line."""
    named = {getattr(photo, size): photo.sha256[size] for entry in state.entries.values() for photo in entry.photos
             for size in ("large", "thumb", "stencil")}
    there = {path.name: path for path in tree_photos(disk, folder)}
    faults = [f"Photo {name} is missing. A backup holds it." for name in sorted(set(named) - set(there))]
    for done, name in enumerate(sorted(set(named) & set(there)), 1):
        found: dict = {}
        deque(hashed(disk.pieces(there[name]), found), maxlen=0)
        if found["sha256"] != named[name]:
            faults.append(f"Photo {name} is not what was taken in. A backup holds it.")
        tell("photos", done, len(named))
    return {"named": len(named), "stray": len(set(there) - set(named)), "faults": faults}


# --- Verbs ------------------------------------------------------------------
# What can be asked of a contest, each by a name: one table, what it gives back,
# and what takes several requests, as following and importing. Nothing here knows
# how a request travels: the ways of Script do, so a verb cannot mean two things.


def told_pieces(pieces: Iterable[bytes], what: str, total: int, tell: Callable[[str, int, int], None]) -> Iterator[bytes]:
    """Pass pieces on and tell how many KiB of about `total` bytes have gone by."""
    done, total = 0, max(1, total >> 10)
    for piece in pieces:
        done += len(piece)
        tell(what, min(done >> 10, total - 1), total)
        yield piece
    tell(what, total, total)


class Rows(list):
    """Plain rows (dicts) that print as a table, show their thumbnails in a notebook, and become a pandas frame.

    answer   all that the server answered, where the rows are a part of it: flags, who is missing
    """

    def __init__(self, rows: Iterable[dict] = (), answer: Mapping | None = None, source: Verbs | None = None):
        super().__init__(rows)
        self.answer, self._source = answer or {}, source

    @property
    def columns(self) -> list[str]:
        """The names that any row has something to say under, in the order in which they come up."""
        named = dict.fromkeys(name for row in self for name in row)
        told = (lambda name, value: _cell(value) and (name not in ("photo", "photos") or isinstance(value, str)))  # an entry's photo is shown, not told
        return [name for name in named if any(told(name, row.get(name)) for row in self)]

    def __repr__(self) -> str:
        """A table, a line a row."""
        lines = [self.columns, *([_shown(name, row.get(name)) for name in self.columns] for row in self)]
        widths = [max(map(_width, column)) for column in zip(*lines)]
        shown = ["  ".join(text + " " * (width - _width(text)) for text, width in zip(line, widths)).rstrip() for line in lines]
        return "\n".join(shown) if self else "(none)"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """A table with a thumbnail for each row that is about one entry."""
        numbers = [row.get("number", row.get("entry")) for row in self]
        pictures = self._source.thumbnails(numbers[:60]) if self._source else {}
        head = "".join(f"<th>{html.escape(name)}</th>" for name in (["photo"] if pictures else []) + self.columns)
        body = []
        for row, number in zip(self, numbers):
            cells = [f"<td>{_picture(pictures.get(number))}</td>"] if pictures else []
            cells += [f'<td dir="auto">{html.escape(_shown(name, row.get(name)))}</td>' for name in self.columns]
            body.append(f"<tr>{''.join(cells)}</tr>")
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>" if self else "<p>(none)</p>"

    def to_frame(self):
        """The rows as a pandas.DataFrame. errors   UsageError where pandas is not installed"""
        try:
            import pandas
        except ModuleNotFoundError as why:
            raise UsageError("pandas is not installed: pip install pandas.") from why
        return pandas.DataFrame(list(self))


def _shown(name: str, value) -> str:
    """A value as a column of a table shows it: a moment as the clock on the wall."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value / 1000)) if name == "at" and isinstance(value, int) else _cell(value)


def _cell(value) -> str:
    """A value in a few words, "" where there is nothing."""
    if value is None or value is False or value == [] or value == {}:
        return ""
    if isinstance(value, dict):
        return str(value.get("name") or ", ".join(f"{k} {_cell(v)}" for k, v in value.items()))
    if isinstance(value, list):
        return ", ".join(map(_cell, value))
    return "yes" if value is True else f"{value:g}" if isinstance(value, float) else " ".join(str(value).split())


def _width(text: str) -> int:
    """How many columns of a terminal a text takes: Chinese characters take two, accents of their own none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _picture(thumb: bytes | None) -> str:
    if not thumb:
        return ""
    return f'<img width="72" height="72" style="object-fit:cover" src="data:image/webp;base64,{base64.b64encode(thumb).decode()}">'


@dataclass(frozen=True, slots=True)
class Verb:
    """A route by a name: a method of Contest and Client, and a subcommand.

    takes    what may be given in order, behind the names in the path; "reason?" may be left out, "role=judge" then has this value
    gives    which part of the answer is returned, "" for all of it
    """

    name: str
    method: str
    path: str
    takes: str
    gives: str
    says: str

    @property
    def signature(self) -> inspect.Signature:
        """How it is called; what else a route takes is given by name."""
        kind, made = inspect.Parameter.POSITIONAL_OR_KEYWORD, []
        for word in [*self.keys, *self.takes.split()]:
            name, is_set, text = word.rstrip("?").partition("=")
            default = text if is_set else None if word.endswith("?") else inspect.Parameter.empty
            made.append(inspect.Parameter(name, kind, default=default))
        return inspect.Signature([*made, inspect.Parameter("fields", inspect.Parameter.VAR_KEYWORD)])

    @property
    def keys(self) -> list[str]:
        """What stands in the path."""
        return re.findall(r"<(\w+)", self.path)

    @property
    def needs(self) -> list[str]:
        """What has to be given."""
        return [*self.keys, *(word for word in self.takes.split() if word.isidentifier())]

    @property
    def may_take(self) -> list[str]:
        """What may be given behind it, in this order."""
        return [word.rstrip("?").partition("=")[0] for word in self.takes.split() if not word.isidentifier()]

    def form(self, given: tuple, fields: Mapping) -> dict:
        """What was given, by name. errors   TypeError as any Python function raises it"""
        try:
            bound = self.signature.bind(*given, **fields).arguments
        except TypeError as why:
            raise TypeError(f"{self.name}{self.signature}: {why}") from None
        fixed = dict(word.split("=") for word in self.takes.split() if "=" in word)
        return fixed | {k: v for k, v in bound.items() if k != "fields"} | bound.get("fields", {})


def _verbs_in(table: str) -> Iterator[Verb]:
    """The verbs of a table in text, a line each: name, method, path, what it takes, what it gives, what it does."""
    for line in table.strip().splitlines():
        yield Verb(*(part.strip() for part in line.split(" | ")))


#: Beside these each verb that takes more than one request is a method of its own below.
_NAMED_VERBS = {(verb.method, verb.path): verb for verb in _verbs_in("""
state             | GET    | /api/state                           |                              |          | All that the asker may see: {"contest", "categories", "entries", "screen", ...}.
contest           | GET    | /api/contest                         |                              | contest  | The contest's name, language and rules.
change_contest    | PATCH  | /api/contest                         |                              | contest  | Set name, language, wall, publish, calm or registration.
categories        | GET    | /api/categories                      |                              | categories | The categories, in order.
add_category      | POST   | /api/categories                      | name                         | category | Add a category; criteria, places, method, ... by name.
change_category   | PATCH  | /api/categories/<category>           |                              | category | Change a category's fields.
delete_category   | DELETE | /api/categories/<category>           |                              |          | Delete an empty category; a backup is made first.
open_category     | POST   | /api/categories/<category>/open      | reason?                      | category | Take entries again.
start_judging     | POST   | /api/categories/<category>/judge     |                              | category | Take no more entries of a category and let it be judged.
close_judging     | POST   | /api/categories/<category>/close     |                              | category | End the judging of a category; what comes later is marked late.
reopen            | POST   | /api/categories/<category>/reopen    | reason                       | category | Judge a closed or decided category again.
announce          | POST   | /api/categories/<category>/announce  |                              | category | Publish a decided category without a show.
call_category     | POST   | /api/categories/<category>/call      | call?                        | category | Call all entries of a category that are in.
merge             | POST   | /api/categories/<category>/merge     | into reason                  | category | Move all entries of a category into another.
judges            | GET    | /api/judges                          |                              | judges   | Judges, desks and hosts with their links.
invite            | POST   | /api/judges                          | name role=judge              |          | Invite a judge, the desk or a host: {"judge", "link"}.
renew             | POST   | /api/judges/<judge>/renew            |                              |          | Give a judge a new link; the old one is dead.
revoke            | DELETE | /api/judges/<judge>                  |                              | judge    | Kill a judge's link; the marks stay.
keys              | GET    | /api/keys                            |                              | keys     | The keys of scripts.
add_key           | POST   | /api/keys                            | name role=admin              | key      | Make a key for a script: admin, desk or host.
revoke_key        | DELETE | /api/keys/<key>                      |                              | key      | Kill a script's key.
add_photo         | POST   | /api/entries/<entry:int>/photos      | photo                        | entry    | Add a second photo to an entry.
change_entry      | PATCH  | /api/entries/<entry:int>             |                              | entry    | Change category, names or description of an entry.
check_in          | POST   | /api/entries/<entry:int>/check-in    |                              | entry    | Check an entry in at the desk.
call              | POST   | /api/entries/<entry:int>/call        | call?                        | entry    | Call an entry to the stage.
no_show           | POST   | /api/entries/<entry:int>/no-show     |                              | entry    | Mark that nobody came.
withdraw          | POST   | /api/entries/<entry:int>/withdraw    |                              | entry    | Withdraw an entry.
reinstate         | POST   | /api/entries/<entry:int>/reinstate   |                              | entry    | Take an entry back in.
disqualify        | POST   | /api/entries/<entry:int>/disqualify  | reason                       | entry    | Disqualify an entry.
hide              | POST   | /api/entries/<entry:int>/hide        |                              | entry    | Take a photo from every screen.
show              | POST   | /api/entries/<entry:int>/show        |                              | entry    | Show a hidden photo again.
give_sheet        | PUT    | /api/sheets/<entry:int>              | judge marks note? base?      | sheet    | Give a judge's marks for an entry: {criterion: mark}.
recuse            | PUT    | /api/recusals/<entry:int>            | judge recused reason?        | sheet    | Recuse a judge from an entry (True), or lift it (False).
give_tokens       | PUT    | /api/tokens/<category>               | judge entries base?          | hand     | Give all of a judge's tokens in a category.
give_ranking      | PUT    | /api/rankings/<category>             | judge order base?            | hand     | Give a judge's ranking of a category, best first.
call_run_off      | POST   | /api/categories/<category>/run-off   | entries                      | run_off  | Let the judges vote between entries that are level.
vote              | PUT    | /api/run-offs/<run_off>              | judge choice                 | run_off  | Give a judge's vote in a run-off.
close_run_off     | POST   | /api/run-offs/<run_off>/close        |                              | run_off  | End a run-off; from then on it counts.
decide_tie        | PUT    | /api/ties/<category>                 | order reason                 | tie      | The head judge's decision between entries that are level.
standings         | GET    | /api/standings/<category>            | what_if?                     | rows     | The rows of a category's standings, best first; .answer holds the rest.
make_codes        | POST   | /api/choice/codes                    | category count               |          | New codes for a people's choice: {"choice", "batch"}.
codes             | GET    | /api/choice/codes/<batch>            | first?                       | codes    | Sixty codes of a batch from one on, each with the path of its QR.
revoke_codes      | DELETE | /api/choice/codes/<batch>            |                              | choice   | Take a batch of codes back, with its votes.
look_at_ballot    | POST   | /api/choice                          | code?                        | ballot   | Whether a code (or category and device) can vote.
cast_vote         | PUT    | /api/choice                          | entry code?                  | vote     | Vote for an entry by a code, or by category and device.
decided           | GET    | /api/decided/<category>              |                              |          | What the places of a category rest on, by whom and when.
decide_winners    | PUT    | /api/winners/<category>              | places reason?               | decision | Decide: groups of entry numbers, best first.
absent            | POST   | /api/winners/<category>/absent       | entry                        | decision | Nobody came for an award: the runner-up moves up.
correct           | POST   | /api/winners/<category>/correct      | places reason                | decision | Correct the places after the announcement.
winners           | GET    | /api/winners                         |                              | winners  | The revealed places of every category.
feed              | GET    | /api/feed                            |                              | feed     | The public's entries, newest first.
reveal            | POST   | /api/reveal                          | category step phase?         | screen   | Show a step of a category's reveal.
rehearse          | POST   | /api/rehearsal                       | step phase?                  | screen   | Show a step of a rehearsal, with drawn tattoos.
screen            | POST   | /api/screen                          | mode text?                   | screen   | Choose what the screen shows: wall, stage, reveal, black or message.
stage             | POST   | /api/stage                           | entry follow?                | stage    | Call an entry onto the stage, None for nobody.
new_setup_link    | POST   | /api/setup-link                      |                              | link     | A single-use address to choose the organiser's password.
erase             | DELETE | /api/entries/<entry:int>/person      |                              | copies   | Erase the person of an entry; returns the copies out of reach.
backup            | POST   | /api/backups                         |                              | backup   | Make a backup now.
backups           | GET    | /api/backups                         |                              | backups  | The backups there are, newest first.
rescue            | POST   | /api/rescue                          | judge sheets                 |          | Take what a judge's phone has saved in a file.
presence          | GET    | /api/presence                        |                              |          | Who listens, and which judges' phones are here.
forget_warnings   | DELETE | /api/warnings                        |                              | warnings | Take note of what the machine warns of; what is still so is said again.
health            | GET    | /health                              |                              |          | Whether the server lives: {"status", "seq", "uptime", "version"}.
ready             | GET    | /ready                               |                              |          | Whether it takes commands: {"ready": true}.
realtime_health   | GET    | /api/realtime-health                 |                              |          | How the live channel is: connections, resumes, resets, lag.
realtime_fallback | GET    | /api/realtime-fallback               |                              |          | How a client should listen now: websocket, longpoll or poll.
realtime_metrics  | GET    | /api/realtime-metrics                |                              |          | The live channel's counters.
""")}
#: Routes that are no verb: a page's own, or answered by a method below.
_OWN_WAYS = frozenset({"/api/events", "/api/setup", "/api/login", "/api/logout", "/api/password", "/api/log", "/api/entries", "/api/restore",
                       "/api/backups/<name>", "/api/export.json", "/api/export.csv", "/api/entries/check", "/metrics"})


def _verb_of(route: Route) -> Verb:
    """The verb of a route: as the table names it, else by its path, so that a new route is a verb at once."""
    if named := _NAMED_VERBS.get((route.method, route.path)):
        return named
    words = [part.replace("-", "_").replace(".", "_") for part in route.path.removeprefix("/api").split("/") if part and "<" not in part]
    thing = re.sub(r"ies$", "y", words[0]) if words[0].endswith("ies") else words[0].removesuffix("s")
    if route.method == "GET" or len(words) > 1:
        name = "_".join([*words[1:], thing] if route.method != "GET" else words)
    else:
        name = f"{ {'POST': 'add', 'PUT': 'give', 'PATCH': 'change', 'DELETE': 'delete'}[route.method]}_{thing}"
    return Verb(name, route.method, route.path, "photo" if route.form == "upload" else "", "", f"{route.method} {route.path}: see docs/http.md.")


VERBS: Mapping[str, Verb] = types.MappingProxyType({verb.name: verb for verb in (
    _verb_of(route) for route in ROUTES if route.path not in _OWN_WAYS and not route.path.startswith("/api/mine/"))})


# A table of entries, as people make them.

#: The columns that an import reads; the first three are needed.
IMPORT_COLUMNS = ("photo", "category", "collector", "title", "artist", "studio", "say", "phone", "age", "size_cm", "at_show", "consent", "adult",
                  "override", "id")
_YES = frozenset("yes y true 1 x ja j wahr si sí sì s vero verdadero oui o vrai".split())


def read_table(source: str | Path, columns: Mapping[str, str] = Map()) -> list[dict]:
    """The rows of a CSV: [{"row": its first line, "folder": Path, column: text, "extra": what no column is for}], blank ones left out.

    UTF-8 with or without a BOM, UTF-16, else Windows-1252 (Latin-1); commas, semicolons or tabs.
    errors   Refused `bad_table`
    """
    path = Path(source)
    tables = sorted(path.glob("*.[cC][sS][vV]")) if path.is_dir() else [path]
    if len(tables) != 1 or not tables[0].is_file():
        raise Refused("bad_table", f"{path} is no table (CSV), nor a folder with exactly one.")
    text = _decoded_text(tables[0].read_bytes())
    head = re.sub(r'"[^"]*"', "", text.lstrip().partition("\n")[0])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    ours = {folded(theirs): own for theirs, own in columns.items()}
    try:
        names, rows, line = None, [], 1
        for values in reader:
            if names is None:
                names = [ours.get(folded(name), folded(name).replace(" ", "_")) for name in values] if any(values) else None
            elif any(value.strip() for value in values):
                extra = " ".join(values[len(names):]).strip()
                told = {name: re.sub(r"\s*[\r\n]\s*", " ", value.strip()) for name, value in zip(names, values) if name in IMPORT_COLUMNS}
                rows.append(told | {"row": line, "folder": tables[0].parent, "extra": extra})
            line = reader.line_num + 1  # where the next row begins: a text in quotes may go over several lines
    except csv.Error as why:
        raise Refused("bad_table", f"{tables[0].name}, line {reader.line_num}: {why}.") from None
    if doubled := [name for name in IMPORT_COLUMNS if (names or []).count(name) > 1]:
        raise Refused("bad_table", f"{tables[0].name} has more than one column {doubled[0]}.")
    missing = [name for name in IMPORT_COLUMNS[:3] if name not in (names or ())]
    if missing:
        raise Refused("bad_table", f"{tables[0].name} has no column {', '.join(missing)}; it has {', '.join(names or ['none'])}.")
    return rows


def _decoded_text(raw: bytes) -> str:
    for encoding in ("utf-16",) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        with contextlib.suppress(UnicodeDecodeError):
            return raw.decode(encoding)
    return raw.decode("latin-1")


def _checked_rows(rows: list[dict], categories: list[dict], tell: Callable) -> list[dict]:
    """Rows as they would be sent ("form", "file"), and what can be said against each without the server ("code", "message")."""
    ids = {folded(word): c["id"] for c in categories for word in (c["name"], c["id"])}
    seen: dict[str, int] = {}
    for row in rows:
        row["form"] = {k: row[k] for k in IMPORT_COLUMNS if row.get(k) and k != "photo"}
        row["form"] |= {k: "yes" if folded(row[k]) in _YES else "no" for k in ("consent", "adult", "at_show") if row.get(k)}
        row["form"] = {"consent": "yes", "adult": "yes"} | row["form"] | {"category": ids.get(folded(row.get("category", "")), row.get("category", ""))}
        own = row.get("id") or "\0".join((row.get("photo", ""), row["form"]["category"], folded(row.get("collector", ""))))
        row["form"]["id"] = f"row-{hashlib.blake2b(own.encode(), digest_size=12).hexdigest()}"
        row |= {"file": row["folder"] / row.get("photo", ""), "status": "held back"}
        first = seen.setdefault(row["form"]["id"], row["row"])
        if empty := [name for name in IMPORT_COLUMNS[:3] if not row.get(name)]:
            row |= {"status": "refused", "code": "missing_field", "message": f"{empty[0]} is missing."}
        elif first != row["row"]:
            row |= {"status": "refused", "code": "doubled_row", "message": f"The same as row {first}."}
        elif row.get("extra"):
            row |= {"status": "refused", "code": "bad_field", "message": f"There are more values than columns: {row['extra'][:60]}. A comma in a text needs quotes around it."}
    _check_photos([row for row in rows if "code" not in row], tell)
    return rows


def _check_photos(rows: list[dict], tell: Callable) -> None:
    """Look into every photo, on all cores: one that is broken must be found before the first entry is made."""
    def fault(file: Path) -> Refused | None:
        try:
            return check_photo(file) if file.is_file() else Refused("photo_missing", f"There is no file {file.name}.")
        except Refused as no:
            return no
        except OSError as why:  # not ours to read, or a name that no file can have
            return Refused("photo_missing", f"{file.name[:60]} cannot be read: {why.strerror}.")
    files = list(dict.fromkeys(row["file"] for row in rows))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = {}
        for done, (file, no) in enumerate(zip(files, pool.map(fault, files)), 1):
            faults[file] = no
            tell("photos", done, len(files))
    for row in rows:
        if no := faults[row["file"]]:
            row |= {"status": "refused", "code": no.code, "message": no.text}


def _ask_about(verbs: Verbs, rows: list[dict], tell: Callable) -> None:
    """Ask the server what would become of rows; those of one artist together, since there may be a most of them."""
    rows = sorted(rows, key=lambda row: (row["form"]["category"], folded(row["form"].get("artist", "")), row["row"]))
    forms = deque(row["form"] | {"photo_bytes": row["file"].stat().st_size} for row in rows)
    while rows:
        size = next((n for n in range(len(rows), 0, -max(1, len(rows) // 8)) if len(orjson.dumps(list(itertools.islice(forms, n)))) < JSON_BYTES - 100), 1)
        asked, rows = rows[:size], rows[size:]
        for row, said in zip(asked, verbs._ask("POST", "/api/entries/check", {"rows": [forms.popleft() for _ in asked]})["rows"]):
            row |= said | ({"status": "known"} if "entry" in said else {"status": "refused"} if "code" in said else {})


def enter_row(row: dict, submit: Callable[..., dict]) -> None:
    """Enter a checked row of a table; "entry" and "status" of it say what became of it, or "code" and "message"."""
    try:
        row |= {"entry": submit(_file(row["file"]), **row["form"])["number"], "status": "new"}
    except Refused as no:
        row |= {"status": "refused", "code": no.code, "message": no.text}


def _in_path(name: str, kind: str, text: str) -> str:
    """What stands in an address for <name> or <name:int>. errors   Refused `bad_field`"""
    if kind == ":int" and not re.fullmatch(r"-?\d+", text):
        raise Refused("bad_field", f"{name} is a whole number, not {text!r}.", field=name)
    return urllib.parse.quote(text, safe="")


def _query(form: Mapping) -> str:
    """A form as it stands behind the question mark of an address."""
    asked = urllib.parse.urlencode({k: int(v) if isinstance(v, bool) else v for k, v in form.items() if v is not None})
    return f"?{asked}" if asked else ""


def _as_method(verb: Verb) -> Callable:
    def method(self, *given, **fields):
        return self.ask(verb, verb.form(given, fields))
    method.__name__, method.__qualname__ = verb.name, f"Verbs.{verb.name}"
    method.__doc__ = f"{verb.says}\n\n{verb.method} {verb.path} of docs/http.md."
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = verb.signature.replace(parameters=[own, *verb.signature.parameters.values()])
    return method


def _with_verbs(cls: type) -> type:
    """A class with a method for each verb that it has none of its own for."""
    for verb in VERBS.values():
        if not hasattr(cls, verb.name):
            setattr(cls, verb.name, _as_method(verb))
    return cls


class _Asking:
    """Who can be asked, and followed. A subclass says how: _ask(method, path, form) -> answer's JSON."""

    #: Whether anything can happen while it waits: not in a folder that only this process holds.
    waits = True

    def _ask(self, method: str, path: str, form: dict | None = None, upload: Path | None = None, tell: Callable = untold) -> dict:
        raise NotImplementedError

    def _stream(self, path: str) -> tuple[Iterable[bytes], Mapping[str, str]]:
        raise NotImplementedError

    def photo(self, name: str) -> bytes:
        """The bytes of a photo's file, by its name in an entry."""
        raise NotImplementedError

    def log(self, after: int = 0) -> Rows:
        """The lines of the log behind a seq, with names and texts; .answer["head"] says where it ends."""
        found = Rows(source=self)
        while True:
            answer = self._ask("GET", f"/api/log?after={found[-1]['seq'] if found else after}&limit=2000")
            found.extend(answer["records"])
            if not answer["records"] or found[-1]["seq"] >= answer["head"]["seq"]:
                found.answer = answer
                return found

    def follow_log(self, after: int | None = None) -> Iterator[dict]:
        """Every line of the log behind a seq (None: behind the last), then each as it is written; across restarts, without a gap."""
        while after is None:
            after = self._again(lambda: self._ask("GET", "/api/log?limit=0"))["head"]["seq"]
        while True:
            path = f"/api/log?after={after}&limit=500&wait={25 if self.waits else 0}"
            records = self._again(lambda: self._ask("GET", path))["records"]
            for record in records:
                after = record["seq"]
                yield record
            if not self.waits and not records:
                return

    def follow(self, cursor: Mapping | None = None) -> Iterator[dict]:
        """What this role is told, as it happens, for ever: docs/scripting.md. Across restarts, without a gap and without a double.

        cursor    the `cursor` of the last item that was done with, to go on from there; None begins now
        returns   {"seq", "event", kind: thing, "cursor"}; where nothing can be told without a gap, first of all at the beginning,
                  {"seq", "event": "reset", "why", "state", "cursor"} with all that this role may see
        """
        why = "new"
        while True:
            if cursor is None:
                state = self._again(self.state)
                cursor = {k: state[k] for k in "esha"}
                yield {"seq": state["s"], "event": "reset", "why": why, "state": state, "cursor": cursor}
            path = f"/api/events{_query({**cursor, 'wait': 25 if self.waits else 0})}"
            answer = self._again(lambda: self._ask("GET", path))
            if answer["mode"] == "reset":
                cursor, why = None, answer["why"]
                continue
            for frame in answer["events"]:
                yield from _told_one_by_one(frame, cursor, cursor := cursor | {"s": frame["s"], "h": frame["h"]})
            cursor = {k: answer[k] for k in "esha"}
            if not self.waits and not answer["events"]:
                return

    @staticmethod
    def _again(ask: Callable):
        """What is asked, as often as it takes: a server that starts again is waited for."""
        for tries in itertools.count():
            try:
                return ask()
            except (Unreachable, Refused) as no:
                if isinstance(no, Refused) and no.status not in (429, 503):
                    raise
                time.sleep(random.uniform(0.5, 1) * min(30, 0.25 * 2**tries))


@_with_verbs
class Verbs(_Asking):
    """The verbs, beside those that `VERBS` makes.

    tell     tell(what, done, total), where a verb takes one: called as long work goes on
    """

    def ask(self, verb: Verb, form: dict):
        """Do what a verb says; returns what it gives, a list of things as Rows."""
        path = re.sub(r"<(\w+)([^>]*)>", lambda m: _in_path(m[1], m[2], str(form.pop(m[1]))), verb.path)
        upload = form.pop("photo") if verb.takes == "photo" else None
        if verb.method == "GET":
            answer = self._ask("GET", path + _query(form))
        else:
            answer = self._ask(verb.method, path, form, _file(upload) if upload is not None else None)
        given = answer[verb.gives] if verb.gives else answer
        return Rows(given, answer, self) if isinstance(given, list) else given

    def thumbnails(self, numbers: Iterable) -> dict[int, bytes]:
        """The small photos of entries by number."""
        wanted = {n for n in numbers if isinstance(n, int)}
        entries = self.state()["entries"] if wanted else []
        return {e["number"]: self.photo(e["photo"]["thumb"]) for e in entries if e["number"] in wanted and e["photo"]}

    def entries(self, category: str = "") -> Rows:
        """The entries, by number; of one category where it is named."""
        return Rows((e for e in self.state()["entries"] if category in ("", e["category"])), source=self)

    def sheets(self, entry: int | None = None) -> Rows:
        """The judges' sheets, of one entry where it is named."""
        return Rows((s for s in self.state().get("sheets", []) if entry in (None, s["entry"])), source=self)

    def submit(self, photo: str | Path, category: str, collector: str, **fields) -> dict:
        """Enter a tattoo: the photo's file and the fields of docs/http.md; returns the entry. Consent is the caller's word."""
        form = {"category": category, "collector": collector, "consent": "yes", "adult": "yes"} | fields
        return self._ask("POST", "/api/entries", form, _file(photo))["entry"]

    def backup(self) -> str:
        """Make a backup now; returns its name."""
        return self._ask("POST", "/api/backups")["backup"]["name"]

    def save_backup(self, file: str | Path, name: str = "", tell: Callable = untold) -> Path:
        """Write a backup (a new one, or one by its name) as one zip file; it stands under its name only once it is whole."""
        file = Path(file)
        told = urllib.parse.quote(str(file.resolve()))
        pieces, headers = self._stream(f"/api/backups/{name or self.backup()}.zip?as={told}")
        replace_file(Disk(), file, told_pieces(pieces, "KiB saved", int(headers["X-Backup-Bytes"]), tell))
        return file

    def export(self, file: str | Path, decimal: str = "point") -> Path:
        """Write the contest as JSON, or one of its tables, into a file: "contest.json", or "standings.csv" by the table's name.

        decimal   of a table: "point" or "comma"
        """
        file = Path(file)
        path = "/api/export.json" if file.suffix == ".json" else f"/api/export.csv{_query({'what': file.stem, 'decimal': decimal})}"
        replace_file(Disk(), file, self._stream(path)[0])
        return file

    def import_entries(self, source: str | Path, partial: bool = False, columns: Mapping[str, str] = Map(), tell: Callable = untold) -> Rows:
        """Enter what a table (CSV) lists, each row with its photo; nothing at all where a row cannot be, unless `partial`.

        source    the table, or a folder with one; the photos' names are relative to it
        columns   {the table's name of a column: ours}; ours are photo, category, collector, and what docs/scripting.md lists
        returns   a report: [{"row": line, "status": "new", "known", "refused" or "held back", "entry", "code", "message", ...}];
                  .answer counts them. A row that was entered before is known by its photo's name, category and collector: a second run enters
                  nothing twice
        errors    Refused `bad_table`
        """
        rows = _checked_rows(read_table(source, columns), self.categories(), tell)
        _ask_about(self, [row for row in rows if "code" not in row], tell)
        if partial or not any("code" in row for row in rows):
            self._enter([row for row in rows if row["status"] == "held back"], tell)
        shown = ({k: row.get(k, "") for k in ("row", "status", "entry", "photo", "category", "collector", "code", "message")} for row in rows)
        counts = {status: sum(row["status"] == status for row in rows) for status in ("new", "known", "refused", "held back")}
        return Rows(shown, counts, self)

    def _enter(self, rows: list[dict], tell: Callable) -> None:
        """Enter checked rows one after the other; what became of each is put into it."""
        for done, row in enumerate(rows, 1):
            enter_row(row, self.submit)
            tell("entries", done, len(rows))

    def restore(self, source: str | Path, to_seq: int | None = None, tell: Callable = untold) -> int:
        """Put a backup (its name, or an archive's file) in place of everything; returns the seq it ends at.

        Takes effect at the next start: a server starts again by itself.
        """
        form = {} if to_seq is None else {"to_seq": to_seq}
        if Path(source).suffix == ".zip":
            if not Path(source).is_file():
                raise Refused("no_such_backup", f"There is no file {source}.", 404)
            return self._ask("POST", "/api/restore", form, Path(source), tell)["seq"]
        return self._ask("POST", "/api/restore", form | {"name": str(source)})["seq"]


def _told_one_by_one(frame: Mapping, before: Mapping, behind: Mapping) -> Iterator[dict]:
    """The messages of a frame; only behind the last is the whole frame done with."""
    for index, message in enumerate(frame["m"], 1):
        yield {"seq": frame["s"], "event": message["k"]} | message["d"] | {"cursor": behind if index == len(frame["m"]) else before}


def _file(path: str | Path) -> Path:
    """A photo's file. errors   Refused `photo_missing`"""
    if not Path(path).is_file():
        raise Refused("photo_missing", f"There is no file {path}.")
    return Path(path)


# --- Script -----------------------------------------------------------------
# The Python face for notebooks and scripts: the verbs on a folder in this
# process (`open`), beside one that holds it, served from a thread (`serve`) and
# over HTTP (`Client`). All send the same requests to the same table of routes.


def _texts(form: Mapping) -> dict[str, str]:
    """The fields beside a file, as a form sends them."""
    return {k: ("yes" if v else "no") if isinstance(v, bool) else str(v) for k, v in form.items() if v is not None}


class _Local(Verbs):
    """Verbs that are answered by a site in this process, by the rows that answer them over HTTP."""

    def __init__(self):
        self._routes = bottle.Router()
        for route in ROUTES:
            self._routes.add(route.path, route.method, route)

    def _site(self) -> Site:
        raise NotImplementedError

    def _in_loop(self, function: Callable, *arguments):
        """What a function returns, called where the site's event loop is."""
        return function(*arguments)

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Hold nothing open any more."""

    def photo(self, name: str) -> bytes:
        return photo_path(self._site().folder / "photos", name).read_bytes()

    def _ask(self, method: str, path: str, form: dict | None = None, upload: Path | None = None, tell: Callable = untold) -> dict:
        return orjson.loads(dumps(self._answer(method, path, form, upload, tell).body))

    def _stream(self, path: str) -> tuple[Iterable[bytes], Mapping[str, str]]:
        answer = self._answer("GET", path, None, None, untold)
        return iter(lambda: self._in_loop(next, answer.stream, b""), b""), answer.headers

    def _answer(self, method: str, path: str, form: dict | None, upload: Path | None, tell: Callable) -> Answer:
        site = self._site()
        return self._in_loop(*self._asked(site, method, path, form, upload, tell))

    def _asked(self, site: Site, method: str, path: str, form: dict | None, upload: Path | None, tell: Callable) -> tuple[Callable, Site, Ask]:
        """What answers a request: a route, and what it is given."""
        path, _, query = path.partition("?")
        form = form or {}
        try:
            route, args = self._routes.match({"REQUEST_METHOD": method, "PATH_INFO": urllib.parse.unquote(path)})
        except bottle.HTTPError as no:
            raise Refused("not_found" if no.status_code == 404 else "method_not_allowed", "There is nothing here.", no.status_code) from None
        digest = ""
        if upload:
            check_size(site.settings, route.form, upload.stat().st_size)
            with upload.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        form = orjson.loads(orjson.dumps(_texts(form) if upload else form))
        id_ = checked_id(form.pop("id", None))
        return route.does, site, Ask(Who("admin"), args, form, dict(urllib.parse.parse_qsl(query)), id_, "", upload, digest, tell)


class Contest(_Local):
    """A contest's folder, opened in this process. Use as a context manager, or call close().

    Belongs to the thread that opened it; while it is served (see `serve`) it may be used from any.
    """

    serving: Serving | None = None

    def __init__(self, settings: Settings):
        super().__init__()
        self.settings = settings
        self._server: Server | None = None
        self.hold()

    def hold(self) -> None:
        """Take the folder in this thread."""
        self._server = Server(self.settings, listen=False)
        self._server.begin()

    def let_go(self) -> None:
        """Write snapshot and HEAD, give the folder back."""
        if self._server:
            self._server.stop()
        self._server = None

    def close(self) -> None:
        """Write snapshot and HEAD, give the folder back; first end the serving."""
        serving, self.serving = self.serving, None
        if serving:
            serving.end()
        self.let_go()

    @property
    def waits(self) -> bool:
        """Whether others can change it: while it is served."""
        return self.serving is not None

    def _site(self) -> Site:
        server = self.serving.server if self.serving else self._server
        if server is None:
            raise UsageError(f"The contest in {self.settings.data} was closed: contest.open it again.")
        return server.site

    def _in_loop(self, function: Callable, *arguments):
        return self.serving.call(function, *arguments) if self.serving else function(*arguments)

    def _enter(self, rows: list[dict], tell: Callable) -> None:
        """Enter checked rows in their order, reading as many photos at a time as there are threads for it; a server has one."""
        if self.serving:
            return super()._enter(rows, tell)
        site, running = self._site(), deque()
        ahead = 2 * site.photo_pool.maxsize  # begun before the first is done: no thread waits for its next photo

        def enter(row: dict, in_turn: Callable) -> Exception | None:
            def submit(photo: Path, **form) -> dict:
                does, _, ask = self._asked(site, "POST", "/api/entries", form, photo, untold)
                return does(site, dataclasses.replace(ask, in_turn=in_turn)).body["entry"]
            try:
                enter_row(row, submit)
            except Exception as why:  # carried over: the loop would print it
                return why
        try:
            for done in range(1 - ahead, len(rows) + 1):
                if done + ahead <= len(rows):
                    running.append(gevent.spawn(enter, rows[done + ahead - 1], running[-1].join if running else bool))
                if done > 0:
                    if why := running.popleft().get():
                        raise why
                    tell("entries", done, len(rows))
        finally:
            gevent.joinall(running)  # whatever ended it: what is begun comes to its end


def _through_one_interrupt(wait: Callable[[], None]) -> None:
    """Wait; an impatient Ctrl-C is raised once the waiting is over, a second one at once."""
    try:
        wait()
    except KeyboardInterrupt:
        wait()
        raise


class Serving:
    """A contest that is served from a thread of its own, with an event loop of its own: a notebook goes on meanwhile.

    contest    the verbs, in this process
    url, key   for a Client: the address for this machine, and the key of whoever can read the folder
    Use as a context manager, or call stop(); it may be served again afterwards.
    """

    def __init__(self, contest: Contest, settings: Settings):
        self.contest, self._settings = contest, settings
        self.url = self.key = ""
        self.server: Server | None = None
        self._hub = self._ended = self._fault = None
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="contest", daemon=True)
        atexit.register(self.end)  # an interpreter that ends under a running loop may crash
        self._thread.start()
        self._begun.wait()
        if self._fault:
            self.end()
            raise self._fault

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<contest served at {self.url}>" if self._thread.is_alive() else "<contest, not served any more>"

    def stop(self) -> None:
        """End the serving; the contest is open in this thread again."""
        if self.contest.serving is self:
            self.end()
            self.contest.serving = None
            self.contest.hold()

    def end(self) -> None:
        """Drain, stop, and wait for the thread."""
        atexit.unregister(self.end)
        if self._hub and self._thread.is_alive():
            self._hub.loop.run_callback_threadsafe(self._ended.set)
        if self._thread is not threading.current_thread():
            _through_one_interrupt(self._thread.join)

    def call(self, function: Callable, *arguments):
        """What a function returns or raises, called in the loop; from any thread."""
        answer = concurrent.futures.Future()

        def run() -> None:
            try:
                answer.set_result(function(*arguments))
            except BaseException as why:
                answer.set_exception(why)
        if not self._thread.is_alive():
            raise UsageError("The contest is not served any more.")
        self._hub.loop.run_callback_threadsafe(gevent.spawn, run)
        return answer.result()

    def _serve(self) -> None:
        """The thread: one server after the other, until it is ended. A hub is not used twice."""
        self._hub = gevent.get_hub()
        self._ended = gevent.event.Event()
        try:
            while not self._ended.is_set():
                again = gevent.event.Event()
                self.server = Server(self._settings, on_fatal=self._lost)
                self.server.site.start_again = again.set
                self.server.start()
                self._settings = dataclasses.replace(self._settings, port=self.server.port)
                self.url, self.key = self.server.url, self.server.site.secret.derive("key", "local")
                self._begun.set()
                gevent.wait([self._ended, again], count=1)
                self.server.stop()
        except BaseException as why:
            self._fault = why
        finally:
            self._hub.destroy(destroy_loop=True)
            self._begun.set()

    def _lost(self, lost: ContestError) -> None:
        """The disk failed a write: serve no more. The desk has refused everything since."""
        print(f"contest: {lost}", file=sys.stderr, flush=True)
        self._ended.set()


class Beside(_Local):
    """A folder that another process holds, or that is not ours: all can be read as it is at that moment, nothing written."""

    #: What only the process that holds the folder knows.
    LIVE = frozenset({"/api/events", "/api/presence", "/api/backups", "/ready", "/health", "/metrics", "/api/realtime-health", "/api/realtime-fallback",
                      "/api/realtime-metrics"})
    waits = False

    def __init__(self, settings: Settings, why: ContestError):
        super().__init__()
        self.folder, self._disk, self._why = Path(settings.data).resolve(), Disk(), why
        lock = self.folder / "LOCK"
        self.url = next((word for word in (lock.read_text().split() if lock.exists() else []) if word.startswith("http")), "")
        here = Path(__file__).resolve().parent
        absent = dict.fromkeys(each.name for each in dataclasses.fields(Site) if each.default is dataclasses.MISSING)  # what only a server has
        self._kept = Site(**absent | {
            "settings": dataclasses.replace(settings, data=str(self.folder)), "folder": self.folder, "desk": types.SimpleNamespace(),
            "hub": Backlog(settings), "secret": Secret(self.folder, self._disk), "address": settings.public_url or self.url, "here": here,
            "words": load_words(here / "static" / "words")})
        self._kept.desk.log = types.SimpleNamespace(disk=self._disk, folder=self.folder)
        with no_collection():
            self._read_anew()

    def client(self) -> Client:
        """The verbs over HTTP, with the key of whoever can read the folder."""
        if not self.url:
            raise self._why
        return Client(self.url, self._kept.secret.derive("key", "local"))

    def _read_anew(self) -> None:
        """Read snapshot and log as a start does; changes nothing."""
        for tries in range(3):
            try:
                found = recover(self.folder, self._disk, ZERO_HASH)
                break
            except (LogCorrupt, FileNotFoundError):  # a restore that moves its trees meanwhile looks like damage, for a moment
                if tries == 2:
                    raise
                time.sleep(0.5)
        state = state_from_parts(found.snapshot[1]) if found.snapshot else State()
        self._take(found.lines(), changed(state, epoch=found.log.head.epoch), found.log.head.hash)

    def _take(self, lines: Iterable[Line], state: State, line_hash: str) -> None:
        """Fold lines behind a state."""
        for line in lines:
            state, line_hash = fold(state, fact_from_json(line.public, line.private)), line.hash
        self._kept.desk.state, self._kept.desk.line_hash = state, line_hash
        self._kept.hub.begin(state.epoch, state.seq, line_hash[:8])

    def _site(self) -> Site:
        """The site as it is now: what was written since is made durable, then read."""
        desk, newest = self._kept.desk, segment_paths(self._disk, self.folder)
        header = next(self._disk.lines(newest[-1]), b"") if newest else b""
        if newest and desk.state.epoch not in header.decode("utf-8", "replace"):
            self._read_anew()
        else:
            for path in newest[-1:]:
                make_durable(self._disk, path)
            self._take(lines_behind(self._disk, self.folder, desk.state.seq), desk.state, desk.line_hash)
        return self._kept

    def _answer(self, method: str, path: str, form: dict | None, upload: Path | None, tell: Callable) -> Answer:
        if method == "GET" and path.partition("?")[0] not in self.LIVE and not path.startswith("/api/backups/"):
            return super()._answer(method, path, form, upload, tell)
        way = f"Ask the server at {self.url}: contest.Client(url, key), or .client() of this one." if self.url else "It ends with that."
        raise FolderInUse(f"{self._why} Opened beside it, the contest can only be read. {way}")


class Client(Verbs):
    """The same verbs over HTTP, with a key.

    patience_seconds   how long a server is waited for that does not answer; a command is sent again under its own id, so it happens once
    errors             Refused with the server's code; Unreachable; UsageError where the url is none
    """

    def __init__(self, url: str, key: str = "", patience_seconds: float = 10):
        if not re.match(r"https?://[^/\s]", url):
            raise UsageError(f"{url!r} is no address of a server, as http://127.0.0.1:8000.")
        self.url, self._key, self._patience_seconds = url.rstrip("/"), key, patience_seconds

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_) -> None:
        """Nothing is held open between two requests."""

    def photo(self, name: str) -> bytes:
        with self._patiently(lambda: self._opened("GET", f"/photos/{name}", None, {})) as answer:
            return answer.read()

    def _ask(self, method: str, path: str, form: dict | None = None, upload: Path | None = None, tell: Callable = untold) -> dict:
        form = dict(form or {})
        headers = {"Content-Type": "application/json"}
        if method != "GET":
            headers["Idempotency-Key"] = form["id"] if isinstance(form.get("id"), str) and form["id"] else secrets.token_urlsafe(16)

        def asked() -> bytes:
            body, more = (self._multipart(form, upload, tell) if upload else (orjson.dumps(form) if method != "GET" else None, {}))
            with self._opened(method, path, body, headers | more) as answer:
                return answer.read()
        return orjson.loads(self._patiently(asked))

    def _stream(self, path: str) -> tuple[Iterable[bytes], Mapping[str, str]]:
        answer = self._patiently(lambda: self._opened("GET", path, None, {}))
        return self._pieces(answer), answer.headers

    @staticmethod
    def _pieces(answer) -> Iterator[bytes]:
        with answer:
            while piece := answer.read(1 << 20):
                yield piece

    def _patiently(self, ask: Callable):
        """What is asked, again as long as the server only cannot answer now."""
        until = time.monotonic() + self._patience_seconds
        for tries in itertools.count():
            try:
                return ask()
            except (Unreachable, Refused) as no:
                wait = no.extra.get("retry_after", 1) if isinstance(no, Refused) else min(4, 0.25 * 2**tries)
                if (isinstance(no, Refused) and no.status not in (429, 503)) or time.monotonic() + wait > until:
                    raise
            time.sleep(wait)

    def _opened(self, method: str, path: str, body, headers: Mapping):
        headers = dict(headers) | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=600)
        except urllib.error.HTTPError as no:
            with no:
                raise self._refusal(no.code, no.read()) from None
        except (OSError, http.client.HTTPException) as why:
            raise Unreachable(f"{self.url} does not answer ({getattr(why, 'reason', why)}).") from why

    def _refusal(self, status: int, body: bytes) -> ContestError:
        """The refusal that an answer says, with all that stands beside it."""
        try:
            said = orjson.loads(body)
            error = said.pop("error")
            extra = {k: v for k, v in error.items() if k not in ("code", "message")} | said
            return Refused(error["code"], error["message"], status, **extra)
        except (ValueError, TypeError, KeyError, AttributeError):
            return Unreachable(f"{self.url} answers {status}, and not as a contest does.")

    @staticmethod
    def _multipart(form: Mapping, upload: Path, tell: Callable) -> tuple[Iterable[bytes], dict]:
        """A form with a file as pieces of a body, and its headers."""
        edge = secrets.token_hex(16)
        parts = [f'--{edge}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in _texts(form).items()]
        parts.append(f'--{edge}\r\nContent-Disposition: form-data; name="photo"; filename="file"\r\n\r\n'.encode())
        head, end, size = b"".join(parts), f"\r\n--{edge}--\r\n".encode(), upload.stat().st_size
        pieces = itertools.chain([head], told_pieces(Disk().pieces(upload), "KiB sent", size, tell), [end])
        return pieces, {"Content-Type": f"multipart/form-data; boundary={edge}", "Content-Length": str(len(head) + size + len(end))}


def open(folder: str | Path = "data", **settings) -> Contest | Beside:
    """Open a contest's folder in this process; where another process holds it, for reading only.

    errors   NotOurs, LogCorrupt, SyncFailed
    """
    wanted = dataclasses.replace(Settings(), data=str(folder), **settings)
    try:
        return Contest(wanted)
    except FolderInUse as why:
        return Beside(wanted, why)


def serve(contest: Contest | str | Path = "data", **settings) -> Serving:
    """Serve a contest, or a folder's, from a background thread; returns once it answers.

    settings   as on the command line: port=0 takes a free one, host="127.0.0.1" keeps it on this machine
    errors     FolderInUse, UsageError where the port is taken
    """
    if not isinstance(contest, Verbs):
        contest = Contest(dataclasses.replace(Settings(), data=str(contest)))
    if not isinstance(contest, Contest):
        raise UsageError("Only a contest that contest.open holds can be served.")
    if contest.serving:
        raise UsageError(f"It is served already, at {contest.serving.url}.")
    contest.let_go()
    try:
        contest.serving = Serving(contest, dataclasses.replace(contest.settings, **settings))
    except BaseException:
        contest.hold()
        raise
    return contest.serving


def connected(settings: Settings, new: bool = False) -> Contest | Client:
    """The verbs on a data folder: in this process, or over HTTP where a server holds it. A folder is made only if `new`.

    Who can read the folder is the organiser: the key is derived from secret.json.
    """
    folder = Path(settings.data)
    if not new:
        check_readable(folder)
    try:
        return Contest(settings)
    except FolderInUse:
        url = (folder / "LOCK").read_text().split()[-1]
        if not url.startswith("http"):
            raise  # another command holds it, not a server
        return Client(url, Secret(folder, Disk()).derive("key", "local"))


# --- Command line -----------------------------------------------------------
# Wiring: reads settings, puts a Server together, waits for its end. Exit codes:
# 0, 64 usage or setting, 65 log damaged, 70 fault, 74 sync failed, 75 folder in
# use, 77 not ours to write.


def read_settings(environ: Mapping[str, str], flags: Mapping[str, str | None]) -> Settings:
    """The settings: flags first, then CONTEST_<NAME>, then PORT (for CONTEST_PORT), then the defaults.

    flags    {name: text}, as typed on the command line
    errors   UsageError for an unknown or unreadable setting, naming it

    >>> read_settings({"CONTEST_PORT": "8100"}, {}).port
    8100
    """
    kinds = typing.get_type_hints(Settings)
    given = {k[8:].lower(): v for k, v in environ.items() if k.startswith("CONTEST_")}
    if unknown := sorted(set(given) - set(kinds)):
        raise UsageError(f"There is no setting CONTEST_{unknown[0].upper()}.")
    if "PORT" in environ:
        given.setdefault("port", environ["PORT"])
    given |= {k: v for k, v in flags.items() if v is not None}
    settings = Settings(**{name: _parsed_setting(name, kinds[name], text) for name, text in given.items()})
    if settings.trust_proxy not in ("none", "fly", "one-hop"):
        raise UsageError("CONTEST_TRUST_PROXY is none, fly or one-hop.")
    if settings.log_format not in ("lines", "json"):
        raise UsageError("CONTEST_LOG_FORMAT is lines or json.")
    if not settings.ping_seconds or not settings.dead_seconds:
        raise UsageError("CONTEST_PING_SECONDS and CONTEST_DEAD_SECONDS are more than 0.")
    for name in ("port", "metrics_port"):
        if getattr(settings, name) > 65535:
            raise UsageError(f"CONTEST_{name.upper()} is a number from 0 to 65535.")
    if settings.admin_password and len(settings.admin_password) < 8:
        raise UsageError("CONTEST_ADMIN_PASSWORD needs at least 8 characters.")
    return settings


def _parsed_setting(name: str, kind: type, text: str):
    try:
        value = kind(text)
    except ValueError:
        raise UsageError(f"CONTEST_{name.upper()} is a number, not {text!r}.") from None
    if kind is not str and not 0 <= value < float("inf"):
        raise UsageError(f"CONTEST_{name.upper()} cannot be {text}.")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="contest.py", description="A real-time tattoo contest.")
    shared = argparse.ArgumentParser(add_help=False)
    for f in dataclasses.fields(Settings):
        shared.add_argument(f"--{f.name.replace('_', '-')}", dest=f"set_{f.name}", metavar="VALUE",
                            help=f"{f.metadata['help']} (CONTEST_{f.name.upper()}, default {f.default!r})")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("serve", parents=[shared], help="serve the contest (the default)")
    demo = commands.add_parser("demo", parents=[shared], help="fill an empty folder with a drawn contest")
    demo.add_argument("--stage", choices=("open", "judging", "reveal", "done"), default="judging")
    spoken = _spoken()
    commands.add_parser("setup-link", parents=[shared, spoken], help="print a new one-time link to choose the password")
    backup = commands.add_parser("backup", parents=[shared, spoken], help="write everything into one zip file")
    backup.add_argument("file", metavar="FILE.zip")
    restore = commands.add_parser("restore", parents=[shared, spoken], help="put a backup in place of everything; the old data is kept beside")
    restore.add_argument("source", metavar="FILE.zip|NAME")
    restore.add_argument("--to-seq", type=int, metavar="N", help="bring back the log up to seq N only")
    check = commands.add_parser("verify", parents=[shared], help="check log, snapshots, photos and backups")
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    erase = commands.add_parser("erase", parents=[shared, spoken], help="erase the person of an entry")
    erase.add_argument("entry", type=int, metavar="N")
    commands.add_parser("settings", parents=[shared], help="print every setting and its value")
    commands.add_parser("completion", help="print what completes these words in bash and zsh: eval \"$(contest.py completion)\"")
    _add_verbs(commands, spoken)
    return parser


def _spoken() -> argparse.ArgumentParser:
    """The flags of whatever speaks to a contest."""
    spoken = argparse.ArgumentParser(add_help=False)
    spoken.add_argument("--json", action="store_true", help="print JSON, also of a refusal (on stderr)")
    spoken.add_argument("--url", help="speak to the server there, with --key; else to the one that holds the folder, or to the folder itself")
    spoken.add_argument("--key", default="", metavar="KEY|@FILE", help="a script's key, or the file that holds it")
    return spoken


#: Two words for one, as one would say them.
_TWO_WORDS = Map({("judges", "add"): "invite", ("judges", "renew"): "renew", ("judges", "revoke"): "revoke", ("categories", "add"): "add-category",
                  ("categories", "delete"): "delete-category", ("keys", "add"): "add-key", ("keys", "revoke"): "revoke-key"})


def _add_verbs(commands, spoken: argparse.ArgumentParser) -> None:
    """A subcommand for every verb of the library."""
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--data", dest="set_data", metavar="FOLDER", help="the folder that holds the contest (CONTEST_DATA, default data)")
    parents = [folder, spoken]
    for verb in VERBS.values():
        if verb.name not in ("backup", "erase", "new_setup_link"):
            _add_verb(commands, verb, parents)
    table = commands.add_parser("import", parents=parents, help="enter all that a table (CSV) lists, each with its photo")
    table.add_argument("source", metavar="FOLDER|CSV")
    table.add_argument("--partial", action="store_true", help="enter the rows that are right though others are not")
    table.add_argument("--column", action="append", default=[], metavar="THEIRS=OURS", help="what a column of the table is called here")
    one = commands.add_parser("submit", parents=parents, help="enter a tattoo")
    for word in ("photo", "category", "collector"):
        one.add_argument(word, metavar=word.upper())
    one.add_argument("fields", nargs="*", default=[], metavar="NAME=VALUE", help="artist=Marta, title=Koi, ...: docs/http.md")
    export = commands.add_parser("export", parents=parents, help="write the contest as contest.json, or one of its tables, as standings.csv")
    export.add_argument("file", metavar="FILE")
    export.add_argument("--decimal", choices=("point", "comma"), default="point")
    log = commands.add_parser("log", parents=parents, help="print the lines of the log")
    log.add_argument("--after", type=int, metavar="SEQ", help="only those behind this one")
    log.add_argument("--follow", action="store_true", help="go on with each line as it is written, as JSON lines")
    commands.add_parser("entries", parents=parents, help="list the entries").add_argument("category", nargs="?", default="", metavar="CATEGORY")
    commands.add_parser("sheets", parents=parents, help="list the judges' sheets").add_argument("entry", nargs="?", type=int, metavar="N")


def _add_verb(commands, verb: Verb, parents: list[argparse.ArgumentParser]) -> None:
    """A verb's subcommand: what it needs, then what may be left out, in order or by name."""
    name, more = verb.name.replace("_", "-"), [f"[{word.upper()}]" for word in verb.may_take]
    usage = " ".join([name, *map(str.upper, verb.needs), *more, "[NAME=VALUE ...] [--data FOLDER] [--url URL --key KEY|@FILE] [--json]"])
    made = commands.add_parser(name, parents=parents, help=verb.says, description=verb.says, usage=f"contest.py {usage}")
    for word in verb.needs:
        made.add_argument(word, metavar=word.upper(), help=_IN_JSON.get(word))
    made.add_argument("fields", nargs="*", default=[], metavar=" ".join([*more, "NAME=VALUE"]),
                      help="what else it takes (docs/http.md), by name; 3, true, null and [..] are JSON")


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help")):
        arguments = ["serve", *arguments]
    try:
        parser = _parser()
        given = parser.parse_args(_whole_words(arguments, _subcommands(parser)))
    except SystemExit as end:
        return 64 if end.code else 0
    flags = {k[4:]: v for k, v in vars(given).items() if k.startswith("set_")}
    try:
        settings = read_settings(os.environ, flags)
        own = {"serve": _serve, "demo": _demo, "setup-link": _setup_link, "backup": _backup, "restore": _restore_from, "verify": _verify,
               "erase": _erase, "settings": _print_settings, "completion": _completion}
        return own.get(given.command, _speak)(settings, given)
    except ContestError as error:
        said = {"error": {"code": getattr(error, "code", type(error).__name__), "message": str(error)}}
        print(dumps(said).decode() if getattr(given, "json", False) else f"contest.py: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 0 if getattr(given, "follow", False) else 130  # a stream that nobody wants any more, or work that is not done
    except BrokenPipeError:
        sys.stdout = None  # else it is flushed into the broken pipe at the end
        return 0
    except OSError as why:
        print(f"contest.py: {why.filename or 'a write failed'}: {why.strerror}", file=sys.stderr)  # one without a name is often the output
        return UsageError.exit_code if why.filename else SyncFailed.exit_code


def _whole_words(arguments: list[str], words: Iterable[str]) -> list[str]:
    """A command line with its first word whole: two words for one, or the beginning of exactly one."""
    if tuple(arguments[:2]) in _TWO_WORDS:
        return [_TWO_WORDS[tuple(arguments[:2])], *arguments[2:]]
    begun = [word for word in words if word.startswith(arguments[0])]
    return [begun[0], *arguments[1:]] if len(begun) == 1 and len(arguments[0]) > 2 else arguments


def _subcommands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    return next(a for a in parser._actions if a.dest == "command").choices


def _completion(settings: Settings, given) -> int:
    """Print a shell's completion: the subcommands, then each one's flags."""
    print("_contest() {\n  local word=${COMP_WORDS[COMP_CWORD]} command= each\n  for each in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
          "    case $each in *.py|-*) ;; *) command=$each; break;; esac\n  done\n  case $command in")
    words = _subcommands(_parser())
    for name, parser in words.items():
        flags = [flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")]
        print(f"    {name}) COMPREPLY=($(compgen -W '{' '.join(flags)}' -- \"$word\"));;")
    print(f"    *) COMPREPLY=($(compgen -W '{' '.join(words)}' -- \"$word\"));;\n  esac\n}}")
    print("[ -n \"$ZSH_VERSION\" ] && autoload -Uz bashcompinit && bashcompinit\ncomplete -o default -F _contest contest.py python")
    return 0


#: Fields that are lists or objects: a command line gives them as JSON.
_IN_JSON = Map({"marks": 'JSON: {"technique": 8.5}', "places": "JSON, of a category a number, of a decision groups of entries, best first: [[118], [121, 130]]", "order": "JSON, best first: [103, 104]; of a tie groups: [[103], [104]]",
                "entries": "JSON: [103, 104]", "sheets": "JSON, as the phone's file has it"})
#: Fields that are texts whatever they look like.
_IN_WORDS = frozenset({"name", "reason", "note", "text", "id", "secret", *PERSONAL})


def _meant(name: str, text: str):
    """A word of the command line as the value that is meant."""
    if name not in _IN_WORDS:
        with contextlib.suppress(ValueError):
            return orjson.loads(text)
    if name in _IN_JSON:
        raise UsageError(f"{name.upper()} is {_IN_JSON[name]}, not {text!r}.")
    return text


def _fields(given, in_order: Iterable[str] = ()) -> dict:
    """The fields behind a subcommand: by name, or in order where a word has none. errors   UsageError"""
    found, unnamed = {}, iter(in_order)
    for word in given.fields:
        name, is_named, text = word.partition("=")
        if not is_named or not name.isidentifier():
            name, text = next(unnamed, ""), word
        if not name:
            raise UsageError(f"{word!r} is not NAME=VALUE.")
        found[name] = _meant(name, text)
    return found


def _spoken_to(settings: Settings, given) -> Contest | Client:
    """Who is spoken to: a server by its address, the one that holds the folder, or the folder itself."""
    if not given.url:
        return connected(settings, new=given.command in ("add-category", "setup-link", "restore"))
    key = given.key
    return Client(given.url, Path(key[1:]).read_text().strip() if key.startswith("@") else key)


def _speak(settings: Settings, given) -> int:
    """Say a verb and print what it answers."""
    with _spoken_to(settings, given) as contest:
        if given.command == "log":
            return _print_log(contest, given)
        found = _said(contest, given)
        text = str(found) if isinstance(found, (Rows, Path)) else "\n".join(f"{k:<12} {_line(v)}" for k, v in found.items()) \
            if isinstance(found, dict) else "" if found is None else _line(found)
        print(dumps(str(found) if isinstance(found, Path) else found).decode() if given.json else text)
        if given.command == "import":
            print(", ".join(f"{count} {status}" for status, count in found.answer.items()), file=sys.stderr)
            return Refused.exit_code if found.answer["refused"] else 0
    return 0


def _line(value) -> str:
    return value if isinstance(value, str) else dumps(value).decode()


def _said(contest: Contest | Client, given):
    """What a verb gives for a command line."""
    if given.command == "import":
        columns = dict(word.partition("=")[::2] for word in given.column)
        return contest.import_entries(given.source, given.partial, columns, _watched())
    if given.command == "submit":
        return contest.submit(given.photo, given.category, given.collector, **{k: str(v) for k, v in _fields(given).items()})
    if given.command == "export":
        return contest.export(given.file, given.decimal)
    if given.command in ("entries", "sheets"):
        return getattr(contest, given.command)(given.category if given.command == "entries" else given.entry)
    verb = VERBS[given.command.replace("-", "_")]
    named = {word: _meant(word, getattr(given, word).removeprefix(f"{word}=")) for word in verb.needs}
    return contest.ask(verb, verb.form((), named | _fields(given, verb.may_take)))


def _end_unread() -> None:
    """End a stream once nobody can read it: after `| head -3` it would else wait for its next line. It holds nothing that could be lost."""
    watch = select.poll()
    watch.register(1, 0)  # what need not be asked for: the other end was closed
    watch.poll()
    os._exit(0)


def _print_log(contest: Contest | Client, given) -> int:
    """The lines of the log: as a table, or each as JSON; for ever where it is followed."""
    if given.follow:
        if contest.waits:
            threading.Thread(target=_end_unread, daemon=True).start()
        for record in contest.follow_log(given.after):
            print(dumps(record).decode(), flush=True)
        return 0
    records = contest.log(given.after or 0)
    if given.json:
        for record in records:
            print(dumps(record).decode())
    else:
        print(Rows({k: r[k] for k in ("seq", "at", "type", "by")} | {"events": [e["type"] for e in r["events"]]} for r in records))
    return 0


def _raise_open_files(wanted: int) -> int:
    """Let this process open as many files and sockets as it wants, as far as the system allows; returns the figure it got."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):  # macOS takes less than its own hard limit says
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if soft == resource.RLIM_INFINITY else soft


def _give_back_large_blocks() -> None:
    """Let glibc return large blocks to the system as soon as they are free: each password check takes 16 MiB, which it would keep."""
    with contextlib.suppress(OSError, AttributeError):  # another C library knows no mallopt, and needs none
        ctypes.CDLL(None).mallopt(-3, 1 << 20)  # M_MMAP_THRESHOLD, fixed: by itself it grows with the largest block seen


def _say(settings: Settings, text: str) -> None:
    """A sentence on stdout, as people or programs read it. The terminal may be gone."""
    with contextlib.suppress(OSError):
        print(dumps({"at": int(time.time() * 1000), "message": text}).decode() if settings.log_format == "json" else text, flush=True)


def _drop_root(settings: Settings) -> None:
    """Become CONTEST_USER where we are root: a new volume belongs to root, so first the contest's own folder is made and given away.

    errors   NotOurs
    """
    if not settings.user or os.getuid():
        return
    folder = Path(settings.data).resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(folder, settings.user, settings.user)
        for where, folders, files in os.walk(folder):
            folders[:] = [name for name in folders if name != "lost+found"]
            for name in folders + files:
                os.chown(os.path.join(where, name), settings.user, settings.user, follow_symlinks=False)
        os.setgroups([])
        os.setgid(settings.user)
        os.setuid(settings.user)
    except OSError as why:
        raise NotOurs(f"{folder} cannot be given to user {settings.user}, or we may not become that user ({why.strerror}).") from why
    for needed in (os.__file__, __file__, folder):  # Python reads more of itself as it goes on, and all of it at a restart
        if not os.access(needed, os.R_OK):
            raise NotOurs(f"User {settings.user} (CONTEST_USER) cannot reach {needed}.")


class _SigEvent(ctypes.Structure):
    """struct sigevent, for a timer that calls a function in a thread of its own. Source: sigevent(7), timer_create(2)."""

    _fields_ = [("value", ctypes.c_void_p), ("number", ctypes.c_int), ("notify", ctypes.c_int), ("function", ctypes.c_void_p),
                ("attributes", ctypes.c_void_p), ("rest", ctypes.c_char * 64)]


class _Watchdog:
    """Ends a server whose loop stands still, with 70 and every stack on stderr.

    C code that stands still may hold the interpreter's lock, so no line of Python could do it: faulthandler writes from
    a thread of its own, and a second later a timer of the system calls _exit. Where there is no such timer (macOS)
    faulthandler ends the process, with 1.
    """

    TURN_SECONDS = 2.0

    def __init__(self, seconds: float):
        self._seconds, self._timer, self._libc = seconds, ctypes.c_void_p(), ctypes.CDLL(None, use_errno=True)
        leave = ctypes.cast(self._libc._exit, ctypes.c_void_p).value
        event = _SigEvent(value=ContestError.exit_code, notify=2, function=leave)  # SIGEV_THREAD
        self.has_timer = hasattr(self._libc, "timer_create") and not self._libc.timer_create(
            time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(self._timer))
        self._greenlet = gevent.spawn(self._turn)

    def _turn(self) -> None:
        while True:
            faulthandler.dump_traceback_later(self._seconds, exit=not self.has_timer)
            self._set(self._seconds + 1)
            gevent.sleep(min(self.TURN_SECONDS, self._seconds / 4))

    def _set(self, seconds: float) -> None:
        whole = int(seconds)
        if self.has_timer:  # struct itimerspec: the time between two (none), the time until the first
            self._libc.timer_settime(self._timer, 0, (ctypes.c_long * 4)(0, 0, whole, int((seconds - whole) * 1e9)), None)

    def stop(self) -> None:
        """Watch no longer."""
        self._greenlet.kill()
        faulthandler.cancel_dump_traceback_later()
        self._set(0)
        if self.has_timer:
            self._libc.timer_delete(self._timer)


@contextlib.contextmanager
def _watched_loop(seconds: float) -> Iterator[None]:
    """End the process where the loop does not turn for so long; 0: never."""
    watchdog = _Watchdog(seconds) if seconds else None
    try:
        yield
    finally:
        if watchdog:
            watchdog.stop()


_STOPS, _CHECK, _HANDED = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP}), "START_CHECK", "HANDED_OVER"


def _check_start(settings: Settings) -> int:
    """Would this version start on that folder? Reads the settings, the words, the pages and the whole log; changes nothing."""
    here, disk, folder, state = Path(__file__).resolve().parent, Disk(), Path(settings.data), State()
    os.nice(10)
    load_words(here / "static" / "words")
    [bottle.SimpleTemplate(name=view.name, lookup=[str(view.parent)]).co for view in (here / "views").glob("*.html")]  # compiled once
    for _, _, line in Reader(disk, folder):
        state = fold(state, known_fact(line))
    return 0


def _fault_of_new_version() -> str:
    """What keeps the version that now lies on the disk from starting; "" where nothing does."""
    order = functools.partial(subprocess.run, [sys.executable, *sys.orig_argv[1:]], env=os.environ | {_CHECK: "1"},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    try:
        done = in_pool(gevent.get_hub().threadpool, order)
    except (OSError, subprocess.SubprocessError) as why:
        return str(why)
    return "" if not done.returncode else (done.stderr.strip().splitlines() or [f"it ends with {done.returncode}"])[-1]


def _restart_in_place(server: Server, ended: gevent.event.Event) -> None:
    """Become the version of this program that lies on the disk now; port, lock and connections stay. Returns where that is refused."""
    if fault := _fault_of_new_version():
        return print(f"contest.py: not restarted, since the new version does not start: {fault}", file=sys.stderr, flush=True)
    keeper = server.keeper
    keeper.quietly(keeper.snapshot)  # while all goes on: the start has little to read then
    with keeper.orders, keeper.one_at_a_time:
        come_to_rest(server)
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # until the new version listens to them
        handed = hand_over(server)
        if ended.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
        with tempfile.TemporaryFile(dir=server.folder) if not hasattr(os, "memfd_create") else os.fdopen(os.memfd_create("handed"), "w+b") as file:
            file.write(orjson.dumps(dataclasses.asdict(handed)))
            file.flush()
            for fd in (file.fileno(), handed.lock, *handed.listeners, *handed.idle, *(row["fd"] for row in handed.live)):
                os.set_inheritable(fd, True)
            try:
                os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {_HANDED: str(file.fileno())})
            except OSError as why:  # the Python itself is gone
                raise ContestError(f"Not restarted: {sys.executable}: {why.strerror}.") from why


def _found_open() -> Handed:
    """What this process has open from its start: all of a server that it was before, or the sockets that systemd holds.

    Source: sd_listen_fds(3).
    """
    if fd := os.environ.pop(_HANDED, ""):
        with os.fdopen(int(fd), "rb") as file:
            file.seek(0)
            found = orjson.loads(file.read())
        os.set_inheritable(found["lock"], False)
        return Handed(tuple(found["listeners"]), found["lock"], tuple(found["idle"]), tuple(found["live"]))
    count = os.environ.get("LISTEN_FDS", "0") if os.environ.get("LISTEN_PID") == str(os.getpid()) else "0"
    return Handed(tuple(os.dup(3 + number) for number in range(int(count) if count.isdigit() else 0)))


def _serve(settings: Settings, given) -> int:
    """Serve until a signal or the disk ends it."""
    if os.environ.get(_CHECK):
        return _check_start(settings)
    _give_back_large_blocks()
    wanted = settings.max_connections + 4000  # plain requests beside the live connections, and our own files
    if (got := _raise_open_files(wanted)) < wanted:
        _say(settings, f"This system lets us open {got} files and sockets; {wanted} would be needed for {settings.max_connections} live connections.")
    _drop_root(settings)
    ended, renewed = gevent.event.Event(), gevent.event.Event()
    _listen_to_signals(ended, renewed)
    while not ended.is_set():
        again, handed = gevent.event.Event(), _found_open()
        server = Server(settings, on_fatal=_die, handed=handed)
        server.site.start_again = again.set
        for sentence in server.recovered.sentences:
            _say(settings, sentence)
        server.start()
        gc.freeze()  # what a long contest has grown to is not walked again: a snapshot beside it would hold commits up
        _print_addresses(server) if handed.lock < 0 else _say(settings, "Restarted in place.")
        with _watched_loop(settings.watchdog_seconds):
            while not ended.is_set() and not again.is_set():
                gevent.wait([ended, again, renewed], count=1)
                if renewed.is_set():
                    renewed.clear()
                    _restart_in_place(server, ended)
            server.stop()
        if again.is_set():  # what a restore has replaced is let go of, though it was frozen
            del server
            gc.unfreeze()
            gc.collect()
    _say(settings, "Stopped. Everything is saved.")
    return 0


def _listen_to_signals(ended: gevent.event.Event, renewed: gevent.event.Event) -> None:
    """SIGTERM and SIGINT: stop, the second time at once. SIGHUP: restart in place; from a terminal that was closed: stop."""
    told, on_terminal = gevent.event.Event(), sys.stdout.isatty()

    def stop() -> None:
        if told.is_set():
            os._exit(130)
        told.set()
        ended.set()
    gevent.signal_handler(signal.SIGTERM, stop)
    gevent.signal_handler(signal.SIGINT, stop)
    gevent.signal_handler(signal.SIGHUP, lambda: ended.set() if on_terminal and not sys.stdout.isatty() else renewed.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)  # a restart in place has blocked them


def _die(lost: ContestError) -> None:
    """The log can no longer be trusted to take a line: end at once, so that nothing more is promised."""
    print(f"contest.py: {lost}", file=sys.stderr, flush=True)
    os._exit(lost.exit_code)


def _print_addresses(server: Server) -> None:
    """Where the contest is, with a QR for phones; on a terminal also the setup link of a new contest."""
    _say(server.settings, f"The contest is at {server.url}")
    for address in lan_addresses() if server.settings.host in ("0.0.0.0", "::") else []:
        _say(server.settings, f"  in this network at http://{address}:{server.port}")
    if sys.stdout.isatty() and server.site.secret.password:
        segno.make(server.site.address).terminal(compact=True)
    if not server.site.secret.password:
        if sys.stdout.isatty():
            link = f"/setup/{server.site.secret.new_setup_link(int(time.time() * 1000))}"
            segno.make(server.site.address + link).terminal(compact=True)
            print(f"Choose the organiser's password (once, within 30 minutes): {server.url}{link}")
        else:
            _say(server.settings, "No password is set: `.venv/bin/python contest.py setup-link` prints the link to choose one.")
    sys.stdout.flush()


def _demo(settings: Settings, given) -> int:
    import demo  # the drawn pictures stand in a file of their own: a contest does not need them
    with open(settings.data, admin_password=settings.admin_password) as contest:
        if contest.state()["categories"]:
            raise UsageError(f"{settings.data} holds a contest already: name an empty folder with --data.")
        demo.fill(contest, given.stage)
    print(f"{settings.data} holds a drawn contest ({given.stage}). Serve it with: python contest.py serve --data {settings.data}")
    return 0


def _setup_link(settings: Settings, given) -> int:
    """Print a setup link, through the running server if there is one."""
    with _spoken_to(settings, given) as contest:
        link = contest.new_setup_link()
    _print_done(given, {"link": link}, f"Open this within 30 minutes to choose the organiser's password: {link}")
    return 0


def _print_done(given, said: Mapping, *lines: str) -> None:
    """What was done, in words, or as JSON where that is asked for."""
    print(dumps(said).decode() if given.json else "\n".join(lines))


def _backup(settings: Settings, given) -> int:
    with _spoken_to(settings, given) as contest:
        path = contest.save_backup(given.file, tell=_watched())
    size = path.stat().st_size
    _print_done(given, {"file": str(path), "bytes": size}, f"{path} holds everything ({size >> 10} KiB). It is as confidential as the contest, "
                "and counts only once it lies on another disk.")
    return 0


def _restore_from(settings: Settings, given) -> int:
    try:
        with _spoken_to(settings, given) as contest:
            seq = contest.restore(given.source, given.to_seq, _watched())
        beside = isinstance(contest, Client)
    except LogCorrupt:
        seq, beside = restore_damaged(settings, given.source, given.to_seq, _watched()), False
    if not beside:
        Contest(settings).close()  # the start that puts the restored tree in place
    _print_done(given, {"seq": seq}, f"Restored up to seq {seq}. What was there before is kept in {settings.data}/kept.")
    return 0


def _verify(settings: Settings, given) -> int:
    """Print what is whole; 65 where something is not."""
    report = verify(settings.data, _watched(), settings.backup_folder)
    if given.json:
        print(dumps(report).decode())
    else:
        log, photos = report["log"], report["photos"]
        print(f"log        seq {log['seq']}, hash {log['hash']}, {log['segments']} segments")
        if log["torn_bytes"]:
            print(f"           {log['torn_bytes']} bytes of an unfinished write at its end; the next start sets them aside")
        print(f"snapshots  {len(report['snapshots'])}\nphotos     {photos['named']} named by entries, {photos['stray']} that none names")
        print(f"backups    {len(report['backups'])}")
        if second := report["second_place"]:
            print(f"elsewhere  {second['away'] or '{} in {}'.format(len(second['backups']), second['folder'])}")
        for each in report["kept"]:
            print(f"kept       {each['name']}, which a restore replaced{', damaged: ' * bool(each['fault'])}{each['fault']}")
        for fault in report["faults"]:
            print(f"NOT WHOLE  {fault}")
        print("Everything is whole." if report["ok"] else f"{len(report['faults'])} faults.")
    return 0 if report["ok"] else LogCorrupt.exit_code


def _watched() -> Callable[[str, int, int], None]:
    """How long work tells of itself: on a terminal by a bar on stderr."""
    return _progress if sys.stderr.isatty() else untold


def _progress(what: str, done: int, total: int) -> None:
    """One line on the terminal that shows how far a long piece of work is."""
    bar = f"[{'#' * (30 * done // total):<30}] {done} of {total}" if total else f"{done} lines"
    print(f"\r{what:<10} {bar}   ", end="" if done != total else "\n", file=sys.stderr, flush=True)


def _erase(settings: Settings, given) -> int:
    with _spoken_to(settings, given) as contest:
        copies = contest.erase(given.entry)
    _print_done(given, {"copies": list(copies)}, f"The person of entry {given.entry} is erased: name, texts and photos are gone from the log, snapshots and "
                f"every backup under {settings.data}.", *(f"Out of reach, erase it yourself: {copy['where']} (up to seq {copy['seq']})" for copy in copies))
    return 0


def _print_settings(settings: Settings, given) -> int:
    for f in dataclasses.fields(settings):
        value = getattr(settings, f.name)
        print(f"CONTEST_{f.name.upper()}={'(set)' if f.name == 'admin_password' and value else value}   # {f.metadata['help']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
