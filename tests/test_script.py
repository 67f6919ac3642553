"""The Python face: the same verbs on a folder and over HTTP, keys for scripts, following, importing, serving from a cell."""

import contest as app
from tests.client import Http


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
        kept = c._ask("POST", "/api/keys", {"name": "Lights", "role": "host"})["key"]
        name = c.backup()
        c._ask("DELETE", f"/api/keys/{kept['id']}")
        later = c._ask("POST", "/api/keys", {"name": "Later", "role": "admin"})["key"]
        c.restore(name)
    with app.open(tmp_path / "data") as c:
        assert [(key["id"], key["revoked"]) for key in c._ask("GET", "/api/keys")["keys"]] == [(kept["id"], True)]
        newest = c._ask("POST", "/api/keys", {"name": "New", "role": "desk"})["key"]
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
