"""What a contest keeps beside its log: backups that are whole, restores that lose nothing, erasures that leave nothing."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import contest as app
from contest import LogCorrupt, Refused, verify
from tests.client import Http
from tests.server import TOP

MARKS = {"technique": 8, "composition": 7, "placement": 6.5, "style": 9, "creativity": 8}
PERSON = {"collector": "Zoë Núñez-Erasme", "artist": "Marta Löschzwerg", "studio": "Studio Vergissmein", "title": "Rose of Oblivion", "say": "ZOH-eh LERSH-tsverk",
          "phone": "+49 555 20304050"}


def fill(c, photo: Path, entries: int = 3) -> str:
    """One category in judging with entries 101, ...; returns the judge's id. Entry 101 is PERSON."""
    c.add_category("Sleeve")
    judge = c.invite("Ana")["judge"]["id"]
    for number in range(entries):
        c.submit(photo, "sleeve", **(PERSON if number == 0 else {"collector": f"Collector {number}"}))
    c.start_judging("sleeve")
    c.give_sheet(101, judge, MARKS, note="I think Zoë Núñez-Erasme should win")
    return judge


def files_with(folder: Path, *texts: str) -> list[str]:
    """The files under a folder, archives included, that hold a text in UTF-8 or as JSON escapes it."""
    wanted = [form for text in texts for form in (text.encode(), json.dumps(text)[1:-1].encode())]
    return [str(p.relative_to(folder)) for p in sorted(folder.rglob("*")) if p.is_file() and any(w in p.read_bytes() for w in wanted)]


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


def state_of(folder: Path) -> dict:
    with app.open(folder) as c:
        found = c.state()
    return {k: v for k, v in found.items() if k not in ("e", "s", "h")}


# Backups.

def test_a_backup_holds_everything_and_says_what_it_is(data, photo):
    with app.open(data) as c:
        fill(c, photo)
        name = c.backup()
        assert c.backups()[0]["name"] == name
    manifest = json.loads((data / "backups" / name / "manifest.json").read_bytes())
    assert manifest["seq"] == 7 and len(manifest["photos"]) == 9 and "secret.json" in manifest["files"]
    assert app.check_backup(app.Disk(), data / "backups" / name)["hash"] == manifest["hash"]


def test_a_backup_shares_the_photos_bytes(data, photo):
    with app.open(data) as c:
        fill(c, photo, 1)
        name = c.backup()
    large = next((data / "photos").rglob("*-large.jpg"))
    assert os.path.samefile(large, data / "backups" / name / "photos" / large.parent.name / large.name)


def test_one_is_made_at_the_end_and_before_a_category_is_deleted(data, photo):
    with app.open(data) as c:
        c.add_category("Sleeve")
        c._ask("DELETE", "/api/categories/sleeve")
        assert [b["why"] for b in c.backups()] == ["delete"]
    assert [n.split("-")[2] for n in app.backup_names(app.Disk(), data)] == ["delete", "stop"]


def test_a_refused_delete_makes_no_backup(data, photo):
    with app.open(data) as c:
        fill(c, photo, 1)
        with pytest.raises(Refused):
            c._ask("DELETE", "/api/categories/sleeve")
        assert c.backups() == []


def test_only_the_newest_stay_by_seq(data):
    with app.open(data) as c:
        for number in range(14):
            c.add_category(f"C{number}")
            c.backup()
        names = [b["name"] for b in c.backups()]
    assert len(names) == 12 and names[0] == "000014-14-hand" and names[-1] == "000003-3-hand"


