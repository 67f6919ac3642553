"""The wire: raw bytes that no library would send, and what the server answers: frames, upgrades, HTTP, slow and greedy clients."""

import base64
import contextlib
import http.client
import json
import os
import resource
import secrets
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import wsproto.events
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionState, ConnectionType

import contest
from tests.client import Http
from tests.live import BINARY, CLOSE, PING, PONG, TEXT, Closed, Live, frame
from tests.room import Room, Store, eventually, no_traceback, room, until_text  # noqa: F401 (fixtures)
from tests.server import PASSWORD, Server
from tests.test_web import wire
from tests.wire import OtherServer, Wire, handshake, tuned


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


@pytest.mark.parametrize("payload, code", [
    (b"x", 1002), (struct.pack("!H", 0), 1002), (struct.pack("!H", 999), 1002), (struct.pack("!H", 1004), 1002), (struct.pack("!H", 1005), 1002),
    (struct.pack("!H", 1006), 1002), (struct.pack("!H", 2999), 1002), (struct.pack("!H", 5000), 1002), (struct.pack("!H", 65535), 1002),
    (struct.pack("!H", 1000) + b"\xce\xba\xed\xa0\x80", 1007), (struct.pack("!H", 1000) + b"x" * 124, 1002)])
def test_a_close_that_is_none_is_a_broken_protocol(room, live, payload, code):
    one = live(room.server, answering=False)
    one.frame(CLOSE, payload)
    assert one.wait_closed().code == code


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
def test_a_close_is_answered_with_its_own_code_and_the_end_of_the_connection(room, live, code):
    one = live(room.server, answering=False)
    one.frame(CLOSE, struct.pack("!H", code) + "bis später".encode())
    assert one.wait_closed().code == code
    assert one.socket.recv(1) == b""


def test_after_a_broken_frame_nothing_is_read_and_the_connection_ends(room, live):
    """What follows a broken frame cannot be told from its inside: it is thrown away, and nobody waits for a close."""
    one = live(room.server, answering=False)
    one.raw(frame(TEXT, HELLO, reserved=1) + frame(TEXT, HELLO) + frame(PING, b"still there?"))
    assert one.wait_closed().code == 1002
    assert one.socket.recv(1) == b"" and one.received == [] == one.pongs


@pytest.mark.parametrize("pieces, code", [(1024, None), (1025, 1009)])
def test_a_message_comes_in_1024_pieces_and_not_in_more(room, live, pieces, code):
    one = live(room.server)
    one.raw(frame(TEXT, HELLO, last=False) + b"".join(frame(0, b" ", last=False) for _ in range(pieces - 2)) + frame(0, b" "))
    if code:
        assert one.wait_closed().code == code
    else:
        assert one.until("welcome")


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
    with Wire(room.server) as one:
        one.send(handshake() + frame(TEXT, HELLO))
        got = b""
        while b'"welcome"' not in got:
            chunk = one.socket.recv(4096)
            assert chunk, got
            got += chunk


# The upgrade.

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
    answer = wire(room.server.url, handshake(changes) + b"hello" * ("Content-Length" in changes))
    assert (answer.status, answer.code) == (status, code), answer
    assert answer.headers["Content-Type"] == "application/json" and answer.json["error"]["message"]
    assert answer.headers["Sec-WebSocket-Version"] == ("13" if status == 426 else None)


def test_a_plain_request_and_an_old_one_are_told_to_upgrade(room):
    assert Http(room.server).get("/api/live").code == "upgrade_required"
    assert wire(room.server.url, handshake(version="HTTP/1.0")).status == 426
    assert wire(room.server.url, handshake(method="POST")).status == 426


def test_the_handshake_is_that_of_the_rfc(room):
    """The key and its answer are the example of RFC 6455, section 1.3; nothing is offered that we do not speak."""
    asked = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "chat, contest.v1", "Connection": "keep-alive, UPGRADE",
             "Upgrade": "WebSocket", "Sec-WebSocket-Extensions": "permessage-deflate"}
    answer = wire(room.server.url, handshake(asked))
    assert answer.status == 101
    assert answer.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert answer.headers["Sec-WebSocket-Protocol"] == "contest.v1" and answer.headers["Sec-WebSocket-Extensions"] is None


@pytest.mark.parametrize("path, status", [("/", 200), ("/api/state", 200), ("/api/nothing", 404), ("/api/live/", 404), ("/api/live/x", 404),
                                          ("/static/live.js", 200), ("/api/judges", 401)])
def test_nothing_but_the_live_route_becomes_a_socket(room, path, status):
    answer = wire(room.server.url, handshake(path=path))
    assert (answer.status, answer.headers["Upgrade"]) == (status, None)


