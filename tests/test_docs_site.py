"""The site: every link and anchor leads somewhere, every public name has its place, it builds."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.guides import DOCS

import headgate as hg

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli", reason="Python 3.10 reads no TOML")

ROOT = DOCS.parent
PAGES = sorted(DOCS.rglob("*.md"))
FENCE = re.compile(r"^```.*?^```$", flags=re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """The page without its blocks and without `code`."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return re.sub(r"`[^`\n]*`", "", text)


def anchor_of(heading: str) -> str:
    """The id that a heading has on the site."""
    words = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return words.replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return {anchor_of(each) for each in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        place = (page.parent / target).resolve() if target else page
        assert place.is_file(), link
        assert place.is_relative_to(DOCS), f"{link} leaves the site"
        if anchor:
            assert anchor in anchors(place), link


def test_every_page_is_in_the_navigation_once() -> None:
    with open(ROOT / "zensical.toml", "rb") as file:
        found = list(in_navigation(tomllib.load(file)["project"]["nav"]))
    assert len(found) == len(set(found))
    assert set(found) == {str(page.relative_to(DOCS)) for page in PAGES}


def in_navigation(entry: object) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        for below in entry.values():
            yield from in_navigation(below)
    elif isinstance(entry, list):
        for each in entry:
            yield from in_navigation(each)


def test_every_public_name_stands_in_the_reference_once_and_in_its_table() -> None:
    pages = sorted((DOCS / "reference").glob("*.md"))
    found = [
        name
        for page in pages
        for name in re.findall(r"^::: headgate\.(\w+)$", page.read_text("utf-8"), re.MULTILINE)
    ]
    assert sorted(found) == sorted(hg.__all__)
    table = (DOCS / "reference" / "index.md").read_text(encoding="utf-8")
    for page in pages:
        for name in re.findall(r"^::: headgate\.(\w+)$", page.read_text("utf-8"), re.MULTILINE):
            assert re.search(rf"\({page.name}\).*`{name}`", table), name


class Loaded(HTMLParser):
    """What a page loads by itself, and what it has ids of."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.language = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        self.ids.add(has.get("id", ""))
        if tag == "html":
            self.language = has.get("lang", "")
        if tag == "link" and has.get("rel") not in ("canonical", "alternate", "prev", "next"):
            self.loaded.append(has.get("href", ""))
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed"):
            self.loaded.append(has.get("src", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built of a copy, so that nothing is written where others read."""
    for package in ("zensical", "mkdocstrings"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: headgate[dev]")
    folder = tmp_path_factory.mktemp("site")
    for name in ("docs", "scripts/site", "src"):
        ignored = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "zensical.toml", folder)
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "site"


def read(page: Path) -> Loaded:
    parser = Loaded()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


@pytest.mark.slow
def test_it_builds_without_a_warning_and_has_every_page(site: Path) -> None:
    wanted = {page.relative_to(DOCS).with_suffix(".html") for page in PAGES}
    assert wanted <= {page.relative_to(site) for page in site.rglob("*.html")}


@pytest.mark.slow
def test_no_page_loads_anything_from_the_network(site: Path) -> None:
    for page in site.rglob("*.html"):
        for address in read(page).loaded:
            assert not re.match(r"(https?:)?//", address), f"{page.name}: {address}"
    for style in site.rglob("*.css"):
        addresses = re.findall(
            r"(?:url\(|@import)\s*['\"]?(https?:[^'\")]+)", style.read_text("utf-8")
        )
        assert not addresses, style.name


@pytest.mark.slow
def test_every_public_name_has_an_anchor_on_the_site(site: Path) -> None:
    found = set().union(*(read(page).ids for page in (site / "reference").glob("*.html")))
    assert {f"headgate.{name}" for name in hg.__all__} <= found


@pytest.mark.slow
def test_a_korean_page_says_that_it_is_korean(site: Path) -> None:
    for page in site.rglob("*.html"):
        if page.name != "404.html":
            korean = page.relative_to(site).parts[0] == "ko"
            assert read(page).language == ("ko" if korean else "en"), page
