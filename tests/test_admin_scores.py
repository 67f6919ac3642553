"""/admin, Scores and Results, with a real server and Chromium: from the judges' marks to what the public is told, and what the log says of it."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests import demos
from tests.client import Http
from tests.server import Server
from tests.test_pages import CROSSED, ENGLISH, LAPTOP, PHONE, look, right  # noqa: F401 (a fixture)
from tests.test_web import PHOTO

expect.set_options(timeout=15_000)
CRITERIA = [{"id": "technique", "name": "Technique", "weight": 1}, {"id": "style", "name": "Style", "weight": 1}]
NAMES = ["Zoë Núñez", "Łukasz Wójcik", "黒田 龍", "Amélie", "Björn", "Chiara"]
ARTISTS = ["Marta", "Omar", "Ines", "Ruth", "Sol", "Tara"]


class Hall:
    """A contest with three judges, told in few words.

    admin   an Http, signed in
    judges  {"Ana": Http, "Ben": Http, "Cho": Http}; Ana is the head judge
    ids     {"Ana": "j1", ...}
    """

    def __init__(self, server: Server):
        self.url, self.folder = server.url, server.data
        self.admin = Http(server).login_admin()
        self.judges, self.ids = {}, {}
        for name in ("Ana", "Ben", "Cho"):
            made = self.do("/api/judges", {"name": name, "role": "judge", "head": name == "Ana", "studio": "Studio " + name})
            self.ids[name], self.judges[name] = made["judge"]["id"], Http(server).join(made["link"])

    def do(self, path: str, body: dict | None = None, method: str = "post", who: Http | None = None) -> dict:
        """A command that must be taken."""
        answer = getattr(who or self.admin, method)(path, body)
        assert answer.status in (200, 201), answer
        return answer.json

    def category(self, name: str, rows: list | None = None, *, entries: int = 3, state: str = "judging", **fields) -> tuple[str, list[int]]:
        """A category that is judged, and its entries. rows: a line of marks an entry, of Ana, Ben and Cho; None: not given."""
        made = self.do("/api/categories", {"name": name, "criteria": CRITERIA, **fields})["category"]["id"]
        numbers = []
        for at in range(len(rows) if rows else entries):
            answer = Http(self.url).submit(PHOTO, category=made, collector=f"{NAMES[at]} {name}", artist=f"{ARTISTS[at]} {name}")
            assert answer.status == 201, answer
            numbers.append(answer.json["entry"]["number"])
        if state != "open":
            self.do(f"/api/categories/{made}/judge")
        for number, row in zip(numbers, rows or []):
            for judge, value in zip(self.judges, row):
                if value is not None:
                    self.mark(judge, number, value)
        if state == "closed":
            self.do(f"/api/categories/{made}/close")
        return made, numbers

    def mark(self, judge: str, entry: int, value) -> None:
        """A judge's whole sheet: the same mark for each criterion, or those given."""
        marks = value if isinstance(value, dict) else {one["id"]: value for one in CRITERIA}
        now = next((one["seq"] for one in self.state(self.judges[judge])["sheets"] if one["entry"] == entry), None)
        self.do(f"/api/sheets/{entry}", {"marks": marks, "base": now}, "put", self.judges[judge])

    def deal(self, judge: str, category: str, entries: list[int], kind: str = "tokens") -> None:
        """A judge's tokens, or with `kind` "rankings" the whole order."""
        body = {"entries" if kind == "tokens" else "order": entries, "base": None}
        self.do(f"/api/{kind}/{category}", body, "put", self.judges[judge])

    def state(self, who: Http | None = None) -> dict:
        return (who or self.admin).get("/api/state").json

    def standings(self, category: str) -> dict:
        return self.admin.get(f"/api/standings/{category}").json

    def events(self, kind: str, category: str) -> list[dict]:
        """The events of a kind that the log on disk holds for a category."""
        return [event for event in demos.events(self.folder, kind) if event.get("category") == category]


