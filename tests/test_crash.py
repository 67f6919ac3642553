"""Nothing acknowledged is ever lost: power cuts, kills, failing calls and rot, on a simulated disk and on a real server.

On the simulated disk (tests/disk.py has its model) every sequence of up to four operations out of OPERATIONS is run, and at every
disk operation of its last one (those before it are the last of a shorter sequence) the power is cut, keeping none, all, only the first or
three seeded random parts of what was not synced. The suite runs all sequences of up to three and every 23rd of four; with TORTURE=1 all
of four, and nine random parts. Each kind of call is failed at every place it is made, over five folders a start can find.
The real server is killed ROUNDS times (20).
"""

import errno
import http.client
import itertools
import os
import random
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gevent
import gevent.event
import gevent.threadpool
import pytest

import contest as app
from contest import Disk, Head, LogCorrupt, Recovered, Refused, Secret, SyncFailed, encode_line, recover, save_snapshot
from tests.client import Http
from tests.contests import command
from tests.disk import KINDS, SECTOR, Crash, Keep, SimulatedDisk
from tests.server import Server

TORTURE = os.environ.get("TORTURE") == "1"
ROUNDS = int(os.environ.get("ROUNDS", "20"))
RANDOM_PARTS = 9 if TORTURE else 3
EPOCH = "ab" * 16
SALT = "cd" * 16
NOTES = (0, 700, 90, 1500, 300)  # letters in the private part of a line: most batches span sectors


# One contest's disk, and what its callers were told.

def opened(disk: SimulatedDisk) -> Recovered:
    """A start: recovery, then ready to write."""
    found = recover(disk.folder, disk, EPOCH)
    found.log.begin()
    return found


def ids(disk: SimulatedDisk) -> list[str]:
    """The ids of all lines that a start now would read; each line is the one that was written."""
    found = []
    for _, _, line in app.Reader(disk, disk.folder):
        assert line.private == expected_private(line.public["id"]), line.public["id"]
        found.append(line.public["id"])
    return found


def expected_private(line_id: str) -> dict:
    length = NOTES[int(line_id.removeprefix("id-")) % len(NOTES)]
    return {"salt": SALT, "0": {"note": "ü" * length}} if length else {}


def line(number: int, seq: int, batch: int) -> tuple[bytes, bytes]:
    private = expected_private(f"id-{number}")
    private.pop("salt", None)
    public = {"seq": seq, "batch": batch, "at": 1, "type": "T", "by": "admin", "id": f"id-{number}", "body": "", "events": []}
    return encode_line(public, private, SALT)


@dataclass
class Run:
    """Processes one after the other on one disk: the operations of a workload, and a ledger of what callers heard.

    acknowledged  ids of lines, in order
    in_flight     ids of the batch under way, or of one whose outcome is unknown
    backups       names of the backups that were made
    """

    disk: SimulatedDisk
    acknowledged: list[str] = field(default_factory=list)
    in_flight: list[str] = field(default_factory=list)
    backups: list[str] = field(default_factory=list)
    log: app.Log | None = None
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self) -> None:
        self.log = opened(self.disk).log
        self.learn(self.disk)

    def learn(self, disk: SimulatedDisk) -> None:
        """What a start accepts is shown to people: from then on it must stay."""
        found = ids(disk)
        assert self.holds(found), f"a start found {found} of {self.acknowledged} and perhaps {self.in_flight}"
        self.acknowledged, self.in_flight = found, []

    def holds(self, found: list[str]) -> bool:
        """Whether these lines are those acknowledged, and behind them at most a beginning of the batch in flight."""
        extra = found[len(self.acknowledged):]
        return found[:len(self.acknowledged)] == self.acknowledged and extra == self.in_flight[:len(extra)]

    def append(self, lines: int) -> None:
        seq = self.log.head.seq
        numbers = [next(self.numbers) for _ in range(lines)]
        self.in_flight = [f"id-{number}" for number in numbers]
        self.log.append([line(number, seq + 1 + i, seq + 1) for i, number in enumerate(numbers)], seq)
        self.acknowledged, self.in_flight = self.acknowledged + self.in_flight, []

    def rotate(self) -> None:
        self.log.segment_bytes = 1
        self.append(1)
        self.log.segment_bytes = 1 << 20

    def snapshot(self) -> None:
        head = self.log.head
        digest = next((each.hash for *_, each in app.Reader(self.disk, self.disk.folder) if each.public["seq"] == head.seq), app.ZERO_HASH)
        save_snapshot(self.disk, self.disk.folder, Head(head.epoch, head.seq, digest), [("ids", list(self.acknowledged))])

    def note_head(self) -> None:
        self.log.note_head()

    def backup(self) -> None:
        self.backups.append(app.make_backup(self.disk, self.disk.folder, *self.log.mark(), "hand", keep=2))

    def close(self) -> None:
        self.log.close()

    def restart(self) -> None:
        """A kill -9 and a start. With note_head before it, a stop in peace."""
        self.disk.open.clear()
        self.start()


OPERATIONS: dict[str, Callable[[Run], None]] = {
    "append 1": lambda run: run.append(1), "append 2": lambda run: run.append(2), "rotate": Run.rotate,
    "snapshot": Run.snapshot, "note_head": Run.note_head, "restart": Run.restart,
}


WITH_BACKUPS = {**OPERATIONS, "backup": Run.backup}


def workloads(longest: int, every: int = 1) -> list[tuple[str, ...]]:
    """All sequences of so many operations; of the longest ones each `every`th."""
    return [*itertools.chain(*(sequences(OPERATIONS, length) for length in range(longest))), *sequences(OPERATIONS, longest)[::every]]


