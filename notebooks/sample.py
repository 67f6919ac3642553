"""The contest that the notebooks look at: the one in CONTEST_DATA, else an invented one, judged, in a folder of its own.

With ADVERSE=1 in the environment the invented one is as bad as they come: a judge gives all tens, one never marks anything,
two contradict each other so that every entry is level, and marks were changed after they were given.
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

ADVERSE = bool(os.environ.get("ADVERSE"))
COLLECTORS = ("Zoë", "Łukasz", "黒龍", "Núñez", "Ada", "Bo", "Chidi", "Dunja", "Emre", "Fumiko")
JUDGES = {"Noor": 0.4, "Tadeusz": -0.8, "Haruka": 0.0, "Frida": 0.2}  # how much above the others each marks, in points


def folder() -> Path:
    """A new folder that is gone when the kernel ends."""
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


def judged(adverse: bool = ADVERSE) -> contest.Contest:
    """The contest in CONTEST_DATA, or an invented one with a judged category of ten entries."""
    if "CONTEST_DATA" in os.environ:
        return contest.open(os.environ["CONTEST_DATA"])
    under = folder()
    c = contest.open(under / "data")
    c.add_category("Best Sleeve")
    numbers = [c.submit(drawing(at, under), "best-sleeve", who)["number"] for at, who in enumerate(COLLECTORS)]
    judges = {name: c.invite(name)["judge"]["id"] for name in JUDGES}
    c.start_judging("best-sleeve")
    criteria = [each["id"] for each in c.categories()[0]["criteria"]]
    dice = random.Random(7)
    for at, number in enumerate(numbers):
        for name, judge in judges.items():
            marks = bad(name, at, criteria) if adverse else good(name, at, criteria, dice)
            if marks:
                c.give_sheet(number, judge, marks)
    if adverse:
        c.close_judging("best-sleeve")
        for at, number in enumerate(numbers[:2]):  # late, and changed, there and back
            for change in ({"style": 2.0}, {}):
                seen = next(sheet["seq"] for sheet in c.sheets(number) if sheet["judge"] == judges["Frida"])
                c.give_sheet(number, judges["Frida"], bad("Frida", at, criteria) | change, base=seen)
    return c


def good(name: str, at: int, criteria: list[str], dice: random.Random) -> dict[str, float]:
    """Marks of a judge who sees what is there, a little stricter or milder than the others."""
    quality = (9.4 if at == 0 else 8.6 - 0.35 * at) + dice.gauss(0, 0.45)
    return {each: min(10, max(1, round(2 * (quality + JUDGES[name] + dice.gauss(0, 0.5))) / 2)) for each in criteria}


def bad(name: str, at: int, criteria: list[str]) -> dict[str, float]:
    """All tens, nothing, and two judges of whom each says the contrary of the other."""
    return {} if name == "Tadeusz" else dict.fromkeys(criteria, {"Noor": 10.0, "Haruka": 8.5 - 0.5 * at, "Frida": 4.0 + 0.5 * at}[name])
