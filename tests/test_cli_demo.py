from __future__ import annotations

from pathlib import Path

import pytest
from tests.tiny import command

from headgate.cli import demo as demo_module
from headgate.data.sources import read_table
from headgate.model import load

TINY = {"hidden_size": 8, "embedding_size": 8, "beam_width": 1, "epochs": 1}


@pytest.fixture(autouse=True)
def _tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo_module, "SETTINGS", TINY)


def test_the_demo_trains_shows_and_says_where_everything_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command("demo", "--count", 80) == 0
    page = capsys.readouterr().out
    place = Path("headgate-demo")
    model = load(place / "model")
    assert f"{model.metrics['test']['exact_match']['value']:.1%} of the dates" in page
    assert "the best baseline gets" in page
    assert all(text in page for text in demo_module.UNSEEN)
    assert "headgate translate headgate-demo/model --attention" in page
    assert "\x1b" not in page
    assert page.index("What to try next") < page.index("headgate cells lstm")
    html = (place / "attention.html").read_text(encoding="utf-8")
    assert html.count("<svg") == len(demo_module.UNSEEN)


def test_the_demo_may_end_in_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr(
        "headgate.cli.inspect_web.open_page", lambda *given: opened.append((given[0], given[2]))
    )
    assert command("demo", "--count", 80, "--web", "3 May 1999") == 0
    assert opened == [("dates", ["3 May 1999"])]


def test_without_the_server_it_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headgate.cli.serve.find_spec", lambda _: None)
    assert command("demo", "--count", 80, "--web", "3 May 1999") == 2
    assert not Path("headgate-demo").exists()


def test_the_dates_that_are_tried_are_not_among_those_learned_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever is drawn, what stands in the table of the unseen is left out."""
    from headgate.data import dates

    drawn = dates.generate(30, seed=42)
    monkeypatch.setattr(demo_module, "UNSEEN", (drawn[0].written.upper(), drawn[3].written))
    languages = demo_module._write_dates(Path("dates.csv"), count=20, seed=42)
    table = read_table("dates.csv", columns=["written", "iso", "language"])
    kept = table.column("written")
    assert len(kept) == 20
    assert kept[:3] == [drawn[1].written, drawn[2].written, drawn[4].written]
    assert len(set(table.column("language"))) == languages


def test_a_free_name_is_found_and_a_given_one_is_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("headgate-demo").mkdir()
    (Path("headgate-demo") / "mine").write_text("mine")
    assert demo_module._free("headgate-demo") == Path("headgate-demo-2")
    assert command("demo", "--out", "headgate-demo") == 2
    assert "headgate-demo is there already and was not touched" in capsys.readouterr().err
    assert [path.name for path in Path("headgate-demo").iterdir()] == ["mine"]
