"""The stage queue, the host's phone and the rehearsal: calls that are counted, one entry on stage, screens in step."""


import re

import pytest
from playwright.sync_api import expect

import contest as app
from contest import Refused, view
from tests import demos
from tests.client import Http
from tests.contests import command, contest, do, done, enter
from tests.demos import Demo

expect.set_options(timeout=15_000)
HOST = "host:j9"


def refused(state, kind, by=HOST, **values) -> str:
    with pytest.raises(Refused) as caught:
        app.decide(state, command(kind, by, **values))
    return caught.value.code


def call(state, entry: int, number: int = 0, by: str = HOST):
    return do(state, app.CallEntry, by, entry=entry, call=number)


def put(state, entry: int | None, follow: bool = True):
    return do(state, app.CallToStage, HOST, entry=entry, follow=follow)


def stands(state, entry: int) -> tuple[str, int, bool]:
    """An entry's state, how often it was called, whether it has been on stage."""
    return state.entries[entry].state, state.entries[entry].calls, state.entries[entry].been


# Calls.

def test_an_entry_is_called_three_times_and_no_more():
    state = contest(entries=2)
    for made in (1, 2, 3):
        state = call(state, 101)
        assert stands(state, 101) == ("called", made, False)
    assert refused(state, app.CallEntry, entry=101, call=0) == "no_more_calls"
    assert refused(state, app.CallEntry, entry=101, call=4) == "bad_field"
    assert stands(state, 102) == ("registered", 0, False)


def test_two_hosts_who_tap_the_same_call_call_once_and_none_is_skipped():
    state = call(contest(), 101, 1)
    assert done(state, command(app.CallEntry, HOST, entry=101, call=1))[1] is None
    assert refused(state, app.CallEntry, entry=101, call=3) == "call_skipped"
    assert stands(call(state, 101, 2), 101) == ("called", 2, False)


def test_a_category_is_called_as_a_whole_without_those_who_are_out_or_have_been():
    state = contest(entries=4, stage="open")
    state = do(put(put(state, 101), None), app.SetEntryState, entry=102, state="withdrawn", reason="")
    state = do(state, app.CallCategory, HOST, category="sleeve", call=1)
    assert [state.entries[n].state for n in (101, 102, 103, 104)] == ["checked-in", "withdrawn", "called", "called"]
    assert done(state, command(app.CallCategory, HOST, category="sleeve", call=1))[1] is None
    late = do(enter(state, 5, by="admin"), app.CallCategory, HOST, category="sleeve", call=2)
    assert {n: late.entries[n].calls for n in (103, 104, 105)} == {103: 2, 104: 2, 105: 2}
    assert refused(state, app.CallCategory, category="sleeve", call=3) == "call_skipped"
    for number in (2, 3):
        state = do(state, app.CallCategory, HOST, category="sleeve", call=number)
    assert refused(state, app.CallCategory, category="sleeve", call=0) == "no_more_calls"


def test_who_did_not_come_returns_by_the_desk_not_by_the_host_and_is_called_anew():
    state = do(call(call(contest(), 101), 101), app.SetEntryState, HOST, entry=101, state="no-show", reason="")
    assert stands(state, 101) == ("no-show", 2, False)
    assert refused(state, app.CallEntry, entry=101, call=0) == "not_allowed"
    back = do(state, app.SetEntryState, "desk:j8", entry=101, state="checked-in", reason="")
    assert stands(back, 101) == ("checked-in", 0, False) and stands(call(back, 101), 101) == ("called", 1, False)


# The stage.

def test_one_entry_is_on_stage_and_the_one_before_it_has_been_there():
    state = put(put(call(contest(), 101), 101), 102)
    assert stands(state, 101)[::2] == ("checked-in", True) and stands(state, 102)[::2] == ("on-stage", True)
    state = put(state, None)
    assert not [e for e in state.entries.values() if e.state == "on-stage"] and state.stage == app.Stage(None, True)
    assert stands(call(put(state, 103), 103), 103) == ("called", 1, False)      # put there by mistake: back into the line


