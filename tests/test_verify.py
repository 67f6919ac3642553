"""`make verify` judged itself: each check is failed by one mutation, and by that mutation no other check is.

What only reads files is tried here one mutation after the other. What starts servers takes minutes: TORTURE=1 tries each of those too.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest

import contest as app
from deploy.verify.__main__ import DEAR, QUICK, main
from deploy.verify.checks import (
    FAILED,
    PASSED,
    UNCHECKED,
    Checkout,
    Finding,
    Unchecked,
    Wrong,
    named,
    row,
    run,
    summary,
    tried,
)
from tests.server import TOP

BY_NAME = {named(check): check for check in (*QUICK, *DEAR)}
FILES = ("fly.toml", "Dockerfile", ".dockerignore", "Makefile", "requirements.txt", "contest.py", "demo.py", "views", "static",
         "deploy/contest.service", "deploy/contest.socket", "deploy/Caddyfile", "deploy/serve.sh")
SECOND_MOUNT = '[http_service]', '[[mounts]]\nsource = "backups"\ndestination = "/backups"\ninitial_size = "8gb"\n\n[http_service]'
TO_LIVE = 'path = "/health"'

#: (check, file, what stands there, what stands there instead)
MUTATIONS = [
    ("known keys", "fly.toml", 'kill_signal = "SIGTERM"', 'kill_signal = "SIGTERM"\nkill_grace = "5s"'),
    ("known keys", "fly.toml", "force_https = true", "force_https = true\nmax_machines_running = 3"),
    ("known keys", "fly.toml", "[checks.live]", '[checks.other]\ntype = "http"\n\n[checks.live]'),
    ("kill signal", "fly.toml", '"SIGTERM"', '"SIGSTOPPED"'),
    ("kill timeout", "fly.toml", '"45s"', '"301s"'),
    ("kill timeout", "fly.toml", '"45s"', '"30s"'),
    ("durations", "fly.toml", 'wait_timeout = "5m"', 'wait_timeout = 300'),
    ("durations", "fly.toml", 'wait_timeout = "5m"', 'wait_timeout = "300"'),
    ("durations", "fly.toml", 'interval = "10s"', "interval = 10000"),
    ("durations", "fly.toml", 'interval = "15s"', 'interval = "5s"'),
    ("strategy", "fly.toml", '"rolling"', '"bluegreen"'),
    ("one volume", "fly.toml", *SECOND_MOUNT),
    ("one volume", "fly.toml", 'destination = "/data"', 'destination = "/"'),
    ("one volume", "fly.toml", 'initial_size = "8gb"', 'initial_size = "1gb"'),
    ("concurrency", "fly.toml", "hard_limit = 5000", "hard_limit = 80"),
    ("concurrency", "fly.toml", 'type = "connections"', 'type = "sockets"'),
    ("always on", "fly.toml", 'auto_stop_machines = "off"', 'auto_stop_machines = "suspend"'),
    ("machine", "fly.toml", '"shared-cpu-1x"', '"shared-cpu-3x"'),
    ("machine", "fly.toml", '"512mb"', '"600mb"'),
    ("machine", "fly.toml", "swap_size_mb = 512", "swap_size_mb = 0"),
    ("env names", "fly.toml", "[env]", '[env]\nFLY_REGION = "fra"'),
    ("env names", "fly.toml", "[env]", '[env]\nCONTEST_PROT = "8000"'),
    ("env names", "fly.toml", "[env]", '[env]\nCONTEST_ADMIN_PASSWORD = "correct horse"'),
    ("env names", "fly.toml", 'CONTEST_TRUST_PROXY = "fly"', 'CONTEST_TRUST_PROXY = "none"'),
    ("health paths", "fly.toml", TO_LIVE, 'path = "/healthz"'),
    ("health paths", "fly.toml", 'path = "/ready"', 'path = "/join/x"'),
    ("health paths", "fly.toml", 'path = "/ready"', 'path = "/ready/"'),
    ("health paths", "fly.toml", "[[http_service.checks]]", "[http_service.checks]"),
    ("two stages", "Dockerfile", "COPY --from=wheels /venv /venv", "COPY --from=wheels /venv /usr/local"),
    ("wheels only", "Dockerfile", " --only-binary=:all:", ""),
    ("start command", "Dockerfile", "STOPSIGNAL SIGTERM", 'STOPSIGNAL SIGTERM\nENTRYPOINT ["tini", "--"]'),
    ("start command", "Dockerfile", "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGTERM\nVOLUME /data"),
    ("kept out", ".dockerignore", "!views", "!views\n!data"),
    ("kept out", ".dockerignore", "!views\n", ""),
    ("hadolint", "Dockerfile", "WORKDIR /wheels\n", ""),
    ("ports", "fly.toml", "internal_port = 8000", "internal_port = 8080"),
    ("ports", "fly.toml", "[metrics]\nport = 9091", "[metrics]\nport = 9090"),
    ("ports", "Dockerfile", "EXPOSE 8000 9091", "EXPOSE 8080 9091"),
    ("ports", "contest.py", 'port: int = _setting(8000,', 'port: int = _setting(8001,'),
    ("ports", "deploy/contest.socket", "0.0.0.0:8000", "0.0.0.0:8080"),
    ("ports", "deploy/Caddyfile", "127.0.0.1:8000", "127.0.0.1:8080"),
    ("folders", "Dockerfile", "CONTEST_DATA=/data/contest", "CONTEST_DATA=/contest"),
    ("folders", "deploy/contest.service", "StateDirectory=contest", "StateDirectory=tattoo"),
    ("versions", "requirements.txt", "bottle==", "bottle>="),
    ("public address", "fly.toml", 'app = "change-me-contest"', 'app = "inkfest"'),
    ("limits", "fly.toml", "hard_limit = 5000", "hard_limit = 7000"),
    ("limits", "deploy/contest.service", "LimitNOFILE=16000", "LimitNOFILE=1024"),
    ("ends", "deploy/contest.service", "ExitStatus=64 65 69 75 77", "ExitStatus=64 65 69 75"),
    ("ends", "deploy/contest.service", "TimeoutStopSec=45", "TimeoutStopSec=30"),
    ("ends", "deploy/contest.service", "kill -HUP $MAINPID", "kill -TERM $MAINPID"),
    ("unit file", "deploy/contest.service", "KillMode=mixed", "KillMood=mixed"),
    ("one hop", "deploy/Caddyfile", "reverse_proxy 127.0.0.1:8000 {", "reverse_proxy 127.0.0.1:8000 {\n\t\ttrusted_proxies 0.0.0.0/0"),
    ("one machine", "Makefile", "fly deploy --ha=false", "fly deploy"),
    ("one machine", "Makefile", "deploy: verify", "deploy: .venv/.run"),
]
#: the same for checks that start servers; the first three are quick enough to be tried every time
SERVED = [
    ("start to ready", "contest.py", 'saved.")\n    return 0', 'saved.")\n    return 1'),
    ("second writer", "contest.py", "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB"),
    ("metrics", "contest.py", 'GaugeMetricFamily(f"contest_{name}"', 'GaugeMetricFamily(f"tattoo_{name}"'),
    ("image rehearsal", "Dockerfile", "COPY views views/\n", ""),
    ("drain", "contest.py", "(site.running and time.monotonic() < begun", "(False and time.monotonic() < begun"),
    ("health states", "contest.py", '    reason = "draining" if site.draining else', '    reason = "" if True else'),
    ("kill loop", "contest.py", "            write_all(self.disk, self._fd, joined)\n",
     '            self.late, joined = joined, getattr(self, "late", b"")\n            write_all(self.disk, self._fd, joined)\n'),
    ("deploy rehearsal", "contest.py", "hub.begin(self.recovered.log.head.epoch,", "hub.begin(secrets.token_hex(16),"),
    ("backup and restore", "contest.py", '"photos": _sums(disk, link_photos(disk, folder, making), _known_sums(disk, folder))}', '"photos": {}}'),
    ("full disk refuses", "contest.py", 'os.strerror(why.errno or 0)}).", 507)', 'os.strerror(why.errno or 0)}).", 500)'),
    ("spoofed headers", "contest.py", '["HTTP_X_FORWARDED_FOR"].rpartition(",")[2]', '["HTTP_X_FORWARDED_FOR"].partition(",")[0]'),
    ("slow heads", "contest.py", "head_seconds, idle_seconds = 10,", "head_seconds, idle_seconds = 600,"),
    ("drops root", "contest.py", "        os.setuid(settings.user)\n", ""),
    ("quotas", "contest.py", "if most and self.photo_bytes + coming > most:", "if False:"),
    ("watchdog", "contest.py", "with _watched_loop(settings.watchdog_seconds):", "with _watched_loop(0):"),
    ("restart in place", "contest.py", "return Handed(listeners, server.lock.fileno(), tuple(each.socket.fileno() for each in web.idle), tuple(hand_over_sockets(hub)))",
     "return Handed((), server.lock.fileno(), (), ())"),
    ("socket activation", "contest.py", "range(int(count) if count.isdigit() else 0)", "range(0)"),
    ("large photos", "contest.py", "gevent.threadpool.ThreadPool(1), gevent.threadpool.ThreadPool(threads)",
     "gevent.threadpool.ThreadPool(1), gevent.threadpool.ThreadPool(4)"),
]
ELSEWHERE = {"docker build": "needs a Docker engine", "live deploy": "needs an account"}
torture = pytest.mark.skipif(not os.environ.get("TORTURE"), reason="breaks a server as well, of which the check itself is tried: minutes in all, TORTURE=1 does it")


@pytest.fixture
def mutant():
    """`mutant(file, old, new)` is this checkout with one change, which must change something; it lies where other users come, too."""
    (TOP / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TOP / "build", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield _mutating(Path(made))


def _mutating(tmp_path: Path):
    def make(name: str = "", old: str = "", new: str = "") -> Checkout:
        for each in FILES:
            (tmp_path / each).parent.mkdir(exist_ok=True)
            (tmp_path / each).symlink_to(TOP / each)
        if name:
            before = (TOP / name).read_text("utf-8")
            assert before.count(old) >= 1, f"{name} does not say {old!r}"
            (tmp_path / name).unlink()
            (tmp_path / name).write_text(before.replace(old, new, 1), "utf-8")
        return Checkout(tmp_path)
    return make


def failed(checks, checkout: Checkout) -> list[str]:
    return [each.name for each in run(checks, checkout) if each.result == FAILED]


# Each check, and its mutation.

def test_this_checkout_passes_every_check_that_reads_files(mutant):
    found = run(QUICK, Checkout(TOP))
    assert [each for each in found if each.result == FAILED] == []
    assert failed(QUICK, mutant()) == []


@pytest.mark.parametrize(("check", "name", "old", "new"), MUTATIONS, ids=[f"{check}: {new.strip()[:40]!r}" for check, _, _, new in MUTATIONS])
def test_a_mutation_fails_its_check_and_no_other(mutant, check, name, old, new):
    if tried(BY_NAME[check], Checkout(TOP)).result == UNCHECKED:
        pytest.skip(f"{check} cannot be tried here")
    assert failed(QUICK, mutant(name, old, new)) == [check]


@pytest.mark.seconds(300)
@pytest.mark.parametrize(("check", "name", "old", "new"),
                         [pytest.param(*each, marks=() if number < 3 else torture, id=each[0]) for number, each in enumerate(SERVED)])
def test_a_server_that_breaks_the_promise_fails_its_check(mutant, check, name, old, new):
    assert tried(BY_NAME[check], mutant(name, old, new)).result == FAILED


LONG = {"watchdog": "is half a minute of silence"}


@pytest.mark.seconds(120)
@pytest.mark.parametrize("check", [each[0] for each in SERVED])
def test_this_checkout_keeps_a_promise_that_takes_a_server(check):
    if check in LONG and not os.environ.get("TORTURE"):
        pytest.skip(f"{check} {LONG[check]}: TORTURE=1 tries it")
    found = tried(BY_NAME[check], Checkout(TOP))
    if found.result == UNCHECKED:
        pytest.skip(f"{check}: {found.words}")
    assert found.result == PASSED, found.words


def test_every_check_is_proven_or_out_of_reach():
    proven = {each[0] for each in (*MUTATIONS, *SERVED)}
    assert proven | set(ELSEWHERE) == set(BY_NAME)


# The table.

def passes(checkout):
    """All is well.

    Second paragraph."""
    return "3 of 3"


def fails(checkout):
    """All is well."""
    raise Wrong("one of\nthree is missing.")


def breaks(checkout):
    """All is well."""
    raise KeyError("x")


def cannot(checkout):
    """All is well."""
    raise Unchecked("no Docker here.")


def test_a_row_says_the_figure_of_what_passed_and_what_broke_the_promise_of_what_did_not():
    assert row(Finding("one volume", "There is one.", PASSED, "8 GB", 0.04)) == "passed       one volume                 0.0 s  8 GB"
    assert row(tried(fails, Checkout(TOP))).endswith("All is well. But: one of three is missing.")


def test_a_check_that_breaks_has_failed():
    found = tried(breaks, Checkout(TOP))
    assert (found.result, found.words) == (FAILED, "KeyError: 'x'")


def test_what_could_not_be_checked_is_named_and_is_no_failure():
    said = summary(run((passes, cannot), Checkout(TOP)))
    assert said.splitlines() == ["1 passed, 0 FAILED, 1 not checked.", "Not checked here: cannot.", "Ready, as far as this machine can tell."]
    assert summary(run((passes, cannot, fails), Checkout(TOP))).endswith("Not ready.")


def test_one_failure_ends_with_1_and_a_name_that_is_none_with_64(monkeypatch, capsys):
    monkeypatch.setattr("deploy.verify.__main__.QUICK", (passes, fails))
    assert main(["--quick"]) == 1
    assert main(["passes"]) == 0
    assert main(["passes", "no such check"]) == 64
    assert "no such check" in capsys.readouterr().err


def test_what_is_read_out_of_the_source_is_what_the_server_has():
    found = Checkout(TOP).app
    assert found.version == app.__version__
    assert found.settings == {f"CONTEST_{name.upper()}": value for name, value in vars(app.Settings()).items()}
    assert found.public == {route.path for route in app.ROUTES if route.method == "GET" and route.roles == app.PUBLIC and "<" not in route.path}
    assert set(found.errors.values()) == {64, 65, 69, 70, 74, 75, 77}


def test_the_checks_are_short_and_say_what_they_promise():
    for path in sorted((TOP / "deploy").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 50, f"{path.name}: {node.name}"
                assert not re.search(r"manager|handler|helper|util|data|info|process", node.name), f"{path.name}: {node.name}"
    for check in BY_NAME.values():
        assert re.search(r"\.$", check.__doc__.splitlines()[0]), check.__name__


# make deploy and make bundle.

def make(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, timeout=170, env={**os.environ, "MAKEFLAGS": "", **env})


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A checkout's face: Makefile, fly.toml, and a Python and a fly that note what they are told; the Python ends with what `code` says."""
    for name in ("Makefile", "fly.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(TOP / name, tmp_path / name)
    for name, body in ((".venv/bin/python", '[ "$2" = deploy.verify ] && exit $(cat code); exit 0'), ("bin/fly", "exit 0")):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(f'#!/bin/sh\necho "{path.name} $@" >> told\n{body}\n')
        path.chmod(0o755)
    (tmp_path / "code").write_text("0")
    return tmp_path


def deployed(checkout: Path) -> tuple[int, bool]:
    """The exit code of make deploy, and whether fly was told to deploy."""
    code = make(checkout, "deploy", PATH=f"{checkout / 'bin'}:{os.environ['PATH']}").returncode
    return code, "fly deploy --ha=false\n" in (checkout / "told").read_text()


def test_make_deploy_deploys_what_was_verified_and_was_given_a_name(checkout):
    assert deployed(checkout)[1] is False
    (checkout / "fly.toml").write_text((checkout / "fly.toml").read_text().replace("change-me-contest", "inkfest"))
    (checkout / "code").write_text("1")
    assert deployed(checkout)[1] is False
    (checkout / "code").write_text("0")
    assert deployed(checkout) == (0, True)


@pytest.mark.seconds(180)
def test_a_bundle_is_installed_without_an_index_and_serves(tmp_path):
    packing = subprocess.run([sys.executable, "deploy/bundle.py", "--into", str(tmp_path)], cwd=TOP, capture_output=True, text=True, timeout=120)
    if re.search(r"connection|resolve|timed out", packing.stderr, re.I):
        pytest.skip("no package index is reached, so there are no wheels to pack")
    assert packing.returncode == 0, packing.stderr
    archive = next(tmp_path.glob("contest-*.tar.gz"))
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    there = tmp_path / archive.name.removesuffix(".tar.gz")
    assert not list(there.rglob("__pycache__")) and not (there / "tests").exists()
    offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_EXTRA_INDEX_URL": "", "PIP_CONFIG_FILE": os.devnull}
    installed = make(there, ".venv/.run", **offline)
    assert installed.returncode == 0, installed.stdout + installed.stderr
    served = tried(BY_NAME["start to ready"], Checkout(there, str(there / ".venv/bin/python")))
    assert served.result == PASSED, served.words


# The documents.

PAGES = {name: (TOP / "docs" / name).read_text("utf-8") for name in ("deployment.md", "quick-reference.md")}
#: lines of docs/deployment.md that stand outside **account** and **root**, and the test that tries each
TRIED = {"make verify", "make verify ARGS=--quick", "make verify ARGS=--list", "make bundle", "make bundle ARGS=--everywhere", "make run",
         "tar xzf contest-0.1.0.tar.gz", "cd contest-0.1.0"}


def commands(text: str) -> list[tuple[str, str]]:
    """(mark, command) of every line that is typed; the mark is "account", "root" or ""."""
    blocks = re.findall(r"(?:\*\*(account|root)\*\*\n\n)?```console\n(.*?)```", text, re.S)
    return [(mark, line[2:]) for mark, block in blocks for line in block.splitlines() if line[:2] in ("$ ", "# ")]


def test_every_command_of_the_documents_is_tried_or_marked():
    for mark, command in commands(PAGES["deployment.md"]):
        if not mark:
            assert command in TRIED, command
        if mark == "account":
            assert command.startswith("fly ") or command == "make deploy", command
    ten = PAGES["deployment.md"].split("## Fly.io in ten commands")[1].split("###")[0]
    assert len(commands(ten)) == 10


def test_every_target_and_subcommand_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text("utf-8"), re.M))
    words = set(next(action for action in app._parser()._actions if action.dest == "command").choices)
    for name, text in PAGES.items():
        typed = "\n".join(re.findall(r"`([^`]+)`", text)) + "\n" + "\n".join(command for _, command in commands(text))
        assert set(re.findall(r"\bmake ([a-z][a-z-]*)", typed)) <= targets, name
        assert set(re.findall(r"\bcontest\.py ([a-z-]+)", typed)) <= words, name
        for path in re.findall(r"\bdeploy/[\w.]+", typed):
            assert (TOP / path).exists(), path


def test_the_page_to_print_names_every_end():
    assert {0, 64, 65, 70, 74, 75, 77} == {int(code) for cell in re.findall(r"^\| ([\d, ]+) \|", PAGES["quick-reference.md"], re.M) for code in cell.split(",")}
    assert len(PAGES["quick-reference.md"].splitlines()) < 60


def test_what_the_document_types_is_what_the_files_mean():
    """The volume's name, the version of the bundle and the metrics port stand in a file and in the document."""
    fly, text = Checkout(TOP).fly, PAGES["deployment.md"]
    assert f"fly volumes create {fly['mounts'][0]['source']} --size {fly['mounts'][0]['initial_size'].removesuffix('gb')} " in text
    assert f"contest-{app.__version__}.tar.gz" in text and f"port {fly['metrics']['port']}" in text


def test_the_commands_of_make_verify_say_what_the_document_says(capsys):
    assert main(["--list", "--quick"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == len(QUICK) and all(line.endswith(".") for line in listed)
