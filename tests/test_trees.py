"""Whole contests as folders, at bad moments: two orders at once, what a kill left, rotten backups, archives that somebody edited."""

import contextlib
import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import gevent
import pytest

import contest as app
from contest import Disk, LogCorrupt, Refused, verify
from tests.server import TOP
from tests.test_keep import PERSON, files_with, fill, run, run_on_a_terminal, state_of

@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def place(tmp_path) -> Path:
    """A second place: a stick that is plugged in."""
    (tmp_path / "stick").mkdir()
    return tmp_path / "stick"


def collectors(folder: Path) -> list[str]:
    """The collectors that a start on this folder shows."""
    with app.open(folder) as c:
        return [entry["collector"] for entry in c.state()["entries"]]


EVERYBODY = [PERSON["collector"], "Collector 1"]


# Two at once.

def test_an_erasure_and_a_restore_at_once_leave_one_contest_with_its_people(data, photo, monkeypatch):
    """Asked for at once they often meet as here: the erasure's line comes before the restore's pause, its files go while the restore is staged."""
    backup, prepare, strip, begun, ordered = app.make_backup, app.prepare_restore, app.strip_private, threading.Event(), threading.Event()

    def restores_backup(*arguments):
        until = time.monotonic() + 3
        while arguments[4] == "restore" and 101 not in c._server.desk.state.erased and time.monotonic() < until:
            time.sleep(0.01)
        return backup(*arguments)

    def restores_staging(*arguments):
        begun.wait(3)
        try:
            return prepare(*arguments)
        finally:
            ordered.set()

    def erasures_first_tree(*arguments):
        if not begun.is_set():
            begun.set()
            ordered.wait(3)
        return strip(*arguments)
    with app.open(data) as c:
        fill(c, photo, 2)
        name = c.backup()
        for function, slow in ((backup, restores_backup), (prepare, restores_staging), (strip, erasures_first_tree)):
            monkeypatch.setattr(app, function.__name__, slow)
        both = [gevent.spawn(c.erase, 101), gevent.spawn(c.restore, name)]
        gevent.joinall(both, timeout=15)
        assert all(each.ready() for each in both)
    monkeypatch.undo()
    assert collectors(data)[1:] == ["Collector 1"] and verify(data)["ok"]


@pytest.mark.parametrize("second", [{"to_seq": 999}, {"source": "000099-1-hand"}])
def test_a_restore_that_is_refused_after_another_was_ordered_leaves_that_one_alone(data, photo, second):
    with app.open(data) as c:
        fill(c, photo, 2)
        name = c.backup()
        c.restore(name)
        with pytest.raises(Refused):
            c.restore(**{"source": name} | second)
        with pytest.raises(Refused, match="being restored"):
            c.add_category("Lost")
    assert collectors(data) == EVERYBODY


def test_a_restore_that_is_refused_while_another_is_ordered_leaves_that_one_alone(data, photo, monkeypatch):
    """Both had begun; the one to a seq that there is not is at its staging when the other is ordered."""
    stage = app.stage_restore

    def slow(*arguments):
        until = time.monotonic() + 3
        while arguments[3] == 999 and not (data / "RESTORE").exists() and time.monotonic() < until:
            time.sleep(0.01)
        return stage(*arguments)
    with app.open(data) as c:
        fill(c, photo, 2)
        name = c.backup()
        monkeypatch.setattr(app, "stage_restore", slow)
        both = [gevent.spawn(c.restore, name, to_seq) for to_seq in (None, 999)]
        gevent.joinall(both, timeout=15)
        assert both[0].successful() and isinstance(both[1].exception, Refused)
    assert collectors(data) == EVERYBODY


def test_backups_and_taps_at_once_leave_whole_backups(data, photo):
    with app.open(data) as c:
        fill(c, photo, 2)
        at_once = [gevent.spawn(c.backup) for _ in range(4)] + [gevent.spawn(c.add_category, f"C{n}") for n in range(8)]
        gevent.joinall(at_once, timeout=15, raise_error=True)
        assert len(set(each.value for each in at_once[:4])) == 4
        for name in [each.value for each in at_once[:4]]:
            assert app.check_backup(Disk(), data / "backups" / name)["seq"] >= 6
    assert verify(data)["ok"]


