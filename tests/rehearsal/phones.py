"""The phones of a rehearsal: one who enters a tattoo on /submit, and a judge's, which loses the network and is loaded again in the middle."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import expect

SIZE = {"width": 390, "height": 844}
PATIENT = 60_000      # ms: a phone that lost its server waits longer from try to try
WAITING = """(judge) => new Promise((done, fail) => {
  const asked = indexedDB.open(`contest-judge-${judge}`);
  asked.onerror = () => fail(asked.error);
  asked.onsuccess = () => {
    const db = asked.result, got = db.transaction("entries").objectStore("entries").getAll();
    got.onsuccess = () => { db.close(); done(got.result.filter((r) => r.waiting || r.sent).map((r) => r.entry)); };
  };
})"""


def enter(page, url: str, photo: Path, category: str, person: dict) -> int:
    """Hand an entry in on /submit; its number."""
    page.goto(url + "/submit")
    page.locator("[name=category]").first.wait_for()
    page.set_input_files("#photo-choose", photo)
    expect(page.locator("[data-slot-state=chosen]")).to_be_visible()
    page.locator(f"[name=category][value='{category}']").check()
    for name in ("collector", "artist", "studio", "title"):
        page.locator(f"[name={name}]").fill(person[name])
    page.locator("[name=consent]").check()
    page.locator("[name=adult]").check()
    page.locator("[data-send]").click()
    page.locator("[data-done-number]").filter(has_text=re.compile(r"\d")).wait_for()
    return int(re.search(r"\d+", page.locator("[data-done-number]").inner_text())[0])


class Phone:
    """A judge's phone at /judge.

    page    its page
    judge   the judge's id
    """

    def __init__(self, browser, link: str, judge: str):
        context = browser.new_context(viewport=SIZE)
        context.set_default_timeout(20_000)
        self.page, self.judge = context.new_page(), judge
        self.page.goto(link)
        self.page.locator("[data-list]").wait_for()

    def open_category(self, category: str) -> None:
        self.page.locator("[data-list]").click()
        self.page.locator(f".menu [data-category='{category}']").click()

    def show(self, number: int) -> None:
        self.page.locator("[data-list]").click()
        self.page.locator(f".menu [data-entry='{number}']").click()
        expect(self.page.locator("[data-number]")).to_have_text(re.compile(rf"\b{number}$"))

    def mark(self, number: int, marks: dict[str, float]) -> None:
        """Type a whole sheet."""
        self.show(number)
        for criterion, value in marks.items():
            field = self.page.locator(f"[data-row={criterion}] [data-value]")
            field.fill(f"{value:g}")
            field.press("Tab")
            expect(field).to_have_value(f"{value:.1f}")

    def recuse(self, number: int) -> None:
        self.show(number)
        self.page.locator("[data-list]").click()
        self.page.locator("[data-recuse]").click()
        self.page.locator("[data-recuse-confirm]").click()
        self.page.locator("[data-unrecuse]").first.wait_for()

    def give_tokens(self, numbers: list[int]) -> None:
        for number in numbers:
            token = self.page.locator(f"[data-tile='{number}'] [data-token]")
            token.click()
            expect(token).to_have_attribute("data-given", re.compile("here|sent"))

    def rank(self, numbers: list[int]) -> None:
        """Place entries one after the other, best first."""
        for number in numbers:
            self.page.locator(f"[data-place='{number}']").click()
            self.page.locator(f"[data-rank='{number}']").wait_for()

    def vote(self, number: int) -> None:
        """Vote in the run-off that is open over whatever the phone shows."""
        self.page.locator(f".run-off [data-pick='{number}']").click()
        self.page.locator(".run-off [data-vote]").click()
        self.page.locator("[data-run-off-state=sent], [data-run-off-notice]").first.wait_for()

    def waiting(self) -> list[int]:
        """The entries whose marks are on this phone's disk and not acknowledged."""
        return self.page.evaluate(WAITING, self.judge)

    def can_reload(self) -> None:
        """Wait until the page outlives a reload without a network."""
        expect(self.page.locator(".judge-mode, .judge-way")).to_have_text(re.compile("Works without wifi"), timeout=PATIENT)

    def reload(self) -> None:
        self.page.reload()
        self.page.locator("[data-list]").wait_for()

    def all_sent(self) -> None:
        expect(self.page.locator("[data-sync=sent]")).to_be_visible(timeout=PATIENT)

    def network(self, there: bool) -> None:
        self.page.context.set_offline(not there)


def path_of(link: str) -> str:
    return urlsplit(link).path
