"""Who comes to the server in a rehearsal: somebody who sends again until there is an answer, an upload that is held in the middle, a photo."""

import contextlib
import http.client
import io
import resource
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator

from PIL import Image, ImageDraw

from deploy.verify.checks import Unchecked, Wrong, require
from deploy.verify.server import Served
from tests.client import Http, form
from tests.live import Live

SECONDS = 20


def wait_until(true: Callable[[], object], sentence: str, seconds: float = SECONDS):
    """What `true` returns, as soon as it is something. errors   Wrong with the sentence"""
    until = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > until:
            raise Wrong(f"{sentence} (after {seconds:.0f} s)")
        time.sleep(0.01)
    return found


def tattoo(width: int = 900, height: int = 1200, **how) -> bytes:
    """A JPEG with lines on a skin tone."""
    picture = Image.new("RGB", (width, height), (214, 170, 140))
    pen = ImageDraw.Draw(picture)
    for step in range(12):
        inset = step * min(width, height) // 30
        pen.ellipse((inset, inset, width - inset, height - inset), outline=(40 + step, 34, 46), width=max(2, width // 150))
    into = io.BytesIO()
    picture.save(into, "JPEG", quality=88, **how)
    return into.getvalue()


class Invitations:
    """An organiser's script: it invites judges one after the other, and sends again under the same id until there is an answer.

    taken      {name: the judge's id} of what was acknowledged
    gaps       the longest time between two acknowledgements, and when: the seconds that a restart costs
    """

    def __init__(self, server: Served, admin: Http, label: str):
        self._server, self._admin, self._label = server, admin, label
        self.taken: dict[str, str] = {}
        self.longest_gap = 0.0
        self.failures = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def _go_on(self) -> None:
        last = time.monotonic()
        while not self._over.is_set():
            name, body_id = f"{self._label} {len(self.taken) + 1}", secrets.token_urlsafe(16)
            while (answer := self._once(name, body_id)) is None:
                self.failures += 1
                if self._over.wait(0.02):
                    return
            now = time.monotonic()
            self.longest_gap, last = max(self.longest_gap, now - last), now
            self.taken[name] = answer

    def _once(self, name: str, body_id: str) -> str | None:
        try:
            answer = self._admin.post("/api/judges", {"name": name, "role": "judge", "id": body_id})
        except (OSError, http.client.HTTPException):  # no answer, or half of one: unknown, so the same is asked again
            return None
        return answer.json["judge"]["id"] if answer.status in (200, 201) else None

    def __enter__(self) -> "Invitations":
        self._thread.start()
        return self

    def __exit__(self, *error) -> None:
        self._over.set()
        self._thread.join(SECONDS)

    def more(self, count: int) -> None:
        """Wait until so many more are acknowledged. errors   Wrong"""
        wanted = len(self.taken) + count
        wait_until(lambda: len(self.taken) >= wanted, f"Only {len(self.taken)} of {wanted} invitations were acknowledged")


def kept(server: Served, taken: dict[str, str]) -> int:
    """How many acknowledged invitations the server has. errors   Wrong where one is missing, or there twice"""
    names = [judge["name"] for judge in server.admin.get("/api/judges").json["judges"]]
    missing = set(taken) - set(names)
    require(not missing, f"{len(missing)} of {len(taken)} that were acknowledged are lost.")
    require(len(names) == len(set(names)), f"{len(names) - len(set(names))} are there twice.")
    return len(taken)


def category(admin: Http) -> str:
    answer = admin.post("/api/categories", {"name": "Best Sleeve"})
    require(answer.status == 201, f"A category was answered with {answer}.")
    return answer.json["category"]["id"]


@contextlib.contextmanager
def screens(server: Served, count: int) -> Iterator[list[Live]]:
    """So many live sockets that were greeted."""
    with contextlib.ExitStack() as opened:
        found = [opened.enter_context(Live(server.url)) for _ in range(count)]
        for each in found:
            each.hello()
        yield found


class HalfUpload:
    """An entry of which the first half has arrived at the server; `finish` sends the rest and returns the status."""

    def __init__(self, server: Served, category_id: str):
        fields = {"category": category_id, "collector": "Ada", "consent": "yes", "adult": "yes", "id": secrets.token_urlsafe(16)}
        body, kind = form(tattoo(), fields)
        head = f"POST /api/entries HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self._rest = body[len(body) // 2:]
        self._socket = socket.create_connection(("127.0.0.1", server.port), SECONDS)
        self._socket.sendall(head.encode() + body[:len(body) // 2])

    def __enter__(self) -> "HalfUpload":
        return self

    def __exit__(self, *error) -> None:
        self._socket.close()

    def finish(self) -> int:
        self._socket.sendall(self._rest)
        answer = b""
        while chunk := self._socket.recv(4096):
            answer += chunk
        require(answer.startswith(b"HTTP/1.1 "), "An upload under way got no answer.")
        return int(answer.split()[1])


@contextlib.contextmanager
def full_disk(server: Served, room: int = 10) -> Iterator[None]:
    """Let no file of the server grow by more than so many bytes, which it sees as a disk without room. errors   Unchecked outside Linux"""
    if not hasattr(resource, "prlimit"):
        raise Unchecked("Only Linux lets the disk fill up for one process alone.")
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    largest = max(path.stat().st_size for path in (server.data / "wal").iterdir())
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (largest + room, before[1]))
    try:
        yield
    finally:
        if server.running:
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)
