"""The displays of the hub's bench: one process with one epoll, thousands of sockets, and the posts that set a fan-out off.

Takes an order a line on stdin, {"do": name, ...}, and answers a line of JSON. Standard library only: whatever else was
loaded here would take time from the server beside it.
"""

import base64
import gc
import heapq
import json
import os
import random
import resource
import select
import socket
import struct
import sys
import time

from bench.hub_wire import MARK, TAIL, Wire, body

CHUNK = 1 << 18
AT_ONCE = 128          # handshakes under way
PER_ADDRESS = 5_000    # connections from one loopback address: it has some 28,000 ports
SMALL_BYTES = 4096     # receive buffer of a display that will not read: it is full after a few messages
SETTLE_SECONDS = 0.1   # before events, so that the connections that post are accepted
STUCK_SECONDS = 10     # nothing arrived for so long: the rest will not


class Display:
    """One socket: how often it tried in vain before, how far its handshake is, how many events it has seen, the last bytes in case a mark is cut in two."""

    __slots__ = ("sock", "tries", "step", "seen", "tail")

    def __init__(self, sock: socket.socket, tries: int):
        self.sock, self.tries, self.step, self.seen, self.tail = sock, tries, 0, 0, bytes(TAIL)


class Post:
    """A kept-alive connection that posts. `answered` counts the whole answers; one that is no 2xx raises."""

    def __init__(self, wire: Wire):
        self.wire, self.answered, self._have = wire, 0, b""
        self.sock = socket.create_connection(("127.0.0.1", wire.port), 15)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, number: int) -> None:
        self.sock.sendall(self.wire.post(body(number)))

    def read(self) -> None:
        chunk = self.sock.recv(65536)
        if not chunk:   # one that waits for the others of a burst is idle, and may be ended
            assert self.answered, "the server ended a connection without an answer"
            return self.sock.close()   # leaves the epoll by itself
        self._have += chunk
        head, edge, rest = self._have.partition(b"\r\n\r\n")
        if edge and len(rest) >= (size := int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])):
            assert head.split(None, 2)[1][:1] == b"2", head.split(b"\r\n")[0].decode()
            self._have = rest[size:]
            self.answered += 1


