"""Runs the Autobahn suite against the echo of tests/echo.py: `make autobahn`.

The suite speaks Python 2.7 only. One is looked for on the PATH, at pyenv and as PyPy; the suite goes into
build/autobahn/, its report into build/autobahn/report/index.html. Sections 12 and 13 judge compression, which
contest.v1 does not offer; 1 to 7, 9 and 10 must end without a failed case and without an unclean close.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.echo import EchoServer
from tests.server import TOP

SUITE = "autobahntestsuite==25.10.1"
FOLDER = TOP / "build" / "autobahn"
SECTIONS = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*")
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}
CLEAN = {"OK", "INFORMATIONAL"}
NONE_AT_HAND = 69   # EX_UNAVAILABLE: nothing was judged, which is not the same as all is well
# Its packages lie in a folder of their own; addsitedir reads the .pth files there, which PYTHONPATH would not.
START = "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"


def candidates() -> Iterator[str]:
    """Where a Python 2.7 may be: on the PATH, at pyenv, PyPy."""
    yield from filter(None, map(shutil.which, ("python2.7", "python2")))
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(root.glob("versions/*2.7*/bin/python")))
    yield from filter(None, map(shutil.which, ("pypy2.7", "pypy2", "pypy")))


def works(python: str) -> bool:
    """Is it one of 2.7, with pip? A stand-in of pyenv is on the PATH but runs nothing."""
    tried = subprocess.run([python, "-c", "import sys, pip; sys.exit(sys.version_info[:2] != (2, 7))"], capture_output=True, timeout=60)
    return tried.returncode == 0


def installed(python: str) -> Path:
    """The folder with the suite's packages for this interpreter, filled once."""
    folder = FOLDER / "packages"
    stamp = folder / ".installed"
    wanted = f"{SUITE} for {python}"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        print(f"Installing {SUITE} for {python} (once).", flush=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check", "--target", str(folder), SUITE],
                       check=True, timeout=900, stderr=subprocess.DEVNULL)
        stamp.write_text(wanted)
    return folder


def judged(python: str, url: str, cases: list[str]) -> dict[str, dict]:
    """Run the suite's cases against an echo at `url`: {case: {"behavior", "behaviorClose", ...}}."""
    report = FOLDER / "report"
    shutil.rmtree(report, ignore_errors=True)
    spec = {"outdir": str(report), "cases": cases, "exclude-cases": [], "exclude-agent-cases": {},
            "servers": [{"agent": "contest", "url": url, "protocols": ["contest.v1"]}]}
    (FOLDER / "spec.json").write_text(json.dumps(spec))
    with (FOLDER / "suite.log").open("wb") as log:
        subprocess.run([python, "-c", START, str(installed(python)), "-m", "fuzzingclient", "-s", str(FOLDER / "spec.json")],
                       cwd=FOLDER, check=True, timeout=1800, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    return json.loads((report / "index.json").read_text())["contest"]


def print_table(found: dict[str, dict]) -> None:
    """A line a section: how many cases ended how."""
    sections: dict[int, Counter] = defaultdict(Counter)
    for case, ended in found.items():
        sections[int(case.split(".")[0])].update([ended["behavior"], f"close {ended['behaviorClose']}"])
    for section in sorted(sections):
        print(f"  section {section:2}   " + ", ".join(f"{count} {how}" for how, count in sorted(sections[section].items())))


def bad(found: dict[str, dict]) -> list[str]:
    """The cases that failed or were not closed cleanly, a line each."""
    return [f"{case}: {ended['behavior']}, close {ended['behaviorClose']}" for case, ended in found.items()
            if ended["behavior"] not in GOOD or ended["behaviorClose"] not in CLEAN]


def main(cases: list[str]) -> int:
    python = next(filter(works, candidates()), None)
    if python is None:
        print("No Python 2.7 is at hand (looked for python2.7, pyenv and PyPy), and the Autobahn suite speaks no other. "
              "Its cases are in tests/test_autobahn.py too: make test ARGS=tests/test_autobahn.py", file=sys.stderr)
        return NONE_AT_HAND
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        installed(python)
    except subprocess.SubprocessError:
        print(f"{python} is here, but {SUITE} could not be installed for it.", file=sys.stderr)
        return NONE_AT_HAND
    with tempfile.TemporaryDirectory() as place:
        server = EchoServer(Path(place) / "data").start()
        try:
            found = judged(python, server.url.replace("http", "ws", 1) + "/api/live", cases or list(SECTIONS))
        finally:
            server.end()
        print(server.errors, end="", file=sys.stderr)
    print_table(found)
    wrong = bad(found)
    print("\n".join(wrong) if wrong else f"{len(found)} cases: none failed, every close was clean.")
    print(f"The report: {(FOLDER / 'report' / 'index.html').relative_to(TOP)}")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