def sequences(operations: Iterable[str], length: int) -> list[tuple[str, ...]]:
    return list(itertools.product(operations, repeat=length))


@dataclass
class Moment:
    """A disk between two operations, with the ledger as it was then."""

    disk: SimulatedDisk
    acknowledged: list[str]
    in_flight: list[str]
    backups: list[str]

    def on(self, disk: SimulatedDisk) -> Run:
        return Run(disk, list(self.acknowledged), list(self.in_flight), list(self.backups), numbers=itertools.count(1000))


def moments(names: tuple[str, ...], made: Callable[[], SimulatedDisk]) -> list[Moment]:
    """The moments of the last operation of a workload, of the first start where it is empty."""
    run, acts = Run(made()), [Run.start, *(WITH_BACKUPS[name] for name in names)]
    for act in acts[:-1]:
        act(run)
    return watched(run, acts[-1])


def watched(run: Run, act: Callable[[Run], None]) -> list[Moment]:
    """The moments of an act that differ from the one before."""
    found: list[Moment] = []
    last = None

    def take(disk: SimulatedDisk, kind: str = "") -> None:
        nonlocal last
        if last != (disk.version, run.acknowledged, run.in_flight, len(run.backups)):
            last = (disk.version, run.acknowledged, run.in_flight, len(run.backups))
            found.append(Moment(disk.copy(), list(run.acknowledged), list(run.in_flight), list(run.backups)))

    run.disk.before = take
    act(run)
    run.disk.before = None
    take(run.disk)
    assert not run.disk.misused
    return found


def goes_on(run: Run) -> None:
    """A start accepts what it must, more can be written, and a power cut that keeps nothing more takes none of it."""
    found = opened(run.disk)
    run.log = found.log
    run.learn(run.disk)
    check_snapshot(found, run.acknowledged)
    check_backups(run)
    run.append(2)
    run.disk = run.disk.after_crash("none")
    run.start()
    run.append(1)
    run.disk = run.disk.after_crash("none")
    assert ids(opened(run.disk).log.disk) == run.acknowledged


def check_snapshot(found: Recovered, acknowledged: list[str]) -> None:
    """A snapshot and the lines behind it give what all lines give."""
    known = dict(found.snapshot[1])["ids"] if found.snapshot else []
    assert known + [each.public["id"] for each in found.lines()] == acknowledged


def check_backups(run: Run) -> None:
    """What bears a backup's name is one, and the newest that was confirmed is still there or a newer one is."""
    names = app.backup_names(run.disk, run.disk.folder)
    for name in names:
        app.check_backup(run.disk, run.disk.folder / "backups" / name)
    assert not run.backups or (names and names[-1] >= run.backups[-1]), f"a backup was confirmed and is gone: {run.backups}, found {names}"


def keeps(*name) -> list[Keep]:
    return ["none", "all", 1, *(random.Random(f"{name} {part}") for part in range(RANDOM_PARTS))]


def power_cuts(names: Iterable[tuple[str, ...]], made: Callable[[], SimulatedDisk] = SimulatedDisk, most: int = 5) -> list[str]:
    """What went wrong where, for power cuts at every operation of the workloads; ends at so many faults."""
    wrong = []
    for workload in names:
        for number, moment in enumerate(moments(workload, made)):
            for which, keep in enumerate(keeps(workload, number)):
                try:
                    goes_on(moment.on(moment.disk.after_crash(keep)))
                except (AssertionError, app.ContestError, OSError) as why:
                    where = f"{' > '.join(workload) or 'start'}, moment {number}, keeping {keep if which < 3 else which}"
                    wrong.append(f"{where}: {type(why).__name__} {why}")
                    if len(wrong) >= most:
                        return wrong
    return wrong


# Power cuts and kills.

@pytest.mark.seconds(180)
def test_a_power_cut_at_any_operation_takes_nothing_that_was_acknowledged():
    assert power_cuts(workloads(3)) == []


@pytest.mark.seconds(900 if TORTURE else 120)
def test_a_power_cut_in_longer_workloads_takes_nothing_that_was_acknowledged():
    assert power_cuts(sequences(OPERATIONS, 4)[::1 if TORTURE else 23]) == []


@pytest.mark.seconds(300)
def test_a_power_cut_while_backups_are_made_takes_neither_lines_nor_a_confirmed_backup():
    """All sequences of up to two operations with a backup among them, every fifth of three, and one that lets an old backup go."""
    sampled = sequences(WITH_BACKUPS, 3)[::1 if TORTURE else 5]
    chosen = [*sequences(WITH_BACKUPS, 1), *sequences(WITH_BACKUPS, 2), *sampled, ("backup", "backup", "backup")]
    assert power_cuts(names for names in chosen if "backup" in names) == []


@pytest.mark.seconds(120)
def test_what_a_start_after_a_kill_accepts_outlives_a_power_cut_right_after():
    """The page cache held more than the disk: whatever recovery showed, it must have made durable first."""
    for workload in workloads(3 if TORTURE else 2):
        for number, moment in enumerate(moments(workload, SimulatedDisk)):
            run = moment.on(moment.disk.after_kill())
            run.start()
            for keep in keeps(workload, number):
                after = run.disk.after_crash(keep)
                assert ids(opened(after).log.disk) == run.acknowledged, (workload, number)
            goes_on(moment.on(moment.disk.after_kill()))


