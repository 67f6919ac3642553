"""`make bench`: every bench in turn; prints the figures and writes docs/benchmarks.md. No figure there is typed by hand."""

import os
import sys
import time
from importlib import import_module

from bench.common import TOP, commit_hash, machine

PARTS = {
    "commits": "Commits a second, each on disk before it is answered",
    "entries": "Entries a second, with many there already",
    "sockets": "From a POST to 100 screens",
    "start": "From a cold start to the first 200 on /ready",
}


def main(wanted: list[str]) -> None:
    began, load = time.monotonic(), os.getloadavg()[0]
    parts = []
    for name in wanted or PARTS:
        part = f"## {PARTS[name]}\n\n{import_module(f'bench.{name}').measure()}\n"
        print(part, flush=True)
        parts.append(part)
    if wanted:
        return   # a single part is for whoever works on it; the document holds one whole run
    head = (f"# Benchmarks\n\nWritten by `make bench`, not by hand: {time.strftime('%Y-%m-%d', time.gmtime())}, commit {commit_hash()}, "
            f"in {time.monotonic() - began:.0f} s.\nMachine: {machine()}; its load when this began: {load:.1f}.\n\n"
            "Absolute figures move with the machine and with what else it does; the ratios are medians of rounds that ran in turn, and are what to compare.\n")
    (TOP / "docs" / "benchmarks.md").write_text("\n".join([head, *parts]), "utf-8")
    print("Written: docs/benchmarks.md")


main(sys.argv[1:])
