"""How each server of the hub's bench is spoken to: the upgrade, what is said until it greets, what keeps a socket alive."""

import json
import secrets
import struct

MARK = b"#event-of-the-bench#"
TAIL = len(MARK) - 1
TEXT_CHARS = 280   # with it an event of ours is some 400 bytes


def body(number: int) -> bytes:
    """The JSON of the post that sets event `number` off; what is posted to ours puts a message on the screens."""
    text = f"{MARK.decode()} {number:06d} ".ljust(TEXT_CHARS, ".")
    return json.dumps({"mode": "message", "text": text, "id": secrets.token_urlsafe(16)}).encode()


def masked(text: bytes, opcode: int = 1) -> bytes:
    """A client's frame. The mask is zero, which leaves the text as it is."""
    size = struct.pack("!B", 0x80 | len(text)) if len(text) < 126 else struct.pack("!BH", 0x80 | 126, len(text))
    return bytes([0x80 | opcode]) + size + bytes(4) + text


HELLO = b'{"t":"hello","v":1,"cid":"%s","cur":null,"page":"display","waiting":0}'
PLAIN = [(b"\r\n\r\n", b"")]
SOCKET_IO = [(b'0{"sid"', b"40"), (b'40{"sid"', b"")]
PATHS = {"contest": "/api/live", "socketio": "/socket.io/?EIO=4&transport=websocket"}
STEPS = {"contest": [(b"\r\n\r\n", HELLO), (b'"welcome"', b"")], "socketio": SOCKET_IO}
BEATS = {"contest": [(b"\x89\x00", masked(b"", 10))], "socketio": [(b"\x81\x012", masked(b"3"))]}


class Wire:
    """One server's protocol.

    kind     "contest", "socketio", or "plain": events follow the 101 at once
    headers  what a post has to carry, {name: value}
    steps    [(what is awaited, what is said then)] until greeted
    beats    [(sign of life asked for, the answer)]
    """

    def __init__(self, kind: str, port: int, headers: dict[str, str]):
        self.port, self.path = port, PATHS.get(kind, "/live")
        self.steps, self.beats = STEPS.get(kind, PLAIN), BEATS.get(kind, [])
        self._protocol = b"Sec-WebSocket-Protocol: contest.v1\r\n" if kind == "contest" else b""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._post = f"POST /api/screen HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n{lines}".encode()

    def upgrade(self, key: bytes) -> bytes:
        return (f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Origin: http://127.0.0.1:{self.port}\r\nSec-WebSocket-Version: 13\r\n").encode() + self._protocol + b"Sec-WebSocket-Key: " + key + b"\r\n\r\n"

    def said(self, step: int) -> bytes:
        """What the client says once a step's answer has come; b"" is nothing."""
        text = self.steps[step][1]
        return text and masked(text.replace(b"%s", secrets.token_hex(8).encode()))

    def post(self, content: bytes) -> bytes:
        return self._post + b"Content-Length: %d\r\n\r\n" % len(content) + content