@pytest.mark.seconds(180)
def test_a_power_cut_or_a_kill_in_the_midst_of_recovery_takes_nothing_either():
    chosen = [("append 2", "rotate"), ("append 2", "append 1"), ("rotate", "restart"), ("note_head", "append 2")]
    for workload in workloads(2 if TORTURE else 1) + chosen:
        for number, moment in enumerate(moments(workload, SimulatedDisk)):
            for keep in keeps(workload, number)[::2]:
                first = moment.disk.after_crash(keep)
                for crash_at in itertools.count(1):
                    disk = first.copy()
                    disk.crash_at = crash_at
                    try:
                        opened(disk)
                    except Crash:
                        chance = random.Random(f"{workload} {number} {crash_at}")
                        goes_on(moment.on(disk.after_crash(chance)))
                        goes_on(moment.on(disk.after_kill()))
                    else:
                        break


def test_a_secret_once_made_is_never_made_again_whatever_cuts_it_short():
    """Every link, card and cookie is derived from the key: a new one would kill them all."""
    first = SimulatedDisk()
    key = Secret(first.folder, first).key
    for crash_at in itertools.count(1):
        disk = first.after_crash("none")
        kept = Secret(disk.folder, disk)
        disk.crash_at = disk.operations + crash_at
        try:
            kept.new_setup_link(0)
            break
        except Crash:
            pass
        for keep in keeps("secret", crash_at):
            after = disk.after_crash(keep)
            assert Secret(after.folder, after).key == key
    after = disk.after_crash("none")
    assert Secret(after.folder, after).setup == kept.setup


# Controls: each takes one promise away from the disk; a campaign that then finds nothing would prove nothing.

class ForgetsFiles(SimulatedDisk):
    def sync(self, fd):
        self._step("sync")


class ForgetsNames(SimulatedDisk):
    def sync_folder(self, path):
        self._step("sync_folder")


class ForgetsAll(ForgetsFiles, ForgetsNames):
    pass


class KeepsItsCache(SimulatedDisk):
    def forget_cache(self, fd):
        self._step("forget_cache")


@pytest.mark.parametrize("made", [ForgetsFiles, ForgetsNames, ForgetsAll])
def test_without_sync_the_same_power_cuts_lose_what_was_acknowledged(made):
    wrong = power_cuts(workloads(1), made)
    assert any("a start found []" in fault for fault in wrong), wrong


def after_a_failed_sync(made: Callable[[], SimulatedDisk], keep: Keep) -> tuple[list[str], list[str]]:
    """What the start after a failed sync accepted, and what the one after a power cut then finds."""
    run = Run(made())
    run.start()
    run.append(2)
    run.disk.fail("sync", keep=keep)
    with pytest.raises(SyncFailed):
        run.append(2)
    run.disk = run.disk.after_kill()
    run.start()
    return run.acknowledged, ids(run.disk.after_crash("none"))


def test_after_a_failed_sync_a_start_believes_the_disk_and_not_the_cache():
    for keep in keeps("failed sync"):
        accepted, found = after_a_failed_sync(SimulatedDisk, keep)
        assert found == accepted and accepted[:2] == ["id-0", "id-1"]
    with pytest.raises(LogCorrupt):  # a start that reads the cache shows, and builds on, what a power cut then takes
        after_a_failed_sync(KeepsItsCache, "none")


# Calls that fail.

def peaceful(disk: SimulatedDisk) -> Run:
    """A folder with two segments, a snapshot and a HEAD that names the end."""
    run = Run(disk)
    run.start()
    for act in (lambda: run.append(2), run.snapshot, run.rotate, run.snapshot, run.note_head, run.close):
        act()
    return run


def killed(disk: SimulatedDisk) -> Run:
    """The same, and one batch more before a kill -9."""
    run = peaceful(disk)
    run.start()
    run.append(1)
    return run


def torn(disk: SimulatedDisk) -> Run:
    """The same, with a batch that did not come to its end."""
    run = killed(disk)
    fd = disk.open_append(run.log.path)
    disk.write(fd, b"0123456789abcdef" * 90)
    disk.sync(fd)
    return run


def half_begun(disk: SimulatedDisk) -> Run:
    """Killed before the name of a new segment was durable."""
    run = killed(disk)

    def kill(disk, kind):
        if kind == "sync_folder":
            raise Crash

    disk.before = kill
    with pytest.raises(Crash):
        run.rotate()
    disk.before = None
    return run


FOLDERS: dict[str, Callable[[SimulatedDisk], Run]] = {
    "new": Run, "peaceful": peaceful, "killed": killed, "torn": torn, "half begun": half_begun}


class Service:
    """A server's life on a disk that fails, with the answers that the Desk gives to each error."""

    def __init__(self, run: Run):
        self.run, self.refused, self.cut = run, [], []
        run.disk.open.clear()

    def live(self) -> bool:
        """Start and work; False where it ended before its time, on purpose."""
        steps = [lambda: self.append(1), lambda: self.append(2), self.rotate, self.idle, self.quiet(self.run.snapshot),
                 self.quiet(self.run.backup), lambda: self.append(2), self.idle]
        try:
            try:
                found = recover(self.run.disk.folder, self.run.disk, EPOCH)
                self.run.log = found.log
                self.run.learn(self.run.disk.copy())  # of a copy: a failure that was asked for must meet the log, not this test
                self.begin()
            except OSError:
                return False  # a start may end with a sentence
            for step in steps:
                step()
        except SyncFailed:
            return False
        self.quiet(self.run.close)()
        return True

    def begin(self) -> None:
        try:
            self.run.log.begin()
        except Refused as full:
            assert full.code == "disk_full"

    def append(self, lines: int) -> None:
        try:
            self.run.append(lines)
        except Refused as full:
            assert full.status == 507
            self.refused += self.run.in_flight
            self.run.in_flight = []
            self.cut.append(Moment(self.run.disk.copy(), list(self.run.acknowledged), [], list(self.run.backups)))

    def rotate(self) -> None:
        self.run.log.segment_bytes = 1
        self.append(1)
        self.run.log.segment_bytes = 1 << 20

    def idle(self) -> None:
        """Two seconds without a command, as the Desk uses them."""
        self.begin()
        self.quiet(self.run.note_head)()

    @staticmethod
    def quiet(act: Callable) -> Callable:
        def tried():
            try:
                act()
            except (OSError, LogCorrupt):
                pass
        return tried