def test_a_key_that_is_gone_is_never_made_anew_beside_a_log(data):
    """Every link, card and cookie hangs on it."""
    with app.open(data) as c:
        c.add_category("Sleeve")
        name = c.backup()
    (data / "secret.json").unlink()
    with pytest.raises(LogCorrupt, match="secret.json is missing"):
        app.open(data)
    assert not (data / "secret.json").exists()
    shutil.copy(data / "backups" / name / "secret.json", data / "secret.json")
    assert state_of(data)["categories"][0]["id"] == "sleeve"


# What a kill left.

def test_an_erasure_reaches_an_archive_that_a_kill_left_half_restored(data, photo, tmp_path):
    with app.open(data) as c:
        fill(c, photo, 1)
        archive = c.save_backup(tmp_path / "all.zip")
    app.unpack(Disk(), archive, data / "restoring-upload")
    with app.open(data) as c:
        c.erase(101)
    assert files_with(data, *PERSON.values()) == []


def test_an_erasure_that_a_start_goes_on_with_reaches_a_backup_that_a_kill_left_half_made(data, photo, monkeypatch):
    with app.open(data) as c:
        fill(c, photo, 1)
        name = c.backup()
        monkeypatch.setattr(app, "erase_everywhere", lambda *_: (_ for _ in ()).throw(OSError(5, "power")))
        with pytest.raises(OSError):
            c.erase(101)
    monkeypatch.undo()
    shutil.copytree(data / "backups" / name, data / "backups" / ".making")
    app.open(data).close()
    app.open(data).close()
    assert files_with(data, *PERSON.values()) == []


def test_an_erasure_reaches_a_copy_that_was_left_half_made_in_the_second_place(data, photo, place):
    with app.open(data, backup_folder=str(place)) as c:
        fill(c, photo, 1)
        name = c.backup()
        own, = place.iterdir()
        shutil.copytree(own / name, own / ".000077-5-timer")
        c.erase(101)
        c.backup()
    assert files_with(place, *PERSON.values()) == []


def test_a_person_is_erased_also_where_a_kill_left_an_empty_folder_of_a_restore_that_was_never_ordered(data, photo):
    with app.open(data) as c:
        fill(c, photo, 2)
        (data / "kept" / "0001").mkdir(parents=True)  # between the folder and RESTORE
        with contextlib.suppress(OSError):
            c.erase(101)
    assert collectors(data) == ["", "Collector 1"] and files_with(data, PERSON["collector"]) == []


def test_what_came_between_the_last_backup_and_a_kill_is_in_the_next_one(data, tmp_path):
    with app.open(data) as c:
        c.add_category("Sleeve")
        c.backup()
        c.add_category("Back")
        killed = shutil.copytree(data, tmp_path / "killed")
    app.open(killed).close()
    assert app.backup_names(Disk(), killed)[-1] == "000002-2-stop"


# Rotten backups and sticks.

ROT: dict[str, Callable[[Path], object]] = {
    "manifest": lambda tree: (tree / "manifest.json").write_bytes(b"{"),
    "line": lambda tree: [p.write_bytes(p.read_bytes().replace(b'{"seq":3,', b'\0"seq":3,')) for p in (tree / "wal").iterdir()],
    "segments gone": lambda tree: shutil.rmtree(tree / "wal"),
    "erased.json": lambda tree: (tree / "erased.json").write_bytes(b"")}


@pytest.mark.parametrize("rot", ROT)
def test_a_person_is_erased_also_beside_a_backup_that_is_damaged(data, photo, rot):
    with app.open(data) as c:
        fill(c, photo, 2)
        ROT[rot](data / "backups" / c.backup())
        with contextlib.suppress(OSError, ValueError, app.ContestError):  # it may say so; but the contest has to go on
            c.erase(101)
    assert collectors(data) == ["", "Collector 1"]
    assert not (data / "ERASING").exists()


