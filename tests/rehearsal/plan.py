"""What a rehearsed contest is to be: who enters where, who gives which marks, and therefore who wins. Plain values, nothing is rolled.

The plan knows of everything that goes wrong on a stage: three ties, each settled at another step of the chain, two recusals, a winner who
has left. What must come out is not computed by contest.py but by tests/oracle.py, from the plan's own marks.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

from contest import Criterion
from tests.oracle import opinion

CRITERIA = ("technique", "composition", "creativity")
PLACES = 3
TOKENS = 3
#: the kinds of category: the first three each hold a tie
TIED_BY_DUEL, TIED_BY_TOKENS, TIED_FOR_GOOD, RANKED, TRIMMED, PLAIN = "duel", "tokens", "decision", "ranking", "trimmed", "points"
NAMES = ("Best Small Colour", "Blackwork / Dotwork", "Neo-Traditional", "Lettering", "Realism", "Japanese", "Traditional", "Fineline",
         "Portrait", "Cover-up", "Sleeve", "Back piece")
METHODS = {TIED_BY_TOKENS: "tokens", RANKED: "ranking", TRIMMED: "trimmed"}


class Size(NamedTuple):
    """How large a rehearsal is. `offline`: entries judged on a dead wifi; `by_page`: entries handed in on a page, the others over HTTP."""

    categories: int
    entries: int
    judges: int
    offline: int
    by_page: int


FULL = Size(categories=12, entries=150, judges=5, offline=40, by_page=20)
SMALL = Size(categories=3, entries=12, judges=3, offline=4, by_page=1)


@dataclass
class Room:
    """One category of the plan. Entries are counted from 0 within it, judges within the contest.

    marks    {(judge, entry): {criterion: mark}}, for points and trimmed
    hands    {judge: [entries]}, for tokens and rankings
    recused  {(judge, entry)}
    votes    {judge: entry} in the run-off between `tied`
    order    [[entry], ...]: what the head judge decides between `tied`
    """

    name: str
    kind: str
    entries: int
    marks: dict
    hands: dict
    recused: set
    tied: list
    votes: dict
    order: list

    @property
    def method(self) -> str:
        return METHODS.get(self.kind, "points")

    def outcome(self, judges: int, settled: bool = True) -> dict:
        """The oracle's opinion of it; `settled`: with the run-off and the decision."""
        return opinion(SimpleNamespace(
            entries=range(self.entries), panel=range(judges), recused=self.recused, criteria=[Criterion(id=name, name=name, weight=1) for name in CRITERIA],
            method=self.method, sheets=self.marks, hands=self.hands, tokens=TOKENS, votes={}, quorum=0, places=PLACES, gone=set(),
            run_offs=[("r", self.tied, self.votes)] if settled and self.votes else [],
            decisions=[(self.order, "The cleaner lines.")] if settled and self.order else []))

    def places(self, judges: int) -> list[list[int]]:
        """The entries of the first places, best first, one who shares beside the others: what the organiser decides."""
        groups: dict[int, list[int]] = {}
        for entry, (place, _) in sorted(self.outcome(judges)["rows"].items()):
            if place <= PLACES:
                groups.setdefault(place, []).append(entry)
        return [groups[place] for place in sorted(groups)]


def rooms(size: Size) -> list[Room]:
    """The categories of a rehearsal of that size."""
    kinds = [TIED_BY_DUEL, TIED_BY_TOKENS, TIED_FOR_GOOD, RANKED, TRIMMED]
    made = []
    for number in range(size.categories):
        entries = size.entries // size.categories + (number < size.entries % size.categories)
        made.append(_room(NAMES[number], kinds[number] if number < len(kinds) else PLAIN, number, entries, size.judges))
    made[0].recused.add((0, entries_last(made[0])))      # by the judge's own phone
    made[2].recused.add((1, entries_last(made[2])))      # by the organiser
    return made


def entries_last(room: Room) -> int:
    """The last entry of a category: one that no tie is about."""
    return room.entries - 1


def _room(name: str, kind: str, number: int, entries: int, judges: int) -> Room:
    room = Room(name, kind, entries, {}, {}, set(), [], {}, [])
    everybody = range(judges)
    if kind == TIED_BY_TOKENS:
        room.hands = {judge: [1, 0, 2 + judge % 2] for judge in everybody}
        room.tied = [0, 1]
        room.votes = {judge: 1 if judge <= judges // 2 else 0 for judge in everybody}
    elif kind == RANKED:
        room.hands = {judge: _ranking(entries, judge) for judge in everybody}
    else:
        room.marks = {(judge, entry): dict.fromkeys(CRITERIA, _mark(number, judge, entry)) for judge in everybody for entry in range(entries)}
    if kind == TIED_BY_DUEL:
        _same_mean(room, judges)
    elif kind == TIED_FOR_GOOD:
        for judge in everybody:
            room.marks[judge, 2] = dict(room.marks[judge, 1])
        room.tied, room.order = [1, 2], [[2], [1]]
    return room


def _mark(number: int, judge: int, entry: int) -> float:
    """Better entries have lower numbers here; judges differ by half a point, to and fro, and one is stricter than the others."""
    truth = 8.5 - (entry + number) % 3 * 0.5 - entry * 0.5
    return max(1.0, truth + ((judge * 2 + entry + number) % 3 - 1) * 0.5 - (judge == 1) * 0.5)


def _ranking(entries: int, judge: int) -> list[int]:
    """Everybody in order, but each judge changes two neighbours."""
    order = list(range(entries))
    at = judge % (entries - 1)
    order[at], order[at + 1] = order[at + 1], order[at]
    return order


def _same_mean(room: Room, judges: int) -> None:
    """Entries 0 and 1 both have 9 on average; more judges prefer 1, which the last step before a run-off finds."""
    most = judges // 2 + 1
    rest = [9 * judges - 9.5 * most - 9 * (judges - most - 1)] + [9.0] * (judges - most - 1)
    for judge, mark in enumerate([9.5] * most + rest):
        room.marks[judge, 0] = dict.fromkeys(CRITERIA, 9.0)
        room.marks[judge, 1] = dict.fromkeys(CRITERIA, float(mark))