def survives(run: Run, *name) -> None:
    """Whatever comes next, a kill or a power cut: the folder opens, and all that was acknowledged is there."""
    moment = Moment(run.disk, run.acknowledged, run.in_flight, run.backups)
    goes_on(moment.on(run.disk.after_kill()))
    for keep in keeps(*name):
        goes_on(moment.on(run.disk.after_crash(keep)))


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_whichever_call_fails_nothing_acknowledged_is_lost_and_the_service_goes_on(kind, folder, number):
    for nth in itertools.count(1):
        run = FOLDERS[folder](SimulatedDisk())
        run.disk.fail(kind, nth, number, random.Random(f"{kind} {nth}"))
        service = Service(run)
        lived = service.live()
        if not run.disk.failed:
            assert lived and not service.refused
            break
        assert not run.disk.misused, run.disk.misused
        assert len(service.refused) <= 2, f"one call failed, and these were refused: {service.refused}"
        assert not (lived and any(name.endswith(".jsonl") for name in run.disk.unsynced)), "a failed sync of a segment is final"
        for cut in service.cut:
            survives(cut.on(cut.disk), kind, nth, "refused")
        survives(run, kind, nth)


@pytest.mark.parametrize("kind", KINDS)
def test_a_torn_tail_is_set_aside_whole_whichever_call_fails_on_the_way(kind):
    for nth in itertools.count(1):
        run = torn(SimulatedDisk())
        run.disk.fail(kind, nth)
        for _ in range(2):  # the failure, then the service's next try or, where that one was final, the next start
            try:
                run.log = recover(run.disk.folder, run.disk, EPOCH).log
                run.log.begin()
            except Refused:
                run.log.begin()
            except (OSError, SyncFailed):
                continue
            break
        aside = [content.cache for path, content in run.disk.files().items() if path.suffix == ".torn"]
        assert aside == [b"0123456789abcdef" * 90]
        survives(run, kind, nth)
        if not run.disk.failed:
            break


def test_a_disk_that_fills_up_anywhere_refuses_loses_nothing_and_goes_on_when_there_is_room():
    for room in range(0, 9000, 307):
        run = peaceful(SimulatedDisk())
        run.disk.room = room
        service = Service(run)
        assert service.live()
        for cut in service.cut:
            survives(cut.on(cut.disk), room, "refused")
        run.disk.room = None
        known = len(run.acknowledged)
        assert service.live() and len(run.acknowledged) == known + 6
        survives(run, room)


def test_a_batch_that_was_refused_for_want_of_room_never_comes_back():
    """Whole lines of it may have reached the disk: the cut must be as durable as they are."""
    for room in itertools.count(0, 97):
        run = peaceful(SimulatedDisk())
        run.start()
        run.disk.room = room
        try:
            run.append(3)
            break
        except Refused as full:
            assert full.status == 507
        run.in_flight = []
        survives(run, "room", room)
        for writes in (2, 3):  # the writes, and not the cut
            goes_on(Moment(run.disk, run.acknowledged, [], run.backups).on(run.disk.after_crash(writes)))


class Contest:
    """A desk on a simulated disk, as the server wires it, and the categories that it confirmed."""

    def __init__(self, disk: SimulatedDisk):
        self.disk, self.confirmed, self.unknown, self.refused, self.ended = disk, [], [], [], False
        self.pool, self.fatal = gevent.threadpool.ThreadPool(1), gevent.event.AsyncResult()
        self.desk = None

    def live(self, names: Iterable[str]) -> None:
        """Start, add a category at a time, stop. Errors that end the server on purpose set `ended`."""
        try:
            found = recover(self.disk.folder, self.disk, EPOCH)
            self.desk = app.Desk(found, self.pool, lambda *told: None, lambda *passed: None, self.fatal.set)
            self.desk.replay()
        except (OSError, SyncFailed):
            self.ended = True
            return
        self.desk.start()
        for name in names:
            self.add(name)
        self.desk.stop()
        if self.unknown:
            self.fatal.get(timeout=15)
        self.ended = self.fatal.ready()

    def add(self, name: str) -> None:
        try:
            self.desk.submit(command(app.AddCategory, fields={"name": name}, id=f"add-{name:>8}"))
            self.confirmed.append(name)
        except Refused as no:
            assert no.code in ("disk_full", "outcome_unknown", "draining"), no.code
            (self.unknown if no.code == "outcome_unknown" else self.refused).append(name)

    def names(self, disk: SimulatedDisk) -> list[str]:
        """The categories that a start on this disk would show."""
        desk = app.Desk(recover(disk.folder, disk, EPOCH), self.pool, lambda *told: None, lambda *passed: None)
        desk.replay()
        desk.log.close()
        return [category.name for category in desk.state.categories.values()]

    def end(self) -> None:
        if self.desk and not self.desk.stopped:
            self.desk.stop()
        self.pool.kill()


