"""The people of a contest as locust users: collectors, judges, screens by WebSocket and by long poll, and one organiser.

`make load` runs it (loadtest/__main__.py); by hand: `locust -f loadtest/locustfile.py --host http://127.0.0.1:8000`, with
CONTEST_ADMIN_PASSWORD set. Every message that a screen is told is checked against docs/realtime.md. At the end all screens catch up and
are held against the server's state, and so is all that it acknowledged. One locust at a time: what screens are told is compared in memory.
"""

import contextlib
import json
import logging
import os
import random
import secrets
import sys
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import gevent
import requests
import websocket
from locust import FastHttpUser, between, constant, events, task

from loadtest.hall import Hall, Unprepared, photos
from loadtest.wall import Broken, Contradiction, Wall

POLL_SECONDS = 25
SILENT_SECONDS = 15
#: how long a screen keeps a connection, on the average
STAY_SECONDS = 8
#: of all sheets, with the base of a phone that has not seen the last one
STALE_PART = 0.1
#: of all entries, sent again as a phone does that saw no answer
REPEATED_PART = 0.3


class Person(FastHttpUser):
    """Whoever has a browser."""

    abstract = True
    network_timeout = connection_timeout = 60

    def __init__(self, environment):
        super().__init__(environment)
        self.hall: Hall = environment.hall
        self.client.client.default_headers["Origin"] = self.hall.url

    def settled(self, method: str, path: str, name: str, right: tuple[int, ...] = (200, 201), **request):
        """The answer of a request that is sent again, under the same id, until it has one; None where the run ended first or it was refused.

        Anything but the right statuses counts as a failure.
        """
        tries = 0
        while not (tries and self.hall.closing):
            began = time.perf_counter()
            with self.client.request(method, path, name=name, catch_response=True, **request) as answer:
                if answer.status_code in right:
                    answer.success()
                    answer.began = began
                    return answer
                answer.failure(f"{answer.status_code} {(answer.text or answer.error or '')!s:.200}")
                if 400 <= answer.status_code < 500 and answer.status_code not in (408, 429):
                    return None
                pause = float((answer.headers or {}).get("Retry-After", 1))
            tries += 1
            gevent.sleep(pause)
        return None


class Organiser(Person):
    """One: puts something on the screen now and then, so that there is news."""

    fixed_count = 1
    wait_time = between(0.3, 1.2)

    def on_start(self):
        self.count = 0
        self.settled("POST", "/api/login", "POST /api/login", json={"password": os.environ.get("CONTEST_ADMIN_PASSWORD", "")})

    def _change(self, path: str, name: str, **form):
        return self.settled("POST", path, f"POST {name}", json={"id": secrets.token_urlsafe(16), **form})

    @task(10)
    def put_a_message_on_the_screen(self):
        self.count += 1
        text = f"Load {self.hall.name}, message {self.count}"
        if answer := self._change("/api/screen", "/api/screen", mode="message", text=text):
            self.hall.tellings.sent(("screen", text), answer.began)

    @task
    def show_the_wall(self):
        self._change("/api/screen", "/api/screen", mode="wall")

    @task
    def hide_an_entry_and_show_it_again(self):
        number = random.choice(self.hall.numbers)
        self._change(f"/api/entries/{number}/hide", "/api/entries/N/hide")
        self._change(f"/api/entries/{number}/show", "/api/entries/N/show")