@pytest.mark.parametrize("damage", ["changed", "missing", "photo", "manifest"])
def test_a_damaged_backup_is_found(data, photo, damage):
    with app.open(data) as c:
        fill(c, photo, 1)
        tree = data / "backups" / c.backup()
    if damage == "changed":
        path = next((tree / "wal").iterdir())
        path.write_bytes(path.read_bytes().replace(b"sleeve", b"sleepy"))
    elif damage == "missing":
        (tree / "secret.json").unlink()
    elif damage == "photo":
        next((tree / "photos").rglob("*.jpg")).unlink()
    else:
        (tree / "manifest.json").write_bytes(b"{")
    with pytest.raises(LogCorrupt):
        app.check_backup(app.Disk(), tree)
    assert not verify(data)["ok"] and [b["fault"] != "" for b in verify(data)["backups"]].count(True) == 1


def test_a_second_place_gets_each_photo_once_and_a_missing_one_is_said(data, photo, tmp_path, capfd):
    place = tmp_path / "stick"
    place.mkdir()
    with app.open(data, backup_folder=str(place)) as c:
        fill(c, photo, 1)
        first = c.backup()
        own, = place.iterdir()
        assert app.check_backup(app.Disk(), own / first)["seq"] == 5
        before = {p.name: p.stat().st_mtime_ns for p in (own / "photos").rglob("*.*")}
        c.add_category("Back")
        c.backup()
        assert {p.name: p.stat().st_mtime_ns for p in (own / "photos").rglob("*.*")} == before and len(before) == 3
        shutil.rmtree(place)
        c.backup()
        assert "did not take the backup" in c._ask("GET", "/api/backups")["second_place_fault"]
    assert "did not take the backup" in capfd.readouterr().err


def test_an_erasure_reaches_the_second_place_also_when_it_comes_back_later(data, photo, tmp_path):
    place = tmp_path / "stick"
    place.mkdir()
    with app.open(data, backup_folder=str(place)) as c:
        fill(c, photo, 2)
        c.backup()
        place.rename(tmp_path / "away")
        assert [copy["where"].startswith(str(place)) for copy in c.erase(101)] == [True]
        assert files_with(tmp_path / "away", *PERSON.values()) != []
        (tmp_path / "away").rename(place)
        c.backup()
    assert files_with(tmp_path, *PERSON.values()) == [] and len(list(place.rglob("*-large.jpg"))) > 1
    assert all(len(list(tree.rglob("*-large.jpg"))) == 1 for tree in place.glob("contest-*/*-hand"))


# Restore.

def test_an_archive_brings_everything_back_on_another_machine(data, photo, tmp_path):
    with app.open(data) as c:
        fill(c, photo)
        link = c._ask("GET", "/api/judges")["judges"][0]["link"]
        c.save_backup(tmp_path / "all.zip")
    before = state_of(data)
    with app.open(tmp_path / "other") as c:
        assert c.restore(tmp_path / "all.zip") == 7
    assert state_of(tmp_path / "other") == before and verify(tmp_path / "other")["ok"]
    with app.open(tmp_path / "other") as c:
        assert c._ask("GET", "/api/judges")["judges"][0]["link"] == link, "printed links stay good"


def test_a_restore_goes_back_to_any_seq_under_a_new_epoch_and_keeps_what_it_replaced(data, photo):
    with app.open(data) as c:
        judge = fill(c, photo, 2)
        name, epoch = c.backup(), c.state()["e"]
        c.give_sheet(102, judge, MARKS)
        assert c.restore(name, to_seq=5) == 5
    with app.open(data) as c:
        found = c.state()
        assert found["e"] != epoch and found["sheets"] == [] and found["categories"][0]["state"] == "judging"
        c.submit(photo, c.add_category("Back")["id"], "New")
        assert max(e["number"] for e in c.state()["entries"]) == 103
    kept = data / "kept" / "0001"
    assert any(b'"SheetGiven"' in p.read_bytes() for p in (kept / "wal").iterdir())
    assert verify(data)["ok"]