def test_a_second_place_that_cannot_be_read_stops_neither_an_erasure_nor_a_start(data, photo, place):
    with app.open(data, backup_folder=str(place)) as c:
        fill(c, photo, 2)
        c.backup()
        own, = place.iterdir()
        (own / "erased-here.json").write_bytes(b"")
        with contextlib.suppress(OSError, ValueError, app.ContestError):
            c.erase(101)
    with app.open(data, backup_folder=str(place)) as c:
        assert [entry["collector"] for entry in c.state()["entries"]] == ["", "Collector 1"]
    assert files_with(data, *PERSON.values()) == []


@pytest.mark.parametrize("rotten", [b"", b"another picture"])
def test_a_photo_of_a_backup_that_has_changed_is_found(data, photo, rotten):
    with app.open(data) as c:
        fill(c, photo, 1)
        tree = data / "backups" / c.backup()
    large = next((tree / "photos").rglob("*-large.jpg"))
    large.unlink()  # the second name only
    large.write_bytes(rotten)
    with pytest.raises(LogCorrupt, match=large.name):
        app.check_backup(Disk(), tree)


def test_a_photo_that_was_damaged_in_the_second_place_is_copied_again_or_said(data, photo, place):
    with app.open(data, backup_folder=str(place)) as c:
        fill(c, photo, 1)
        c.backup()
        own, = place.iterdir()
        large = next((own / "photos").rglob("*-large.jpg"))
        whole = large.read_bytes()
        large.write_bytes(b"")
        c.add_category("Back")
        name = c.backup()
        said = "did not take" in c._ask("GET", "/api/backups")["second_place_fault"]
    assert said or [path.read_bytes() for path in (own / name).rglob("*-large.jpg")] == [whole]


# Whom an erasure reaches.

def test_an_erasure_takes_nobody_out_of_another_contest_that_is_kept_beside(data, photo, tmp_path):
    with app.open(tmp_path / "other") as c:
        c.add_category("Sleeve")
        c.submit(photo, "sleeve", collector="Bob Other")
        archive = c.save_backup(tmp_path / "other.zip")
    with app.open(data) as c:
        fill(c, photo, 1)
        c.restore(archive)
    with app.open(data) as c:
        assert c.state()["entries"][0]["collector"] == "Bob Other"
        c.erase(101)
    assert any(path.startswith("kept") for path in files_with(data, PERSON["collector"]))


def test_somebody_whom_a_restore_took_away_can_still_be_erased(data, photo):
    with app.open(data) as c:
        c.add_category("Sleeve")
        name = c.backup()
        c.submit(photo, "sleeve", collector=PERSON["collector"])
        c.restore(name)
    with app.open(data) as c:
        assert files_with(data, PERSON["collector"]) != []
        c.erase(101)
    assert files_with(data, PERSON["collector"]) == []


def test_an_archive_in_place_of_a_damaged_log_brings_nobody_back_whom_that_log_erased_behind_the_damage(data, photo, tmp_path):
    with app.open(data) as c:
        fill(c, photo, 2)
        archive = c.save_backup(tmp_path / "before.zip")
        c.erase(101)
        c.add_category("Back")
    segment = min((data / "wal").iterdir())
    segment.write_bytes(segment.read_bytes().replace(b'"seq":2,', b'"seq":2 ,'))
    assert run("restore", str(archive), data=data).returncode == 0
    assert files_with(data, *PERSON.values()) == []


# Archives that somebody edited.