@pytest.mark.parametrize("kind", KINDS)
def test_the_desk_answers_every_failing_call_with_a_refusal_and_keeps_what_it_confirmed(kind, capfd):
    for nth in itertools.count(1):
        contest = Contest(SimulatedDisk())
        try:
            contest.live(["one"])
            contest.disk.fail(kind, nth, keep=random.Random(f"{kind} {nth}"))
            contest.live(["two", "three"])
            for keep in keeps(kind, nth, "desk"):
                found = sorted(contest.names(contest.disk.after_crash(keep)))
                assert found in (sorted(contest.confirmed), sorted(contest.confirmed + contest.unknown)), (nth, found)
            assert contest.ended or len(contest.refused) <= 1
            assert not contest.disk.misused
        finally:
            contest.end()
        if not contest.disk.failed:
            break
    assert "Traceback" not in capfd.readouterr().err


# Restores and erasures, interrupted.

OTHER_EPOCH = "ef" * 16
PHOTO = "photos/ab/" + "ab" * 16 + "-large.jpg"


def furnished(disk: SimulatedDisk) -> tuple[Run, list[str]]:
    """A folder with secret, photo, a backup and lines behind it; the run, and the ids that the backup holds."""
    Secret(disk.folder, disk)
    app.ensure_folder(disk, (disk.folder / PHOTO).parent)
    app.replace_file(disk, disk.folder / PHOTO, [b"photo" * 300])
    run = Run(disk)
    run.start()
    for act in (lambda: run.append(2), run.rotate, run.snapshot, run.backup):
        act()
    held = list(run.acknowledged)
    for act in (lambda: run.append(1), run.rotate, run.snapshot, run.note_head):
        act()
    return run, held


def order(run: Run, backup: str) -> None:
    app.prepare_restore(run.disk, run.disk.folder, run.disk.folder / "backups" / backup, None, OTHER_EPOCH, {})


def start_restored(disk: SimulatedDisk) -> Recovered:
    app.finish_restore(disk, disk.folder)
    return opened(disk)


def check_restored(disk: SimulatedDisk, before: list[str], held: list[str], ordered: bool) -> None:
    """A start finds the old contest or, once it was ordered, the restored one with the old one kept beside; more can be written."""
    found = start_restored(disk)
    was_restored = found.log.head.epoch == OTHER_EPOCH
    assert was_restored or not ordered
    run = Run(disk, held if was_restored else before, log=found.log, numbers=itertools.count(1000))
    assert ids(disk) == run.acknowledged
    check_snapshot(found, run.acknowledged)
    assert disk.read(disk.folder / PHOTO) == b"photo" * 300 and Secret(disk.folder, disk.copy()).key
    if was_restored:
        (kept,) = disk.names(disk.folder / "kept")
        assert [line.public["id"] for *_, line in app.Reader(disk, disk.folder / "kept" / kept)] == before
    run.append(1)
    after = disk.after_crash("none")
    start_restored(after)
    assert ids(after) == run.acknowledged


@pytest.mark.seconds(120)
def test_a_restore_cut_short_anywhere_leaves_the_old_contest_or_the_restored_one():
    run, held = furnished(SimulatedDisk())
    before = list(run.acknowledged)
    stages = [(False, lambda run: order(run, run.backups[0])), (True, lambda run: start_restored(run.disk))]
    for ordered, act in stages:
        seen = watched(run, act)
        for number, moment in enumerate(seen):
            is_ordered = ordered or number == len(seen) - 1
            check_restored(moment.disk.after_kill(), before, held, is_ordered)
            for keep in keeps("restore", ordered, number):
                check_restored(moment.disk.after_crash(keep), before, held, is_ordered)
                again = moment.disk.after_crash(keep)  # and cut once more while it is finished
                again.crash_at = random.Random(f"again {number}").randrange(1, 40)
                try:
                    start_restored(again)
                except Crash:
                    check_restored(again.after_crash(random.Random(f"{number}")), before, held, is_ordered)


@pytest.mark.parametrize("kind", KINDS)
def test_a_restore_in_which_a_call_fails_leaves_the_old_contest_or_the_restored_one(kind):
    for nth in itertools.count(1):
        run, held = furnished(SimulatedDisk())
        before, ordered = list(run.acknowledged), False
        run.disk.fail(kind, nth)
        try:
            order(run, run.backups[0])
            ordered = True
            start_restored(run.disk)
        except (OSError, Refused, LogCorrupt, SyncFailed):
            pass
        for disk in (run.disk.after_kill(), run.disk.after_crash("none"), run.disk.after_crash(random.Random(nth))):
            check_restored(disk, before, held, ordered)
        if not run.disk.failed:
            break


NAME = "Zoë Quast".encode()
STICK = Path("/stick")  # the second place


def record(seq: int, events: list[dict], private: dict) -> tuple[bytes, bytes]:
    public = {"seq": seq, "batch": seq, "at": 1, "type": "T", "by": "admin", "id": f"id-{seq}", "body": "", "events": events}
    return encode_line(public, private, SALT)


def with_a_person() -> Run:
    """A person everywhere: in the log, a backup here and one on a stick, a tree kept by a restore, a torn tail set aside, and a photo."""
    run, _ = furnished(SimulatedDisk())
    disk = run.disk
    for seq in range(run.log.head.seq + 1, run.log.head.seq + 3):
        run.log.append([record(seq, [{"type": "EntrySubmitted", "entry": 7}], {"0": {"collector": NAME.decode() * 60}})], seq - 1)
    run.backup()
    app.ensure_folder(disk, STICK)
    app.copy_backup(disk, disk.folder / "backups" / run.backups[-1], STICK)
    run.snapshot()
    order(run, run.backups[-1])
    run.log.close()
    run.log = start_restored(disk).log
    app.ensure_folder(disk, disk.folder / "quarantine")
    app.replace_file(disk, disk.folder / "quarantine" / "wal-0000000000000001-9.torn", [NAME])
    return run