def test_what_was_revoked_or_numbered_since_stays_so(data, photo):
    with app.open(data) as c:
        judge = fill(c, photo, 1)
        name = c.backup()
        old = c._ask("GET", "/api/judges")["judges"][0]
        c._ask("DELETE", f"/api/judges/{judge}")
        late = c.invite("Bea")["judge"]["id"]
        c.restore(name)
    with app.open(data) as c:
        now = c._ask("GET", "/api/judges")["judges"]
        assert [j["id"] for j in now] == [judge] and now[0]["revoked"] and now[0]["link"] != old["link"]
        assert c.invite("Cid")["judge"]["id"] not in (judge, late)


def test_a_damaged_log_is_replaced_in_place_and_what_it_says_of_dead_links_is_kept(data, photo):
    with app.open(data) as c:
        judge = fill(c, photo, 1)
        name = c.backup()
        c._ask("DELETE", f"/api/judges/{judge}")
        c.add_category("Back")
        c.add_category("Arms")
    segment = next((data / "wal").iterdir())
    segment.write_bytes(segment.read_bytes().replace(b'"back"', b'"bark"'))
    report = verify(data)
    assert not report["ok"] and run("serve", "--port", "0", data=data).returncode == 65
    done = run("restore", name, data=data)
    assert done.returncode == 0, done.stderr
    with app.open(data) as c:
        assert c._ask("GET", "/api/judges")["judges"][0]["revoked"] and [x["id"] for x in c.state()["categories"]] == ["sleeve"]


def test_after_going_back_new_backups_stay_and_the_oldest_can_be_restored(data):
    with app.open(data) as c:
        for number in range(12):
            c.add_category(f"C{number}")
            c.backup()
        assert c.restore(c.backups()[-1]["name"]) == 1
    with app.open(data) as c:
        assert len(c.state()["categories"]) == 1
        c.add_category("New")
        assert c.backup() in [b["name"] for b in c.backups()] and len(c.backups()) == 12


def test_verify_says_what_makes_a_start_refuse(data, photo, tmp_path):
    with app.open(data) as c:
        fill(c, photo, 1)
    with pytest.raises(app.UsageError):
        verify(tmp_path / "nothing")
    segment = next((data / "wal").iterdir())
    whole = segment.read_bytes()
    segment.write_bytes(whole[:whole.rindex(b"\n", 0, -1) + 1])
    assert "confirmed" in verify(data)["faults"][0]
    segment.write_bytes(whole)
    (data / "secret.json").write_bytes(b"")
    assert "secret.json" in verify(data)["faults"][0]


def test_an_interrupted_restore_is_finished_by_the_next_start(data, photo):
    """A crash at every rename of the restore."""
    with app.open(data) as c:
        fill(c, photo, 1)
        name = c.backup()
        c.add_category("Back")
        c.restore(name)

    class Dies(app.Disk):
        def __init__(self, after):
            self.left = after

        def rename(self, old, new):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            super().rename(old, new)

    for after in range(40):
        folder = data.with_name(f"try{after}")
        shutil.copytree(data, folder, copy_function=os.link)
        try:
            app.finish_restore(Dies(after), folder)
        except KeyboardInterrupt:
            pass
        else:
            break
        with app.open(folder) as c:
            assert [x["id"] for x in c.state()["categories"]] == ["sleeve"]
            assert len(c.state()["entries"]) == 1
        assert verify(folder)["ok"], after
    assert 5 < after < 40


@pytest.mark.parametrize("make", [
    lambda path: path.write_bytes(b"not a zip"),
    lambda path: zipfile.ZipFile(path, "w").close(),
    lambda path: zipfile.ZipFile(path, "w").writestr("../../etc/passwd", "x"),
    lambda path: zipfile.ZipFile(path, "w").writestr("wal/wal-0000000000000001.jsonl", "x")])
