"""The wire: raw bytes that no library would send, and what the server answers: frames, upgrades, HTTP, slow and greedy clients."""

import base64
import contextlib
import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import wsproto.events
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.utilities import RemoteProtocolError

import contest
from tests.client import Http
from tests.live import BINARY, CLOSE, PING, PONG, TEXT, Closed, frame
from tests.room import Store, no_traceback, room, until_text  # noqa: F401 (fixtures)
from tests.test_web import wire


# What a client must not send.

HELLO = json.dumps({"t": "hello", "v": 1, "cid": "a-client-of-the-tests", "cur": None, "page": "test", "waiting": 0}).encode()


def hello_with(**changes) -> bytes:
    return json.dumps({**json.loads(HELLO), **changes}).encode()


BAD = {
    "an unmasked frame": (frame(TEXT, HELLO, masked=False), 1002),
    "a reserved bit": (frame(TEXT, HELLO, reserved=4), 1002),
    "an unknown opcode": (frame(3, b"x"), 1002),
    "an unknown control opcode": (frame(0xB, b"x"), 1002),
    "a ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "a ping in pieces": (frame(PING, b"x", last=False), 1002),
    "a continuation of nothing": (frame(0, b"x"), 1002),
    "a message within a message": (frame(TEXT, b"{", last=False) + frame(TEXT, b"}"), 1002),
    "a short length written long": (b"\x81\xfe\x00\x05mask" + bytes(5), 1002),
    "a shorter length written longer": (b"\x81\xff" + struct.pack("!Q", 200) + b"mask" + bytes(200), 1002),
    "a length with its highest bit": (b"\x81\xff" + struct.pack("!Q", 1 << 63) + b"mask", 1002),
    "over 64 KiB": (frame(TEXT, b" " * 65537), 1009),
    "a length of 1 GiB and nothing more": (b"\x81\xff" + struct.pack("!Q", 1 << 30) + b"mask", 1009),
    "over 64 KiB in pieces": (frame(TEXT, b" " * 40000, last=False) + frame(0, b" " * 40000), 1009),
    "binary": (frame(BINARY, HELLO), 1003),
    "bad UTF-8": (frame(TEXT, b'{"t":"hello\xff"}'), 1007),
    "a surrogate as UTF-8": (frame(TEXT, b'{"t":"\xed\xa0\x80"}'), 1007),
    "no JSON": (frame(TEXT, b"hello"), 4400),
    "an empty message": (frame(TEXT, b""), 4400),
    "a list": (frame(TEXT, b"[1]"), 4400),
    "a number": (frame(TEXT, b"1"), 4400),
    "20,000 brackets": (frame(TEXT, b"[" * 20000), 4400),
    "an unknown kind": (frame(TEXT, b'{"t":"dance"}'), 4400),
    "a kind that is a list": (frame(TEXT, b'{"t":["hello"]}'), 4400),
    "a cursor that is a text": (frame(TEXT, hello_with(cur="here")), 4400),
    "half a cursor": (frame(TEXT, hello_with(cur={"e": "x", "s": 1})), 4400),
    "a negative cursor": (frame(TEXT, hello_with(cur={"e": "x", "s": -1, "h": "x", "a": "public"})), 4400),
    "an endless cursor": (frame(TEXT, hello_with(cur={"e": "x", "s": float("inf"), "h": "x", "a": "public"})), 4400),
    "a cursor that is not a number": (frame(TEXT, hello_with(cur={"e": "x", "s": float("nan"), "h": "x", "a": "public"})), 4400),
    "another version": (frame(TEXT, hello_with(v=2)), 4426),
    "no version": (frame(TEXT, b'{"t":"hello"}'), 4426),
}


@pytest.mark.parametrize("sent, code", BAD.values(), ids=BAD)
@pytest.mark.parametrize("greeted", [False, True], ids=["as first", "later"])
def test_what_a_client_must_not_send_closes_with_its_code(room, live, sent, code, greeted):
    one = live(room.server)
    if greeted:
        one.hello()
    one.raw(sent)
    assert one.wait_closed().code == code


