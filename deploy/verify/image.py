"""The Dockerfile and .dockerignore: rules a linter does not know, the linter, and a rehearsal of the build without Docker."""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.verify.checks import Checkout, Unchecked, Wrong, require
from deploy.verify.server import Served

#: what must never be in an image: people, keys, history, and what only weighs
KEPT_OUT = ("data/secret.json", "data/wal/wal-0000000000000001.jsonl", "data-demo/secret.json", ".env", ".git/config", ".venv/bin/python",
            "tests/test_web.py", "build/verify/x", "contest.zip")


def instructions(text: str) -> list[tuple[str, str]]:
    """The lines of a Dockerfile as (word, rest), continued lines joined and comments left out.

    >>> instructions("FROM a \\\\\\n AS b\\n# no\\nCMD [\\"c\\"]")
    [('FROM', 'a AS b'), ('CMD', '["c"]')]
    """
    whole = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.M))
    return [(line.split(None, 1)[0].upper(), line.split(None, 1)[1].strip()) for line in whole.splitlines() if line.strip()]


def told(checkout: Checkout, word: str) -> list[str]:
    return [rest for each, rest in instructions(checkout.text("Dockerfile")) if each == word]


def environment(checkout: Checkout) -> dict[str, str]:
    """What the Dockerfile's ENV lines set."""
    return {name: value for rest in told(checkout, "ENV") for name, value in re.findall(r"(\w+)=(\S+)", rest)}


def copied(checkout: Checkout) -> list[tuple[str, str]]:
    """What is copied out of the checkout: (from, to), a pair for each source."""
    pairs = []
    for rest in told(checkout, "COPY"):
        if "--from=" not in rest:
            *sources, to = rest.split()
            pairs += [(source, to) for source in sources]
    return pairs


def ignored(rules: str, path: str) -> bool:
    """Does .dockerignore keep a path out? The last line that fits decides, and a folder's line counts for all in it.

    >>> ignored("*\\n!views\\n", "views/home.html"), ignored("*\\n!views\\n", "data/secret.json")
    (False, True)
    """
    kept_out = False
    parents = [path, *(str(parent) for parent in Path(path).parents)]
    for line in filter(None, (line.strip() for line in rules.splitlines())):
        pattern = line.removeprefix("!").strip("/")
        if not line.startswith("#") and any(fnmatch.fnmatch(each, pattern) for each in parents if each != "."):
            kept_out = not line.startswith("!")
    return kept_out


def two_stages(checkout: Checkout) -> str:
    """The image is built in two stages on one slim Python with a version, and only the virtual environment is carried over."""
    froms = [rest.split()[0] for rest in told(checkout, "FROM")]
    require(len(froms) == 2 and len(set(froms)) == 1, "The Dockerfile has two FROM lines with the same image.")
    require(re.fullmatch(r"python:3\.\d+-slim-\w+", froms[0]), f"{froms[0]} is no slim Python with a version, like python:3.11-slim-bookworm.")
    carried = [rest for rest in told(checkout, "COPY") if "--from=" in rest]
    require([rest.split()[1:] for rest in carried] == [["/venv", "/venv"]], "What is carried over is /venv, to the same place: its scripts name it.")
    require(environment(checkout).get("PATH", "").startswith("/venv/bin:"), "PATH begins with /venv/bin.")
    return froms[0]


def wheels_only(checkout: Checkout) -> str:
    """The image installs requirements.txt from wheels: nothing is compiled, so no compiler is in it."""
    installs = [rest for rest in told(checkout, "RUN") if "pip install" in rest]
    require(len(installs) == 1 and "-r requirements.txt" in installs[0], "One RUN line installs -r requirements.txt.")
    require("--only-binary=:all:" in installs[0], "pip install has to say --only-binary=:all:.")
    return "--only-binary=:all:"


def start_command(checkout: Checkout) -> str:
    """CMD is in exec form, serves, and nothing stands between it and the signals: no shell, no tini, no VOLUME, no USER."""
    require(not told(checkout, "ENTRYPOINT"), "No ENTRYPOINT: the platform's init forwards signals by itself.")
    require(not told(checkout, "VOLUME"), "No VOLUME: it would hide the mounted one where none is mounted.")
    require(not told(checkout, "USER"), "No USER: a new volume belongs to root; the server makes its folder and drops root itself.")
    commands = told(checkout, "CMD")
    require(len(commands) == 1 and commands[0].startswith("["), "CMD has to be in exec form: a shell would keep the signals to itself.")
    require(json.loads(commands[0]) == ["python", "contest.py", "serve"], "CMD is [\"python\", \"contest.py\", \"serve\"].")
    require(told(checkout, "STOPSIGNAL") in ([], ["SIGTERM"]), "STOPSIGNAL is SIGTERM.")
    return commands[0]


