"""What the server acknowledged, to be held against what it has at the end; and how long news take to arrive."""

from collections.abc import Callable


class Ledger:
    """Acknowledged entries and sheets.

    entries    {command id: entry number}
    sheets     {(entry number, judge id): marks}: the last one acknowledged
    unsettled  command ids and (entry, judge) pairs whose last request had no answer: either outcome is right
    """

    def __init__(self):
        self.entries: dict[str, int] = {}
        self.sheets: dict[tuple[int, str], dict] = {}
        self.unsettled: set = set()

    def entered(self, identity: str, number: int) -> str:
        """Note an acknowledged entry; a sentence where the same id had another number before, else ""."""
        before = self.entries.setdefault(identity, number)
        return "" if before == number else f"One id became the entries {before} and {number}."

    def plain(self) -> dict:
        """As JSON can hold it; `Ledger.from_plain` reads it."""
        return {"entries": self.entries, "sheets": [[*key, marks] for key, marks in self.sheets.items()],
                "unsettled": [key if isinstance(key, str) else list(key) for key in self.unsettled]}

    @classmethod
    def from_plain(cls, value: dict) -> "Ledger":
        made = cls()
        made.entries = value["entries"]
        made.sheets = {(entry, judge): marks for entry, judge, marks in value["sheets"]}
        made.unsettled = {key if isinstance(key, str) else tuple(key) for key in value["unsettled"]}
        return made

    def missing(self, state: dict) -> list[str]:
        """What was acknowledged and is not in the state that the organiser sees: a sentence each.

        >>> ledger = Ledger()
        >>> ledger.entered("id-1", 118), ledger.entered("id-2", 118)
        ('', '')
        >>> ledger.sheets[118, "ana"] = {"style": 8}
        >>> ledger.missing({"entries": [{"number": 118}], "sheets": [{"entry": 118, "judge": "ana", "marks": {"style": 7}}]})
        ['2 acknowledged entries share 1 numbers.', "The sheet of ana for entry 118 holds {'style': 7}, acknowledged was {'style': 8}."]
        """
        there = {entry["number"] for entry in state["entries"]}
        sheets = {(sheet["entry"], sheet["judge"]): sheet["marks"] for sheet in state["sheets"]}
        numbers = set(self.entries.values())
        faults = [f"Entry {number} was acknowledged and is not there." for number in sorted(numbers - there)]
        if len(numbers) < len(self.entries):
            faults.append(f"{len(self.entries)} acknowledged entries share {len(numbers)} numbers.")
        for (entry, judge), marks in self.sheets.items():
            if (entry, judge) not in self.unsettled and sheets.get((entry, judge)) != marks:
                faults.append(f"The sheet of {judge} for entry {entry} holds {sheets.get((entry, judge))}, acknowledged was {marks}.")
        return faults


class Tellings:
    """From the moment a request was sent to the arrival of its news at each wall.

    report   report(what, by, seconds): called once for each arrival; `what` is the key's first part, `by` the way it came
    """

    def __init__(self, report: Callable[[str, str, float], None]):
        self._report = report
        self._sent: dict[tuple, float] = {}
        self._early: dict[tuple, list[tuple[str, float]]] = {}

    def sent(self, key: tuple, when: float) -> None:
        """Say when it was sent: known only from its answer, which may come after the news."""
        self._sent[key] = when
        for by, arrived in self._early.pop(key, ()):
            self._report(key[0], by, arrived - when)

    def arrived(self, key: tuple, by: str, when: float) -> None:
        if key in self._sent:
            self._report(key[0], by, when - self._sent[key])
        else:
            self._early.setdefault(key, []).append((by, when))
