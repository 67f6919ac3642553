"""The log of a contest, line by line: any moment of it again, what changed between two, and what a forger could try.

It reads the files themselves, so it needs nobody's word for them, and holds up nobody who serves the folder meanwhile.
"""

import datetime
import itertools
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import contest
import orjson


def lines(folder: Path) -> tuple[list[contest.Line], str]:
    """Every line that is whole, in order, each hash checked; and what is wrong with the first that is not, or ""."""
    reader, found = contest.Reader(contest.Disk(), Path(folder)), []
    try:
        found.extend(line for _, _, line in reader)
    except contest.LogCorrupt as why:
        return list(contest.lines_behind(contest.Disk(), Path(folder), 0))[:reader.head.seq], str(why)
    return found, ""


def states(found: Iterable[contest.Line]) -> list[contest.State]:
    """The contest after each line. They share what they have in common, so thousands cost little."""
    facts = map(contest.known_fact, found)
    return list(itertools.accumulate(facts, contest.fold, initial=contest.State()))[1:]


def at(found: list[contest.Line], all_states: list[contest.State], moment: int | str) -> contest.State:
    """The contest as it was: after a line (its number), or at a time of this machine's clock ("2026-11-21 21:30").

    errors   ValueError where nothing had been written yet
    """
    if isinstance(moment, str):
        until = datetime.datetime.fromisoformat(moment).timestamp() * 1000
        moment = sum(line.public["at"] <= until for line in found)
    if not 0 < moment:
        raise ValueError("Nothing had been written yet.")
    return all_states[min(moment, len(all_states)) - 1]


def first(state: contest.State, category: str) -> tuple[int, ...]:
    """Who has the first place; nobody before anything is given."""
    rows = contest.category_standings(state, category)["rows"] if category in state.categories else []
    return tuple(row["entry"] for row in rows if row["place"] == 1)


