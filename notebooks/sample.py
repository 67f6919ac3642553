"""The contest that the notebooks look at: the one in CONTEST_DATA, else an invented one, judged, in a temporary folder.

ADVERSE in the environment makes the invented one worse:
    tens       a judge gives everybody a ten
    missing    a judge went home after three entries, another is recused from one
    level      every judge gives every entry the same
    nothing    nobody has judged anything yet
    tampered   a mark was changed in the log, behind the program's back
    1          as bad as they come: all tens from one, nothing from another, two contradict each other so that every entry is level,
               and marks were changed after the judging and changed back
METHOD=tokens, ranking or choice has it judged that way. CONTEST_CATEGORY chooses the category that is looked at.
"""

import atexit
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import contest
from PIL import Image, ImageDraw

COLLECTORS = ("Zoë", "Łukasz", "黒龍", "Núñez", "Ada", "Bo", "Chidi", "Dunja", "Emre", "Fumiko")
#: How much above the others each judge marks, in points.
JUDGES = {"Noor": 0.4, "Tadeusz": -0.8, "Haruka": 0.0, "Friederike Oberhuber-Lindenschmidt": 0.2}
NOOR, TADEUSZ, HARUKA, FRIEDERIKE = JUDGES


def adverse() -> str:
    """How bad the invented contest is; "" where all is well."""
    return os.environ.get("ADVERSE", "")


