"""The Python face: the same verbs on a folder and over HTTP, keys for scripts, following, importing, serving from a cell."""

import concurrent.futures
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

import contest as app
from contest import FolderInUse, Refused, Unreachable, UsageError
from tests.client import Http
from tests.room import eventually
from tests.server import TOP


def client_of(server) -> app.Client:
    """The verbs over HTTP, with the key of whoever can read the folder."""
    return app.Client(server.url, app.Secret(server.data, app.Disk()).derive("key", "local"))


# The same verbs, the same results.

def told(c, photo) -> list:
    """A whole contest by every kind of verb; everything that was returned, and the code of all that was refused."""
    said = []

    def say(verb: str, *given, **fields):
        try:
            said.append((verb, getattr(c, verb)(*given, **fields)))
        except Refused as no:
            said.append((verb, no.code, no.status, no.text, no.extra))
        return said[-1][1]

    say("change_contest", name="Ink Days")
    for method in ("points", "tokens", "ranking"):
        say("add_category", f"By {method}", method=method, tokens=1)
    say("change_category", "by-points", places=2)
    judges = [say("invite", name)["judge"]["id"] for name in ("Ana", "Ben")]
    say("invite", "Desk", "desk")
    for category, who in itertools.product(("by-points", "by-tokens", "by-ranking"), ("Zoë", "黒龍")):
        say("submit", photo, category, who, artist="Marta", at_show=True, id=f"row-{category}-{len(who)}")
    say("submit", photo, "by-points", "Zoë", artist="Marta", at_show=True, id="row-by-points-3")
    say("submit", photo, "no-such", "Zoë")
    say("submit", photo, "by-points", "Zoë", phone=70 * "1")
    say("submit", photo, "by-points", "Zoë", id="short")
    say("submit", photo.with_name("gone.jpg"), "by-points", "Zoë")
    say("submit", Path(__file__), "by-points", "Zoë")
    say("add_photo", 101, photo)
    say("change_entry", 101, title="Koi", size_cm=12.5)
    for verb in ("check_in", "call", "no_show", "reinstate", "hide", "show"):
        say(verb, 102)
    say("check_in", 999)
    say("call", "abc")
    for category in ("by-points", "by-tokens", "by-ranking"):
        say("start_judging", category)
    marks = dict.fromkeys([each["id"] for each in c.categories()[0]["criteria"]], 8)
    for entry, judge in itertools.product((101, 102), judges):
        say("give_sheet", entry, judge, marks)
    say("give_sheet", 101, judges[0], {"technique": 11})
    say("give_sheet", 101, judges[0], marks, base=1)
    say("recuse", 102, judges[0], True, reason="his brother")
    say("recuse", 102, judges[0], False, reason="not his brother")
    say("give_tokens", "by-tokens", judges[0], [103])
    say("give_tokens", "by-tokens", judges[1], [104])
    say("give_ranking", "by-ranking", judges[0], [106, 105])
    for category in ("by-points", "by-tokens", "by-ranking"):
        say("close_judging", category)
    say("call_run_off", "by-tokens", [103, 104])
    say("vote", "r1", judges[0], 104)
    say("close_run_off", "r1")
    say("decide_tie", "by-points", [[102], [101]], "the line work")
    for category in ("by-points", "by-tokens", "by-ranking"):
        say("standings", category)
    say("standings", "by-points", what_if=True)
    say("standings", "")
    say("decide_winners", "by-points", [[102], [101]])
    say("decide_winners", "by-tokens", [[103]])
    for step in (0, 1, 2, 3, 7):
        say("reveal", "by-points", step)
    say("absent", "by-points", 102)
    say("correct", "by-points", [[101], [102]], "counted anew")
    say("screen", "message", "Back at five")
    say("stage", 105)
    say("add_category", "Small")
    say("merge", "small", "by-points", "too few")
    say("delete_category", "small")
    say("reopen", "by-ranking", "one was forgotten")
    say("add_key", "Lights", "host")
    say("revoke_key", "k9")
    for verb in ("state", "contest", "categories", "judges", "keys", "entries", "sheets", "winners", "feed", "log", "backups"):
        say(verb)
    say("entries", "by-tokens")
    say("erase", 105)
    return said


def without_chance(said: list, address: str) -> str:
    """What was said, without what differs between two contests: clocks, addresses, random names, hashes and keys."""
    text = json.dumps(said, default=str, ensure_ascii=False).replace(address, "ADDRESS")
    text = re.sub(r'"(at|seconds|generation|width|height|e|h|epoch|hash|id|secret|link|body)": ("[^"]*"|[0-9.]+)', r'"\1": 0', text)
    text = re.sub(r"[0-9a-f]{32}(-\w+\.\w+)?|[0-9a-f]{64}", "RANDOM", text)
    return re.sub(r"(join|mine)/[\w-]+", r"\1/LINK", text)


def test_the_same_verbs_say_the_same_on_a_folder_over_http_and_beside_a_cell(tmp_path, server, photo):
    with app.open(tmp_path / "folder") as c:
        local = without_chance(told(c, photo), c._server.site.address)
    one = server(env={"CONTEST_HOST": "0.0.0.0"})
    over_http = without_chance(told(client_of(one), photo), client_of(one).contest()["address"])
    with app.serve(tmp_path / "served", port=0) as serving:
        in_a_cell = without_chance(told(serving.contest, photo), serving.server.site.address)
        serving.contest.close()
    def lines(text):
        return re.sub(r"(\], \[)", r"\1\n", text).splitlines()
    assert lines(local) == lines(over_http)
    assert lines(local) == lines(in_a_cell)
    assert len(local) > 30_000 and local.count('"category_not_empty"') == 0 and '"conflict"' in local and '"bad_mark"' in local


