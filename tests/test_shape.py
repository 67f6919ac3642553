"""The house rules that a machine can hold: the order of contest.py's sections, and what each may touch."""

import ast
import bisect
import functools
import re
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
SOURCE = (HOME / "contest.py").read_text(encoding="utf-8")
LINES = SOURCE.splitlines()
TREE = ast.parse(SOURCE)
SECTIONS = ["Settings", "Errors", "Records", "Scoring", "Reasons", "Decisions", "Judging", "Folds", "Views", "Papers", "Log", "Trees", "Stencil", "Photos",
            "Wire", "Hub", "Desk", "Site", "Routes", "Web", "Server", "Verbs", "Script", "Command line"]
BUDGET = {"Log": 700, "Hub": 700, "Decisions": 700, "Web": 600, "Scoring": 350, "Photos": 250}
#: what a section must never name
FORBIDDEN = {
    "Records": {"time", "secrets", "os", "gevent", "bottle", "socket", "Path"},
    "Scoring": {"time", "secrets", "os", "gevent", "bottle", "socket", "Path", "State", "Event", "Command"},
    "Reasons": {"time", "secrets", "os", "gevent", "bottle", "socket", "Path", "State", "Event", "Command"},
    "Decisions": {"time", "secrets", "os", "gevent", "bottle", "socket", "Path"},
    "Judging": {"time", "secrets", "os", "gevent", "bottle", "socket", "Path"},
    "Folds": {"time", "secrets", "os", "gevent", "bottle", "socket", "Path", "decide", "Command", "Refused"},
    "Views": {"time", "secrets", "os", "gevent", "bottle", "socket", "Path", "decide", "Command"},
    "Papers": {"time", "secrets", "os", "gevent", "bottle", "socket", "Path", "decide", "fold", "Command", "Log", "Reader"},
    "Log": {"State", "Entry", "Sheet", "Event", "Command", "decide", "fold", "frames", "gevent", "bottle"},
    "Trees": {"State", "Entry", "Sheet", "Event", "Command", "decide", "fold", "frames", "gevent", "bottle"},
    "Stencil": {"State", "Log", "Disk", "Path", "os", "gevent", "bottle", "time", "secrets"},
    "Photos": {"State", "Log", "gevent", "bottle"},
    "Wire": {"State", "Event", "Command", "decide", "fold", "frames", "view", "bottle", "Log", "Hub", "Backlog", "Peer"},
    "Hub": {"State", "Event", "Command", "decide", "fold", "frames", "view", "bottle", "Log"},
    "Desk": {"bottle", "socket", "Hub", "Audience", "Peer"},
    "Site": {"Log", "fold", "recover", "FolderLock", "bottle", "Disk", "socket", "decide"},
    "Routes": {"Log", "fold", "recover", "FolderLock", "bottle", "Disk"},
    "Web": {"Log", "fold", "recover", "FolderLock", "Disk", "Command", "decide"},
    "Server": {"bottle", "Command", "decide"},
    "Verbs": {"State", "Command", "decide", "fold", "recover", "Log", "gevent", "bottle", "socket", "Site", "Desk"},
    "Script": {"Command", "decide", "take_in"},
}


@functools.cache
def _headers() -> dict[str, int]:
    """{section: number of its header line}, in order."""
    found = {}
    for number, line in enumerate(LINES, 1):
        if match := re.fullmatch(r"# --- ([\w ]+) -+", line):
            found[match[1]] = number
    return found


def _section_of(line: int) -> str:
    return SECTIONS[bisect.bisect(list(_headers().values()), line) - 1]


def _names(tree: ast.AST) -> set[tuple[str, int]]:
    return {(node.id, node.lineno) for node in ast.walk(tree) if isinstance(node, ast.Name)}


@functools.cache
def _definitions() -> dict[str, int]:
    """{name: line} of what the module defines at its top level."""
    found = {}
    for node in TREE.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = node.lineno
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name) and node.lineno > _headers()["Settings"]:
                        found[name.id] = node.lineno
    return found


def test_the_sections_stand_in_the_order_of_the_contents():
    assert list(_headers()) == SECTIONS
    contents = re.findall(r"^    ([A-Z][\w ]+?)  +\S", ast.get_docstring(TREE, clean=False), re.M)
    assert contents == SECTIONS


def test_headers_reach_to_column_79():
    for name, number in _headers().items():
        assert 78 <= len(LINES[number - 1]) <= 79, name


