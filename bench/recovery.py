"""Recovery of a long log: every line verified, the state folded, in a process of its own so that its memory is its own.

    python -m bench.recovery FOLDER     recovers a folder once and prints {"verified", "seconds", "peak_mib", "seq"}
"""

import dataclasses
import itertools
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from bench.common import TOP, folder, interleaved, median, table
from bench.history import History, opening

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = {10_000: 7, 100_000: 5, 1_000_000: 3}
JUDGES = 40
BEHIND = 1_000           # lines behind the snapshot
LONGEST_SECONDS = 60     # one that takes longer is not measured again


def measure() -> str:
    """A Markdown part: seconds and peak memory of a recovery, with a snapshot near the end and with none."""
    rows = []
    for size in SIZES:
        with folder("recovery") as under:
            fill(under, size)
            found = _rounds(under, size)
        for name, took in found.items():
            rows.append([f"{size:,}", name, *(f"{median([one[key] for one in took]):.2f} s" for key in ("verified", "seconds")),
                         f"{max(one['peak_mib'] for one in took):,.0f} MiB", len(took)])
    return (f"A contest of {JUDGES} judges; one event in a hundred is an entry, the others are sheets: every judge's for every entry, then again with other marks, a "
            "note on every tenth (a million events: 10,000 entries, 400,000 sheets, each given two or three times). Every line is read and its hash verified, whether there is a "
            "snapshot or not; the state is then folded from the lines behind the snapshot. In a process of its own; Python's start and its imports are not "
            "counted in the time, but in the memory. The files are in the page cache, except the last segment, which a recovery drops from it.\n\n"
            + table(["events", "snapshot", "verified after", "ready after", "peak memory", "rounds"], rows))


def _rounds(under: Path, size: int) -> dict[str, list[dict]]:
    contenders = {"none": lambda: _without_snapshot(under, size), f"{BEHIND:,} lines before the end": lambda: recover_once(under, size)}
    found = interleaved(contenders, 1)
    again = {name: contenders[name] for name, took in found.items() if took[0]["seconds"] <= LONGEST_SECONDS}
    rest = interleaved(again, ROUNDS[size] - 1) if again else {}
    return {name: found[name] + rest.get(name, []) for name in found}


def fill(under: Path, events: int) -> None:
    """A folder with so many events, and a snapshot 1,000 lines before the end."""
    history = History(under)
    history.write(opening(entries=events // 100, judges=JUDGES))
    history.write(itertools.islice(history.sheets(), events - BEHIND - history.state.seq))
    history.save_snapshot()
    history.write(itertools.islice(history.sheets(), BEHIND))
    history.close()


def _without_snapshot(under: Path, events: int) -> dict:
    snapshot, aside = under / "contest.json", under / "aside.json"
    snapshot.rename(aside)
    try:
        return recover_once(under, events)
    finally:
        aside.rename(snapshot)


def recover_once(under: Path, events: int) -> dict:
    """What a process found that recovered the folder."""
    said = subprocess.run([sys.executable, "-m", "bench.recovery", str(under)], cwd=TOP, capture_output=True, text=True, timeout=600)
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert found["seq"] == events, found
    return found


def _recover(under: Path) -> dict:
    """Recover as the server does before it answers anybody; the lines it verifies first are timed apart."""
    import contest

    verified, recover = [], contest.recover

    def timed(*arguments):
        try:
            return recover(*arguments)
        finally:
            verified.append(time.perf_counter())

    contest.recover = timed
    began = time.perf_counter()
    server = contest.Server(dataclasses.replace(contest.Settings(), data=str(under)), listen=False)
    return {"verified": verified[0] - began, "seconds": time.perf_counter() - began, "peak_mib": _peak_mib(), "seq": server.desk.state.seq}


def _peak_mib() -> float:
    """The most memory this process has held. Not by getrusage where there is /proc: that also counts the process which started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    print(json.dumps(_recover(Path(sys.argv[1]))))