def test_every_route_is_a_verb_a_way_of_its_own_or_a_pages(tmp_path):
    assert {verb.name for verb in app.VERBS.values()} <= set(dir(app.Client))
    for route in app.ROUTES:
        made = app._verb_of(route)
        assert made.name.isidentifier() and (made.name in app.VERBS or route.path in app._OWN_WAYS or "/mine/" in route.path), route.path
    names = [app._verb_of(route).name for route in app.ROUTES]
    assert len(app.VERBS) == len([route for route in app.ROUTES if route.path not in app._OWN_WAYS and "/mine/" not in route.path]), names


def test_a_verb_is_called_like_any_function_and_says_what_it_takes(tmp_path):
    import inspect
    assert str(inspect.signature(app.Client.decide_winners)) == "(self, category, places, reason=None, **fields)"
    assert "PUT /api/winners/<category>" in app.Client.decide_winners.__doc__
    with app.open(tmp_path / "data") as c:
        with pytest.raises(TypeError, match="missing a required argument: 'reason'"):
            c.disqualify(101)
        with pytest.raises(Refused) as no:
            c.add_category("Sleeve", colour="red")
        assert (no.value.code, no.value.extra) == ("unknown_field", {"field": "colour"})
    with pytest.raises(UsageError, match="was closed"):
        c.state()


def test_a_server_that_nobody_runs_is_unreachable_and_a_foreign_page_is_no_contest():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(Unreachable, match="does not answer") as lost:
        app.Client(free, "k", patience_seconds=0).state()
    assert lost.value.exit_code == 69


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://localhost", "http://", "http:// a", "file:///etc/passwd"])
def test_what_is_no_address_of_a_server_is_said(url):
    with pytest.raises(app.UsageError, match="no address of a server"):
        app.Client(url, "k")


def test_a_command_whose_answer_is_lost_is_sent_again_under_its_id_and_happens_once(server):
    one = server()
    through = app.Client(one.url, client_of(one)._key)
    opened, asked = through._opened, []

    def lose_the_first(*given):
        asked.append(given)
        answer = opened(*given)
        if len(asked) == 1:
            answer.close()
            raise Unreachable("the answer was lost")
        return answer
    through._opened = lose_the_first
    assert through.add_category("Sleeve")["id"] == "sleeve"
    assert len(asked) == 2 and len(through.categories()) == 1


# Rows.

def test_rows_print_as_a_table_show_their_thumbnails_and_become_a_frame(tmp_path, photo):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    with app.open(tmp_path / "data") as c:
        c.add_category("Sleeve")
        c.submit(photo, "sleeve", "黒龍 & <Zoë>")
        c.submit(photo, "sleeve", "Ada", title="Koi")
        rows = c.entries()
        lines = str(rows).splitlines()
        assert lines[0].split()[:3] == ["number", "category", "state"] and len(lines) == 3
        widths = {app._width(line[:line.index(name)]) for line, name in zip(lines, ("collector", "黒龍", "Ada"))}
        assert len(widths) == 1 and "photo" not in lines[0].split()
        shown = rows._repr_html_()
        assert shown.count("data:image/webp;base64,") == 2 and "&lt;Zoë&gt;" in shown and "<Zoë>" not in shown
        assert c.standings("sleeve")._repr_html_() == "<p>(none)</p>" and str(c.standings("sleeve")) == "(none)"
        assert c.standings("sleeve").answer["unranked"]
        frame = rows.to_frame()
        assert isinstance(frame, pandas.DataFrame) and list(frame["collector"]) == ["黒龍 & <Zoë>", "Ada"]
        assert rows == list(rows) and json.loads(json.dumps(rows)) == rows


def test_rows_are_a_table_of_whatever_they_hold_and_ask_for_pandas_by_name(monkeypatch):
    rows = app.Rows([{"name": "黒龍 " + 60 * "é", "score": 8.50, "judge": None, "panel": [], "ok": True}, {"name": "A\u0301da\n", "score": None, "ok": False, "of": {"a": 1}}])
    head, first, second = str(rows).splitlines()
    assert head.split() == ["name", "score", "ok", "of"] and first.split()[-2:] == ["8.5", "yes"] and second.split() == ["A\u0301da", "a", "1"]
    assert app._width(head[:head.index("score")]) == app._width(first[:first.index("8.5")]) == 67
    assert "<img" not in rows._repr_html_() and rows._repr_html_().count("<tr>") == 3
    monkeypatch.setitem(sys.modules, "pandas", None)  # as where it is not installed
    with pytest.raises(UsageError, match="pip install pandas"):
        rows.to_frame()


# Beside a running server.

