"""What all users of one run share, and how the run ends: everybody catches up and is held against the server's state."""

import collections
import os
import secrets
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

import requests
from PIL import Image

import demo
from loadtest.ledger import Ledger, Tellings
from loadtest.wall import Broken, Contradiction, Heard, Wall
from tests.client import form

ENTRIES_TO_JUDGE = 6


class Unprepared(Exception):
    """A run cannot begin; the sentence says why."""


class Hall:
    """What all users of one run share: the organiser's sign-in, the two categories, and what was seen and acknowledged.

    judged   the category under judging, with `numbers` of its entries
    open     the category that takes entries
    closing  true from the moment the run ends: nobody begins anything new
    """

    def __init__(self, environment, photos: list[tuple[str, bytes]]):
        self.environment, self.url, self.photos = environment, environment.host.rstrip("/"), photos
        self.name = secrets.token_hex(3)
        self.ledger, self.heard = Ledger(), Heard()
        self.tellings = Tellings(lambda what, by, seconds: self.report("EVENT", f"{what} arrives, {by}", seconds))
        self.walls: list[Wall] = []
        self.counts: collections.Counter = collections.Counter()
        self.faults: list[str] = []
        self.closing = False
        self.admin = requests.Session()
        self.admin.headers["Origin"] = self.url
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=20, pool_block=True)   # many judges ask for their links at once
        self.admin.mount("http://", adapter)
        self.admin.mount("https://", adapter)

    def ask(self, method: str, path: str, **more) -> dict:
        """The organiser's own requests, outside of the figures; requests.RequestException where one is refused."""
        answer = self.admin.request(method, self.url + path, timeout=60, **more)
        answer.raise_for_status()
        return answer.json()

    def prepare(self) -> None:
        """Sign in, make the categories, enter what is to be judged, start judging."""
        self.ask("POST", "/api/login", json={"password": os.environ.get("CONTEST_ADMIN_PASSWORD", "")})
        made = [self.ask("POST", "/api/categories", json={"name": f"Load {self.name} {what}"})["category"] for what in ("judged", "open")]
        self.judged, self.open = made
        self.numbers = []
        for at in range(ENTRIES_TO_JUDGE):
            identity = secrets.token_urlsafe(16)
            body, kind = self.tattoo(identity, self.judged["id"], self.photos[at % len(self.photos)])
            self.numbers.append(self.ask("POST", "/api/entries", data=body, headers={"Content-Type": kind})["entry"]["number"])
            self.ledger.entered(identity, self.numbers[-1])
        self.ask("POST", f"/api/categories/{self.judged['id']}/judge", json={})

    def tattoo(self, identity: str, category: str, photo: tuple[str, bytes]) -> tuple[bytes, str]:
        """The body of a submission and its content type."""
        return form(photo, {"id": identity, "category": category, "collector": "Zoë Núñez", "artist": "Marta Kowalska",
                            "title": "Snake and peony", "consent": "yes", "adult": "yes"})

    def report(self, kind: str, name: str, seconds: float, fault: Exception | None = None) -> None:
        """One line of locust's figures; a fault makes it a failure, and the run's exit code 1."""
        self.environment.events.request.fire(request_type=kind, name=name, response_time=seconds * 1000, response_length=0, exception=fault)

    def broken(self, why: Broken, by: str) -> None:
        """Count a gap, a duplicate or a contradiction."""
        self.counts[why.name] += 1
        self.report("CHECK", f"{why.name}, {by}", 0, why)

    def told(self, wall: Wall, event: dict, by: str, live: bool) -> None:
        """Apply an `ev`; note the delay of what was not just caught up with."""
        self.counts["messages"] += 1
        changes, now = wall.hear(event), time.perf_counter()
        for change in (message["d"] for message in changes if live):
            if text := change.get("screen", {}).get("text"):
                self.tellings.arrived(("screen", text), by, now)
            elif number := change.get("entry", {}).get("number"):
                self.tellings.arrived(("entry", number), by, now)

    # The end.

    def settle(self) -> None:
        """Let every wall catch up, then hold walls and ledger against the server's state."""
        self.faults += self.ledger.missing(self.ask("GET", "/api/state"))
        for wall in (wall for wall in self.walls if wall.cursor):
            try:
                self._catch_up(wall)
            except Broken as why:
                self.broken(why, "at the end")
        if lacking := sum(wall.lacking() for wall in self.walls):
            self.faults.append(f"Walls lack {lacking} messages that others were told.")
        for fault in self.faults:
            self.report("CHECK", "at the end", 0, Contradiction(fault))

    def _catch_up(self, wall: Wall) -> None:
        """Read on until the wall stands where the state does, then compare the two."""
        for _ in range(20):
            state = requests.get(self.url + "/api/state", timeout=60).json()
            answer = requests.get(f"{self.url}/api/events?{urlencode(wall.cursor)}&wait=0", timeout=60).json()
            if wall.greeted(answer):
                return self.counts.update([f"resets ({answer['why']})"])
            for event in answer["events"]:
                wall.hear(event)
            wall.beat(answer)
            if wall.cursor["s"] == state["s"]:
                unlike = wall.unlike(state)
                self.faults += [f"A wall shows otherwise than the state: {', '.join(unlike[:3])}."] * bool(unlike)
                self.counts["walls held against the state"] += 1
                return None
        self.faults.append("Somebody else changes this contest: a wall never stood where the state does.")


def photos(folder: str) -> list[tuple[str, bytes]]:
    """The whole JPEGs of a folder as (name, bytes), the largest last; four drawn ones where no folder is named."""
    if not folder:
        with tempfile.TemporaryDirectory() as made:
            return [(path.name, path.read_bytes()) for path in (demo.draw(kind, Path(made)) for kind in range(4))]
    found = [path for path in sorted(Path(folder).glob("*.jp*g"), key=lambda path: path.stat().st_size) if _is_whole(path)]
    if not found:
        raise Unprepared(f"There is no JPEG in {folder}.")
    return [(path.name, path.read_bytes()) for path in found]


def _is_whole(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            picture.load()
    except (OSError, SyntaxError):
        return False
    return True
