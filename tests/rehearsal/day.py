"""The day of a rehearsed contest, from the first entry to Best of Show, on a real server: what plan.py says is done and held against what came out."""

import collections
import contextlib
import math
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import demo
from tests import demos
from tests.client import Http
from tests.rehearsal.phones import Phone, enter, path_of
from tests.rehearsal.plan import CRITERIA, PLACES, TIED_BY_TOKENS, TOKENS, Room, Size, entries_last, rooms
from tests.server import TOP, Server

BY_PHONE = 2      # judges who judge on pages; the others over HTTP
BEST = "best-of-show"


class Day:
    """A contest of that size, step by step: `run()`.

    server   a started Server on an empty folder
    browser  a Chromium
    into     where the drawn photos and the pictures of the decision pages go
    say      is told a line a step
    ways     {("page" | "HTTP", what): how often}: what went through the pages, and what did not

    errors   AssertionError: something came out otherwise than planned
    """

    def __init__(self, server: Server, size: Size, browser, into: Path, say=print):
        self.server, self.size, self.browser, self.into, self.say = server, size, browser, into, say
        self.rooms = rooms(size)
        self.ways: collections.Counter = collections.Counter()
        self.admin = Http(server).login_admin()
        self.ids: list[str] = []                      # of the categories, as in rooms
        self.numbers: list[list[int]] = []            # of the entries, as in rooms
        self.judges: list[tuple[str, str]] = []       # (id, link)
        self.phones: list[Phone] = []
        self.people: list[Http] = []                  # the judges who speak HTTP, and those of the pages beside
        self.host: Http | None = None

    def run(self) -> None:
        for step in (self.set_up, self.enter_all, self.judge_on_phones, self.judge_over_http, self.recuse, self.settle_ties,
                     self.compare, self.decide_and_reveal, self.best_of_show, self.look_at_decisions, self.prove):
            began = time.monotonic()
            step()
            self.say(f"  {step.__name__.replace('_', ' '):<20} {time.monotonic() - began:6.1f} s")

    # Doing and counting.

    def do(self, method: str, path: str, body: dict | None = None, who: Http | None = None, what: str = "") -> dict:
        """A command over HTTP that must be taken."""
        answer = getattr(who or self.admin, method)(path, body)
        assert answer.status in (200, 201), f"{method} {path} {body}: {answer}"
        if what:
            self.ways["HTTP", what] += 1
        return answer.json

    def number_of(self, room: int, entry: int) -> int:
        return self.numbers[room][entry]

    def rows(self, category: str) -> dict:
        return self.admin.get(f"/api/standings/{category}").json

    @contextlib.contextmanager
    def page(self, who: Http | None = None, width: int = 1440, height: int = 900, **options):
        """A page in a context of its own, with that person's cookies."""
        context = self.browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(20_000)
        if who:
            context.add_cookies([{"name": name, "value": value, "url": self.server.url} for name, value in who.cookies.items()])
        yield context.new_page()
        context.close()

    # The morning.

    def set_up(self) -> None:
        self.do("patch", "/api/contest", {"name": "Night of Ink, rehearsed", "publish": "all"})
        for room in self.rooms:
            more = {} if room.method in ("tokens", "ranking") else {"criteria": [{"id": name, "name": name.title(), "weight": 1} for name in CRITERIA]}
            made = self.do("post", "/api/categories", {"name": room.name, "method": room.method, "places": PLACES, "tokens": TOKENS} | more, what="categories")
            self.ids.append(made["category"]["id"])
        for number in range(self.size.judges):
            made = self.do("post", "/api/judges", {"name": demo.ARTISTS[number], "role": "judge", "head": number == 0}, what="judges")
            self.judges.append((made["judge"]["id"], path_of(made["link"])))
            self.people.append(Http(self.server).join(self.judges[-1][1]))
        host = self.do("post", "/api/judges", {"name": "Ambrose", "role": "host"})
        self.host = Http(self.server).join(path_of(host["link"]))

    def enter_all(self) -> None:
        folder = self.into / "photos"
        folder.mkdir(parents=True, exist_ok=True)
        drawn = [demo.draw(kind, folder) for kind in range(min(16, self.size.entries))]
        kind = 0
        for category, room in zip(self.ids, self.rooms):
            self.numbers.append([])
            for _ in range(room.entries):
                self.numbers[-1].append(self._enter(kind, drawn[kind % len(drawn)], category))
                kind += 1
        for category in self.ids:
            self.do("post", f"/api/categories/{category}/judge")

    def _enter(self, kind: int, photo: Path, category: str) -> int:
        person = demo.person(kind)
        by_page = kind % (self.size.entries // self.size.by_page) == 0 and self.ways["page", "entries"] < self.size.by_page
        self.ways["page" if by_page else "HTTP", "entries"] += 1
        if by_page:
            with self.page(width=390, height=844) as phone:
                return enter(phone, self.server.url, photo, category, person)
        answer = Http(self.server).submit(photo, category=category, **{name: person[name] for name in ("collector", "artist", "studio", "title")})
        assert answer.status == 201, answer
        return answer.json["entry"]["number"]

    # Judging.

    def judge_on_phones(self) -> None:
        """Two judges on pages; the first is without wifi for a while, and loads the page again in the middle of it."""
        for number in range(BY_PHONE):
            judge, link = self.judges[number]
            self.phones.append(Phone(self.browser, self.server.url + link, judge))
        first, second = self.phones
        self._judge_offline(first)
        self._judge_hands(first, 0)
        for room in self._marked():
            self._mark_room(second, 1, room)
        self._judge_hands(second, 1)
        for phone in self.phones:
            phone.all_sent()

    def _marked(self) -> list[int]:
        return [number for number, room in enumerate(self.rooms) if room.marks]

    def _mark_room(self, phone: Phone, judge: int, room: int, entries=None) -> None:
        phone.open_category(self.ids[room])
        for entry in range(self.rooms[room].entries) if entries is None else entries:
            if (judge, entry) not in self.rooms[room].recused:
                phone.mark(self.number_of(room, entry), self.rooms[room].marks[judge, entry])
                self.ways["page", "sheets"] += 1

    def _judge_offline(self, phone: Phone) -> None:
        todo = [(room, entry) for room in self._marked() for entry in range(self.rooms[room].entries) if (0, entry) not in self.rooms[room].recused]
        away = todo[:self.size.offline]
        phone.can_reload()
        phone.network(False)
        for at, (room, entry) in enumerate(away):
            self._mark_room(phone, 0, room, [entry])
            if at == len(away) // 2:
                phone.reload()
        assert sorted(phone.waiting()) == sorted(self.number_of(*one) for one in away), "marks given without a network are not on the phone's disk"
        assert not [e for e in demos.events(self.server.data, "SheetGiven") if e["judge"] == phone.judge], "no network, and yet a sheet arrived"
        self.ways["page", "sheets without wifi"] += len(away)
        phone.network(True)
        phone.all_sent()
        for room, entry in todo[self.size.offline:]:
            self._mark_room(phone, 0, room, [entry])
        phone.all_sent()

    def _judge_hands(self, phone: Phone, judge: int) -> None:
        for number, room in enumerate(self.rooms):
            if room.hands:
                phone.open_category(self.ids[number])
                give, what = (phone.give_tokens, "tokens") if room.method == "tokens" else (phone.rank, "rankings")
                give([self.number_of(number, entry) for entry in room.hands[judge]])
                self.ways["page", what] += 1

    def judge_over_http(self) -> None:
        for judge in range(BY_PHONE, self.size.judges):
            for number, room in enumerate(self.rooms):
                for entry in range(room.entries) if room.marks else ():
                    if (judge, entry) not in room.recused:
                        body = {"marks": room.marks[judge, entry], "base": None}
                        self.do("put", f"/api/sheets/{self.number_of(number, entry)}", body, self.people[judge], "sheets")
                if room.hands:
                    self._give_hand(number, judge)

    def _give_hand(self, room: int, judge: int) -> None:
        entries = [self.number_of(room, entry) for entry in self.rooms[room].hands[judge]]
        way, key = ("tokens", "entries") if self.rooms[room].method == "tokens" else ("rankings", "order")
        self.do("put", f"/api/{way}/{self.ids[room]}", {key: entries, "base": None}, self.people[judge], way)

    def recuse(self) -> None:
        self.phones[0].open_category(self.ids[0])
        self.phones[0].recuse(self.number_of(0, entries_last(self.rooms[0])))
        self.phones[0].all_sent()
        self.ways["page", "recusals"] += 1
        number = self.number_of(2, entries_last(self.rooms[2]))
        self.do("put", f"/api/recusals/{number}", {"recused": True, "judge": self.judges[1][0], "reason": "They share a flat."}, what="recusals")

    def settle_ties(self) -> None:
        """What the chain leaves open: the run-off on the phones, then what the head judge says."""
        for number, room in enumerate(self.rooms):
            tied = [self.number_of(number, entry) for entry in room.tied]
            if room.kind == TIED_BY_TOKENS:
                assert self.rows(self.ids[number])["unresolved"] == [sorted(tied)]
                run_off = self.do("post", f"/api/categories/{self.ids[number]}/run-off", {"entries": tied}, what="run-offs")["run_off"]["id"]
                for judge, entry in room.votes.items():
                    self._vote(run_off, judge, self.number_of(number, entry))
            elif room.order:
                assert self.rows(self.ids[number])["unresolved"] == [sorted(tied)]
                order = [[self.number_of(number, entry) for entry in block] for block in room.order]
                self.do("put", f"/api/ties/{self.ids[number]}", {"order": order, "reason": "The cleaner lines."}, what="head judge's decisions")

    def _vote(self, run_off: str, judge: int, choice: int) -> None:
        if judge < BY_PHONE:
            self.phones[judge].vote(choice)
            self.ways["page", "run-off votes"] += 1
        else:
            self.do("put", f"/api/run-offs/{run_off}", {"choice": choice}, self.people[judge], "run-off votes")

    # What came out.

    def compare(self) -> None:
        """The standings are those of the oracle, from the plan's own marks: every place, the step that decided it, and the score."""
        for number, room in enumerate(self.rooms):
            wanted, found = room.outcome(self.size.judges), self.rows(self.ids[number])
            places = {self.number_of(number, entry): row for entry, row in wanted["rows"].items()}
            assert {row["entry"]: (row["place"], row["decided_by"]) for row in found["rows"]} == places, room.name
            for row in found["rows"]:
                score = wanted["scores"][self.numbers[number].index(row["entry"])]
                assert row["score"] == (None if score is None else shown(score)), (room.name, row)
            assert not found["provisional"] and not found["unresolved"] and not found["missing"], (room.name, found)

    def places_of(self, number: int) -> list[list[int]]:
        return [[self.number_of(number, entry) for entry in group] for group in self.rooms[number].places(self.size.judges)]

    def decide_and_reveal(self) -> None:
        """Every category, from the last place to the first, while a screen looks on. The first winner of the day has left."""
        with self.page(width=1920, height=1080) as screen:
            screen.goto(self.server.url + "/display")
            for number, category in enumerate(self.ids):
                self.do("post", f"/api/categories/{category}/close")
                places = self.places_of(number)
                self.do("put", f"/api/winners/{category}", {"places": places}, what="decisions")
                self._reveal(screen, category, places)
            absent, runner_up = self.places_of(0)[0][0], self.places_of(0)[1][0]
            moved = self.do("post", f"/api/winners/{self.ids[0]}/absent", {"entry": absent}, self.host, "absent winners")["decision"]
            assert moved["places"][0] == [runner_up] and moved["absent"] == [absent], moved
        told = {one["category"]: [[entry["number"] for entry in place["entries"]] for place in one["places"]] for one in self.admin.get("/api/winners").json["winners"]}
        for number, category in enumerate(self.ids):
            wanted = self.places_of(number)
            assert told[category] == (wanted if number else told[category]), self.rooms[number].name
        assert told[self.ids[0]][0] == [runner_up]

    def _reveal(self, screen, category: str, places: list[list[int]]) -> None:
        steps = [(0, None)] + [(step, phase) for step in range(1, len(places) + 1) for phase in ("stencil", "ink")] + [(len(places) + 1, None)]
        for step, phase in steps:
            self.do("post", "/api/reveal", {"category": category, "step": step} | ({"phase": phase} if phase else {}), self.host, "steps of a reveal")
            if phase == "ink":
                place = 1 + sum(len(group) for group in places[:len(places) - step])
                screen.locator(f".reveal[data-place='{place}'][data-phase=ink]").wait_for()

    def best_of_show(self) -> None:
        made = self.do("post", "/api/categories", {"name": "Best of Show", "method": "points", "places": 1, "from": self.ids,
                                                   "criteria": [{"id": "creativity", "name": "Creativity", "weight": 1}]})["category"]["id"]
        self.do("post", f"/api/categories/{made}/judge")
        finalists = [entry for entry in self.admin.get("/api/state").json["entries"] if entry["category"] == made]
        champions = {one["category"]: one["places"][0]["entries"][0]["number"] for one in self.admin.get("/api/winners").json["winners"]}
        assert sorted(entry["of"] for entry in finalists) == sorted(champions[category] for category in self.ids), "the winners are the entries"
        for judge in range(self.size.judges):
            for at, entry in enumerate(finalists):
                body = {"marks": {"creativity": 9.5 if entry is finalists[-1] else 5 + at % 4}, "base": None}
                self.do("put", f"/api/sheets/{entry['number']}", body, self.people[judge], "sheets")
        self.do("post", f"/api/categories/{made}/close")
        best = self.rows(made)["rows"][0]
        assert best["place"] == 1 and best["entry"] == finalists[-1]["number"] and best["decided_by"] == "mean"
        self.do("put", f"/api/winners/{made}", {"places": [[best["entry"]]]}, what="decisions")
        with self.page(width=1920, height=1080) as screen:
            screen.goto(self.server.url + "/display")
            self._reveal(screen, made, [[best["entry"]]])
        self.ids.append(made)

    def look_at_decisions(self) -> None:
        """How each was decided, as the organiser prints it: the places and the head on the page are those of the log; pictures for the eye."""
        head = self.admin.get("/api/state").json["h"]
        with self.page(self.admin) as page:
            for category in self.ids:
                page.goto(f"{self.server.url}/papers#decided/{category}")
                page.reload()
                page.locator("[data-part=story] tbody tr").first.wait_for()
                told = page.locator("[data-part=standings] tr[data-row]").evaluate_all("rows => rows.map((row) => Number(row.dataset.row))")
                assert told == [row["entry"] for row in self.rows(category)["rows"]], (category, told)
                assert head in page.locator(".decided-seal").inner_text()
                page.pdf(path=self.into / f"{category}.pdf", prefer_css_page_size=True)
                page.screenshot(path=self.into / f"{category}.png", full_page=True)
                self.ways["page", "decision pages"] += 1

    def prove(self) -> None:
        """What the log holds is what the plan says, once, and it verifies."""
        given = demos.events(self.server.data, "SheetGiven")
        newest: dict[tuple[str, int], dict] = {}
        for event in given:
            newest[event["judge"], event["entry"]] = event["marks"]
        for number, room in enumerate(self.rooms):
            for (judge, entry), marks in room.marks.items():
                if (judge, entry) not in room.recused:
                    assert newest[self.judges[judge][0], self.number_of(number, entry)] == marks, (room.name, judge, entry)
        assert len({event["id"] for event in given}) == len(given), "a command stands twice in the log"
        assert self.server.stop() == 0
        verified = subprocess.run([sys.executable, str(TOP / "contest.py"), "verify", "--data", str(self.server.data)], capture_output=True, text=True, timeout=120)
        assert verified.returncode == 0, verified.stdout + verified.stderr


def shown(score: Fraction) -> float:
    """A score as people are told it: two places, a half goes up."""
    return math.floor(score * 100 + Fraction(1, 2)) / 100


def report(day: Day) -> list[str]:
    """What went through the pages and what over HTTP, a line each."""
    lines = ["  what                     on pages  over HTTP"]
    for what in sorted({what for _, what in day.ways}):
        lines.append(f"  {what:<24} {day.ways['page', what]:8} {day.ways['HTTP', what]:10}")
    return lines
