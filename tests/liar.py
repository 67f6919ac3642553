"""A small server that speaks contest.v1 (docs/realtime.md) and misbehaves on purpose, for the tests of static/live.js.

    liar = Liar()
    liar.tell("entry_submitted", entry={"number": 1})       # an event: kept, and sent to whoever is live
    liar.on["/api/state"] = html                            # from now on that path lies
    liar.live = lambda talk: talk.close(4401)               # and so does every socket

What is not bent is honest: state, events, resume and reset come from one small log. The page at / draws what its live
channel knows: entries in [data-entries], status in [data-status], names of messages in [data-messages].
"""

import base64
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.server import TOP

KINDS = {".js": "text/javascript", ".json": "application/json", ".css": "text/css", ".woff2": "font/woff2", ".svg": "image/svg+xml"}
TEXT, CLOSE = 0x1, 0x8
PAGE = (Path(__file__).parent / "liar.html").read_text("utf-8")


@dataclass
class Asked:
    """One request that came. query: {name: value}; wire: its connection, for an answer that is no HTTP."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    wire: socket.socket = field(repr=False, compare=False, default=None)


@dataclass
class Answer:
    """What goes back. body: bytes or str as they are, anything else as JSON; None as the whole answer: the connection ends."""

    body: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def html(asked: Asked) -> Answer:
    """What a hotel's wifi answers to everything."""
    return Answer("<!doctype html><title>Welcome</title><form>Room number <input></form>", headers={"Content-Type": "text/html"})


def refusal(status: int, code: str = "", **headers: str) -> Callable[[Asked], Answer]:
    """A route that refuses: our own error with a code, else a proxy's page. Underscores in the names of headers are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"error": {"code": code, "message": "No."}} if code else "<h1>No.</h1>"
    return lambda asked: Answer(body, status, named)


def nothing(asked: Asked) -> None:
    """A route that hangs up without a word."""


class Gone(Exception):
    """The other side of a socket went."""


class Talk:
    """One socket of a page, from our side.

    hellos  every hello so far; the newest is the last
    heard   every frame of the page, hellos too
    """

    def __init__(self, liar: "Liar", wire: socket.socket):
        self.liar = liar
        self.wire = wire
        self.hellos: list[dict] = []
        self.heard: list[dict] = []
        self.ended = threading.Event()
        self._sending = threading.Lock()
        self._buffer = b""

    # What we say.

    def say(self, kind: str, **fields) -> None:
        self.frame(TEXT, json.dumps({"t": kind, **fields}).encode())

    def frame(self, opcode: int, payload: bytes = b"") -> None:
        """One frame, unmasked, whatever it holds."""
        size = len(payload)
        head = bytes([0x80 | opcode]) + (bytes([size]) if size < 126 else struct.pack("!BH", 126, size) if size < 1 << 16 else struct.pack("!BQ", 127, size))
        with self._sending:
            try:
                self.wire.sendall(head + payload)
            except OSError as error:
                raise Gone from error

    def welcome(self, mode: str = "reset", **fields) -> None:
        """A welcome as the honest server's, with fields of yours."""
        self.say("welcome", **{"mode": mode, "why": "new", **self.liar.cursor, "ping": 30, "dead": 45, "retry": self.liar.retry, "recommend": "websocket", **fields})

    def close(self, code: int) -> None:
        self.frame(CLOSE, struct.pack("!H", code))

    def drop(self) -> None:
        """End the connection without a close frame."""
        self.wire.shutdown(socket.SHUT_RDWR)

    # What the page says.

    def hello(self) -> dict:
        """The next hello."""
        while (frame := self.hear())["t"] != "hello":
            pass
        return frame

    def hear(self) -> dict:
        """The next frame; Gone when the page left."""
        first, second = self._read(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self._read(2 if size == 126 else 8), "big")
        mask, payload = self._read(4), self._read(size)
        payload = bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))
        if first & 0xF != TEXT:
            raise Gone
        frame = json.loads(payload)
        self.heard.append(frame)
        if frame["t"] == "hello":
            self.hellos.append(frame)
        return frame

    def drain(self) -> None:
        """Read until the page leaves."""
        try:
            while True:
                self.hear()
        except Gone:
            pass

    def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            try:
                some = self.wire.recv(1 << 16)
            except OSError as error:
                raise Gone from error
            if not some:
                raise Gone
            self._buffer += some
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken


