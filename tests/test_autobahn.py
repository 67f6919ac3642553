"""The Autobahn suite's sections 1 to 7, 9 and 10 by raw bytes, for machines without the Python 2.7 that `make autobahn` needs.

The numbers in the names are the suite's own. Each case is a connection to the echo of tests/echo.py: what is sent ends
with a close frame, and what comes back has to be the echoes, the answer to the close, and the end of the connection.
"""

import itertools
import os
import struct
import subprocess
import sys

import pytest

from tests.echo import EchoServer
from tests.live import BINARY, CLOSE, PING, PONG, TEXT, frame
from tests.racer import frames
from tests.server import TOP
from tests.wire import Wire, handshake

CONTINUED = 0
STAR = b"*"
BYE = frame(CLOSE, struct.pack("!H", 1000))
HELLO = frame(TEXT, b"Hello, world!")
HELLO_BACK = (TEXT, b"Hello, world!")
KOSME = "Hello-µ@ßöäüàá-UTF-8!!".encode()


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    server = EchoServer(tmp_path_factory.mktemp("echo") / "data").start()
    try:
        yield server
    finally:
        server.end()
    assert "Traceback" not in server.errors, server.errors


def said_back(echo, sent: bytes, chop: int = 0, bye: tuple[int, bytes] = (0, b"")) -> tuple[list[tuple[int, bytes]], int]:
    """What comes back before the close frame, and its code.

    chop  bytes a packet
    bye   (how many frames to wait for, what to send then)
    """
    with Wire(echo) as wire:
        wire.send(handshake())
        got = b""
        while b"\r\n\r\n" not in got:
            got += wire.socket.recv(1)
        for at in range(0, len(sent), chop or len(sent)):
            wire.socket.sendall(sent[at:at + (chop or len(sent))])
        coming, (count, last) = frames(wire), bye
        found = list(itertools.islice(coming, count))
        wire.socket.sendall(last)
        found += coming
    assert found and found[-1][0] == CLOSE, "the connection ended without a close frame"
    assert [opcode for opcode, _ in found].count(CLOSE) == 1
    return found[:-1], int.from_bytes(found[-1][1][:2])


def chunks(payload: bytes, size: int) -> list[bytes]:
    return [payload[at:at + size] for at in range(0, len(payload), size)] or [b""]


def fragmented(opcode: int, parts: list[bytes], between: bytes = b"") -> bytes:
    """A message as frames, with something between each two."""
    written = [frame(opcode if at == 0 else CONTINUED, part, last=at == len(parts) - 1) for at, part in enumerate(parts)]
    return between.join(written)


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


SIZES = (0, 125, 126, 127, 128, 65535, 65536)
OPEN = frame(TEXT, b"fragment1", last=False)
END = frame(CONTINUED, b"fragment2")
BOTH = (TEXT, b"fragment1fragment2")

