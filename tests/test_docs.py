"""The documents: complete, their links lead somewhere, their example is read by a stranger, their commands do what they say."""

import ast
import dataclasses
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

import contest as app
from tests.client import Http
from tests.server import PASSWORD, TOP, free_port

DOCS = {path.relative_to(TOP).as_posix(): path.read_text("utf-8") for path in [*sorted((TOP / "docs").glob("*.md")), TOP / "README.md", TOP / "CHANGELOG.md", TOP / "SECURITY.md"]}
EVERYTHING = "\n".join(DOCS.values())
SOURCE = ast.parse((TOP / "contest.py").read_text("utf-8"))


def section(name: str, heading: str) -> str:
    """A section of a document, by its heading of the second level."""
    return re.split(rf"^## {re.escape(heading)}$", DOCS[name], flags=re.M)[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text, without their headers."""
    found = [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return [row for row in found if not set("".join(row)) <= {"-"}][1:]


# What has to stand in them.

def test_every_setting_is_documented_with_its_default_and_no_other():
    there = {}
    for names, defaults, _ in rows(section("README.md", "Settings")):
        listed = [name.strip("` ") for name in names.split(",")]
        there |= dict(zip(listed, [text.strip("` ") for text in defaults.split(", ")] if len(listed) > 1 else [defaults.strip("`")]))

    def spoken(value) -> str:
        for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20)):
            if isinstance(value, int) and value and value % size == 0:
                return f"{value // size} {unit}"
        return str(int(value)) if isinstance(value, float) else str(value)
    assert there == {f"CONTEST_{f.name.upper()}": spoken(f.default) for f in dataclasses.fields(app.Settings)}


def test_every_command_is_documented_and_no_other():
    action = next(a for a in app._parser()._actions if a.dest == "command")
    there = {re.match(r"`([a-z-]+)", row[0])[1] for row in rows(section("README.md", "Commands"))}
    there |= {re.match(r"`([a-z-]+)", row[0])[1] for row in rows(section("docs/scripting.md", "Verbs"))}
    by_path = {verb.name.replace("_", "-") for verb in app.VERBS.values() if verb.says.endswith("see docs/http.md.")}  # nobody has named these: their route is documented
    assert there - by_path == set(action.choices) - by_path


def documented_routes() -> dict[tuple[str, str], str]:
    """{(method, path): who} of docs/http.md's table; `POST /api/x/ID/judge, /close` names two, `GET / /submit` as well."""
    found = {}
    for cell, who, _ in rows(section("docs/http.md", "Routes")):
        method, *paths = cell.replace(",", " ").split()
        for path in paths:
            whole = path if path.startswith("/api/") or not paths[0].startswith("/api/") else paths[0].rpartition("/")[0] + path
            found[method, whole] = who
    return found


def test_every_route_is_documented_with_who_may_and_no_other():
    words = {"<entry:int>": "N", "<category>": "ID", "<judge>": "ID", "<key>": "ID", "<run_off>": "ID", "<batch>": "BATCH", "<link>": "LINK", "<name>": "NAME"}
    def spoken(path):
        return re.sub(r"<[^>]+>", lambda m: words[m[0]], path)
    real = {(r.method, spoken(r.path)): r.roles for r in app.ROUTES}
    real |= {("GET", spoken(path)): app.PUBLIC for path in [*app.PAGES, "/join/<link>", "/photos/<name>", "/api/live"]}
    there = documented_routes()
    there.pop(("GET", "/qr/PATH.svg"))
    assert set(there) == set(real)
    for key, roles in real.items():
        who = set(there[key].split(", "))
        assert roles == (app.PUBLIC if who == {"public"} else who), key


def refused_codes() -> dict[str, set[int]]:
    """{code: statuses} of every code that contest.py can answer with, out of its source."""
    found = {"not_found": {404}, "method_not_allowed": {405}, "bad_request": {400}, "fault": {500}}
    for node in ast.walk(SOURCE):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in ("Refused", "no_such"):
            continue
        if isinstance(node.args[0], ast.Constant) and node.func.id == "no_such":
            found["no_such_" + node.args[0].value] = {404}
        elif isinstance(node.args[0], ast.Constant) and node.args[0].value != "fault":
            found.setdefault(node.args[0].value, set()).add(node.args[2].value if len(node.args) > 2 else 400)
        elif not isinstance(node.args[0], ast.Constant):  # the two that pass a code on, and no_such itself
            assert ast.unparse(node.args[0]) in (
                "code", "error['code']", "f'no_such_{kind}'", "'not_found' if no.status_code == 404 else 'method_not_allowed'"), ast.unparse(node)
    return found


def test_every_code_of_a_refusal_is_documented_with_its_status_and_no_other():
    there: dict[str, set[int]] = {}
    for status, cell in rows(section("docs/http.md", "All codes")):
        for code in re.findall(r"`([a-z_]+)`", cell):
            there.setdefault(code, set()).add(int(status))
    assert there == refused_codes()


def test_every_exit_code_is_documented():
    codes = {error.exit_code for error in (app.UsageError, app.LogCorrupt, app.ContestError, app.SyncFailed, app.FolderInUse, app.NotOurs)}
    ways = section("README.md", "Commands") + DOCS["docs/disaster-recovery.md"].split("\n## ")[0]
    assert all(str(code) in part for code in codes for part in ways.split("**Backups.**"))


def test_every_event_is_documented_with_its_fields():
    there = {}
    for names, shown, private in rows(section("docs/log-format.md", "Events")):
        there |= {name: (shown, private) for name in names.split(", ")}
    assert set(there) == set(app.EVENTS)
    for name, event in app.EVENTS.items():
        for f in dataclasses.fields(event):
            assert f"`{f.name}`" in there[name][f.name in event.private], f"{name}.{f.name}"


def test_every_link_leads_somewhere():
    def anchors(text):
        return {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
    for name, text in DOCS.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.S)):
            if re.match(r"https?:|mailto:", target):
                continue
            path, _, anchor = target.partition("#")
            led = ((TOP / name).parent / path).resolve() if path else TOP / name
            assert led.exists(), f"{name}: {target}"
            assert not anchor or anchor in anchors(led.read_text("utf-8")), f"{name}: {target}"