class Liar:
    """The server. Everything below can be changed while it runs.

    url      where the page is
    on       {path: route}: what answers in place of the honest one; `html`, `refusal(...)`, `nothing` or a function of an Asked
    live     a function of a Talk, called for each socket; it ends, the socket ends
    upgrade  what answers an upgrade in place of 101, or None
    recommend, retry, dead    what welcome and /api/realtime-fallback say
    asked    every request so far; talks: every socket so far
    """

    def __init__(self):
        self.epoch, self.audience = "e1", "public"
        self.seq = 0
        self.told: list[dict] = []      # the ev frames of our audience
        self.entries: dict[int, dict] = {}
        self.recommend, self.retry, self.dead = "websocket", [0.02, 0.2], 45
        self.on: dict[str, Callable[[Asked], Answer | None]] = {}
        self.live: Callable[[Talk], None] = self.honest
        self.upgrade: Callable[[Asked], Answer | None] | None = None
        self.asked: list[Asked] = []
        self.talks: list[Talk] = []
        self.news = threading.Condition()
        self._faults: list[BaseException] = []
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    # The honest log.

    @property
    def cursor(self) -> dict:
        return {"e": self.epoch, "s": self.seq, "h": f"{self.seq:08x}", "a": self.audience}

    def state(self) -> dict:
        return {**self.cursor, "me": {"role": self.audience.split(":")[0]}, "contest": {"name": "Lies"}, "entries": list(self.entries.values())}

    def tell(self, number: int, k: str = "entry_submitted", quietly: bool = False) -> dict:
        """A new entry, as an ev frame: kept, and sent to every page that is live; `quietly` sends it to nobody."""
        with self.news:
            before = self.told[-1]["s"] if self.told else 0
            self.seq += 1
            self.entries[number] = {"number": number, "category": "c", "state": "registered"}
            self.told.append({"t": "ev", "s": self.seq, "h": f"{self.seq:08x}", "p": before, "m": [{"k": k, "d": {"entry": self.entries[number]}}]})
            if not quietly:
                self.news.notify_all()
            return self.told[-1]

    def after(self, cursor: dict | None) -> list[dict] | None:
        """What a page at that cursor missed; None: it must reset."""
        if not cursor or cursor["e"] != self.epoch or cursor["a"] != self.audience or int(cursor["s"]) > self.seq:
            return None
        return [frame for frame in self.told if frame["s"] > int(cursor["s"])]

    def honest(self, talk: Talk) -> None:
        """Speak the protocol as it is written down, until the page leaves."""
        threading.Thread(target=self._tell_on, args=(talk,), daemon=True).start()
        talk.drain()

    def greet(self, talk: Talk, hello: dict, **fields) -> int:
        """The honest answer to a hello; the seq it reaches to."""
        missed = self.after(hello["cur"])
        reached = self.seq
        talk.welcome("reset" if missed is None else "resume", **{"dead": self.dead, "recommend": self.recommend, **fields})
        for frame in missed or ():
            talk.frame(TEXT, json.dumps(frame).encode())
        return reached

    def _tell_on(self, talk: Talk) -> None:
        """Greet each hello, then send what is told, and heartbeats."""
        greeted, reached = 0, 0
        try:
            while not talk.ended.is_set():
                with self.news:
                    if len(talk.hellos) > greeted:
                        greeted = len(talk.hellos)
                        reached = self.greet(talk, talk.hellos[-1])
                    for frame in [frame for frame in self.told if greeted and frame["s"] > reached]:
                        talk.frame(TEXT, json.dumps(frame).encode())
                        reached = frame["s"]
                    self.news.wait(0.02)
        except Gone:
            pass

    # Waiting for what must happen.

    def count(self, path: str) -> int:
        return sum(asked.path == path for asked in self.asked)

    # The wire.

    def _accept(self) -> None:
        while True:
            try:
                wire = self._listening.accept()[0]
            except OSError:      # closed, with the test
                return
            self._open.add(wire)
            threading.Thread(target=self._serve, args=(wire,), daemon=True).start()

    def _serve(self, wire: socket.socket) -> None:
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                some = wire.recv(1 << 16)
                if not some:
                    return
                head += some
            self._heed(self._read(head.decode("latin-1"), wire))
        except OSError:      # the page is gone
            pass
        except Exception as fault:  # noqa: BLE001 - a test's own lie was wrong, whatever it was: told when the server ends
            self._faults.append(fault)
        finally:
            self._open.discard(wire)
            wire.close()

    def _read(self, head: str, wire: socket.socket) -> Asked:
        first, *lines = head.split("\r\n\r\n")[0].split("\r\n")
        where = urlsplit(first.split()[1])
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        return Asked(where.path, {name: values[0] for name, values in parse_qs(where.query).items()}, headers, wire)

    def _heed(self, asked: Asked) -> None:
        self.asked.append(asked)
        if asked.path == "/api/live":
            return self._shake_hands(asked)
        answer = self.on.get(asked.path, self._honestly)(asked)
        if answer is not None:
            self._answer(asked.wire, answer)

    def _shake_hands(self, asked: Asked) -> None:
        refused = self.upgrade and self.upgrade(asked)
        if self.upgrade:
            return self._answer(asked.wire, refused) if refused else None
        accept = base64.b64encode(hashlib.sha1((asked.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        asked.wire.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: contest.v1\r\n\r\n").encode())
        talk = Talk(self, asked.wire)
        self.talks.append(talk)
        try:
            self.live(talk)
        except Gone:
            pass
        finally:
            talk.ended.set()
            self._part(asked.wire)

    @staticmethod
    def _part(wire: socket.socket) -> None:
        """Read what is still on its way before closing: a reset would overtake our last frames."""
        wire.shutdown(socket.SHUT_WR)
        wire.settimeout(5)
        while wire.recv(1 << 16):
            pass

    def _answer(self, wire: socket.socket, answer: Answer) -> None:
        plain = isinstance(answer.body, (bytes, str))
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body if plain else json.dumps(answer.body).encode()
        headers = {"Content-Type": "text/html" if plain else "application/json", "Content-Length": str(len(body)), "Connection": "close", **answer.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        wire.sendall(f"HTTP/1.1 {answer.status} Said\r\n{lines}\r\n".encode() + body)

    def _honestly(self, asked: Asked) -> Answer:
        if asked.path == "/":
            return Answer(PAGE)
        if asked.path.startswith("/static/") and ".." not in asked.path:
            file = TOP / asked.path[1:]
            return Answer(file.read_bytes(), headers={"Content-Type": KINDS.get(file.suffix, "text/plain")})
        if asked.path == "/api/state":
            return Answer(self.state())
        if asked.path == "/api/realtime-fallback":
            return Answer({"recommend": self.recommend, "reasons": [], "retry": self.retry, "retry_after": None})
        if asked.path == "/api/events":
            return Answer(self.events(asked))
        return Answer({"me": {"role": "public"}}) if asked.path == "/api/logout" else Answer("", 404)

    def events(self, asked: Asked) -> dict:
        """The honest long poll: an answer as soon as there is one, or after `wait` seconds."""
        with self.news:
            if self.after(asked.query) == []:
                self.news.wait_for(lambda: self.after(asked.query) != [], float(asked.query["wait"]))
            missed = self.after(asked.query)
            return {"mode": "reset" if missed is None else "resume", "why": "", **self.cursor, "events": missed or []}

    def end(self) -> None:
        """Close everything; a fault in a test's lie is raised here."""
        self._listening.close()
        for wire in list(self._open):
            try:
                wire.shutdown(socket.SHUT_RDWR)
            except OSError:      # closed by itself meanwhile
                pass
        with self.news:
            self.news.notify_all()
        if self._faults:
            raise self._faults[0]
