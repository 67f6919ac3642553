"""A data folder with a long history, written as the desk writes it (decide, fold, one line a command) but without a desk: a million events in a minute."""

import itertools
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

import contest
from bench.common import CATEGORY, CRITERIA, MARKS, asked, entrant

HOURS_AGO = 2   # older than what a start holds again for those who were away
BATCH = 500


def opening(entries: int, judges: int) -> Iterator:
    """The commands up to the start of judging."""
    yield asked(contest.AddCategory, HOURS_AGO, fields={"name": "Best Sleeve", "criteria": [{"name": name} for name in CRITERIA]})
    for number in range(judges):
        yield asked(contest.InviteJudge, HOURS_AGO, fields={"name": f"Judge {number + 1}", "role": "judge"})
    for number in range(entries):
        yield entrant(number, HOURS_AGO)
    yield asked(contest.StartJudging, HOURS_AGO, category=CATEGORY)


class History:
    """Writes commands to the log of a new data folder. `state` is what they have led to."""

    def __init__(self, under: Path):
        self.under, self.disk = under, contest.Disk()
        contest.Secret(under, self.disk)   # a server that starts here later would miss it
        self.log = contest.recover(under, self.disk, secrets.token_hex(16)).log
        self.state = contest.State(epoch=self.log.head.epoch)
        self._lines: list = []

    def write(self, commands: Iterable) -> None:
        for command in commands:
            events = contest.decide(self.state, command)
            fact = contest.Fact(self.state.seq + 1, self.log.head.seq + 1, command.at, type(command).__name__, command.by, command.id, command.body, events)
            self.state = contest.fold(self.state, fact)
            self._lines.append(contest.encode_line(*contest.fact_json(fact), secrets.token_hex(16)))
            if len(self._lines) == BATCH:
                self._flush()
        self._flush()

    def sheets(self) -> Iterator:
        """Marks without an end: every judge for every entry, then again with other marks; a note on every tenth."""
        for number, (entry, judge) in enumerate(itertools.cycle(itertools.product(sorted(self.state.entries), sorted(self.state.judges)))):
            sheet = self.state.sheets.get(entry, {}).get(judge)
            yield asked(contest.GiveSheet, HOURS_AGO, entry=entry, judge=judge, marks=MARKS | {"technique": 1 + number // 7 % 19 / 2},
                        note="Very clean lines" if number % 10 == 0 else "", base=sheet and sheet.seq)

    def _flush(self) -> None:
        if self._lines:
            self.log.append(self._lines, self.log.head.seq)
            self._lines = []

    def save_snapshot(self) -> None:
        contest.save_snapshot(self.disk, self.under, self.log.head, contest.state_parts(self.state))

    def close(self) -> None:
        """End in peace: HEAD says where the log ends."""
        self.log.note_head()
        self.log.close()