def test_no_section_names_a_later_one():
    """Annotations are not evaluated, so only what runs counts."""
    defined, wrong = _definitions(), []
    order = {name: i for i, name in enumerate(SECTIONS)}
    annotations = set()
    for node in ast.walk(TREE):
        for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if part is not None:
                annotations |= _names(part)
    for name, line in _names(TREE) - annotations:
        if name in defined and line > _headers()["Settings"]:
            here, there = _section_of(line), _section_of(defined[name])
            if order[here] < order[there]:
                wrong.append(f"line {line}: {here} names {name} of {there}")
    assert not wrong


def test_private_names_stay_in_their_section():
    wrong = []
    for name, line in _names(TREE):
        if name.startswith("_") and not name.startswith("__") and name in _definitions():
            if _section_of(line) != _section_of(_definitions()[name]):
                wrong.append(f"line {line}: {_section_of(line)} names {name}")
    assert not wrong


@pytest.mark.parametrize("section", FORBIDDEN)
def test_a_section_never_touches_what_is_not_its_business(section):
    found = {f"line {line}: {name}" for name, line in _names(TREE)
             if line > _headers()["Settings"] and _section_of(line) == section and name in FORBIDDEN[section]}
    assert not found


def test_functions_are_short():
    sizes = [(node.end_lineno - node.lineno + 1, node.name) for node in ast.walk(TREE) if isinstance(node, ast.FunctionDef)]
    assert max(sizes)[0] <= 50, max(sizes)
    assert sorted(sizes)[len(sizes) // 2][0] < 12


def test_classes_are_short():
    sizes = [(node.end_lineno - node.lineno + 1, node.name) for node in TREE.body if isinstance(node, ast.ClassDef)]
    assert max(sizes)[0] <= 150, sorted(sizes)[-4:]


def test_public_functions_and_classes_have_docstrings():
    missing = [node.name for node in TREE.body
               if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
               and not ast.get_docstring(node) and node.end_lineno - node.lineno > 7]
    assert not missing


def test_no_script_of_a_page_leads_back_to_itself():
    scripts = {"/" + str(path.relative_to(HOME)): path for path in (HOME / "static").rglob("*.js")}
    leads = {name: [to for to in re.findall(r'''(?:from|import\(?)\s*"(/static/[^"]+\.js)"''', path.read_text()) if to in scripts] for name, path in scripts.items()}
    assert sum(map(len, leads.values())) > 300
    open_ones, done = [], set()

    def follow(name: str) -> None:
        assert name not in open_ones, " -> ".join([*open_ones[open_ones.index(name):], name])
        if name not in done:
            open_ones.append(name)
            for to in leads[name]:
                follow(to)
            done.add(open_ones.pop())
    for name in scripts:
        follow(name)


def test_no_mutable_global_and_no_unfinished_work():
    for node in TREE.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) != "__all__":
            assert not isinstance(node.value, (ast.List, ast.Set, ast.ListComp)), f"line {node.lineno}"
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b|monkey\.patch", SOURCE)


def test_no_name_is_one_that_says_nothing():
    """The setting `data` is the one exception: it is a folder's name."""
    own = {node.arg for node in ast.walk(TREE) if isinstance(node, ast.arg)} | {
        node.id for node in ast.walk(TREE) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)} | {
        node.name for node in ast.walk(TREE) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    banned = {name for name in own for part in re.findall(r"[A-Z]?[a-z]+", name)
              if part.lower() in {"manager", "handler", "helper", "util", "data", "info", "process"}}
    assert banned == {"data"}
    assert SOURCE.count("    data: str = _setting(") == len(re.findall(r"^\s*data\b.*=", SOURCE, re.M)) == 1


def test_importing_starts_nothing():
    import subprocess
    code = ("import threading, gevent.socket, socket; before = socket.socket; import contest; "
            "assert socket.socket is before and threading.active_count() == 1")
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=HOME, timeout=30)


def test_the_sections_and_their_budgets(capsys):
    """Printed where it is read also when the files of the suite run side by side, each in a process of its own."""
    headers = [*_headers().items(), ("", len(LINES) + 1)]
    with capsys.disabled():
        print(file=sys.stderr)
        for (name, start), (_, end) in zip(headers, headers[1:]):
            size, budget = end - start, BUDGET.get(name, 900)
            print(f"  {name:<14}{size:5} of {budget}{'   over' if size > budget else ''}", file=sys.stderr)
    assert len(LINES) > 1000
