"""The drawn contest for tests of pages: filled once a session, copied for every server.

    demo = Demo(server(demos.copy(tmp_path / "data")))
    frida = demo.seat("Frida")        # an Http, joined by her link
"""

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from tests.client import Http
from tests.server import TOP, Server

SECONDS = 120


@functools.cache
def folder() -> Path:
    """A data folder at the stage "judging": 30 entries, long names, one category in each state. Never served itself."""
    top = Path(tempfile.mkdtemp(prefix="contest-demo-"))
    atexit.register(shutil.rmtree, top, ignore_errors=True)
    filled = subprocess.run([sys.executable, str(TOP / "contest.py"), "demo", "--data", str(top / "data"), "--stage", "judging"],
                            cwd=TOP, capture_output=True, text=True, timeout=SECONDS,
                            env={name: value for name, value in os.environ.items() if not name.startswith("CONTEST_")})
    assert filled.returncode == 0, filled.stdout + filled.stderr
    return top / "data"


def copy(to: Path) -> Path:
    """A copy of it, to be served and changed."""
    shutil.copytree(folder(), to)
    return to


def events(data: Path, kind: str) -> list[dict]:
    """Every event of one kind that the log on disk holds, oldest first: {"type", ..., "id" of its command, "at"}."""
    found = []
    for segment in sorted((data / "wal").glob("*.jsonl")):
        for line in segment.read_text("utf-8").splitlines():
            public, _ = json.JSONDecoder().raw_decode(line, 33)
            found += [{**event, "id": public["id"], "at": public["at"]} for event in public.get("events", []) if event["type"] == kind]
    return found


class Demo:
    """The people and things of a running demo.

    admin   an Http, signed in
    """

    def __init__(self, server: Server):
        self.server = server
        self.url = server.url
        self.admin = Http(server).login_admin()

    def state(self, who: Http | None = None) -> dict:
        answer = (who or self.admin).get("/api/state")
        assert answer.status == 200, answer
        return answer.json

    def category(self, state: str) -> str:
        """The id of the category in that state."""
        return next(one["id"] for one in self.state()["categories"] if one["state"] == state)

    def entries(self, category: str) -> list[int]:
        return [one["number"] for one in self.state()["entries"] if one["category"] == category]

    def judge(self, name: str) -> dict:
        """The judge, desk or host whose name begins so."""
        return next(one for one in self.admin.get("/api/judges").json["judges"] if one["name"].startswith(name))

    def seat(self, name: str) -> Http:
        """A new device, joined by that person's link."""
        return Http(self.server).join(self.judge(name)["link"])

    def link(self, name: str) -> str:
        """The address of that person's link, on the host the tests use."""
        return self.url + urlsplit(self.judge(name)["link"]).path

    def do(self, path: str, body: dict | None = None, method: str = "post", who: Http | None = None) -> dict:
        """A command that must be taken."""
        answer = getattr(who or self.admin, method)(path, body)
        assert answer.status in (200, 201), answer
        return answer.json
