"""Nothing leaks: a whole reveal, and everything that anybody but admin and host can ask for or is told, at every step of it.

Every page and every address of the table that is read, by the public, a judge, the desk and two collectors with their own links; the live
sockets and the polls; each photo by GET and HEAD; with status, headers and length. It builds on the Rehearsal of test_web: the same contest
on several servers, with other winners on each. Until a step differs, what they answer is the same to the byte.
"""

import itertools
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

import contest
from tests.client import Http
from tests.server import Server
from tests.test_web import CRITERIA, Rehearsal, Tape, difference, jpeg

SHOW, LATER = "best-of-show", "later"
ENTRIES = {SHOW: range(101, 106), LATER: range(106, 109)}
FIELDS = ("collector", "artist", "title", "studio", "say")
#: what one server says of itself and no decision could move: masked, not left out
CHANCE = [(rb'"(e|h)":"[0-9a-f]+"', rb'"\1":"*"'), (rb'"(at|now)":\d{13}\b', rb'"\1":*'),
          (rb'"(uptime|loop_lag_ms)":[\d.]+', rb'"\1":*')]
OWN = {"date", "set-cookie"}            # headers that say when, and to whom
LOAD = {"/health", "/api/realtime-health"}      # these tell milliseconds, of more or fewer digits
FILE = {"etag", "last-modified"}        # of a photo: when its file was made