def kept_out(checkout: Checkout) -> str:
    """.dockerignore keeps data, secrets, history and tests out of the image, and nothing that is copied."""
    rules = checkout.text(".dockerignore")
    inside = [path for path in KEPT_OUT if not ignored(rules, path)]
    require(not inside, f".dockerignore lets {', '.join(inside)} in.")
    missing = [source for source, _ in copied(checkout) if ignored(rules, source.rstrip("/")) or not (checkout.top / source).exists()]
    require(not missing, f"The Dockerfile copies {', '.join(missing)}, which .dockerignore keeps out or which is not there.")
    return f"{len(copied(checkout))} files and folders go in"


def hadolint(checkout: Checkout) -> str:
    """The Dockerfile's linter has nothing to say."""
    linter = shutil.which("hadolint", path=f"{Path(checkout.python).parent}:{os.environ.get('PATH', '')}")
    if not linter:
        raise Unchecked("hadolint is not here: pip install -r requirements-dev.txt")
    done = subprocess.run([linter, "--no-color", str(checkout.top / "Dockerfile")], capture_output=True, text=True, timeout=60)
    require(done.returncode == 0, done.stdout + done.stderr)
    return "nothing to say"


def docker_build(checkout: Checkout) -> str:
    """Docker builds the image."""
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "info"], capture_output=True, timeout=30).returncode:
        raise Unchecked("No Docker engine is here; `image rehearsal` tries its steps without one.")
    done = subprocess.run([docker, "build", "--quiet", str(checkout.top)], capture_output=True, text=True, timeout=600)
    require(done.returncode == 0, done.stderr)
    return done.stdout.strip()[:19]


def image_rehearsal(checkout: Checkout) -> str:
    """The Dockerfile's steps, without Docker: wheels into a clean environment, only what it copies, and its CMD with fly.toml's settings serves."""
    with checkout.scratch() as under:
        _install_wheels(checkout, under)
        app = under / "app"
        app.mkdir()
        for source, to in copied(checkout):
            if source != "requirements.txt":
                _copy(checkout.top / source, app / to)
        env = checkout.fly.get("env", {}) | {"CONTEST_DATA": str(under / "data" / "contest"), "CONTEST_METRICS_PORT": "0",
                                                  "CONTEST_USER": "0"}  # the environment lies where only its maker comes; `drops root` tries the user
        env = {name: value for name, value in env.items() if name not in ("CONTEST_PORT",)}
        with Served(Checkout(app, str(under / "venv/bin/python")), under / "data" / "contest", env) as server:
            pages = [path for path in ("/", "/submit", "/display", "/static/live.js") if server.http.get(path).status != 200]
            require(not pages, f"{', '.join(pages)} are not served from what the image holds.")
        return f"clean environment, ready after {server.start_seconds:.2f} s"


def _copy(source: Path, to: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, to / source.name if to.is_dir() else to)


def _install_wheels(checkout: Checkout, under: Path) -> None:
    """A new environment with what requirements.txt names, from wheels alone and without an index. errors   Wrong, Unchecked"""
    pip = [str(under / "venv/bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    requirements = str(checkout.top / "requirements.txt")
    subprocess.run([sys.executable, "-m", "venv", str(under / "venv")], check=True, capture_output=True, timeout=120)
    wheels = checkout.top / "wheels"
    if not wheels.is_dir():
        wheels = under / "wheels"
        loaded = subprocess.run([*pip, "download", "-q", "--only-binary=:all:", "-d", str(wheels), "-r", requirements], capture_output=True, text=True, timeout=300)
        if loaded.returncode and re.search(r"connection|resolve|timed out", loaded.stderr, re.I):
            raise Unchecked("No wheels are here and no index is reached.")
        require(loaded.returncode == 0, f"Not all of requirements.txt is there as wheels: {loaded.stderr.strip().splitlines()[-1:]}")
    done = subprocess.run([*pip, "install", "-q", "--no-index", "--find-links", str(wheels), "-r", requirements], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise Wrong(f"The wheels cannot be installed: {done.stderr.strip().splitlines()[-1:]}")


CHECKS = (two_stages, wheels_only, start_command, kept_out, hadolint)
DEAR = (docker_build, image_rehearsal)