def test_a_folder_that_is_served_can_be_read_beside_it_as_it_is_now_and_writing_names_the_server(server, photo):
    one = server()
    far = client_of(one)
    far.add_category("Sleeve")
    inode = (one.data / "LOCK").stat()
    with app.open(one.data) as c:
        assert [x["id"] for x in c.categories()] == ["sleeve"]
        far.add_category("Back")
        entry = far.submit(photo, "back", "Zoë")
        assert [x["id"] for x in c.categories()] == ["sleeve", "back"]
        assert c.entries()[0]["collector"] == "Zoë" and c.photo(entry["photo"]["thumb"])[:4] == b"RIFF"
        assert c.log() == far.log() and c.standings("back").answer == far.standings("back").answer
        mine, theirs = c.state(), far.state()
        assert [mine[k] for k in "esh"] == [theirs[k] for k in "esh"] and mine["entries"] == theirs["entries"]
        for write in (lambda: c.add_category("Leg"), c.backup, c.backups, lambda: next(c.follow(mine))):
            with pytest.raises(FolderInUse, match=f"is in use by process {one.pid} .*{one.url}.*Client"):
                write()
        assert c.client().add_category("Leg")["id"] == "leg" and len(c.categories()) == 3
        name = far.backup()
        far.restore(name)
        deadline = time.monotonic() + 15
        while c.state()["e"] == mine["e"] and time.monotonic() < deadline:
            time.sleep(0.1)
        assert c.state()["e"] == client_of(one).state()["e"] != mine["e"]
    assert (one.data / "LOCK").stat().st_ino == inode.st_ino
    one.stop()
    assert one.errors == ""


def test_a_second_open_in_the_same_process_reads_and_says_who_holds_it(tmp_path):
    with app.open(tmp_path / "data") as c:
        c.add_category("Sleeve")
        with app.open(tmp_path / "data") as second:
            assert second.categories() == c.categories()
            with pytest.raises(FolderInUse, match=f"process {os.getpid()}"):
                second.add_category("Back")


# Following.

def test_following_misses_nothing_and_doubles_nothing_across_a_kill_and_a_restart(server):
    one = server()
    far, heard, ready = client_of(one), [], threading.Event()
    last = 60

    def listen() -> None:
        for item in app.Client(one.url, far._key).follow():
            heard.append(item)
            ready.set()
            if item.get("category", {}).get("name") == f"Category {last}":
                return
    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert ready.wait(15)
    for number in range(1, last + 1):
        if number == 20:
            one.kill()
            one.start()
        if number == 40:
            one.restart()
        far.add_category(f"Category {number}")
    listener.join(40)
    assert not listener.is_alive()
    named = [item["category"]["name"] for item in heard if item["event"] == "category_added"]
    assert named == [f"Category {number}" for number in range(1, last + 1)]
    assert [item["event"] for item in heard].count("reset") == 1 and heard[0]["why"] == "new"
    again = [item for item, _ in zip(far.follow(heard[30]["cursor"]), range(10))]
    assert [item["seq"] for item in again] == [item["seq"] for item in heard[31:41]]


def test_following_says_reset_where_there_would_be_a_gap(server):
    one = server(env={"CONTEST_HELD_MESSAGES": "2"})
    far = client_of(one)
    following = far.follow()
    assert next(following)["why"] == "new"
    for name in ("One", "Two", "Three"):
        far.add_category(name)
    item = next(following)
    assert (item["event"], item["why"], len(item["state"]["categories"])) == ("reset", "lapped", 3)
    name = far.backup()
    far.restore(name)
    assert next(following)["why"] == "epoch"


def test_a_hosts_key_follows_what_a_host_may_know(server):
    one = server()
    far = client_of(one)
    host = app.Client(one.url, far.add_key("Lights", "host")["secret"])
    following = host.follow()
    assert "judges" not in next(following)["state"]
    far.invite("Ana")
    far.screen("message", "Hello")
    item = next(following)
    assert (item["event"], item["screen"]["text"]) == ("screen_set", "Hello")


@pytest.mark.parametrize("role", ["host", "admin"])
def test_a_revoked_keys_follower_log_and_socket_end_at_once_and_are_told_nothing_more(server, live, role):
    one = server()
    far = client_of(one)
    key = far.add_key("Lights", role)
    script = app.Client(one.url, key["secret"])
    wire = live(one, headers={"Authorization": f"Bearer {key['secret']}"})
    wire.hello()
    following, heard = script.follow(), []
    cursor = next(following)["cursor"]
    asks = [lambda: heard.append(next(script.follow(cursor))), lambda: heard.append(next(script.follow_log(cursor["s"])))][:1 + (role == "admin")]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(ask) for ask in asks]
        eventually(lambda: Http(one, origin=None, key=client_of(one)._key).get("/api/realtime-metrics").json["running"] == 1 + len(asks))
        far.revoke_key(key["id"])
        for each in waiting:        # a poll waits up to 25 s by itself
            with pytest.raises(Refused, match="not .or no longer. good"):
                each.result(15)
    assert heard == [] and wire.wait_closed().code == app.Close.SIGNED_OUT
    with pytest.raises(Refused, match="not .or no longer. good"):
        next(following)


# Serving from a cell.