def test_the_public_address_is_an_origin_of_ours_and_then_the_only_one(server, live):
    running = server(env={"CONTEST_PUBLIC_URL": "https://contest.example"})
    assert live(running, origin="https://contest.example").hello()["a"] == "public"
    assert live(running, origin=running.url).status == 403


# How many.

def test_more_than_the_most_connections_are_refused_until_one_goes(server, live):
    running = server(env={"CONTEST_MAX_CONNECTIONS": "2"})
    first, second = live(running), live(running)
    first.hello(), second.hello()
    refused = live(running)
    assert refused.status == 503 and json.loads(refused.answer)["error"]["code"] == "full" and int(refused.headers["retry-after"]) > 0
    first.send({"t": "bye"})
    first.wait_closed()
    eventually(lambda: live(running).status == 101)


def test_a_browser_hears_that_the_server_is_full_by_a_close_code(tmp_path, live):
    """A browser cannot read a refused upgrade; some more than fit are accepted to be told, and no more than that."""
    with serving(tuned(tmp_path / "data", "FULL_GUESTS=2", CONTEST_MAX_CONNECTIONS="1")) as running:
        first = live(running)
        first.hello()
        for _ in range(2):
            told = live(running, origin=running.url, answering=False)
            assert told.status == 101 and told.wait_closed().code == 1013 and told.received == []
        assert live(running, origin=running.url).status == 503
        assert live(running).status == 503      # who can read it is told at once
        first.say_hello()
        assert first.until("welcome")


def test_a_server_that_stops_takes_no_more_sockets(server, live):
    """While an upload is let end: whoever comes now would only be sent away again."""
    running = server()
    with Wire(running) as upload:
        upload.send(b"POST /api/login HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\n{")
        eventually(lambda: Http(running).get("/metrics", Authorization=f"Bearer {key_of(running)}").text.count("contest_requests_running 2.0"))
        os.kill(running.pid, signal.SIGTERM)
        eventually(lambda: not running.ready())
        for origin in (None, running.url):
            refused = live(running, origin=origin)
            assert refused.status == 503 and int(refused.headers["retry-after"]) > 0
        upload.send(b"}")
        assert upload.answer().status == 400
    assert running.wait() == 0


def key_of(server: Server) -> str:
    """The key for scripts of a server's folder."""
    return contest.Secret(server.data, contest.Disk()).derive("key", "local")


@contextlib.contextmanager
def serving(running: Server) -> Iterator[Server]:
    """A server for the length of a block; a traceback of its fails the test."""
    try:
        yield running.start()
    finally:
        running.kill()   # a stop would wait for the sockets that a test has left open
    assert "Traceback" not in running.errors, running.errors


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
        parts = pieces(payload.decode("latin-1").encode() if opcode == TEXT else payload, cuts)   # characters are cut too
        for at, part in enumerate(parts):
            out.append(frame(opcode if at == 0 else 0, part, last=at == len(parts) - 1))
            if between and at < len(parts) - 1:
                out.append(frame(PING, b"between"))
    return b"".join(out)


def ours(chunks: list[bytes]) -> tuple[list, int | None]:
    """The messages that our parser finds, as a Peer would take them, and the code it ends with; CLOSE for a close frame, None while open."""
    frames, found = contest.Frames(), []
    try:
        for chunk in chunks:
            for opcode, payload in frames.feed(chunk):
                if opcode == CLOSE:
                    return found, CLOSE
                if opcode == TEXT:
                    payload.decode()
                found.append((opcode, payload))
    except contest.BrokenFrame as why:
        return found, why.code
    except UnicodeDecodeError:
        return found, contest.Close.NOT_UTF8
    return found, None


def theirs(chunks: list[bytes]) -> tuple[list, int | None]:
    """The same by wsproto."""
    peer, parts, found = Connection(ConnectionType.SERVER), [], []
    for chunk in chunks:
        peer.receive_data(chunk)
        for event in peer.events():
            if isinstance(event, (wsproto.events.Ping, wsproto.events.Pong)):
                found.append((OPCODES[type(event)], bytes(event.payload)))
            elif isinstance(event, wsproto.events.CloseConnection):
                return found, CLOSE if peer.state is ConnectionState.REMOTE_CLOSING else int(event.code)
            else:
                parts.append(event.data.encode() if isinstance(event.data, str) else bytes(event.data))
                if event.message_finished:
                    found.append((OPCODES[type(event)], b"".join(parts)))
                    parts = []
    return found, None


def agree(chunks: list[bytes]) -> None:
    """Both find the same messages and end with the same code, as far as both look for the same.

    Ours refuses what is over 64 KiB, which wsproto takes; wsproto finds bad UTF-8 before the message is whole, and looks
    into a close frame, where ours leaves that to the socket.
    """
    (found, code), (expected, end) = ours(chunks), theirs(chunks)
    if code == contest.Close.LARGE:
        assert found == expected[:len(found)]
    elif end == contest.Close.NOT_UTF8:
        assert found[:len(expected)] == expected and all(opcode in (PING, PONG) for opcode, _ in found[len(expected):])
        assert code in (contest.Close.NOT_UTF8, contest.Close.PROTOCOL, CLOSE, None)
    else:
        assert found == expected and (code == end or (code == CLOSE and end == contest.Close.PROTOCOL))


