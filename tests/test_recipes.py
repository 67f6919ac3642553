"""docs/scripting.md: its ten recipes, each run as it stands there, and its table of verbs."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import contest as app
from tests.server import TOP, Server

PAGE = (TOP / "docs" / "scripting.md").read_text("utf-8")
RECIPES = {title: (language, code) for title, language, code in re.findall(r"^### (\d+\. .+?)\n.*?^```(\w+)\n(.*?)^```", PAGE, re.M | re.S)}


@pytest.fixture(scope="module")
def house(tmp_path_factory, photo):
    """A served contest: two entries judged and decided, one category being judged, and the server."""
    folder = tmp_path_factory.mktemp("recipes")
    with app.open(folder / "data") as c:
        c.change_contest(name="Ink Days")
        for name in ("Sleeve", "Back", "Leg"):
            c.add_category(name, places=2)
        judge = c.invite("Ana")["judge"]["id"]
        c.invite("Ben")
        for category, who in (("sleeve", "Zoë"), ("sleeve", "黒龍"), ("back", "Ada")):
            c.submit(photo, category, who)
        for category in ("sleeve", "back"):
            c.start_judging(category)
        criteria = [each["id"] for each in c.categories()[0]["criteria"]]
        for entry, mark in ((101, 9), (102, 8)):
            c.give_sheet(entry, judge, dict.fromkeys(criteria, mark))
        c.close_judging("sleeve")
        c.decide_winners("sleeve", [[101], [102]], "Ben was ill")
    running = Server(folder / "data").start()
    running.picture = photo
    yield running
    running.end()
    assert "Traceback" not in running.errors


def key(house) -> str:
    return app.Secret(house.data, app.Disk()).derive("key", "local")


@pytest.fixture
def recipe(house, tmp_path):
    """`recipe(number)` starts a recipe in a folder of its own and returns (process, folder); endless ones are ended with the test."""
    begun = []

    def start(number: int, secret: str = "") -> tuple[subprocess.Popen, Path]:
        language, code = next(each for title, each in RECIPES.items() if title.startswith(f"{number}. "))
        code = code.replace("http://127.0.0.1:8000", house.url).replace("KEY", secret or key(house))
        env = {name: value for name, value in os.environ.items() if not name.startswith("CONTEST_")} | {"PYTHONPATH": str(TOP), "PYTHONUNBUFFERED": "1"}
        if language == "sh":
            env["CONTEST_DATA"] = str(house.data)
            (tmp_path / "contest.py").write_text(f"#!/bin/sh\nexec {sys.executable} {TOP}/contest.py \"$@\"\n")
            (tmp_path / "contest.py").chmod(0o700)
            env["PATH"] = f"{tmp_path}:{env['PATH']}"
        arguments = ["sh", "-e", "-c", code] if language == "sh" else [sys.executable, "-c", code]
        begun.append(subprocess.Popen(arguments, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return begun[-1], tmp_path

    yield start
    for child in begun:
        child.kill()
        child.communicate()


def ended(child: subprocess.Popen, code: int = 0) -> str:
    """What a recipe printed that has come to its end."""
    out, err = child.communicate(timeout=40)
    assert child.returncode == code, err
    return out


def until(found) -> None:
    deadline = time.monotonic() + 15
    while not found():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def stopped(child: subprocess.Popen) -> None:
    """End an endless recipe as Ctrl-C does; nothing else may have gone wrong in it."""
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=15)
    assert err.rstrip().endswith("KeyboardInterrupt"), err


def says(path: Path, text: str) -> bool:
    return path.exists() and path.read_text("utf-8") == text


def test_there_are_ten_recipes_and_each_has_its_test_here():
    assert [title.partition(".")[0] for title in RECIPES] == [str(number) for number in range(1, 11)]
    source = Path(__file__).read_text("utf-8")
    assert all(f"recipe({number}" in source for number in range(1, 11))


def test_the_overlay_and_the_lights_follow_the_reveal_and_a_second_start_gives_no_cue_twice(house, recipe):
    c = app.Client(house.url, key(house))
    host = c.add_key("Stream", "host")["secret"]
    overlay, folder = recipe(1, host)
    lights, _ = recipe(2, host)
    until(lambda: (folder / "cursor.json").exists() and says(folder / "overlay.txt", ""))
    c.reveal("sleeve", 0)
    c.reveal("sleeve", 1)
    until(lambda: says(folder / "overlay.txt", "2. 黒龍") and says(folder / "cues.txt", "place 2\n"))
    stopped(lights)
    c.reveal("sleeve", 2)
    lights, _ = recipe(2, host)
    until(lambda: says(folder / "overlay.txt", "1. Zoë") and says(folder / "cues.txt", "place 2\nplace 1\n"))
    c.screen("message", "Back at five")
    until(lambda: says(folder / "overlay.txt", "Back at five"))
    stopped(overlay)
    stopped(lights)


def test_the_export_of_the_night_leaves_its_files(house, recipe):
    child, folder = recipe(3)
    ended(child)
    there = {path.name: path for path in (folder / "nightly").iterdir()}
    assert {"contest.json", "entries.csv", "verified.json"} < set(there) and any(name.endswith(".zip") for name in there)
    assert json.loads(there["verified.json"].read_text())["ok"] and "Zoë" in there["entries.csv"].read_text("utf-8-sig")


def test_the_answers_of_a_form_are_entered_or_none_of_them(house, recipe, tmp_path):
    c = app.Client(house.url, key(house))
    (tmp_path / "form").mkdir()
    (tmp_path / "form" / "rose.jpg").write_bytes(house.picture.read_bytes())
    head = "When;Your name;Who made it;Which category?;Photo (file)\n"
    (tmp_path / "form" / "answers.csv").write_bytes((head + "5.6.;Jörg;Marta;Leg;rose.jpg\n5.6.;Eve;Jo;Arm;rose.jpg\n").encode("latin-1"))
    assert "no_such_category" in ended(recipe(4)[0], 1) and c.entries("leg") == []
    (tmp_path / "form" / "answers.csv").write_bytes((head + "5.6.;Jörg;Marta;Leg;rose.jpg\n").encode("latin-1"))
    ended(recipe(4)[0])
    ended(recipe(4)[0])
    assert [(entry["collector"], entry["artist"]) for entry in c.entries("leg")] == [("Jörg", "Marta")]


def test_a_label_is_made_for_each_entry_that_comes(house, recipe):
    c = app.Client(house.url, key(house))
    child, folder = recipe(5, c.add_key("Labels", "desk")["secret"])
    made: list[int] = []

    def printed() -> bool:
        made.append(c.submit(house.picture, "leg", f"Collector {len(made)}")["number"])
        return any((folder / f"label-{number}.png").exists() for number in made)
    until(printed)      # those that came before the script listened have none
    until(lambda: (folder / f"label-{made[-1]}.png").exists())
    stopped(child)


def test_two_contests_are_served_at_once(recipe):
    lines = ended(recipe(6)[0]).splitlines()
    assert [line.split()[1] for line in lines] == ["Saturday", "Rehearsal"] and len({line.split()[0] for line in lines}) == 2


def test_last_years_contest_is_copied_without_anybody_who_entered(house, recipe, tmp_path):
    (tmp_path / "data").symlink_to(house.data)
    printed = ended(recipe(7)[0])
    assert "Sleeve" in printed and "Ana" in printed and "Zoë" not in printed
    with app.open(tmp_path / "next-year") as new:
        assert new.contest()["name"] == "Ink Days" and len(new.categories()) == 3 and new.entries() == []


def test_a_contest_is_archived_and_read_back(house, recipe, tmp_path):
    with app.open(tmp_path / "data") as c:
        c.add_category("Sleeve")
        c.submit(house.picture, "sleeve", "Zoë")
    assert ended(recipe(8)[0]).startswith("1 entries, up to ")
    assert {"2026.zip", "contest.json", "winners.csv"} < {path.name for path in tmp_path.iterdir()}


def test_each_judge_gets_a_card(house, recipe):
    child, folder = recipe(9)
    assert ended(child).splitlines() == ["j1 Ana", "j2 Ben"] and (folder / "card-j1.svg").read_text().startswith("<?xml")


def test_who_still_has_to_judge_is_told(house, recipe):
    assert ended(recipe(10)[0]).splitlines() == ["Ana: 1 to go", "Ben: 1 to go"]
