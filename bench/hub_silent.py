"""A tenth of the displays does not read: do the others still get everything, and as soon as before?"""

from pathlib import Path

from bench.common import ratio, table
from bench.hub_common import NAMES, QUICK, ROUNDS, Failed, beside, goals, middle, rounds, short, watched
from bench.hub_servers import OURS, ours

SIZE, LARGE = 1_000, 5_000   # the others take too long to fill for the large one
SECONDS = 3
PAUSE_SECONDS = 0.03
# Posted at once, again and again, until the kernel takes no more for those that do not read.
FILL, MOST_FILLS = 300, 40


def measure() -> str:
    """A Markdown part: p99 of the others with and without the silent tenth, of every server."""
    found, missing = rounds(lambda start: _one(start, SIZE))
    sizes = {SIZE: found[OURS]} if QUICK else {SIZE: found[OURS], LARGE: [_one(ours, LARGE) for _ in range(ROUNDS)]}
    rows = [[name, SIZE, *(_row(found[name]) if name in found else [missing[name], *[""] * 4])] for name in NAMES]
    rows += [[OURS, size, *_row(figures)] for size, figures in sizes.items() if size != SIZE]
    return ("Events one at a time; then the same with a tenth of the displays reading nothing, after so many events that the kernel takes no more for these. "
            "The p99 is that of the displays that read; each of them got every event once, or the row says what happened.\n\n"
            + table(["server", "displays", "p99 ms", "p99 ms beside the silent", "times", "events until full", "peak MiB"], rows)
            + "\n\n" + goals([(f"p99 of the others at {size:,}, times that before", 1.5, _times(figures)) for size, figures in sizes.items()]))


def _one(start, size: int) -> dict:
    silent = size // 10
    with watched(start) as (server, displays):
        displays.ask("grow", count=size)
        before = displays.ask("isolated", seconds=SECONDS, pause=PAUSE_SECONDS)
        displays.ask("leave")
        try:
            displays.ask("grow", count=silent, small=silent)
            displays.ask("stall", count=silent)
            filled = _fill(server, displays)
            displays.ask("grow", count=size)
            after = displays.ask("isolated", seconds=SECONDS, pause=PAUSE_SECONDS)
        except Failed as why:
            return {"failed": str(why)}
        return {"before": before["latency"][1], "after": after["latency"][1], "filled": filled, "peak": server.rss("VmHWM") / 2**20}


def _fill(server, displays) -> int:
    """Events until the kernel holds no more for any display than before."""
    held = -1
    for times in range(1, MOST_FILLS + 1):
        displays.ask("burst", count=FILL)
        if (now := _unsent(server.port)) <= held:
            return times * FILL
        held = now
    raise Failed(f"it took {MOST_FILLS * FILL:,} events and was not full")


def _unsent(port: int) -> int:
    """The most bytes that the kernel holds for one connection of a server."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return max((int(queues.split(":")[0], 16) for _, local, _, _, queues, *_ in lines if int(local.split(":")[1], 16) == port), default=0)


def _times(figures: list[dict]) -> float | None:
    """The p99 with the silent, how many times that without; None where a round failed."""
    return None if any("failed" in one for one in figures) else ratio(beside(figures, "after"), beside(figures, "before"))


def _row(figures: list[dict]) -> list[str]:
    failed = [one["failed"] for one in figures if "failed" in one]
    if failed:
        return ["it stalls: " + failed[0], *[""] * 4]
    return [*(short(middle(figures, name)) for name in ("before", "after")), short(_times(figures)),
            *(short(middle(figures, name)) for name in ("filled", "peak"))]