@given(MESSAGES, st.booleans(), st.lists(st.integers(0, 3000), max_size=12))
@settings(max_examples=150)
def test_frames_are_read_as_wsproto_reads_them_however_they_are_cut(messages, between, cuts):
    chunks = pieces(written(messages, between), cuts)
    assert ours(chunks) == theirs(chunks) == ours([bytes([byte]) for byte in b"".join(chunks)])
    assert ours(chunks)[1] is None


CHANGES = st.lists(st.tuples(st.sampled_from(["flip", "flip", "drop", "add", "end"]), st.integers(0, 2000), st.integers(1, 255)), min_size=1, max_size=3)


def damaged(stream: bytes, changes) -> bytes:
    """The stream with some bytes other, missing or added, or its end cut off."""
    out = bytearray(stream)
    for kind, at, byte in changes:
        at %= len(out) + 1
        if kind == "add":
            out.insert(at, byte)
        elif kind == "end":
            del out[max(at, 1):]
        elif at < len(out):
            out[at:at + 1] = [out[at] ^ byte] if kind == "flip" else b""
    return bytes(out)


@given(MESSAGES, CHANGES, st.lists(st.integers(0, 3000), max_size=6))
@settings(max_examples=400)
def test_a_damaged_stream_ends_where_wsproto_ends_it_and_with_its_code(messages, changes, cuts):
    stream = damaged(written(messages, True) + frame(CLOSE, struct.pack("!H", 1000)), changes)
    agree(pieces(stream, cuts) + [bytes(300)])      # the zeros end every stream: an unmasked frame


@given(st.lists(st.binary(max_size=200), max_size=5))
@settings(max_examples=200)
def test_noise_ends_where_wsproto_ends_it_and_with_its_code(chunks):
    agree([*chunks, bytes(300)])


@st.composite
def strange_frames(draw) -> bytes:
    """A frame that may come out of turn, and may break one rule of RFC 6455; its payload is ASCII."""
    wrong = draw(st.sampled_from([None] * 8 + ["opcode", "reserved", "mask", "length", "longer", "control too long", "control in pieces"]))
    control = (wrong or "").startswith("control") or draw(st.integers(0, 4)) == 0
    opcode = draw(st.sampled_from([3, 7, 0xB, 0xF] if wrong == "opcode" else [PING, PONG, CLOSE] if control else [0, 0, TEXT, TEXT, BINARY]))
    sizes = {"control too long": [126], "length": [0, 124, 125], "longer": [0, 125, 126, 2000, 65535]}.get(wrong, [0, 1, 125] if control else [0, 1, 125, 126, 200])
    size = 0 if opcode == CLOSE and not wrong else draw(st.sampled_from(sizes))
    last = wrong != "control in pieces" and (opcode >= 8 or draw(st.booleans()))
    reserved = draw(st.integers(1, 7)) if wrong == "reserved" else 0
    whole = frame(opcode, b"x" * size, last=last, reserved=reserved, masked=wrong != "mask")
    if wrong in ("length", "longer"):
        form, long = ("!H", 126) if wrong == "length" else ("!Q", 127)
        behind = whole[2 if size < 126 else 4:]
        whole = whole[:1] + bytes([0x80 | long]) + struct.pack(form, size) + behind
    return whole


@given(st.lists(strange_frames(), max_size=6), st.lists(st.integers(0, 600), max_size=6))
@settings(max_examples=400)
def test_a_broken_rule_is_found_where_wsproto_finds_it_and_with_its_code(frames, cuts):
    agree(pieces(b"".join(frames), cuts) + [bytes(300)])


def test_a_flood_of_empty_fragments_is_ended_before_it_costs_anything():
    frames = contest.Frames()
    masked = bytes([0x00, 0x80]) + b"mask"
    with pytest.raises(contest.BrokenFrame) as why:
        list(frames.feed(bytes([0x01, 0x80]) + b"mask" + masked * 5000))
    assert why.value.code == 1009


# Who may listen.

@pytest.mark.parametrize("role", ["public", "judge", "desk", "host", "admin"])
@pytest.mark.parametrize("page, roles", [("admin", {"admin"}), ("host", {"host", "admin"}), ("judge", {"judge", "admin"})])
def test_a_page_that_needs_a_sign_in_is_closed_with_4403_without_it(room, live, role, page, roles):
    one = live(room.server, http=room.people[role])
    one.say_hello(page=page)
    if role in roles:
        assert one.until("welcome")
    else:
        assert one.wait_closed().code == 4403 and one.received == []