@pytest.mark.parametrize("payload", [b"x", struct.pack("!H", 999), struct.pack("!H", 1005), struct.pack("!H", 1006), struct.pack("!H", 5000)])
def test_a_close_that_is_none_is_a_broken_protocol(room, live, payload):
    one = live(room.server, answering=False)
    one.frame(CLOSE, payload)
    assert one.wait_closed().code == 1002


@pytest.mark.parametrize("changes", [{"page": "\ud800"}, {"cid": "\udfff"}, {"page": None}, {"cid": 7}, {"waiting": "three"}, {"waiting": -1},
                                     {"waiting": True}, {"page": "p" * 5000}, {"page": ["x"]}], ids=ascii)
def test_a_strange_hello_never_spoils_what_the_organiser_sees(room, live, changes):
    one = live(room.server)
    one.raw(frame(TEXT, hello_with(**changes)))
    with contextlib.suppress(Closed):
        one.until("welcome")
    seen = room.ok(room.admin.get("/api/presence"))["connections"]
    assert all(isinstance(c["waiting"], int) and 0 <= c["waiting"] and len(c["page"]) <= 20 for c in seen)


def test_a_message_of_exactly_64_kib_is_taken(room, live):
    one = live(room.server)
    one.frame(TEXT, HELLO + b" " * (65536 - len(HELLO)))
    assert one.until("welcome")


def test_a_message_in_pieces_with_control_frames_between_them_is_whole(room, live):
    one = live(room.server)
    one.frame(PING, b"before")
    for at, byte in enumerate(HELLO):
        one.frame(TEXT if at == 0 else 0, bytes([byte]), last=False)
        if at % 40 == 0:
            one.frame(PING, b"%d" % at)
            one.frame(PONG, b"unasked")
    one.frame(0, b"", last=True)
    assert one.until("welcome")
    assert one.pongs == [b"before", *(b"%d" % at for at in range(0, len(HELLO), 40))]


def test_bytes_that_come_one_by_one_are_read_like_any(room, live):
    one = live(room.server)
    for byte in frame(TEXT, HELLO) + frame(PING, b"slowly"):
        one.raw(bytes([byte]))
    assert one.until("welcome")
    until_text(one, room.tell())
    assert one.pongs == [b"slowly"]


def test_what_comes_with_the_upgrade_is_read(room):
    """A client may send its hello behind the handshake without waiting for 101; here in the same packet."""
    where = urlsplit(room.server.url)
    with socket.create_connection((where.hostname, where.port), timeout=15) as one:
        one.sendall(handshake(room.server, {}) + frame(TEXT, HELLO))
        got = b""
        while b'"welcome"' not in got:
            chunk = one.recv(4096)
            assert chunk, got
            got += chunk


# The upgrade.

