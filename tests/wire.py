"""Raw bytes for tests: HTTP that no client library would send, handshakes with anything wrong in them, servers with other limits.

    with Wire(server) as wire:
        wire.send(b"GET / HTTP/1.1\\r\\nHost: ")
        assert wire.answer().status == 408
"""

import base64
import http.client
import io
import os
import socket
import subprocess
import sys
from urllib.parse import urlsplit

from tests.client import Answer
from tests.server import TOP, Server


class _File(io.BufferedReader):
    """What comes, for one answer after the other: http.client closes what it read from."""

    def close(self) -> None:
        pass


class Wire:
    """One plain connection.

    url  the server's; a Server will do too. HOST in what is sent stands for its host and port
    """

    def __init__(self, url, timeout: float = 15, source: str | None = None, receive_bytes: int | None = None):
        where = urlsplit(getattr(url, "url", url))
        self.host = where.netloc
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(timeout)
        try:
            if source:
                self.socket.bind((source, 0))
            self.socket.connect((where.hostname, where.port))
            self._file = _File(self.socket.makefile("rb", buffering=0))
        except BaseException:
            self.socket.close()
            raise

    def send(self, sent: bytes) -> None:
        self.socket.sendall(sent.replace(b"HOST", self.host.encode()))

    def answer(self, method: str = "GET") -> Answer:
        """The next answer on this connection; http.client.BadStatusLine or ConnectionError where there is none."""
        answer = http.client.HTTPResponse(self, method=method)
        answer.begin()
        return Answer(answer.status, answer.headers, answer.read())

    def makefile(self, mode: str) -> "_File":
        """What http.client asks of a socket; the same file each time, since it may hold the next answer already."""
        return self._file

    def rest(self) -> bytes:
        """All that comes until the server ends the connection."""
        got = b""
        try:
            while chunk := self._file.read1(1 << 16):
                got += chunk
        except ConnectionError:
            pass   # a reset is an end too
        return got

    def ended(self) -> bool:
        """Read on until the server ends the connection (TimeoutError if it does not); True, for an assertion."""
        self.rest()
        return True

    def close(self) -> None:
        self._file.raw.close()
        self.socket.close()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *error) -> None:
        self.close()


def handshake(changes: dict[str, str | None] | None = None, method: str = "GET", path: str = "/api/live", version: str = "HTTP/1.1") -> bytes:
    """An upgrade as bytes for `Wire.send`. changes: headers that are other; one that is None is left out."""
    headers = {"Host": "HOST", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Protocol": "contest.v1"} | (changes or {})
    lines = [f"{method} {path} {version}", *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode()


class OtherServer(Server):
    """A server process that does not run contest.py itself but a module of the tests around it.

    module     "tests.echo" or "tests.tuned"
    arguments  to it
    """

    def __init__(self, data, env: dict[str, str] | None = None, *, module: str, arguments: tuple[str, ...] = ()):
        super().__init__(data, env)
        self.command = [sys.executable, "-m", module, *arguments]

    def start(self, wait: bool = True) -> "OtherServer":
        self.data.parent.mkdir(parents=True, exist_ok=True)
        out, err = self._printed
        with out.open("ab") as stdout, err.open("ab") as stderr:
            self.child = subprocess.Popen(self.command, cwd=TOP, env=self.env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        if wait:
            try:
                self.wait_ready()
            except BaseException:
                self.kill()
                raise
        return self


def tuned(data, *limits: str, **env: str) -> OtherServer:
    """A server with other limits, see tests/tuned.py: `tuned(folder, "Peer.hello_seconds=0.5", CONTEST_HELD_MESSAGES="5")`."""
    return OtherServer(data, env, module="tests.tuned", arguments=limits)