@pytest.mark.parametrize("end", ["revoked", "renewed"])
def test_a_browser_whose_sign_in_has_ended_hears_4401_and_nothing_else(room, live, end):
    judge, link = room.invite("judge")
    person = Http(room.server).join(link)
    one = live(room.server, http=person)
    one.hello()
    room.ok(room.admin.delete(f"/api/judges/{judge}") if end == "revoked" else room.admin.post(f"/api/judges/{judge}/renew"))
    assert one.wait_closed().code == 4401
    again = live(room.server, http=person)
    assert again.status == 101      # a browser could not read a refused upgrade
    assert again.wait_closed().code == 4401 and again.received == []


def test_a_new_password_closes_the_organisers_other_pages(server, live):
    room = Room(server())
    elsewhere = Http(room.server).login_admin()
    one, host = live(room.server, http=elsewhere), live(room.server, http=room.people["host"])
    one.hello(), host.hello()
    room.ok(room.admin.put("/api/password", {"current": PASSWORD, "password": "another long one"}))
    assert one.wait_closed().code == 4401
    until_text(host, room.tell())


# How fast, how slow.

def test_who_speaks_too_fast_is_not_read_and_in_the_end_closed(tmp_path, live):
    """Two hundred at once are answered; what comes on top waits unread, on the sender's side in the end."""
    with serving(tuned(tmp_path / "data", "WebSocket.tokens_a_second=0", "Peers.flood_seconds=1.5", CONTEST_PING_SECONDS="0.4")) as running:
        flooder, other = live(running), live(running)
        flooder.hello(), other.hello()
        flooder.socket.setblocking(False)
        sent, flood = 0, b"".join(frame(PING, b"%d" % at) for at in range(1000)) * 100
        with contextlib.suppress(BlockingIOError):
            while sent < 256 << 20:
                sent += flooder.socket.send(flood)
        assert sent < 256 << 20, "everything was read"
        other.frame(PING, b"am I served?")
        eventually(lambda: heard(other, b"am I served?"))
        flooder.socket.setblocking(True)
        assert flooder.wait_closed().code == 1008
        assert 199 <= len(flooder.pongs) < 199 + 3000      # one was the hello; a read may bring some more than there are tokens


def heard(live: Live, pong: bytes) -> bool:
    """Has this pong come by now?"""
    live.until_quiet()
    return pong in live.pongs


def test_a_burst_of_three_hundred_is_answered_to_the_last(room, live):
    one = live(room.server)
    one.hello()
    one.raw(b"".join(frame(PING, b"%d" % at) for at in range(300)))
    eventually(lambda: heard(one, b"299"))
    assert one.pongs == [b"%d" % at for at in range(300)]
    until_text(one, room.tell())


def test_a_long_message_costs_what_so_many_short_ones_would(tmp_path, live):
    with serving(tuned(tmp_path / "data", "WebSocket.tokens_a_second=0", "Peers.flood_seconds=0.5", CONTEST_PING_SECONDS="0.4")) as running:
        one = live(running)
        for _ in range(10):
            one.frame(TEXT, HELLO + b" " * (65536 - len(HELLO)))
        assert one.wait_closed().code == 1008
        assert [m["t"] for m in one.received].count("welcome") in (3, 4)


@contextlib.contextmanager
def wide_room(data, *limits: str) -> Iterator[Room]:
    """A room with eight categories of some 3 kB each, at a server that holds forty messages; `limits` as for `tuned`."""
    server = tuned(data, *limits, CONTEST_HELD_MESSAGES="40", CONTEST_PING_SECONDS="1", CONTEST_DEAD_SECONDS="20").start()
    try:
        room = Room(server)
        room.wide = [room.ok(room.admin.post("/api/categories", {"name": f"Wide {n}", "criteria": [
            {"name": f"{c} " + "x" * 110, "weight": 1} for c in range(20)]}))["category"]["id"] for n in range(8)]
        yield room
    finally:
        server.kill()
    assert "Traceback" not in server.errors, server.errors


@pytest.fixture(scope="module")
def loud(tmp_path_factory):
    """A wide room whose server gives up on blocked sockets after half a second."""
    with wide_room(tmp_path_factory.mktemp("loud") / "data", "Peer.blocked_seconds=0.5", "Peer.closing_seconds=2") as room:
        yield room


def shout(room: Room) -> int:
    """Tell everybody some 25 kB: the last of eight categories becomes the first, so all move. Returns the seq.

    Whose turn it is stands in the room: where every test began anew, one in eight would move what is there already, and tell nothing.
    """
    room.wide.insert(0, room.wide.pop())
    room.ok(room.admin.patch(f"/api/categories/{room.wide[0]}", {"position": 2}))
    return room.state()["s"]


def dropped(room: Room) -> int:
    return room.ok(room.admin.get("/api/realtime-metrics"))["slow_dropped"]


