"""What the benches share: a folder on a real disk, a desk with a drawn contest, interleaved rounds, the machine in words, a table."""

import dataclasses
import os
import platform
import secrets
import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import gevent

import contest

TOP = Path(__file__).resolve().parent.parent
ROUNDS = 5


@contextmanager
def folder(name: str):
    """A new folder under build/, on the disk the checkout lies on (/tmp is often memory, where a sync costs nothing)."""
    under = TOP / "build" / "bench"
    under.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=under))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def desk(under: Path):
    """The desk of a new contest, wired as the server wires it, with nobody listening: durable log, rules, frames."""
    server = contest.Server(dataclasses.replace(contest.Settings(), data=str(under)), listen=False)
    server.desk.start()
    try:
        yield server.desk
    finally:
        server.stop()


def asked(kind, hours_ago: float = 0, **fields):
    """A command as the edge makes it: who, when, and an id of its own."""
    return kind(**fields, by="admin", at=int((time.time() - hours_ago * 3600) * 1000), id=secrets.token_urlsafe(16), body=secrets.token_hex(8))


def entrant(number: int, hours_ago: float = 0):
    """The command for an entry whose photo is already stored."""
    name = secrets.token_hex(16)
    photo = {"large": f"{name}-large.jpg", "thumb": f"{name}-thumb.webp", "stencil": f"{name}-stencil.webp", "width": 1536, "height": 2048,
             "sha256": {size: secrets.token_hex(32) for size in ("large", "thumb", "stencil")}}
    fields = {"category": CATEGORY, "title": f"Snake and peony {number}", "artist": "Marta Kowalska", "studio": "North Needle",
              "collector": "Zoë Núñez", "phone": "+49 30 901820", "consent": True, "adult": True}
    return asked(contest.SubmitEntry, hours_ago, fields=fields, photos=[photo])


def add_entries(opened, count: int, writers: int = 100) -> None:
    """Submit so many entries from so many phones at once."""
    left = iter(range(count))

    def submit() -> None:
        for number in left:
            opened.submit(entrant(number))

    gevent.joinall([gevent.spawn(submit) for _ in range(writers)], raise_error=True)


CATEGORY = "best-sleeve"
CRITERIA = ["Technique", "Composition", "Placement", "Style", "Creativity"]
MARKS = {name.lower(): 7.5 for name in CRITERIA}


def rehearsal(opened, entries: int, judges: int = 1) -> tuple[list[str], list[int]]:
    """A contest of one category that is being judged; the judges' ids and the entries' numbers."""
    opened.submit(asked(contest.AddCategory, fields={"name": "Best Sleeve", "criteria": [{"name": name} for name in CRITERIA]}))
    for number in range(judges):
        opened.submit(asked(contest.InviteJudge, fields={"name": f"Judge {number + 1}", "role": "judge"}))
    add_entries(opened, entries)
    if entries:
        opened.submit(asked(contest.StartJudging, category=CATEGORY))
    return sorted(opened.state.judges), sorted(opened.state.entries)


def interleaved(contenders: dict, rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Run every contender once a round, each round starting with the next one, and keep all figures.

    contenders   {name: function without arguments -> figure}

    >>> interleaved({"a": lambda: 1.0, "b": lambda: 2.0}, 2)
    {'a': [1.0, 1.0], 'b': [2.0, 2.0]}
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for at in range(rounds):
        for name in names[at % len(names):] + names[:at % len(names)]:
            found[name].append(contenders[name]())
    return found


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the ratios of each round: what the machine did to one of a round it did to the other.

    >>> ratio([2.0, 30.0, 4.0], [1.0, 10.0, 4.0])
    2.0
    """
    return statistics.median(one / other for one, other in zip(ours, theirs))


def median(figures: list[float]) -> float:
    return statistics.median(figures)


def percentile(figures: list[float], part: float) -> float:
    """The smallest figure that `part` of all are not above.

    >>> percentile([4.0, 1.0, 3.0, 2.0], 0.5), percentile([4.0, 1.0, 3.0, 2.0], 0.99)
    (2.0, 4.0)
    """
    ranked = sorted(figures)
    return ranked[max(0, min(len(ranked) - 1, -int(-part * len(ranked) // 1) - 1))]


def table(head: list[str], rows: list[list]) -> str:
    """A Markdown table; whole numbers of four digits and more get their commas."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(_cell, row)) + " |" for row in rows])


def _cell(value) -> str:
    return f"{value:,.0f}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def machine() -> str:
    """One line: processor, cores, memory, system, Python, and what the disk under build/ is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (f"{_processor()}, {len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores, "
            f"{memory:.0f} GiB, {platform.system()} {platform.release()}, Python {platform.python_version()}, disk: {_disk()}")


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass   # no /proc outside Linux
    return platform.processor() or platform.machine()


def _disk() -> str:
    """The kind of file system under build/, as /proc/mounts names it."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    under = str(TOP) + "/"
    return max((mount for mount in mounts if under.startswith(mount[0].rstrip("/") + "/")), key=lambda mount: len(mount[0]))[1]


def commit_hash() -> str:
    """The commit that is measured, with a plus where the server or the benches differ from it."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=TOP, capture_output=True, text=True).stdout.strip()
    same = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "contest.py", "bench"], cwd=TOP).returncode == 0
    return said + "+" * (not same) or "unknown"
