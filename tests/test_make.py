"""What `make run` promises, with a stand-in for the server's Python: what is started again, what is said, what is installed."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.server import TOP


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A folder with our Makefile and serve.sh, and a `.venv/bin/python` that ends with the codes in `codes`, one a start."""
    for name in ("Makefile", "deploy/serve.sh", "requirements.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(TOP / name, tmp_path / name)
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@" >> starts\n[ "$1" = -m ] && exit 0\ncode=$(sed -n "$(grep -c serve starts)p" codes)\nexec sh -c "$code"\n')
    python.chmod(0o755)
    return tmp_path


def run(folder: Path, *command: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=folder, env={**os.environ, "MAKEFLAGS": "", **env}, capture_output=True, text=True, timeout=50)


def starts(folder: Path) -> list[str]:
    return (folder / "starts").read_text().splitlines()


@pytest.mark.parametrize("code", [70, 74])
def test_a_server_that_ended_itself_is_started_again_with_a_sentence(checkout, code):
    (checkout / "codes").write_text(f"exit {code}\nexit 0\n")
    ended = run(checkout, "deploy/serve.sh")
    assert ended.returncode == 0
    assert starts(checkout) == ["contest.py serve"] * 2
    assert "Starting again" in ended.stderr


@pytest.mark.parametrize("code", [0, 64, 65, 75, 77, 1])
def test_any_other_end_is_the_last(checkout, code):
    (checkout / "codes").write_text(f"exit {code}\nexit 0\n")
    ended = run(checkout, "deploy/serve.sh")
    assert ended.returncode == code
    assert starts(checkout) == ["contest.py serve"]
    assert ended.stderr == ""


def test_a_sigterm_reaches_the_server_and_is_no_reason_to_start_again(checkout):
    (checkout / "codes").write_text("trap 'echo told > told; exit 70' TERM; touch up; while :; do sleep 0.05; done\n")
    serving = subprocess.Popen(["deploy/serve.sh"], cwd=checkout)
    deadline = time.monotonic() + 15
    while not (checkout / "up").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(15) == 70
    assert (checkout / "told").exists()
    assert starts(checkout) == ["contest.py serve"]


def test_the_second_run_installs_nothing_until_the_requirements_change(checkout):
    (checkout / "codes").write_text("exit 0\n" * 3)
    for _ in range(2):
        assert run(checkout, "make", "run").returncode == 0
    installs = [line for line in starts(checkout) if "install" in line]
    assert len(installs) == 1
    later = time.time() + 10
    os.utime(checkout / "requirements.txt", (later, later))
    assert run(checkout, "make", "run").returncode == 0
    assert len([line for line in starts(checkout) if "install" in line]) == 2


def test_an_older_python_is_told_in_a_sentence(checkout):
    old = checkout / "old"
    old.write_text('#!/bin/sh\nexec python3 -c "import sys; sys.version_info = (3, 9, 2); exec(sys.argv[2])" "$@"\n')
    old.chmod(0o755)
    refused = run(checkout, "make", "run", f"PYTHON={old}")
    assert refused.returncode != 0
    assert "needs Python 3.11 or newer, this is 3.9" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_make_alone_lists_every_target(checkout):
    listed = run(checkout, "make").stdout
    for target in re.findall(r"^([a-z]+):", (TOP / "Makefile").read_text(), re.M):
        assert f"make {target}" in listed


def test_what_the_tests_miss_is_named_in_a_sentence_where_it_cannot_be_installed(checkout):
    """As somebody who is not root, with a PATH that holds neither npm nor a package manager."""
    (checkout / "tests").mkdir()
    shutil.copy(TOP / "tests/prepare.sh", checkout / "tests/prepare.sh")
    tools = checkout / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "tr", "grep", "uname"):
        (tools / name).symlink_to(shutil.which(name))
    (tools / "id").write_text("#!/bin/sh\necho 1000\n")
    (tools / "id").chmod(0o755)
    refused = run(checkout, "sh", "tests/prepare.sh", PATH=str(tools), CHROMIUM="")
    assert refused.returncode == 1
    assert "please install them first: " in refused.stderr
    assert "npm" in refused.stderr
    assert refused.stderr.count("\n") == 1