def shout_until_dropped(room: Room, reader: Live) -> int:
    """Tell more and more until somebody who does not read is given up; the reader has to get all of it. How much it was."""
    before = dropped(room)
    for turn in range(300):
        seq = shout(room)
        reader.until(lambda message: message["t"] == "ev" and message["s"] == seq)
        if dropped(room) > before:
            return turn + 1
    raise AssertionError("a socket that never reads was kept")


def test_who_stops_reading_is_told_4008_and_the_others_get_everything(loud, live):
    """It reads again in the last moment: what it was sent is whole up to the close, and its cursor goes on from there."""
    stalled, reader = live(loud.server, receive_bytes=4096), live(loud.server)
    state = loud.state("public")
    store, kept = Store(state), Store(state)
    stalled.hello(store.cursor), reader.hello(store.cursor)
    told = shout_until_dropped(loud, reader)
    assert sum(store.take(message) for message in reader.received) == told
    assert stalled.wait_closed().code == 4008
    news = sum(kept.take(message) for message in stalled.received)
    assert 0 < news < told
    again = live(loud.server)
    welcome = again.hello(kept.cursor)
    last = loud.tell()
    until_text(again, last)
    if welcome["mode"] == "resume":
        assert news + sum(kept.take(message) for message in again.received) == told + 1
    else:
        assert welcome["why"] == "lapped"


def test_who_never_reads_again_is_reset(loud, live):
    stalled, reader = live(loud.server, receive_bytes=4096), live(loud.server)
    stalled.hello(), reader.hello()
    count = connections(loud)
    shout_until_dropped(loud, reader)
    eventually(lambda: connections(loud) < count)
    assert stalled.wait_closed().code is None      # it could not be told: it did not read
    assert "reset" in stalled.closed.reason.lower()


def connections(room: Room) -> int:
    return room.ok(room.admin.get("/api/realtime-metrics"))["connections"]


def test_who_vanished_without_a_word_is_let_go(tmp_path, live):
    """No FIN, no answer: after the silence it is closed, and reset when not even that is answered."""
    with serving(tuned(tmp_path / "data", "Peer.closing_seconds=0.3", CONTEST_PING_SECONDS="0.3", CONTEST_DEAD_SECONDS="1")) as running:
        vanished, there = live(running, answering=False), live(running)
        vanished.hello(), there.hello()
        until = time.monotonic() + 15
        while Http(running).get("/api/realtime-health").json["connections"] > 1:
            assert time.monotonic() < until
            there.until("hb")
        assert vanished.wait_closed().code == 4045


def test_pongs_and_events_do_not_tear_each_others_frames(tmp_path, live):
    """Two who send to one socket: the answers to its pings, and what it is told, through a window of 4 kB.

    Each sip makes room in the window, and the ping behind it comes while the rest of a frame waits for that room.
    """
    with wide_room(tmp_path / "data") as room:      # with its ten seconds: a machine that others use stands still for one
        one = live(room.server, receive_bytes=4096)
        one.hello(room.cursor())
        with ThreadPoolExecutor(1) as threads:
            shouting = threads.submit(lambda: [shout(room) for _ in range(40)])
            for at in range(180):
                one.read(0.2, most=4000)
                one.frame(PING, b"%d " % at * 20)
            last = shouting.result(30)[-1]
        one.until(lambda message: message.get("s") == last)
        eventually(lambda: heard(one, b"179 " * 20))
        assert one.pongs == [b"%d " % at * 20 for at in range(180)]
        assert [message["s"] for message in one.received if message["t"] == "ev"] == sorted({m["s"] for m in one.received if m["t"] == "ev"})


def test_a_fault_of_ours_costs_one_connection_and_is_told(tmp_path, live):
    running = tuned(tmp_path / "data", "Cursor.read=fault").start()
    try:
        listening, broken = live(running), live(running)
        broken.say_hello()
        assert broken.wait_closed().code == 1011
        listening.frame(PING, b"and I?")
        eventually(lambda: heard(listening, b"and I?"))
    finally:
        running.kill()
    assert "a fault on purpose" in running.errors


# Requests of any shape.

