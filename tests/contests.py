"""Contests for tests, made and told in few words.

    state = contest(entries=2, judges=3)
    state = tap(state, "j1", 101, 8)
"""

import itertools

import contest as app

PHOTO = {"large": "0" * 32 + "-large.jpg", "thumb": "0" * 32 + "-thumb.webp", "stencil": "0" * 32 + "-stencil.webp",
         "width": 1600, "height": 2000, "sha256": {"large": "a", "thumb": "b", "stencil": "c"}}
CRITERIA = [{"id": "technique", "name": "Technique", "weight": 1}, {"id": "style", "name": "Style", "weight": 1}]
_ids = itertools.count()


def photo(number: int) -> dict:
    """A photo's record with names of its own; there are no files behind it."""
    return {k: (v.replace("0" * 32, f"{number:032x}") if isinstance(v, str) else v) for k, v in PHOTO.items()}


def command(kind, by="admin", at=1_790_000_000_000, id="", **values):
    """A command as the edge makes it."""
    return kind(**values, by=by, at=at, id=id or f"id-{next(_ids):08d}")


def done(state: app.State, order) -> tuple[app.State, app.Fact | None]:
    """The state after a command, and the fact; the fact is None where nothing changed."""
    events = app.decide(state, order)
    if not events:
        return state, None
    fact = app.Fact(state.seq + 1, state.seq + 1, order.at, type(order).__name__, order.by, order.id, order.body, events)
    return app.fold(state, fact), fact


def do(state: app.State, kind, by="admin", /, **values) -> app.State:
    return done(state, command(kind, by, **values))[0]


def contest(entries=3, judges=3, criteria=CRITERIA, stage="judging", places=3, **fields) -> app.State:
    """One category, "sleeve", with entries 101, 102, ... and judges j1, j2, ..., judged or not. fields: more of the category's."""
    state = do(app.State(epoch="e" * 32), app.AddCategory, fields={"name": "Sleeve", "criteria": criteria, "places": places} | fields)
    for number in range(judges):
        state = do(state, app.InviteJudge, fields={"name": f"Judge {number + 1}", "role": "judge"})
    for number in range(entries):
        state = enter(state, number)
    if stage != "open":
        state = do(state, app.StartJudging, category="sleeve")
    return state


def enter(state: app.State, number: int, category="sleeve", by="public", **more) -> app.State:
    fields = {"category": category, "collector": f"Zoë {number}", "artist": f"Marta {number}", "title": f"Rose {number}",
              "studio": f"Studio {number}", "phone": f"+49-555-{number}", "consent": True, "adult": True} | more
    return do(state, app.SubmitEntry, by, fields=fields, photos=[photo(number)])


def marks(value, state=None, category="sleeve") -> dict:
    """The same mark for every criterion, or the marks given."""
    if isinstance(value, dict):
        return value
    criteria = state.categories[category].criteria if state else [app.Criterion(**c) for c in CRITERIA]
    return {c.id: value for c in criteria}


def tap(state: app.State, judge: str, entry: int, value) -> app.State:
    """A judge's whole sheet for an entry."""
    now = state.after.get(entry, {}).get(judge) or state.sheets.get(entry, {}).get(judge)
    return do(state, app.GiveSheet, f"judge:{judge}", entry=entry, judge=judge, marks=marks(value, state), note="",
              base=now.seq if now else None)


def deal(state: app.State, judge: str, entries: list[int], category="sleeve") -> app.State:
    """A judge's tokens or ranking for a category, as its method says."""
    now = app.newest_hand(state, category, judge)
    more = {"category": category, "judge": judge, "base": now.seq if now else None}
    if state.categories[category].method == "tokens":
        return do(state, app.GiveTokens, f"judge:{judge}", entries=entries, **more)
    return do(state, app.GiveRanking, f"judge:{judge}", order=entries, **more)


def judged(state: app.State, values) -> app.State:
    """Sheets of all judges: {entry: [mark of j1, mark of j2, ...]}; None: not judged."""
    for entry, row in values.items():
        for number, value in enumerate(row, 1):
            if value is not None:
                state = tap(state, f"j{number}", entry, value)
    return state
