"""The Korean course: the same blocks, figures and structure as the English one, in Korean."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from itertools import takewhile
from pathlib import Path

import pytest
from tests.guides import DOCS

KOREAN = DOCS / "ko"
ENGLISH = [*sorted((DOCS / "guide").glob("*.md")), DOCS / "timeline.md"]
NAMES = [page.relative_to(DOCS) for page in ENGLISH]
CHAPTERS = [name for name in NAMES if re.match(r"[1-9]-", name.name)]
PAGES = [*NAMES, Path("index.md")]
FENCE = re.compile(r"^```.*?^```$", flags=re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"^(## (\d{4}) .+\n\n)((?:.+\n)+)", flags=re.MULTILINE)  # then its paper
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SYMBOL = re.compile(r"[_=∂⁺Σ⊙→←↑↓⏎·×σδᵀ²ₜ₋₀-₉]")
HANGUL = re.compile(r"[가-힣]")

# What a letter or digit is called in Korean ends in a consonant for these, in a vowel for all else.
ENDS_IN_CONSONANT = set("LMNRlmnr013678₀₁₃₆₇₈²")
READ_BY_LETTER = r"(?:(?<![\w`₀-₉])[A-Za-z]|[A-Z]{2}|[A-Za-z]_[a-z]|[0-9ₜ₀-₉²])"
PARTICLE = re.compile(rf"({READ_BY_LETTER})([은는을를과와])(?=[\s,.)])")


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """The page without blocks, `code`, targets of links and the references of the timeline."""
    text = FENCE.sub("", read(page))
    text = ENTRY.sub(r"\1", text)
    text = re.sub(r"`[^`\n]*`", "`", text)
    return re.sub(r"\]\([^)\s]*\)", "]", text)


def levels(page: Path) -> Counter[str]:
    return Counter(re.findall(r"^(#+) ", FENCE.sub("", read(page)), flags=re.MULTILINE))


def shape(page: Path) -> list[str]:
    """What the parts of the page but its text are, in order: headings, blocks, tables, lists."""
    parts = []
    for part in FENCE.sub("```", read(page)).strip().split("\n\n"):
        kind = re.match(r"#+ |```|!|\||    |\d\. |- ", part)
        if kind:
            parts.append(f"{kind[0]} {part.count('|')} {len(part.splitlines())}")
    return parts


def indented(page: Path) -> list[list[str]]:
    """The lines of each block that stands indented: formulas, and words that are translated."""
    found = re.findall(r"(?:^    .*\n?)+", FENCE.sub("", read(page)), flags=re.MULTILINE)
    return [block.splitlines() for block in found]


def symbols(lines: list[str]) -> set[str]:
    text = HANGUL.sub("", " ".join(lines))
    return {sign for sign in re.split(r"[\s(),;:?]+", text) if SYMBOL.search(sign)}


def sentences(page: Path) -> set[str]:
    """The sentences, headings and cells that have three words or more."""
    found: set[str] = set()
    text = re.sub(r"^    .*$", "", prose(page), flags=re.MULTILINE)
    for part in re.split(r"\n\n|\n(?=[|\d#-])|\|", text):
        for one in re.split(r"(?<=[.?:!;]) ", " ".join(part.split())):
            if len(re.findall(r"\b[a-z]{2,}\b", one)) >= 3:
                found.add(one)
    return found


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_each_english_page_of_the_course_is_there_in_korean(name: Path) -> None:
    assert (KOREAN / name).is_file()


def test_no_korean_page_is_left_of_an_english_one_that_is_gone() -> None:
    assert {page.relative_to(KOREAN) for page in KOREAN.rglob("*.md")} == set(PAGES)


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_the_blocks_are_the_same_in_the_same_order(name: Path) -> None:
    assert FENCE.findall(read(KOREAN / name)) == FENCE.findall(read(DOCS / name))


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_the_parts_of_a_page_are_the_same_in_the_same_order(name: Path) -> None:
    assert levels(KOREAN / name) == levels(DOCS / name)
    assert shape(KOREAN / name) == shape(DOCS / name)


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_the_figures_are_those_of_the_english_page(name: Path) -> None:
    def of(page: Path) -> list[Path]:
        return [(page.parent / target).resolve() for _, target in IMAGE.findall(read(page))]

    assert of(KOREAN / name) == of(DOCS / name)
    assert all(path.is_file() for path in of(KOREAN / name))
    assert all(HANGUL.search(said) for said, _ in IMAGE.findall(read(KOREAN / name)))


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_a_formula_has_the_same_symbols(name: Path) -> None:
    korean, english = indented(KOREAN / name), indented(DOCS / name)
    assert [symbols(lines) for lines in korean] == [symbols(lines) for lines in english]
    for there, here in zip(korean, english, strict=True):
        for line, original in zip(there, here, strict=True):
            for part in re.split(r" {2,}", line):
                assert HANGUL.search(part) or part in original, line


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_a_link_leads_to_the_korean_page_where_there_is_one(name: Path) -> None:
    page = KOREAN / name
    for target in LINK.findall(FENCE.sub("", read(page))):
        place = (page.parent / target.partition("#")[0]).resolve() if target[0] != "#" else page
        assert place.is_file(), target
        if place.suffix == ".md" and not place.is_relative_to(KOREAN):
            assert place.relative_to(DOCS) not in PAGES, target


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_most_letters_are_hangul(name: Path) -> None:
    letters = [letter for letter in prose(KOREAN / name) if letter.isalpha()]
    share = sum(bool(HANGUL.match(letter)) for letter in letters) / len(letters)
    assert share >= 0.6, f"{share:.2f}"


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_no_english_sentence_is_left(name: Path) -> None:
    text = " ".join(prose(KOREAN / name).split())
    assert sentences(DOCS / name), "no sentence was found to compare with"
    assert [one for one in sentences(DOCS / name) if one in text] == []
    assert re.findall(r"(?:[A-Za-z']+,? ){4}[A-Za-z']+", text) == []


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_the_letters_are_composed_and_the_punctuation_is_that_of_korean(name: Path) -> None:
    text = read(KOREAN / name)
    assert unicodedata.is_normalized("NFC", text)
    assert (
        re.findall(r"[\u3000-\u303f\uff01-\uff65\uffe0-\uffe6\u00a0\u200b-\u200f\ufeff]", text)
        == []
    )
    assert re.findall(r"[\u1100-\u11ff\u3130-\u318f]", text) == []  # letters that make no syllable


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_the_style_is_that_of_a_textbook(name: Path) -> None:
    assert re.findall(r"\S*(?:요|(?<!아)니다|니까|시오)[.?!]", prose(KOREAN / name)) == []


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_a_particle_follows_its_word_at_once_and_suits_its_last_sound(name: Path) -> None:
    text = prose(KOREAN / name)
    assert re.findall(r"\S+ (?:을|를|은|는|의|와|과|로|으로|에서|에게) ", text) == []
    for found in PARTICLE.finditer(text):
        consonant = found[1][-1] in ENDS_IN_CONSONANT
        assert found[2] in ("은을과" if consonant else "는를와"), found[0]


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_bold_words_are_bold_for_every_reader_of_markdown(name: Path) -> None:
    """A closing ** between a bracket and a Hangul letter does not close, says CommonMark."""
    assert re.findall(r"[^\w\s*]\*\*?[가-힣]", prose(KOREAN / name)) == []


@pytest.mark.parametrize("name", PAGES, ids=str)
def test_no_hangul_is_slanted(name: Path) -> None:
    """Fonts have no italic Hangul; a browser slants it, which is hard to read."""
    slanted = re.findall(r"\*([^*\n]+)\*", prose(KOREAN / name).replace("**", ""))
    assert [words for words in slanted if HANGUL.search(words)] == []


@pytest.mark.parametrize("name", CHAPTERS, ids=str)
def test_a_chapter_says_what_will_be_known_and_ends_with_as_many_exercises(name: Path) -> None:
    title, first = read(KOREAN / name).split("\n\n")[:2]
    assert re.fullmatch(rf"# {name.name[0]} .+", title)
    assert first.startswith("이 장을 마치면 ")
    tasks = [read(page).partition(f"\n## {heading}\n")[2] for page, heading in exercises(name)]
    numbers = [re.findall(r"^\d\. ", text, flags=re.MULTILINE) for text in tasks]
    assert numbers[0] == numbers[1] != []


def exercises(name: Path) -> list[tuple[Path, str]]:
    return [(KOREAN / name, "연습 문제"), (DOCS / name, "Exercises")]


def test_the_front_page_has_the_two_commands_and_the_nine_chapters() -> None:
    page = KOREAN / "index.md"
    found = FENCE.findall(read(page))
    readme = FENCE.findall(read(DOCS.parent / "README.md"))
    commands = [block for block in readme if block.startswith("```sh\nscripts/")]
    assert found == [*FENCE.findall(read(DOCS / "index.md")), *commands]
    listed = re.findall(r"^(\d)\. \[.+\]\((.+)\)$", read(page), flags=re.MULTILINE)
    assert listed == [(name.name[0], str(name)) for name in CHAPTERS]


@pytest.mark.parametrize("page", [Path("index.md"), Path("guide/index.md")], ids=str)
def test_a_list_calls_a_chapter_by_its_title(page: Path) -> None:
    links = re.findall(r"\[([^\]]+)\]\((?:guide/)?(\d-[\w-]+\.md)\)", read(KOREAN / page))
    assert len(links) == len(CHAPTERS)
    for said, file in links:
        title = "".join(takewhile(lambda letter: letter != "\n", read(KOREAN / "guide" / file)))
        assert title.removeprefix("# ").endswith(said)


def test_the_korean_timeline_has_the_years_and_papers_of_the_english_one() -> None:
    korean, english = KOREAN / "timeline.md", DOCS / "timeline.md"
    entries = [ENTRY.findall(read(page)) for page in (korean, english)]
    assert [each[1:] for each in entries[0]] == [each[1:] for each in entries[1]]
    assert len(entries[0]) == levels(english)["##"] > 20