def test_the_same_entry_put_on_stage_twice_has_one_effect_and_the_switch_has_one():
    state = put(contest(), 101)
    assert done(state, command(app.CallToStage, HOST, entry=101, follow=True))[1] is None
    switched = put(state, 101, follow=False)
    assert switched.stage == app.Stage(101, False) and stands(switched, 101) == stands(state, 101)


def test_next_are_the_called_by_number_then_the_others_and_nobody_who_is_out_or_has_been():
    state = call(call(put(contest(entries=5), 103), 105), 102)
    def order(state):
        found = []
        while (number := app.next_on_stage(state)) and number not in found:
            found.append(number)
            state = put(state, number)
        return found
    assert order(state) == [105, 102, 104, 101]
    assert order(do(state, app.SetEntryState, entry=105, state="no-show", reason="")) == [102, 104, 101]
    assert app.next_on_stage(put(state, None)) is None
    assert order(do(state, app.ChangeContest, fields={"wall": "checked-in"})) == [105, 102]     # the others, nobody was told of


@pytest.mark.parametrize("channel", ["public", "judge", "desk", "host"])
def test_stage_screen_and_next_are_the_same_for_everybody_without_a_name(channel):
    state = do(put(contest(), 101), app.SetScreen, HOST, mode="stage", text="")
    assert view(state, channel, "stage") == {"entry": 101, "follow": True, "next": 102}
    shown = view(state, channel, "screen")
    assert shown["mode"] == "stage" and shown["next"] == 102 and shown["entry"]["number"] == 101 and "Zoë" not in str(shown)


def test_a_winner_who_goes_on_to_the_best_of_show_is_called_there_anew():
    state = put(put(call(contest(entries=1), 101), 101), None)
    for kind, more in ((app.CloseJudging, {}), (app.DecideWinners, {"places": [[101]], "reason": "so"}), (app.AnnounceCategory, {})):
        state = do(state, kind, category="sleeve", **more)
    state = do(state, app.AddCategory, fields={"name": "Best", "from": ["sleeve"]})
    state = do(state, app.StartJudging, category="best")
    assert stands(state, 102) == ("checked-in", 0, False)


def test_a_log_of_before_the_calls_were_counted_reads_as_one_call():
    state = do(contest(), app.SetEntryState, entry=101, state="called", reason="")
    assert stands(state, 101) == ("called", 1, False)


# The rehearsal.

def rehearse(state, number: int, phase: str = "ink"):
    return do(state, app.StepRehearsal, HOST, step=number, phase=phase)


def test_a_rehearsal_goes_through_every_phase_and_tells_of_nobody():
    state, seen = contest(), []
    for number, phase in ((0, "ink"), (1, "stencil"), (1, "ink"), (2, "stencil"), (2, "ink"), (3, "stencil"), (3, "ink"), (4, "ink")):
        state = rehearse(state, number, phase)
        shown = view(state, "public", "screen")
        seen.append((shown.pop("mode"), shown.pop("phase"), shown.pop("place", None)))
        assert not shown and view(state, "host", "screen")["steps"] == 4
    assert [s[1:] for s in seen] == [("slate", None), ("stencil", 3), ("ink", 3), ("stencil", 2), ("ink", 2), ("stencil", 1), ("ink", 1), ("hold", None)]
    assert not state.decisions and {c.state for c in state.categories.values()} == {"judging"}
    assert refused(state, app.StepRehearsal, step=5, phase="ink") == "bad_field"


def test_a_rehearsal_knows_no_decision_and_leaves_the_reveal_where_it_stood():
    state = do(contest(), app.CloseJudging, category="sleeve")
    state = do(state, app.DecideWinners, category="sleeve", places=[[101], [102]], reason="so")
    state = do(state, app.StepReveal, HOST, category="sleeve", step=0, phase="ink")
    assert refused(state, app.StepRehearsal, step=0, phase="ink") == "reveal_begun"      # it would take the slate off the screen
    held = do(state, app.SetScreen, HOST, mode="wall", text="")
    after, fact = done(held, command(app.StepRehearsal, HOST, step=3, phase="ink"))
    assert after.decisions == held.decisions and {type(e) for e in fact.events} == {app.RehearsalStepped}
    told = app.frames(held, after, fact)
    assert {m["d"]["screen"]["mode"] for messages in told.values() for m in messages} == {"rehearsal"}
    back = do(after, app.SetScreen, HOST, mode="reveal", text="")
    assert view(back, "public", "screen") == view(state, "public", "screen")
    begun = do(do(state, app.StepReveal, HOST, category="sleeve", step=1, phase="ink"), app.SetScreen, HOST, mode="black", text="")
    assert refused(begun, app.StepRehearsal, step=0, phase="ink") == "reveal_begun"      # black, in the middle of it
    done_ = do(do(begun, app.StepReveal, HOST, category="sleeve", step=2, phase="ink"), app.SetScreen, HOST, mode="wall", text="")
    assert rehearse(done_, 0).screen.mode == "rehearsal"


