"""The languages: every file of static/words/ says what the English one says, and its words fit on a small phone.

A language is there as a whole or not at all: a key that lacks its words would stand on the page as it is. Whoever adds an English
sentence adds it to each file; the first test here tells which ones lack it. The terms are those of docs/words.md.
"""

import json
import re

import pytest

from tests import demos
from tests.client import Http
from tests.demos import Demo
from tests.server import TOP
from tests.test_pages import BOTH, LIVE, MEASURE, SCREEN, SETTLED, Look, demo, open_at, right  # noqa: F401 (demo is a fixture)

WORDS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((TOP / "static" / "words").glob("*.json"))}
ENGLISH = WORDS["en"]
OTHERS = sorted(set(WORDS) - {"en"})
NARROW = (360, 640)
HOLE = re.compile(r"\{(\w+)\}")
# What is typed, set or found by name is the same in every language.
LITERAL = re.compile(r"contest\.py [\w-]+|[A-Z]+_[A-Z_]+|(?<=Open )/[a-z]+|\b(?:HEIC|JPEG|PNG|WebP|AVIF|JavaScript)\b|(?<=folder )kept")
NO_BREAK = "\N{NO-BREAK SPACE}"
MARKS = ".?!:"
QUOTES = {"en": "“{}”", "de": "„{}“", "es": "«{}»", "fr": f"«{NO_BREAK}{{}}{NO_BREAK}»", "it": "«{}»"}
# Names of styles and prizes, which are written so everywhere.
NAMES = {"Day", "Show", "QR", "MB", "Mo", "HEIC", "JPEG", "PNG", "WebP", "AVIF", "JavaScript", "JSON", "CONTEST_BACKUP_FOLDER"}
# "Be the first." is a question elsewhere, as is what English tells people to check; "Nr." is an abbreviation.
OTHER_MARKS = {"common.decimal", "display.empty", "error.no_such_link", "judge.conflict-text", "admin.entry-word", "judge.entry-word", "winners.entry"}

every_other = pytest.mark.parametrize("language", OTHERS)


def pairs(language: str):
    """(key, English, the other language) of every key that both have."""
    return [(key, text, WORDS[language][key]) for key, text in ENGLISH.items() if key in WORDS[language]]


# What the files say.

@every_other
def test_every_sentence_is_there_in_every_language(language):
    there, wanted = set(WORDS[language]), set(ENGLISH)
    lacks = [f"{key}: {ENGLISH[key]}" for key in sorted(wanted - there)]
    assert not lacks, f"{language}.json lacks words for:\n" + "\n".join(lacks)
    assert there == wanted, f"{language}.json has keys that English has not: {sorted(there - wanted)}"


