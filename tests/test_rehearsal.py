"""The small size of `make rehearse`: a whole contest of three categories, twelve entries and three judges comes out as planned."""

import pytest

from tests.rehearsal.day import Day, report
from tests.rehearsal.plan import FULL, SMALL, rooms


@pytest.mark.seconds(180)
def test_a_whole_contest_comes_out_as_planned(server, browser, tmp_path):
    day = Day(server(tmp_path / "data"), SMALL, browser, tmp_path, say=lambda line: None)
    day.run()
    assert day.ways["page", "sheets without wifi"] == SMALL.offline
    assert any("sheets" in line for line in report(day))


@pytest.mark.parametrize("size", [FULL, SMALL])
def test_the_plan_holds_three_ties_each_settled_at_another_step(size):
    made = rooms(size)
    decided = [{by for _, by in room.outcome(size.judges)["rows"].values()} for room in made]
    assert "head-to-head" in decided[0] and "run-off" in decided[1] and "decision" in decided[2]
    open_ties = [room.outcome(size.judges, settled=False)["unresolved"] for room in made]
    assert [bool(tie) for tie in open_ties] == [False, True, True] + [False] * (size.categories - 3)
    assert not any(room.outcome(size.judges)["unresolved"] for room in made)
    assert sum(room.entries for room in made) == size.entries and sum(len(room.recused) for room in made) == 2