def handshake(server, changes: dict, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    headers = {"Host": server.url.removeprefix("http://"), "Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Protocol": "contest.v1"} | changes
    lines = [f"{method} /api/live {version}", *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode()


REFUSED = {
    "no subprotocol": ({"Sec-WebSocket-Protocol": None}, 400, "bad_upgrade"),
    "another subprotocol": ({"Sec-WebSocket-Protocol": "contest.v2, chat"}, 400, "bad_upgrade"),
    "no key": ({"Sec-WebSocket-Key": None}, 400, "bad_upgrade"),
    "a key of 15 bytes": ({"Sec-WebSocket-Key": base64.b64encode(bytes(15)).decode()}, 400, "bad_upgrade"),
    "a key that is no base64": ({"Sec-WebSocket-Key": "not a key at all!!"}, 400, "bad_upgrade"),
    "a key with umlauts": ({"Sec-WebSocket-Key": "schlüssel"}, 400, "bad_upgrade"),
    "an older version": ({"Sec-WebSocket-Version": "8"}, 426, "upgrade_required"),
    "no version": ({"Sec-WebSocket-Version": None}, 426, "upgrade_required"),
    "no upgrade": ({"Upgrade": None}, 426, "upgrade_required"),
    "another upgrade": ({"Upgrade": "h2c"}, 426, "upgrade_required"),
    "a connection that is kept": ({"Connection": "keep-alive"}, 426, "upgrade_required"),
    "a body": ({"Content-Length": "5"}, 400, "bad_upgrade"),
    "a body in chunks": ({"Transfer-Encoding": "chunked"}, 411, "length_required"),
    "a foreign origin": ({"Origin": "http://evil.example"}, 403, "foreign_origin"),
    "the origin null": ({"Origin": "null"}, 403, "foreign_origin"),
    "an origin that is none": ({"Origin": "http://["}, 403, "foreign_origin"),
    "a bad key for scripts": ({"Authorization": "Bearer wrong"}, 401, "bad_key"),
}


@pytest.mark.parametrize("changes, status, code", REFUSED.values(), ids=REFUSED)
def test_an_upgrade_that_is_not_ours_is_refused_in_words(room, changes, status, code):
    answer = wire(room.server.url, handshake(room.server, changes) + b"hello" * ("Content-Length" in changes))
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.headers["Content-Type"] == "application/json" and answer.json["error"]["message"]
    assert answer.headers["Sec-WebSocket-Version"] == ("13" if status == 426 else None)


def test_a_plain_request_and_an_old_one_are_told_to_upgrade(room):
    assert Http(room.server).get("/api/live").code == "upgrade_required"
    assert wire(room.server.url, handshake(room.server, {}, version="HTTP/1.0")).status == 426
    assert wire(room.server.url, handshake(room.server, {}, method="POST")).status == 426


def test_more_than_the_most_connections_are_refused_until_one_goes(server, live):
    running = server(env={"CONTEST_MAX_CONNECTIONS": "2"})
    first, second = live(running), live(running)
    first.hello(), second.hello()
    refused = live(running)
    assert refused.status == 503 and json.loads(refused.answer)["error"]["code"] == "full" and "retry-after" in refused.headers
    first.send({"t": "bye"})
    first.wait_closed()
    until = time.monotonic() + 15
    while live(running).status != 101:
        assert time.monotonic() < until
        time.sleep(0.05)


# Frames, with wsproto as the oracle.

MESSAGES = st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING, PONG]), st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4)), max_size=8)
OPCODES = {wsproto.events.TextMessage: TEXT, wsproto.events.BytesMessage: BINARY, wsproto.events.Ping: PING, wsproto.events.Pong: PONG}


def pieces(whole: bytes, cuts) -> list[bytes]:
    ends = sorted({min(cut, len(whole)) for cut in cuts} | {len(whole)})
    return [whole[a:b] for a, b in zip([0, *ends], ends)]


def written(messages, between) -> bytes:
    """The messages as a client's bytes: data in pieces, control frames before some piece."""
    out = []
    for opcode, payload, cuts in messages:
        if opcode in (PING, PONG):
            out.append(frame(opcode, payload[:125]))
            continue
        parts = pieces(payload.hex().encode() if opcode == TEXT else payload, cuts)
        for at, part in enumerate(parts):
            out.append(frame(opcode if at == 0 else 0, part, last=at == len(parts) - 1))
            if between and at < len(parts) - 1:
                out.append(frame(PING, b"between"))
    return b"".join(out)


def by_ours(chunks: list[bytes]) -> Iterator[tuple[int, bytes]]:
    frames = contest.Frames()
    for chunk in chunks:
        yield from frames.feed(chunk)


def by_wsproto(chunks: list[bytes]) -> Iterator[tuple[int, bytes]]:
    peer, parts = Connection(ConnectionType.SERVER), []
    for chunk in chunks:
        peer.receive_data(chunk)
        for event in peer.events():
            if isinstance(event, (wsproto.events.Ping, wsproto.events.Pong)):
                yield OPCODES[type(event)], bytes(event.payload)
            elif isinstance(event, wsproto.events.CloseConnection):
                yield CLOSE, b""
                return
            else:
                parts.append(event.data.encode() if isinstance(event.data, str) else bytes(event.data))
                if event.message_finished:
                    yield OPCODES[type(event)], b"".join(parts)
                    parts = []


@given(MESSAGES, st.booleans(), st.lists(st.integers(0, 3000), max_size=12))
@settings(max_examples=150)
def test_frames_are_read_as_wsproto_reads_them_however_they_are_cut(messages, between, cuts):
    chunks = pieces(written(messages, between), cuts)
    assert [*by_ours(chunks)] == [*by_wsproto(chunks)] == [*by_ours([bytes([byte]) for byte in b"".join(chunks)])]