# name: (sent, what comes back before the close, the close's code)
CASES: dict[str, tuple[bytes, list[tuple[int, bytes]], int]] = {
    **{f"1.1 a text of {size} bytes": (frame(TEXT, STAR * size) + BYE, [(TEXT, STAR * size)], 1000) for size in SIZES},
    **{f"1.2 {size} binary bytes": (frame(BINARY, b"\xfe" * size) + BYE, [(BINARY, b"\xfe" * size)], 1000) for size in SIZES},
    "2.1 an empty ping": (frame(PING) + BYE, [(PONG, b"")], 1000),
    "2.2 a ping with a text": (frame(PING, b"Hello, world!") + BYE, [(PONG, b"Hello, world!")], 1000),
    "2.3 a ping that is no UTF-8": (frame(PING, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff") + BYE, [(PONG, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff")], 1000),
    "2.4 a ping of 125 bytes": (frame(PING, b"\xfe" * 125) + BYE, [(PONG, b"\xfe" * 125)], 1000),
    "2.5 a ping of 126 bytes": (frame(PING, b"\xfe" * 126) + BYE, [], 1002),
    "2.7 a pong that nobody asked for": (frame(PONG) + BYE, [], 1000),
    "2.8 a pong with a text that nobody asked for": (frame(PONG, b"unsolicited") + BYE, [], 1000),
    "2.9 such a pong, then a ping": (frame(PONG, b"unsolicited") + frame(PING, b"ping") + BYE, [(PONG, b"ping")], 1000),
    "2.10 ten pings": (b"".join(frame(PING, b"%d" % n) for n in range(10)) + BYE, [(PONG, b"%d" % n) for n in range(10)], 1000),
    **{f"3 reserved bits {bits} in a {name}": (HELLO + frame(opcode, payload, reserved=bits) + frame(PING) + BYE, [HELLO_BACK], 1002)
       for bits in range(1, 8) for opcode, name, payload in ((TEXT, "text", b"Hello"), (BINARY, "binary", b"\x00\xff"), (PING, "ping", b""), (CLOSE, "close", b""))},
    **{f"4 opcode {opcode}{' with a payload' * bool(payload)}": (HELLO + frame(opcode, payload) + frame(PING) + BYE, [HELLO_BACK], 1002)
       for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15) for payload in (b"", b"reserved opcode payload")},
    "5.1 a ping in fragments": (frame(PING, b"fragment1", last=False) + END + BYE, [], 1002),
    "5.2 a pong in fragments": (frame(PONG, b"fragment1", last=False) + END + BYE, [], 1002),
    "5.3 a text in two": (OPEN + END + BYE, [BOTH], 1000),
    "5.6 a ping in the middle": (OPEN + frame(PING, b"ping") + END + BYE, [(PONG, b"ping"), BOTH], 1000),
    "5.9 a continuation of nothing, as last": (frame(CONTINUED, b"non-continuation") + HELLO + BYE, [], 1002),
    "5.12 a continuation of nothing, not as last": (frame(CONTINUED, b"non-continuation", last=False) + HELLO + BYE, [], 1002),
    "5.15 a continuation after the end": (OPEN + END + frame(CONTINUED, b"fragment3", last=False) + frame(TEXT, b"fragment4") + BYE, [BOTH], 1002),
    "5.16 continuations of nothing before a message": ((frame(CONTINUED, b"fragment1", last=False) + OPEN + END) * 2 + BYE, [], 1002),
    "5.17 the same, as last": ((frame(CONTINUED, b"fragment1") + OPEN + END) * 2 + BYE, [], 1002),
    "5.18 two texts where one is begun": (OPEN + frame(TEXT, b"fragment2") + BYE, [], 1002),
    "5.19 five fragments and pings": (fragmented(TEXT, [b"f1", b"f2", b"f3", b"f4", b"f5"], frame(PING, b"pongme 1!")) + BYE,
                                      [(PONG, b"pongme 1!")] * 4 + [(TEXT, b"f1f2f3f4f5")], 1000),
    "6.1 empty fragments": (fragmented(TEXT, [b"", b"", b""]) + BYE, [(TEXT, b"")], 1000),
    "6.1 a text between empty fragments": (fragmented(TEXT, [b"", b"middle frame payload", b""]) + BYE, [(TEXT, b"middle frame payload")], 1000),
    "6.2 UTF-8 in one frame": (frame(TEXT, KOSME) + BYE, [(TEXT, KOSME)], 1000),
    "6.2 UTF-8 a byte a frame": (fragmented(TEXT, chunks(KOSME, 1)) + BYE, [(TEXT, KOSME)], 1000),
    "6.3 bad UTF-8 a byte a frame": (fragmented(TEXT, chunks(KOSME + b"\xed\xa0\x80edited", 1)) + BYE, [], 1007),
    "6.4 bad UTF-8 in a later frame": (fragmented(TEXT, [KOSME, b"\xf4\x90\x80\x80", b"edited"]) + BYE, [], 1007),
    "7.1.1 a message, then the close": (HELLO + BYE, [HELLO_BACK], 1000),
    "7.1.2 two closes": (BYE + BYE, [], 1000),
    "7.1.3 a ping behind the close": (BYE + frame(PING), [], 1000),
    "7.1.4 a text behind the close": (BYE + HELLO, [], 1000),
    "7.1.5 a close between fragments": (OPEN + BYE + END, [], 1000),
    "7.3.1 a close without a code": (close(), [], 1000),
    "7.3.2 a close of one byte": (frame(CLOSE, b"a"), [], 1002),
    "7.3.4 a close with a reason": (close(1000, b"Hello World!"), [], 1000),
    "7.3.5 a reason of 123 bytes": (close(1000, STAR * 123), [], 1000),
    "7.3.6 a reason of 124 bytes": (close(1000, STAR * 124), [], 1002),
    "7.5.1 a reason that is no UTF-8": (close(1000, b"\xce\xba\xed\xa0\x80edited"), [], 1007),
    **{f"7.7 code {code}": (close(code), [], code) for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999)},
    **{f"7.9 code {code}": (close(code), [], 1002) for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999)},
    **{f"7.13 code {code}": (close(code), [], 1002) for code in (5000, 65535)},
    "10.1 64 KiB in frames of 1,300": (fragmented(TEXT, chunks(STAR * 65536, 1300)) + BYE, [(TEXT, STAR * 65536)], 1000),
}


