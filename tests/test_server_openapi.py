"""The OpenAPI document is valid, its examples work, and the server does as it says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from fastapi.openapi.models import OpenAPI
from tests.golden import HERE
from tests.kept import KINDS
from tests.sent import golden, player, seer, seller
from tests.served import Client, bare, serving

from headgate.model import Model
from headgate.server.examples import input_of, step_of
from headgate.server.limits import Limits

GOLDEN = sorted(each.name for each in HERE.iterdir() if each.is_dir())
MODELS: dict[str, Callable[[], Model]] = {
    **{f"golden {task}": lambda task=task: golden(task) for task in GOLDEN},
    **{f"seer of {kind}": lambda kind=kind: seer(kind) for kind in ("image", "video", "places")},
    "player": player,
    "seller": seller,
    **{name: lambda name=name: bare(KINDS[name].make()) for name in KINDS},
}
# A value may fit the document, and the model have no answer to it: a text of other letters, a state
# of another network, a session that is at another position. Nothing a schema says can rule it out.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 413, 422]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 413, 415, 422]
[phases.coverage]
unexpected-methods = ["PATCH"]
[[operations]] # two thirds of all cases, nearly all of them the same 422; these are but fuzzed
include-path-regex = "/v1/(completions|inspect)"
[operations.phases.coverage]
enabled = false
"""
KNOWN = {
    *("$ref", "additionalProperties", "anyOf", "const", "contentEncoding", "default", "enum"),
    *("description", "examples", "exclusiveMaximum", "exclusiveMinimum", "items", "maxItems"),
    *("maxLength", "maxProperties", "maximum", "minItems", "minLength", "minimum", "pattern"),
    *("properties", "required", "title", "type"),
}


def asked_of(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Each path that takes a body, with its method and the schema's name."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody")
            if body is not None:
                schema = body["content"]["application/json"]["schema"]
                yield path, method.upper(), schema["$ref"].rsplit("/", 1)[-1]


def checker(document: dict[str, Any], schema: str) -> Any:
    """What tells whether a body fits a schema of the document."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    return jsonschema_rs.Draft202012Validator(whole)


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all in it."""
    yield schema
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from parts(schema[name])
    for each in [*schema.get("anyOf", []), *schema.get("properties", {}).values()]:
        yield from parts(each)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Any, Any]]:
    """A server of all models, with its document, and its models by name."""
    models = {f"강 {name}": make() for name, make in MODELS.items()}
    with serving(models, tmp_path_factory.mktemp("everything")) as client:
        document = client.ask("GET", "/openapi.json").json
        OpenAPI.model_validate(document)
        cards = {each["id"]: each for each in client.ask("GET", "/v1/models").json["data"]}
        yield client, document, cards


@pytest.mark.parametrize("name", MODELS)
def test_each_example_is_answered(everything: tuple[Client, Any, Any], name: str) -> None:
    client, document, cards = everything
    schemas = document["components"]["schemas"]
    own = {
        schema: [each for each in schemas[schema].get("examples", []) if _is_of(each, f"강 {name}")]
        for _, _, schema in asked_of(document)
    }
    began, step = own["SessionRequest"], step_of(MODELS[name]())
    own["StepRequest"] = [{"input": step}] if began and step is not None else []
    assert all(each in schemas["StepRequest"]["examples"] for each in own["StepRequest"])
    assert bool(began) == cards[f"강 {name}"]["streams"]
    for path, method, schema in asked_of(document):
        check = checker(document, schema)
        for example in own[schema]:
            assert check.is_valid(example)
            steps = own["StepRequest"]
            if "{session}" in path and not (began and (steps or schema != "RewindRequest")):
                continue
            where = path.format(session=_stepped(client, began[0], steps) if began else "")
            heard = client.ask(method, where, example)
            assert heard.status in (200, 201), (path, example, heard)


def _is_of(example: dict[str, Any], model: str) -> bool:
    """Whether it is for that model, or for any."""
    return example.get("model", model) == model


def _stepped(client: Client, begun: dict[str, Any], steps: list[dict[str, Any]]) -> str:
    """Begin a session by its example, and step by its own; give its name."""
    name = client.begin(**begun).rsplit("/", 1)[-1]
    for step in steps:
        client.post(f"/v1/sessions/{name}/step", step)
    return name


def test_most_models_have_examples() -> None:
    without = {name for name, make in MODELS.items() if input_of(make()) is None}
    assert without == {"seller", "forecast with dates"}
    streaming = {name for name in KINDS if step_of(MODELS[name]()) is None}
    assert streaming == {"forecast with dates"}


def test_every_schema_is_one(tmp_path: Path) -> None:
    with serving({"a": golden("generate"), "b": golden("tag")}, tmp_path) as client:
        document = client.ask("GET", "/openapi.json").json
    assert document["openapi"].startswith("3.1")
    found = document["components"]["schemas"]
    for schema in found.values():
        jsonschema_rs.meta.validate(schema)
        for part in parts(schema):
            assert part.keys() <= KNOWN  # a word that no one knows bounds nothing
            if "$ref" in part:
                assert part["$ref"].rsplit("/", 1)[-1] in found
    assert found["CompletionRequest"]["properties"]["model"]["enum"] == ["a"]
    assert found["PredictRequest"]["properties"]["model"]["enum"] == ["a", "b"]
    assert "model" in found["PredictRequest"]["required"]


def test_it_says_the_limits(tmp_path: Path) -> None:
    limits = Limits(inputs=3, characters=50, steps=7, tokens=9, texts=2)
    with serving({"m": golden("generate")}, tmp_path, limits) as client:
        document = client.ask("GET", "/openapi.json").json
        for schema, path, most, more in [
            ("PredictRequest", "/v1/predict", {"inputs": ["a"] * 3}, {"inputs": ["a"] * 4}),
            ("CompletionRequest", "/v1/completions", {"max_tokens": 9}, {"max_tokens": 10}),
            ("CompletionRequest", "/v1/completions", {"n": 2}, {"n": 3}),
            ("CompletionRequest", "/v1/completions", {"prompt": ["a"] * 2}, {"prompt": ["a"] * 3}),
            ("CompletionRequest", "/v1/completions", {"prompt": "a" * 50}, {"prompt": "a" * 51}),
            ("StepRequest", client.begin() + "/step", {"input": ["a"] * 7}, {"input": ["a"] * 8}),
        ]:
            check = checker(document, schema)
            assert (check.is_valid(most), check.is_valid(more)) == (True, False)
            assert client.ask("POST", path, most).status == 200
            assert client.problem("POST", path, more)[0] == 413


@pytest.mark.slow
def test_the_server_does_as_the_document_says(tmp_path: Path) -> None:
    config, token = tmp_path / "schemathesis.toml", "a token of some length"
    config.write_text(CONFIG, encoding="utf-8")
    command = [Path(sys.executable).with_name("schemathesis"), "--config-file", config, "run"]
    command += ["--max-examples", "2", "--seed", "1", "--no-color", "--warnings", "off"]
    command += ["-H", f"Authorization: Bearer {token}"]
    patient = Limits(seconds=600)  # a connection that rests is not cut while it is taken up again
    models = {task: golden(task) for task in ("generate", "tag", "forecast")}
    with serving(models, tmp_path, patient, token) as client:
        found = subprocess.run(
            [*map(str, command), f"http://{client.host}:{client.port}/openapi.json"],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path / "seen")},
        )
    assert found.returncode == 0, found.stdout[-4000:] + found.stderr[-2000:]
    assert "(disabled)" not in found.stdout  # of its phases