def folder() -> Path:
    """A new temporary folder, gone when the kernel ends. Nothing is ever written beside the notebooks."""
    made = Path(tempfile.mkdtemp(prefix="contest-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def drawing(number: int, into: Path) -> Path:
    """A drawn tattoo, other lines for every number."""
    dice, picture = random.Random(number), Image.new("RGB", (480, 640), (214, 170, 140))
    pen = ImageDraw.Draw(picture)
    for _ in range(14):
        x, y, r = dice.uniform(80, 400), dice.uniform(100, 540), dice.uniform(20, 120)
        pen.arc((x - r, y - r, x + r, y + r), dice.uniform(0, 360), dice.uniform(0, 360) + 200, (40, 34, 46), dice.randint(3, 9))
    path = into / f"tattoo-{number}.jpg"
    picture.save(path, quality=85)
    return path


def judged() -> Path:
    """The folder in CONTEST_DATA, or of an invented contest with a judged category of ten entries."""
    if "CONTEST_DATA" in os.environ:
        return Path(os.environ["CONTEST_DATA"]).resolve()
    under, method = folder(), os.environ.get("METHOD", "points")
    with contest.open(under / "data") as c:
        c.add_category("Best Sleeve", method=method, ballots="devices") if method == "choice" else c.add_category("Best Sleeve", method=method)
        source = "best-sleeve"
        if method == "choice":
            c.add_category("Sleeve")
            source = "sleeve"
        numbers = [c.submit(drawing(at, under), source, who)["number"] for at, who in enumerate(COLLECTORS)]
        _GIVEN.get(method, _sheets)(c, numbers, {name: c.invite(name)["judge"]["id"] for name in JUDGES})
    if adverse() == "tampered":
        import history
        history.change_a_mark(under / "data")
    return under / "data"


def _sheets(c: contest.Contest, numbers: list[int], judges: dict[str, str]) -> None:
    c.start_judging("best-sleeve")
    criteria, dice = [each["id"] for each in c.categories()[0]["criteria"]], random.Random(7)
    for at, number in enumerate(numbers):
        for name, judge in judges.items():
            marks = _MARKS.get(adverse(), good)(name, at, criteria, dice)
            if marks:
                c.give_sheet(number, judge, marks)
    if adverse() == "missing":
        c.recuse(numbers[4], judges[NOOR], True, reason="Knows the collector.")
    if adverse() == "1":
        c.close_judging("best-sleeve")
        for at, number in enumerate(numbers[:2]):  # late, and changed, there and back
            for change in ({"style": 2.0}, {}):
                seen = next(sheet["seq"] for sheet in c.sheets(number) if sheet["judge"] == judges[FRIEDERIKE])
                c.give_sheet(number, judges[FRIEDERIKE], worst(FRIEDERIKE, at, criteria, dice) | change, base=seen)


def good(name: str, at: int, criteria: list[str], dice: random.Random) -> dict[str, float]:
    """Marks of a judge who sees what is there, a little stricter or milder than the others."""
    quality = (9.4 if at == 0 else 8.6 - 0.35 * at) + dice.gauss(0, 0.45)
    return {each: min(10, max(1, round(2 * (quality + JUDGES[name] + dice.gauss(0, 0.5))) / 2)) for each in criteria}


def tens(name: str, at: int, criteria: list[str], dice: random.Random) -> dict[str, float]:
    """All tens from one judge, the others as they are."""
    return good(name, at, criteria, dice) | (dict.fromkeys(criteria, 10.0) if name == NOOR else {})


def gaps(name: str, at: int, criteria: list[str], dice: random.Random) -> dict[str, float]:
    """Nothing behind the third entry from one judge."""
    marks = good(name, at, criteria, dice)
    return {} if name == TADEUSZ and at > 2 else marks


def level(name: str, at: int, criteria: list[str], dice: random.Random) -> dict[str, float]:
    """The same for everybody."""
    return dict.fromkeys(criteria, 8.0 + JUDGES[name] // 0.5 * 0.5)


def worst(name: str, at: int, criteria: list[str], dice: random.Random) -> dict[str, float]:
    """All tens, nothing, and two judges of whom each says the contrary of the other."""
    return {} if name == TADEUSZ else dict.fromkeys(criteria, {NOOR: 10.0, HARUKA: 8.5 - 0.5 * at, FRIEDERIKE: 4.0 + 0.5 * at}[name])


def _order(numbers: list[int], dice: random.Random) -> list[int]:
    """The entries as a judge might put them: the first is the best for most."""
    return sorted(numbers, key=lambda number: (number - numbers[0]) * 0.35 - (0.8 if number == numbers[0] else 0) + dice.gauss(0, 0.5))


def _tokens(c: contest.Contest, numbers: list[int], judges: dict[str, str]) -> None:
    dice = random.Random(7)
    c.start_judging("best-sleeve")
    for judge in judges.values():
        c.give_tokens("best-sleeve", judge, _order(numbers, dice)[:3])


def _ranking(c: contest.Contest, numbers: list[int], judges: dict[str, str]) -> None:
    dice = random.Random(7)
    c.start_judging("best-sleeve")
    for judge in judges.values():
        c.give_ranking("best-sleeve", judge, _order(numbers, dice))


def _votes(c: contest.Contest, numbers: list[int], judges: dict[str, str]) -> None:
    c.start_judging("best-sleeve")
    for at in range(60):
        c.cast_vote(numbers[min(int(random.Random(at).expovariate(0.5)), 9)], category="best-sleeve", device=f"phone-{at:012}")
    c.close_judging("best-sleeve")


def nothing(name: str, at: int, criteria: list[str], dice: random.Random) -> dict[str, float]:
    """Nothing yet."""
    return {}


_MARKS = {"nothing": nothing, "tens": tens, "missing": gaps, "level": level, "1": worst}
_GIVEN = {"tokens": _tokens, "ranking": _ranking, "choice": _votes}


def category(c) -> str:
    """The category to look at: the one in CONTEST_CATEGORY, else that in which most was given.

    errors   contest.UsageError where there is none
    """
    given = {entry["number"]: 0 for entry in c.entries()}
    for sheet in c.sheets():
        given[sheet["entry"]] += 1
    weight = {each["id"]: sum(given[e["number"]] for e in c.entries(each["id"])) + 10 * len(c.standings(each["id"])) for each in c.categories()}
    return _fullest(weight)


def busiest(state: contest.State) -> str:
    """The same out of a state."""
    weight = {each: sum(len(sheets) for number, sheets in state.sheets.items() if state.entries[number].category == each)
              + 10 * len(contest.category_standings(state, each)["rows"]) for each in state.categories}
    return _fullest(weight)


def _fullest(weight: dict[str, int]) -> str:
    if not weight:
        raise contest.UsageError("The contest has no category yet: there is nothing to look at.")
    return os.environ.get("CONTEST_CATEGORY") or max(weight, key=weight.get)