# In the browser: hosts' phones, screens, a collector's page.

PHONE, SCREEN = (390, 844), (1280, 720)


@pytest.fixture
def hall(server, tmp_path):
    """A running demo with a hand for the category that is judged and the one that is closed."""
    return Demo(server(demos.copy(tmp_path / "data")))


def opened(page_at, hall, path: str, ready: str, size=PHONE, **options):
    page = page_at(*size, **options)
    page.goto(path if path.startswith("http") else hall.url + path)
    page.locator(ready).first.wait_for()
    page.locator("[data-status=live]").first.wait_for(state="attached")
    return page


def hosts(page_at, hall, count: int = 2) -> list:
    return [opened(page_at, hall, hall.link("Ambrose"), ".remote") for _ in range(count)]


def told(hall, kind: str) -> list[dict]:
    return [{k: v for k, v in event.items() if k not in ("id", "at", "type")} for event in demos.events(hall.server.data, kind)]


@pytest.mark.seconds(120)
def test_two_hosts_bring_a_category_over_the_stage(hall, page_at, photo):
    category = hall.category("open")
    made = Http(hall.server).submit(photo, category=category, collector="Ōtani 大谷").json
    line = [*hall.entries(category)]
    one, other = hosts(page_at, hall)
    expect(one.get_by_text("No screen is connected")).to_be_visible()
    screen = opened(page_at, hall, "/display", ".scene", SCREEN)
    mine = opened(page_at, hall, hall.url + "/mine/" + made["mine"].rpartition("/")[2], "[data-entry]:not([hidden])")
    for phone in (one, other):
        phone.locator("[data-tab=stage]").click()
        phone.get_by_label("Line-up of").select_option(category)
    row = lambda phone, number: phone.locator(f".queue-row[data-entry='{number}']")
    one.locator("[data-key=call-all]").click()
    for phone in (one, other):
        expect(row(phone, line[-1]).locator(".queue-stands")).to_have_text("Called once")
        expect(phone.locator("[data-key=call-all]")).to_have_text("Call the category, 2nd time")
    expect(one.locator(".remote-screens")).to_have_text("1 screen connected")
    expect(one.get_by_text("No screen is connected")).to_have_count(0)
    expect(mine.locator("[data-state]")).to_have_text("Your category is called")
    row(other, line[-1]).locator("summary").click()
    row(other, line[-1]).get_by_role("button", name="2nd call").click()
    expect(mine.locator("[data-state]")).to_have_text("Second call for you")
    for at, number in enumerate(line[:2]):
        expect(one.locator("[data-key=next]")).to_have_text(f"On stage: {number}")
        one.locator("[data-key=next]").click()
        expect(screen.locator(".scene:not([data-going]):not([data-coming]) .stage-number [aria-hidden]")).to_have_text(str(number))
        expect(screen.locator(".scene:not([data-going]):not([data-coming]) .stage-next")).to_have_text(f"Next: {line[at + 1]}")
        expect(other.locator(".queue-now")).to_have_text(f"Entry {number} on stage")
    expect(row(other, line[0]).locator(".queue-stands")).to_have_text("Has been on stage")
    assert "Ōtani" not in screen.content() and hall.state(hall.seat("黒田"))["stage"] == {"entry": line[1], "follow": True, "next": line[2]}
    one.get_by_label("Judges' phones follow the stage").uncheck()
    expect(other.get_by_label("Judges' phones follow the stage")).not_to_be_checked()
    absent = row(one, line[2])
    absent.locator("summary").click()
    absent.get_by_role("button", name="Not here").click()
    assert hall.state()["entries"][0] and not [e for e in told(hall, "EntryStateChanged") if e == {"entry": line[2], "state": "no-show"}]
    absent.get_by_role("button", name="really not here").click()
    expect(absent.locator(".queue-stands")).to_have_text("Did not show up")
    expect(absent.get_by_text("The desk can bring this entry back.")).to_be_visible()
    expect(absent.get_by_role("button")).to_have_count(0)
    one.locator("[data-key=back]").click()
    expect(other.locator(".queue-now")).to_have_text("The stage is empty")
    assert told(hall, "StageCalled") == [{"entry": line[0], "follow": True}, {"entry": line[1], "follow": True},
                                         {"entry": line[1], "follow": False}, {"entry": None, "follow": False}]
    mine.close()


