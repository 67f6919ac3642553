"""The stage queue, the host's phone and the rehearsal: calls that are counted, one entry on stage, screens in step."""


import pytest

import contest as app
from contest import Refused, view
from tests.contests import command, contest, do, done, enter

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