def test_no_document_names_a_place_of_one_machine():
    for name, text in DOCS.items():
        assert not re.search(r"/(home|root|Users|tmp|work|srv)/", text), name


# The log format, read by one who has nothing but docs/log-format.md.

def blake(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def strange_reader(segments: list[str], erased: set[int]) -> list[tuple[dict, dict]]:
    """The records of a log, every promise of the document held against it; AssertionError where one is broken."""
    decoder, records, last, missing, erased = json.JSONDecoder(), [], "0" * 32, set(), set(erased)
    for text in segments:
        assert text.endswith("\n")
        for number, line in enumerate(text[:-1].split("\n")):
            digest, rest = line[:32], line[33:]
            public, end = decoder.raw_decode(rest)
            shown, hidden = rest[:end], rest[end + 1:]
            assert line[32] == " " and digest == blake(last + shown), "hash"
            if number == 0:
                assert public["contest"] == 1 and public["first"] == len(records) + 1 and public["previous"] == last
                assert public["began"] in ("new", "unclean", "size", "erase", "restore") and len(public["epoch"]) == 32
                batch = 0
            else:
                assert list(public)[:8] == ["seq", "batch", "at", "type", "by", "id", "body", "events"]
                assert public["seq"] == len(records) + 1 and batch <= public["batch"] <= public["seq"]
                batch = public["batch"]
                if hidden:
                    assert public["private"] == blake(hidden) and list(json.loads(hidden))[0] == "salt"
                elif "private" in public:
                    missing.add(public["seq"])
                for event in public["events"]:
                    erased |= set(event.get("lines", ())) if event["type"] == "PersonErased" else set()
                records.append((public, json.loads(hidden or "{}")))
            last = digest
    assert missing <= erased, "private part"
    return records


def read_tree(tree: Path) -> list[tuple[dict, dict]]:
    paths = sorted((tree / "wal").glob("wal-*.jsonl"))
    erased = tree / "erased.json"
    return strange_reader([path.read_text("utf-8") for path in paths], set(json.loads(erased.read_text())) if erased.exists() else set())


def example() -> str:
    return re.search(r"```jsonl\n(.*?)```", section("docs/log-format.md", "An example"), re.S)[1]


def test_the_example_is_right_to_the_last_digit(tmp_path):
    records = strange_reader([example()], set())
    assert [public["type"] for public, _ in records] == ["ChangeContest", "InviteJudge"] and records[1][1]["0"] == {"name": "Zoë"}
    (tmp_path / "wal").mkdir()
    (tmp_path / "wal" / "wal-0000000000000001.jsonl").write_text(example(), "utf-8")
    ours = [line for *_, line in app.Reader(app.Disk(), tmp_path)]
    assert [(line.public, line.private) for line in ours] == records
    hashes = re.findall(r"^[0-9a-f]{32}", example(), re.M)
    quoted = re.findall(r"`([0-9a-f]{8})\.\.\.`", section("docs/log-format.md", "An example"))
    assert quoted == [hashes[1][:8], records[1][0]["private"][:8]]


def test_the_strange_reader_finds_a_changed_digit():
    for wrong in (example().replace("Ink", "Inc"), example().replace("Zoë", "Zoe"), example().replace('"seq":2', '"seq":3')):
        with pytest.raises(AssertionError):
            strange_reader([wrong], set())
    bare = re.sub(r' \{"salt".*', "", example())
    with pytest.raises(AssertionError, match="private part"):
        strange_reader([bare], set())
    assert len(strange_reader([bare], {2})) == 2


def test_the_strange_reader_reads_what_the_server_writes(prepared, tmp_path):
    """Through an unclean end, an erasure, a backup and a restore."""
    data = tmp_path / "data"
    shutil.copytree(prepared, data)
    assert len(read_tree(data)) == 9
    (data / "HEAD").unlink()
    with app.open(data) as c:
        c.erase(101)
        name = c.backup()
        c.restore(name, to_seq=8)
    app.open(data).close()
    began = [json.loads(path.read_text("utf-8").split("\n")[0][33:])["began"] for path in sorted((data / "wal").iterdir())]
    assert began == ["new", "restore"]
    assert [public["type"] for public, _ in read_tree(data)][-1] == "RestoreContest"
    assert len(read_tree(data / "backups" / name)) == 10 and len(read_tree(data / "kept" / "0001")) == 10
    manifest = json.loads((data / "backups" / name / "manifest.json").read_bytes())
    for path, said in manifest["files"].items():
        raw = (data / "backups" / name / path).read_bytes()
        assert said == {"size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}


def test_a_snapshot_is_as_the_document_says(prepared, tmp_path):
    disk, head = app.Disk(), app.Head("e" * 32, 3, "f" * 32)
    app.save_snapshot(disk, tmp_path, head, [("rules", {"name": "x"}), ("entries", {"101": {}}), ("entries", {"102": {}})])
    raw = (tmp_path / "contest.json").read_text()
    found = json.loads(raw)
    assert raw.startswith('{"head":{"epoch":"') and raw.split("\n")[0].endswith('"parts":[')
    assert found["check"] == blake(raw.rpartition('],"check":"')[0]) and found["head"]["seq"] == 3
    assert [name for name, _ in found["parts"]] == ["rules", "entries", "entries"]


# The runbook: its commands, typed in order, each section in a folder of its own.

RUNBOOK = "docs/disaster-recovery.md"
MARKS = {"technique": 8, "composition": 7, "placement": 6.5, "style": 9, "creativity": 8}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, photo) -> Path:
    """The contest that the runbook speaks of: nine lines, two backups."""
    data = tmp_path_factory.mktemp("prepared") / "data"
    with app.open(data, admin_password=PASSWORD) as c:
        c.add_category("Sleeve")
        judge = c.invite("Ana")["judge"]["id"]
        for name in ("Zoë Núñez-Erasme", "Cy", "Dee"):
            c.submit(photo, "sleeve", name, artist="Marta")
        c.start_judging("sleeve")
        c.give_sheet(101, judge, MARKS)
        c.give_sheet(102, judge, MARKS)
        c._server.keeper.backup("timer")
        c.give_sheet(103, judge, MARKS)
    assert app.backup_names(app.Disk(), data) == ["000001-8-timer", "000002-9-stop"]
    return data


class Terminal:
    """A folder with a checkout's face, where a runbook's commands are typed.

    `make run` goes on beside until it ends or the section does; everything else is waited for.
    """

    def __init__(self, folder: Path, stick: Path):
        self.folder, self.data, self.stick, self.port = folder, folder / "data", stick, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.serving: list[tuple[subprocess.Popen, Path]] = []
        (folder / ".venv/bin").mkdir(parents=True)
        for name in ("Makefile", "deploy/serve.sh", "requirements.txt"):
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(TOP / name, folder / name)
        (folder / "contest.py").symlink_to(TOP / "contest.py")
        self.script(".venv/bin/python", f'exec {shlex.quote(sys.executable)} -W error "$@"')
        self.script("bin/sudo", 'exec "$@"')
        (folder / ".venv/.run").touch()

    def script(self, name: str, body: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("CONTEST_", "MAKE")) and k != "PORT"}
        return plain | {"CONTEST_HOST": "127.0.0.1", "CONTEST_PORT": str(self.port), "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8",
                        "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}

    #: put before every command: for the section that needs a user who may not write, who is never root
    before: tuple[str, ...] = ()

    def type(self, command: str) -> str:
        """What a command prints, both streams."""
        command = command.replace("/media/stick", str(self.stick))
        if command == "make run":
            return self.serve()
        done = subprocess.run([*self.before, "sh", "-c", command], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=40)
        if command.startswith("kill"):
            self.serving[0][0].wait(30)
        if " restore " in command and self.serving and self.serving[-1][0].poll() is None:  # takes effect when the server has started again
            wait_until(lambda: not (self.data / "RESTORE").exists() and self.ready() == {"ready": True})
        fails = "grep" in command and " -rl " in command  # nothing found is what it hopes for
        assert "NOT WHOLE" in done.stdout or done.returncode == fails, f"$ {command}\nended with {done.returncode}:\n{done.stdout}"
        return done.stdout.replace(str(self.stick), "/media/stick")

    def serve(self) -> str:
        """Start `make run` and wait until it serves or ends; what it prints."""
        printed = self.folder / f"run{len(self.serving)}.out"
        with printed.open("wb") as out:
            child = subprocess.Popen([*self.before, "make", "run"], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                     stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        self.serving.append((child, printed))
        wait_until(lambda: child.poll() is not None or "The contest is at" in printed.read_text())
        return printed.read_text()

    def server(self) -> int:
        """The process that holds the folder."""
        return int((self.data / "LOCK").read_text().split()[1])

    def ready(self) -> dict:
        """What /ready says, {} while nobody answers."""
        try:
            with urllib.request.urlopen(self.url + "/ready", timeout=5) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as no:
            with no:
                return json.loads(no.read())
        except OSError:
            return {}

    def judge_again(self, entry: int = 103, mark: float = 7) -> Http:
        """Give a sheet as the organiser; returns who did, with the answer in `.last`."""
        admin = Http(self.url).login_admin()
        sheet = next(s for s in admin.get("/api/state").json["sheets"] if s["entry"] == entry)
        admin.last = admin.put(f"/api/sheets/{entry}", {"marks": MARKS | {"style": mark}, "judge": "j1", "base": sheet["seq"]})
        return admin

    def stop(self) -> None:
        """End what still serves, in peace if it can."""
        for child, _ in self.serving:
            if child.poll() is None:
                os.kill(self.server(), signal.SIGTERM)
                try:
                    child.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.wait(10)


def wait_until(true: Callable[[], object]):
    deadline = time.monotonic() + 15
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not happen within 15 s"
        time.sleep(0.02)
    return found


# Before and after: what has failed when a section begins, and what must hold when its commands were typed.
# A function that yields prepares what is before the yield and checks what is after it.

def power_cut(here: Terminal):
    here.serve()
    os.kill(here.server(), signal.SIGKILL)
    here.serving[0][0].wait(15)
    with next((here.data / "wal").iterdir()).open("ab") as segment:
        segment.write(b'0123456789abcdef {"seq":10,"batch":10,"at":179')
    yield
    assert here.judge_again().last.status == 200


def full_disk(here: Terminal):
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("only Linux lets a disk fill up for one process alone")
    (here.data / "kept/0001/wal").mkdir(parents=True)
    (here.data / "quarantine").mkdir()
    here.serve()
    unlimited = resource.prlimit(here.server(), resource.RLIMIT_FSIZE)
    size = max(path.stat().st_size for path in (here.data / "wal").iterdir())
    resource.prlimit(here.server(), resource.RLIMIT_FSIZE, (size + 10, unlimited[1]))
    admin = here.judge_again()
    assert (admin.last.status, admin.last.code) == (507, "disk_full")
    assert here.ready()["ready"] is False and "disk" in here.ready()["reason"]
    yield
    assert app.verify(here.data)["log"]["seq"] == 9
    resource.prlimit(here.server(), resource.RLIMIT_FSIZE, unlimited)
    wait_until(lambda: here.ready() == {"ready": True})
    assert here.judge_again().last.status == 200


def failed_write(here: Terminal):
    here.stick.mkdir()
    (here.folder / "faulty.py").write_text(
        "import contest, pathlib, sys\nreal = contest.Disk.sync\ndef sync(self, fd):\n"
        "    if pathlib.Path('fail').exists():\n        pathlib.Path('fail').unlink()\n        raise OSError(5, 'Input/output error')\n"
        "    real(self, fd)\ncontest.Disk.sync = sync\nsys.exit(contest.main(sys.argv[2:]))\n")
    here.script(".venv/bin/python", f'case "$2" in serve) set -- faulty.py "$@";; esac; exec {shlex.quote(sys.executable)} "$@"')
    serve = here.serve

    def serve_and_fail() -> str:
        serve()
        (here.folder / "fail").touch()
        try:
            assert here.judge_again().last.code == "outcome_unknown"
        except OSError:  # no answer says the same
            assert not (here.folder / "fail").exists()
        wait_until(lambda: here.serving[-1][1].read_text().count("The contest is at") == 2)
        return here.serving[-1][1].read_text()

    here.serve = serve_and_fail
    yield
    assert here.judge_again(mark=5).last.status == 200


def damaged_log(here: Terminal):
    segment = next((here.data / "wal").iterdir())
    segment.write_bytes(segment.read_bytes().replace(b'"seq":4,', b'"seq":4 ,'))
    yield
    assert here.judge_again().last.status == 200
    assert next((here.data / "kept/0001/wal").iterdir()).read_bytes().count(b'"seq":4 ,') == 1


def damage_beside(here: Terminal):
    (here.data / "secret.json").write_bytes(b"")
    (here.data / "contest.json").write_bytes(b"{}")
    next((here.data / "photos").rglob("*-large.jpg")).unlink()
    (here.data / "backups/000001-8-timer/secret.json").write_bytes(b"{}")
    yield
    with app.open(here.data) as c:
        assert len(c.state()["entries"]) == 3


def folder_in_use(here: Terminal):
    here.serve()
    yield
    assert here.ready() == {"ready": True}


def not_ours(here: Terminal):
    if os.getuid() == 0:  # root may write anywhere: without its capabilities it is a user like any other
        if not shutil.which("setpriv"):
            pytest.skip("root may write anywhere, and setpriv is not there")
        here.before = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    subprocess.run(["chmod", "-R", "a-w", here.data], check=True)
    yield
    assert here.judge_again().last.status == 200


def laptop_dies(here: Terminal):
    here.stick.mkdir()
    with app.open(here.data, backup_folder=str(here.stick)) as c:
        c._server.keeper.backup("timer")
    yield
    seen = []
    for data in (here.data, here.folder.with_name("second") / "data"):
        with app.connected(dataclasses.replace(app.Settings(), data=str(data))) as c:  # the second is served
            state = c.state()
            seen.append([state[k] for k in ("entries", "sheets", "categories")] + [[j["link"].rpartition("/")[2] for j in state["judges"]]])
    assert seen[0] == seen[1]


def wrong_click(here: Terminal):
    with app.open(here.data) as c:
        c.close_judging("sleeve")
        c.decide_winners("sleeve", [[101, 102, 103]], "Rehearsal")
        c.reveal("sleeve", 0)
        c.reveal("sleeve", 1)
    here.serve()
    assert any(w["places"] for w in Http(here.url).get("/api/state").json["winners"])
    yield
    admin = Http(here.url).login_admin().get("/api/state").json
    assert not any(w["places"] for w in admin["winners"]) and admin["categories"][0]["state"] == "decided"


def forgotten_password(here: Terminal):
    here.serve()
    yield
    link = re.search(r"/setup/(\S+)", here.printed)[1]
    anybody = Http(here.url)
    assert anybody.post("/api/setup", {"link": link, "password": "a new password"}).status == 200
    assert Http(here.url).post("/api/login", {"password": "a new password"}).status == 200


def erasing(here: Terminal):
    yield
    left = [path for path in here.folder.rglob("*") if path.is_file() and "Núñez".encode() in path.read_bytes()]
    assert left == [] and (here.folder / "contest.zip").exists()


def second_place_gone(here: Terminal):
    yield
    newest = app.backup_names(app.Disk(), here.data)[-1]
    assert app.check_backup(app.Disk(), next(here.stick.glob("contest-*")) / newest)["seq"] == 9
    assert "did not take" not in here.printed


def wrong_clock(here: Terminal):
    """Lines of ten years ahead, then of two days back."""
    now = time.time
    try:
        for number, seconds in enumerate((10 * 365 * 86400, -2 * 86400)):
            time.time = lambda seconds=seconds: now() + seconds
            with app.open(here.data) as c:
                c.add_category(f"Late {number}")
    finally:
        time.time = now
    yield
    with app.open(here.data) as c:
        assert [x["name"] for x in c.state()["categories"]] == ["Sleeve", "Late 0", "Late 1"]


WAYS = {
    "Power cut or kill -9": power_cut, "The disk is full": full_disk, "The disk failed a write": failed_write,
    "The log is damaged": damaged_log, "Something beside the log is damaged": damage_beside, "The folder is in use": folder_in_use,
    "The folder is not ours": not_ours, "The laptop dies": laptop_dies, "A wrong click": wrong_click,
    "A forgotten password": forgotten_password, "Erasing a person": erasing, "The second place is gone": second_place_gone,
    "The clock is wrong": wrong_clock}


def typed(text: str) -> list[tuple[str, str, list[str]]]:
    """The commands of a section: [(prompt, command, the lines it should print)]."""
    found: list[tuple[str, str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.S):
        for line in block.splitlines():
            if match := re.fullmatch(r"((?:second)?\$) (.+)", line):
                found.append((match[1], match[2], []))
            else:
                found[-1][2].append(line)
    return found


def test_the_runbook_has_a_preparation_for_each_section_and_each_says_four_things():
    headings = re.findall(r"^## (.+)$", DOCS[RUNBOOK], re.M)
    assert headings == list(WAYS)
    for heading in headings:
        parts = re.findall(r"^\*\*(You see|It means|Type|Well again when)\*\*", section(RUNBOOK, heading), re.M)
        assert parts == ["You see", "It means", "Type", "Well again when"], heading
        assert typed(section(RUNBOOK, heading)), heading
    assert set(re.findall(r"^```(\w*)", DOCS[RUNBOOK], re.M)) == {"console", ""}


@pytest.mark.parametrize("heading", WAYS)
def test_the_runbook_does_what_it_says(heading, prepared, tmp_path):
    here, second = Terminal(tmp_path / "first", tmp_path / "stick"), Terminal(tmp_path / "second", tmp_path / "stick")
    shutil.copytree(prepared, here.data)
    way = WAYS[heading](here)
    try:
        next(way)
        for prompt, command, expected in typed(section(RUNBOOK, heading)):
            at = here if prompt == "$" else second
            at.printed = at.type(command)
            lines = iter(at.printed.splitlines())
            for line in expected:  # in this order, with others in between
                pattern = ".*".join(map(re.escape, line.split("…")))
                assert any(re.fullmatch(pattern + ".*", found) for found in lines), f"$ {command}\nshould say: {line}\nsaid:\n{at.printed}"
            assert "Traceback" not in at.printed, at.printed
        next(way, None)
    finally:
        for terminal in (here, second):
            terminal.stop()
            subprocess.run(["chmod", "-R", "u+w", terminal.folder], check=True)