class Collector(Person):
    """Enters tattoos with photos, looks at the feed."""

    weight = 1
    wait_time = between(4, 12)

    def on_start(self):
        gevent.sleep(random.uniform(0, 3))
        self.submit()

    @task(3)
    def submit(self):
        hall, identity = self.hall, secrets.token_urlsafe(16)
        if hall.closing:
            return
        body, kind = hall.tattoo(identity, hall.open["id"], random.choice(hall.photos))
        hall.ledger.unsettled.add(identity)
        request = {"data": body, "headers": {"Content-Type": kind}}
        answer = self.settled("POST", "/api/entries", "POST /api/entries", **request)
        if not answer:
            return
        number = answer.json()["entry"]["number"]
        hall.tellings.sent(("entry", number), answer.began)
        hall.ledger.unsettled.discard(identity)
        self._entered(identity, number)
        if random.random() < REPEATED_PART and not hall.closing:
            again = self.settled("POST", "/api/entries", "POST /api/entries, again", (200,), **request)
            if again:
                self._entered(identity, again.json()["entry"]["number"])

    def _entered(self, identity: str, number: int) -> None:
        if fault := self.hall.ledger.entered(identity, number):
            self.hall.faults.append(fault)

    @task
    def look_at_the_feed(self):
        answer = self.settled("GET", "/api/feed", "GET /api/feed")
        if answer and (feed := answer.json()["feed"]):
            self.settled("GET", f"/photos/{random.choice(feed)['photo']['thumb']}", "GET /photos/NAME", (200, 410))


class Judge(Person):
    """Signs in with a link of their own and gives sheets, now and then from a phone that has not seen the last one."""

    weight = 2
    wait_time = between(0.5, 2)

    def on_start(self):
        link = self.hall.ask("POST", "/api/judges", json={"name": "Ana", "role": "judge"})["link"]
        self.settled("GET", urlsplit(link).path, "GET /join/LINK")
        state = self.settled("GET", "/api/state", "GET /api/state").json()
        self.id, self.epoch = state["me"]["id"], state["e"]
        self.bases: dict[int, str | None] = {}

    @task
    def give_a_sheet(self):
        number, category = random.choice(self.hall.numbers), self.hall.judged
        if self.hall.closing:
            return
        steps = round((category["highest"] - category["lowest"]) / category["step"])
        marks = {criterion["id"]: category["lowest"] + random.randint(0, steps) * category["step"] for criterion in category["criteria"]}
        base = self.bases.get(number)
        if base and random.random() < STALE_PART:
            self._give(number, marks, None, "PUT /api/sheets/N, stale", (409,))
        else:
            self._give(number, marks, base, "PUT /api/sheets/N", (200,))

    def _give(self, number: int, marks: dict, base: str | None, name: str, right: tuple[int]) -> None:
        """Send a sheet; a stale one has to come back with the sheet that is there."""
        key, ledger = (number, self.id), self.hall.ledger
        ledger.unsettled |= {key} if right == (200,) else set()
        answer = self.settled("PUT", f"/api/sheets/{number}", name, right,
                              json={"id": secrets.token_urlsafe(16), "marks": marks, "base": base})
        if not answer:
            return
        sheet = answer.json()["sheet"]
        if right == (200,):
            ledger.unsettled.discard(key)
            ledger.sheets[key] = marks
            self.bases[number] = f"{self.epoch}:{sheet['seq']}"
        elif sheet["marks"] != ledger.sheets[key]:
            self.hall.faults.append(f"A conflict over entry {number} came with {sheet['marks']}, acknowledged was {ledger.sheets[key]}.")


class Watcher(Person):
    """A screen: what both kinds share."""

    abstract = True

    def on_start(self):
        self.wall = Wall(self.hall.heard)
        self.hall.walls.append(self.wall)

    def fetch_state(self) -> bool:
        """Begin anew from the state; false where the run ended before it came."""
        answer = self.settled("GET", "/api/state", "GET /api/state")
        if answer:
            self.wall.take(answer.json())
        return bool(answer)