class Reveal(Rehearsal):
    """One contest, revealed to the end of its first category and into the second, heard before every step.

    moments   {step: {who and what: bytes}}; the steps of the second category go on after those of the first
    shown     {step: numbers whose names are public by then}
    drawings  [(category, step, who and what, names that were sent while the drawing stood and nobody may know)]
    """

    def __init__(self, *args):
        self.dates: dict[str, list[str]] = {}
        self.drawings: list[tuple] = []
        super().__init__(*args)

    def set_up(self) -> None:
        for name in ("Best of show", "Later"):
            self.do(self.admin, "post", "/api/categories", {"name": name, "places": 4})
        links = [self.do(self.admin, "post", "/api/judges", {"name": name, "role": role})["link"]
                 for name, role in (("Ana", "judge"), ("Dora", "desk"))]
        ana, desk = (Http(self.server).join(link) for link in links)
        self.people = {"public": Http(self.server), "judge": ana, "desk": desk}
        self.tapes = {name: Tape(self.server, http=person) for name, person in self.people.items()}
        self.cursors, self.shown, self.mine, self.files = {}, {}, {}, {}
        for name, tape in self.tapes.items():
            tape.hello(cid="leaks")
            state = self.people[name].get("/api/state").json
            self.cursors[name] = "&".join(f"{k}={state[k]}" for k in "esha")
        for category, numbers in ENTRIES.items():
            for number in numbers:
                self.enter(category, number)
            self.do(self.admin, "post", f"/api/categories/{category}/judge")
            for number in numbers:
                self.do(ana, "put", f"/api/sheets/{number}", {"marks": dict.fromkeys(CRITERIA, 110 - number), "base": None})
            self.do(self.admin, "post", f"/api/categories/{category}/close")

    def enter(self, category: str, number: int) -> None:
        names = {name: f"{name.title()} of {number}" for name in FIELDS}
        photo = jpeg(120 + number % 7, 160, (number % 50, 34, 46))       # each of a size of its own: lengths would tell
        answer = Http(self.server).submit(photo, category=category, id=f"leaks-entry-{number}", **names)
        assert answer.status == 201 and answer.json["entry"]["number"] == number, answer
        self.order.append(answer.json["entry"]["photo"]["large"][:32])
        self.mine[number] = answer.json["mine"].rpartition("/")[2]
        self.files[number] = [answer.json["entry"]["photo"][kind] for kind in ("large", "thumb", "stencil")]

    def play(self, places, reason) -> None:
        for category in ENTRIES:
            self.do(self.admin, "put", f"/api/winners/{category}", {"places": places[category], "reason": reason})
        count, public = itertools.count(), set()
        for category in ENTRIES:
            groups = places[category]
            for number in range(len(groups) + 2):
                moment = next(count)
                self.moments[moment], self.shown[moment] = self.heard(), set(public)
                for phase in ("stencil", "ink"):
                    self.do(self.admin, "post", "/api/reveal", {"category": category, "step": number, "phase": phase})
                    if phase == "stencil" and 0 < number <= len(groups):      # the drawing stands, the name is not said
                        self.drawings += [(category, number, name, self.names(said, public)) for name, said in self.told().items()]
                public |= set(groups[len(groups) - number]) if 0 < number <= len(groups) else set()

    def told(self) -> dict[str, bytes]:
        """What public and judge were told by their sockets and would be by a look at the state now."""
        self.settled()
        return {f"{name} {way}": said for name in ("public", "judge") for way, said in (
            ("live", self.tapes[name].text.encode()), ("/api/state", self.people[name].get("/api/state").body))}

    @staticmethod
    def names(said: bytes, public: set[int]) -> list[bytes]:
        """The names in what was said that nobody may know yet."""
        found = re.findall(rb"(?:Collector|Artist|Title|Studio|Say) of (\d+)", said)
        return sorted({number for number in found if int(number) not in public})

    # What everybody hears.

    def settled(self) -> int:
        """Behind what was told to everybody, nothing is on its way any more."""
        for calm in (True, False):
            self.do(self.admin, "patch", "/api/contest", {"calm": calm})
        mark = self.admin.get("/api/state").json["s"]
        for tape in self.tapes.values():
            tape.until(lambda message: message.get("s") == mark)
        return mark

    def heard(self) -> dict[str, bytes]:
        self.settled()
        found = {f"{name} live": self.masked(tape.text.encode()) + b" %d bytes" % len(tape.text) for name, tape in self.tapes.items()}
        for name, person in self.people.items():
            for path in self.paths():
                found[f"{name} {path}"] = self.asked(person, "GET", path)
            found[f"{name} /api/events"] = self.asked(person, "GET", "/api/events?wait=0&" + self.cursors[name])
        for path in ("/", "/display", "/winners", "/api/state", "/api/winners"):
            found[f"HEAD {path}"] = self.asked(self.people["public"], "HEAD", path)
        for number in (101, 105):
            for path in ("/mine", "/api/mine"):
                found[f"collector {number} {path}"] = self.asked(self.people["public"], "GET", f"{path}/{self.mine[number]}")
        return found | self.photos()

    def paths(self) -> list[str]:
        """Every page, and every address of the table that is read: what comes to them later is looked at too."""
        table = [*contest.PAGES, *(route.path for route in contest.ROUTES if route.method == "GET" and route.path != "/api/events")]
        found = []
        for path in table:
            path = path.replace("<link>", "nobody").replace("<name>", "nobody").replace("<judge>", "j1").replace("<run_off>", "r1")
            for category in (SHOW, LATER) if "<category>" in path else ("",):
                for number in (101, 105) if "<entry" in path else ("",):
                    found.append(re.sub(r"<entry(:int)?>", str(number), path.replace("<category>", category)))
        return found

    def asked(self, person: Http, method: str, path: str, own: frozenset = frozenset()) -> bytes:
        answer = person.request(method, path)
        own |= {"content-length"} if path in LOAD else set()
        heads = sorted(f"{k}: {v}" for k, v in answer.headers.items() if k.lower() not in OWN | own)
        return self.masked("\n".join([str(answer.status), *heads, ""]).encode() + answer.body)

    def photos(self) -> dict[str, bytes]:
        """Each file of each photo: by GET once at the end of the first category, else by HEAD; its own dates stay the same for ever."""
        found = {}
        for number, files in self.files.items():
            for file in files:
                method = "GET" if len(self.moments) == 6 else "HEAD"
                answer = self.people["public"].request(method, f"/photos/{file}")
                dates = [answer.headers[name] for name in sorted(FILE)]
                assert dates == self.dates.setdefault(file, dates), file
                found[f"photo {number} {file[32:]}"] = self.asked(self.people["public"], method, f"/photos/{file}", frozenset(FILE))
        return found

    def masked(self, raw: bytes) -> bytes:
        for pattern, instead in CHANCE:
            raw = re.sub(pattern, instead, raw)
        for url in (self.server.url, self.server.url.removeprefix("http://")):
            raw = raw.replace(url.encode(), b"here")
        for number, name in enumerate(self.order, 101):
            raw = raw.replace(name.encode(), b"photo-of-%d" % number).replace(self.mine[number].encode(), b"link-of-%d" % number)
        # Drawings that stand together hang in the order of their files' names, which are random.
        return re.sub(rb'(?<="stencils":\[)[^\]]+', lambda hung: b"},".join(sorted(hung[0].rstrip(b"}").split(b"},"))), raw)