def edited(archive: Path, new: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """An archive with other members: change(name, bytes) gives those of each, None leaves it out; the manifest's sums follow."""
    with zipfile.ZipFile(archive) as old:
        members = {name: change(name, old.read(name)) for name in old.namelist()}
    manifest = json.loads(members["manifest.json"])
    if isinstance(manifest, dict) and isinstance(manifest.get("files"), dict):
        manifest["files"] = {name: {"size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()} for name in manifest["files"]
                             if (raw := members.get(name)) is not None}
        members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(new, "w") as out:
        for name, raw in members.items():
            if raw is not None:
                out.writestr(name, raw)
    return new


def manifest_with(**values) -> Callable[[str, bytes], bytes]:
    """A change that sets keys of the manifest, or with ... takes them away."""
    def change(name, raw):
        if name != "manifest.json":
            return raw
        return json.dumps({k: v for k, v in (json.loads(raw) | values).items() if v is not ...}).encode()
    return change


def instead(part: str, new: bytes | None) -> Callable[[str, bytes], bytes | None]:
    return lambda name, raw: new if part in name else raw


EDITED = {
    "no files": manifest_with(files=...), "another epoch": manifest_with(epoch="00" * 16), "another seq": manifest_with(seq="x"),
    "a photo more": manifest_with(photos=["0" * 32 + "-large.jpg"]), "wal gone": instead("wal/", None),
    "a photo gone": instead("-large.jpg", None),
    "files is a list": manifest_with(files=[]), "files is null": manifest_with(files=None), "no photos": manifest_with(photos=...),
    "photos is null": manifest_with(photos=None), "no epoch": manifest_with(epoch=...), "no hash": manifest_with(hash=...),
    "manifest is a list": instead("manifest.json", b"[]"), "another photo": instead("-large.jpg", b"another picture"),
    "secret is empty": instead("secret.json", b"{}"), "secret is no key": instead("secret.json", b'{"key":"zz"}'),
    "no secret": instead("secret.json", None)}


@pytest.mark.parametrize("change", EDITED.values(), ids=EDITED)
def test_an_archive_that_was_edited_is_refused_and_changes_nothing(data, photo, tmp_path, change):
    with app.open(data) as c:
        fill(c, photo, 2)
        archive = edited(c.save_backup(tmp_path / "all.zip"), tmp_path / "edited.zip", change)
        with pytest.raises(Refused) as no:
            c.restore(archive)
        assert no.value.code == "not_a_backup"
        c.add_category("Back")
    assert collectors(data) == EVERYBODY and not (data / "restoring-upload").exists()


def encrypted(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(raw)


def of_an_unknown_method(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[8] = raw[raw.index(b"PK\1\2") + 10] = 99
    path.write_bytes(raw)


def badly_packed(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as out:
        out.writestr("manifest.json", bytes(5000))
    raw = bytearray(path.read_bytes())
    raw[60:70] = b"\xff" * 10
    path.write_bytes(raw)
    with pytest.raises(lzma.LZMAError), zipfile.ZipFile(path) as out:
        out.read("manifest.json")


def linked(path: Path) -> None:
    """A member that a careless program would unpack as a symbolic link."""
    with zipfile.ZipFile(path, "w") as out:
        member = zipfile.ZipInfo("secret.json")
        member.external_attr = 0o120777 << 16
        out.writestr(member, "../../secret.json")


def doubled(path: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as out:
        warnings.simplefilter("ignore")
        out.writestr("manifest.json", b"{}")


ODD = [linked, doubled, encrypted, of_an_unknown_method, badly_packed]


@pytest.mark.parametrize("make", ODD)
def test_an_odd_archive_is_refused_and_changes_nothing(data, photo, tmp_path, make):
    with app.open(data) as c:
        fill(c, photo, 2)
        make(c.save_backup(tmp_path / "odd.zip"))
        with pytest.raises(Refused) as no:
            c.restore(tmp_path / "odd.zip")
        assert no.value.code == "not_a_backup"
    assert collectors(data) == EVERYBODY and not (data / "restoring-upload").exists()


@pytest.mark.parametrize("name", ["../outside", "photos/../../outside", "wal/../../outside", "ABSOLUTE", "outside", "wal/wal-0000000000000001.jsonl/../../../outside"])
def test_an_archive_writes_nothing_under_a_name_that_no_backup_has(data, photo, tmp_path, name):
    with app.open(data) as c:
        fill(c, photo, 1)
        with zipfile.ZipFile(c.save_backup(tmp_path / "odd.zip"), "a") as out:
            out.writestr(name.replace("ABSOLUTE", str(tmp_path / "outside")), b"here")
        with pytest.raises(Refused) as no:
            c.restore(tmp_path / "odd.zip")
        assert no.value.code == "not_a_backup" and "no backup" in no.value.text
    assert not list(tmp_path.rglob("outside"))


def test_an_archive_that_swells_is_refused_before_it_fills_the_disk(data, photo, tmp_path):
    """A hundred KiB that unpack to a hundred MiB, in a member that the manifest knows with another size."""
    with app.open(data) as c:
        fill(c, photo, 1)
        whole = c.save_backup(tmp_path / "all.zip")
        with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as out:
            for name in old.namelist():
                out.writestr(name, bytes(100 << 20) if name == "secret.json" else old.read(name))
        taken = []
        real = app.Disk.write
        try:
            app.Disk.write = lambda self, fd, piece: taken.append(len(piece)) or real(self, fd, piece)
            with pytest.raises(Refused):
                c.restore(tmp_path / "bomb.zip")
        finally:
            app.Disk.write = real
    assert sum(taken) < 50 << 20


# What has to come first, and what has to stay.

class Spoils(Disk):
    """Writes another last byte into each file whose name ends so; the disk says nothing."""

    def __init__(self, end: str):
        self.end, self.spoiled = end, set()

    def open_append(self, path):
        fd = super().open_append(path)
        (self.spoiled.add if path.name.endswith(self.end) else self.spoiled.discard)(fd)
        return fd

    def write(self, fd, data):
        return super().write(fd, bytes(data)[:-1] + b"?" if fd in self.spoiled else data)


def test_a_snapshot_that_the_disk_did_not_keep_as_it_was_written_takes_no_other_ones_place(tmp_path):
    head = app.Head("e" * 32, 1, "f" * 32)
    app.save_snapshot(Disk(), tmp_path, head, [("seq", 1)])
    before = (tmp_path / "contest.json").read_bytes()
    with pytest.raises(ValueError, match="damaged"):
        app.save_snapshot(Spoils(".next.new"), tmp_path, app.Head("e" * 32, 2, "d" * 32), [("seq", 2)])
    assert (tmp_path / "contest.json").read_bytes() == before


def test_a_backup_that_the_disk_did_not_keep_as_it_was_written_is_none_and_no_older_one_goes(data, photo, place):
    with app.open(data, backup_folder=str(place)) as c:
        fill(c, photo, 1)
        for _ in range(12):
            name = c.backup()
        before, keeper = app.backup_names(Disk(), data), c._server.keeper
        keeper.disk = Spoils("secret.json.new")
        with pytest.raises(Refused) as no:
            c.backup()
        assert no.value.code == "backup_failed" and app.backup_names(Disk(), data) == before
        own, = place.iterdir()
        there = app.backups_in(Disk(), own)
        shutil.copytree(data / "backups" / name, data / "backups" / "000099-5-hand")
        keeper.second.take("000099-5-hand")
        assert "did not take" in keeper.second.fault and app.backups_in(Disk(), own) == there
        keeper.disk = Disk()
        shutil.rmtree(data / "backups" / "000099-5-hand")


def test_backups_go_by_their_number_whatever_the_clock_says_here_and_in_the_second_place(data, place):
    with app.open(data, backup_folder=str(place)) as c:
        for number in range(14):
            c.add_category(f"C{number}")
            name = c.backup()
            own, = place.iterdir()
            for tree in (data / "backups" / name, own / name):  # each is made a day before the one before it
                for each in (tree, tree / "manifest.json"):
                    os.utime(each, (2_000_000_000 - number * 86_400,) * 2)
        kept = [f"{number:06d}-{number}-hand" for number in range(3, 15)]
        assert app.backup_names(Disk(), data) == app.backups_in(Disk(), own) == kept


def test_a_number_that_the_second_place_has_is_not_given_again(data, place):
    """As on a second machine that takes over with the stick of the first."""
    with app.open(data, backup_folder=str(place)) as c:
        for number in range(3):
            c.add_category(f"C{number}")
            c.backup()
        shutil.rmtree(data / "backups")
        c.add_category("Sleeve")
        assert c.backup() == "000004-4-hand"


def test_restoring_and_erasing_make_a_backup_first(data, photo):
    with app.open(data) as c:
        fill(c, photo, 2)
        c.erase(101)
        assert [each["why"] for each in c.backups()] == ["erase"]
        name = c.backups()[0]["name"]
        c.add_category("Back")
        c.restore(name)
        assert [(each["why"], each["seq"]) for each in c.backups()] == [("restore", 8), ("erase", 6)]


def test_time_alone_makes_a_backup_and_lines_alone_make_a_snapshot(data, monkeypatch):
    """The keeper looks every ten seconds; here each look finds that it is time."""
    monkeypatch.setattr(app.Keeper, "LOOK_SECONDS", 0.2)
    with app.open(data) as c:
        c._server.keeper.BACKUP_SECONDS, c._server.keeper.SNAPSHOT_LINES = 0, 1
        c.add_category("Sleeve")
        c._server.desk.forget_past()
        until = time.monotonic() + 15
        while not (c.backups() and (data / "contest.json").exists()) and time.monotonic() < until:
            gevent.sleep(0.05)
        assert [(each["why"], each["seq"]) for each in c.backups()] == [("timer", 1)]
        assert app.check_snapshot(Disk(), data / "contest.json").seq == 1


def test_head_is_written_after_two_quiet_seconds(data):
    with app.open(data) as c:
        c.add_category("Sleeve")
        until = time.monotonic() + 15
        while not (data / "HEAD").exists() and time.monotonic() < until:
            gevent.sleep(0.05)
        assert json.loads((data / "HEAD").read_bytes())["seq"] == 1


def test_a_password_that_was_changed_since_the_backup_stays_changed(data):
    with app.open(data, admin_password="the old password") as c:
        c.add_category("Sleeve")
        name = c.backup()
        c._server.site.secret.set_password("the new password")
        c.restore(name)
    with app.open(data) as c:
        secret = c._server.site.secret
        assert secret.check_password("the new password") and not secret.check_password("the old password")


def test_another_contest_that_is_restored_keeps_its_own_people_and_numbers(data, photo, tmp_path):
    with app.open(tmp_path / "other") as c:
        c.add_category("Sleeve")
        c.submit(photo, "sleeve", collector="Bob Other")
        archive = c.save_backup(tmp_path / "other.zip")
    with app.open(data) as c:
        fill(c, photo, 3)
        c.erase(101)
        c.restore(archive)
    with app.open(data) as c:
        assert [entry["collector"] for entry in c.state()["entries"]] == ["Bob Other"]
        assert c.submit(photo, "sleeve", collector="Next")["number"] == 102


def remembered(c) -> None:
    """A snapshot of all there is now, as after five minutes."""
    c._server.desk.forget_past()
    c._server.desk.snapshot(pause_seconds=0)


def test_an_erasure_leaves_nobody_in_snapshots_here_or_kept_beside_nor_in_what_was_staged(data, photo, tmp_path):
    with app.open(data) as c:
        fill(c, photo, 2)
        for number in range(3):
            remembered(c)
            c.add_category(f"C{number}")
        name = c.backup()
        assert len(files_with(data / "snapshots", PERSON["collector"])) == 2
        c.restore(name)
    with app.open(data) as c:
        assert len(files_with(data / "kept", PERSON["collector"])) == 4
        for number in range(3, 6):
            remembered(c)
            c.add_category(f"C{number}")
        shutil.copytree(data / "backups" / name, data / "restoring")  # a kill left it before it was ordered
        c.erase(101)
        assert files_with(data, *PERSON.values()) == []
    assert files_with(data, *PERSON.values()) == [] and verify(data)["ok"]


def test_an_erasure_reaches_the_second_place_at_once(data, photo, place):
    with app.open(data, backup_folder=str(place)) as c:
        fill(c, photo, 2)
        c.backup()
        photos = [c.state()["entries"][0]["photo"][size] for size in ("large", "thumb", "stencil")]
        assert c.erase(101) == []
        assert files_with(place, *PERSON.values()) == [] and not [path for path in place.rglob("*") if path.name in photos]


def test_what_is_confirmed_after_an_erasure_is_in_the_log_that_was_written_again(data, photo):
    with app.open(data) as c:
        fill(c, photo, 2)
        c.erase(101)
        c.add_category("Back")
        remembered(c)
    (data / "contest.json").unlink()
    shutil.rmtree(data / "snapshots")
    assert [category["id"] for category in state_of(data)["categories"]] == ["sleeve", "back"]


def test_a_start_sets_stray_photos_aside_by_itself(data, photo):
    with app.open(data) as c:
        fill(c, photo, 1)
    stray = data / "photos" / "aa" / ("a" * 32 + "-large.jpg")
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"x")
    os.utime(stray, (1, 1))
    with app.open(data):
        until = time.monotonic() + 15
        while not (data / "quarantine" / stray.name).exists() and time.monotonic() < until:
            gevent.sleep(0.05)
    assert (data / "quarantine" / stray.name).exists() and len(list((data / "photos").rglob("*-large.jpg"))) == 1


def test_a_restore_brings_no_photo_of_an_erased_person_back(data, photo, tmp_path):
    with app.open(data) as c:
        fill(c, photo, 2)
        photos = [c.state()["entries"][0]["photo"][size] for size in ("large", "thumb", "stencil")]
        archive = c.save_backup(tmp_path / "before.zip")
        c.erase(101)
        c.restore(archive)
    with app.open(data) as c:
        assert len(c.state()["entries"]) == 2
    assert not [path for path in data.rglob("*") if path.name in photos]


# What verify reads besides.

def test_verify_reads_the_second_place_and_says_when_it_is_away(data, photo, place, monkeypatch):
    with app.open(data, backup_folder=str(place)) as c:
        fill(c, photo, 1)
        c.backup()
    own, = place.iterdir()
    before = verify(data, backup_folder=str(place))
    assert before["ok"] and before["second_place"] == {"folder": str(own), "away": "", "backups": [
        {"name": name, "fault": ""} for name in app.backups_in(Disk(), own)]}
    assert verify(data)["second_place"] is None
    rotten = next((own / app.backups_in(Disk(), own)[0] / "wal").iterdir())
    rotten.write_bytes(rotten.read_bytes()[:-1])
    after = verify(data, backup_folder=str(place))
    assert [fault.startswith(f"{place}: 000001-") for fault in after["faults"]] == [True] and all(not b["fault"] for b in after["backups"])
    monkeypatch.setenv("CONTEST_BACKUP_FOLDER", str(place))
    shown = run("verify", data=data)
    assert shown.returncode == 65 and f"NOT WHOLE  {place}: " in shown.stdout and f"elsewhere  1 in {own}" in shown.stdout
    own.rename(own.with_name("unplugged"))
    away = verify(data, backup_folder=str(place))
    assert away["ok"] and "is not there" in away["second_place"]["away"]
    assert f"elsewhere  {own} is not there: what it holds was not read.\nEverything is whole.\n" in run("verify", data=data).stdout


def test_verify_reads_what_restores_kept_and_a_damaged_log_that_was_replaced_is_no_fault_of_the_contest(data, photo):
    with app.open(data) as c:
        fill(c, photo, 1)
        c.restore(c.backup())
    app.open(data).close()
    assert verify(data)["kept"] == [{"name": "0001", "fault": ""}]
    segment = next((data / "kept" / "0001" / "wal").iterdir())
    assert b"Sleeve" in (whole := segment.read_bytes())
    segment.write_bytes(whole.replace(b"Sleeve", b"Slaves"))
    found = verify(data)
    assert found["ok"] and "damaged" in found["kept"][0]["fault"]
    assert f"kept       0001, which a restore replaced, damaged: {found['kept'][0]['fault']}" in run("verify", data=data).stdout


SOMEBODY_ELSE = "import os, sys, contest; os.getuid() or os.setuid(65534); sys.exit(contest.main(sys.argv[1:]))"


@pytest.mark.parametrize("words", [["verify"], ["backup", "contest.zip"], ["erase", "101"], ["restore", "000001-8-stop"], ["entries"]])
def test_a_folder_of_somebody_else_is_told_as_such_and_not_touched(data, photo, words):
    with app.open(data) as c:
        fill(c, photo, 1)
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    data.chmod(0o000)       # root reads it all the same, and so becomes nobody
    try:
        done = subprocess.run([sys.executable, "-c", SOMEBODY_ELSE, *words, "--data", str(data)], cwd=TOP, capture_output=True, text=True, timeout=40)
    finally:
        data.chmod(0o700)
    assert done.returncode == 77 and done.stdout == "", done
    assert re.fullmatch(r"contest\.py: .*data.* user \d+.*\n", done.stderr) and "Traceback" not in done.stderr
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


# Verify beside a running contest.

def test_what_is_written_while_verify_reads_is_no_fault(data):
    with app.open(data) as c:
        for number in range(1000):
            c.change_contest(name=f"Contest {number}")

        def meanwhile(what: str, done: int, total: int) -> None:
            if (what, done) == ("log", 1000):
                c._server.desk.log.begin_after_erasure()
                c.add_category("Sleeve")
                c._server.desk.log.note_head()
        assert verify(data, meanwhile)["faults"] == []


def test_a_backup_that_goes_while_verify_reads_is_no_fault(data):
    with app.open(data) as c:
        for number in range(12):
            c.add_category(f"C{number}")
            c.backup()
        assert verify(data, lambda what, done, total: (what, done) == ("backups", 1) and [c.backup(), c.backup()])["faults"] == []


def test_verify_shows_how_far_it_is_on_a_terminal_and_only_there(data, photo):
    with app.open(data) as c:
        fill(c, photo, 1)
        c.backup()
        for number in range(1000):
            c.change_contest(name=f"Contest {number}")
    shown = run_on_a_terminal("verify", data=data)
    assert "\rlog        1000 lines" in shown and "\rphotos     " in shown and "3 of 3" in shown and "\rbackups    " in shown
    assert shown.endswith("\r\n") and run("verify", data=data).stderr == ""


# Starts on a full disk.

def test_an_erasure_that_finds_no_room_at_a_start_waits_and_the_contest_is_read_meanwhile(data, photo, monkeypatch):
    with app.open(data) as c:
        fill(c, photo, 2)
        monkeypatch.setattr(app, "erase_everywhere", lambda *_: (_ for _ in ()).throw(OSError(5, "power")))
        with pytest.raises(OSError):
            c.erase(101)
    monkeypatch.undo()
    monkeypatch.setattr(Disk, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    try:
        c = app.open(data)
        assert len(c.state()["entries"]) == 2
    finally:
        monkeypatch.undo()
    c.close()
    assert collectors(data) == ["", "Collector 1"] and files_with(data, PERSON["collector"]) == []


def test_a_restore_that_finds_no_room_at_a_start_is_done_and_read_all_the_same(data, photo, monkeypatch):
    with app.open(data) as c:
        fill(c, photo, 2)
        name = c.backup()
        c.withdraw(101)
        c.restore(name)
    monkeypatch.setattr(Disk, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    try:
        c = app.open(data)
        assert [entry["state"] for entry in c.state()["entries"]] == ["registered", "registered"]
    finally:
        monkeypatch.undo()
    c.close()
    with app.open(data):
        assert not (data / "carry.json").exists()


def test_very_long_private_texts_are_refused_or_kept_whole(data, photo):
    with app.open(data) as c:
        fill(c, photo, 1)
        with pytest.raises(Refused):
            c.submit(photo, "sleeve", collector="Z" * (2 << 20))
        with pytest.raises(Refused):
            c.give_sheet(101, "j1", {"technique": 7}, note="ü" * (1 << 20), base=c.state()["sheets"][0]["seq"])
        before = c.state()["s"]
    assert state_of(data)["entries"][0]["collector"] == PERSON["collector"]
    with app.open(data) as c:
        assert c.state()["s"] == before
