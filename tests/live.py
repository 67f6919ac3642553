"""A small WebSocket client for tests: a plain socket, our own frames (bad ones too), wsproto to read what comes.

    with Live(server.url, http=judge) as live:
        welcome = live.hello()
        event = live.until("ev")
"""

import base64
import json
import os
import secrets
import socket
import struct
import time
from urllib.parse import urlsplit

from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


class Closed(Exception):
    """The server ended the socket. code: int, or None where it just went; reason: str."""

    def __init__(self, code: int | None, reason: str = ""):
        super().__init__(f"closed with {code} {reason}".strip())
        self.code = code
        self.reason = reason


def frame(opcode: int, payload: bytes = b"", *, last: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """One frame as its bytes; everything a client must not do can be asked for.

    Source: RFC 6455, section 5.2.

    >>> frame(PING, b"hi", masked=False)
    b'\\x89\\x02hi'
    """
    first = (0x80 if last else 0) | (reserved << 4) | opcode
    size, bit = len(payload), 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, bit | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, bit | 126, size)
    else:
        head = struct.pack("!BBQ", first, bit | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    repeated = int.from_bytes((mask * (size // 4 + 1))[:size])   # one large number: a loop over 16 MiB would take seconds
    return head + mask + (int.from_bytes(payload) ^ repeated).to_bytes(size)


class Live:
    """One live socket.

    url       the server's; a Server will do too
    http      an Http whose cookies and Origin are taken over
    origin    sent where given (http's otherwise; None and no http: no browser)
    headers   further headers of the handshake; one that is None is left out
    status    of the handshake: 101, or what refused it (then `answer` holds the body and nothing else works)
    pings     how many protocol pings came; each is answered with a pong while `answering`
    closed    a Closed once the server said so
    received  every JSON message so far, oldest first
    """

    def __init__(self, url, path: str = "/api/live", *, http=None, origin: str | None = None,
                 headers: dict[str, str | None] | None = None, protocol: str | None = "contest.v1",
                 answering: bool = True, receive_bytes: int | None = None, timeout: float = 15):
        where = urlsplit(getattr(url, "url", url))
        self.answering = answering
        self.pings = 0
        self.pongs: list[bytes] = []
        self.closed: Closed | None = None
        self.received: list = []
        self.answer = b""
        self._waiting: list = []
        self._text = ""
        self._wire = Connection(ConnectionType.CLIENT)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_bytes:   # a slow reader needs a small window, and it must be set before connecting
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket.connect((where.hostname, where.port))
            self._shake_hands(where, path, http, origin, protocol, headers or {})
        except BaseException:
            self.socket.close()
            raise

    def _shake_hands(self, where, path, http, origin, protocol, headers) -> None:
        asked = {
            "Host": where.netloc, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Protocol": protocol,
            "Origin": origin or (http.origin if http else None), "Cookie": (http.cookie or None) if http else None,
            **headers,
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items() if value is not None)]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = self.socket.recv(4096)
            if not chunk:
                raise Closed(None, f"no answer to the handshake, only {head!r}")
            head += chunk
        head, rest = head.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        if self.status == 101:
            self._take(rest)
        else:
            self._read_refusal(rest)

    def _read_refusal(self, rest: bytes) -> None:
        size = int(self.headers.get("content-length", 1 << 20))
        while len(rest) < size and (chunk := self.socket.recv(4096)):
            rest += chunk
        self.answer = rest

    # What a client sends, right or wrong.

    def send(self, message) -> None:
        """One text message: a str as it is, anything else as JSON."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.frame(TEXT, text.encode())

    def frame(self, opcode: int, payload: bytes = b"", **kind) -> None:
        """One frame; see `frame` for what can be wrong with it."""
        self.raw(frame(opcode, payload, **kind))

    def raw(self, sent: bytes) -> None:
        self.socket.sendall(sent)

    def say_hello(self, cursor: dict | None = None, **fields) -> None:
        self.send({"t": "hello", "v": 1, "cid": secrets.token_urlsafe(16), "cur": cursor, "page": "test", "waiting": 0, **fields})

    def hello(self, cursor: dict | None = None, **fields) -> dict:
        """Say hello and return the welcome."""
        self.say_hello(cursor, **fields)
        return self.until("welcome")

    # What comes.

    def receive(self, timeout: float = 15):
        """The next JSON message; raises Closed at the end and TimeoutError when nothing comes."""
        deadline = time.monotonic() + timeout
        while not self._waiting:
            if self.closed:
                raise self.closed
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"nothing came for {timeout} s; so far: {self.received[-3:]}")
            self.read(left)
        return self._waiting.pop(0)

    def until(self, wanted, timeout: float = 15):
        """The next message that fits: a value of its "t", or a function of the message. Others are skipped."""
        fits = wanted if callable(wanted) else lambda message: message.get("t") == wanted
        deadline = time.monotonic() + timeout
        while True:
            message = self.receive(max(0.001, deadline - time.monotonic()))
            if fits(message):
                return message

    def until_quiet(self, seconds: float = 0.1) -> None:
        """Take in whatever comes until nothing has come for so long; pings and pongs too."""
        while not self.closed and self.read(seconds):
            pass

    def silence(self, seconds: float = 0.3) -> bool:
        """Does nothing but heartbeats come for so long? For tests of what must not be sent, after a message that was."""
        try:
            self.until(lambda message: message.get("t") != "hb", seconds)
        except TimeoutError:
            return True
        return False

    def wait_closed(self, timeout: float = 15) -> Closed:
        """Read on until the server ends the socket; how it did."""
        deadline = time.monotonic() + timeout
        while not self.closed:
            left = deadline - time.monotonic()
            assert left > 0, f"still open after {timeout} s"
            self.read(left)
        return self.closed

    def read(self, timeout: float, most: int = 1 << 16) -> bool:
        """Take in what comes next, at most so many bytes; False where nothing came."""
        self.socket.settimeout(timeout)
        try:
            chunk = self.socket.recv(most)
        except TimeoutError:
            return False
        except ConnectionError as error:
            self.closed = self.closed or Closed(None, str(error))
            return False
        if not chunk:
            self.closed = self.closed or Closed(None, "ended without a close frame")
            return False
        self._take(chunk)
        return True

    def _take(self, chunk: bytes) -> None:
        self._wire.receive_data(chunk)
        for event in self._wire.events():
            self._heed(event)

    def _heed(self, event) -> None:
        if isinstance(event, TextMessage):
            self._text += event.data
            if event.message_finished:
                message, self._text = json.loads(self._text), ""
                self.received.append(message)
                self._waiting.append(message)
        elif isinstance(event, Ping):
            self.pings += 1
            if self.answering:
                self._reply(event)
        elif isinstance(event, Pong):
            self.pongs.append(bytes(event.payload))
        elif isinstance(event, CloseConnection):
            self.closed = Closed(event.code, event.reason or "")
            if self.answering:
                self._reply(event)
        elif isinstance(event, BytesMessage):
            raise AssertionError("the server sent a binary message")

    def _reply(self, event) -> None:
        try:
            self.socket.sendall(self._wire.send(event.response()))
        except (OSError, LocalProtocolError):
            pass   # it is gone already: what was read before still counts

    def close(self, code: int = 1000) -> None:
        """Say goodbye, as a tab that is closed does, and go."""
        try:
            if self.status == 101 and not self.closed:
                self.frame(CLOSE, struct.pack("!H", code))
        except OSError:
            pass   # the other side was faster
        self.drop()

    def drop(self) -> None:
        """Go without a word, as a dead wifi does."""
        self.socket.close()

    def __enter__(self) -> "Live":
        return self

    def __exit__(self, *error) -> None:
        self.close()