@pytest.fixture(scope="module")
def hall(tmp_path_factory):
    """One server for all tests of this file: each makes categories of its own."""
    running = Server(tmp_path_factory.mktemp("scores") / "data").start()
    try:
        yield Hall(running)
    finally:
        running.end()
    assert "Traceback" not in running.errors, running.errors


@pytest.fixture
def scores(hall, page_at):
    """`scores(category, width, height, more="", **options)`: the organiser's page of its scores, live."""
    def open_page(category: str, size=LAPTOP, more: str = "", **options):
        page = page_at(*size, http=hall.admin, reduced_motion="reduce", **options)
        page.goto(f"{hall.url}/admin#scores/{category}{more}")
        page.locator("[data-stage]").wait_for()
        expect(page.locator("[data-status=live]")).to_be_attached()
        return page

    return open_page


def winners_of(page_at, hall):
    """The public's page of results."""
    page = page_at(*LAPTOP)
    page.goto(f"{hall.url}/winners")
    expect(page.locator("[data-winners][aria-busy]")).to_have_count(0)
    return page


def decided(hall, name: str, reveal: int | None = None) -> tuple[str, list[int]]:
    """A category of four entries with clear places, decided and revealed up to a step; None: not at all."""
    category, numbers = hall.category(name, [[9, 9, 9], [8, 8, 8], [7, 7, 7], [6, 6, 6]], state="closed")
    hall.do(f"/api/winners/{category}", {"places": [[n] for n in numbers[:3]]}, "put")
    for step in range(reveal + 1 if reveal is not None else 0):
        hall.do("/api/reveal", {"category": category, "step": step})
    return category, numbers


# Ties.

def test_a_tie_is_parted_by_a_run_off_that_is_called_in_one_tap_and_closes_by_itself(hall, scores):
    category, (one, two, three) = hall.category("Level", [[8, 8, 8], [8, 8, 8], [5, 5, 5]])
    hall.do(f"/api/recusals/{one}", {"recused": True, "judge": hall.ids["Cho"]}, "put")
    page = scores(category)
    tie = page.locator(f"[data-tie='{one},{two}']")
    expect(tie).to_contain_text(f"1st place: {one}, {two} are level")
    expect(tie).to_contain_text("2 judges may vote: \u2068Ana\u2069, \u2068Ben\u2069.")
    expect(tie).to_contain_text("Recused: \u2068Cho\u2069")
    expect(page.locator(f"[data-row='{one}'] [data-by=shared]")).to_have_text(f"Shared with {two}, tied")
    tie.locator("[data-do=run-off]").click()
    run_off = page.locator("[data-run-off][data-closed=false]")
    expect(run_off.locator("[data-voted]")).to_have_text("0 of 2 have voted.")
    expect(tie).to_have_count(0)
    called = next(each for each in hall.state()["run_offs"] if each["category"] == category)
    hall.do(f"/api/run-offs/{called['id']}", {"choice": two}, "put", hall.judges["Ana"])
    expect(run_off.locator("[data-voted]")).to_have_text("1 of 2 have voted.")
    expect(run_off.locator(".voter-done")).to_contain_text("Ana")
    now = page.context.new_page()
    now.goto(f"{hall.url}/admin#now")
    expect(now.locator(f"[data-category='{category}'] [data-open-run-off]")).to_have_text(f"Run-off: {one}, {two} 1 of 2 have voted.")
    expect(run_off.locator(".number")).to_have_count(0)      # what she voted is told once it is closed
    hall.do(f"/api/run-offs/{called['id']}", {"choice": two}, "put", hall.judges["Ben"])
    expect(page.locator("[data-run-off][data-closed=true]")).to_contain_text("2 votes")
    expect(page.locator("body > [data-announce], [data-announce]").first).to_contain_text("is closed")
    expect(now.locator("[data-open-run-off]")).to_have_count(0)
    now.close()
    expect(page.locator(f"[data-row='{two}'] [data-by=run-off]")).to_have_text("Run-off")
    expect(page.locator(f"[data-row='{two}'] td").first).to_have_text("1")
    # A mark that comes later takes the tie away, and the run-off with it: said at once.
    hall.mark("Ana", one, 9)
    expect(page.locator("[data-run-off] [data-stale]")).to_be_visible()
    expect(page.locator(f"[data-row='{one}'] [data-by=mean]")).to_have_text("Score")
    assert [each["entries"] for each in hall.events("RunOffCalled", category)] == [[one, two]]
    assert hall.standings(category)["stale"] == [called["id"]]
    assert [row["entry"] for row in hall.standings(category)["rows"]] == [one, two, three]


