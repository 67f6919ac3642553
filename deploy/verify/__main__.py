"""`make verify`: run every check, print a row for each as it ends, and end with 1 where any failed.

    python -m deploy.verify                    all of them, some three minutes
    python -m deploy.verify --quick            those that only read files
    python -m deploy.verify "drain" "metrics"  the named ones
    python -m deploy.verify --list             what each promises
"""

import argparse
import sys
from pathlib import Path

from deploy.verify import agreement, fly, hosting, hostile, image, life, safety
from deploy.verify.checks import FAILED, Checkout, named, row, run, summary

QUICK = (*fly.CHECKS, *image.CHECKS, *agreement.CHECKS)
DEAR = (*image.DEAR, *life.DEAR, *safety.DEAR, *hostile.DEAR, *hosting.DEAR, *agreement.DEAR)
USAGE = 64


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, 1 where a check failed, 64 for a name that is none."""
    words = argparse.ArgumentParser(prog="python -m deploy.verify", description="Is this checkout ready for a contest?")
    words.add_argument("--quick", action="store_true", help="only the checks that read files")
    words.add_argument("--list", action="store_true", help="say what each check promises and run none")
    words.add_argument("names", nargs="*", help="run these alone")
    given = words.parse_args(arguments)
    checks = [each for each in (*QUICK, *DEAR) if named(each) in given.names] if given.names else [*QUICK, *(() if given.quick else DEAR)]
    if unknown := set(given.names) - {named(each) for each in checks}:
        print(f"There is no check {', '.join(sorted(unknown))}; --list has them all.", file=sys.stderr)
        return USAGE
    if given.list:
        print("\n".join(f"{named(each):<24} {each.__doc__.splitlines()[0]}" for each in checks))
        return 0
    found = run(checks, Checkout(Path(__file__).resolve().parents[2]), lambda finding: print(row(finding), flush=True))
    print("\n" + summary(found))
    return 1 if any(each.result == FAILED for each in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