def test_a_contest_is_served_stopped_and_served_again_in_one_process_and_nothing_is_patched(tmp_path):
    before, threads = (socket.socket, threading.Thread, time.sleep), threading.active_count()
    c = app.open(tmp_path / "data")
    c.add_category("Before")
    for number in range(3):
        with app.serve(c, port=0, host="127.0.0.1") as serving:
            far = app.Client(serving.url, serving.key)
            far.add_category(f"Far {number}")
            c.add_category(f"Near {number}")
            assert [x["name"] for x in far.categories()] == [x["name"] for x in c.categories()]
            with pytest.raises(Refused) as no:
                c.start_judging("none")
            assert no.value.code == "no_such_category"
            with pytest.raises(UsageError, match="served already"):
                app.serve(c, port=0)
            assert c.save_backup(tmp_path / f"{number}.zip").stat().st_size > 100
        with pytest.raises(Unreachable):
            app.Client(serving.url, serving.key, patience_seconds=0).state()
        c.add_category(f"Between {number}")
    assert len(c.categories()) == 10
    c.close()
    assert (socket.socket, threading.Thread, time.sleep) == before and threading.active_count() == threads


def test_a_port_that_is_taken_is_said_and_the_contest_stays_open(tmp_path):
    code = ("import sys, contest; c = contest.open(sys.argv[1])\n"
            "try:\n    contest.serve(c, host='127.0.0.1', port=int(sys.argv[2]))\n"
            "except contest.UsageError as why:\n    print(why, c.add_category('Sleeve')['id'])\nc.close()")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([sys.executable, "-W", "always::ResourceWarning", "-c", code, str(tmp_path / "data"), port], cwd=TOP, capture_output=True, text=True, timeout=40)
    assert done.stdout.startswith(f"Cannot listen on 127.0.0.1 port {port}") and done.stdout.endswith("sleeve\n"), done.stderr
    assert "ResourceWarning" not in done.stderr, done.stderr


def test_a_metrics_port_that_is_taken_gives_the_first_port_back(tmp_path):
    """The contest is served from a cell, which goes on: what was opened for it must be shut in order, not when the collector comes by."""
    code = ("import contest, sys\n"
            "try:\n    contest.serve(sys.argv[1], host='127.0.0.1', port=0, metrics_port=int(sys.argv[2]))\n"
            "except contest.UsageError as why:\n    print(why)")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([sys.executable, "-W", "always::ResourceWarning", "-c", code, str(tmp_path / "data"), port], cwd=TOP, capture_output=True, text=True, timeout=40)
    assert done.stdout == f"Cannot listen on 127.0.0.1 port {port}: Address already in use.\n", done.stderr
    assert "ResourceWarning" not in done.stderr, done.stderr


def test_a_restore_in_a_served_cell_takes_effect_by_itself(tmp_path):
    with app.serve(tmp_path / "data", port=0, host="127.0.0.1") as serving:
        far = app.Client(serving.url, serving.key)
        name = far.backup()
        far.add_category("Later")
        far.restore(name)
        deadline = time.monotonic() + 15
        while far.categories() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert far.categories() == [] == serving.contest.categories()
    serving.contest.close()


def test_a_ctrl_c_while_the_serving_ends_waits_for_its_end_and_a_second_one_does_not():
    said = []

    def wait() -> None:
        said.append("waits")
        if len(said) in (1, 3, 4):
            raise KeyboardInterrupt
        said.append("ended")
    with pytest.raises(KeyboardInterrupt):
        app._through_one_interrupt(wait)
    assert said == ["waits", "waits", "ended"]
    said[:] = ["begun", "begun"]
    with pytest.raises(KeyboardInterrupt):
        app._through_one_interrupt(wait)
    assert said == ["begun", "begun", "waits", "waits"]


@pytest.mark.parametrize("end", ["", "import signal; signal.raise_signal(signal.SIGINT)", "raise SystemExit(3)"])
def test_an_interpreter_that_ends_while_it_serves_ends_cleanly(tmp_path, end):
    code = ("import sys, contest; s = contest.serve(sys.argv[1], port=0, host='127.0.0.1'); c = contest.Client(s.url, s.key); "
            f"c.add_category('Sleeve'); print('served', flush=True); {end}")

    def run(number: int) -> None:
        done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", code, str(tmp_path / str(number))], cwd=TOP, capture_output=True, text=True, timeout=40)
        assert done.returncode == (3 if "3" in end else -signal.SIGINT if end else 0) and done.stdout == "served\n", done.stderr
        assert "Fatal" not in done.stderr and "Segmentation" not in done.stderr
        assert (tmp_path / str(number) / "HEAD").exists(), "what stops in order notes where the log ends"

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(run, range(7)))  # in three ways: more than twenty


# Keys.

def test_a_key_is_what_its_role_is_until_it_is_revoked_and_the_log_says_which_it_was(server):
    one = server()
    admin = Http(one).login_admin()
    admin.post("/api/categories", {"name": "Sleeve"})
    made = {role: admin.post("/api/keys", {"name": f"A {role}", "role": role}).json["key"] for role in ("admin", "desk", "host")}
    assert admin.post("/api/keys", {"name": "A judge", "role": "judge"}).code == "bad_field"
    assert len({key["secret"] for key in made.values()}) == 3
    scripts = {role: Http(one, origin=None, key=key["secret"]) for role, key in made.items()}
    for role, script in scripts.items():
        assert script.get("/api/state").json["me"]["role"] == role
        assert ("keys" in script.get("/api/state").json) == (role == "admin")
    assert scripts["host"].get("/api/log").code == "not_allowed"
    assert scripts["host"].post("/api/screen", {"mode": "black"}).status == 200
    assert admin.get("/api/log?after=4").json["records"][-1]["by"] == f"host:{made['host']['id']}"
    assert admin.delete(f"/api/keys/{made['host']['id']}").json["key"]["revoked"] is True
    assert scripts["host"].get("/api/state").code == "bad_key"
    assert scripts["desk"].get("/api/state").status == 200
    one.restart()
    assert scripts["host"].get("/api/state").code == "bad_key" and scripts["admin"].get("/api/keys").status == 200