POST = b"POST /api/logout HTTP/1.1\r\nHost: HOST\r\n"
BEHIND = b"GET /health HTTP/1.1\r\nHost: HOST\r\n\r\n"      # what a smuggler would like to be answered as a request of its own
SHAPES = {
    "no Host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET /health HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n", 400),
    "a length with a plus": (POST + b"Content-Length: +2\r\n\r\n{}", 400),
    "a length below zero": (POST + b"Content-Length: -2\r\n\r\n{}", 400),
    "a length in hex": (POST + b"Content-Length: 0x2\r\n\r\n{}", 400),
    "a length with an underscore": (POST + b"Content-Length: 1_0\r\n\r\n{}", 400),
    "a length with a space in it": (POST + b"Content-Length: 2 2\r\n\r\n{}", 400),
    "a list of lengths": (POST + b"Content-Length: 2, 2\r\n\r\n{}", 400),
    "a length that is a power": (POST + b"Content-Length: 1e1\r\n\r\n{}", 400),
    "a length in another script": (POST + "Content-Length: ٢\r\n\r\n{}".encode(), 400),
    "a length with a superscript": (POST + b"Content-Length: \xb2\r\n\r\n{}", 400),
    "an empty length": (POST + b"Content-Length: \r\n\r\n{}", 400),
    "a length of 5,000 digits": (POST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n{}", (400, 413)),
    "the same length twice": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 50\r\n\r\n{}", 400),
    "a body in chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    "chunks and a length": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    "an encoding that is none": (POST + b"Content-Length: 2\r\nTransfer-Encoding: identity\r\n\r\n{}", 411),
    "an encoding without a name": (POST + b"Content-Length: 2\r\nTransfer-Encoding: \r\n\r\n{}", 411),
    "a header with a space before its colon": (POST + b"Content-Length : 2\r\n\r\n{}", 400),
    "a header over two lines": (POST + b"X-Long: one\r\n two\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a header that is none": (POST + b"no colon here\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a head of 200 kB": (b"GET /health HTTP/1.1\r\nHost: HOST\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 4000) for n in range(50)) + b"\r\n", (400, 413, 431)),
    "a header of 100 kB": (b"GET /health HTTP/1.1\r\nHost: HOST\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n", (400, 413, 431)),
    "a first line of 100 kB": (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n", (400, 414)),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /health\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
}


@pytest.mark.parametrize("sent, status", SHAPES.values(), ids=SHAPES)
def test_a_request_that_two_readers_could_read_differently_is_refused_and_ends_the_connection(room, sent, status):
    with Wire(room.server) as one:
        with contextlib.suppress(ConnectionError):
            one.send(sent + BEHIND)
        got = one.rest()
    assert got.count(b"HTTP/1.1 ") == 1, got[:2000]
    assert int(got.split()[1]) in (status if isinstance(status, tuple) else (status,)), got[:2000]


@pytest.mark.parametrize("path", ["/api/entries", "/api/categories", "/api/restore", "/api/login"])
def test_a_body_that_is_too_large_is_refused_by_its_length_before_it_is_sent(room, path):
    with Wire(room.server) as one:
        one.send(f"POST {path} HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: {1 << 40}\r\nExpect: 100-continue\r\n\r\n".encode())
        answer = one.answer()      # http.client would skip a 100 Continue; that none came shows in what was counted
        assert (answer.status, answer.code) == (413, "body_too_large")


def test_a_refusal_is_read_by_who_sends_the_whole_body_first(room):
    """A connection that is closed over unread bytes is reset, and the answer with it: what still comes is read and thrown away."""
    with Wire(room.server) as one:
        one.send(b"POST /api/logout HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\nContent-Length: 16777216\r\n\r\n" + bytes(16 << 20))
        assert one.answer().status == 400 and one.ended()


def test_three_requests_in_one_packet_are_answered_in_their_order(room):
    with Wire(room.server) as one:
        one.send(b"".join(b"GET /api/%s HTTP/1.1\r\nHost: HOST\r\n\r\n" % name for name in (b"contest", b"nothing", b"feed")))
        assert [one.answer().status for _ in range(3)] == [200, 404, 200]


# Requests at any pace.

HASTY = ("Connection.head_seconds=1", "Connection.idle_seconds=1", "BODY_SECONDS=1", "LEAST_BYTES_A_SECOND=1000")


@pytest.fixture(scope="module")
def hasty(tmp_path_factory):
    """A server whose deadlines for heads, bodies and idle connections are about a second."""
    server = tuned(tmp_path_factory.mktemp("hasty") / "data", *HASTY).start()
    try:
        yield server
    finally:
        server.end()
    assert "Traceback" not in server.errors, server.errors


HALVES = {"half a first line": b"GET /hea", "half a head": b"GET /health HTTP/1.1\r\nHost: HO", "a head without its last line": b"GET /health HTTP/1.1\r\nHost: HOST\r\n",
          "half an upgrade": handshake()[:-2]}


@pytest.mark.parametrize("before", [b"", b"GET /health HTTP/1.1\r\nHost: HOST\r\n\r\n"], ids=["at first", "after another"])
@pytest.mark.parametrize("sent", HALVES.values(), ids=HALVES)
def test_half_a_head_is_answered_with_408(hasty, sent, before):
    with Wire(hasty) as one:
        one.send(before)
        if before:
            assert one.answer().status == 200
        one.send(sent)
        answer = one.answer()
        assert (answer.status, answer.headers["Connection"]) == (408, "close") and one.ended()


def test_a_head_that_drips_gets_no_more_time_than_others(hasty):
    with Wire(hasty) as one:
        one.send(b"GET /health HTTP/1.1\r\nHost: HOST\r\nX-Drip: ")
        eventually(lambda: readable(one, b"x"))
        assert one.answer().status == 408 and one.ended()


def readable(wire: Wire, drop: bytes) -> bool:
    """Has an answer come? If not, send one drop more."""
    if select.select([wire.socket], [], [], 0.1)[0]:
        return True
    wire.send(drop)
    return False


@pytest.mark.parametrize("before", [b"", b"GET /health HTTP/1.1\r\nHost: HOST\r\n\r\n"], ids=["at first", "after a request"])
def test_a_connection_on_which_nothing_comes_is_closed(tmp_path, before):
    """By its own limit: that of a body, which ends every read, is left at its thirty seconds."""
    limits = "Connection.idle_seconds=0.5", "Connection.head_seconds=0.5"
    with serving(tuned(tmp_path / "data", *limits)) as running, Wire(running) as one:
        one.send(before)
        if before:
            assert one.answer().status == 200
        assert one.ended()


@pytest.mark.parametrize("path, kind", [("/api/login", "application/json"), ("/api/entries", "multipart/form-data; boundary=x")])
@pytest.mark.parametrize("dripping", [False, True], ids=["that stops", "that drips"])
def test_a_body_is_too_slow(hasty, path, kind, dripping):
    with Wire(hasty) as one:
        one.send(f"POST {path} HTTP/1.1\r\nHost: HOST\r\nContent-Type: {kind}\r\nContent-Length: 1500\r\n\r\n--x\r\n".encode())
        if dripping:
            eventually(lambda: readable(one, b"-"))
        answer = one.answer()
        assert (answer.status, answer.code) == (408, "too_slow") and one.ended()


def test_a_body_that_is_slow_but_comes_is_taken(hasty):
    body = json.dumps({"password": PASSWORD}).encode().ljust(3000)
    with Wire(hasty) as one:
        one.send(b"POST /api/login HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: 3000\r\n\r\n")
        for at in range(0, 3000, 150):
            one.send(body[at:at + 150])
            time.sleep(0.08)      # some 1.6 s in all, longer than a body may be silent
        assert one.answer().status == 200


def test_a_long_poll_outlives_what_an_idle_connection_may(hasty):
    state = Http(hasty).get("/api/state").json
    with Wire(hasty) as one:
        one.send(f"GET /api/events?e={state['e']}&s={state['s']}&h={state['h']}&a={state['a']}&wait=2.5 HTTP/1.1\r\nHost: HOST\r\n\r\n".encode())
        assert one.answer().json["mode"] == "resume"


def test_five_hundred_half_heads_stop_nobody_and_leave_nothing_behind(hasty, live):
    before = descriptors(hasty)
    halves = [Wire(hasty) for _ in range(500)]
    for one in halves:
        one.send(b"GET /health HTTP/1.1\r\nHost: ")
    for _ in range(5):
        assert Http(hasty).get("/api/contest").status == 200
    assert live(hasty).hello()["mode"] == "reset"
    for one in halves:
        assert one.answer().status == 408
        one.close()
    eventually(lambda: descriptors(hasty) <= before + 1)      # the live one


def test_half_heads_and_half_bodies_that_are_reset_leave_nothing_behind(tmp_path):
    """As phones do that leave the wifi: no descriptor, no deadline that rings later, and not a line on the terminal."""
    with serving(tuned(tmp_path / "data", *HASTY)) as running:
        before = descriptors(running)
        for sent in (*HALVES.values(), b"", b"POST /api/login HTTP/1.1\r\nHost: HOST\r\nContent-Length: 100\r\n\r\n{"):
            with Wire(running) as one:
                one.send(sent)
                one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        eventually(lambda: descriptors(running) <= before)
        with Wire(running) as idle:      # for longer than any deadline that one of them might have left behind
            assert idle.ended()
        assert Http(running).get("/health").status == 200


def test_who_does_not_read_the_answers_is_let_go(tmp_path):
    with serving(tuned(tmp_path / "data", *HASTY)) as running:
        before = descriptors(running)
        with Wire(running, receive_bytes=4096) as one:
            one.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(2000):
                    one.send(b"GET /static/words/en.json HTTP/1.1\r\nHost: HOST\r\n\r\n")
            assert select.select([one.socket], [], [], 15)[0]      # the first answer has begun
            eventually(lambda: descriptors(running) <= before)
        assert Http(running).get("/health").status == 200


def descriptors(server: Server) -> int:
    """How many files and sockets the process has open."""
    return len(os.listdir(f"/proc/{server.pid}/fd"))


# Floods, and halls.

def test_a_flood_of_requests_from_one_address_is_cut_and_others_are_served(server):
    running = server(env={"CONTEST_ADDRESS_REQUESTS": "5"})
    statuses = [ask_from(running, "127.0.0.2").status for _ in range(60)]
    assert statuses[:50] == [200] * 50 and 429 in statuses[50:]
    eventually(lambda: ask_from(running, "127.0.0.2").status == 200, pause=1)      # who calms down is served again
    for _ in range(80):
        last = ask_from(running, "127.0.0.2")
    assert (last.status, last.code) == (429, "too_many_requests") and int(last.headers["Retry-After"]) > 0
    assert ask_from(running, "127.0.0.3").status == 200


def ask_from(server: Server, address: str):
    """A request for the contest from an address of this machine's own; a 429 ends its connection."""
    with Wire(server, source=address) as one:
        one.send(b"GET /api/contest HTTP/1.1\r\nHost: HOST\r\n\r\n")
        answer = one.answer()
        assert answer.status != 429 or one.ended()
        return answer


@pytest.mark.parametrize("kind", ["idle", "live"])
def test_a_flood_of_connections_from_one_address_is_cut_and_others_are_served(server, kind):
    running = server(env={"CONTEST_ADDRESS_CONNECTIONS": "20"})
    with contextlib.ExitStack() as held:
        for _ in range(20):
            one = held.enter_context(Wire(running, source="127.0.0.2"))
            one.send(handshake() if kind == "live" else b"GET /api/contest HTTP/1.1\r\nHost: HOST\r\n\r\n")
            assert one.socket.recv(1)
        assert not served(running, "127.0.0.2")
        assert served(running, "127.0.0.3")
    eventually(lambda: served(running, "127.0.0.2"))


def test_behind_a_proxy_the_connections_of_its_one_address_are_not_counted(server):
    running = server(env={"CONTEST_ADDRESS_CONNECTIONS": "5", "CONTEST_TRUST_PROXY": "one-hop"})
    with contextlib.ExitStack() as held:
        for _ in range(20):
            one = held.enter_context(Wire(running))
            one.send(b"GET /api/contest HTTP/1.1\r\nHost: HOST\r\n\r\n")
            assert one.socket.recv(1)


def served(server: Server, address: str) -> bool:
    try:
        return ask_from(server, address).status == 200
    except (OSError, http.client.HTTPException):
        return False


def test_a_hall_of_a_thousand_phones_behind_one_address_is_served(server):
    """Each loads the page and the state and listens; then all hear the same."""
    room = Room(server())
    with contextlib.ExitStack() as hall, ThreadPoolExecutor(8) as threads:
        phones = list(threads.map(lambda _: phone(room.server), range(1000)))
        for one in phones:
            hall.callback(one.close)
        assert room.ok(room.admin.get("/api/realtime-metrics"))["connections"] == 1000
        text = room.tell("Welcome, all of you")
        for one in phones:
            assert until_bytes(one, text.encode())


def phone(server: Server) -> Wire:
    """A phone that has loaded the page and listens now, on one connection each."""
    for path in ("/", "/api/state"):
        with Wire(server) as one:
            one.send(f"GET {path} HTTP/1.1\r\nHost: HOST\r\n\r\n".encode())
            assert one.answer().status == 200
    one = Wire(server)
    one.send(handshake())
    assert until_bytes(one, b"101 ")
    one.send(frame(TEXT, hello_with(cid=secrets.token_urlsafe(16))))
    assert until_bytes(one, b'"welcome"')
    return one


def until_bytes(wire: Wire, wanted: bytes) -> bool:
    got = b""
    while wanted not in got:
        chunk = wire.socket.recv(4096)
        assert chunk, got
        got += chunk
    return True


# How many files may be open.

def test_the_server_raises_its_own_limit_of_open_files(tmp_path):
    with serving(limited(tmp_path / "data", "ulimit -Sn 200")) as running:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        allowed = 4500 if hard == resource.RLIM_INFINITY else min(4500, hard)
        assert open_files(running) == allowed
        assert ("lets us open" in running.log) == (allowed < 4500)


def test_a_server_that_may_not_open_more_files_says_what_it_got(tmp_path):
    with serving(limited(tmp_path / "data", "ulimit -Sn 100; ulimit -Hn 150")) as running:
        assert open_files(running) == 150
        assert "lets us open 150 files and sockets; 4500 would be needed for 500 live connections." in running.log


def limited(data, limits: str) -> OtherServer:
    """A server for 500 live connections that a shell starts under such limits."""
    running = OtherServer(data, {"CONTEST_MAX_CONNECTIONS": "500"}, module="contest", arguments=("serve",))
    running.command = ["sh", "-c", f'{limits}; exec "$@"', "sh", *running.command]
    return running


def open_files(server: Server) -> int:
    """How many files this server may open now."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("this system lets nobody look at another process's limits")
    return resource.prlimit(server.pid, resource.RLIMIT_NOFILE)[0]