def erase(disk: SimulatedDisk) -> None:
    """As the Keeper does, at once or at the next start: first the line, then what it says."""
    log = opened(disk).log
    lines = [each.public for *_, each in app.Reader(disk, disk.folder)]
    if not any(event["type"] == "PersonErased" for each in lines for event in each["events"]):
        seqs = [each["seq"] for each in lines if each["events"] and each["events"][0]["entry"] == 7]
        seq = log.head.seq + 1
        log.append([record(seq, [{"type": "PersonErased", "entry": 7, "lines": seqs}], {})], seq - 1)
    log.begin_after_erasure()
    app.erase_everywhere(disk, disk.folder, 7, [PHOTO.rpartition("/")[2]])
    app.erase_in_place(disk, STICK, {7: [PHOTO.rpartition("/")[2]]})
    log.close()


def names_left(disk: SimulatedDisk) -> list[str]:
    return [str(path) for path, content in disk.files().items() if NAME in content.durable or path.name == PHOTO.rpartition("/")[2]]


@pytest.mark.seconds(120)
def test_an_erasure_cut_short_anywhere_is_finished_by_the_next_start_and_then_final():
    """A power cut right after it brings nobody back; the log, the backups and the kept tree stay whole at every moment."""
    run = with_a_person()
    assert len(names_left(run.disk.after_crash("none"))) == 11
    total = len(list(app.Reader(run.disk, run.disk.folder))) + 1
    for number, moment in enumerate(watched(run, lambda run: erase(run.disk))):
        for disk in (moment.disk.after_kill(), *(moment.disk.after_crash(keep) for keep in keeps("erase", number))):
            for tree in app.trees(disk, disk.folder):
                list(app.Reader(disk, tree))
            erase(disk)
            after = disk.after_crash("none")
            assert names_left(after) == []
            assert len(list(app.Reader(after, after.folder))) == total
            copies = [STICK / name for name in after.names(STICK) if name.startswith("0")]
            for backup in [*(after.folder / "backups" / name for name in app.backup_names(after, after.folder)), *copies]:
                app.check_backup(after, backup)


# Rot.

def rotten(run: Run) -> Iterator[tuple[SimulatedDisk, str]]:
    """The durable disk of a run, each time with other sectors zeroed: single ones, and pages of eight, of every file."""
    whole = run.disk.after_crash("none")
    for path, content in whole.files().items():
        for size in (SECTOR, 8 * SECTOR):
            for at in range(0, len(content.durable), size):
                disk = whole.copy()
                disk.rot(path, at, bytes(min(size, len(content.durable) - at)))
                yield disk, f"{path.name} from {at}, {size} bytes"


@pytest.mark.parametrize("noted", [True, False])
def test_no_zeroed_sector_is_passed_over_in_silence(noted):
    """With HEAD: all lines or an end with 65 that changes nothing. Without: at most what one crash could explain, told and set aside."""
    run = Run(SimulatedDisk())
    run.start()
    for act in [lambda: run.append(2)] * 3 + [run.snapshot, run.rotate, lambda: run.append(2), run.snapshot] + [lambda: run.append(1)] * 4:
        act()
    if noted:
        run.note_head()
    outcomes = {"whole": 0, "refused": 0, "told": 0}
    for disk, where in rotten(run):
        before = disk.version
        try:
            found = recover(disk.folder, disk, EPOCH)
        except LogCorrupt as why:
            assert disk.version == before and re.search(r"wal-\d{16}.jsonl.*seq \d+|HEAD", str(why)), (where, why)
            outcomes["refused"] += 1
            continue
        kept = ids(disk)
        if kept == run.acknowledged:
            check_snapshot(found, kept)
            outcomes["whole"] += 1
            continue
        assert not noted and found.sentences and kept == run.acknowledged[:len(kept)], where
        assert len(kept) >= len(run.acknowledged) - 5, where  # a page of 4096 bytes holds that much of the end
        found.log.begin()
        assert [name for name in disk.names(disk.folder / "quarantine") if disk.read(disk.folder / "quarantine" / name)], where
        outcomes["told"] += 1
    assert outcomes["whole"] and outcomes["refused"] and bool(outcomes["told"]) != noted, outcomes