def test_a_run_off_is_closed_by_hand_and_the_head_judge_decides_what_it_left(hall, scores, page_at):
    category, (one, two, _) = hall.category("Even", [[8, 8, 8], [8, 8, 8], [5, 5, 5]], state="closed")
    page = scores(category, PHONE)
    page.locator("[data-do=run-off]").click()
    page.locator("[data-do=close-run-off]").click()
    expect(page.locator("dialog")).to_contain_text("Ben")      # who has not voted, before it is ended
    page.locator("dialog [data-confirm]").click()
    expect(page.locator("[data-run-off][data-closed=true]")).to_be_visible()
    # Nobody voted: they are level as before. The head judge's order is made by the keyboard alone.
    page.locator(f"[data-tie='{one},{two}'] [data-do=decide-tie]").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("Head judge: \u2068Ana\u2069.")
    expect(dialog.locator("[data-group]")).to_have_attribute("data-group", f"{one},{two}")      # no order is suggested
    dialog.locator("[data-confirm]").click()
    expect(dialog.locator("#tie-missing")).to_have_text("Give a reason.")
    dialog.locator("[data-do=part]").focus()
    page.keyboard.press("Enter")
    expect(dialog.locator(f"[data-group='{one}'] [data-down]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.locator("[data-group]").first).to_have_attribute("data-group", str(two))
    dialog.locator("#tie-reason").fill("Cleaner lines.")
    dialog.locator("[data-confirm]").click()
    expect(page.locator(f"[data-row='{two}'] [data-by=decision]")).to_have_text("Head judge's decision")
    decided_tie = page.locator(f"[data-tie-decided='{two},{one}']")
    expect(decided_tie).to_contain_text("Cleaner lines.")
    expect(page.locator("[data-warning=tied]")).to_have_count(0)
    told, = hall.events("TieDecided", category)
    assert told["order"] == [[two], [one]]
    # Thought better of: they share.
    decided_tie.locator("[data-do=decide-tie]").click()
    dialog.locator("[data-do=join]").click()
    dialog.locator("[data-confirm]").click()
    expect(page.locator(f"[data-row='{one}'] [data-by=decision]")).to_have_text(f"Head judge's decision: shared with {two}")
    assert hall.standings(category)["unresolved"] == []


# The decision.

def asking_for(places: list):
    """A way for a decision on its way to the server: with other places than the page put into it."""
    return lambda route: route.continue_(post_data=json.dumps(route.request.post_data_json | {"places": places}))


def test_before_the_decision_it_is_said_whose_phone_still_holds_marks(hall, scores, live):
    category, _ = hall.category("Held", [[9, 9, 9], [8, 8, 8]], state="closed")
    phone = live(hall.url, http=hall.judges["Ben"])
    phone.hello(page="judge", waiting=3)
    page = scores(category)
    expect(page.locator("[data-warning=phone]")).to_have_text("Marks are still on a phone: \u2068Ben\u2069: 3 sheets, being sent")
    expect(page.locator("[data-warning]")).to_have_count(1)


def test_an_override_says_what_speaks_against_it_and_needs_a_reason(hall, scores):
    other, (elsewhere, *_) = decided(hall, "Sleeves")
    category, (one, two, three) = hall.category("Backs", [[9, 9, 9], [8, 8, None], [7, 7, 7]], state="closed")
    hall.admin.patch(f"/api/entries/{three}", {"artist": "  marta   SLEEVES "})
    page = scores(category, errors=["status of 400"])
    expect(page.locator("[data-stage=provisional]")).to_have_text("Standings only: something is missing or tied.")
    expect(page.locator("[data-warning=incomplete]")).to_have_text(f"1 sheet is missing, for entry {two}.")
    expect(page.locator("[data-missing]")).to_contain_text("Cho\u2069 (1 entry)")
    page.locator("[data-next=closed]").click()
    expect(page.locator("[data-warning=already_placed]")).to_contain_text(f"also has a place in \u2068Sleeves\u2069, with entry {elsewhere}.")
    page.locator(f"[data-group='{three}'] [data-do=take-out]").click()
    expect(page.locator("[data-warning=already_placed]")).to_have_count(0)      # the warnings are about what is thought of
    page.locator(f"[data-group='{two}'] [data-up]").click()
    page.locator("[data-do=save-decision]").click()
    expect(page.locator("#decide-problem")).to_have_text("Give a reason.")
    expect(page.locator("#decide-why")).to_contain_text("This differs from the standings: say why.")
    expect(page.locator("#decide-why")).to_contain_text("1 sheet is missing: say why you decide now.")
    page.locator("#decide-reason").fill("Two is the better piece, and Cho had to leave.")
    # What the page itself cannot ask for, as a page from before somebody else's change may: said in a sentence.
    for places in ([[elsewhere], [one]], [[one, two], [one]]):
        page.route("**/api/winners/*", asking_for(places), times=1)
        with page.expect_response("**/api/winners/*") as answer:
            page.locator("[data-do=save-decision]").click()
        assert answer.value.status == 400
        expect(page.locator("#decide-problem")).to_have_text(ENGLISH["error.bad_places"])
    assert hall.events("WinnersDecided", category) == []
    page.locator("[data-do=save-decision]").click()
    expect(page.locator("[data-stage=decided]")).to_be_visible()
    expect(page.locator(".decided")).to_contain_text("Two is the better piece, and Cho had to leave.")
    told, = hall.events("WinnersDecided", category)
    assert told["places"] == [[two], [one]] and hall.state()["decisions"][-1]["reason"].startswith("Two is")
    assert [row["entry"] for row in hall.standings(category)["rows"]] == [one, two, three]      # the standings never move by it


def test_a_sheet_after_the_decision_is_shown_as_not_counted_until_the_decision_is_opened_again(hall, scores):
    category, (one, two, *_) = decided(hall, "Late")
    page = scores(category)
    expect(page.locator("[data-stage=decided]")).to_be_visible()
    hall.mark("Ana", two, 10)
    expect(page.locator("[data-late]")).to_contain_text(f"Ana\u2069: {two}")
    expect(page.locator(f"[data-entry='{two}'] [data-judge={hall.ids['Ana']}]")).to_contain_text("late, not counted")
    before = hall.standings(category)["rows"]
    page.locator("[data-late] [data-do=reopen]").click()
    page.locator("dialog [data-confirm]").click()
    expect(page.locator("dialog")).to_contain_text("Give a reason.")
    page.locator("#ask-reason").fill("A phone was offline.")
    page.locator("dialog [data-confirm]").click()
    expect(page.locator("[data-late]")).to_have_count(0)
    expect(page.locator(f"[data-row='{two}'] [data-score]")).to_have_text("8.67")
    assert before[1]["score"] == 8 and hall.standings(category)["rows"][1]["score"] == 8.67


def test_too_few_entries_are_merged_into_another_category_in_one_step(hall, scores):
    small, numbers = hall.category("Tiny", entries=2, state="open", minimum=5)
    large, _ = hall.category("Large", entries=1, state="open")
    page = scores(small)
    expect(page.locator("[data-warning=below_minimum]")).to_contain_text("There are 2 entries; the category should have 5.")
    page.locator("[data-do=merge]").click()
    page.locator(f"dialog [name=into][value='{large}']").check()
    page.locator("#merge-reason").fill("Too few for an award.")
    page.locator("dialog [data-do=merge-now]").click()
    expect(page.locator("dialog")).to_have_count(0)
    assert {entry["category"] for entry in hall.state()["entries"] if entry["number"] in numbers} == {large}


# After it.

def test_an_absent_winner_is_passed_over_and_the_runner_up_moves_up_on_every_page(hall, scores, page_at):
    category, (one, two, three, four) = decided(hall, "Absent", reveal=1)
    page, public = scores(category), winners_of(page_at, hall)
    expect(page.locator("[data-stage]")).to_have_text("1 of 3 places are revealed.")
    # A secret place does not move while one behind it has been shown.
    page.locator(f"[data-placed='{one}'] [data-do=absent]").click()
    expect(page.locator(f"[data-placed='{one}'] [data-problem]")).to_contain_text("Show this place first")
    for step in (2, 3):
        hall.do("/api/reveal", {"category": category, "step": step})
    expect(page.locator("[data-stage=announced]")).to_be_visible()
    section = public.locator(f"[data-category='{category}']")
    expect(section.locator("[data-entry]").first).to_have_attribute("data-entry", str(one))
    page.locator(f"[data-placed='{one}'] [data-do=absent]").click()
    dialog = page.locator("dialog[open]")
    expect(dialog.locator("li")).to_have_text([re.compile(f"1st place: entry {two}, .*Łukasz"), re.compile(f"2nd place: entry {three}, .*黒田"), re.compile(f"3rd place: entry {four}, .*Amélie")])
    dialog.locator("[data-confirm]").click()
    expect(page.locator("[data-absent]")).to_contain_text(f"{one} (\u2068Zoë")
    expect(section.locator("[data-entry]").first).to_have_attribute("data-entry", str(two))
    expect(section.locator(".winner-name").first).to_have_text("Łukasz Wójcik Absent")
    expect(section.locator("[data-absent]")).to_have_text(f"Nobody came for the award of entry {one}: it went to the next.")
    told, = hall.events("WinnerAbsent", category)
    assert told["entry"] == one and told["places"] == [[two], [three], [four]]


def test_a_correction_after_the_announcement_shows_as_one(hall, scores, page_at, axe):
    category, (one, two, three, _) = decided(hall, "Swapped", reveal=4)
    public = winners_of(page_at, hall)
    page = scores(category, PHONE)
    page.locator("[data-do=correct]").click()
    page.locator("[data-do=save-decision]").click()
    expect(page.locator("#decide-problem")).to_have_text("Nothing is changed yet.")
    page.locator(f"[data-group='{two}'] [data-up]").click()
    page.locator("[data-do=save-decision]").click()
    expect(page.locator("#decide-problem")).to_have_text("Give a reason.")
    page.locator("#decide-reason").fill("The two numbers were mixed up on stage.")
    page.locator("[data-do=save-decision]").click()
    expect(page.locator("[data-corrected]")).to_contain_text("The two numbers were mixed up on stage.")
    section = public.locator(f"[data-category='{category}']")
    expect(section.locator("[data-corrected]")).to_contain_text("Corrected on")
    expect(section.locator("[data-corrected]")).to_contain_text("The two numbers were mixed up on stage.")
    expect(section.locator(".winner")).to_have_count(3)
    assert [each.get_attribute("data-entry") for each in section.locator(".winner").all()] == [str(two), str(one), str(three)]
    assert axe(public) == []
    told, = hall.events("CorrectionMade", category)
    assert told["places"] == [[two], [one], [three]]


# The matrices.

def test_the_matrix_of_tokens_tells_a_token_from_none_and_from_none_yet(hall, scores):
    category, (one, two, three, four) = hall.category("Tokens", entries=4, method="tokens", tokens=2)
    page = scores(category)
    cell = lambda entry, judge: page.locator(f"[data-entry='{entry}'] [data-judge={hall.ids[judge]}]")      # noqa: E731
    expect(cell(one, "Ana")).to_have_attribute("data-cell", "empty")
    hall.deal("Ana", category, [one, two])
    hall.deal("Ben", category, [one])
    expect(cell(one, "Ana")).to_have_attribute("data-cell", "full")
    expect(cell(one, "Ana")).to_have_accessible_name(f"Entry {one}, Ana: a token")
    expect(cell(three, "Ana")).to_have_attribute("data-cell", "none")
    expect(cell(three, "Ben")).to_have_accessible_name(f"Entry {three}, Ben: no token yet")
    expect(page.locator(f"[data-row='{one}'] [data-score]")).to_have_text("2")
    expect(page.locator(f"[data-row='{one}'] [data-by=tokens]")).to_have_text("Number of tokens")
    expect(page.locator("[data-missing]")).to_contain_text("Ben\u2069 (1 token), \u2068Cho\u2069 (2 tokens)")
    expect(page.locator(".facts").first).to_contain_text("3 of 6 tokens")
    # One stop for Tab; the arrows go on from there, and Enter tells all of a judge's tokens.
    cell(one, "Ana").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(cell(two, "Ben")).to_be_focused()
    assert page.locator(".matrix [tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_contain_text("1 of 2 tokens given")
    expect(page.locator("dialog li")).to_have_text([f"Entry {one}"])


def test_the_matrix_of_rankings_shows_ranks_and_never_a_score_of_nothing(hall, scores):
    category, (one, two, three) = hall.category("Ranks", method="ranking")
    page = scores(category)
    for judge, order in (("Ana", [two, one, three]), ("Ben", [two, three, one])):
        hall.deal(judge, category, order, "rankings")
    expect(page.locator(f"[data-entry='{one}'] [data-judge={hall.ids['Ben']}]")).to_have_text("3")
    expect(page.locator(f"[data-entry='{one}'] [data-judge={hall.ids['Cho']}]")).to_have_attribute("data-cell", "empty")
    expect(page.locator(f"[data-row='{two}'] [data-score]")).to_have_text("1, 1")
    expect(page.locator(f"[data-row='{two}'] [data-by]")).to_have_text("Majority of the judges")
    assert "0.00" not in page.locator("main").inner_text()
    hall.do(f"/api/recusals/{three}", {"recused": True}, "put", hall.judges["Cho"])
    expect(page.locator(f"[data-entry='{three}'] [data-judge={hall.ids['Cho']}]")).to_contain_text("by the judge")
    expect(page.locator("[data-missing]")).to_contain_text("Cho\u2069 (2 entries)")
    page.locator("[data-next=judging]").click()
    page.locator("dialog [data-confirm]").click()
    page.locator("[data-next=closed]").click()
    expect(page.locator("[data-group] .place-score").first).to_have_text("")


def test_a_recusal_says_who_made_it_and_is_lifted_with_a_reason_where_it_was_the_studio(hall, scores):
    category, (one, two) = hall.category("Homes", [[8, 8, 8], [7, 7, 7]])
    hall.admin.patch(f"/api/entries/{one}", {"studio": "studio  ANA"})
    page = scores(category, PHONE)
    cell = page.locator(f"[data-entry='{one}'] [data-judge={hall.ids['Ana']}]")
    expect(cell).to_have_accessible_name(f"Entry {one}, Ana: Recused same studio")
    expect(page.locator(f"[data-row='{one}'] td").nth(3)).to_have_text("2 of 3")
    page.locator(f"[data-recusal='{one}/{hall.ids['Ana']}'] [data-do=lift]").click()
    page.locator("dialog [data-confirm]").click()
    expect(page.locator("#ask-missing")).to_have_text("Give a reason.")
    page.locator("#ask-reason").fill("Left that studio years ago.")
    page.locator("dialog [data-confirm]").click()
    expect(cell).to_have_text("8.00")
    page.locator(f"[data-entry='{two}'] [data-judge={hall.ids['Ben']}]").click()
    page.locator("[data-do=recuse]").click()
    page.locator("dialog [data-confirm]").click()
    expect(page.locator(f"[data-recusal='{two}/{hall.ids['Ben']}']")).to_contain_text("by the organiser")
    row = next(row for row in hall.standings(category)["rows"] if row["entry"] == two)
    assert row["judges"] == 2 and row["score"] == 7


def test_what_if_is_shown_to_the_organiser_only_and_never_as_the_result(hall, scores):
    category, (one, two, three) = hall.category("Strict", [[9, None, None], [8, 6, None], [None, 6.5, None]])
    page = scores(category)
    what_if = page.locator("[data-what-if]")
    expect(page.locator("[data-what-if-table]")).to_have_count(0)      # behind a disclosure
    what_if.locator("summary").click()
    expect(what_if).to_contain_text("What if, never the result.")
    expect(page.locator(f"[data-if='{three}'] td")).to_have_text(["3", "2 (7.50)", "1 (1.00)"])
    assert [row["entry"] for row in hall.standings(category)["rows"]] == [one, two, three]
    for person in (Http(hall.url), hall.judges["Ana"]):
        answer = person.get(f"/api/standings/{category}?what_if=1")
        assert answer.status in (401, 403) and "judge_effect" not in answer.text
        assert "judge_effect" not in person.get("/api/state").text


# How it looks.

@pytest.mark.seconds(180)
def test_scores_stand_right_on_a_phone_and_a_laptop_in_both_themes_and_in_german(hall, scores, look):  # noqa: F811
    tied, (one, two, *_) = hall.category("Gleichstand um den ersten Platz", [[8, 8, 8], [8, 8, 8], [9, 5, None]], minimum=5)
    run_off, numbers = hall.category("Stechen", [[8, 8, 8], [8, 8, 8], [5, 5, 5]], state="closed")
    hall.do(f"/api/recusals/{numbers[2]}", {"recused": True}, "put", hall.judges["Ben"])
    called = hall.do(f"/api/categories/{run_off}/run-off", {"entries": numbers[:2]})["run_off"]["id"]
    hall.do(f"/api/run-offs/{called}", {"choice": numbers[0]}, "put", hall.judges["Ana"])
    past, (first, second, *_) = decided(hall, "Korrigiert", reveal=4)
    hall.mark("Ben", second, 9.5)
    hall.do(f"/api/winners/{past}/absent", {"entry": first})
    hall.do(f"/api/winners/{past}/correct", {"places": [[second]], "reason": "Zwei Nummern wurden auf der Bühne verwechselt."})
    page, found = scores(tied, locale="de"), []
    page.locator("[data-what-if] summary").click()
    page.locator("[data-what-if-table]").wait_for()
    found += look(page, "scores-tied", [LAPTOP, PHONE, (360, 640)], CROSSED)
    for opener, name in (("decide-tie", "tie"), ("merge", "merge")):
        page.locator(f"[data-do={opener}]").first.click()
        found += look(page, f"scores-dialog-{name}", [LAPTOP, (360, 640)], CROSSED, full=False)
        page.keyboard.press("Escape")
    page.locator(".matrix .cell").first.click()
    found += look(page, "scores-dialog-cell", [PHONE], CROSSED, full=False)
    page.keyboard.press("Escape")
    for category, more, name in ((run_off, "", "run-off"), (past, "", "corrected"), (past, "/correct", "correct")):
        page.goto(f"{hall.url}/admin#scores/{category}{more}")
        page.locator(f".category-links [aria-current=true][href$='{category}']").wait_for()
        page.locator("[data-stage]").wait_for()
        if more:
            page.locator(".place-name").first.wait_for()      # the dialog fades in: what has not begun cannot be waited for by the look
        found += look(page, f"scores-{name}", [LAPTOP, (360, 640)], CROSSED)
    right(found)
