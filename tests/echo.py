"""An echo in place of the live protocol, for suites that judge WebSockets: `python -m tests.echo` serves it on CONTEST_PORT.

The frames, the upgrade, the sends and the ends are those of the contest; only what a message means is different: it is
sent back as it came. Sizes, pieces and pace are not limited, since the suites send 16 MiB and a thousand messages at once.
"""

import sys
from pathlib import Path

import contest
from tests.live import TEXT
from tests.wire import OtherServer

ROOM = 64 << 20


class RoomyFrames(contest.Frames):
    most_bytes = most_parts = ROOM


class Echo(contest.Peer):
    """Sends every message back; control frames, broken frames and bad UTF-8 are answered as ever."""

    most_tokens = ROOM
    hello_seconds = closing_seconds = 600   # an echo needs no hello; what is not ended at once is seen to hang

    def take(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            try:
                payload.decode()
            except UnicodeDecodeError:
                return self.close(contest.Close.NOT_UTF8)
        self.send(contest.encode_frame(payload, opcode))

    def caught_up(self) -> None:
        """Nothing waits for it: it hears only itself."""


class EchoHub(contest.Hub):
    frames_class, peer_class = RoomyFrames, Echo


class EchoServer(OtherServer):
    """The echo as a process of its own."""

    def __init__(self, data: Path):
        super().__init__(data, {"CONTEST_ADDRESS_REQUESTS": "0"}, module="tests.echo")


def main() -> int:
    contest.REST_BYTES = ROOM
    contest.Server.hub_class = EchoHub
    return contest.main(["serve"])


if __name__ == "__main__":
    sys.exit(main())
