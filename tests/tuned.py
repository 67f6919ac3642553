"""The contest with other limits: `python -m tests.tuned Peer.hello_seconds=0.5 BODY_SECONDS=1` serves it.

What takes ten seconds in a hall would take ten in a test. Each word names a number of contest.py, of a class or of the
module; `=fault` puts a function there that always fails. Nothing else is different.
"""

import sys

import contest


def fault(*args, **kinds):
    raise RuntimeError("a fault on purpose")


def turn(words: list[str]) -> None:
    """Set what the words say; AttributeError where there is no such limit."""
    for word in words:
        path, value = word.split("=")
        *owner, name = path.split(".")
        place = getattr(contest, owner[0]) if owner else contest
        getattr(place, name)
        setattr(place, name, fault if value == "fault" else int(value) if value.isdigit() else float(value))


def main() -> int:
    turn(sys.argv[1:])
    return contest.main(["serve"])


if __name__ == "__main__":
    sys.exit(main())