def test_a_key_revoked_after_a_backup_stays_dead_when_that_is_restored_and_none_is_given_twice(tmp_path):
    with app.open(tmp_path / "data") as c:
        kept = c.add_key("Lights", "host")
        name = c.backup()
        c.revoke_key(kept["id"])
        later = c.add_key("Later")
        c.restore(name)
    with app.open(tmp_path / "data") as c:
        assert [(key["id"], key["revoked"]) for key in c.keys()] == [(kept["id"], True)]
        newest = c.add_key("New", role="desk")
        assert newest["secret"] not in (kept["secret"], later["secret"]) and newest["id"] != later["id"]


# The log.

def test_the_log_is_read_from_any_line_on_with_names_until_they_are_erased(server, photo):
    one = server(env={"CONTEST_SEGMENT_BYTES": "200000"})
    admin = Http(one).login_admin()
    admin.post("/api/categories", {"name": "Sleeve"})
    assert admin.submit(photo, category="sleeve", collector="Zoë Núñez").status == 201
    for count in range(300):
        admin.post("/api/screen", {"mode": "message", "text": f"{count} " + 280 * "x"})
    head = admin.get("/api/log?limit=0").json["head"]
    assert head["seq"] == 302 and len(head["hash"]) == 32
    everything = admin.get("/api/log?limit=5000").json["records"]
    assert [record["seq"] for record in everything] == list(range(1, 303))
    assert everything[1]["events"][0]["collector"] == "Zoë Núñez"
    for after in (0, 1, 150, 151, 280, 301):
        assert admin.get(f"/api/log?after={after}&limit=2").json["records"] == everything[after:after + 2]
    assert admin.get("/api/log?after=302").json["records"] == []
    admin.delete("/api/entries/101/person")
    assert admin.get("/api/log?after=1&limit=1").json["records"][0]["events"][0]["collector"] == ""
    for bad in ("after=x", "limit=-1", "wait=soon"):
        assert admin.get(f"/api/log?{bad}").code == "bad_field"


# Importing.

def table(folder: Path, photo: Path, text: str, encoding: str = "utf-8", photos=("a.jpg", "b.jpg", "c.jpg")) -> Path:
    """A folder with a table and its photos."""
    folder.mkdir()
    for name in photos:
        (folder / name).write_bytes(photo.read_bytes())
    (folder / "entries.csv").write_bytes(text.encode(encoding))
    return folder


ROWS = "photo,category,collector,artist\na.jpg,Sleeve,Zoë,Marta\nb.jpg,sleeve,Núñez,\nc.jpg,SLEEVE,Ada,Jo\n"


@pytest.fixture(params=["folder", "http"])
def contest_at(request, tmp_path):
    """The verbs, on a folder and over HTTP, with a category."""
    if request.param == "folder":
        with app.open(tmp_path / "data") as c:
            c.add_category("Sleeve")
            yield c
    else:
        one = request.getfixturevalue("server")()
        c = client_of(one)
        c.add_category("Sleeve")
        yield c


def test_a_table_is_entered_in_its_order_and_a_second_run_enters_nothing_twice(contest_at, photo, tmp_path):
    c, told = contest_at, []
    folder = table(tmp_path / "in", photo, ROWS)
    report = c.import_entries(folder, tell=lambda *step: told.append(step))
    assert report.answer == {"new": 3, "known": 0, "refused": 0, "held back": 0} and str(report).splitlines()[1].split() == ["2", "new", "101", "a.jpg", "Sleeve", "Zoë"]
    assert [(row["row"], row["status"], row["entry"]) for row in report] == [(2, "new", 101), (3, "new", 102), (4, "new", 103)]
    assert told[-1] == ("entries", 3, 3) and ("photos", 3, 3) in told
    assert [(e["collector"], e["artist"]) for e in c.entries()] == [("Zoë", "Marta"), ("Núñez", ""), ("Ada", "Jo")]
    with (folder / "entries.csv").open("a") as file:
        file.write("a.jpg,Sleeve,Somebody new,\n")
    again = c.import_entries(folder / "entries.csv")
    assert again.answer == {"new": 1, "known": 3, "refused": 0, "held back": 0} and [row["entry"] for row in again] == [101, 102, 103, 104]


