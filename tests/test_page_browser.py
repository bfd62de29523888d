"""The page in a real browser: what it shows is what the model does, by mouse and by keyboard."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from tests.golden import HERE
from tests.kept import KINDS
from tests.sent import golden
from tests.served import bare, serving

from headgate.inspection.trace import Inspection
from headgate.inspection.window import rounded

driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

TASKS = sorted(path.name for path in HERE.iterdir() if path.is_dir())
TEXT = "a warm lovely film"
NASTY = "<img src=x onerror=alert(1)> <b>warm"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    models = {name: golden(name) for name in TASKS} | {"letters": bare(KINDS["generate"].make())}
    with serving(models, tmp_path_factory.mktemp("sessions")) as client:
        yield f"http://{client.host}:{client.port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with driver.sync_playwright() as found:
        started = found.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def context(browser: Any) -> Any:
    """One for all pages, so that the library that draws is read once."""
    return browser.new_context(reduced_motion="reduce")


@pytest.fixture
def page(context: Any, address: str) -> Iterator[Any]:
    """A page that may say nothing on the console and ask nobody else."""
    yield from _page(context, address, {"width": 1280, "height": 900})


@pytest.fixture
def narrow(context: Any, address: str) -> Iterator[Any]:
    yield from _page(context, address, {"width": 390, "height": 800})


def _page(context: Any, address: str, size: dict[str, int]) -> Iterator[Any]:
    made, said, asked = context.new_page(), list[str](), list[str]()
    made.on("console", lambda message: said.append(message.text))
    made.on("pageerror", lambda error: said.append(str(error)))
    made.on("dialog", lambda dialog: said.append(dialog.message))
    made.on("request", lambda request: asked.append(request.url))
    made.set_viewport_size(size)
    made.address = address
    yield made
    made.close()
    assert said == []
    assert all(url.startswith((address, "data:")) for url in asked)


def opened(page: Any, **view: Any) -> None:
    """Open a view, and wait until its maps are drawn."""
    query = "&".join(f"{name}={quote(str(value))}" for name, value in view.items())
    page.goto(f"{page.address}/?{query}")
    drawn(page)


def drawn(page: Any) -> None:
    page.wait_for_selector("#maps .main-svg")
    page.wait_for_function("() => document.querySelectorAll('#units table').length > 0")


def point(page: Any, step: int, unit: int, count: int, units: int) -> None:
    """Put the mouse on a cell of the first map."""
    page.locator("#maps .heat").first.scroll_into_view_if_needed()
    box = page.locator("#maps .heat .nsewdrag[data-subplot=xy]").first.bounding_box()
    x = box["x"] + box["width"] * (step - 0.5) / count
    y = box["y"] + box["height"] * (1 - (unit + 0.5) / units)
    page.mouse.move(x, y, steps=3)


def read(page: Any, pattern: str) -> str:
    """Wait until the page tells a value that fits a pattern; give what it tells."""
    page.wait_for_function(
        "told => new RegExp(told).test(document.getElementById('reading').textContent)", arg=pattern
    )
    return page.text_content("#reading")


def value_of(found: Inspection, name: str, step: int, unit: int) -> float:
    """A value as the page writes it, from the model itself."""
    shown = rounded(found.trace[name][0].T)[unit][step - 1]
    return float(f"{shown:.4g}")


def test_one_types_a_text_and_reads_the_prediction(page: Any) -> None:
    page.goto(page.address)
    page.get_by_label("Model").first.select_option("classify")
    page.get_by_label("Input", exact=True).last.fill(TEXT)
    page.keyboard.press("Enter")
    drawn(page)
    answer = golden("classify").predict([TEXT])[0].plain()
    assert page.text_content("#answer .said") == answer["label"]
    assert page.get_attribute("#answer", "aria-live") == "polite"
    assert "text=a+warm+lovely+film" in page.url


def test_pointing_at_a_cell_gives_the_value_of_the_trace(page: Any) -> None:
    opened(page, model="classify", text=TEXT, name="update")
    found = golden("classify").inspect(TEXT)
    units = found.trace["update"].shape[2]
    for step, unit in ((2, 1), (4, units - 1)):
        point(page, step, unit, len(found.tokens), units)
        told = read(page, f"step {step} “{found.tokens[step - 1]}”, unit {unit}: ")
        value = float(told.rsplit(": ", 1)[1])
        assert value == value_of(found, "update", step, unit)


def test_a_gate_that_is_turned_gives_the_models_what_if(page: Any) -> None:
    opened(page, model="classify", text=TEXT, name="h")
    page.get_by_label("Hold").select_option("update")
    page.get_by_label("units", exact=True).fill("0:2")
    page.get_by_label("Value in digits").fill("0.95")
    page.wait_for_selector("#changed strong:text('update[0:2]=0.95')")
    wanted = golden("classify").inspect(TEXT).what_if("update[0:2]=0.95")
    chances = rounded(wanted.after[0].exp(), 6)
    shown = {
        row.locator("th").text_content(): float(row.locator("td").nth(1).text_content())
        for row in page.locator("#changed tbody tr").all()
    }
    assert shown == {
        name: float(f"{chance:.4g}") for name, chance in zip(wanted.choices, chances, strict=True)
    }
    page.wait_for_selector("#maps.several .difference .main-svg")
    url = page.url
    page.get_by_role("button", name="Let go").click()
    page.wait_for_selector("#maps:not(.several)")
    page.goto(url)  # the address has what is held
    page.wait_for_selector("#changed strong:text('update[0:2]=0.95')")


def test_two_texts_stand_beside_each_other(page: Any) -> None:
    opened(page, model="classify", text=TEXT, name="update")
    page.get_by_role("button", name="Compare with another").click()
    page.get_by_label("Beside it", exact=True).last.fill("a dull film")
    page.get_by_role("button", name="Look").click()
    page.wait_for_selector("#maps .difference .main-svg")
    answers = golden("classify").predict([TEXT, "a dull film"])
    shown = page.locator("#answer .said").all_text_contents()
    assert shown == [each.plain()["label"] for each in answers]
    scales = page.evaluate(
        "[...document.querySelectorAll('#maps .heat')].map(each => each.data.at(-1))"
        ".map(each => [each.zmin, each.zmax, each.z[0].length])"
    )
    assert scales[0][:2] == scales[1][:2] == [0, 1]
    assert [each[2] for each in scales] == [4, 3, 3]
    first, second = (
        golden("classify").inspect(each).trace["update"] for each in (TEXT, "a dull film")
    )
    minus = page.evaluate("document.querySelector('.difference .heat').data.at(-1).z")
    assert minus == rounded((second[0] - first[0, :3]).T)


def test_the_second_of_two_models_is_followed_and_held(page: Any) -> None:
    opened(page, model="classify", text=TEXT, other="tag", beside="Ada met Noor")
    page.get_by_label("Follow").select_option("tag")
    page.wait_for_selector("#units h3:text('Step 1: “Ada”')")
    found = golden("tag").inspect("Ada met Noor")
    assert page.locator("#strip [role=option]").all_text_contents() == list(found.tokens)
    page.wait_for_function("document.querySelector('#gradients .choices option')")
    places = page.locator("#gradients .choices option").all_text_contents()
    assert len(places) == len(found.outcome.places)
    name = found.names[0]
    page.get_by_label("Hold").select_option(name)
    page.get_by_label("Value in digits").fill("0.5")
    page.wait_for_selector(f"#changed strong:text('{name}=0.5')")
    page.wait_for_selector("#maps .difference .main-svg")
    titles = page.locator("#maps h3").all_text_contents()
    assert titles[0].endswith(", as it was")
    assert titles[2] == "held minus as it was"
    url = page.url
    page.get_by_label("Follow").select_option("classify")
    page.wait_for_selector("#units h3:text('Step 1: “a”')")
    assert page.locator("#changed strong").count() == 0
    page.goto(url)  # the address has which is followed, and what is held
    page.wait_for_selector(f"#changed strong:text('{name}=0.5')")
    assert page.locator("#strip [role=option]").all_text_contents() == list(found.tokens)


def test_a_file_is_looked_at(page: Any, tmp_path: Path) -> None:
    from PIL import Image

    page.goto(page.address)
    page.get_by_label("Model").first.select_option("caption")
    page.get_by_role("button", name="Look").click()
    page.wait_for_selector("#problem:text('choose a file first')")
    Image.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    page.get_by_label("Input", exact=True).last.set_input_files(tmp_path / "red.png")
    page.get_by_role("button", name="Look").click()
    drawn(page)
    [said] = golden("caption").predict([tmp_path / "red.png"])
    assert page.text_content("#answer .said") == said.text


def test_one_walks_with_the_keyboard_alone(page: Any) -> None:
    opened(page, model="tag", text="Ada met Noor")
    reached = set[str]()
    about = "e => e.id || e.dataset.zoom || e.ariaLabel || e.labels?.[0]?.textContent || ''"
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(f"({about})(document.activeElement)"))
        assert page.evaluate(
            "e => e === document.body || getComputedStyle(e).outlineStyle !== 'none'",
            page.evaluate_handle("document.activeElement"),
        )
        if page.evaluate("document.activeElement.id") == "strip":
            break
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#units h3:text('Step 3: “Noor”')")
    assert page.text_content("#strip [aria-selected=true]") == "Noor"
    assert page.text_content("#where") == "3 of 3"
    page.keyboard.press("Home")
    page.wait_for_selector("#units h3:text('Step 1: “Ada”')")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('heat')"):
            break
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    found = golden("tag").inspect("Ada met Noor")
    value = float(read(page, "“met”, unit 1").rsplit(": ", 1)[1])
    assert value == value_of(found, found.names[0], 2, 1)
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(f"({about})(document.activeElement)"))
    assert {"in", "out", "all", "Value", "Value in digits", "strip"} <= reached


def test_a_text_is_never_html(page: Any) -> None:
    opened(page, model="tag", text=NASTY, beside=NASTY, other="tag")
    page.wait_for_selector("#norms .main-svg")
    assert page.locator("#strip [role=option]").all_text_contents() == NASTY.split()
    assert page.locator("#answer th").first.text_content() == "<img"
    ticks = page.locator("#maps .heat").first.locator(".xtick text").all_text_contents()
    assert ticks[0] == "<img"
    assert page.locator("img").count() == 0


@pytest.mark.parametrize(
    "view",
    [
        {"model": "classify", "text": TEXT},
        {"model": "translate", "text": "no. 123", "part": "decoder"},
        {"model": "classify", "text": TEXT, "other": "classify", "beside": "a dull film"},
        {"model": "forecast", "text": ",".join(str(100 + n % 12) for n in range(60))},
        {"model": "classify", "text": "w" * 300},
    ],
    ids=["gates", "attention", "comparison", "series", "a long word"],
)
def test_nothing_is_wider_than_a_telephone(narrow: Any, view: dict[str, str]) -> None:
    opened(narrow, **view)
    narrow.get_by_label("Value in digits").fill("0.5")
    narrow.wait_for_selector("#changed strong")
    narrow.wait_for_selector("#maps .difference .main-svg")
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 390


def test_attention_is_told_for_each_step(page: Any) -> None:
    opened(page, model="translate", text="no. 123", part="decoder")
    page.wait_for_selector("#attention .main-svg")
    found = golden("translate").inspect("no. 123").attention
    assert found is not None
    drawn = page.evaluate("document.querySelector('#attention .figure').data[0].z")
    assert drawn == rounded(found.weights)
    said = page.text_content("#attention output")
    assert said.startswith(f"Writing “{found.target[0]}” it looks at “")


def test_a_long_text_is_whole_once_one_is_near(page: Any) -> None:
    page.goto(f"{page.address}/?model=letters")
    page.get_by_label("Input", exact=True).last.fill(("warm is cold. " * 720)[:10_000])
    sizes = list[int]()
    page.on("response", lambda heard: sizes.append(len(heard.body())) if "/v1/" in heard.url else 0)
    page.keyboard.press("Enter")
    drawn(page)
    point(page, 5000, 3, 10_000, 7)
    read(page, r"steps \d+ to \d+.*mean; from")
    for _ in range(6):
        with page.expect_response(lambda heard: heard.url.endswith("/values")):
            page.get_by_role("button", name="Zoom in").click()
    page.wait_for_function("() => document.querySelector('.heat').data.at(-1).z[0].length < 200")
    first, last = page.evaluate("document.querySelector('.heat').layout.xaxis.range")
    point(page, 3, 3, round(last - first), 7)
    text = read(page, r"step \d+ “.”, unit 3: ")
    step = int(re.search(r"step (\d+)", text)[1])  # type: ignore[index]
    found = KINDS["generate"].make().inspect(("warm is cold. " * 720)[:10_000])
    name = found.names[0]
    window = found.trace[name][0, round(first + 0.5) - 1 : round(last - 0.5)]
    near = rounded(window.T)[3][step - round(first + 0.5)]
    assert float(text.rsplit(": ", 1)[1]) == float(f"{near:.4g}")
    assert max(sizes) < 1_000_000


def test_a_part_is_drawn_near_with_the_mouse_and_is_in_the_address(page: Any) -> None:
    text = "warm is cold. dull is cold."
    opened(page, model="letters", text=text)
    point(page, 5, 2, len(text), 7)
    page.mouse.down()
    point(page, 15, 2, len(text), 7)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('.heat').data.at(-1).z[0].length < 20")
    shown = "document.querySelector('.heat').layout.xaxis.range"
    first, last = page.evaluate(shown)
    assert 4 <= first < 6
    assert 14 <= last < 16
    opened(page, **{name: each[0] for name, each in parse_qs(urlsplit(page.url).query).items()})
    assert page.evaluate(shown) == [first, last]


def test_all_else_is_there_where_plotly_is_not(page: Any) -> None:
    page.route("**/plotly.min.js", lambda route: route.fulfill(status=200, body=""))
    page.goto(f"{page.address}/?model=classify&text={quote(TEXT)}")
    page.wait_for_selector("#answer .said")
    page.wait_for_selector("#problem:text('headgate[plot]')")
    page.wait_for_selector("#units table")


def test_the_pages_files_are_those_of_the_package() -> None:
    from importlib.resources import files

    assert (files("headgate.server") / "page" / "index.html").is_file()
    assert Path(str(files("headgate.server") / "page")).is_dir()
