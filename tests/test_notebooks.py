"""The notebooks: each runs from top to bottom, on an ordinary contest and on an adverse one, and says other things then; their figures are right."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.server import TOP

nbformat = pytest.importorskip("nbformat", reason="the notebooks' libraries are not installed: requirements-dev.txt")
pytest.importorskip("nbclient", reason="the notebooks' libraries are not installed: requirements-dev.txt")
FOLDER = TOP / "notebooks"
NAMES = ("organise", "results", "audit", "simulate")


#: Runs a notebook with this interpreter as its kernel. In a process of its own: what talks to kernels leaves its sockets to the collector.
RUN = """import sys, nbclient, nbformat
book = nbformat.read(sys.argv[1], 4)
kernel = nbclient.client.KernelManager(kernel_name="python3")
nbclient.NotebookClient(book, km=kernel, timeout=100, resources={"metadata": {"path": sys.argv[2]}}).execute()
nbformat.write(book, sys.argv[3])"""


def executed(name: str, adverse: bool, into: Path):
    """A notebook with its outputs."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("CONTEST_")} | {"ADVERSE": "1" if adverse else ""}
    made = into / f"{name}-{adverse}.ipynb"
    done = subprocess.run([sys.executable, "-c", RUN, str(FOLDER / f"{name}.ipynb"), str(FOLDER), str(made)], env=env, cwd=into,
                          capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    return nbformat.read(made, 4)


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """{(name, adverse): notebook}, each run once, two at a time."""
    runs = [(name, adverse) for name in NAMES for adverse in (False, True)]
    into = tmp_path_factory.mktemp("notebooks")
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(runs, pool.map(lambda run: executed(*run, into), runs)))


def said(book) -> str:
    """All that a notebook printed."""
    return "".join(output["text"] for cell in book.cells if cell.cell_type == "code" for output in cell.outputs
                   if output.output_type == "stream" and output["name"] == "stdout")


@pytest.mark.seconds(300)
def test_every_cell_of_every_notebook_has_something_to_show(books):
    for run, book in books.items():
        for cell in book.cells:
            if cell.cell_type == "code":
                assert cell.outputs, (run, cell.source)
                assert not [o for o in cell.outputs if o.get("name") == "stderr"], (run, cell.outputs)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_asks_first_and_its_cells_are_short_with_one_picture_each(books, name):
    cells = books[name, False].cells
    assert cells[0].cell_type == "markdown" and "?" in cells[0].source.partition("\n")[0]
    for cell in cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) < 15, cell.source
            pictures = [o for o in cell.outputs if "image/png" in o.get("data", {})]
            assert len(pictures) <= 1 and (not pictures or "set_title(" in cell.source), cell.source


@pytest.mark.parametrize("name, plainly, adversely", [
    ("organise", ["All 6 rows are in; a second run entered 0 and knew 6.", "the folder is whole"], ["2 rows are wrong, so nothing was entered", "photo_missing", "no_such_category"]),
    ("results", ["Every method has 101 first.", "The judges agree on the order", "The panel's mean is reliable", "Nothing speaks against these winners."],
     ["NOT the same under every method", "do NOT agree", "NOT reliable", "all the same from Noor", "nothing from Tadeusz", "Look again"]),
    ("audit", ["The contest is whole.", "A changed byte is found", "No mark was changed", "entry 101 leads", "Nothing to ask about."],
     ["A changed byte is found", "4 sheets were changed", "2 sheets are marked late", "first two are LEVEL", "Ask about the lines above."]),
    ("simulate", ["tens=0", "3 judges find it"], ["tens=1", "7 judges find it"])])
def test_the_conclusions_are_those_of_the_contest_that_was_looked_at(books, name, plainly, adversely):
    ordinary, bad = said(books[name, False]), said(books[name, True])
    for text in plainly:
        assert text in ordinary and (text in bad) == (text in adversely or text in ("The contest is whole.", "the folder is whole")), text
    for text in adversely:
        assert text in bad, text


@pytest.fixture(scope="module")
def agreement():
    sys.path.insert(0, str(FOLDER))
    try:
        import agreement
        return agreement
    finally:
        sys.path.remove(str(FOLDER))


@pytest.mark.parametrize("seed, entries, judges, level", [(1, 10, 4, False), (2, 6, 3, True), (3, 25, 5, True), (4, 8, 2, False)])
def test_the_figures_of_agreement_are_those_of_pingouin(agreement, seed, entries, judges, level):
    pytest.importorskip("pingouin", reason="pingouin is not installed: requirements-dev.txt")
    import warnings

    import numpy
    import pandas
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pingouin
        dice = numpy.random.default_rng(seed)
        marks = dice.normal(7, 1, (entries, 1)) + dice.normal(0, 0.8, (entries, judges)) + dice.normal(0, 0.5, judges)
        table = pandas.DataFrame(numpy.round(marks * 2) / 2 if level else marks, columns=[f"j{j}" for j in range(judges)])
        long = table.reset_index().melt("index", var_name="judge", value_name="mark")
        theirs = pingouin.intraclass_corr(long, targets="index", raters="judge", ratings="mark").set_index("Type")
        # to pingouin the judges are the blocks and the entries the treatments: the same W
        w = pingouin.friedman(long, dv="mark", within="index", subject="judge")["W"].iloc[0]
    assert agreement.kendalls_w(table) == pytest.approx(float(w), abs=1e-9)
    ours = agreement.icc(table)
    for name, their in (("ICC2", ["ICC2", "ICC(A,1)"]), ("ICC2k", ["ICC2k", "ICC(A,k)"])):
        row = theirs.loc[next(each for each in their if each in theirs.index)]
        assert ours.loc[name, "value"] == pytest.approx(float(row["ICC"]), abs=1e-6)
        interval = row[next(column for column in row.index if column.startswith("CI95"))]
        assert list(ours.loc[name, ["low", "high"]]) == pytest.approx(list(interval), abs=0.006)


def test_agreement_is_whole_none_or_not_to_be_had(agreement):
    import math

    import pandas
    same = pandas.DataFrame({"a": [1, 2, 3, 4], "b": [2, 4, 6, 8]})
    assert agreement.kendalls_w(same) == 1 and agreement.kendalls_w(same.assign(b=[8, 6, 4, 2])) == 0
    assert math.isnan(agreement.kendalls_w(same[["a"]])) and math.isnan(agreement.kendalls_w(same.assign(a=5, b=5)))
    chances = agreement.chances(pandas.DataFrame({"a": [9, 8, 8, 1], "b": [9, 8, 8, 1]}))
    assert chances.round(2).to_numpy().tolist() == [[1, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5], [0, 0, 0]]
    severity = agreement.severity(pandas.DataFrame({"a": [9, 8, 7], "b": [7, 6, 5]}))
    assert list(severity["above"]) == [2, -2]