class Crowd:
    """All displays of one server, and the connections that post: they are opened, greeted, read and answered here.

    wire   how its protocol shakes hands, beats and is posted to
    pid    its process, whose CPU is read
    """

    def __init__(self, wire: Wire, pid: int):
        self.wire, self.pid = wire, pid
        self.displays: dict[int, Display] = {}
        self.posts: dict[int, Post] = {}
        self.silent: set[int] = set()
        self.lost = self.failed = self.greeted = self.number = self.event_bytes = 0
        self.arrivals: list[float] = []   # since the last _await began, seconds
        self.took: list[float] = []
        self.due: list[tuple[float, int]] | None = None   # (when, tries) of those that will come back; None: nobody does
        self.back: list[float] = []
        self.vain: list[float] = []
        self._epoll = select.epoll()
        self._buffer = bytearray(TAIL + CHUNK)
        self._into = memoryview(self._buffer)[TAIL:]

    def _connect(self, receive_bytes: int = 0, tries: int = 0) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        # The port is chosen at connect: a bind alone would want one that no other connection has.
        sock.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))   # no TIME_WAIT: the ports are needed again
        sock.bind((f"127.0.0.{2 + len(self.displays) // PER_ADDRESS}", 0))
        sock.connect_ex(("127.0.0.1", self.wire.port))
        self.displays[sock.fileno()] = Display(sock, tries)
        self._epoll.register(sock.fileno(), select.EPOLLOUT)

    def _open(self, fd: int, display: Display) -> None:
        """The connection stands or was refused: shake hands."""
        self._epoll.modify(fd, select.EPOLLIN)
        try:
            display.sock.send(self.wire.upgrade(base64.b64encode(os.urandom(16))))
        except OSError:
            self._gone(fd)

    def _gone(self, fd: int) -> None:
        display = self.displays.pop(fd)
        done = display.step == len(self.wire.steps)
        self.greeted -= done
        self.lost += done
        self.failed += not done
        display.sock.close()
        if self.due is not None:
            now, tries = time.monotonic(), 0 if done else display.tries + 1
            heapq.heappush(self.due, (now + random.uniform(0.5, 1) * min(30, 2 ** tries), tries))
            self.vain += [now] * (not done)

    def _turn(self, seconds: float) -> int:
        """Read whatever can be read; how many sockets could."""
        ready = self._epoll.poll(seconds, 1024)
        for fd, what in ready:
            display = self.displays.get(fd)
            if display is None:
                self.posts[fd].read()
            elif what & select.EPOLLOUT:
                self._open(fd, display)
            else:
                self._read(fd, display)
        return len(ready)

    def _read(self, fd: int, display: Display) -> None:
        buffer = self._buffer
        buffer[:TAIL] = display.tail
        try:
            size = display.sock.recv_into(self._into)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            return self._gone(fd)
        now, end = time.perf_counter(), TAIL + size
        display.tail = bytes(self._into[size - TAIL:size]) if size >= TAIL else bytes(buffer[size:end])
        seen = buffer.count(MARK, 0, end)
        if seen:
            display.seen += seen
            self.event_bytes = size
            self.arrivals += [now] * seen
        if display.step < len(self.wire.steps):
            self._shake(display, end)
        for beat, reply in self.wire.beats:
            if buffer.find(beat, 0, end) >= 0:
                display.sock.send(reply)

    def _shake(self, display: Display, end: int) -> None:
        """Answer the next steps of the handshake that have come."""
        while display.step < len(self.wire.steps) and self._buffer.find(self.wire.steps[display.step][0], 0, end) >= 0:
            said = self.wire.said(display.step)
            display.step += 1
            if said:
                display.sock.send(said)
        if display.step == len(self.wire.steps):
            self.greeted += 1
            self.back.append(time.monotonic())

    def _idle(self, seconds: float) -> None:
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self._turn(left)


