"""What is counted, as Prometheus reads it, and nothing that a user wrote."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from tests.rough import exchange, head, only
from tests.sent import golden
from tests.served import Client, serving

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]
SECRET = "a-private-word"


def values(client: Client) -> Values:
    heard = client.ask("GET", "/metrics")
    assert heard.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(heard.body.decode())
    samples = [each for family in families for each in family.samples]
    assert len({(each.name, frozenset(each.labels.items())) for each in samples}) == len(samples)
    return {(each.name, frozenset(each.labels.items())): each.value for each in samples}


def value(found: Values, name: str, **labels: str) -> float:
    return found.get((f"headgate_{name}", frozenset(labels.items())), 0.0)


def test_it_counts_what_was_done(tmp_path: Path) -> None:
    with serving({"g": golden("generate"), "t": golden("tag")}, tmp_path) as client:
        session = client.begin(model="g", durable=True)
        client.post(f"{session}/step", {"input": ["a", "b", " "]})
        client.post(f"{session}/step", {"input": ["a"]})
        client.begin(model="g")
        client.post("/v1/predict", {"model": "t", "inputs": ["Ada met", "in Seoul"]})
        client.post("/v1/completions", {"model": "g", "prompt": "a a", "max_tokens": 7, "n": 2})
        client.problem("POST", "/v1/predict", {"model": SECRET, "inputs": [SECRET]})
        found = values(client)
    assert value(found, "steps_total", model="g") == 4
    assert value(found, "tokens_total", model="g", kind="read") == 6
    assert 2 <= value(found, "tokens_total", model="g", kind="written") <= 14
    assert value(found, "sessions", place="memory") == 2
    assert value(found, "sessions", place="disk") == 0
    assert value(found, "waiting", model="g") == value(found, "waiting", model="t") == 0
    assert value(found, "batch_size_count", model="t", kind="answers") == 1
    assert value(found, "batch_size_count", model="g", kind="steps") >= 1
    sessions = {"method": "POST", "path": "/v1/sessions"}
    assert value(found, "requests_total", status="201", **sessions) == 2
    predict = {"method": "POST", "path": "/v1/predict"}
    assert value(found, "requests_total", status="200", **predict) == 1
    assert value(found, "requests_total", status="404", **predict) == 1
    assert value(found, "request_seconds_count", path="/v1/predict") == 2
    assert value(found, "request_seconds_bucket", path="/v1/predict", le="+Inf") == 2


def test_it_counts_what_never_became_a_request(tmp_path: Path) -> None:
    with serving({"g": golden("generate")}, tmp_path) as client:
        assert only(exchange(client, b"no HTTP\r\n\r\n")).status == 400
        assert only(exchange(client, head(path="/" + "x" * 800_000))).status == 431
        found = values(client)
    for status in ("400", "431"):
        labels = {"method": "OTHER", "path": "unknown", "status": status}
        assert value(found, "requests_total", **labels) == 1


def test_no_label_is_a_users_text(tmp_path: Path) -> None:
    with serving({"g": golden("generate")}, tmp_path) as client:
        before = set(values(client))
        for number in range(20):
            word = f"{SECRET}{number}"
            client.ask("GET", f"/{word}")
            client.ask("GET", f"/v1/sessions/{word}")
            client.ask("GET", f"/v1/models/{word}")
            client.ask(f"X{number}", "/v1/models")
            client.ask("POST", "/v1/predict", {"model": word, "inputs": [word], word: word})
            client.ask("POST", "/v1/completions", {"model": word, "user": word})
            client.ask("POST", f"/v1/sessions/{word}/step", {"input": word})
        found = values(client)
    for _, labels in found:
        assert not any(SECRET in each for _, each in labels)
    kinds = {labels for name, labels in found.keys() - before if name == "headgate_requests_total"}
    assert len(kinds) <= 9  # one for each kind of request, however many came
