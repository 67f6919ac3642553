"""The notebooks: each runs from top to bottom, again and again in one kernel, on an ordinary contest and on adverse ones, and says what is true of each.

A kernel is started once for each notebook; the contests follow each other in it, as for somebody who runs all cells again.
"""

import dataclasses
import html
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

import contest
from tests.server import TOP

nbformat = pytest.importorskip("nbformat", reason="the notebooks' libraries are not installed: requirements-dev.txt")
pytest.importorskip("nbclient", reason="the notebooks' libraries are not installed: requirements-dev.txt")
FOLDER = TOP / "notebooks"
#: What each notebook is run on: names of sample.py's contests, "tokens", ... are methods, "served" is one that a server holds.
CONTESTS = {"organise": ("", "1"), "results": ("", "1", "tens", "missing", "level", "nothing", "tokens", "ranking", "choice", "served"),
            "audit": ("", "1", "tampered", "nothing", "tokens", "served"), "simulate": ("", "1", "served")}
NAMES = tuple(CONTESTS)


#: Runs a notebook with this interpreter as its kernel, once for each environment, and writes what came of it: [[cell, ...], ...].
#: In a process of its own: what talks to kernels leaves its sockets to the collector.
RUN = """import copy, json, sys, nbclient, nbformat
book, runs = nbformat.read(sys.argv[1], 4), json.loads(sys.argv[4])
cells = book.cells
book.cells = []
for env in runs:
    chosen = nbformat.v4.new_code_cell(f"import os\\nos.environ.update({env!r})\\nfor key in ('CONTEST_DATA',): os.environ[key] or os.environ.pop(key)")
    book.cells += [chosen, *copy.deepcopy(cells)]
kernel = nbclient.client.KernelManager(kernel_name="python3")
nbclient.NotebookClient(book, km=kernel, timeout=100, resources={"metadata": {"path": sys.argv[2]}}).execute()
json.dump([book.cells[at + 1:at + 1 + len(cells)] for at in range(0, len(book.cells), len(cells) + 1)], open(sys.argv[3], "w"))"""


def environment(name: str, served) -> dict[str, str]:
    """What a contest's name means to sample.py."""
    method = name if name in ("tokens", "ranking", "choice") else "points"
    return {"ADVERSE": "" if name in ("served", method) else name, "METHOD": method, "CONTEST_DATA": str(served) if name == "served" else ""}