@st.composite
def strange_frames(draw) -> bytes:
    """A frame that may break any rule of RFC 6455; its payload is ASCII, since the text's encoding is the hub's business."""
    opcode = draw(st.sampled_from([0, 0, TEXT, TEXT, BINARY, PING, PONG, CLOSE, 3, 0xB]))
    sizes = st.just(0) if opcode == CLOSE else st.sampled_from([0, 1, 5, 125, 126, 127, 200])
    payload = b"x" * draw(sizes)
    first = draw(st.sampled_from([0x80, 0x80, 0x80, 0, 0, 0xC0, 0x90])) | opcode
    form = draw(st.sampled_from(["short", "short", "short", "!H", "!Q"])) if len(payload) < 126 else draw(st.sampled_from(["!H", "!H", "!Q"]))
    bit = draw(st.sampled_from([0x80, 0x80, 0x80, 0x80, 0]))
    head = bytes([first, bit | {"short": len(payload), "!H": 126, "!Q": 127}[form]])
    head += b"" if form == "short" else struct.pack(form, len(payload))
    mask = draw(st.binary(min_size=4, max_size=4)) if bit else b""
    return head + mask + bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload)) if bit else head + payload


@given(st.lists(strange_frames(), max_size=6), st.lists(st.integers(0, 600), max_size=6))
@settings(max_examples=400)
def test_a_broken_rule_is_found_where_wsproto_finds_it(frames, cuts):
    chunks = pieces(b"".join(frames), cuts) + [bytes(300)]      # the zeros end every stream: an unmasked frame
    assert until_the_end(by_ours, chunks) == until_the_end(by_wsproto, chunks)


def until_the_end(reader, chunks: list[bytes]) -> list[tuple[int, bytes]]:
    """What a reader finds before the first broken rule or close."""
    found = []
    with contextlib.suppress(contest.BrokenFrame, RemoteProtocolError):
        for opcode, payload in reader(chunks):
            if opcode == CLOSE:
                break
            found.append((opcode, payload))
    return found


def test_a_flood_of_empty_fragments_is_ended_before_it_costs_anything():
    frames = contest.Frames()
    masked = bytes([0x00, 0x80]) + b"mask"
    with pytest.raises(contest.BrokenFrame) as why:
        list(frames.feed(bytes([0x01, 0x80]) + b"mask" + masked * 5000))
    assert why.value.code == 1009


# Slow readers.

def test_who_stops_reading_is_dropped_and_the_others_get_everything(room, live):
    wide = [room.ok(room.admin.post("/api/categories", {"name": f"Wide {n}", "criteria": [
        {"name": f"{c} " + "x" * 110, "weight": 1} for c in range(20)]}))["category"] for n in range(8)]
    stalled, reader = live(room.server, receive_bytes=4096), live(room.server)
    cursor = room.cursor()
    stalled.hello()
    reader.hello(cursor)
    dropped = room.ok(room.admin.get("/api/realtime-metrics"))["slow_dropped"]
    for turn in range(400):    # the last of eight becomes the first, so all move: some 25 kB a frame
        room.ok(room.admin.patch(f"/api/categories/{wide[7 - turn % 8]['id']}", {"position": 2}))
        reader.until(lambda message: message["t"] == "ev" and message["s"] == room.state()["s"])
        if room.ok(room.admin.get("/api/realtime-metrics"))["slow_dropped"] > dropped:
            break
    else:
        raise AssertionError("a reader that never reads was kept")
    store = Store(room.state("public") | cursor)
    assert sum(store.take(message) for message in reader.received if message["t"] == "ev") == turn + 1
    with pytest.raises(Closed):
        stalled.until(lambda message: False)      # it reads at last: what was on its way, then the end
    kept = Store(room.state("public") | cursor)
    news = [message for message in stalled.received if message["t"] == "ev" and kept.take(message)]
    again = live(room.server)
    assert again.hello(kept.cursor)["mode"] == "resume"
    last = room.tell()
    until_text(again, last)
    assert len(news) + len([m for m in again.received if m["t"] == "ev"]) == turn + 2
    for category in wide:
        room.ok(room.admin.delete(f"/api/categories/{category['id']}"))