FIRST, SECOND = [[101], [102, 103], [104]], [[106], [107], [108]]
WINNERS = {
    "one": {SHOW: FIRST, LATER: SECOND},
    "another first": {SHOW: [[105], [102, 103], [104]], LATER: [[107], [106], [108]]},
    "another second": {SHOW: [[101], [102, 105], [104]], LATER: SECOND},
    "another later": {SHOW: FIRST, LATER: [[107], [108], [106]]},
}
STEPS = len(FIRST) + 2      # of the first category; its names are all out before the last of them


@pytest.fixture(scope="module")
def reveals(tmp_path_factory):
    """The same contest once for each set of winners, each on a server of its own."""
    def play(item) -> tuple[str, Reveal]:
        name, places = item
        server = Server(tmp_path_factory.mktemp("leaks") / "data").start()
        try:
            return name, Reveal(server, places, "a better night")
        finally:
            server.end()
            assert "Traceback" not in server.errors, server.errors

    with ThreadPoolExecutor(2) as threads:
        return dict(threads.map(play, WINNERS.items()))


@pytest.mark.seconds(150)
@pytest.mark.parametrize("other, step", [("another first", 3), ("another second", 2), ("another later", STEPS + 1)])
def test_until_a_step_every_answer_to_everybody_is_the_same_whoever_has_won(reveals, other, step):
    """The step that differs is the first whose drawing is another's: what came before it must not tell."""
    assert difference(reveals["one"], reveals[other], step) == ""


@pytest.mark.parametrize("played", WINNERS)
def test_no_name_is_sent_to_anybody_before_its_step(reveals, played):
    found = []
    for step, heard in reveals[played].moments.items():
        for what, said in heard.items():
            own = {101, 105} if what.startswith("collector") else set()
            if not what.startswith("desk") and (names := Reveal.names(said, reveals[played].shown[step] | own)):
                found.append(f"before step {step}, {what}: {names}")
            if not what.startswith("desk"):      # how a name is said is for the stage: nobody else is told it, the name being known or not
                assert set(re.findall(rb"Say of (\d+)", said)) <= {b"%d" % number for number in own}, what
    assert found == []
    assert [drawing for drawing in reveals[played].drawings if drawing[-1]] == [] and len(reveals[played].drawings) == 24


def test_the_comparison_would_see_one_byte_more_wherever_it_is_sent(reveals):
    whole, other = reveals["one"], reveals["another first"]
    assert difference(whole, other, 4).startswith("before step 4")      # after the step that differs they do differ
    for what in whole.moments[3]:
        told = object.__new__(Reveal)
        told.moments = {step: dict(heard) for step, heard in other.moments.items()}
        told.moments[3][what] += b" "
        assert difference(whole, told, 3).startswith(f"before step 3, {what}")


def test_a_reveal_has_asked_every_page_and_heard_what_was_said(reveals):
    heard, shown = reveals["one"].moments, reveals["one"].shown
    assert len(heard) == len(FIRST) + len(SECOND) + 4 and shown[STEPS] == {101, 102, 103, 104} and shown[1] == set()
    for name in ("public", "judge", "desk"):
        assert {f"{name} {page}" for page in contest.PAGES if "<" not in page} <= set(heard[0])
    assert b"Collector of 104" in heard[2]["public live"] and b"Collector of 103" in heard[3]["public /api/winners"]
    assert b"Collector of 101" in heard[0]["collector 101 /api/mine"] and b"Collector of 106" in heard[0]["desk live"] and b"Say of 106" in heard[0]["desk live"]
    assert heard[0]["photo 101 -large.jpg"].startswith(b"200") and heard[0]["public /api/standings/later"].startswith(b"401")
