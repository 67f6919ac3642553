"""A contest that talks: `python -m tests.pouring 2000 30000` serves one that, on SIGUSR1, says 30,000 things, 2,000 a second.

Each is a line of the log like any other: decided, synced, folded, published; only the HTTP request in front of it is
left out, which would cost more than all the rest. The things are the messages "1", "2", ... for the screen.
"""

import secrets
import signal
import sys
import time

import gevent

import contest

TICK_SECONDS = 0.01


class Pouring(contest.Server):
    rate = count = 0   # things a second, and in all

    def start(self) -> None:
        super().start()
        gevent.signal_handler(signal.SIGUSR1, self.pour)

    def pour(self) -> None:
        """Say them in their order; no faster than the rate, and no faster than the disk."""
        begun, said, under_way = time.monotonic(), 0, gevent.pool.Pool(1000)
        while said < self.count:
            due = min(self.count, 1 + int((time.monotonic() - begun) * self.rate))
            for said in range(said + 1, due + 1):
                under_way.spawn(self.say, str(said))
            gevent.sleep(TICK_SECONDS)
        under_way.join()

    def say(self, text: str) -> None:
        self.desk.submit(contest.SetScreen(mode="message", text=text, by="admin", at=int(time.time() * 1000), id=secrets.token_urlsafe(16)))


def main() -> int:
    Pouring.rate, Pouring.count = map(int, sys.argv[1:])
    contest.Server = Pouring
    return contest.main(["serve"])


if __name__ == "__main__":
    sys.exit(main())
