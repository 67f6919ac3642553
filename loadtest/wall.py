"""What a screen knows of contest.v1 (docs/realtime.md): its cursor, its picture of the contest, and whether all that came was whole.

Nothing here talks to a network: a user of the load test hands in what came, and is told what is wrong with it.
"""

from bisect import bisect_right

#: what names a thing, by its kind; the other kinds are single
KEYS = {"category": "id", "entry": "number", "judge": "id", "decision": "category", "winners": "category"}
LISTS = {"categories": "category", "entries": "entry", "winners": "winners"}
SINGLE = ("contest", "screen", "stage")


class Broken(Exception):
    """What came is not what the protocol promises. `name` is what such breaches are counted under."""

    name = "broken"


class Gap(Broken):
    """A message builds on one that never came."""

    name = "gap"


class Duplicate(Broken):
    """A message came that had been told already."""

    name = "duplicate"


class Contradiction(Broken):
    """Two walls were told different things, or a wall shows what the contest is not."""

    name = "contradiction"


class Heard:
    """Every message that any wall of one audience was told: {seq: hash}."""

    def __init__(self):
        self.hashes: dict[int, str] = {}

    def note(self, seq: int, hash8: str) -> None:
        """errors   Contradiction where another wall was told another hash for this seq"""
        if self.hashes.setdefault(seq, hash8) != hash8:
            raise Contradiction(f"message {seq} has the hash {hash8} here and {self.hashes[seq]} at another wall")

    def between(self, spans: list[tuple[int, int, int]]) -> int:
        """How many messages the spans lack, each of (cursor it began at, cursor it ended at, messages applied).

        >>> heard = Heard()
        >>> for seq in (3, 5, 9): heard.note(seq, "ab")
        >>> heard.between([(0, 9, 3), (3, 7, 1), (3, 9, 1)])
        1
        """
        seqs = sorted(self.hashes)
        return sum(bisect_right(seqs, end) - bisect_right(seqs, begun) - applied for begun, end, applied in spans)


def picture(state: dict) -> dict:
    """GET /api/state as things by their keys.

    returns  {(kind, key): thing}; the key of what is single is None

    >>> picture({"contest": {"name": "x"}, "screen": 1, "stage": 2, "categories": [{"id": "a"}], "entries": [], "winners": []})
    {('contest', None): {'name': 'x'}, ('screen', None): 1, ('stage', None): 2, ('category', 'a'): {'id': 'a'}}
    """
    things = {(kind, None): state[kind] for kind in SINGLE}
    for name, kind in LISTS.items():
        things |= {(kind, thing[KEYS[kind]]): thing for thing in state[name]}
    return things


class Wall:
    """A public screen.

    cursor   {"e", "s", "h", "a"} as the server named it, None before the first state
    things   {(kind, key): thing}, as `picture` makes it
    spans    finished stretches without a reset, for `Heard.between`
    """

    def __init__(self, heard: Heard):
        self.heard = heard
        self.cursor: dict | None = None
        self.things: dict = {}
        self.spans: list[tuple[int, int, int]] = []
        self._told = 0      # the last seq that this connection told: one at or below it is told twice
        self._begun = 0     # the cursor at which the stretch under way began
        self._applied = 0   # messages applied since

    def greeted(self, welcome: dict) -> bool:
        """Take a welcome, or the head of a long poll's answer; true where the state has to be fetched."""
        resumed = welcome["mode"] == "resume"
        self._told = self.cursor["s"] if resumed else welcome["s"]
        return not resumed

    def reset(self, message: dict) -> None:
        """Take a reset in the middle of a connection: fetch the state next."""
        self._told = max(self._told, message.get("s", 0))

    def take(self, state: dict) -> None:
        """Begin anew from GET /api/state."""
        self._close_span()
        self.cursor = {name: state[name] for name in "esha"}
        self._begun, self._applied = state["s"], 0
        self.things = picture(state)

    def _close_span(self) -> None:
        if self.cursor:
            self.spans.append((self._begun, self.cursor["s"], self._applied))

    def hear(self, event: dict) -> list[dict]:
        """Apply an `ev`; returns its messages, none where the state already held them.

        errors   Duplicate, Gap, Contradiction
        """
        seq = event["s"]
        if seq <= self._told:
            raise Duplicate(f"message {seq} came after {self._told} had been told")
        self._told = seq
        if event["p"] > self.cursor["s"]:
            raise Gap(f"message {seq} follows {event['p']}, the cursor is at {self.cursor['s']}")
        self.heard.note(seq, event["h"])
        if seq <= self.cursor["s"]:
            return []
        self.cursor |= {"s": seq, "h": event["h"]}
        self._applied += 1
        for message in event["m"]:
            self._apply(message["d"])
        return event["m"]

    def _apply(self, change: dict) -> None:
        (kind, thing), = change.items()
        if kind == "gone":
            (kind, key), = thing.items()
            self.things.pop((kind, key), None)
        else:
            self.things[kind, thing[KEYS[kind]] if kind in KEYS else None] = thing

    def beat(self, message: dict) -> None:
        """Move the cursor with a heartbeat, or with the end of a long poll's answer.

        errors   Gap where the heartbeat knows of a message that never came
        """
        if message.get("p", 0) > self.cursor["s"]:
            raise Gap(f"a heartbeat follows {message['p']}, the cursor is at {self.cursor['s']}")
        if message["s"] > self.cursor["s"]:
            self.cursor |= {"s": message["s"], "h": message["h"]}

    def lacking(self) -> int:
        """How many messages, told to other walls, this one should have applied and did not."""
        self._close_span()
        return self.heard.between(self.spans)

    def unlike(self, state: dict) -> list[str]:
        """What this wall shows otherwise than GET /api/state at the same cursor: ["entry 118"]."""
        wanted = picture(state)
        return [f"{kind} {key}" for kind, key in sorted(wanted.keys() | self.things.keys(), key=str)
                if wanted.get((kind, key)) != self.things.get((kind, key))]