@pytest.mark.parametrize("sent, back, code", CASES.values(), ids=CASES)
def test_a_case_of_the_suite_ends_as_it_should(echo, sent, back, code):
    assert said_back(echo, sent) == (back, code)


def test_what_was_owed_comes_before_the_answer_to_a_close(echo):
    """7.1.6: 256 kB, the close and a ping in one go."""
    payload = b"BAsd7&jh23" * 26214
    assert said_back(echo, frame(TEXT, payload) + BYE + frame(PING)) == ([(TEXT, payload)], 1000)


@pytest.mark.parametrize("name", [name for name in CASES if name[0] in "25" or name.startswith(("6.2", "7.3"))])
def test_the_same_byte_by_byte(echo, name):
    """2.6, 2.11, 5.4, 5.5, 5.7, 5.8, 5.10, 5.11, 5.13, 5.14, 5.20, 6.22 and more: how it is cut changes nothing."""
    sent, back, code = CASES[name]
    assert said_back(echo, sent, chop=1) == (back, code)


@pytest.mark.parametrize("opcode, payload", [(TEXT, STAR), (BINARY, b"\xfe")], ids=["text", "binary"])
def test_64_kib_in_packets_of_997_bytes_come_back(echo, opcode, payload):
    """1.1.8 and 1.2.8."""
    assert said_back(echo, frame(opcode, payload * 65536) + BYE, chop=997) == ([(opcode, payload * 65536)], 1000)


# Source: Markus Kuhn, "UTF-8 decoder capability and stress test", as the suite's section 6 takes it.
GOOD = ["κόσμε", "\x00", "\x80", "ࠀ", "\U00010000", "\x7f", "߿", "￿", "\U0010ffff", "퟿", "\ue000", "�", "￾", "\U0001fffe", "\U000fffff"]
BAD = [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xf4\x90\x80\x80", b"\x80", b"\xbf", b"\x80\xbf\x80\xbf\x80\xbf",
       bytes(range(0x80, 0xc0)), b"".join(bytes([byte, 0x20]) for byte in range(0xc0, 0xe0)), b"".join(bytes([byte, 0x20]) for byte in range(0xe0, 0xf0)),
       b"\xf0 \xf7 ", b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfe", b"\xff", b"\xfe\xfe\xff\xff",
       b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xc0\x80", b"\xe0\x80\x80",
       b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xce"]


@pytest.mark.parametrize("payload, good", [*((text.encode(), True) for text in GOOD), *((text, False) for text in BAD)], ids=ascii)
@pytest.mark.parametrize("size", [1000, 1], ids=["in one frame", "a byte a frame"])
def test_what_is_utf_8_comes_back_and_what_is_not_is_1007(echo, payload, good, size):
    """6.5 to 6.23."""
    expected = ([(TEXT, payload)], 1000) if good else ([], 1007)
    assert said_back(echo, fragmented(TEXT, chunks(payload, size)) + BYE) == expected


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("size, piece", [(1 << 18, 1 << 18), (1 << 20, 1 << 20), (1 << 22, 1 << 22), (1 << 23, 1 << 23), (1 << 24, 1 << 24),
                                         (1 << 22, 1 << 16), (1 << 22, 1 << 12), (1 << 22, 1 << 8), (1 << 18, 1 << 6)])
def test_a_large_message_comes_back(echo, opcode, size, piece):
    """9.1 to 9.4: up to 16 MiB, whole and in many frames."""
    payload = STAR * size
    assert said_back(echo, fragmented(opcode, chunks(payload, piece)), bye=(1, BYE)) == ([(opcode, payload)], 1000)


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("size", [0, 16, 64, 256, 1024])
def test_a_thousand_messages_at_once_come_back_in_their_order(echo, opcode, size):
    """9.5 to 9.8, all sent before the first echo is read."""
    messages = [b"%04d" % n + STAR * size for n in range(1000)]
    sent = b"".join(frame(opcode, message) for message in messages)
    assert said_back(echo, sent, bye=(1000, BYE)) == ([(opcode, message) for message in messages], 1000)


def test_without_a_python_2_the_command_says_so_and_does_not_pass(tmp_path):
    env = {**os.environ, "PATH": str(tmp_path), "HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-m", "tests.autobahn"], cwd=TOP, env=env, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 69 and "No Python 2.7 is at hand" in ran.stderr and "tests/test_autobahn.py" in ran.stderr
