from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests import golden
from tests.tiny import classifier, command

GOLDEN = golden.HERE


@pytest.fixture
def model(tmp_path: Path) -> Path:
    classifier().save(tmp_path / "model")
    return tmp_path / "model"


def said(capsys: pytest.CaptureFixture[str], *words: Any, code: int = 0) -> str:
    assert command("inspect", *words) == code
    found = capsys.readouterr()
    return found.err if code else found.out


def test_every_view_of_a_text_is_drawn(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, model, "--text", "a warm lovely film")
    for title in ("Gates", "Gradient", "Memory", "Attribution"):
        assert title in out
    assert "Attention" not in out
    assert "lovely" in out


@pytest.mark.parametrize("task", ["translate", "tag", "generate", "chat"])
def test_every_task_of_texts_is_seen(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, GOLDEN / task, "--text", golden.ASKED[task][0])
    assert ("Attention" in out) == (task in ("translate", "chat"))


def test_one_view_of_one_layer_and_one_gate(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--view", "gates", "--layer", "1 reverse", "--gate", "update")
    out = said(capsys, model, "--text", "a warm film", *words)
    assert "update" in out
    assert "reset" not in out
    assert "Memory" not in out


def test_a_row_of_a_table_is_an_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(str(100 + n + 10 * (n % 12)) for n in range(40))
    data = tmp_path / "sales.csv"
    data.write_text(f"sold\n{rows}\n", encoding="utf-8")
    assert "Gates" in said(capsys, GOLDEN / "forecast", "--data", data, "--view", "gates")
    err = said(capsys, GOLDEN / "forecast", "--data", data, "--row", "2", code=2)
    assert "there is no row 2: the file has 1" in err


def test_units_that_follow_a_pattern_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "verses.txt"
    text.write_text("a warm film\na cold film\n" * 20, encoding="utf-8")
    out = said(capsys, GOLDEN / "generate", "--text-file", text, "--query", "warm|cold")
    assert "warm|cold" in out
    assert "held" in out
    again = said(
        capsys, GOLDEN / "generate", "--text-file", text, "--query", "warm", "--held-out", text
    )
    assert "warm" in again


def test_what_if_a_gate_were_held_or_a_token_another(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = said(capsys, model, "--text", "a warm film", "--set", "update=1")
    assert "update=1" in held
    assert "Gates" not in held
    other = said(capsys, model, "--text", "a warm film", "--change", "2=cold")
    assert "cold" in other


def test_json_holds_every_array(model: Path, tmp_path: Path) -> None:
    place = tmp_path / "seen.json"
    assert command("inspect", model, "--text", "따뜻한 영화", "--json", place) == 0
    found = json.loads(place.read_text(encoding="utf-8"))
    [seen] = found["inputs"]
    assert found["task"] == "classify"
    assert len(seen["tokens"]) == 2
    assert {view["title"] for view in seen["views"]} >= {"Gates and states", "Memory"}
    assert all(view["arrays"] for view in seen["views"])


def test_the_page_needs_nothing_from_elsewhere(model: Path, tmp_path: Path) -> None:
    place = tmp_path / "seen.html"
    texts = ("--text", "a warm film", "--text", "</script><b>dull</b>")
    assert command("inspect", model, *texts, "--html", place) == 0
    page = place.read_text(encoding="utf-8")
    assert page.count("<h2") == len(texts) / 2
    assert page.count("<h3") == 8
    assert "<b>dull" not in page
    assert len(page) < 20_000_000


def test_files_are_never_overwritten(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "there").write_text("mine", encoding="utf-8")
    for flag in ("--html", "--json"):
        err = said(capsys, model, "--text", "a film", flag, tmp_path / "there", code=2)
        assert "there" in err
    assert (tmp_path / "there").read_text(encoding="utf-8") == "mine"


WRONG: dict[str, tuple[list[str], str]] = {
    "no input": ([], "one input is wanted: --text TEXT, --text-file FILE, or --data FILE"),
    "two inputs": (["--text", "a", "--data", "b.csv"], "one input is wanted"),
    "empty": (["--text", "  "], "the text is empty"),
    "view": (["--text", "a", "--view", "gate"], "unknown view 'gate'; did you mean 'gates'?"),
    "layer": (["--text", "a", "--layer", "2"], "unknown layer '2'; known: 1, 1 reverse"),
    "gate": (
        ["--text", "a", "--gate", "forget"],
        "unknown gate or state 'forget'; known: candidate, h, reset, update",
    ),
    "part": (["--text", "a", "--part", "decoder"], "the model is one network"),
    "part's name": (["--text", "a", "--part", "middle"], "unknown part 'middle'; known: decoder"),
    "place": (["--text", "a", "--place", "3"], "there is no answer 3: the model gives 1"),
    "attention": (["--text", "a", "--view", "attention"], "attention"),
    "regex": (["--text", "a film", "--query", "("], "regular expression"),
    "clamp": (["--text", "a film", "--set", "update"], "update"),
    "clamp of no gate": (["--text", "a film", "--set", "forget=1"], "known: candidate, h, reset"),
    "unit": (["--text", "a film", "--set", "h[8]=0"], "8"),
    "change": (["--text", "a film", "--change", "x"], "--change wants N=TOKEN, such as 3=good"),
    "changed step": (["--text", "a film", "--change", "3=x"], "3"),
    "number of no end": (["--text", "a", "--change", "9" * 5000 + "=x"], "--change wants N=TOKEN"),
    "one step twice": (["--text", "a", "--change", "1=x", "--change", "1=y"], "token 1 twice"),
    "great repeat": (["--text", "a film", "--query", "a{99999999999}"], "no regular expression"),
    "row of no file": (["--text", "a", "--row", "2"], "--row is for --data"),
    "layer of no view": (
        ["--text", "a", "--layer", "9", "--view", "memory"],
        "--layer and --gate are for --view gates",
    ),
    "gate of no view": (["--text", "a b", "--gate", "h", "--set", "h=0"], "--layer and --gate"),
    "place of no view": (["--text", "a", "--place", "0", "--view", "gates"], "--place is for"),
    "held out of no query": (["--text", "a", "--held-out", "b.txt"], "there is no such file"),
    "half of a pair": (["--text", "a \udcff"], "--text is to be UTF-8, and 'a \\udcff' came"),
    "folder as a text": (["--text-file", "."], "a text file was wanted, and this is a folder"),
    "no name": (["--text", "a", "--json", ""], "the name of a file to write is empty"),
    "no folder": (["--text", "a", "--html", "none/a.html"], "there is no folder none; make it"),
    "one file": (["--text", "a", "--html", "a", "--json", "a"], "a is named for two files"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(case: str, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, message = WRONG[case]
    err = said(capsys, model, *words, code=2)
    assert message in err
    assert "Traceback" not in err


def test_another_text_is_for_patterns_only(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.txt"
    other.write_text("a warm film", encoding="utf-8")
    err = said(capsys, model, "--text", "a film", "--held-out", other, code=2)
    assert "--held-out is for --query" in err


def test_a_text_file_may_have_any_ending_and_encoding(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = tmp_path / "notes.md"
    notes.write_bytes("따뜻한 영화".encode("cp949"))
    words = (model, "--text-file", notes, "--view", "gates")
    assert "--encoding" in said(capsys, *words, code=2)
    assert "영화" in said(capsys, *words, "--encoding", "cp949")


def test_a_row_needs_no_target(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "only.csv"
    data.write_text("review\na warm film\na lovely film\n", encoding="utf-8")
    assert "lovely" in said(capsys, model, "--data", data, "--row", "2", "--view", "gates")


@pytest.mark.parametrize(("task", "what"), [("caption", "a picture"), ("transcribe", "a sound")])
def test_a_model_of_files_has_no_text_file(
    task: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    err = said(capsys, GOLDEN / task, "--text-file", tmp_path / "a.txt", code=2)
    assert f"the model reads {what}, and no text: name its file with --text" in err


def test_files_are_written_though_nobody_reads_the_pipe(model: Path, tmp_path: Path) -> None:
    place = tmp_path / "seen.json"
    words = ["inspect", str(model), "--text", "a warm film", "--json", str(place)]
    code = "import sys; from headgate.cli import main; main(sys.argv[1:])"
    with subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        run.stdout.close()
    assert json.loads(place.read_text(encoding="utf-8"))["task"] == "classify"
