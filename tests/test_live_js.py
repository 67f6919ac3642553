"""static/live.js in a real Chromium, against a server that misbehaves on purpose (tests/liar.py).

Times are short where a test needs one to pass, and as they are everywhere else; nothing here measures how long something took.
"""

import functools
import json
import threading
import time
from urllib.parse import quote

import pytest
from playwright.sync_api import TimeoutError as TooLong

from tests.liar import TEXT, Answer, Liar, Talk, html, nothing, refusal
from tests.server import TOP

NOISE = ["Failed to load resource", "WebSocket connection", "ERR_"]      # what a browser itself says of such a server
WORDS = {key.removeprefix("live."): words for key, words in json.loads((TOP / "static" / "words" / "en.json").read_text("utf-8")).items() if key.startswith("live.")}


@pytest.fixture(scope="module")
def context(browser):
    """One context for all pages here: what a browser keeps for the files saves seconds."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def liar():
    liar = Liar()
    yield liar
    liar.end()


class Page:
    """A page of the liar: what it shows and what its channel did."""

    def __init__(self, page, liar: Liar):
        self.page = page
        self.liar = liar

    def has(self, name: str, text: str) -> None:
        """Wait until that is the text of [data-<name>]. (Asked at every frame: an expectation of a locator looks ever more seldom.)"""
        try:
            self.page.wait_for_function("([name, text]) => document.querySelector(`[data-${name}]`).textContent === text", arg=[name, text])
        except TooLong:
            assert self.do(f"() => document.querySelector('[data-{name}]').textContent") == text
            raise

    def says(self, name: str) -> None:
        self.has("status", WORDS[name])

    def shows(self, *numbers: int) -> None:
        self.has("entries", " ".join(map(str, numbers)))

    def heard(self, *messages: str) -> None:
        self.has("messages", ", ".join(messages))

    def delays(self, name: str) -> list[float]:
        """The ms of every timer of that name so far."""
        return [delay["ms"] for delay in self.page.evaluate("() => window.delays") if delay["name"] == name]

    def do(self, script: str):
        return self.page.evaluate(script)


@pytest.fixture
def open_page(context, liar):
    """`open_page(times={}, speed={}, listens=True)` loads the liar's page; `speed` divides the timers of a name.

    complaints    what the console's errors said; a test that expects some takes them away
    """
    complaints: list[str] = []
    used = []

    def watch(message) -> None:
        if message.type == "error" and not any(noise in message.text for noise in NOISE):
            complaints.append(message.text)

    def uncaught(error) -> None:
        complaints.append(f"uncaught: {error}")

    def start(**options) -> Page:
        page = context.pages[len(used)] if len(context.pages) > len(used) else context.new_page()      # a new one costs more than the rest of a test
        used.append(page)
        page.on("console", watch)
        page.on("pageerror", uncaught)
        page.goto(f"{liar.url}/?with={quote(json.dumps(options))}")
        return Page(page, liar)

    start.complaints = complaints
    yield start
    for page in used[1:]:      # what stands behind another tab has slow timers
        page.close()
    for page in used[:1]:
        page.bring_to_front()
        page.goto("about:blank")
        page.remove_listener("console", watch)
        page.remove_listener("pageerror", uncaught)
    assert complaints == [], "the page complained"


def until(true, what: str = ""):
    """Wait until `true()` is; its value."""
    deadline = time.monotonic() + 15
    while not (found := true()):
        assert time.monotonic() < deadline, what or "that did not happen"
        time.sleep(0.01)
    return found


def once(first, then=None):
    """A way to treat sockets: `first` for the first, then honestly (or as `then`)."""
    turns = []

    def live(talk: Talk) -> None:
        turns.append(talk)
        if len(turns) == 1:
            first(talk)
        else:
            (then or talk.liar.honest)(talk)

    return live


# Heartbeats.

def test_a_quiet_heartbeat_moves_the_cursor_and_then_an_event_comes(liar, open_page):
    def quiet(talk):
        liar.greet(talk, talk.hello())
        liar.seq = 9                                        # other audiences' affairs
        talk.say("hb", s=9, h="00000009", p=1, now=0)
        while talk.hear()["t"] != "pong":
            pass
        talk.frame(TEXT, json.dumps(liar.tell(2)).encode())      # its p is 1, far behind the cursor
        liar.seq = 20
        talk.say("hb", s=20, h="00000014", p=10, now=0)
        while talk.hear()["t"] != "pong":
            pass

    liar.tell(1)
    liar.live = once(quiet)
    page = open_page()
    page.shows(1, 2)
    page.heard("entry_submitted 2")
    until(lambda: len(liar.talks) == 2 and liar.talks[1].hellos)
    assert liar.talks[1].hellos[0]["cur"] == {"e": "e1", "s": 20, "h": "00000014", "a": "public"}
    assert len(liar.talks[0].hellos) == 1, "there was no gap"
    assert liar.count("/api/state") == 1


def test_a_heartbeat_that_knows_more_makes_the_page_say_hello_again(liar, open_page):
    def lost_one(talk):
        liar.greet(talk, talk.hello())
        frame = liar.tell(2, quietly=True)
        talk.say("hb", s=frame["s"], h=frame["h"], p=frame["s"], now=0)
        liar.greet(talk, talk.hello())
        talk.drain()

    liar.tell(1)
    liar.live = lost_one
    page = open_page()
    page.shows(1, 2)
    assert liar.talks[0].hellos[-1]["cur"]["s"] == 1
    assert liar.count("/api/state") == 1


def test_a_heartbeat_is_answered_with_what_waits_on_the_device(liar, open_page):
    heard = []

    def beat(talk):
        liar.greet(talk, talk.hello())
        talk.say("hb", **{key: liar.cursor[key] for key in "sh"}, p=0, now=0)
        heard.append(talk.hear())
        talk.drain()

    liar.live = beat
    open_page()
    until(lambda: heard)
    assert heard == [{"t": "pong", "waiting": 3}]


def test_a_socket_that_falls_silent_is_left_for_a_new_one(liar, open_page):
    def silent(talk):
        liar.greet(talk, talk.hello(), dead=0.5)
        talk.say("hb", s=0, h="00000000", p=0, now=0)
        talk.drain()

    liar.live = once(silent)
    page = open_page()
    until(lambda: len(liar.talks) == 2, "the page believes in a dead socket")
    page.says("live")
    assert liar.talks[0].heard[-1] == {"t": "bye"}


# Events: once each, in order, or a hello.

def test_an_event_that_comes_twice_counts_once(liar, open_page):
    def twice(talk):
        liar.greet(talk, talk.hello())
        one = json.dumps(liar.tell(1, quietly=True)).encode()
        other = json.dumps(liar.tell(2, quietly=True)).encode()
        for frame in (one, one, other, one, other):
            talk.frame(TEXT, frame)
        talk.frame(TEXT, json.dumps(liar.tell(3, quietly=True)).encode())
        talk.drain()

    liar.live = twice
    page = open_page()
    page.heard("entry_submitted 1", "entry_submitted 2", "entry_submitted 3")
    page.shows(1, 2, 3)


def test_a_gap_is_filled_by_another_hello(liar, open_page):
    def lose(talk):
        liar.greet(talk, talk.hello())
        liar.tell(2, quietly=True)
        talk.frame(TEXT, json.dumps(liar.tell(3, quietly=True)).encode())
        liar.greet(talk, talk.hello())
        talk.drain()

    liar.tell(1)
    liar.live = lose
    page = open_page()
    page.heard("entry_submitted 2", "entry_submitted 3")
    page.shows(1, 2, 3)
    assert liar.count("/api/state") == 1


def test_a_gap_that_another_hello_does_not_fill_is_filled_by_the_whole_state(liar, open_page):
    def lose_for_ever(talk):
        liar.greet(talk, talk.hello())
        liar.tell(2, quietly=True)
        lost = json.dumps(liar.tell(3, quietly=True)).encode()
        talk.frame(TEXT, lost)
        talk.hello()
        talk.welcome("resume")
        talk.frame(TEXT, lost)
        assert talk.hello()["cur"] is None, "the cursor that did not help is given up"
        liar.greet(talk, talk.hellos[-1])
        talk.drain()

    liar.tell(1)
    liar.live = lose_for_ever
    page = open_page()
    page.shows(1, 2, 3)
    page.says("live")
    assert liar.count("/api/state") == 2


def test_gaps_without_end_make_the_page_leave_the_socket(liar, open_page):
    def gaps(talk):
        talk.hello()
        while True:
            talk.welcome("resume")
            talk.frame(TEXT, json.dumps({**liar.told[-1], "s": liar.seq + 9, "p": liar.seq + 8}).encode())
            talk.hello()

    liar.tell(1)
    liar.live = once(gaps)
    page = open_page()
    until(lambda: len(liar.talks) == 2)
    page.says("live")
    page.shows(1)
    assert len(liar.talks[0].hellos) <= 3


def test_what_the_page_does_not_know_is_for_a_newer_page(liar, open_page):
    def strange(talk):
        liar.greet(talk, talk.hello())
        talk.say("confetti", amount=3)
        talk.say("err", code="odd")
        talk.frame(TEXT, json.dumps({"t": "ev", "s": 2, "h": "2", "p": 1, "m": [{"k": "weather_changed", "d": {"weather": {"rain": True}}}], "extra": 1}).encode())
        talk.frame(TEXT, json.dumps({"t": "ev", "s": 3, "h": "3", "p": 2, "m": [{"k": "entry_praised", "d": {"entry": {"number": 7}}}]}).encode())
        talk.drain()

    liar.tell(1)
    liar.live = strange
    page = open_page()
    page.heard("weather_changed", "entry_praised 7")
    page.shows(1, 7)
    page.says("live")
    assert len(liar.talks) == 1


GARBLED = {
    "no JSON": b"<html>", "half a frame": b'{"t":"ev","s":2,', "null": b"null", "a number": b"5", "no t": b'{"s":2}', "a list": b"[]",
    "an event without messages": b'{"t":"ev","s":2,"h":"2","p":1}', "an event whose seq is a word": b'{"t":"ev","s":"2","h":"2","p":1,"m":[]}',
    "a welcome without a cursor": b'{"t":"welcome","mode":"resume"}'}


@pytest.mark.parametrize("garbled", GARBLED)
def test_after_a_garbled_frame_the_page_comes_back_and_misses_nothing(garbled, liar, open_page):
    def garble(talk):
        liar.greet(talk, talk.hello())
        talk.frame(TEXT, GARBLED[garbled])
        talk.drain()

    liar.tell(1)
    liar.live = once(garble)
    page = open_page()
    until(lambda: len(liar.talks) == 2, "the page goes on with what it does not understand")
    page.says("live")
    liar.tell(2)
    page.shows(1, 2)
    page.heard("entry_submitted 2")


def test_a_binary_frame_is_garbled_too(liar, open_page):
    def binary(talk):
        liar.greet(talk, talk.hello())
        talk.frame(0x2, json.dumps(liar.told[0]).encode())
        talk.drain()

    liar.tell(1)
    liar.live = once(binary)
    page = open_page()
    until(lambda: len(liar.talks) == 2)
    page.says("live")


def test_a_thing_that_breaks_the_picture_makes_the_page_take_the_whole_state(liar, open_page):
    def broken(talk):
        liar.greet(talk, talk.hello())
        talk.frame(TEXT, json.dumps({**liar.tell(2, quietly=True), "m": [{"k": "entry_submitted", "d": {"entry": None}}]}).encode())
        assert talk.hello()["cur"] is None
        liar.greet(talk, talk.hellos[-1])
        talk.drain()

    liar.tell(1)
    liar.live = broken
    page = open_page()
    page.shows(1, 2)
    page.says("live")
    assert open_page.complaints and "TypeError" in open_page.complaints[0], "the console says what broke"
    open_page.complaints.clear()


def test_a_huge_frame_is_taken(liar, open_page):
    def huge(talk):
        liar.greet(talk, talk.hello())
        frame = liar.tell(2, quietly=True)
        frame["m"] += [{"k": "entry_changed", "d": {"entry": {"number": number, "title": "x" * 1000}}} for number in range(10, 4010)]
        talk.frame(TEXT, json.dumps(frame).encode())
        talk.frame(TEXT, json.dumps(liar.tell(3, quietly=True)).encode())
        talk.drain()

    liar.live = huge
    page = open_page()
    page.shows(2, 3, *range(10, 4010))
    page.says("live")


def test_a_mistake_of_the_page_does_not_stop_the_channel(liar, open_page):
    page = open_page()
    page.says("live")
    page.do("() => { live.on('message', () => { throw new Error('a page that fails'); }); }")
    liar.tell(1)
    liar.tell(2)
    page.shows(1, 2)
    until(lambda: len(open_page.complaints) == 2)
    open_page.complaints.clear()


# The whole state.

class Slowly:
    """Answers /api/state in turns: each waits until the test says what it is to be. asked: how many came."""

    def __init__(self, liar: Liar, honest: int = 0):
        self.liar, self.honest = liar, honest
        self.answers: list = []
        self.asked = 0
        self._there = threading.Condition()
        liar.on["/api/state"] = self._route

    def _route(self, asked):
        with self._there:
            self.asked += 1
            mine = self.asked - 1 - self.honest
            if mine < 0:
                return Answer(self.liar.state())
            self._there.wait_for(lambda: len(self.answers) > mine, 15)
            return self.answers[mine] if mine < len(self.answers) else None

    def say(self, *answers) -> None:
        with self._there:
            self.answers += answers
            self._there.notify_all()


def test_events_that_come_while_the_state_is_fetched_are_applied_where_they_are_newer(liar, open_page):
    """The state is fetched later than the welcome; then an event comes."""
    states = Slowly(liar, honest=1)
    shown = threading.Event()

    def reset(talk):
        talk.hello()
        talk.welcome("reset", why="lapped")
        until(lambda: states.asked == 2)
        two = liar.tell(2, quietly=True)
        between = Answer(liar.state())
        for frame in (two, liar.tell(3, quietly=True)):
            talk.frame(TEXT, json.dumps(frame).encode())
        talk.say("hb", s=liar.seq, h="h", p=liar.seq, now=0)
        while talk.hear()["t"] != "pong":
            pass
        states.say(between)
        shown.wait(15)
        talk.frame(TEXT, json.dumps(liar.tell(4, quietly=True)).encode())
        talk.drain()

    liar.tell(1)
    liar.live = reset
    page = open_page()
    page.shows(1, 2, 3)
    shown.set()
    page.shows(1, 2, 3, 4)
    page.heard("entry_submitted 3", "entry_submitted 4")
    assert len(liar.talks[0].hellos) == 1


def test_a_state_older_than_the_welcome_is_fetched_again_and_what_came_meanwhile_is_kept(liar, open_page):
    states = Slowly(liar, honest=1)
    liar.tell(1)
    old = Answer(liar.state())      # out of some cache in between

    def reset(talk):
        talk.hello()
        liar.tell(2, quietly=True)
        talk.welcome("reset", why="lapped")
        until(lambda: states.asked == 2)
        recent = Answer(liar.state())
        talk.frame(TEXT, json.dumps(liar.tell(3, quietly=True)).encode())
        states.say(old, old, recent)
        talk.drain()

    liar.live = reset
    page = open_page()
    page.shows(1, 2, 3)
    page.heard("entry_submitted 3")
    page.says("live")
    assert states.asked == 4 and len(liar.talks) == 1


def test_a_state_older_than_what_the_next_event_builds_on_is_fetched_again(liar, open_page):
    states = Slowly(liar, honest=1)
    liar.tell(1)

    def reset(talk):
        liar.greet(talk, talk.hello())
        talk.say("reset", why="epoch")
        until(lambda: states.asked == 2)
        old = Answer(liar.state())
        liar.tell(2, quietly=True)      # not sent: it is in the state, or should be
        recent = Answer(liar.state())
        talk.frame(TEXT, json.dumps(liar.tell(3, quietly=True)).encode())
        talk.say("hb", s=liar.seq, h="h", p=liar.seq, now=0)
        while talk.hear()["t"] != "pong":
            pass
        states.say(old, recent)
        talk.drain()

    liar.live = reset
    page = open_page()
    page.shows(1, 2, 3)
    assert states.asked == 3 and len(liar.talks[0].hellos) == 1


def test_a_reset_while_a_state_is_on_its_way_makes_that_one_worthless(liar, open_page):
    states = Slowly(liar, honest=1)
    watched = threading.Event()

    def reset_twice(talk):
        talk.hello()
        talk.welcome("reset", why="lapped")
        until(lambda: states.asked == 2)
        talk.say("reset", why="lapped")
        until(lambda: states.asked == 3)
        watched.wait(15)
        liar.tell(2, quietly=True)
        states.say(Answer(liar.state() | {"entries": [{"number": 99}]}), Answer(liar.state()))
        talk.frame(TEXT, json.dumps(liar.tell(3, quietly=True)).encode())
        talk.drain()

    liar.tell(1)
    liar.live = reset_twice
    page = open_page()
    page.do("() => { window.ever = []; live.on('state', () => ever.push(...live.store.entries.map((e) => e.number))); }")
    watched.set()
    page.shows(1, 2, 3)
    assert 99 not in page.do("() => window.ever")


BROKEN_STATES = {
    "our own error": refusal(500, "fault"), "an error of a proxy": refusal(502), "no answer": nothing, "a sign-in page": html,
    "JSON of somebody else": lambda asked: Answer({"hello": "world"}), "null": lambda asked: Answer(b"null", headers={"Content-Type": "application/json"}),
    "half an answer": lambda asked: Answer(b'{"e":"e1","s":1,"h":"', headers={"Content-Type": "application/json", "Content-Length": "400"}),
    "a state that is broken inside": lambda asked: Answer({"e": "e1", "s": 9, "h": "h", "a": "public", "me": {"role": "admin"}, "entries": [{"number": 99}, None]})}


@pytest.mark.parametrize("broken", BROKEN_STATES)
def test_a_state_that_fails_is_asked_for_again_and_nothing_half_is_shown(broken, liar, open_page):
    turns = []

    def state(asked):
        turns.append(asked)
        return BROKEN_STATES[broken](asked) if len(turns) in (2, 3) else Answer(liar.state())

    def reset(talk):
        talk.hello()
        talk.welcome("reset", why="lapped")
        talk.drain()

    liar.tell(1)
    liar.on["/api/state"] = state
    liar.live = lambda talk: (reset if len(turns) < 3 else liar.honest)(talk)
    page = open_page()
    page.do("() => { window.ever = []; live.on('change', () => ever.push(`${live.store.me.role} ${live.store.entries.map((e) => e.number)}`)); }")
    until(lambda: len(turns) >= 3)
    liar.tell(2)
    page.shows(1, 2)
    page.says("live")
    assert set(page.do("() => window.ever")) <= {"public 1", "public 1,2"}
    open_page.complaints[:] = [line for line in open_page.complaints if "TypeError" not in line]      # the page's console says what was wrong


def test_a_page_that_starts_without_a_state_gets_one_later(liar, open_page):
    liar.tell(1)
    liar.on["/api/state"] = refusal(503, "draining", Retry_After="2")
    page = open_page(speed={"again": 100})
    until(lambda: liar.count("/api/state") >= 2)
    assert page.delays("again")[1] >= 2000, "the server said how long"
    del liar.on["/api/state"]
    page.shows(1)
    page.says("live")


# Sockets that do not become live.

def test_a_welcome_that_never_comes_is_not_waited_for_in_vain(liar, open_page):
    def mute(talk):
        talk.hello()
        talk.say("hb", s=0, h="h", p=0, now=0)
        talk.drain()

    liar.live = once(mute)
    page = open_page(times={"opening": 400})
    until(lambda: len(liar.talks) == 2)
    page.says("live")


def test_an_upgrade_that_is_never_answered_is_not_waited_for_in_vain(liar, open_page):
    tried = []

    def swallow(asked):
        tried.append(asked)
        if len(tried) > 1:
            liar.upgrade = None
        asked.wire.settimeout(15)
        while asked.wire.recv(100):
            pass

    liar.upgrade = swallow
    page = open_page(times={"opening": 400})
    until(lambda: liar.talks)
    page.says("live")


def test_an_answer_over_http_that_never_comes_is_not_waited_for_in_vain(liar, open_page):
    asked = []

    def swallow(one):
        asked.append(one)
        if len(asked) > 1:
            return Answer(liar.state())
        one.wire.settimeout(15)
        one.wire.recv(100)
        return None

    liar.tell(1)
    liar.on["/api/state"] = swallow
    page = open_page(times={"answer": 400})
    page.shows(1)
    page.says("live")


REFUSED = {"closed at once": nothing, "full over HTTP": refusal(503, "full", Retry_After="5"), "not an upgrade": html}


@pytest.mark.parametrize("refused", REFUSED)
def test_where_sockets_fail_three_times_the_page_goes_on_by_long_polls(refused, liar, open_page):
    liar.tell(1)
    liar.upgrade = REFUSED[refused]
    page = open_page()
    page.says("longpoll")
    assert page.do("() => [live.status, live.transport]") == ["live", "longpoll"]
    liar.tell(2)
    page.shows(1, 2)
    page.heard("entry_submitted 2")
    until(lambda: liar.count("/api/live") == 4, "one more is tried once a poll came through: perhaps the server was only away")
    liar.tell(3)
    page.shows(1, 2, 3)
    assert liar.count("/api/live") == 4


def test_where_sockets_die_young_three_times_the_page_goes_on_by_long_polls(liar, open_page):
    def young(talk):
        liar.greet(talk, talk.hello())
        talk.drop()

    liar.live = young
    page = open_page()
    page.says("longpoll")
    liar.tell(1)
    page.shows(1)
    assert len(liar.talks) == 3, "that the server is there was known, so no other was tried"


def test_polling_goes_up_to_a_socket_again_by_itself(liar, open_page):
    liar.upgrade = nothing
    page = open_page(times={"probe": 300})
    page.says("longpoll")
    liar.tell(1)
    page.shows(1)
    tried = liar.count("/api/live")
    until(lambda: liar.count("/api/live") > tried + 1, "it looks for the way up again and again")
    liar.upgrade = None
    page.says("live")
    liar.tell(2)
    page.shows(1, 2)
    page.heard("entry_submitted 1", "entry_submitted 2")
    assert page.do("() => live.transport") == "websocket"
    assert liar.talks[-1].hellos[0]["cur"]["s"] == 1, "with the cursor that the polls had reached"


def test_a_server_that_was_away_is_met_by_a_socket_again(liar, open_page):
    """Sockets failed three times and more, but so did everything else: it was not the sockets."""
    page = open_page()
    page.says("live")
    away = {path: nothing for path in ("/api/state", "/api/events", "/api/realtime-fallback")}
    liar.on |= away
    liar.upgrade = nothing
    liar.talks[0].drop()
    until(lambda: liar.count("/api/events") >= 2)
    page.says("offline")
    liar.on.clear()
    liar.upgrade = None
    page.says("live")
    liar.tell(1)
    page.shows(1)


# Polls.

def polling(liar, open_page, says: str = "longpoll", **options) -> Page:
    """A page that goes on by polls, because its sockets are closed at once."""
    liar.upgrade = nothing
    page = open_page(**options)
    page.says(says)
    return page


def test_a_poll_that_comes_with_a_pace_is_followed_at_that_pace(liar, open_page):
    page = polling(liar, open_page, speed={"pause": 100})
    liar.on["/api/events"] = lambda asked: Answer({**liar.events(asked)} if asked.query["s"] == "0" else {"mode": "resume", "events": [], **liar.cursor}, headers={"Retry-After": "10"})
    liar.tell(1)
    page.says("poll")
    page.shows(1)
    until(lambda: 10_000 in page.delays("pause"))


def test_a_long_poll_applies_each_event_once_and_fills_a_gap_by_the_state(liar, open_page):
    page = polling(liar, open_page)
    one = liar.tell(1)
    page.shows(1)
    until(lambda: [asked for asked in liar.asked if asked.query.get("s") == "1"], "the next poll waits by now")
    turns = []

    def events(asked):
        turns.append(asked.query)
        if len(turns) > 2:
            return Answer(liar.events(asked))
        if len(turns) == 2:
            liar.tell(4, quietly=True)      # lost
        sent = liar.tell(len(turns) * 2 + 1, quietly=True)
        return Answer({"mode": "resume", "events": [one, one, sent], **liar.cursor})

    liar.on["/api/events"] = events
    liar.tell(2)      # lets the poll that waits end
    page.shows(1, 2, 3, 4, 5)
    liar.tell(6)
    page.shows(1, 2, 3, 4, 5, 6)
    page.heard("entry_submitted 1", "entry_submitted 2", "entry_submitted 3", "entry_submitted 6")
    assert liar.count("/api/state") == 2


def test_a_reset_of_a_long_poll_is_answered_by_fetching_the_state(liar, open_page):
    liar.tell(1)
    page = polling(liar, open_page)
    liar.epoch, liar.told, liar.seq, liar.entries = "e2", [], 0, {}
    liar.tell(7)
    page.shows(7)
    page.says("longpoll")
    liar.tell(8)
    page.shows(7, 8)


def test_where_long_polls_are_cut_three_times_the_page_asks_every_few_seconds(liar, open_page):
    def cut(asked):
        if asked.query["wait"] == "0":
            return Answer(liar.events(asked))
        return None

    liar.on["/api/events"] = cut
    page = polling(liar, open_page, "poll", times={"poll": 100})
    assert page.do("() => [live.status, live.transport]") == ["live", "poll"]
    cuts = [asked for asked in liar.asked if asked.path == "/api/events" and asked.query["wait"] != "0"]
    assert len(cuts) == 3
    liar.tell(1)
    page.shows(1)
    until(lambda: 100 in page.delays("pause"))


def test_polls_go_up_to_long_polls_again_by_themselves(liar, open_page):
    def cut(asked):
        return Answer(liar.events(asked)) if asked.query["wait"] == "0" else None

    liar.on["/api/events"] = cut
    page = polling(liar, open_page, "poll", times={"poll": 50, "probe": 500})
    del liar.on["/api/events"]
    before = len(liar.asked)
    until(lambda: [asked for asked in liar.asked[before:] if asked.query.get("wait") == "25"])
    liar.tell(1)
    page.shows(1)
    page.says("longpoll")


def test_a_long_poll_that_is_tried_again_in_vain_is_given_up_at_once(liar, open_page):
    def cut(asked):
        return Answer(liar.events(asked)) if asked.query["wait"] == "0" else None

    liar.on["/api/events"] = cut
    page = polling(liar, open_page, "poll", times={"poll": 50, "probe": 1500})
    before = len(liar.asked)
    until(lambda: sum(asked.path == "/api/realtime-fallback" for asked in liar.asked[before:]) >= 3)
    page.says("poll")
    tried = [asked.query["wait"] for asked in liar.asked[before:] if asked.path == "/api/events"]
    assert "25" in tried and ["25", "0", "25"] not in [tried[at:at + 3] for at in range(len(tried))]


def test_a_reader_who_is_back_does_not_wait_for_the_next_poll(liar, open_page):
    liar.recommend = "poll"
    page = open_page(times={"poll": 600_000})
    page.says("poll")
    liar.tell(1)
    page.do("() => document.dispatchEvent(new Event('visibilitychange'))")
    page.shows(1)


def test_another_network_makes_polling_look_for_the_way_up(liar, open_page):
    page = polling(liar, open_page)
    liar.upgrade = None
    page.do("() => dispatchEvent(new Event('online'))")
    page.says("live")


def test_a_poll_waits_as_long_as_the_server_asks(liar, open_page):
    page = polling(liar, open_page, speed={"pause": 100})
    liar.on["/api/events"] = refusal(503, "draining", Retry_After="7")
    liar.tell(1)      # lets the poll that waits end
    until(lambda: 7000 in page.delays("pause"))
    del liar.on["/api/events"]
    liar.tell(2)
    page.shows(1, 2)
    page.says("longpoll")


def test_when_nothing_comes_through_any_more_the_page_says_so_and_begins_with_sockets_again(liar, open_page):
    page = polling(liar, open_page)
    liar.on |= {path: nothing for path in ("/api/state", "/api/events", "/api/realtime-fallback")}
    liar.tell(1)
    page.says("offline")
    liar.upgrade = None
    page.says("live")
    page.shows(1)


# What the server advises.

@pytest.mark.parametrize("advice", ["longpoll", "poll"])
def test_advice_to_poll_is_followed_and_asked_for_again_before_going_up(advice, liar, open_page):
    liar.tell(1)
    liar.recommend = advice
    page = open_page(times={"probe": 300, "poll": 100})
    page.says(advice)
    assert liar.talks[0].heard[-1] == {"t": "bye"}, "it leaves politely"
    liar.tell(2)
    page.shows(1, 2)
    until(lambda: liar.count("/api/realtime-fallback") >= 3)
    assert len(liar.talks) == 1
    liar.recommend = "websocket"
    page.says("live")
    assert page.do("() => live.transport") == "websocket"
    page.heard("entry_submitted 2")


def test_advice_to_poll_says_how_often(liar, open_page):
    liar.recommend = "poll"
    liar.on["/api/realtime-fallback"] = lambda asked: Answer({"recommend": "poll", "reasons": ["full"], "retry": [1, 30], "retry_after": 12})
    page = open_page(times={"probe": 200}, speed={"pause": 50})
    page.says("poll")
    until(lambda: 12_000 in page.delays("pause"))


def test_a_full_server_is_asked_by_long_polls_and_for_a_socket_now_and_then(liar, open_page):
    liar.tell(1)
    liar.live = lambda talk: talk.close(1013)
    page = open_page(times={"probe": 400})
    page.says("longpoll")
    page.shows(1)
    assert len(liar.talks) == 1, "one refusal is enough"
    until(lambda: len(liar.talks) >= 2)
    liar.live = liar.honest
    page.says("live")


# Somebody else's answers, another log, another sign-in.

def redirect(asked):
    return Answer("", 302, {"Location": "http://127.0.0.1:9/sign-in"})


@pytest.mark.parametrize("captive", [html, redirect])
def test_a_wifi_that_answers_in_the_servers_place_is_not_taken_for_the_contest(captive, liar, open_page):
    liar.tell(1)
    paths = ("/api/state", "/api/events", "/api/realtime-fallback")
    page = open_page()
    page.says("live")
    liar.on |= {path: captive for path in paths}
    liar.upgrade = captive
    liar.talks[0].drop()
    page.says("foreign")
    assert page.do("() => live.status") == "offline"
    page.shows(1)
    liar.on.clear()
    liar.upgrade = None
    page.says("live")
    liar.tell(2)
    page.shows(1, 2)


def test_a_page_that_begins_behind_a_wifis_sign_in_shows_nothing_of_it(liar, open_page):
    liar.tell(1)
    liar.on["/api/state"] = html
    page = open_page()
    page.says("foreign")
    page.shows()
    del liar.on["/api/state"]
    page.shows(1)
    page.says("live")


def test_a_wifi_that_refuses_does_not_sign_the_page_out(liar, open_page):
    liar.tell(1)
    turns = []

    def state(asked):
        turns.append(asked)
        return refusal((401, 403)[len(turns) % 2])(asked) if len(turns) < 4 else Answer(liar.state())

    liar.on["/api/state"] = state
    page = open_page()
    page.shows(1)
    page.says("live")
    assert page.do("() => signedOut") == 0 and liar.count("/api/logout") == 0


def test_another_epoch_is_taken_whole(liar, open_page):
    liar.tell(1)
    liar.tell(2)
    page = open_page()
    page.shows(1, 2)
    page.says("live")
    liar.epoch, liar.told, liar.seq, liar.entries = "e2", [], 0, {}
    liar.tell(9, quietly=True)
    liar.talks[0].drop()
    page.shows(9)
    page.says("live")
    assert page.do("() => live.store.epoch") == "e2"
    liar.tell(10)
    page.shows(9, 10)


def test_a_resume_of_another_epoch_is_not_believed(liar, open_page):
    liar.tell(1)
    page = open_page()
    page.says("live")
    liar.epoch, liar.entries = "e2", {}

    def resume(talk):
        talk.hello()
        talk.welcome("resume")
        talk.drain()

    liar.live = resume
    liar.talks[0].drop()
    page.shows()
    page.says("live")
    assert page.do("() => live.store.epoch") == "e2"


def test_another_audience_after_a_login_is_taken_whole(liar, open_page):
    liar.tell(1)
    page = open_page()
    page.has("audience", "public")
    page.says("live")
    liar.audience = "judge:1"
    liar.tell(2, quietly=True)
    liar.talks[0].drop()
    page.has("audience", "judge")
    page.says("live")
    liar.tell(3)
    page.shows(1, 2, 3)


def test_a_sign_in_between_the_socket_and_the_state_makes_the_page_open_another_socket(liar, open_page):
    def before(talk):
        talk.hello()
        talk.welcome("reset", why="ttl")
        talk.drain()

    liar.tell(1)
    turns = []

    def state(asked):
        turns.append(asked)
        if len(turns) == 2:
            liar.audience = "judge:1"
        return Answer(liar.state())

    liar.on["/api/state"] = state
    liar.live = once(before)
    page = open_page()
    until(lambda: len(liar.talks) == 2)
    page.says("live")
    page.has("audience", "judge")


# Coming back.

AWAY = 3_600_000      # ms


def test_the_delays_double_and_are_spread(liar, open_page):
    page = open_page(times={"first": 1000, "most": 30_000}, speed={"again": 1000})
    page.says("live")
    liar.retry = None
    liar.on |= {path: nothing for path in ("/api/state", "/api/events")}
    liar.upgrade = nothing
    liar.talks[0].drop()
    until(lambda: len(page.delays("again")) > 9)
    waited = page.delays("again")[1:]
    for n, ms in enumerate(waited[:9]):
        longest = min(200, 20 * 2**n)      # what the welcome said, in ms
        assert longest / 2 <= ms <= longest, waited


def test_without_a_word_of_the_server_the_delays_are_those_of_the_document(liar, open_page):
    liar.on["/api/state"] = nothing
    page = open_page(times={"first": 1000, "most": 30_000}, speed={"again": 1000})
    until(lambda: len(page.delays("again")) > 9)
    waited = page.delays("again")[1:]
    for n, ms in enumerate(waited[:9]):
        longest = min(30_000, 1000 * 2**n)
        assert longest / 2 <= ms <= longest, waited
    assert len(set(waited)) == len(waited)


def comes_back(page: Page, lose) -> None:
    """Lose the socket; the page opens another one and is live on it."""
    before = len(page.liar.talks)
    lose()
    until(lambda: len(page.liar.talks) > before, "it does not come back")
    page.says("live")


def test_after_a_stable_while_the_delays_begin_anew(liar, open_page):
    liar.retry = [1, 30]
    page = open_page(times={"stable": 200, "young": 0}, speed={"again": 1000})
    page.says("live")
    for _ in range(3):
        page.do("() => new Promise((go) => setTimeout(go, 400))")      # stable by then
        comes_back(page, liar.talks[-1].drop)
    assert all(500 <= ms <= 1000 for ms in page.delays("again")[1:])
    page = open_page(times={"young": 0}, speed={"again": 1000})
    page.says("live")
    for _ in range(3):
        comes_back(page, lambda: liar.talks[-1].close(1012))
    assert page.delays("again")[-1] >= 2000, "thirty seconds have not passed"


def waiting_long(liar, open_page, **options) -> Page:
    """A page that has lost its socket and would wait for half a minute."""
    liar.retry = [60, 60]
    page = open_page(**options)
    page.says("live")
    liar.talks[0].close(1012)
    until(lambda: page.do("() => live.status") == "reconnecting")
    return page


def test_a_network_that_is_back_ends_the_waiting(liar, open_page):
    page = waiting_long(liar, open_page)
    page.do("() => dispatchEvent(new Event('online'))")
    page.says("live")


def test_a_tab_that_is_seen_again_ends_the_waiting(liar, open_page):
    page = waiting_long(liar, open_page)
    page.do("() => document.dispatchEvent(new Event('visibilitychange'))")
    page.says("live")


def test_a_browser_without_a_network_says_so_and_comes_back(liar, open_page):
    page = open_page()
    page.says("live")
    page.page.context.set_offline(True)
    page.says("offline")
    page.page.context.set_offline(False)
    page.says("live")
    liar.tell(1)
    page.shows(1)


def test_a_machine_that_slept_opens_a_new_socket_at_once(liar, open_page):
    page = open_page(times={"tick": 50})
    page.says("live")
    page.do(f"() => {{ window.jumped = {AWAY}; }}")
    until(lambda: len(liar.talks) == 2, "it believes in a socket that the server dropped long ago")
    page.says("live")
    liar.tell(1)
    page.shows(1)


def test_a_machine_that_slept_does_not_sit_out_a_delay(liar, open_page):
    page = waiting_long(liar, open_page, times={"tick": 50})
    page.do(f"() => {{ window.jumped = {AWAY}; }}")
    page.says("live")


def test_a_tab_that_is_seen_again_does_not_trust_its_socket(liar, open_page):
    """The connection went without a word while nobody looked: the hello is not answered."""
    def gone(talk):
        liar.greet(talk, talk.hello())
        talk.drain()

    liar.live = once(gone)
    page = open_page(times={"check": 300})
    page.says("live")
    page.do("() => document.dispatchEvent(new Event('visibilitychange'))")
    until(lambda: len(liar.talks) == 2)
    page.says("live")
    assert len(liar.talks[0].hellos) == 2


def test_after_a_drain_the_page_comes_back_within_the_spread(liar, open_page):
    def drain(talk):
        liar.greet(talk, talk.hello())
        talk.say("drain", **{"in": 1, "spread": 0.3})
        talk.close(1012)

    liar.retry = [60, 60]
    liar.live = once(drain)
    page = open_page()
    until(lambda: len(liar.talks) == 2)
    page.says("live")
    assert len(page.delays("again")) == 2 and page.delays("again")[1] <= 300


@pytest.mark.seconds(90)
def test_after_every_other_close_the_page_comes_back(liar, open_page):
    page = open_page(times={"young": 0})
    page.says("live")
    for number, code in enumerate((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 4008, 4045, 4408, 4999), 1):
        comes_back(page, functools.partial(liar.talks[-1].close, code))
        liar.tell(number)
        page.shows(*range(1, number + 1))
    assert liar.count("/api/state") == 1, "each time by its cursor"
    assert page.do("() => messages.length") == 13


# The end.

LAST_WORDS = {4001: "replaced", 4400: "misunderstood", 4403: "not-allowed", 4426: "outdated"}


@pytest.mark.parametrize("code", LAST_WORDS)
def test_a_refusal_for_good_is_said_and_not_tried_again(code, liar, open_page):
    liar.tell(1)
    liar.live = lambda talk: talk.close(code)
    page = open_page()
    page.says(LAST_WORDS[code])
    page.shows(1)
    assert page.do("() => [live.status, live.stopped]") == ["offline", code]
    page.do("() => { dispatchEvent(new Event('online')); document.dispatchEvent(new Event('visibilitychange')); }")
    page.do("() => new Promise((go) => setTimeout(go, 300))")
    assert len(liar.talks) == 1 and len(page.delays("again")) == 1


def test_a_page_that_is_signed_out_says_so(liar, open_page):
    page = open_page()
    page.says("live")
    liar.on["/api/state"] = refusal(401, "link_revoked")
    liar.talks[0].close(4401)
    page.says("signed-out")
    assert page.do("() => [signedOut, live.stopped]") == [1, 4401]
    assert len(liar.talks) == 1


def test_a_page_that_does_not_say_it_itself_is_loaded_again_once_without_the_dead_session(liar, open_page):
    liar.on["/api/state"] = refusal(401, "link_revoked")
    page = open_page(listens=False)
    until(lambda: liar.count("/") == 2)
    page.says("signed-out")
    assert liar.count("/api/logout") == 1 and liar.count("/") == 2, "never in a circle"


def test_a_page_of_somebody_else_by_now_is_loaded_again_and_signs_nobody_out(liar, open_page):
    page = open_page(listens=False)
    page.says("live")
    liar.audience = "judge:1"
    liar.talks[0].close(4401)
    until(lambda: liar.count("/") == 2)
    page.has("audience", "judge")
    assert liar.count("/api/logout") == 0


def test_a_page_whose_sign_in_was_renewed_elsewhere_goes_on(liar, open_page):
    liar.tell(1)
    page = open_page()
    page.says("live")
    liar.talks[0].close(4401)
    until(lambda: len(liar.talks) == 2)
    page.says("live")
    liar.talks[1].close(4401)
    page.says("signed-out")
    assert len(liar.talks) == 2, "once, not in a circle"


def test_a_page_that_leaves_says_goodbye(liar, open_page):
    page = open_page()
    page.says("live")
    page.do("() => live.close()")
    until(lambda: liar.talks[0].heard[-1] == {"t": "bye"})
    page.do("() => dispatchEvent(new Event('online'))")
    page.do("() => new Promise((go) => setTimeout(go, 200))")
    assert len(liar.talks) == 1


def test_a_page_out_of_the_browsers_cache_comes_back_by_its_cursor(liar, open_page):
    liar.tell(1)
    page = open_page()
    page.says("live")
    page.do("() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    until(lambda: liar.talks[0].heard[-1] == {"t": "bye"})
    liar.tell(2, quietly=True)
    page.do("() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    page.shows(1, 2)
    assert liar.talks[1].hellos[0]["cur"]["s"] == 1