def executed(name: str, served, into) -> dict:
    """{(notebook, contest): its cells with their outputs}"""
    made = into / f"{name}.json"
    done = subprocess.run([sys.executable, "-c", RUN, str(FOLDER / f"{name}.ipynb"), str(FOLDER), str(made),
                           json.dumps([environment(each, served) for each in CONTESTS[name]])], cwd=into, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr[-3000:]
    runs = json.loads(made.read_text("utf-8"))
    assert len(runs) == len(CONTESTS[name])
    return {(name, each): cells for each, cells in zip(CONTESTS[name], runs)}


def beside() -> set[str]:
    """The files in the notebooks' folder."""
    return {str(path) for path in FOLDER.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def modules():
    """The notebooks' own modules, by name."""
    sys.path.insert(0, str(FOLDER))
    try:
        import agreement
        import claims
        import history
        import sample
        import simulation
        yield {each.__name__: each for each in (agreement, claims, history, sample, simulation)}
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def books(tmp_path_factory, modules):
    """{(notebook, contest): cells}, a kernel a notebook, two at a time; meanwhile a contest is served, which some of them look at."""
    into, before = tmp_path_factory.mktemp("notebooks"), beside()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADVERSE", "missing")
        patch.delenv("CONTEST_DATA", raising=False)
        served = modules["sample"].judged()
    with contest.open(served) as c, contest.serve(c, port=0, host="127.0.0.1"), ThreadPoolExecutor(2) as pool:
        head = c.log().answer["head"]
        found = {}
        for runs in pool.map(lambda name: executed(name, served, into), ("results", "simulate", "audit", "organise")):
            found |= runs
        assert c.log().answer["head"] == head, "a notebook has written into a contest that it looks at"
    assert beside() == before, "a notebook has written beside itself"
    return found


def codes(cells: list[dict]) -> list[dict]:
    """The cells that were run."""
    return [cell for cell in cells if cell["cell_type"] == "code"]


def silent(cells: list[dict]) -> list[str]:
    """The cells that showed nothing, or complained."""
    return [cell["source"] for cell in codes(cells) if not cell["outputs"] or any(o.get("name") == "stderr" or o["output_type"] == "error" for o in cell["outputs"])]


def said(cells: list[dict]) -> str:
    """All that a notebook printed."""
    return "".join("".join(o["text"]) for cell in codes(cells) for o in cell["outputs"] if o["output_type"] == "stream" and o["name"] == "stdout")


def shown(cells: list[dict]) -> str:
    """All that it showed in another way than as a picture."""
    return "".join("".join(o["data"].get("text/html", o["data"].get("text/plain", ""))) for cell in codes(cells) for o in cell["outputs"] if "data" in o)


@pytest.mark.seconds(300)
def test_every_cell_of_every_notebook_has_something_to_show(books):
    assert {run: silent(cells) for run, cells in books.items() if silent(cells)} == {}


def test_a_cell_without_an_output_and_one_that_warns_would_be_found():
    def cell(*outputs):
        return {"cell_type": "code", "source": f"{len(outputs)} {outputs}", "outputs": list(outputs)}
    good = {"output_type": "stream", "name": "stdout", "text": "W"}
    assert silent([cell(good), {"cell_type": "markdown", "source": ""}]) == []
    assert len(silent([cell(), cell(good, {"output_type": "stream", "name": "stderr", "text": "nan"}), cell({"output_type": "error"})])) == 3


def test_no_notebook_says_nan_in_words_or_in_a_table(books):
    for run, cells in books.items():
        assert not re.search(r"\bnan\b", said(cells) + re.sub(r'src="data:[^"]*"', "", shown(cells)), re.IGNORECASE), run


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_asks_first_and_its_cells_are_short_with_one_picture_each(books, name):
    cells = books[name, ""]
    assert cells[0]["cell_type"] == "markdown" and "?" in cells[0]["source"].partition("\n")[0]
    headings = [cell["source"].partition("\n")[0] for cell in cells if cell["cell_type"] == "markdown" and cell["source"].startswith("## ")]
    assert all(heading.endswith("?") for heading in headings), headings
    for run in (each for each in books if each[0] == name):
        for cell in codes(books[run]):
            assert len(cell["source"].splitlines()) < 15, cell["source"]
            pictures = [o for o in cell["outputs"] if "image/png" in o.get("data", {})]
            # the title of each picture is a claim that the cell has computed, and that is said again at the end
            claim = re.search(r"^(claim_\w+) = claims\.", cell["source"], re.MULTILINE)
            assert len(pictures) <= 1 and (not pictures or claim and claim[1] in codes(cells)[-1]["source"]), cell["source"]


def test_notebooks_are_stored_without_outputs():
    for path in FOLDER.glob("*.ipynb"):
        assert all(cell.get("outputs", []) == [] and cell.get("execution_count") is None for cell in nbformat.read(path, 4).cells), path.name


#: What is claimed of each contest. A claim that begins with "not " must not be made of it.
CLAIMS = [
    ("organise", "", ["All 6 rows are in; a second run entered 0 and knew 6.", "the folder is whole", "The first card opens", "Not served any more"]),
    ("organise", "1", ["2 rows are wrong, so nothing was entered", "photo_missing", "no_such_category", "the folder is whole", "not All 6 rows"]),
    ("results", "", ["nothing is missing", "Every method puts 101 first.", "The judges agree on the order: W = 0.86 (", "The panel's mean is reliable: 0.93 (",
                     "Tadeusz is stricter by 0.6 points.", "101 is clearly first", "Nothing speaks against these winners."]),
    ("results", "1", ["10 of 40 MISSING; nothing from Tadeusz", "NO method puts one entry first: points and trimmed: 10 entries level; tokens and ranking: only by lot", "their orders cancel out; an interval CANNOT be had",
                      "mean CANNOT be relied on: all entries have the same mean", "Noor gives all entries THE SAME", "10 entries SHARE the first place", "Look again"]),
    ("results", "tens", ["nothing is missing", "Every method puts 101 first; tokens only by lot", "The judges MAY agree", "The panel's mean is NOT known to be reliable",
                         "Noor gives all entries THE SAME; Tadeusz is stricter", "101 is clearly first", "Look again"]),
    ("results", "missing", ["7 of 40 MISSING, 1 recused; left out below: Tadeusz and entry 105", "The judges agree on the order", "No judge is known to be stricter",
                            "Look again", "not Nothing speaks"]),
    ("results", "level", ["nothing is missing", "agree CANNOT be said: no judge tells any entry from another", "mean CANNOT be relied on",
                          "ALL judges give all entries THE SAME", "10 entries SHARE the first place; none is first in more than 10%", "Look again"]),
    ("results", "nothing", ["40 of 40 MISSING", "NOBODY has a place yet", "nobody whose order could be compared", "How close it was CANNOT be said: nothing was judged", "Look again"]),
    ("results", "tokens", ["4 judges by tokens", "Only tokens were given, which no other method can count", "W = 0.82 (", "by tokens there are no marks",
                           "101 and 102 SHARE the first place", "not The panel's mean"]),
    ("results", "ranking", ["4 judges by ranking", "Every method puts 101 first; tokens 101 and 102 level", "W = 0.92 (", "by ranking there are no marks", "101 is clearly first"]),
    ("results", "choice", ["60 people voted; there is no panel", "Only votes were given", "nobody whose order could be compared", "of the redrawn ballots"]),
    ("results", "served", ["7 of 40 MISSING, 1 recused", "Look again"]),
    ("audit", "", ["The contest is whole: 56 lines, 30 photos", "3 of 4 forgeries are shown by the log itself; 1 only by the last hash", "101 leads since line 17 of 56; nobody else ever led",
                   "No mark was changed", "Nothing to ask about."]),
    ("audit", "1", ["The contest is whole: 51 lines", "10 entries are LEVEL at the end, since line 51 of 51; the lead changed 25 times", "Sheets were CHANGED 4 times", "2 sheets are marked LATE",
                    "2 entries have other sheets or scores; 0 have another place", "Ask about the lines above."]),
    ("audit", "tampered", ["The contest is DAMAGED: the log is whole up to line 35", "No forgery was tried", "Ask about the lines above."]),
    ("audit", "nothing", ["The contest is whole", "Nobody has led yet: nothing was judged"]),
    ("audit", "tokens", ["101 and 102 are LEVEL at the end", "20 lines"]),
    ("audit", "served", ["The contest is whole", "3 of 4 forgeries"]),
    ("simulate", "", ["judges who give all tens: 0", "less often: tokens (", "judges are enough for a goal of 70%", "Looking twice as closely helps more"]),
    ("simulate", "1", ["judges who give all tens: 1", "ranking (10%)", "Even 12 judges are NOT sure", "No telling which helps more"]),
    ("simulate", "served", ["judges who give all tens: 0", "are enough for a goal of 70%"])]


@pytest.mark.parametrize("name, of, claimed", CLAIMS, ids=lambda each: each if isinstance(each, str) else "")
def test_the_conclusions_are_those_of_the_contest_that_was_looked_at(books, name, of, claimed):
    text = said(books[name, of])
    for claim in claimed:
        assert (claim.removeprefix("not ") in text) != claim.startswith("not "), (claim, text[-1500:])


def test_every_contest_that_a_notebook_is_run_on_has_its_claims():
    assert {(name, of) for name, of, _ in CLAIMS} == {(name, of) for name in NAMES for of in CONTESTS[name]}


def test_what_a_notebook_claims_of_one_contest_it_does_not_claim_of_all(books):
    for name in ("results", "audit", "simulate"):
        last = [set("".join(codes(books[name, of])[-1]["outputs"][0]["text"]).splitlines()) - {""} for of in CONTESTS[name] if of not in ("tokens", "ranking", "choice", "served")]
        assert all(mine - other for mine in last for other in last if mine is not other), name


def modules_of(svg: str) -> set[tuple[int, int]]:
    """The dark cells (x, y) of an inline QR code, read from its strokes."""
    x = y = 0.0
    dark = set()
    for move, numbers in re.findall(r"([Mmh])([^Mmhvz]*)", re.search(r'\bd="([^"]+)"', svg)[1]):
        found = [float(each) for each in re.findall(r"-?\d*\.?\d+", numbers)]
        if move == "h":
            dark |= {(round(x) + at, round(y - 0.5)) for at in range(int(found[0]))}
            x += found[0]
        else:
            x, y = (found[0], found[1]) if move == "M" else (x + found[0], y + found[1])
    return dark


def test_the_cards_of_the_notebook_are_the_codes_of_the_judges_links(books):
    import segno
    cells = books["organise", ""]
    page = next(text for cell in codes(cells) for o in cell["outputs"] if "<svg" in (text := "".join(o.get("data", {}).get("text/html", ""))))
    cards = re.findall(r'(<svg.*?</svg>).*?<a href="([^"]+)">', page, re.DOTALL)
    served = re.search(r"at (http://127\.0\.0\.1:\d+)", said(cells))[1]
    assert len(cards) == 4 and len({link for _, link in cards}) == 4
    for svg, link in cards:
        rows = segno.make(html.unescape(link)).matrix
        assert modules_of(svg) == {(x + 4, y + 4) for y, row in enumerate(rows) for x, cell in enumerate(row) if cell}, link
        assert link.startswith(f"{served}/join/")
    assert f"The first card opens {served}/judge" in said(cells)


# The figures.

def random_marks(seed: int, entries: int, judges: int, level: bool, gaps: int = 0):
    """A table of marks, without `gaps` of them."""
    import numpy
    import pandas
    dice = numpy.random.default_rng(seed)
    marks = dice.normal(7, 1, (entries, 1)) + dice.normal(0, 0.8, (entries, judges)) + dice.normal(0, 0.5, judges)
    table = pandas.DataFrame(numpy.round(marks * 2) / 2 if level else marks, columns=[f"j{j}" for j in range(judges)])
    for at in dice.choice(entries * judges, gaps, replace=False):
        table.iloc[at // judges, at % judges] = float("nan")
    return table


@pytest.fixture(scope="module")
def pingouin():
    """The other program."""
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("pingouin", reason="pingouin is not installed: requirements-dev.txt")


def long(table):
    """A row a mark."""
    return table.reset_index().melt("index", var_name="judge", value_name="mark")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed, entries, judges, level, gaps", [
    (1, 10, 4, False, 0), (2, 6, 3, True, 0), (3, 25, 5, True, 0), (4, 8, 2, False, 0), (5, 12, 4, True, 5), (6, 20, 5, False, 12), (7, 9, 3, True, 4)])
def test_the_figures_of_agreement_are_those_of_pingouin(modules, pingouin, seed, entries, judges, level, gaps):
    agreement, given = modules["agreement"], random_marks(seed, entries, judges, level, gaps)
    table = agreement.whole(given)
    assert table.notna().all(axis=None) and min(table.shape) > 1 and (gaps or table.equals(given))
    theirs = pingouin.intraclass_corr(long(table), targets="index", raters="judge", ratings="mark").set_index("Type")
    # to pingouin the judges are the blocks and the entries the treatments: the same W
    w = pingouin.friedman(long(table), dv="mark", within="index", subject="judge")["W"].iloc[0]
    assert agreement.kendalls_w(table) == pytest.approx(float(w), abs=1e-9)
    ours = agreement.icc(table)
    for name, their in (("ICC2", ["ICC2", "ICC(A,1)"]), ("ICC2k", ["ICC2k", "ICC(A,k)"])):
        row = theirs.loc[next(each for each in their if each in theirs.index)]
        assert ours.loc[name, "value"] == pytest.approx(float(row["ICC"]), abs=1e-6)
        interval = row[next(column for column in row.index if column.startswith("CI95"))]
        assert list(ours.loc[name, ["low", "high"]]) == pytest.approx(list(interval), abs=0.006)
    low, high = agreement.w_interval(table)
    assert low <= agreement.kendalls_w(table) <= high and (low, high) == agreement.w_interval(table)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed, gaps", [(1, 0), (5, 6), (6, 11)])
def test_severity_is_the_paired_comparison_of_pingouin_on_the_entries_that_others_have_marked(modules, pingouin, seed, gaps):
    table = random_marks(seed, 12, 4, True, gaps)
    ours = modules["agreement"].severity(table)
    for judge in table:
        others = table.drop(columns=judge).mean(axis=1)
        both = table[judge].notna() & others.notna()
        theirs = pingouin.ttest(table[judge][both].to_numpy(), others[both].to_numpy(), paired=True, confidence=1 - 0.05 / 4)
        interval = theirs[next(column for column in theirs.columns if column.startswith("CI"))].iloc[0]
        assert list(ours.loc[judge, ["low", "high"]]) == pytest.approx(list(interval), abs=0.006)
        assert ours.loc[judge, "sheets"] == both.sum() and ours.loc[judge, "low"] < ours.loc[judge, "above"] < ours.loc[judge, "high"]


@pytest.mark.filterwarnings("ignore")
def test_the_agreement_on_tokens_is_cochrans_q(modules, pingouin):
    agreement, judged = modules["agreement"], contest.Judging(
        range(1, 9), ["a", "b", "c", "d"], method="tokens", hands={"a": [1, 2, 3], "b": [1, 2, 4], "c": [1, 3, 5], "d": [2, 6, 1]})
    table = agreement.opinions(judged)
    q = float(pingouin.cochran(long(table), dv="mark", within="index", subject="judge")["Q"].iloc[0])
    assert table.sum().tolist() == [3, 3, 3, 3] and agreement.kendalls_w(table) == pytest.approx(q / (4 * 7))


def test_what_lacks_most_is_left_out_and_nothing_is_filled_in(modules):
    import pandas
    none = float("nan")
    table = pandas.DataFrame({"a": [1.0, 2, 3, 4], "b": [2.0, none, 3, 5], "gone": [none] * 4, "early": [9.0, none, none, none]})
    assert modules["agreement"].whole(table).to_dict("list") == {"a": [1, 3, 4], "b": [2, 3, 5]}


@pytest.mark.filterwarnings("error")
def test_agreement_is_whole_none_or_not_to_be_had(modules):
    import math

    import pandas
    agreement = modules["agreement"]
    same = pandas.DataFrame({"a": [1, 2, 3, 4], "b": [2, 4, 6, 8]})
    assert agreement.kendalls_w(same) == 1 and agreement.kendalls_w(same.assign(b=[8, 6, 4, 2])) == 0
    assert agreement.w_interval(same) == (1, 1)
    for nothing in (same[["a"]], same[:1], same.assign(a=5, b=5), same[[]]):
        assert math.isnan(agreement.kendalls_w(nothing)) and all(map(math.isnan, agreement.w_interval(nothing)))
        assert agreement.icc(nothing).isna().all(axis=None)
        assert "CANNOT" in modules["claims"].reliable(nothing, agreement.icc(nothing))
    assert list(agreement.icc(same.assign(b=same["a"]))["value"]) == [1, 1]
    assert list(agreement.severity(pandas.DataFrame({"a": [9, 8, 7], "b": [7, 6, 5]}))["above"]) == [2, -2]


def marked(marks: dict[str, list[float | None]], **more) -> contest.Judging:
    """A category of one criterion, judge by judge; None: not judged."""
    sheets = {(judge, 1 + at): {"look": mark} for judge, each in marks.items() for at, mark in enumerate(each) if mark is not None}
    return contest.Judging(range(1, 1 + len(next(iter(marks.values())))), list(marks), (contest.Criterion("look", "Look"),), sheets, **more)


def test_the_chances_are_those_of_every_panel_that_could_be_drawn(modules):
    import itertools
    marks = {"a": [9, 8, 7.5, 3], "b": [6, 8, 7, 4], "c": [7, 6, 9, 9]}
    first = {entry: 0 for entry in range(1, 5)}
    for drawn in itertools.product(marks, repeat=3):
        score = [sum(marks[judge][at] for judge in drawn) for at in range(4)]
        best = [at for at in range(4) if score[at] == max(score)]
        if len(best) > 1:  # one criterion: then more judges decide, as docs/scoring.md says
            beats = {a: all(sum((marks[j][a] > marks[j][b]) - (marks[j][a] < marks[j][b]) for j in drawn) > 0 for b in best if b != a) for a in best}
            best = [a for a in best if beats[a]] or best
        for at in best:
            first[1 + at] += 1 / len(best) / 27
    found = modules["agreement"].chances(marked(marks))
    assert found[1].to_dict() == pytest.approx(first) and found.sum().to_list() == pytest.approx([1, 1, 1])
    assert found.equals(modules["agreement"].chances(marked(marks)))


def test_a_redrawn_panel_is_counted_as_its_category_is(modules):
    chances = modules["agreement"].chances
    # one judge adores 4: trimming takes that away from all panels in which it stands alone, the mean does not
    marks = {"a": [8, 7, 6, 5.5], "b": [8, 7, 6, 5.5], "c": [8, 7, 6, 5.5], "d": [1, 1, 1, 10]}
    assert chances(marked(marks, method="trimmed")).loc[1, 1] > chances(marked(marks)).loc[1, 1]
    tokens = contest.Judging([1, 2, 3, 4], ["a", "b"], method="tokens", hands={"a": [1, 2], "b": [1, 3]}, tokens=2)
    assert chances(tokens)[1].to_dict() == pytest.approx({1: 0.5 + 0.25, 2: 0.125, 3: 0.125, 4: 0})
    ranking = contest.Judging([1, 2], ["a", "b"], method="ranking", hands={"a": [1, 2], "b": [2, 1]})
    assert chances(ranking)[1].to_dict() == {1: 0.5, 2: 0.5}
    # a judge who gave nothing is not drawn, and who has not seen an entry is no zero for it
    assert chances(marked({"a": [9, 8], "b": [None, None]})).loc[1, 1] == 1
    assert chances(marked({"a": [9, 8], "b": [9, None]})).loc[1, 1] == 1
    # what was decided about the true panel's tie is no judge's opinion
    assert chances(marked({"a": [8, 8], "b": [8, 8]}, decisions=[([[2], [1]], "the line work")]))[1].to_dict() == {1: 0.5, 2: 0.5}
    # many judges: five hundred panels by lot, the same ones every time
    many = marked({f"j{at}": [5 + at % 3, 6, 5] for at in range(7)})
    assert chances(many).equals(chances(many)) and 0 < chances(many).loc[1, 1] < 1


def test_a_method_that_puts_another_first_is_named(modules):
    marks = marked({"a": [8, 7, 6], "b": [8, 7, 6], "c": [1, 9, 6]}, tokens=1)
    places = {method: modules["agreement"].under(marks, method) for method in modules["agreement"].METHODS}
    assert modules["claims"].methods(places, "points") == "The first place is NOT the same under every method: points and trimmed: 2; tokens and ranking: 1"


def test_where_a_judges_marks_are_level_a_lot_decides_and_not_the_number(modules):
    under = modules["agreement"].under
    assert under(marked({"a": [8, 8, 5], "b": [8, 8, 6], "c": [8, 8, 4]}), "ranking") == {1: (1, 2), 2: (1, 2), 3: (3, 3)}
    assert under(marked({"a": [9, 8, 5], "b": [8, 9, 6], "c": [9, 8, 4]}), "ranking") == {1: (1, 1), 2: (2, 2), 3: (3, 3)}
    shared = marked({"a": [8, 7], "b": [7, 8]}, run_offs=[("r1", [1, 2], {"a": 2, "b": 2})])
    assert under(shared, "points") == {1: (2, 2), 2: (1, 1)} and under(shared, "trimmed") == {1: (1, 1), 2: (1, 1)}


@pytest.mark.parametrize("method", ["missing", "tokens", "ranking", "choice"])
def test_the_standings_of_what_the_notebooks_count_are_those_of_the_contest(modules, monkeypatch, method):
    for key, value in environment(method, "").items():
        monkeypatch.setenv(key, value) if value else monkeypatch.delenv(key, raising=False)
    with contest.open(modules["sample"].judged()) as c:
        if method == "tokens":
            level = next(row for row in c.standings("best-sleeve") if row["tied_with"])
            run_off = c.call_run_off("best-sleeve", [level["entry"], *level["tied_with"]])
            for judge in c.judges():
                c.vote(run_off["id"], judge["id"], 102)
        given = modules["agreement"].judging(c, "best-sleeve")
        ours, theirs = contest.standings(given), c.standings("best-sleeve")
        assert json.loads(json.dumps(ours["rows"], default=float)) == list(theirs) and ours["missing"] == theirs.answer["missing"]
        if method == "tokens":
            assert theirs[0]["decided_by"] == "run-off" and given.run_offs


def test_any_moment_of_a_contest_can_be_had_again_by_line_and_by_time(modules, monkeypatch):
    monkeypatch.setenv("ADVERSE", "1")
    monkeypatch.delenv("CONTEST_DATA", raising=False)
    history, folder = modules["history"], modules["sample"].judged()
    lines, fault = history.lines(folder)
    states = history.states(lines)
    assert fault == "" and [state.seq for state in states] == [line.seq for line in lines] == list(range(1, 52))
    assert history.at(lines, states, 20).seq == 20
    whole_second = history.clock(lines[-1].public["at"] + 1000)
    assert history.at(lines, states, whole_second).seq == 51
    with pytest.raises(ValueError, match="Nothing had been written"):
        history.at(lines, states, "2001-01-01 00:00")
    assert [(each["line"], each["from"], each["to"]) for each in history.changed_sheets(lines)] == [
        (48, {"style": 4.0}, {"style": 2.0}), (49, {"style": 2.0}, {"style": 4.0}), (50, {"style": 4.5}, {"style": 2.0}), (51, {"style": 2.0}, {"style": 4.5})]


def test_a_judge_of_a_simulated_hall_marks_as_the_panel_it_is_like(modules):
    import numpy
    simulation, agreement = modules["simulation"], modules["agreement"]
    hall = simulation.Hall(entries=200, judges=12, spread=1.0, noise=0.6, severity=0.5)
    given, best = simulation.rehearsal(hall, numpy.random.default_rng(3))
    like = simulation.like(agreement.totals(given))
    assert (like.entries, like.judges) == (200, 12) and like.noise == pytest.approx(0.6, abs=0.1) and like.spread == pytest.approx(1.0, abs=0.2)
    assert like.severity == pytest.approx(0.5, abs=0.25) and simulation.like(agreement.totals(given)[[]]) == simulation.Hall()
    blind = dataclasses.replace(hall, entries=10, noise=0.0, severity=0.0, judges=3)
    assert all(simulation.hit(*simulation.rehearsal(blind, numpy.random.default_rng(at)), "points", numpy.random.default_rng(1)) > 0.3 for at in range(5))


@pytest.mark.parametrize("hits", [7, 0, 10])
def test_the_interval_of_a_simulated_share_is_that_of_scipy(modules, hits):
    import pandas
    from scipy import stats
    theirs = stats.binomtest(hits, 10).proportion_ci(method="wilson")
    assert modules["simulation"].share(pandas.Series([1.0] * hits + [0.0] * (10 - hits))) == pytest.approx((hits / 10, theirs.low, theirs.high), abs=1e-4)
