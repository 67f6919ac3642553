"""What a check is, what it is given, and the table of what all of them found.

A check is a function of a Checkout. It returns its figure in a few words, or raises Wrong or Unchecked. Its name is its row in the table, the
first line of its docstring what it promises. It never trusts another check to have passed.
"""

import ast
import contextlib
import functools
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PASSED, FAILED, UNCHECKED = "passed", "FAILED", "not checked"


class Wrong(Exception):
    """The check failed; the text says what is wrong, in a sentence."""


class Unchecked(Exception):
    """It could not be tried here; the text says why."""


class Checkout:
    """The folder that is verified.

    top      where contest.py lies
    python   the interpreter that has what requirements.txt names
    """

    def __init__(self, top: Path, python: str = sys.executable):
        self.top, self.python = Path(top), python

    def text(self, name: str) -> str:
        """A file of the checkout. errors   Wrong where it is missing"""
        try:
            return (self.top / name).read_text("utf-8")
        except OSError as why:
            raise Wrong(f"{name}: {why.strerror}.") from None

    @property
    def fly(self) -> dict:
        """fly.toml as it is read. errors   Wrong"""
        try:
            return tomllib.loads(self.text("fly.toml"))
        except tomllib.TOMLDecodeError as why:
            raise Wrong(f"fly.toml cannot be read: {why}.") from None

    @property
    def app(self) -> "App":
        return _read_app(self.text("contest.py"))

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new folder under build/, on the disk the checkout lies on; gone afterwards."""
        under = self.top / "build" / "verify"
        under.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=under))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)


@dataclass(frozen=True)
class App:
    """What the deployment files have to agree with, as contest.py's source says it.

    settings   {"CONTEST_PORT": 8000}: every setting and its default
    public     the paths that anybody may GET and that take no argument
    errors     {"FolderInUse": 75}: the exit code of each error that has its own
    """

    version: str
    settings: dict[str, object]
    public: frozenset[str]
    errors: dict[str, int]


@functools.lru_cache(maxsize=8)
def _read_app(source: str) -> App:
    """Out of the source: a check must not import what it judges."""
    version, settings, public, errors = "", {}, set(), {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            for line in node.body:
                if node.name == "Settings" and isinstance(line, ast.AnnAssign):
                    settings[f"CONTEST_{line.target.id.upper()}"] = _worth(line.value.args[0])
                if isinstance(line, ast.Assign) and getattr(line.targets[0], "id", "") == "exit_code":
                    errors[node.name] = line.value.value
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            version = node.value.value
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROUTES":
            rows = [[ast.unparse(each).strip("'") for each in call.args[:3]] for call in node.value.elts]
            public = {path for method, path, who in rows if (method, who) == ("GET", "PUBLIC") and "<" not in path}
    return App(version, settings, frozenset(public), errors)


def _worth(node: ast.expr):
    """The value of a default: a literal, or a shift of two like `64 << 20`."""
    if isinstance(node, ast.BinOp):
        return ast.literal_eval(node.left) << ast.literal_eval(node.right)
    return ast.literal_eval(node)


@dataclass(frozen=True)
class Finding:
    """One row of the table. result: PASSED, FAILED or UNCHECKED; words: the figure, or what is wrong; seconds: how long it took."""

    name: str
    promise: str
    result: str
    words: str
    seconds: float


def named(check: Callable) -> str:
    """A check's row in the table.

    >>> def one_volume(checkout): ...
    >>> named(one_volume)
    'one volume'
    """
    return check.__name__.replace("_", " ")


def tried(check: Callable[[Checkout], str], checkout: Checkout) -> Finding:
    """What a check finds; a check that breaks has failed, since it has shown nothing."""
    began = time.monotonic()
    try:
        result, words = PASSED, check(checkout) or ""
    except Wrong as no:
        result, words = FAILED, str(no)
    except Unchecked as why:
        result, words = UNCHECKED, str(why)
    except Exception as fault:
        result, words = FAILED, f"{type(fault).__name__}: {fault}"
    return Finding(named(check), check.__doc__.split("\n")[0], result, words, time.monotonic() - began)


def run(checks: Iterable[Callable], checkout: Checkout, tell: Callable[[Finding], None] = lambda finding: None) -> list[Finding]:
    """Every check in its order; `tell` hears of each finding as soon as it is there."""
    found = []
    for check in checks:
        found.append(tried(check, checkout))
        tell(found[-1])
    return found


def row(finding: Finding) -> str:
    """A finding as a line: the figure after what passed; the promise and what broke it after what did not."""
    words = " ".join(finding.words.split())
    if finding.result == FAILED:
        words = f"{finding.promise} But: {words}"
    return f"{finding.result:<12} {finding.name:<24} {finding.seconds:5.1f} s  {words}"


def summary(found: list[Finding]) -> str:
    """The last lines: how many of each, and what was not checked."""
    count = {result: sum(each.result == result for each in found) for result in (PASSED, FAILED, UNCHECKED)}
    lines = [", ".join(f"{number} {result}" for result, number in count.items()) + "."]
    if count[UNCHECKED]:
        lines.append("Not checked here: " + "; ".join(each.name for each in found if each.result == UNCHECKED) + ".")
    lines.append("Not ready." if count[FAILED] else "Ready, as far as this machine can tell.")
    return "\n".join(lines)


def require(true, sentence: str) -> None:
    """errors   Wrong with the sentence where it is not so"""
    if not true:
        raise Wrong(sentence)