def leaders(all_states: list[contest.State], category: str, most: int = 300) -> dict[int, tuple[int, ...]]:
    """{line: who had the first place behind it}; of a long log `most` lines of equal distance and the last."""
    step = max(1, len(all_states) // most)
    return {state.seq: first(state, category) for state in [*all_states[:-1:step], *all_states[-1:]]}


def phases(all_states: list[contest.State], category: str) -> dict[str, int]:
    """{what: line}: when the category was last closed, decided and announced."""
    found, before = {}, ""
    for state in all_states:
        now = state.categories[category].state if category in state.categories else ""
        if now != before and now in ("closed", "decided", "announced"):
            found[now] = state.seq
        before = now
    return found


def changed_sheets(found: Iterable[contest.Line]) -> contest.Rows:
    """Every mark that was given anew with another value: the line, when, by whom, from what to what."""
    given, changes = {}, []
    for line in found:
        record = line.public
        for event in record["events"]:
            if event["type"] != "SheetGiven":
                continue
            before, marks = given.get((event["entry"], event["judge"])), event["marks"]
            if before and (other := {k: v for k, v in marks.items() if before.get(k, v) != v} | {k: "-" for k in before if k not in marks}):
                changes.append({"line": record["seq"], "time": clock(record["at"]), "by": record["by"], "entry": event["entry"],
                                "judge": event["judge"], "late": event["late"], "from": {k: before[k] for k in other}, "to": other})
            given[event["entry"], event["judge"]] = marks
    return contest.Rows(changes)


def clock(at_ms: int) -> str:
    """A line's time on this machine's clock."""
    return datetime.datetime.fromtimestamp(at_ms / 1000).strftime("%Y-%m-%d %H:%M:%S")


def places(then: contest.State, now: contest.State, category: str) -> contest.Rows:
    """The standings of two moments side by side, and whose sheets are other ones; a row an entry for which anything is different."""
    before, after = ({row["entry"]: row for row in contest.category_standings(state, category)["rows"]} for state in (then, now))
    rows = []
    for entry in sorted({*before, *after}):
        old, new = before.get(entry, {}), after.get(entry, {})
        sheets = [judge for judge in sorted({*then.sheets.get(entry, {}), *now.sheets.get(entry, {})})
                  if then.sheets.get(entry, {}).get(judge) != now.sheets.get(entry, {}).get(judge)]
        if sheets or (old.get("place"), old.get("score")) != (new.get("place"), new.get("score")):
            rows.append({"entry": entry, "place then": old.get("place", "-"), "place now": new.get("place", "-"),
                         "score then": old.get("score"), "score now": new.get("score"), "other sheets": sheets})
    return contest.Rows(rows)


# What a forger could try, on copies.

#: A mark, or else the time of the line: the first digit behind it is changed.
_MARK, _TIME = re.compile(rb'("marks":\{"[^"]+":)(\d)'), re.compile(rb'("at":\d+)(\d)')


def _segments(folder: Path) -> list[Path]:
    return sorted((folder / "wal").glob("*.jsonl"))


def _other(text: bytes) -> bytes:
    """A line in which one mark is another; the time, where it holds none."""
    return (_MARK if _MARK.search(text) else _TIME).sub(lambda found: found[1] + (b"5" if found[2] == b"1" else b"1"), text, count=1)


def _target(text: list[bytes]) -> int:
    """Which line of a segment is forged: the middle one of those that give marks, else of all."""
    marked = [at for at, raw in enumerate(text[:-1]) if _MARK.search(raw)] or range(1, max(2, len(text) - 1))
    return marked[len(marked) // 2]


def change_a_mark(folder: Path) -> None:
    """One digit in the log, as an editor would do it."""
    path = _segments(folder)[-1]
    text = path.read_bytes().splitlines(keepends=True)
    text[_target(text)] = _other(text[_target(text)])
    path.write_bytes(b"".join(text))


def take_out_a_line(folder: Path) -> None:
    """One line of the log less."""
    path = _segments(folder)[-1]
    text = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(text[:_target(text)] + text[_target(text) + 1:]))


def cut_the_end_off(folder: Path) -> None:
    """The last line of the log gone."""
    path = _segments(folder)[-1]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def write_it_all_anew(folder: Path) -> None:
    """One digit, and every hash behind it computed again, HEAD too: what only somebody can do who knows this program."""
    previous, seq, size, path = contest.ZERO_HASH, 0, 0, None
    for path in _segments(folder):
        text, made = path.read_bytes().splitlines(keepends=True), []
        goal = _target(text) if path == _segments(folder)[-1] else -1
        for at_line, raw in enumerate(text):
            _, shown, hidden = contest.split_line(raw.rstrip(b"\n"))
            if at_line == 0:
                shown = orjson.dumps(orjson.loads(shown) | {"previous": previous})
            shown = _other(shown) if at_line == goal else shown
            previous = contest.chain(previous, shown)
            made.append(previous.encode() + b" " + shown + (b" " + hidden if hidden else b"") + b"\n")
            seq += at_line > 0
        path.write_bytes(b"".join(made))
        size = path.stat().st_size
    noted = orjson.loads((folder / "HEAD").read_bytes()) if (folder / "HEAD").exists() else {}
    (folder / "HEAD").write_bytes(orjson.dumps(noted | {"seq": seq, "hash": previous, "segment": path.name, "size": size}))
    for snapshot in (folder / "contest.json", *folder.glob("snapshots/*")):
        snapshot.unlink(missing_ok=True)


FORGERIES = {"one digit of a mark changed": change_a_mark, "a line taken out": take_out_a_line, "the last line cut off": cut_the_end_off,
             "a digit changed and every later hash computed anew": write_it_all_anew}


def forged(folder: Path, into: Path) -> contest.Rows:
    """Each forgery on a copy of its own: whether the log alone shows it, and whether the last hash is still the one that was written down."""
    known, rows = lines(folder)[0][-1].hash, []
    for at_row, (name, forge) in enumerate(FORGERIES.items()):
        copy = Path(into) / f"copy-{at_row}"
        for part in ("wal", "HEAD", "secret.json", "erased.json"):
            source, aim = Path(folder) / part, copy / part
            if source.is_dir():
                shutil.copytree(source, aim)
            elif source.exists():
                shutil.copy(source, aim)
        forge(copy)
        found, fault = lines(copy)
        reader = contest.Reader(contest.Disk(), copy)
        try:
            list(reader)
            contest.check_end(reader, contest.noted_head(contest.Disk(), copy))
        except contest.LogCorrupt as why:
            fault = str(why)
        same = found and found[-1].hash == known
        rows.append({"forgery": name, "the log shows it": bool(fault), "what it says": fault.partition(". ")[0],
                     "the hash written down": "is its last" if same and not fault else "is NOT its last"})
    return contest.Rows(rows)