class WallBySocket(Watcher):
    """Watches over a WebSocket, drops it now and then, and resumes by its cursor."""

    weight = 5
    wait_time = between(0.1, 2)

    def on_start(self):
        super().on_start()
        self.failures, self.pause = 0, 0.0

    @task
    def watch(self):
        """One connection, from hello to its end."""
        began = time.perf_counter()
        try:
            connection = self._connected()
            try:
                self._greet(connection, began)
                self._read(connection)
            finally:
                connection.shutdown()   # without a word, as a dead wifi does; _leave has said goodbye where that was wanted
        except Broken as why:
            self.hall.broken(why, "by socket")
        except (OSError, websocket.WebSocketException) as why:
            self.hall.report("WS", "connection lost or refused", 0, why)
            self.failures += 1
            gevent.sleep(random.uniform(0.5, 1) * min(30, 2 ** self.failures))
        else:
            self.failures = 0

    def _connected(self) -> websocket.WebSocket:
        try:
            return websocket.create_connection("ws" + self.hall.url.removeprefix("http") + "/api/live", timeout=SILENT_SECONDS,
                                               origin=self.hall.url, subprotocols=["contest.v1"])
        except websocket.WebSocketBadStatusException as why:    # its own text holds the date: no two would be one line of the report
            raise websocket.WebSocketException(f"the upgrade was answered with {why.status_code}") from None

    def _greet(self, connection, began: float) -> None:
        connection.send(json.dumps({"t": "hello", "v": 1, "cid": secrets.token_urlsafe(16), "cur": self.wall.cursor, "page": "display",
                                    "waiting": 0}))
        welcome = json.loads(connection.recv())
        if welcome["t"] != "welcome":
            raise websocket.WebSocketException(f"no welcome came but {welcome}")
        self.hall.report("WS", "hello to welcome", time.perf_counter() - began)
        self.hall.counts.update(["connections", "resumes" if welcome["mode"] == "resume" else f"resets ({welcome['why']})"])
        self.caught_up, self.dead_seconds = welcome["s"], welcome["dead"]
        if self.wall.greeted(welcome):
            self.fetch_state()

    def _read(self, connection) -> None:
        """Read until it is time to go, or the server goes."""
        leaves, heard = time.monotonic() + random.expovariate(1 / STAY_SECONDS), time.monotonic()
        connection.settimeout(1)    # so that the end of the run is noticed
        while not self.hall.closing and time.monotonic() < leaves:
            try:
                opcode, body = connection.recv_data()
            except websocket.WebSocketTimeoutException:
                if time.monotonic() - heard > self.dead_seconds:
                    raise websocket.WebSocketException(f"silent for {self.dead_seconds} s") from None
                continue
            heard = time.monotonic()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return self._closed(int.from_bytes(body[:2], "big"))
            self._heed(json.loads(body))
        return self._leave(connection)

    def _heed(self, message: dict) -> None:
        kind = message["t"]
        if kind == "ev":
            self.hall.told(self.wall, message, "by socket", message["s"] > self.caught_up)
        elif kind == "hb":
            self.wall.beat(message)
        elif kind == "reset":
            self.hall.counts.update([f"resets ({message['why']})"])
            self.wall.reset(message)
            self.fetch_state()
        elif kind == "drain":
            self.pause = random.uniform(0, message["spread"])   # from the close on, which comes next
        elif kind == "err":
            raise websocket.WebSocketException(f"the server says {message['code']}")

    def _closed(self, code: int) -> None:
        """A restart is no failure; any other close by the server is."""
        self.hall.counts.update([f"closed with {code}"])
        if code != 1012:
            raise websocket.WebSocketException(f"closed with {code}")
        gevent.sleep(self.pause)

    def _leave(self, connection) -> None:
        """Half of the screens say goodbye, the others are switched off."""
        if random.random() < 0.5:
            connection.send(json.dumps({"t": "bye"}))
            connection.send_close()