class Orders(Crowd):
    """What the displays can be asked; every answer is a dict. TimeoutError or AssertionError where it did not come to pass."""

    def grow(self, count: int, small: int = 0) -> dict:
        """Connect until `count` are there and greeted; the last `small` of them with a small receive buffer.

        returns  {"rate": greeted a second}
        """
        began, before = time.perf_counter(), self.greeted
        while self.greeted < count:
            while len(self.displays) < count and len(self.displays) - self.greeted < AT_ONCE:
                self._connect(SMALL_BYTES if len(self.displays) >= count - small else 0)
            if not self._turn(STUCK_SECONDS):
                raise TimeoutError(f"{self.greeted} of {count} displays were greeted")
            assert not self.failed and not self.lost, f"{self.failed} refused, {self.lost} lost"
        return {"rate": (count - before) / (time.perf_counter() - began)}

    def leave(self) -> dict:
        """All go, without a word; the next that come are counted anew."""
        for display in self.displays.values():
            display.sock.close()   # leaves the epoll by itself
        self.displays, self.silent, self.greeted = {}, set(), 0
        return {}

    def come_back(self, seconds: float) -> dict:
        """Lose the server, and come back as the protocol's document says, for so many seconds at most.

        returns  {"back": moments at which one was greeted again, "vain": moments at which an attempt failed}, of the monotonic clock
        """
        count, until = self.greeted, time.monotonic() + seconds
        self.due, self.back, self.vain = [], [], []
        while len(self.back) < count:
            now = time.monotonic()
            if now > until:
                raise TimeoutError(f"{len(self.back)} of {count} came back")
            while self.due and self.due[0][0] <= now:
                self._connect(tries=heapq.heappop(self.due)[1])
            self._turn(max(0.0, self.due[0][0] - now) if self.due else 1)
        return {"back": self.back, "vain": self.vain}

    def stall(self, count: int) -> dict:
        """The last `count` displays stop to read, for good."""
        for fd in [fd for fd in self.displays][-count:]:
            self._epoll.unregister(fd)
            self.silent.add(fd)
        return {}

    def idle(self, seconds: float) -> dict:
        self._idle(seconds)
        return {}

    def isolated(self, seconds: float, pause: float) -> dict:
        """Events one at a time for so many seconds, each only once all have seen the one before, and `pause` seconds later.

        returns  {"latency": milliseconds at 0.5, 0.99, 1 of all arrivals, "cpu": the server's microseconds a delivery, "bytes": of an event,
                 "events": how many}
        """
        self._begin(1)
        (post,), before, until, count = self.posts.values(), self._cpu(), time.perf_counter() + seconds, 0
        while time.perf_counter() < until:
            count, began = count + 1, time.perf_counter()
            post.send(self._next())
            self._await(count, 1)
            self.took += [at - began for at in self.arrivals]
            self._idle(pause)
        return self._told(self._cpu() - before, count)

    def burst(self, count: int) -> dict:
        """So many events posted at once, each over a connection of its own; what is returned is that of `isolated`."""
        self._begin(count)
        before, began = self._cpu(), time.perf_counter()
        for post in self.posts.values():
            post.send(self._next())
        self._await(1, count)
        self.took = [at - began for at in self.arrivals]
        return self._told(self._cpu() - before, count)

    def _begin(self, posts: int) -> None:
        """Connections to post over, and nothing seen yet."""
        self.posts = {post.sock.fileno(): post for post in (Post(self.wire) for _ in range(posts))}
        for fd in self.posts:
            self._epoll.register(fd, select.EPOLLIN)
        for display in self.displays.values():
            display.seen = 0
        self.took = []
        self._idle(SETTLE_SECONDS)

    def _await(self, answers: int, events: int) -> None:
        """Read until each post has so many answers and as many arrivals have come; TimeoutError when nothing comes any more."""
        self.arrivals, wanted = [], self._reading() * events
        while len(self.arrivals) < wanted or any(post.answered < answers for post in self.posts.values()):
            if not self._turn(STUCK_SECONDS):
                raise TimeoutError(f"{len(self.arrivals):,} of {wanted:,} deliveries, then nothing for {STUCK_SECONDS} s")

    def _told(self, cpu: float, events: int) -> dict:
        """What an order came to. The connections that posted go: one that is idle for long is closed by its server."""
        for post in self.posts.values():
            post.sock.close()   # leaves the epoll by itself
        self.posts = {}
        for fd, display in self.displays.items():
            assert display.seen == events or fd in self.silent, f"a display saw {display.seen} of {events} events"
        ranked = sorted(self.took) or [0.0]
        return {"latency": [1000 * ranked[min(len(ranked) - 1, int(len(ranked) * part))] for part in (0.5, 0.99, 1)],
                "cpu": cpu / max(1, len(self.took)) * 1e6, "bytes": self.event_bytes, "events": events}

    def _reading(self) -> int:
        return len(self.displays) - len(self.silent)

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _cpu(self) -> float:
        """Seconds of processor that the server has used, user and system, all its threads; by its clock, exact to the microsecond."""
        return time.clock_gettime(~self.pid << 3 | 2)   # as clock_getcpuclockid() makes the clock of another process


def main() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    gc.disable()
    crowd = None
    for line in sys.stdin:
        order = json.loads(line)
        do = order.pop("do")
        if do == "meet":
            crowd = Orders(Wire(order["kind"], order["port"], order["headers"]), order["pid"])
            print("{}", flush=True)
            continue
        try:
            print(json.dumps(getattr(crowd, do)(**order)), flush=True)
        except (TimeoutError, AssertionError, OSError) as why:
            print(json.dumps({"failed": str(why)}), flush=True)


if __name__ == "__main__":
    main()
