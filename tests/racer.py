"""A client that comes and goes: it listens for a moment, is cut off, comes back by its cursor, and believes nothing.

What it hears are the messages "1", "2", ... of tests/pouring.py: a gap or a duplicate shows in the numbers, whatever
the cursors say, and a wrong cursor shows in the rules of docs/realtime.md, whatever the numbers say.
"""

import random
import secrets
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator

import orjson

from tests.client import Http
from tests.live import CLOSE, TEXT, frame
from tests.room import Store, take
from tests.wire import Wire, handshake


class Racer(threading.Thread):
    """One client, in a thread of its own.

    end     the last message: having heard it, the racer stays away
    counts  how often it resumed, was reset, was cut off, heard an event, was closed with a code
    fault   what was wrong, None as long as nothing was
    """

    def __init__(self, server, seed: int, end: int):
        super().__init__(daemon=True)
        self.server, self.dice, self.end = server, random.Random(seed), end
        self.cid = secrets.token_urlsafe(16)
        self.store: Store | None = None
        self.number = 0
        self.counts: Counter = Counter()
        self.fault: BaseException | None = None
        self.leave = threading.Event()

    def run(self) -> None:
        try:
            while self.number < self.end and not self.leave.is_set():
                self.listen(self.dice.uniform(0.02, 1.5))
                time.sleep(self.dice.choice([0, 0, 0.05, 0.2, 0.8]))   # half a second holds a thousand messages
        except BaseException as fault:
            self.fault = fault

    def listen(self, seconds: float) -> None:
        """One socket, for a while; then it is cut off in one of the ways in which sockets are."""
        with Wire(self.server) as wire:
            wire.send(handshake())
            until = time.monotonic() + seconds
            self.welcomed, self.heard = False, -1
            rest = self.say_hello(wire)
            for opcode, payload in frames(wire, rest):
                if opcode == CLOSE:
                    self.counts[f"closed {int.from_bytes(payload[:2], 'big')}"] += 1
                    return
                if opcode == TEXT:
                    self.heed(orjson.loads(payload))
                if self.number >= self.end or time.monotonic() > until:
                    break
            self.cut_off(wire)

    def say_hello(self, wire: Wire) -> bytes:
        """Wait for the 101 and say hello; what came behind the 101 already."""
        got = b""
        while b"\r\n\r\n" not in got:
            chunk = wire.socket.recv(4096)
            assert chunk, got
            got += chunk
        assert got.startswith(b"HTTP/1.1 101 "), got
        hello = {"t": "hello", "v": 1, "cid": self.cid, "cur": self.store and self.store.cursor, "page": "racer", "waiting": 0}
        wire.send(frame(TEXT, orjson.dumps(hello)))
        return got.split(b"\r\n\r\n", 1)[1]

    def cut_off(self, wire: Wire) -> None:
        self.counts["cut"] += 1
        how = self.dice.choice(["close", "end", "reset"])
        if how == "close":
            wire.send(frame(CLOSE, struct.pack("!H", 1001)))
        elif how == "reset":
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def heed(self, message: dict) -> None:
        """Take what came as docs/realtime.md says, and check it."""
        kind = message["t"]
        if kind == "welcome":
            self.welcomed = True
            self.counts[message["mode"]] += 1
            self.counts[f"why {message['why']}"] += 1
            if message["mode"] == "reset":
                self.fetch()
        elif kind == "reset":
            self.fetch()
        elif kind in ("ev", "hb"):
            assert self.welcomed, message
            stood = dict(self.store.cursor)
            verdict = take(self.store.cursor, message)
            assert verdict != "hello", f"a gap between {stood} and {message}"
            if kind == "ev":
                self.hear(message, verdict, stood)

    def fetch(self) -> None:
        """The state anew; what comes of the socket from now on is taken if it is newer."""
        state = Http(self.server).get("/api/state").json
        self.store = Store(state)
        self.number = int(state["screen"].get("text", 0))
        self.fetched = state["s"]

    def hear(self, message: dict, verdict: str, stood: dict) -> None:
        assert message["s"] > self.heard, f"{message['s']} came twice on one socket"
        self.heard = message["s"]
        if verdict == "ignore":
            assert message["s"] <= self.fetched, f"{message['s']} came again, to one who stood at {stood}"
            return
        self.counts["events"] += 1
        for told in message["m"]:
            (thing, new), = told["d"].items()
            self.store.put(thing, new)
            number = int(new["text"])
            assert number == self.number + 1, f"{number} came after {self.number}"
            self.number = number


def frames(wire: Wire, rest: bytes = b"") -> Iterator[tuple[int, bytes]]:
    """The server's frames, (opcode, payload), until it ends: a parser for many of them."""
    got, at = bytearray(rest), 0
    while True:
        whole = frame_at(got, at)
        if whole:
            start, end = whole
            yield got[at] & 15, bytes(got[start:end])
            at = end
            continue
        try:
            chunk = wire.socket.recv(1 << 17)
        except ConnectionError:
            return
        if not chunk:
            return
        del got[:at]
        got += chunk
        at = 0


def frame_at(got: bytearray, at: int) -> tuple[int, int] | None:
    """Where the payload of the frame that begins at `at` begins and ends; None while it is not whole."""
    if len(got) < at + 2:
        return None
    size, start = got[at + 1], at + 2
    if size >= 126:
        start += 2 if size == 126 else 8
        size = int.from_bytes(got[at + 2:start])
    return (start, start + size) if len(got) >= start + size else None
