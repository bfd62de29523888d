"""Sessions of a language model behind HTTP: steps a second, and how long each waits.

Clients step side by side, a token a request, for some seconds: at ``headgate serve``, over HTTP and
over WebSockets, and at the handler that one would write with FastAPI and ``torch.nn``, in turns.
Afterwards every answer of every session is compared with those of a stream that is alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from headgate import load
from headgate.model import Model
from headgate.server.answers import plain

Step = Callable[[bytes], Awaitable[bytes]]
KINDS = ("headgate http", "headgate websocket", "headgate durable", "plain http")


async def http_client(port: int, session: str) -> Step:
    """Connect once, and give what sends a body and waits for the answer's."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/sessions/{session}/step HTTP/1.1\r\nHost: localhost\r\n"
    head += "Content-Type: application/json\r\nContent-Length: "

    async def step(body: bytes) -> bytes:
        writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode())
        lower = answer.lower()
        start = lower.index(b"content-length:") + 15
        return await reader.readexactly(int(lower[start : lower.index(b"\r", start)]))

    return step


async def socket_client(port: int, session: str) -> Step:
    """Connect by a WebSocket."""
    from websockets.asyncio.client import connect

    socket = await connect(f"ws://127.0.0.1:{port}/v1/sessions/{session}/socket", compression=None)

    async def step(body: bytes) -> bytes:
        await socket.send(body, text=True)
        answer = await socket.recv()
        return answer.encode() if isinstance(answer, str) else answer

    return step


def post(port: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask once, outside of what is timed."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


async def run(
    port: int, kind: str, *, clients: int, seconds: float, tokens: list[str]
) -> tuple[list[float], list[list[bytes]]]:
    """Have clients step side by side; give the wait of each step, and what each client heard."""
    durable = kind == "headgate durable"
    begun = [post(port, "/v1/sessions", {"durable": durable})["id"] for _ in range(clients)]
    connect = socket_client if "websocket" in kind else http_client
    steps = [await connect(port, session) for session in begun]
    bodies = [json.dumps({"input": [token]}).encode() for token in tokens]
    waits: list[float] = []
    heard: list[list[bytes]] = [[] for _ in begun]
    end = time.perf_counter() + seconds

    async def one(number: int) -> None:
        place = 37 * number
        while (began := time.perf_counter()) < end:
            heard[number].append(await steps[number](bodies[place % len(bodies)]))
            waits.append(time.perf_counter() - began)
            place += 1

    await asyncio.gather(*(one(number) for number in range(clients)))
    return waits, heard


def differences(model: Model, heard: list[list[bytes]], tokens: list[str]) -> int:
    """Count the answers that are not those of a stream alone, to the bit."""
    template, wrong = model.stream(), 0
    for number, answers in enumerate(heard):
        stream = template.fork()
        for place, answer in enumerate(answers, start=37 * number):
            alone = plain(stream.step(tokens[place % len(tokens)]))
            wrong += json.loads(answer)["answers"] != [json.loads(json.dumps(alone))]
    return wrong


def serve_plainly(path: str, port: int) -> None:
    """Serve as one would by hand: a handler, a dictionary of states, torch's own layers."""
    import torch
    import uvicorn
    from fastapi import FastAPI
    from torch import nn

    import headgate as hg

    task: Any = load(path).task
    network, text = task.network, task.text
    layers = hg.to_torch(network.recurrent)
    head, embedding = nn.Linear(1, 1), network.embedding
    head.weight, head.bias = network.output.weight, network.output.bias
    app, states = FastAPI(), dict[str, Any]()

    @app.post("/v1/sessions")
    def create() -> dict[str, str]:
        name = f"s{len(states)}"
        states[name] = read([text.start], None)[1]
        return {"id": name}

    @torch.inference_mode()
    def read(ids: list[int], state: Any) -> Any:
        y, state = layers(embedding(torch.tensor(ids))[:, None], state)
        return head(network.projection(y[-1, 0])).log_softmax(-1), state

    @app.post("/v1/sessions/{name}/step")
    def step(name: str, asked: dict[str, Any]) -> dict[str, Any]:
        said, states[name] = read(text.field.encode(asked["input"][0]), states[name])
        values, ids = said.topk(5)
        likeliest = [
            {"id": i, "token": text.name(i), "log_probability": v}
            for i, v in zip(ids.tolist(), values.tolist(), strict=True)
        ]
        return {"answers": [{**likeliest[0], "likeliest": likeliest}]}

    uvicorn.run(app, port=port, log_level="error")


def started(command: list[str], port: int) -> subprocess.Popen[bytes]:
    """Start a server, and wait until it answers."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            post(port, "/v1/sessions", {})
        except OSError:
            time.sleep(0.1)
        else:
            return process
    raise RuntimeError(f"no answer from {command}")


def measure(arguments: argparse.Namespace, folder: str) -> None:
    """Measure all kinds in turns, and print a table."""
    model = load(arguments.model)
    text: Any = model.task
    tokens = [*"ROMEO: But soft, what light through yonder window breaks? It is the east."]
    assert all(len(text.field.encode(token)) == 1 for token in tokens), "a model of letters"
    own = [sys.executable, "-m", "headgate", "serve", arguments.model, "--port", "8701"]
    plainly = [sys.executable, "-m", "benchmarks", "serving", arguments.model, "--plain", "8702"]
    servers = [started([*own, "--sessions", f"{folder}/sessions"], 8701), started(plainly, 8702)]
    waits: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    wrong = dict.fromkeys(KINDS, 0)
    try:
        for _ in range(arguments.rounds):
            for kind in KINDS:
                port = 8702 if kind == "plain http" else 8701
                seconds = arguments.seconds / arguments.rounds
                found, heard = asyncio.run(
                    run(port, kind, clients=arguments.clients, seconds=seconds, tokens=tokens)
                )
                waits[kind].append(found)
                if port == 8701:
                    wrong[kind] += differences(model, heard, tokens)
    finally:
        for server in servers:
            server.terminate()
    seconds = arguments.seconds / arguments.rounds
    rates = {kind: [len(each) / seconds for each in waits[kind]] for kind in KINDS}
    slow = rates["plain http"]
    print(
        f"{arguments.clients} clients, {arguments.seconds:g} s each, in {arguments.rounds} rounds"
    )
    print(f"{'':<20}{'steps/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>7}{'other answers':>15}")
    for kind in KINDS:
        every = sorted(wait for each in waits[kind] for wait in each)
        p50, p99 = (every[int(len(every) * share)] * 1000 for share in (0.5, 0.99))
        ratio = statistics.median(a / b for a, b in zip(rates[kind], slow, strict=True))
        other = "" if kind == "plain http" else f"{wrong[kind]} of {len(every)}"
        rate = statistics.median(rates[kind])
        print(f"{kind:<20}{rate:>9.0f}{p50:>9.2f}{p99:>9.2f}{ratio:>7.2f}{other:>15}")


def main(arguments: list[str]) -> None:
    """Measure, or be the plain server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the directory of a language model of letters")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each kind, in all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plain", type=int, metavar="PORT", help="be the plain server")
    chosen = parser.parse_args(arguments)
    if chosen.plain is not None:
        serve_plainly(chosen.model, chosen.plain)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(chosen, str(Path(folder)))