def test_what_is_no_backup_is_refused_and_changes_nothing(data, photo, tmp_path, make):
    file = tmp_path / "bad.zip"
    made = make(file)
    if made is not None and hasattr(made, "close"):
        made.close()
    with app.open(data) as c:
        fill(c, photo, 1)
        with pytest.raises(Refused) as no:
            c.restore(file)
        assert no.value.code == "not_a_backup" and len(c.state()["entries"]) == 1
    assert not (data / "RESTORE").exists() and len(state_of(data)["entries"]) == 1


def test_a_cut_archive_is_refused(data, photo, tmp_path):
    with app.open(data) as c:
        fill(c, photo, 1)
        whole = c.save_backup(tmp_path / "all.zip").read_bytes()
        (tmp_path / "cut.zip").write_bytes(whole[:len(whole) // 2])
        with pytest.raises(Refused):
            c.restore(tmp_path / "cut.zip")


# Erasure.

def test_an_erased_person_is_nowhere_under_the_data_folder(data, photo, tmp_path):
    with app.open(data) as c:
        judge = fill(c, photo, 2)
        c._ask("PATCH", "/api/entries/101", {"studio": "Studio Nevermind"})
        c.backup()
        c.restore(c.backup())
    with app.open(data) as c:
        c.backup()
        photos = [c.state()["entries"][0]["photo"][size] for size in ("large", "thumb", "stencil")]
        copies = c.erase(101)
        assert copies == []
        entry = c.state()["entries"][0]
        assert entry["photo"] is None and entry["collector"] == "" and entry["state"] == "withdrawn"
        assert c.state()["sheets"][0]["note"] == "" and c.state()["sheets"][0]["marks"] == MARKS
        assert c.erase(101) == []
    texts = [*PERSON.values(), "Studio Nevermind", "I think Zoë"]
    assert files_with(data, *texts) == []
    assert [p for p in data.rglob("*") if p.name in photos] == []
    assert verify(data)["ok"], verify(data)["faults"]
    assert judge == "j1"


def test_a_restore_brings_nobody_back(data, photo, tmp_path):
    with app.open(data) as c:
        fill(c, photo, 2)
        archive = c.save_backup(tmp_path / "before.zip")
        copies = c.erase(101)
        assert [c_["where"] for c_ in copies] == [str(archive)]
        c.restore(archive)
    with app.open(data) as c:
        assert [e["collector"] for e in c.state()["entries"]] == ["", "Collector 1"]
    assert files_with(data, *PERSON.values()) == [] and verify(data)["ok"]


def test_an_erased_person_is_nowhere_also_after_a_best_of_show(data, photo):
    with app.open(data) as c:
        judge = fill(c, photo)
        c.close_judging("sleeve")
        c.decide_winners("sleeve", [[101]], "as agreed")
        c._ask("POST", "/api/categories/sleeve/announce")
        c._ask("POST", "/api/categories", {"name": "Best of Show", "from": ["sleeve"]})
        c.start_judging("best-of-show")
        c.give_sheet(104, judge, MARKS, note="Zoë Núñez-Erasme again")
        entry = c.state()["entries"][-1]
        assert (entry["of"], entry["collector"]) == (101, PERSON["collector"])
        photos = [entry["photo"][size] for size in ("large", "thumb", "stencil")]
        c.backup()
        assert c.erase(104) == []
        assert [(e["number"], e["photo"]) for e in c.state()["entries"] if not e["collector"]] == [(101, None), (104, None)]
    assert files_with(data, *PERSON.values(), "Zoë") == []
    assert [p for p in data.rglob("*") if p.name in photos] == []
    assert verify(data)["ok"], verify(data)["faults"]


def test_an_interrupted_erasure_is_finished_by_the_next_start(data, photo, monkeypatch):
    with app.open(data) as c:
        fill(c, photo, 1)
        c.backup()
        monkeypatch.setattr(app, "erase_everywhere", lambda *_: (_ for _ in ()).throw(OSError(5, "power")))
        with pytest.raises(OSError):
            c.erase(101)
    monkeypatch.undo()
    assert files_with(data, PERSON["artist"]) != []
    app.open(data).close()
    assert files_with(data, *PERSON.values()) == [] and verify(data)["ok"]


def test_two_erasures_at_once_erase_both(data, photo):
    import gevent
    with app.open(data) as c:
        fill(c, photo, 3)
        both = [gevent.spawn(c.erase, number) for number in (101, 102)]
        gevent.joinall(both, timeout=15, raise_error=True)
    assert files_with(data, *PERSON.values(), "Collector 1") == [] and files_with(data, "Collector 2") != []


def test_what_a_kill_left_of_an_upload_is_gone_after_a_start_and_in_no_backup(data, photo):
    with app.open(data) as c:
        fill(c, photo, 1)
    shelf = next(p.parent for p in (data / "photos").rglob("*-large.jpg"))
    (data / "photos" / "incoming").mkdir(exist_ok=True)
    leftovers = [data / "photos" / "incoming" / "tmpabc", shelf / (".%s-large.jpg.part" % ("a" * 32))]
    for path in leftovers:
        path.write_bytes(b"an original with its place in it")
    with app.open(data) as c:
        assert not any(path.exists() for path in leftovers)
        leftovers[1].write_bytes(b"under way")
        archive = c.save_backup(data.with_name("all.zip"))
        assert c.restore(archive) == 5


def test_nothing_is_taken_while_a_restore_is_under_way(data, photo):
    with app.open(data) as c:
        fill(c, photo, 1)
        c.restore(c.backup())
        with pytest.raises(Refused) as no:
            c.add_category("Too late")
        assert no.value.status == 503


def test_a_restore_after_an_older_kept_folder_was_removed(data):
    for number in range(2):
        with app.open(data) as c:
            c.add_category(f"Sleeve {number}")
            c.restore(c.backup())
    app.open(data).close()
    shutil.rmtree(data / "kept" / "0001")
    with app.open(data) as c:
        c.restore(c.backup())
    app.open(data).close()
    assert sorted(p.name for p in (data / "kept").iterdir()) == ["0002", "0003"]


def test_the_erased_cannot_be_written_again(data, photo):
    with app.open(data) as c:
        fill(c, photo, 1)
        c.erase(101)
        with pytest.raises(Refused) as no:
            c._ask("PATCH", "/api/entries/101", {"collector": "Zoë"})
        assert no.value.code == "erased"
        with pytest.raises(Refused):
            c.erase(999)


# Verify, stray photos.

def test_verify_finds_a_changed_and_a_missing_photo(data, photo):
    with app.open(data) as c:
        fill(c, photo, 2)
    large = sorted((data / "photos").rglob("*-large.jpg"))
    large[0].unlink()
    os.chmod(large[1], 0o600)
    large[1].write_bytes(b"x" + large[1].read_bytes()[1:])
    report = verify(data)
    assert sorted(f.split(" ")[2] for f in report["photos"]["faults"]) == ["is", "is"] and not report["ok"]


def test_a_stray_photo_is_set_aside_after_a_day_and_a_named_one_never(data, photo):
    with app.open(data) as c:
        fill(c, photo, 1)
        shelf = data / "photos" / "ab"
        shelf.mkdir(exist_ok=True)
        for name, age in (("old", 2), ("new", 0)):
            path = shelf / (("a" if name == "old" else "b") * 32 + "-large.jpg")
            path.write_bytes(b"x")
            os.utime(path, (path.stat().st_mtime - age * 86400,) * 2)
        named = next(p for p in (data / "photos").rglob("*-large.jpg") if p.parent.name != "ab")
        os.utime(named, (1, 1))
        assert c._server.keeper.sweep() == 1
        assert named.exists() and not (shelf / ("a" * 32 + "-large.jpg")).exists()
    assert (data / "quarantine" / ("a" * 32 + "-large.jpg")).exists()


# The command line, beside a running server too.

def run(*arguments: str, data: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-W", "error", str(TOP / "contest.py"), *arguments, "--data", str(data)],
                          capture_output=True, text=True, timeout=60, cwd=TOP)


def run_on_a_terminal(*arguments: str, data: Path) -> str:
    """What a command shows on stderr where that is a terminal."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as shown:
        subprocess.run([sys.executable, "-W", "error", str(TOP / "contest.py"), *arguments, "--data", str(data)], cwd=TOP, check=True,
                       stdout=subprocess.DEVNULL, stderr=theirs, timeout=60)
        os.close(theirs)
        found = b""
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed and all was read
            while piece := shown.read(4096):
                found += piece
    return found.decode()


def test_a_backup_and_a_restore_show_how_far_they_are_on_a_terminal_and_only_there(server, photo, tmp_path):
    one, file = server(), tmp_path / "one.zip"
    admin = Http(one).login_admin()
    admin.post("/api/categories", {"name": "Sleeve"})
    assert admin.submit(photo, category="sleeve", collector="Ana", consent="yes", adult="yes").status == 201
    beside = run_on_a_terminal("backup", str(file), data=one.data)
    assert file.stat().st_size * 0.9 < app.tree_bytes(app.Disk(), next((one.data / "backups").iterdir())) < file.stat().st_size
    one.stop()
    for shown in (beside, run_on_a_terminal("backup", str(file), data=one.data)):
        assert shown.startswith("\rKiB saved") and f"[{'#' * 30}]" in shown and shown.endswith("\r\n"), shown
    assert f"[{'#' * 30}]" in run_on_a_terminal("restore", str(file), data=one.data)
    for arguments in (("backup", str(file)), ("restore", str(file))):
        assert run(*arguments, data=one.data).stderr == ""
    one.start()
    assert "\rKiB sent" in run_on_a_terminal("restore", str(file), data=one.data)


def test_the_subcommands_say_the_same_with_and_without_a_server(server, photo, tmp_path):
    one = server()
    admin = Http(one).login_admin()
    admin.post("/api/categories", {"name": "Sleeve"})
    assert admin.submit(photo, category="sleeve", collector=PERSON["collector"], consent="yes", adult="yes").status == 201
    beside = run("backup", str(tmp_path / "one.zip"), data=one.data)
    assert beside.returncode == 0 and "holds everything" in beside.stdout, beside.stderr
    assert json.loads(run("verify", "--json", data=one.data).stdout)["ok"]
    erased = run("erase", "101", data=one.data)
    assert "is erased" in erased.stdout and str(tmp_path / "one.zip") in erased.stdout, erased.stderr
    one.stop()
    assert files_with(one.data, PERSON["collector"]) == []
    alone = run("restore", str(tmp_path / "one.zip"), "--to-seq", "1", data=one.data)
    assert alone.returncode == 0 and "Restored up to seq 1" in alone.stdout, alone.stderr
    assert run("verify", data=one.data).stdout.splitlines()[-1] == "Everything is whole."


def test_a_restore_from_a_running_server_takes_effect_by_itself(server, photo, tmp_path):
    one = server()
    admin = Http(one).login_admin()
    admin.post("/api/categories", {"name": "Sleeve"})
    name = admin.post("/api/backups", {}).json["backup"]["name"]
    admin.post("/api/categories", {"name": "Back"})
    epoch = admin.get("/api/state").json["e"]
    assert admin.post("/api/restore", {"name": name}).status == 202
    for _ in range(150):  # the server is away for a moment: refused connections and 503 are part of it
        with contextlib.suppress(OSError):
            answer = admin.get("/api/state")
            if answer.status == 200 and (found := answer.json)["e"] != epoch:
                break
        time.sleep(0.1)
    assert [c["id"] for c in found["categories"]] == ["sleeve"] and found["me"]["role"] == "admin"
    assert admin.get(f"/api/backups/{name}.zip").body[:2] == b"PK"
