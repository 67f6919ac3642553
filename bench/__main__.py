"""`make bench`, `make bench-store`, `make bench-hub`, `make bench-deploy`: every bench of a group in turn; prints the figures and writes the group's block in docs/benchmarks.md.

    python -m bench             the whole server
    python -m bench store       the store alone, beside others
    python -m bench hub         the hub, beside others; with QUICK=1 a look in a minute or two, which is not written down
    python -m bench deploy      what a deploy and a small machine cost
    python -m bench NAME ...    single parts, for whoever works on one; the document stays as it is
"""

import os
import re
import sys
import time
from importlib import import_module

from bench.common import TOP, commit_hash, machine

SERVER, STORE, HUB, DEPLOY = "make bench", "make bench-store", "make bench-hub", "make bench-deploy"
GROUPS = {
    SERVER: ("The whole server", {
        "entries": "Entries a second, with many there already",
        "sockets": "From a POST to 100 screens",
        "start": "From a cold start to the first 200 on /ready",
        "script": "What a script waits for",
    }),
    STORE: ("The store beside others", {
        "commits": "Commits a second, each on disk before it is answered",
        "recovery": "Recovery of a long log",
        "snapshot": "Commits while a snapshot is written",
    }),
    HUB: ("The hub beside others", {
        "hub_fanout": "From a POST to 10,000 displays",
        "hub_silent": "A tenth of the displays does not read",
        "hub_health": "/health in a storm",
        "hub_return": "A server that was lost",
    }),
    DEPLOY: ("Deploys and memory", {
        "deploy": "A new version, and a small machine",
    }),
}
DOCUMENT = TOP / "docs" / "benchmarks.md"
HEAD = ("# Benchmarks\n\nWritten by `make bench`, `make bench-store`, `make bench-hub` and `make bench-deploy`, not by hand.\n\n"
        "Absolute figures move with the machine and with what else it does; the ratios are medians of rounds that ran in turn, and are what to compare.\n")


def main(wanted: list[str]) -> None:
    command = {(): SERVER, ("store",): STORE, ("hub",): HUB, ("deploy",): DEPLOY}.get(tuple(wanted))
    if command is None:
        titles = {name: title for _, parts in GROUPS.values() for name, title in parts.items()}
        for name in wanted:
            _part(name, titles[name])
        return
    began, load = time.monotonic(), os.getloadavg()[0]
    title, parts = GROUPS[command]
    measured = [_part(name, parts[name]) for name in parts]
    head = (f"## {title}\n\n`{command}`: {time.strftime('%Y-%m-%d', time.gmtime())}, commit {commit_hash()}, in {time.monotonic() - began:.0f} s.\n"
            f"Machine: {machine()}; its load when this began: {load:.1f}.\n")
    if os.environ.get("QUICK"):
        return
    DOCUMENT.write_text(_with_block(DOCUMENT.read_text("utf-8") if DOCUMENT.exists() else "", command, "\n".join([head, *measured])), "utf-8")
    print("Written: docs/benchmarks.md")


def _part(name: str, title: str) -> str:
    part = f"### {title}\n\n{import_module(f'bench.{name}').measure()}\n"
    print(part, flush=True)
    return part


def _with_block(text: str, command: str, block: str) -> str:
    """The document with this command's block; the other command's stays as it was measured.

    >>> _with_block("", SERVER, "new").count("new")
    1
    >>> _with_block(_with_block("", SERVER, "old"), SERVER, "new").count("old")
    0
    """
    blocks = {name: found[1] for name in GROUPS if (found := re.search(f"<!-- {name} -->\n(.*?)\n<!-- end of {name} -->", text, re.S))}
    blocks[command] = block
    return "\n".join([HEAD, *(f"<!-- {name} -->\n{blocks[name]}\n<!-- end of {name} -->\n" for name in GROUPS if name in blocks)])


if __name__ == "__main__":
    main(sys.argv[1:])
