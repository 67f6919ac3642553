"""`make bundle`: one archive that starts the contest on a machine without internet: everything it serves, and the wheels it needs.

    python deploy/bundle.py                   build/contest-<version>.tar.gz, for machines like this one
    python deploy/bundle.py --everywhere      for 64-bit Linux on PCs and Raspberry Pis and Apple's own Macs, Python 3.11 to 3.13

There: `tar xzf contest-<version>.tar.gz`, `cd contest-<version>`, `make run`. The Makefile installs from `wheels/` alone where that folder is.
"""

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
NAMES = ("contest.py", "demo.py", "requirements.txt", "Makefile", "README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "deploy", "docs", "static", "views")
PYTHONS = ("3.11", "3.12", "3.13")
#: a tag names one age of a system, and wheels are tagged with the oldest they fit: so all ages up to the newest
PLATFORMS = (
    *([f"manylinux_2_{age}_{chip}" for age in (28, 27, 26, 24, 17, 12, 5)] + [f"manylinux2014_{chip}"] for chip in ("x86_64", "aarch64")),
    ["macosx_14_0_arm64"],
)


def load_wheels(into: Path, everywhere: bool) -> None:
    """Fetch what requirements.txt names, as wheels. errors   SystemExit with pip's own words"""
    targets = [[f"--python-version={python}", *(f"--platform={tag}" for tag in tags)] for tags in PLATFORMS for python in PYTHONS] if everywhere else [[]]
    for target in targets:
        done = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--only-binary=:all:", "-d", str(into),
                               "-r", str(TOP / "requirements.txt"), *target], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"The wheels cannot be fetched:\n{done.stderr.strip()}")


def packed(into: Path, everywhere: bool = False) -> Path:
    """Write the archive into a folder; its path."""
    version = re.search(r'^__version__ = "(.+)"', (TOP / "contest.py").read_text("utf-8"), re.M)[1]
    into.mkdir(parents=True, exist_ok=True)
    name, path = f"contest-{version}", into / f"contest-{version}.tar.gz"
    with tempfile.TemporaryDirectory(dir=into) as under, tarfile.open(path, "w:gz") as archive:
        load_wheels(Path(under), everywhere)
        archive.add(under, f"{name}/wheels")
        for each in NAMES:
            archive.add(TOP / each, f"{name}/{each}", filter=lambda member: None if "__pycache__" in member.name else member)
    return path


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--everywhere", action="store_true", help="wheels for other systems and Pythons too")
    words.add_argument("--into", type=Path, default=TOP / "build", help="folder for the archive (build)")
    given = words.parse_args()
    path = packed(given.into, given.everywhere)
    print(f"{path} ({path.stat().st_size >> 20} MiB). On the other machine: tar xzf {path.name} && cd {path.name.removesuffix('.tar.gz')} && make run")


if __name__ == "__main__":
    main()
