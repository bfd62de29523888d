"""The page and what it asks: it is the model's own trace, attention, gradients and what-ifs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.golden import ASKED, HERE, write_bar, write_tones
from tests.kept import KINDS
from tests.sent import golden, sent
from tests.served import Client, bare, serving

from headgate.inspection.trace import Inspection
from headgate.inspection.window import rounded
from headgate.server import looks
from headgate.server.limits import Limits
from headgate.server.page_routes import PAGE

TASKS = sorted(path.name for path in HERE.iterdir() if path.is_dir())
PATH = "/v1/inspect"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    models = {name: golden(name) for name in TASKS}
    models["letters"] = bare(KINDS["generate"].make())
    with serving(models, tmp_path_factory.mktemp("sessions")) as client:
        yield client


def asked_of(task: str, folder: Path) -> tuple[Any, Any]:
    """An input as the server takes it, and as the model does."""
    given = ASKED[task][0]
    if task in ("transcribe", "caption"):
        file = (write_tones if task == "transcribe" else write_bar)(folder, given)
        return sent(file), file
    return given, torch.tensor(given) if task in ("regress", "forecast") else given


def parts_of(found: Inspection) -> dict[str, Inspection]:
    if found.decoder is None:
        return {"network": found}
    return {"encoder": found, "decoder": found.decoder}


@pytest.mark.parametrize("task", TASKS)
def test_what_is_seen_is_the_models_own(client: Client, tmp_path: Path, task: str) -> None:
    given, own = asked_of(task, tmp_path)
    seen = client.post(PATH, {"model": task, "input": given})
    if task == "forecast":  # which reads a series with a name
        parts = {each["name"]: each for each in seen["parts"]}
        assert [*parts] == ["network"]
        return
    wanted = parts_of(golden(task).inspect(own))
    assert [each["name"] for each in seen["parts"]] == [*wanted]
    for part in seen["parts"]:
        found = wanted[part["name"]]
        assert part["tokens"] == list(found.tokens)
        assert part["layers"] == list(found.passes)
        assert [each["name"] for each in part["values"]] == list(found.names)
        for value in part["values"]:
            trace = found.trace[value["name"]]
            for place, layer in enumerate(found.passes):
                asked = {"id": seen["id"], "part": part["name"], "layer": layer}
                window = client.post(f"{PATH}/values", {**asked, "name": value["name"]})
                assert window["whole"]
                assert window["mean"] == rounded(trace[place].T)
    prediction = client.post("/v1/predict", {"model": task, "inputs": [given]})["predictions"]
    if task != "generate":  # what goes on with a text is drawn
        assert seen["prediction"] == prediction[0]


def look(client: Client, task: str, given: Any) -> tuple[dict[str, Any], Inspection]:
    seen = client.post(PATH, {"model": task, "input": given})
    return seen, golden(task).inspect(given)


def test_a_step_names_the_furthest_units(client: Client) -> None:
    seen, found = look(client, "tag", "Ada met Noor")
    asked = {"id": seen["id"], "layer": "1 reverse", "name": "forget", "step": 2, "count": 3}
    step = client.post(f"{PATH}/step", asked)
    row = found.trace["forget"][1, 1]
    order = row.argsort(descending=True)
    assert [each["unit"] for each in step["highest"]] == order[:3].tolist()
    assert [each["unit"] for each in step["lowest"]] == order.flip(0)[:3].tolist()
    assert step["token"] == "met"
    says = {each["choice"]: each["value"] for each in step["says"]}
    chances = rounded(found.answer[1].exp(), 6)
    assert says == dict(zip(found.outcome.choices, chances, strict=True))


def test_attention_is_the_models(client: Client) -> None:
    seen, found = look(client, "translate", "no. 123")
    assert seen["attention"]
    map = client.post(f"{PATH}/attention", {"id": seen["id"]})
    assert found.attention is not None
    assert map["source"] == list(found.attention.source)
    assert map["weights"] == rounded(found.attention.weights)


def test_gradients_are_the_models(client: Client) -> None:
    seen, found = look(client, "classify", "a warm lovely film")
    heard = client.post(f"{PATH}/gradients", {"id": seen["id"]})
    assert heard["method"] == "integrated_gradients"
    assert heard["attribution"] == rounded(found.attribution().steps)
    norms = found.gradients().norms
    for each in heard["states"]:
        wanted = norms[each["name"]][found.passes.index(each["layer"])]
        assert each["norms"] == [float(f"{norm:.4g}") for norm in wanted.tolist()]


def test_a_clamp_is_the_models_what_if(client: Client) -> None:
    seen, found = look(client, "classify", "a warm lovely film")
    clamp = {"name": "update", "value": 0.9, "layer": "1", "units": [0, 3], "steps": [2, 3]}
    heard = client.post(f"{PATH}/what-if", {"id": seen["id"], "clamps": [clamp]})
    wanted = found.what_if("1.update[0:3]@2:3=0.9")
    assert heard["changes"] == list(wanted.changes)
    after = {each["choice"]: each["after"] for each in heard["answers"][0]["choices"]}
    chances = rounded(wanted.after[0].exp(), 6)
    assert after == dict(zip(wanted.choices, chances, strict=True))
    asked = {"id": heard["id"], "layer": "1", "name": "update", "steps": [2, 3], "units": [0, 3]}
    held = client.post(f"{PATH}/values", asked)
    assert held["mean"] == [[0.9, 0.9]] * 4
    minus = client.post(f"{PATH}/values", {**asked, "minus": seen["id"]})
    was = found.trace["update"][0, 1:3, :4].T
    assert minus["mean"] == rounded(torch.tensor(0.9) - was)
    refused = client.problem("POST", f"{PATH}/gradients", {"id": heard["id"]})
    assert refused[0] == 422


def test_a_difference_ends_with_the_shorter(client: Client) -> None:
    one, first = look(client, "classify", "a warm lovely film")
    other, second = look(client, "classify", "a dull film")
    asked = {"id": one["id"], "minus": other["id"], "layer": "1", "name": "h"}
    heard = client.post(f"{PATH}/values", asked)
    assert heard["steps"] == [1, 2, 3, 4]
    assert heard["mean"] == rounded((first.trace["h"][0, :3] - second.trace["h"][0]).T)


def test_what_is_wrong_is_said(client: Client) -> None:
    seen, _ = look(client, "classify", "a warm film")
    window = {"id": seen["id"], "layer": "1", "name": "h"}
    values = f"{PATH}/values"
    clamp = {"name": "h", "value": 1}
    for path, body, status, said in [
        (PATH, {"model": "none", "input": "a"}, 404, "no model"),
        (PATH, {"model": "classify", "input": 3}, 422, "/input: a text was wanted"),
        (PATH, {"model": "classify", "input": " "}, 422, "empty"),
        (values, window | {"id": "x"}, 404, "not kept any more"),
        (values, window | {"layer": "9"}, 422, "9"),
        (values, window | {"name": "forget"}, 422, "forget"),
        (values, window | {"part": "decoder"}, 422, "there is network"),
        (values, window | {"steps": [2, 9]}, 422, "from 1 to 3"),
        (values, window | {"steps": [2]}, 422, "schema"),
        (values, window | {"columns": 5000}, 422, "schema"),
        (f"{PATH}/step", window | {"step": 4}, 422, "there are 3"),
        (f"{PATH}/attention", {"id": seen["id"]}, 422, "no attention"),
        (f"{PATH}/gradients", {"id": seen["id"], "place": 9}, 422, "no answer 9"),
        (f"{PATH}/what-if", {"id": seen["id"], "clamps": []}, 422, "schema"),
        (f"{PATH}/what-if", {"id": seen["id"], "clamps": [clamp | {"units": [9, 999]}]}, 422, ""),
        (f"{PATH}/what-if", {"id": seen["id"], "clamps": [clamp | {"steps": [3, 2]}]}, 422, ""),
    ]:
        heard = client.problem("POST", path, body)
        assert heard[0] == status, (path, body, heard)
        assert said in heard[1]


def test_a_long_input_is_seen_in_parts(client: Client) -> None:
    text = "warm is cold. " * 700
    heard = client.ask("POST", PATH, {"model": "letters", "input": text[:9800]})
    assert len(heard.body) < 1_000_000
    seen = heard.json
    assert len(seen["parts"][0]["tokens"]) == 9800
    asked = {"id": seen["id"], "layer": "1", "name": "c", "columns": 2000}
    whole = client.ask("POST", f"{PATH}/values", asked)
    assert len(whole.body) < 1_000_000
    assert not whole.json["whole"]
    part = client.post(f"{PATH}/values", {**asked, "steps": [5000, 5100]})
    assert part["whole"]
    gone = client.post(f"{PATH}/gradients", {"id": seen["id"]})
    assert (gone["method"], gone["states"]) == ("gradient_x_input", [])
    assert "1000 steps" in gone["why"]


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "MOST_KEPT", 3)
    with serving({"m": golden("classify")}, tmp_path) as client:
        names = [client.post(PATH, {"input": "a warm film"})["id"] for _ in range(4)]
        asked = {"layer": "1", "name": "h"}
        heard = [client.ask("POST", f"{PATH}/values", {"id": n, **asked}).status for n in names]
        assert heard == [404, 200, 200, 200]


def test_what_takes_too_much_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = golden("classify")
    found = task.inspect("a warm film")
    a_step = 4 * len(found.passes) * len(found.names) * found.layers.hidden_size
    monkeypatch.setattr(looks, "ONE_HAS", 3 * a_step + 4 * found.answer.numel())
    with serving({"m": task}, tmp_path, Limits(characters=60)) as client:
        client.post(PATH, {"input": "a warm film"})
        status, why = client.problem("POST", PATH, {"input": "a warm lovely film"})
        assert (status, "at most 3" in why) == (413, True)
        assert client.problem("POST", PATH, {"input": "a " * 31})[0] == 422


def test_what_a_model_answers_counts_as_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = golden("generate").inspect("warm is cold")
    trace = sum(value.nbytes for value in found.trace.values())
    seen = looks.Seen(found, found.trace)
    assert looks.Look("m", {"network": seen}).size == trace + found.answer.nbytes
    monkeypatch.setattr(looks, "ONE_HAS", trace + found.answer.nbytes)
    with serving({"m": golden("generate")}, tmp_path) as client:
        client.post(PATH, {"input": "warm is cold"})
        status, why = client.problem("POST", PATH, {"input": "warm is cold."})
        assert (status, "at most 12" in why) == (413, True)


def test_the_page_is_there_with_all_that_it_names(client: Client) -> None:
    heard = client.ask("GET", "/?model=x&text=y")
    assert heard.status == 200
    policy = dict(
        each.split(" ", 1) for each in heard.headers["content-security-policy"].split("; ")
    )
    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
    html = heard.body.decode()
    assert not re.search(r"<script>|\son\w+=|https?:", html)
    named = {*re.findall(r'(?:href|src)="page/([^"]+)"', html), "plotly.min.js"}
    for path in PAGE.glob("*.js"):
        named |= set(re.findall(r'from "\./([^"]+)"', path.read_text("utf-8")))
    for name in named:
        found = client.ask("GET", f"/page/{name}")
        assert found.status == 200
        assert found.headers["x-content-type-options"] == "nosniff"
    assert named - {"plotly.min.js"} == {each.name for each in PAGE.iterdir()} - {"index.html"}
    for path in ("/page/none.js", "/page/../app.py", "/page/%2e%2e%2fapp.py", "/page/"):
        assert client.ask("GET", path).status == 404


def test_modules_are_short_and_read_no_html() -> None:
    for path in PAGE.glob("*.js"):
        text = path.read_text("utf-8")
        assert len(text.splitlines()) <= 250
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)


def test_without_plotly_it_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headgate.server.page_routes.find_spec", lambda name: None)
    status, why = client.problem("GET", "/page/plotly.min.js")
    assert (status, "headgate[plot]" in why) == (404, True)


def test_the_document_has_the_routes(client: Client) -> None:
    document = json.loads(client.ask("GET", "/openapi.json").body)
    known = {path for path in document["paths"] if path.startswith(PATH)}
    ends = ("", "/values", "/step", "/attention", "/gradients", "/what-if")
    assert known == {PATH + end for end in ends}
    assert not any(path.startswith("/page") or path == "/" for path in document["paths"])


def test_the_page_needs_no_token_and_what_it_asks_does(tmp_path: Path) -> None:
    with serving({"m": golden("classify")}, tmp_path, token="a token of some length") as client:
        client.headers = {}
        for path in ("/", "/page/main.js", "/healthz"):
            assert client.ask("GET", path).status == 200
        assert client.ask("GET", "/v1/models").status == 401
        assert client.ask("POST", "/v1/inspect", {"input": "a"}).status == 401