@every_other
def test_a_sentence_takes_the_same_parameters_in_every_language(language):
    found = [f"{key}: {text!r}" for key, english, text in pairs(language) if sorted(set(HOLE.findall(english))) != sorted(set(HOLE.findall(text)))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("language", sorted(WORDS))
def test_no_sentence_is_empty_or_carries_blanks(language):
    found = [f"{key}: {text!r}" for key, text in WORDS[language].items() if not text or text != text.strip() or "  " in text]
    assert not found, "\n".join(found)


@every_other
def test_a_sentence_ends_and_begins_as_the_english_one(language):
    """The same mark at its end, no exclamation of its own, and a capital letter where English has one."""
    found = []
    for key, english, text in pairs(language):
        ends = [one[-1] if one[-1] in MARKS else "" for one in (english, text)]
        begins = [one.lstrip("¿„“«" + NO_BREAK)[0] for one in (english, text)]
        if key not in OTHER_MARKS and ends[0] != ends[1]:
            found.append(f"{key} ends otherwise: {english!r}, {text!r}")
        if "!" in text and "!" not in english:
            found.append(f"{key} exclaims: {text!r}")
        # A German noun has its capital wherever it stands.
        if all(map(str.isalpha, begins)) and begins[0].islower() != begins[1].islower() and not (language == "de" and begins[0].islower()):
            found.append(f"{key} begins otherwise: {english!r}, {text!r}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("language", sorted(set(OTHERS) - {"de"}))
def test_a_capital_letter_stands_only_where_a_sentence_begins(language):
    found = []
    for key, text in WORDS[language].items():
        begun = re.sub(r"[.:?!»}][" + NO_BREAK + r" ]+[¿«]?\w+", "", text)      # words that begin a sentence after the first one
        inside = re.findall(r"(?<=[ " + NO_BREAK + "])(?<!«" + NO_BREAK + r")[A-ZÀ-Þ][\w-]*", begun)
        found += [f"{key}: {word} in {text!r}" for word in inside if word not in NAMES]
    assert not found, "\n".join(found)


@every_other
def test_what_is_typed_or_set_by_name_is_not_translated(language):
    found = [f"{key}: {text!r} lacks {literal}" for key, english, text in pairs(language) for literal in LITERAL.findall(english) if literal not in text]
    assert not found, "\n".join(found)


@every_other
def test_figures_and_signs_do_not_part_at_the_end_of_a_line(language):
    """A number never stands on the line before its sign; French keeps its high marks at the word."""
    loose = r"\} (?:%|MB|Mo|s\b)|\b(?:Nr\.|[Nn]\.º?|[Nn]°) (?=\{)" + (r"| [:;?!»]|« " if language == "fr" else "")
    found = [f"{key}: {text!r}" for key, text in WORDS[language].items() if re.search(loose, text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("language", sorted(WORDS))
def test_the_rules_name_the_button_as_the_judge_reads_it(language):
    words = WORDS[language]
    quoted = QUOTES[language].format(words["judge.recuse"])
    assert quoted in words["rules.judge-3"], f"{quoted} is not in: {words['rules.judge-3']}"


@pytest.mark.parametrize("language", sorted(WORDS))
def test_no_two_categories_of_the_list_have_one_name(language):
    names = [text.lower() for key, text in WORDS[language].items() if key.startswith("template.")]
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)


def test_the_glossary_has_the_words_the_pages_use():
    """Each term of docs/words.md stands in a sentence of its language."""
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in (TOP / "docs" / "words.md").read_text("utf-8").splitlines() if line.startswith("|")]
    languages, terms = table[0], table[2:]
    assert sorted(languages) == sorted(WORDS) and len(terms) > 20
    spoken = {language: "\n".join(WORDS[language].values()).lower() for language in languages}
    lacks = [f"{language}: {term}" for row in terms for language, cell in zip(languages, row, strict=True)
             for term in cell.split(", ") if term.lower() not in spoken[language]]
    assert not lacks, "\n".join(lacks)


# Who hears which language.

@every_other
def test_a_browser_is_answered_in_its_language_and_the_rest_in_the_contests(language, demo):  # noqa: F811
    nobody = Http(demo.server)
    for path in ("/", "/rules", "/login", "/nowhere"):
        text = nobody.get(path, **{"Accept-Language": f"{language}-XX,{language};q=0.9,en;q=0.5"}).text
        assert f'<html lang="{language}"' in text
        assert WORDS[language]["nav.winners"] in text
    assert f"0{WORDS[language]['common.decimal']}5" in nobody.get("/rules", **{"Accept-Language": language}).text
    demo.do("/api/contest", {"language": language}, "patch")
    try:
        assert f'<html lang="{language}"' in nobody.get("/", **{"Accept-Language": "tlh"}).text
    finally:
        demo.do("/api/contest", {"language": "en"}, "patch")


SAID = """async (keys) => {
  const { t } = await import("/static/words.js"), forms = new Intl.PluralRules(document.documentElement.lang);
  await (await import("/static/words.js")).ready;
  const half = new Intl.NumberFormat(document.documentElement.lang).format(0.5);
  return [half, ...keys.flatMap((key) => [0, 1, 2, 5, 21, 100, 1000000].map((n) => [key, n, forms.select(n), t(key, { n })]))];
}"""


@pytest.mark.parametrize("language", sorted(WORDS))
def test_every_number_finds_its_form_in_its_own_language(language, demo, page_at):  # noqa: F811
    """French says "one" of nothing; Spanish, French and Italian have a form for millions, which is the plural here."""
    words = WORDS[language]
    page = open_at(page_at, demo, "/login", "h1", locale=language)
    keys = [key.removesuffix(".one") for key in words if key.endswith(".one")]
    half, *forms = page.evaluate(SAID, keys)
    assert half == f"0{words['common.decimal']}5"
    for key, n, form, said in forms:
        assert said == words.get(f"{key}.{form}", words[f"{key}.other"]).replace("{n}", str(n)), (key, n, form)


# Whether it fits. A stop is (name, path, what must be there, and then: a click and what it opens).

EVERYBODY = [("home", "/", "h1"), ("rules", "/rules", "h2"), ("winners", "/winners", "[data-category]"), ("login", "/login", "#password"),
             ("nobody-judges", "/judge", ".judge-nothing h2"), ("nobody-hosts", "/host", "[data-closed]:not([hidden])"), ("nobody-runs", "/admin", "h1"),
             ("nowhere", "/nowhere", "h1"), ("setup", "{setup}", "#password"),
             ("submit", "/submit", "[name=category]", ("[data-send]", "[data-summary]:not([hidden])")),
             ("mine", "{mine}", "[data-entry]:not([hidden])", ("[data-withdraw]", "dialog[open]"))]
DESK = [("desk", "/submit", "[name=category]")]
HOST = [("host", "/host", LIVE, ("summary", "details[open]"))]
JUDGE = [("judge", "/judge", "[data-rows]", ("[data-row]:nth-of-type(3) [data-step='1']", "[data-undo]"), ("[data-list]", "dialog.menu"), ("[data-recuse]", "[data-recuse-confirm]"))]
ORGANISER = [("now", "/admin#now", ".lines li", ("[data-do=change-category]", "dialog[open]")), ("template", "/admin#now", ".lines li", ("[data-do=template]", "dialog[open]")),
             ("closing", "/admin#now", ".lines li", ("[data-next=judging]", "dialog[open]")),
             ("entries", "/admin#entries", ".entries li", ("[data-do=change-entry]", "dialog[open]")),
             ("judges", "/admin#judges", "[data-judge]", ("[data-do=invite]", "dialog[open]")), ("link", "/admin#judges", "[data-judge]", ("[data-do=link]", "dialog[open]")),
             ("revoke", "/admin#judges", "[data-judge]", ("[data-do=revoke]", "dialog[open]")), ("scores", "/admin#scores", "table"),
             ("decide", "/admin#scores/{closed}/decide", "[data-do=save-decision]"), ("reveal", "/admin#reveal", ".remote"),
             ("results", "/admin#results", "[data-result]"), ("settings", "/admin#settings", "form")]
# Who goes where; the sign-in of each, or nobody's.
TOURS = {"everybody": (EVERYBODY, None), "desk": (DESK, "Registration"), "host": (HOST, "Ambrose"), "judge": (JUDGE, "Tadeusz"), "organiser": (ORGANISER, "")}


def narrow(page, name: str) -> list[str]:
    """What sticks out of a small phone, is too small to be tapped or is no words."""
    page.evaluate(SETTLED)
    return [f"{name}: {line}" for line in page.evaluate(MEASURE, {"least": 44, "important": ""})] + Look.words(page, name)


def tour(page, demo, stops, looked_at) -> list[str]:  # noqa: F811
    """Go from stop to stop and gather what `looked_at(page, name)` finds at each."""
    ways = {"mine": "/mine/" + demo.longest["mine"].rsplit("/", 1)[1], "closed": demo.category("closed")}
    found = []
    for name, path, ready, *opened in stops:
        if path == "{setup}":
            ways["setup"] = "/setup/" + demo.do("/api/setup-link")["link"].rsplit("/", 1)[1]
        page.goto("about:blank")
        page.goto(demo.url + path.format(**ways))
        page.locator(ready).first.wait_for()
        found += looked_at(page, name)
        for click, seen in opened:
            page.locator(click).first.click()
            page.locator(seen).first.wait_for()
            found += looked_at(page, f"{name} {seen}")
    return found


def start(page_at, demo, who: str | None, language: str, theme: str = "light"):  # noqa: F811
    """A small phone in that language, signed in as `who`: "" is the organiser, None nobody."""
    http = demo.admin if who == "" else who and demo.seat(who)
    return page_at(*NARROW, errors=["Failed to load resource", "ERR_INTERNET_DISCONNECTED"], http=http, locale=language, color_scheme=theme, reduced_motion="reduce")


@pytest.mark.seconds(150)
@pytest.mark.parametrize("tourist", TOURS)
@pytest.mark.parametrize("language", sorted(set(WORDS) - {"de"}))
def test_every_page_fits_a_small_phone_in_every_language(language, tourist, demo, page_at):  # noqa: F811
    stops, who = TOURS[tourist]
    right(tour(start(page_at, demo, who, language), demo, stops, narrow))


@pytest.mark.seconds(150)
@pytest.mark.parametrize("theme", BOTH)
@pytest.mark.parametrize("tourist", TOURS)
def test_every_page_is_right_in_german_in_light_and_dark(tourist, theme, demo, page_at, axe, shot):  # noqa: F811
    """The longest words: axe too, and a picture of each."""
    stops, who = TOURS[tourist]
    # The organiser's rail is scrolled to its place on a small phone; axe takes its first link, then out of sight, for one that skips.
    off = ["skip-link"] if tourist == "organiser" else []
    eye = Look(lambda page: axe(page, *off), shot)

    def looked_at(page, name: str) -> list[str]:
        return eye(page, f"de-{re.sub(r'[^a-z]+', '-', name).strip('-')}", [NARROW], [theme], full=False)

    right(tour(start(page_at, demo, who, "de", theme), demo, stops, looked_at))


# The steps of a reveal, and the scene that is looked at after some of them.
SHOW = [({"step": 0}, ".slate"), ({"step": 1, "phase": "stencil"}, ".reveal[data-phase=stencil]"), ({"step": 1, "phase": "ink"}, ".reveal[data-phase=ink]"),
        ({"step": 2, "phase": "ink"}, None), ({"step": 3, "phase": "ink"}, None), ({"step": 4}, ".hold")]


@pytest.mark.seconds(150)
def test_the_big_screen_fits_in_every_language(server, tmp_path, page_at):
    hall = Demo(server(demos.copy(tmp_path / "data")))
    pages = {language: open_at(page_at, hall, "/display", ".scene.wall", size=SCREEN, locale=language) for language in OTHERS}
    found = [line for language, page in pages.items() for line in narrow(page, f"{language} wall")]
    category = hall.category("decided")
    for body, scene in SHOW:
        hall.do("/api/reveal", {"category": category, **body})
        for language, page in pages.items() if scene else ():
            page.locator(f".scene{scene}:not([data-coming])").wait_for()
            page.locator("[data-going]").first.wait_for(state="detached")
            found += narrow(page, f"{language} {scene}")
    right(found)


def test_what_the_status_says_fits_one_line_of_a_phone_in_every_language(demo, page_at):  # noqa: F811
    page = open_at(page_at, demo, "/host", LIVE, demo.seat("Ambrose"), size=NARROW)
    found = []
    for language in OTHERS:
        for key, text in WORDS[language].items():
            if key.startswith("live."):
                size = page.evaluate("""(text) => { const status = document.querySelector("[data-status]"), words = [...status.childNodes].findLast((n) => n.textContent.trim());
                    words.textContent = text; const box = status.getBoundingClientRect(); return [box.height, box.right, document.documentElement.clientWidth]; }""", text)
                found += [f"{language} {key}: {size} {text!r}"] if size[0] > 40 or size[1] > size[2] else []
    right(found)


@every_other
def test_a_judge_without_a_network_reads_it_on_a_small_phone(language, demo, page_at):  # noqa: F811
    """The longest thing the line above the footer says, beside Undo, and a mark with the language's comma."""
    words = WORDS[language]
    page = start(page_at, demo, "Frida", language)
    page.goto(demo.url + "/judge")
    page.locator("[data-sync=sent]").wait_for()
    page.context.set_offline(True)
    page.locator("[data-row] [data-step='1']").first.click()
    page.locator(".judge-way", has_text=words["judge.saved"]).wait_for()
    page.get_by_text(words["judge.chip-offline-n.one"].replace("{n}", "1")).wait_for()
    assert re.fullmatch(r"\d+" + re.escape(words["common.decimal"]) + r"\d", page.locator("[data-value]").first.input_value())
    right(narrow(page, language))