@pytest.mark.seconds(120)
def test_two_hosts_who_tap_at_once_step_once_and_every_screen_stands_alike(hall, page_at):
    category = hall.category("closed")
    third, second, first = hall.entries(category)[:3]
    hall.do(f"/api/winners/{category}", {"places": [[first], [second], [third]], "reason": "As the jury said."}, "put")
    screens, (one, other) = [opened(page_at, hall, "/display", ".scene", SCREEN) for _ in range(2)], hosts(page_at, hall)
    expect(one.locator(".remote-screens")).to_have_text("2 screens connected")
    hall.do("/api/reveal", {"category": category, "step": 0})

    def both(label: str, scene: str) -> None:
        """Both phones show the same next step; both are tapped; the screens and a late one show it, once."""
        for phone in (one, other):
            expect(phone.locator("[data-key=next]")).to_have_text(re.compile(label))
        held: list = []
        for phone in (one, other):      # neither command is on its way before both were tapped
            phone.route("**/api/*", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
            phone.locator("[data-key=next]").click()
            expect(phone.locator("[data-key=next]")).to_have_text("Sending")
        while len(held) < 2:            # the page says so before its command comes by here; the test's own end bounds this
            other.wait_for_timeout(20)
        assert len(held) == 2 and held[0].request.post_data_json | {"id": ""} == held[1].request.post_data_json | {"id": ""}
        for route in held:
            route.continue_()
        for phone in (one, other):
            phone.unroute_all()
        late = opened(page_at, hall, "/display", f"{scene}:not([data-coming])", SCREEN)
        for screen in (*screens, late):
            expect(screen.locator(f"{scene}:not([data-coming]):not([data-going])")).to_have_count(1)
        late.context.close()

    both("Show the drawing of 3rd place", ".reveal[data-place='3'][data-phase=stencil]")
    both("Show the name", ".reveal[data-place='3'][data-phase=ink]")
    # Nobody comes for it: one tap, on either phone, and who stands behind moves up.
    other.get_by_role("button", name=f"{third} is not here").click()
    expect(screens[1].locator(".reveal[data-place='3'] .winner-by")).not_to_contain_text(str(third))
    decision = next(d for d in hall.state()["decisions"] if d["category"] == category)
    assert decision["absent"] == [third] and decision["places"][:2] == [[first], [second]] and third not in decision["places"][-1]
    expect(screens[1].locator(".reveal[data-place='3'] .winner-by")).to_contain_text(str(decision["places"][-1][0]))
    both("Show the drawing of 2nd place", ".reveal[data-place='2'][data-phase=stencil]")
    one.locator("[data-key=black]").click()
    for screen in screens:
        expect(screen.locator(".scene")).to_have_count(0)
    both("Back to the reveal", ".reveal[data-place='2'][data-phase=stencil]")
    assert told(hall, "RevealStepped")[-3:] == [{"category": category, "step": 1, "phase": "stencil"},
                                                {"category": category, "step": 1, "phase": "ink"}, {"category": category, "step": 2, "phase": "stencil"}]
    expect(one.frame_locator(".remote-frame iframe").locator(".reveal[data-place='2'][data-phase=stencil]")).to_be_visible()


@pytest.mark.seconds(120)
def test_a_rehearsal_runs_on_the_real_screens_and_shows_nothing_real(hall, page_at):
    screens, (one, other) = [opened(page_at, hall, "/display", ".scene", SCREEN) for _ in range(2)], hosts(page_at, hall)
    before = hall.state()
    revealed, fetched = told(hall, "RevealStepped"), []
    for screen in screens:
        screen.wait_for_load_state("networkidle")      # the wall's own photos
        screen.on("request", lambda asked: fetched.append(asked.url))
    one.locator("[data-tab=screen]").click()
    one.get_by_role("button", name="Rehearse the reveal").click()
    for screen in screens:
        expect(screen.locator(".slate:not([data-going])")).to_be_visible()
    steps = [("Show the drawing of", ".reveal[data-place='{}'][data-phase=stencil]"), ("Show the name", ".reveal[data-place='{}'][data-phase=ink]")]
    for (label, scene), place in ((step, place) for place in (3, 2, 1) for step in steps):
        expect(other.locator("[data-key=next]")).to_have_text(re.compile(label))
        other.locator("[data-key=next]").click()
        for screen in screens:
            expect(screen.locator(scene.format(place))).to_be_visible()
            expect(screen.locator(".rehearsal-mark")).to_have_text("Rehearsal")
    other.locator("[data-key=next]").click()
    expect(screens[0].locator(".hold .hold-card")).to_have_count(3)
    late = opened(page_at, hall, "/display", ".hold", SCREEN)
    expect(late.locator(".rehearsal-mark")).to_be_visible()
    expect(one.get_by_text("nothing is revealed")).to_be_visible()
    one.locator("[data-key=black]").click()
    expect(screens[1].locator(".scene")).to_have_count(0)
    one.locator("[data-key=next]").click()
    expect(screens[1].locator(".hold")).to_be_visible()
    assert fetched and not [url for url in fetched if "/static/" not in url]
    one.get_by_role("button", name="End the rehearsal").click()
    for screen in (*screens, late):
        expect(screen.locator(".wall:not([data-coming]):not([data-going])")).to_be_visible()
        expect(screen.locator(".rehearsal-mark")).to_have_count(0)
    other.locator("[data-tab=screen]").click()
    other.get_by_label("Message").fill("Ten minutes. 黒龍, bitte zum Tisch.")
    other.get_by_role("button", name="Show message").click()
    expect(screens[0].locator(".message-words")).to_have_text("Ten minutes. 黒龍, bitte zum Tisch.")
    other.get_by_role("button", name="Show the wall").click()
    expect(screens[1].locator(".scene.wall:not([data-coming]):not([data-going])")).to_be_visible()
    after = hall.state()
    assert {k: v for k, v in after.items() if k not in "sh"} == {k: v for k, v in before.items() if k not in "sh"}
    assert told(hall, "RevealStepped") == revealed and len(told(hall, "RehearsalStepped")) == 9


def test_a_calm_screen_fades_and_one_that_goes_back_is_quick(hall, page_at):
    screen = opened(page_at, hall, "/display", ".scene", SCREEN)
    photo = ".sheet-photo"
    lasts = lambda: screen.locator(photo).first.evaluate("(e) => [getComputedStyle(e).transitionProperty, getComputedStyle(e).transitionDuration]")
    hall.do("/api/rehearsal", {"step": 1, "phase": "stencil"})
    expect(screen.locator(".reveal[data-phase=stencil]:not([data-coming])")).to_be_visible()
    hall.do("/api/rehearsal", {"step": 1, "phase": "ink"})
    expect(screen.locator(".reveal[data-phase=ink]")).to_be_visible()
    assert lasts() == ["--wipe", "2.4s"]
    hall.do("/api/rehearsal", {"step": 1, "phase": "stencil"})
    expect(screen.locator(".reveal[data-back][data-phase=stencil]")).to_be_visible()
    assert lasts() == ["--wipe", "0.2s"]
    hall.do("/api/contest", {"calm": True}, "patch")
    expect(screen.locator(".display[data-calm]")).to_be_visible()
    assert lasts() == ["opacity", "0.4s"]
    hall.do("/api/contest", {"calm": False}, "patch")
    expect(screen.locator(".display:not([data-calm])")).to_be_visible()
    screen.emulate_media(reduced_motion="reduce")
    expect(screen.locator(".display[data-calm]")).to_be_visible()
    assert lasts() == ["opacity", "0.4s"]