def test_one_bad_row_holds_everything_back_unless_partial_and_each_is_told_why(contest_at, photo, tmp_path):
    c = contest_at
    c.add_category("Healed", age="healed", max_per_artist=1)
    folder = table(tmp_path / "in", photo, "collector;photo;category;artist;age;consent\nZoë;a.jpg;Sleeve;;;ja\nBen;b.jpg;Ankle;;;\nCy;gone.jpg;Sleeve;;;\n"
                   "Zoë;a.jpg;Sleeve;;;\nDee;broken.jpg;Sleeve;;;\nEve;b.jpg;Healed;Jo;fresh;\nFay;b.jpg;Healed;Jo;healed;\nGus;c.jpg;Healed;Jo;healed;\n;c.jpg;Sleeve;;;\n"
                   "Hal;c.jpg;Sleeve;;;nein\n;;;;;\n")
    (folder / "broken.jpg").write_bytes(photo.read_bytes()[:2000])
    report = c.import_entries(folder)
    assert {row["row"]: row["code"] or row["status"] for row in report} == {
        2: "held back", 3: "no_such_category", 4: "photo_missing", 5: "doubled_row", 6: "photo_broken", 7: "wrong_age", 8: "held back", 9: "too_many_of_artist",
        10: "missing_field", 11: "consent_missing"}
    assert c.entries() == [] and report.answer["held back"] == 2 and "same as row 2" in report[3]["message"]
    partial = c.import_entries(folder, partial=True)
    assert partial.answer == {"new": 2, "known": 0, "refused": 8, "held back": 0}
    assert [e["collector"] for e in c.entries()] == ["Zoë", "Fay"]


@pytest.mark.parametrize("encoding, comma", [("utf-8-sig", ","), ("utf-8-sig", ";"), ("latin-1", ";"), ("cp1252", "\t"), ("utf-16", ",")])
def test_a_table_is_read_as_any_office_writes_it(tmp_path, photo, encoding, comma):
    text = 'Photo;Category;Collector;"Title; or so"\r\na.jpg;Sleeve;Zoë Núñez;x\r\n\r\nb.jpg;Sleeve;"A ""quoted"" Ärzt";y\r\n'.replace(";", comma)
    first = "Zoë’s Núñez" if encoding == "cp1252" else "Zoë Núñez"  # a quotation mark that Latin-1 has not
    rows = app.read_table(table(tmp_path / "in", photo, text.replace("Zoë Núñez", first), encoding))
    assert [(row["row"], row["collector"]) for row in rows] == [(2, first), (4, 'A "quoted" Ärzt')]


@pytest.mark.parametrize("text, says", [("photo,category\na.jpg,Sleeve\n", "no column collector; it has photo, category"), ("", "no column photo"),
                                        ("photo,Photo ,category,collector\n", "more than one column photo"), ("photo,category,collector,collector\n", "more than one column collector"),
                                        ('photo,category,collector\n"a.jpg,Sleeve,Zoë\n', "line")])
def test_a_table_without_its_columns_is_refused_whole(tmp_path, photo, text, says):
    with pytest.raises(Refused, match=says) as no:
        app.read_table(table(tmp_path / "in", photo, text))
    assert no.value.code == "bad_table"
    with pytest.raises(Refused, match="no table"):
        app.read_table(tmp_path)


def test_rows_that_no_form_should_hold_are_each_told_and_nothing_is_entered(contest_at, photo, tmp_path):
    folder = table(tmp_path / "in", photo, "photo,category,collector,title,Code,Status,Message,Extra\n"
                   'a.jpg,Sleeve,"Zoë\nNúñez",,7,done,hello,x\n'
                   "a.jpg,Sleeve,Smith,,1,2,3,4, John\n"
                   f"{300 * 'b'},Sleeve,Ben\n"
                   "large.jpg,Sleeve,Cy\n"
                   ".,Sleeve,Dee\n"
                   "entries.csv,Sleeve,Eve\n"
                   "b.jpg,Sleeve,Fay,,,,,,,,\n"
                   f"c.jpg,Sleeve,{500 * 'x'}\n")
    with (folder / "large.jpg").open("wb") as large:
        large.write(photo.read_bytes())
        large.truncate(app.Settings().photo_bytes + 1)
    report = contest_at.import_entries(folder)
    assert {row["row"]: row["code"] or row["status"] for row in report} == {
        2: "held back", 4: "bad_field", 5: "photo_missing", 6: "body_too_large", 7: "photo_missing", 8: "not_a_photo", 9: "held back", 10: "bad_field"}
    assert "John" in report[1]["message"] and contest_at.entries() == []
    assert contest_at.import_entries(folder, partial=True).answer == {"new": 2, "known": 0, "refused": 6, "held back": 0}
    assert [entry["collector"] for entry in contest_at.entries()] == ["Zoë Núñez", "Fay"]


def test_ten_thousand_rows_are_held_back_for_the_one_that_is_wrong(tmp_path, photo):
    rows = [f"a.jpg,Sleeve,Collector {number},Artist {number % 400}" for number in range(9_999)]
    folder = table(tmp_path / "in", photo, "\n".join(["photo,category,collector,artist", *rows, rows[4_000]]))
    with app.open(tmp_path / "data") as c:
        c.add_category("Sleeve")
        report = c.import_entries(folder)
        assert report.answer == {"new": 0, "known": 0, "refused": 1, "held back": 9_999} and c.entries() == []
        assert (report[-1]["row"], report[-1]["code"], report[-1]["message"]) == (10_001, "doubled_row", "The same as row 4002.")


