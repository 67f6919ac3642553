"""An echo in place of the live protocol, for suites that judge WebSockets: `python -m tests.echo` serves it on CONTEST_PORT.

The frames, the upgrade, the sends and the ends are those of the contest; only what a message means is different: it is
sent back as it came. Sizes, pieces and pace are not limited, since the suites send 16 MiB and a thousand messages at once.
"""

import sys

from pathlib import Path

import contest
from tests.live import BINARY, TEXT
from tests.wire import OtherServer

ROOM = 64 << 20


class EchoHub(contest.Hub):
    """Sends every message back; control frames, broken frames and bad UTF-8 are answered as ever."""

    def connect(self, *args, **kinds) -> None:
        super().connect(*args, **kinds)
        for peer in self._peers:
            peer.sent = max(peer.sent, 0)   # greeted: an echo needs no hello

    def _message(self, peer, opcode: int, payload: bytes) -> None:
        if opcode not in (TEXT, BINARY):
            return super()._message(peer, opcode, payload)
        if opcode == TEXT:
            try:
                payload.decode()
            except UnicodeDecodeError:
                return self.close(peer, contest.Close.NOT_UTF8)
        self._send(peer, contest.encode_frame(payload, opcode))


class EchoServer(OtherServer):
    """The echo as a process of its own."""

    def __init__(self, data: Path):
        super().__init__(data, {"CONTEST_PING_SECONDS": "600", "CONTEST_DEAD_SECONDS": "900"}, module="tests.echo")


def main() -> int:
    contest.Hub = EchoHub
    contest.FRAME_BYTES = contest.QUEUE_BYTES = ROOM
    contest.MOST_FRAGMENTS = ROOM
    return contest.main(["serve"])


if __name__ == "__main__":
    sys.exit(main())