class WallByPoll(Watcher):
    """Watches by long polls, now and then away for a while, and resumes by its cursor."""

    weight = 1
    wait_time = constant(0)

    def on_start(self):
        super().on_start()
        self.away = True    # the first answer after a pause holds what came meanwhile: its delay would be ours

    @task(20)
    def poll(self):
        if self.hall.closing or not (self.wall.cursor or self.fetch_state()):
            gevent.sleep(0.1)
            return
        answer = self.settled("GET", f"/api/events?{urlencode(self.wall.cursor)}&wait={POLL_SECONDS}", "GET /api/events, waits for news")
        if not answer:
            return
        try:
            self._take(answer.json())
        except Broken as why:
            self.hall.broken(why, "by poll")
            self.fetch_state()
        self.away = False

    def _take(self, answer: dict) -> None:
        self.hall.counts.update(["polls", *[f"resets ({answer['why']})"] * (answer["mode"] == "reset")])
        if self.wall.greeted(answer):
            self.fetch_state()
            return
        for event in answer["events"]:
            self.hall.told(self.wall, event, "by poll", not self.away)
        self.wall.beat({"s": answer["s"], "h": answer["h"]})

    @task
    def be_away(self):
        self.away = True
        gevent.sleep(random.uniform(0.5, 3))


# The run.

def prepared(environment) -> Hall:
    """The hall of a new run; without one there is nothing to test, so locust ends with a sentence and 64."""
    try:
        if not environment.host:
            raise Unprepared("Name the server with --host.")
        hall = Hall(environment, photos(os.environ.get("LOAD_PHOTOS", "")))
        hall.prepare()
    except (Unprepared, requests.RequestException) as why:
        print(f"load: The contest could not be prepared. {why}", file=sys.stderr)
        sys.exit(64)
    return hall


# Not in test_start: the run's time goes on while its listeners work.
@events.init.add_listener
def _prepare(environment, **_) -> None:
    environment.hall = prepared(environment)


@events.test_start.add_listener
def _begin(environment, **_) -> None:
    if environment.hall.closing:    # another run, begun in locust's own page
        environment.hall = prepared(environment)


@events.test_stopping.add_listener
def _close(environment, **_) -> None:
    """Begin nothing new; one last message answers the polls that wait."""
    environment.hall.closing = True
    with contextlib.suppress(requests.RequestException):    # a server that is gone is reported by everybody else
        environment.hall.ask("POST", "/api/screen", json={"mode": "message", "text": "The end"})


@events.test_stop.add_listener
def _end(environment, **_) -> None:
    """Settle, and leave what was found where LOAD_RESULT says (for loadtest/__main__.py), else print it."""
    hall = environment.hall
    try:
        hall.settle()
    except requests.RequestException as why:
        hall.report("CHECK", "at the end", 0, Contradiction(f"The server could not be asked: {why}"))
    found = {"counts": hall.counts, "rows": _rows(environment.stats), "ledger": hall.ledger.plain(), "errors": _errors(environment)}
    if path := os.environ.get("LOAD_RESULT"):
        logging.getLogger("locust.stats_logger").disabled = True    # the reader of the result prints a table of its own
        Path(path).write_text(json.dumps(found), "utf-8")
    else:
        print(json.dumps({name: found[name] for name in ("counts", "errors")}, indent=2))


def _errors(environment) -> list[dict]:
    """What failed, most often first: [{"what": sentence, "times": count}]. An exception in a user is one too."""
    failed = [{"what": f"{error.name}: {error.error}", "times": error.occurrences} for error in environment.stats.errors.values()]
    raised = [{"what": f"{each['msg']}\n{each['traceback']}", "times": each["count"]} for each in environment.runner.exceptions.values()]
    return sorted(failed + raised, key=lambda error: -error["times"])


def _rows(stats) -> list[dict]:
    """The figures by kind of request; times in milliseconds."""
    return [{"kind": entry.method, "name": entry.name, "requests": entry.num_requests, "failures": entry.num_failures,
             "per_second": entry.total_rps, "max": entry.max_response_time,
             **{f"p{round(part * 100)}": entry.get_response_time_percentile(part) for part in (0.5, 0.95, 0.99)}}
            for entry in sorted(stats.entries.values(), key=lambda entry: (entry.method, entry.name))]