def test_rows_get_their_numbers_in_their_order_though_a_large_photo_takes_its_time(tmp_path, photo):
    folder = table(tmp_path / "in", photo, "photo,category,collector\n" + "".join(f"{name}.jpg,Sleeve,{name}\n" for name in "abcdefghi"), photos=())
    for name in "abcdefghi":
        Image.new("RGB", (5000, 4000) if name in "ae" else (64, 48), "#a05040").save(folder / f"{name}.jpg")
    told = []
    with app.open(tmp_path / "data") as c:
        c.add_category("Sleeve")
        report = c.import_entries(folder, tell=lambda *step: told.append(step))
        assert [row["entry"] for row in report] == list(range(101, 110)) and "".join(entry["collector"] for entry in c.entries()) == "abcdefghi"
    assert [step for step in told if step[0] == "entries"] == [("entries", done, 9) for done in range(1, 10)]


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "signal.raise_signal(signal.SIGINT)"])
def test_an_import_that_is_ended_in_its_middle_is_finished_by_a_second_run(tmp_path, photo, end):
    folder = table(tmp_path / "in", photo, "photo,category,collector\n" + "".join(f"a.jpg,Sleeve,Collector {number}\n" for number in range(12)))
    code = ("import os, signal, sys, contest\nc = contest.open(sys.argv[1])\nc.add_category('Sleeve')\n"
            f"def tell(what, done, total):\n    if (what, done) == ('entries', 3):\n        {end}\nc.import_entries(sys.argv[2], tell=tell)")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "data"), str(folder)], cwd=TOP, capture_output=True, text=True, timeout=40)
    assert done.returncode in (-signal.SIGKILL, -signal.SIGINT) and "Exception ignored" not in done.stderr, done.stderr
    with app.open(tmp_path / "data") as c:
        entered = len(c.entries())
        assert entered >= 3
        assert c.import_entries(folder).answer == {"new": 12 - entered, "known": entered, "refused": 0, "held back": 0}
        assert [entry["collector"] for entry in c.entries()] == [f"Collector {number}" for number in range(12)]
    report = app.verify(tmp_path / "data")
    assert report["ok"] and (report["photos"]["stray"] == 0 or "KILL" in end)


# The command line.

@pytest.fixture
def run(capsys, monkeypatch):
    """`run(word, ..., data=folder)` is the exit code, what was printed, and what went to stderr."""
    def main(*arguments, data: Path | None = None) -> subprocess.CompletedProcess:
        for name in [name for name in os.environ if name.startswith("CONTEST_")]:
            monkeypatch.delenv(name)
        if data:
            monkeypatch.setenv("CONTEST_DATA", str(data))
        capsys.readouterr()
        code = app.main([str(word) for word in arguments])
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())
    return main


def test_every_verb_is_a_subcommand_with_json_and_help(run):
    words = app._subcommands(app._parser())
    for verb in app.VERBS.values():
        word = verb.name.replace("_", "-")
        assert word in words or verb.name == "new_setup_link", verb
        if word in words and word not in ("backup", "erase"):
            assert {"--json", "--url", "--key"} <= {flag for action in words[word]._actions for flag in action.option_strings}
    assert "standings " in run("--help").stdout and "NAME=VALUE" in run("add-category", "--help").stdout
    script = run("completion").stdout
    done = subprocess.run(["bash", "-c", f"{script}\nCOMP_WORDS=(contest.py stan); COMP_CWORD=1; _contest; echo ${{COMPREPLY[@]}}; COMP_WORDS=(contest.py log --fo); COMP_CWORD=2; _contest; echo ${{COMPREPLY[@]}}"],
                          capture_output=True, text=True, timeout=15)
    assert done.stdout.split() == ["standings", "--follow"], done.stderr


def test_a_contest_is_run_from_the_command_line_with_and_without_a_server(server, photo, tmp_path, run):
    data = tmp_path / "data"
    assert run("categories", "add", "Best Sleeve", "places=2", data=data).stdout.startswith("id           best-sleeve")
    assert json.loads(run("judges", "add", "Ana", "studio=Ink", "--json", data=data).stdout)["judge"]["studio"] == "Ink"
    imported = run("import", table(tmp_path / "in", photo, ROWS.replace("leeve", "LEEVE").replace("collector", "Your name").replace("SLEEVE", "best-sleeve").replace("sLEEVE", "Best Sleeve")),
                   "--column", "Your name=collector", "--json", data=data)
    assert [row["entry"] for row in json.loads(imported.stdout)] == [101, 102, 103] and imported.stderr == "3 new, 0 known, 0 refused, 0 held back\n"
    one = server(data)
    assert run("start-judging", "best-sleeve", "--json", data=data).returncode == 0
    criteria = json.loads(run("categories", "--json", data=data).stdout)[0]["criteria"]
    marks = json.dumps({each["id"]: 8 for each in criteria})
    for entry in (101, 102):
        assert run("give-sheet", entry, "j1", marks, data=data).returncode == 0
    rows = json.loads(run("stand", "best-sleeve", "--json", data=data).stdout)
    assert rows == client_of(one).standings("best-sleeve") and [row["entry"] for row in rows] == [101, 102]
    refused = run("give-sheet", 101, "j1", '{"technique": 99}', "--json", data=data)
    assert refused.returncode == 64 and json.loads(refused.stderr)["error"]["code"] == "bad_mark"
    key = client_of(one).add_key("Script", "desk")["secret"]
    (tmp_path / "key").write_text(key + "\n")
    far = run("check-in", 101, "--url", one.url, "--key", f"@{tmp_path / 'key'}", "--json")
    assert json.loads(far.stdout)["state"] == "checked-in", far.stderr
    assert run("judges", "--url", one.url, "--key", key).returncode == 64
    assert run("export", tmp_path / "standings.csv", data=data).returncode == 0 and (tmp_path / "standings.csv").read_bytes()