def test_a_snapshot_damaged_in_any_way_costs_only_time():
    run = peaceful(SimulatedDisk())
    path = run.disk.folder / "contest.json"
    raw = run.disk.read(path)
    chance = random.Random("snapshot")
    broken = [raw[:at] for at in range(0, len(raw), 3)] + [b"{}", b"[]", b"null", b"\xff", raw * 2]
    for _ in range(200):
        flipped = bytearray(raw)
        flipped[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        broken.append(bytes(flipped))
    for bad in broken:
        again = Run(run.disk.copy(), run.acknowledged)
        again.disk.rot(path, 0, bad)
        again.disk.rot(path, len(bad), None)
        found = opened(again.disk)
        check_snapshot(found, run.acknowledged)
        again.log = found.log
        again.snapshot()
        check_snapshot(opened(again.disk), run.acknowledged)


# The simulated disk itself.

def test_the_simulated_disk_answers_every_operation_as_the_real_one(tmp_path):
    """A thousand operations by chance: what a process sees is what it would see on this machine's own disk."""
    assert not [kind for kind in KINDS if getattr(SimulatedDisk, kind) is getattr(Disk, kind)]
    real, simulated, chance = Disk(), SimulatedDisk(), random.Random("conformity")
    names = ["a", "b", "sub/a", "sub/c", "sub/sub/d", "other/e"]
    folders = ["", "sub", "sub/sub", "other"]
    fds: list[tuple[int, int]] = []

    def both(kind: str, real_arguments: list, arguments: list) -> list:
        answers, failed = [], []
        for disk, given in ((real, real_arguments), (simulated, arguments)):
            try:
                answer = getattr(disk, kind)(*given)
                answers.append(list(answer) if kind in ("lines", "pieces") else answer)
                failed.append(0)
            except OSError as why:
                answers.append(why.errno)
                failed.append(why.errno)
        assert failed[0] == failed[1] and (answers[0] == answers[1] or kind.startswith("open_")), (kind, arguments, answers)
        return [] if failed[0] else answers

    for _ in range(3000):
        kind, name, other = chance.choice(KINDS), chance.choice(names), chance.choice(names)
        if kind in ("names", "sync_folder", "make_folder", "remove_tree") or (kind == "rename" and chance.random() < 0.3):
            name, other = chance.choice(folders[kind in ("remove_tree", "rename"):]), "moved"
            if kind == "remove_tree" and chance.random() < 0.8:
                continue
        arguments = [[top / name] for top in (tmp_path, simulated.folder)]
        if kind in ("write", "sync", "forget_cache", "size", "truncate", "close"):
            if not fds:
                continue
            pair = chance.choice(fds)
            more = {"write": [chance.randbytes(9) + b"\n"], "truncate": [chance.randrange(99)]}.get(kind, [])
            arguments = [[fd, *more] for fd in pair]
        elif kind in ("rename", "link"):
            arguments[0].append(tmp_path / other)
            arguments[1].append(simulated.folder / other)
            there = [real.exists(path) for path in (tmp_path / name, (tmp_path / other).parent, tmp_path / other)]
            if kind == "link" and there != [True, True, False]:
                continue  # contest.Disk copies where it cannot link
        found = both(kind, *arguments)
        if kind.startswith("open_") and found:
            fds.append(tuple(found))
        elif kind == "close":
            fds.remove(pair)
    for fd, _ in fds:
        os.close(fd)
    seen = {path.relative_to(simulated.folder): content.cache for path, content in simulated.files().items()}
    assert seen == {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert not simulated.misused and simulated.operations > 2000


# The real server.

class Judging:
    """One judge's client, and the ledger that it keeps: until it hears of a command, that one may have happened or not.

    Each sheet is given on the base of the one before, under an id of its own.
    """

    def __init__(self, admin: Http, judge: str, entry: int):
        self.admin, self.judge, self.entry = admin, judge, entry
        self.confirmed: dict[str, dict] = {}  # {id: form}
        self.open: tuple[str, dict] | None = None  # sent, not answered
        self.sheet: dict | None = None  # as the last answer showed it
        self.surprises: list[str] = []

    def give(self, command_id: str, form: dict) -> bool:
        """Send a sheet, or send it again; False where the server was gone. A repeat answers with the sheet as it is, unchanged."""
        repeated = command_id in self.confirmed
        if not repeated:
            self.open = command_id, form
        try:
            answer = self.admin.put(f"/api/sheets/{self.entry}", {**form, "id": command_id})
        except (OSError, http.client.HTTPException):
            return False
        if answer.status == 503:
            return False
        if answer.status != 200 or (repeated and answer.json["sheet"] != self.sheet):
            self.surprises.append(f"{form}: {answer}; before {self.sheet}")
            return True
        if not repeated:
            self.sheet, self.confirmed[command_id], self.open = answer.json["sheet"], form, None
        return True

    def judge_until(self, stop: threading.Event) -> None:
        while not stop.is_set() and not self.surprises:
            marks, base = {"technique": 1 + len(self.confirmed) % 19 * 0.5}, self.sheet["seq"] if self.sheet else None
            form = {"judge": self.judge, "marks": marks, "note": f"{len(self.confirmed)}", "base": base}
            if not self.give(secrets.token_urlsafe(16), form):
                return

    def settle(self, chance: random.Random) -> None:
        """Send again what got no answer, and something old that did."""
        for command_id, form in [self.open] if self.open else []:
            assert self.give(command_id, form)
        for command_id, form in chance.sample(sorted(self.confirmed.items()), min(1, len(self.confirmed))):
            assert self.give(command_id, form)
        assert not self.surprises and not self.open


def judging(server: Server, photo) -> list[Judging]:
    """A category with one entry in judging, and four judges at it."""
    admin = Http(server).login_admin()
    criteria = [{"id": "technique", "name": "Technique", "weight": 1}]
    assert admin.post("/api/categories", {"name": "Sleeve", "criteria": criteria}).status == 201
    judges = [admin.post("/api/judges", {"name": name, "role": "judge"}).json["judge"]["id"] for name in ("Ana", "Ben", "Cleo", "Dan")]
    entry = admin.submit(photo, category="sleeve").json["entry"]["number"]
    assert admin.post("/api/categories/sleeve/judge").status == 200
    return [Judging(admin, judge, entry) for judge in judges]


@pytest.mark.seconds(120 + 5 * ROUNDS)
def test_a_server_killed_again_and_again_keeps_what_it_confirmed_and_does_nothing_twice(server, photo):
    """kill -9 while four judges judge; every fourth time also while it starts. The same id again settles what is unknown."""
    running, chance = server(), random.Random(ROUNDS)
    judges = judging(running, photo)
    for number in range(ROUNDS):
        stop = threading.Event()
        threads = [threading.Thread(target=one.judge_until, args=(stop,)) for one in judges]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.02, 0.25))
        running.kill()
        stop.set()
        for thread in threads:
            thread.join(15)
        if number % 4 == 3:
            running.start(wait=False)
            time.sleep(chance.uniform(0, 0.8))
            running.kill()
        running.start()
        for one in judges:
            one.settle(chance)
        shown = {sheet["judge"]: sheet for sheet in judges[0].admin.get("/api/state").json["sheets"]}
        assert all(shown.get(one.judge) == one.sheet for one in judges)
    assert all(len(one.confirmed) > ROUNDS // 2 for one in judges)
    assert running.stop() == 0
    found = [line.public["id"] for *_, line in app.Reader(Disk(), running.data) if line.public["type"] == "GiveSheet"]
    assert sorted(found) == sorted(command_id for one in judges for command_id in one.confirmed)


CLOCK = "import os, time\n_time, _shift = time.time, float(os.environ['CLOCK_SHIFT'])\ntime.time = lambda: _time() + _shift\n"


def test_a_clock_two_days_back_or_ten_years_ahead_changes_nothing_that_was_confirmed(server, tmp_path):
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(CLOCK)
    running = server(env={"PYTHONPATH": str(tmp_path / "clock"), "CLOCK_SHIFT": "0"})
    admin = Http(running).login_admin()
    judge = admin.post("/api/judges", {"name": "Ana", "role": "judge"}).json["link"]
    added = []
    for number, days in enumerate([0, -2, 3650, 0]):
        if number:
            cursor = {key: value for key, value in admin.get("/api/state").json.items() if key in "esha"}
            running.stop()
            running.env["CLOCK_SHIFT"] = str(days * 86_400)
            running.start()
            missed = admin.get(f"/api/events?e={cursor['e']}&s={cursor['s']}&h={cursor['h']}&a={cursor['a']}&wait=0").json
            assert missed["mode"] in ("resume", "reset") and not missed["events"]
        for command_id, form in added:
            assert admin.post("/api/categories", {**form, "id": command_id}).status == 200, "a repeat is known whatever the clock says"
        added.append((f"clock-{number:08d}", {"name": f"Category {number}"}))
        assert admin.post("/api/categories", {**added[-1][1], "id": added[-1][0]}).status == 201
        assert Http(running).join(judge).cookies
        assert [category["name"] for category in admin.get("/api/state").json["categories"]] == [form["name"] for _, form in added]
    running.stop()
    lines = [line.public for *_, line in app.Reader(Disk(), running.data)]
    assert [each["seq"] for each in lines] == list(range(1, 6))
    at = [each["at"] for each in lines]
    assert at[2] < at[1] < at[4] < at[3], "the clock did move"


def test_a_second_server_on_one_folder_ends_with_75_and_names_the_first_also_through_a_link(server, tmp_path):
    first = server()
    (tmp_path / "link").symlink_to(first.data)
    before = Http(first).get("/api/state").json
    for folder in (first.data, tmp_path / "link"):
        second = Server(tmp_path / "second" / folder.name, {"CONTEST_DATA": str(folder)})
        second.start(wait=False)
        try:
            assert second.wait() == 75
        finally:
            second.end()
        assert f"process {first.pid}" in second.errors and first.url in second.errors and "Traceback" not in second.errors
    assert Http(first).get("/api/state").json == before
    first.kill()
    assert server(first.data).running, "the lock of a process that is gone holds nobody up"


def unreadable(path) -> None:
    """Nothing can be read here, and being root does not help: a folder stands in the file's place, a file in the folder's."""
    if path.is_dir():
        shutil.rmtree(path)
        path.write_bytes(b"")
    else:
        path.unlink(missing_ok=True)
        path.mkdir()


BROKEN = {
    "secret.json zeroed": lambda data: (data / "secret.json").write_bytes(bytes(200)),
    "secret.json unreadable": lambda data: unreadable(data / "secret.json"),
    "HEAD unreadable": lambda data: unreadable(data / "HEAD"),
    "HEAD of something else": lambda data: (data / "HEAD").write_bytes(b'{"x":1}'),
    "erased.json zeroed": lambda data: (data / "erased.json").write_bytes(bytes(3)),
    "segment unreadable": lambda data: unreadable(next((data / "wal").iterdir())),
    "wal unreadable": lambda data: unreadable(data / "wal"),
}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a contest with one category, ended in peace."""
    running = Server(tmp_path_factory.mktemp("stopped") / "data").start()
    try:
        assert Http(running).login_admin().post("/api/categories", {"name": "Sleeve"}).status == 201
        assert running.stop() == 0
    finally:
        running.end()
    return running.data


@pytest.mark.parametrize("damage", BROKEN)
def test_a_folder_that_cannot_be_read_ends_the_start_with_a_sentence(stopped, tmp_path, damage):
    data = shutil.copytree(stopped, tmp_path / "data")
    BROKEN[damage](data)
    broken = Server(data)
    broken.start(wait=False)
    try:
        assert broken.wait() in (65, 74, 77)
    finally:
        broken.end()
    assert "Traceback" not in broken.errors and damage.split()[0].replace("segment", "wal-") in broken.errors


@pytest.mark.parametrize("place", ["contest.json", "snapshots"])
def test_a_snapshot_that_cannot_be_read_costs_only_time(stopped, server, tmp_path, place):
    data = shutil.copytree(stopped, tmp_path / "data")
    (data / "snapshots").mkdir(exist_ok=True)
    unreadable(data / place)
    admin = Http(server(data)).login_admin()
    assert [category["name"] for category in admin.get("/api/state").json["categories"]] == ["Sleeve"]