def test_words_come_in_their_order_or_by_name_and_what_is_refused_is_said_alike_everywhere(photo, tmp_path, run):
    data = tmp_path / "data"
    with app.open(data) as c:
        c.add_category("Sleeve")
        for name in ("Zoë", "Ben"):
            c.submit(photo, "sleeve", name)
        c.start_judging("sleeve")
        c.close_judging("sleeve")

    def said(*words):
        done = run(*words, "--json", data=data)
        return json.loads(done.stdout or done.stderr)
    assert said("invite", "Dora", "desk")["judge"]["role"] == said("invite", "Dan", "role=desk")["judge"]["role"] == "desk"
    assert said("decide-winners", "sleeve", "[[102],[101]]", "by lot")["reason"] == "by lot"
    for words in (("0",), ("1", "stencil"), ("step=1",), ("2", "phase=stencil")):
        assert said("reveal", "sleeve", *words)["mode"] == "reveal", words
    assert "'more' is not NAME=VALUE" in said("reveal", "sleeve", "1", "ink", "more")["error"]["message"]
    assert "[[118], [121, 130]]" in said("decide-winners", "sleeve", "102, 101")["error"]["message"]
    assert said("withdraw", "abc")["error"] == {"code": "bad_field", "message": "entry is a whole number, not 'abc'."}
    assert said("withdraw", "999")["error"]["code"] == "no_such_entry"
    if sys.platform == "linux":      # elsewhere there is no disk that is always full
        with Path("/dev/full").open("w") as full:
            lost = subprocess.run([sys.executable, str(TOP / "contest.py"), "entries", "--data", str(data)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=40)
        assert (lost.returncode, lost.stderr) == (74, "contest.py: a write failed: No space left on device\n")
    with app.open(data) as c, pytest.raises(Refused) as no:
        c.reveal("sleeve", 9)
    assert said("reveal", "sleeve", "9") == {"error": {"code": no.value.code, "message": no.value.text}}
    assert run("reveal", "sleeve", "9", data=data).stderr == f"contest.py: {no.value.text}\n"
    assert said("backup", tmp_path / "all.zip")["bytes"] == (tmp_path / "all.zip").stat().st_size
    assert [copy["where"] for copy in said("erase", "101")["copies"]] == [str(tmp_path / "all.zip")]
    assert said("setup-link")["link"].count("/setup/") == 1
    assert run("log", data=data).stdout.splitlines()[1].split()[1].count("-") == 2, "a day, not milliseconds"


def test_work_that_is_interrupted_has_not_ended_well(tmp_path):
    os.mkfifo(tmp_path / "key")
    child = subprocess.Popen([sys.executable, "contest.py", "state", "--url", "http://127.0.0.1:9", "--key", f"@{tmp_path / 'key'}"], cwd=TOP, stderr=subprocess.PIPE)
    with (tmp_path / "key").open("w"):  # opens as soon as the child reads it, which then waits for more
        child.send_signal(signal.SIGINT)
        assert child.communicate(timeout=15)[1] == b"" and child.returncode == 130


def test_the_log_is_followed_as_json_lines_across_a_restart_until_nobody_reads(server):
    one = server()
    far = client_of(one)
    far.add_category("One")
    env = {name: value for name, value in os.environ.items() if not name.startswith("CONTEST_")} | {"CONTEST_DATA": str(one.data)}
    child = subprocess.Popen([sys.executable, "contest.py", "log", "--follow", "--after", "0"], cwd=TOP, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = [json.loads(child.stdout.readline())]
        far.add_category("Two")
        one.restart()
        far.add_category("Three")
        lines += [json.loads(child.stdout.readline()) for _ in range(2)]
        assert [line["seq"] for line in lines] == [1, 2, 3] and lines[2]["events"][0]["fields"]["name"] == "Three"
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0 and child.stderr.read() == ""
    finally:
        child.kill()
        child.communicate()
    head = subprocess.run(["bash", "-c", f"'{sys.executable}' contest.py log --follow --after 0 | head -1; echo ${{PIPESTATUS[0]}}"], cwd=TOP, env=env, capture_output=True, text=True, timeout=40)
    assert head.stdout.splitlines()[1:] == ["0"] and json.loads(head.stdout.splitlines()[0])["seq"] == 1 and head.stderr == ""


def test_a_key_is_made_shown_and_revoked_on_the_settings_page(server, page_at, axe, shot):
    one = server()
    admin = Http(one).login_admin()
    page = page_at(390, 844, http=admin, locale="de")
    page.goto(one.url + "/admin#settings")
    keys = page.locator("[data-keys]")
    keys.locator("#key-name").fill("Licht")
    keys.locator("[data-do=add-key]").click()
    row = keys.locator("[data-key]")
    row.locator("summary").click()
    secret = row.locator("[data-secret]").inner_text()
    assert app.Client(one.url, secret).state()["me"]["role"] == "host"
    assert axe(page) == []
    keys.scroll_into_view_if_needed()
    shot(page, "keys-390-de")
    row.locator("[data-do=revoke-key]").click()
    page.locator("[data-confirm]").click()
    row.wait_for(state="detached")
    with pytest.raises(Refused, match="not .or no longer. good"):
        app.Client(one.url, secret).state()
