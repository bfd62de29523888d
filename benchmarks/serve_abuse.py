"""A server under rough clients, beside a good one whose every answer has to be right.

``headgate serve`` runs as a process of its own. Random bytes, random JSON and good requests that
were changed go to every route by every method; then come huge bodies, slow and half-open clients,
and wrong tokens. It fails where an error is no problem document, where a status is none of those
that are documented, where the good client hears another answer than before, or where the server's
memory grows on and on.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import http.client
import json
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import headgate as hg
from headgate.server.problems import DOCUMENTED, MEDIA

TOKEN = "a token of this measure"
SECONDS, BODY = 5.0, 1 << 20
GROWN = 1.25  # how much more memory the second half of the bodies may leave than the first
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW")
TEXT = "the wind goes over the hill, and the rain comes after it.\n" * 60
Tally = collections.Counter[tuple[str, str]]


class Asked:
    """Asks, and counts what comes.

    Args:
        port: of the server.
        tally: counts (what was sent, what came).
    """

    def __init__(self, port: int, tally: Tally) -> None:
        self.port, self.tally, self.wrong = port, tally, list[str]()
        self._kept: http.client.HTTPConnection | None = None

    def ask(self, kind: str, method: str, path: str, body: bytes, **headers: str) -> None:
        """Send a request that may be anything; note what is wrong with the answer."""
        sent = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **headers}
        if self._kept is None:
            self._kept = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            self._kept.request(method, path, body, sent)
            answer = self._kept.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.note(kind, type(error).__name__, f"{method} {path}: {error!r}")
            self.drop()
            return
        self.check(kind, method, answer, said)
        if answer.will_close:
            self.drop()

    def check(self, kind: str, method: str, answer: http.client.HTTPResponse, said: bytes) -> None:
        """Count an answer; an error has to be a problem document that is documented."""
        status = answer.status
        fits = status < 400 or (status in DOCUMENTED and status != 500)
        if status >= 400 and method != "HEAD":
            fits = fits and answer.headers["content-type"] == MEDIA
            fits = fits and json.loads(said)["status"] == status
        self.note(kind, str(status), None if fits else f"{method}: {status} {said[:300]!r}")

    def note(self, kind: str, came: str, wrong: str | None = None) -> None:
        """Count what came."""
        self.tally[kind, came] += 1
        if wrong is not None:
            self.wrong.append(f"{kind}: {wrong}")

    def raw(self, kind: str, data: bytes, *, closed: bool = False) -> None:
        """Send bytes, and read until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as plug:
            with contextlib.suppress(OSError):
                plug.sendall(data)
            try:
                answer = http.client.HTTPResponse(plug)
                answer.begin()
                self.check(kind, "GET", answer, answer.read())
            except (OSError, http.client.HTTPException) as error:
                wrong = None if closed else repr(error)
                self.note(kind, "closed", wrong)

    def drop(self) -> None:
        """Connect anew for the next request."""
        if self._kept is not None:
            self._kept.close()
        self._kept = None


class Good:
    """A client that behaves, in a thread, until it is told to end.

    Args:
        port: of the server.
        token: that it shows.
    """

    def __init__(self, port: int) -> None:
        self.port, self.answers, self.wrong = port, 0, list[str]()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Good:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        first: list[Any] | None = None
        while not self._end.is_set():
            try:
                heard = self._once()
            except Exception as error:
                self.wrong.append(repr(error))
                continue
            first = first or heard
            if heard != first:
                self.wrong.append(f"{heard} is not {first}")
            self.answers += len(heard)

    def _once(self) -> list[Any]:
        """Steps of a session, and a text: always the same."""
        session = f"/v1/sessions/{call(self.port, 'POST', '/v1/sessions', {})['id']}"
        letters = "the wind"
        steps = [{"input": [letter], "at": at} for at, letter in enumerate(letters)]
        heard = [call(self.port, "POST", f"{session}/step", each)["answers"] for each in steps]
        asked = {"prompt": "the ", "max_tokens": 20, "seed": 1}
        heard.append(call(self.port, "POST", "/v1/completions", asked)["choices"])
        call(self.port, "DELETE", session, None)
        return heard


def call(port: int, method: str, path: str, body: Any) -> Any:
    """Ask what has to be answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        said = answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {said!r}")
    return json.loads(said) if said else None


def requests_of(session: str) -> list[tuple[str, str, Any]]:
    """Good requests of every route."""
    return [
        ("GET", "/v1/models", None),
        ("GET", "/v1/models/model", None),
        ("GET", "/metrics", None),
        ("GET", "/readyz", None),
        ("GET", "/openapi.json", None),
        ("POST", "/v1/predict", {"inputs": ["the wind"]}),
        ("POST", "/v1/sessions", {"durable": True, "source": "the", "state": None}),
        ("GET", session, None),
        ("DELETE", "/v1/sessions/none", None),
        ("POST", f"{session}/step", {"input": ["w", "i"], "at": 0, "last": True}),
        ("POST", f"{session}/step", {"input": "wind"}),
        ("POST", f"{session}/fork", {"durable": False}),
        ("POST", f"{session}/rewind", {"steps": 1}),
        ("GET", f"{session}/state", None),
        ("PUT", f"{session}/state", {"state": None}),
        (
            "POST",
            "/v1/completions",
            {"prompt": ["the", "a"], "max_tokens": 4, "temperature": 0.5, "top_p": 0.9, "n": 2,
             "stop": ["."], "seed": 3, "stream": True, "echo": True,
             "stream_options": {"include_usage": True}},
        ),
    ]  # fmt: skip


def value(rng: random.Random, depth: int = 0) -> Any:
    """Anything that Python writes as JSON, and some of it that JSON does not have."""
    kind = rng.randrange(11 if depth < 4 else 8)
    if kind == 8:
        return [value(rng, depth + 1) for _ in range(rng.randrange(6))]
    if kind >= 9:
        return {text(rng): value(rng, depth + 1) for _ in range(rng.randrange(6))}
    odd = float(rng.choice(["nan", "inf", "-inf"]))
    numbers = (rng.randrange(-9, 9), rng.uniform(-9, 9), 10 ** rng.randrange(400), odd)
    simple = (None, True, *numbers, text(rng), rng.choice(["the", "w", ""]))
    return simple[kind]


def text(rng: random.Random) -> str:
    """A text of any characters, halves of surrogate pairs among them."""
    ends = (0x80, 0x800, 0x110000)
    return "".join(chr(rng.randrange(rng.choice(ends))) for _ in range(rng.randrange(8)))


def changed(rng: random.Random, body: Any) -> bytes:
    """A good body with a member that is another, or new, or gone; or with other bytes."""
    body = dict(body or {})
    for _ in range(rng.randrange(1, 3)):
        name = rng.choice([*body, "input", "model", text(rng)])
        if rng.random() < 0.2:
            body.pop(name, None)
        else:
            body[name] = value(rng)
    data = bytearray(json.dumps(body).encode())
    for _ in range(rng.choice([0, 0, 0, 1, 3])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def bodies(rng: random.Random, asked: Asked, count: int, session: str) -> None:
    """Send random bodies to all routes, by all methods."""
    known = requests_of(session)
    for _ in range(count):
        method, path, good = rng.choice(known)
        if rng.random() < 0.1:
            method = rng.choice(METHODS)
        kind = rng.choice(["random bytes", "random JSON", "changed requests"])
        if kind == "random bytes":
            body = rng.randbytes(rng.randrange(300))
        elif kind == "random JSON":
            body = json.dumps(value(rng)).encode()
        else:
            body = changed(rng, good)
        asked.ask(kind, method, path, body)


def huge(asked: Asked, session: str) -> None:
    """Send bodies that are too large, too deep, or far too many of something."""
    deep = b"[" * 200_000
    many = b'{"stop": [' + b"1," * 200_000 + b"1]}"
    odd = json.dumps({f"k{n}": n for n in range(50_000)}).encode()
    for path in ("/v1/predict", "/v1/completions", "/v1/sessions", f"{session}/step"):
        for _ in range(3):
            asked.ask("8 MiB", "POST", path, bytes(8 << 20))
            asked.ask("200,000 brackets", "POST", path, deep)
            asked.ask("50,000 unknown members", "POST", path, odd)
            asked.ask("200,000 wrong members", "POST", path, many)
        asked.ask("a length of 10^15", "POST", path, b"", **{"Content-Length": str(10**15)})
        asked.drop()  # what followed would be taken for that body


def slow(asked: Asked, session: str) -> None:
    """Open connections by the hundred that say too little, or nothing, or go away."""
    head = f"POST {session}/step HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    body = f"{head}Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{{"
    kinds = {"silent": b"", "half of the headers": head.encode(), "half of the body": body.encode()}
    threads = [
        threading.Thread(target=asked.raw, args=(kind, data), kwargs={"closed": True})
        for kind, data in kinds.items()
        for _ in range(100)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    write = b'{"prompt": "the", "max_tokens": 4096, "stream": true}'
    whole = head.replace(f"{session}/step", "/v1/completions").encode()
    whole += f"Content-Type: application/json\r\nContent-Length: {len(write)}\r\n\r\n".encode()
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", asked.port), timeout=60) as plug:
            plug.sendall(whole + write)
        asked.note("gone in the middle", "closed")


def tokens(asked: Asked, rng: random.Random) -> None:
    """Show tokens that are none."""
    for _ in range(300):
        given = rng.choice(
            [TOKEN[:-1], TOKEN + "x", "", text(rng).encode("utf-8", "replace").hex()]
        )
        asked.ask("wrong tokens", "GET", "/v1/models", b"", Authorization=f"Bearer {given}")
    for _ in range(300):
        junk = rng.randbytes(rng.randrange(1, 400)) + b"\r\n\r\n"
        asked.raw("no HTTP", junk)


def memory(process: subprocess.Popen[Any]) -> int:
    """Give how many bytes of memory a process holds."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


@contextlib.contextmanager
def serving(folder: Path, model: str) -> Iterator[tuple[subprocess.Popen[Any], int, Path]]:
    """Run the command, and wait until it says where it listens."""
    own = [sys.executable, "-m", "headgate", "serve", f"model={model}", "--port", "0"]
    own += ["--token", TOKEN, "--sessions", str(folder / "sessions"), "--set", f"seconds={SECONDS}"]
    own += ["--set", f"body={BODY}", "--set", "sessions=100000", "--set", "resident=100"]
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(own, stdout=subprocess.PIPE, stderr=file, text=True)
    try:
        assert process.stdout is not None
        where = process.stdout.readline()
        yield process, int(where.split("http://")[1].split(";")[0].rsplit(":", 1)[1]), log
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


def measure(model: str, folder: Path, *, count: int, seed: int) -> list[str]:
    """Send all, print a table, and give what was wrong."""
    rng, tally = random.Random(seed), Tally()
    with serving(folder, model) as (process, port, log), Good(port) as good:
        asked = Asked(port, tally)
        session = f"/v1/sessions/{call(port, 'POST', '/v1/sessions', {})['id']}"
        sizes = [memory(process)]
        rounds: list[Callable[[], None]] = [
            lambda: bodies(rng, asked, count // 2, session),
            lambda: huge(asked, session),
            lambda: slow(asked, session),
            lambda: tokens(asked, rng),
        ]
        for _ in range(2):
            for each in rounds:
                each()
            sizes.append(memory(process))
        time.sleep(SECONDS)
        wrong, alive = [*asked.wrong, *good.wrong], process.poll() is None
    show(tally, sizes, good, log)
    wrong += [] if alive else ["the server has ended"]
    wrong += [] if good.answers else ["the good client heard nothing"]
    grown = sizes[2] / sizes[1]
    return wrong + ([f"memory grew {grown:.2f} times"] if grown > GROWN else [])


def show(tally: Tally, sizes: list[int], good: Good, log: Path) -> None:
    """Print what was sent, and what came."""
    for kind in dict.fromkeys(kind for kind, _ in tally):
        came = sorted((what, n) for (sent, what), n in tally.items() if sent == kind)
        said = ", ".join(f"{what}: {n}" for what, n in came)
        print(f"{kind:<24}{sum(n for _, n in came):>7}  {said}")
    print(f"{'the good client':<24}{good.answers:>7}  right, {len(good.wrong)} wrong")
    print("memory: " + ", ".join(f"{size / 2**20:.0f}" for size in sizes) + " MiB")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    print(f"the log has {len(lines)} lines, {sum('error' in each for each in lines)} of defects")


def main(arguments: list[str]) -> None:
    """Measure, and fail where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "model", nargs="?", help="the directory of a language model; else a new one"
    )
    parser.add_argument("--bodies", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as place:
        folder, model = Path(place), chosen.model
        if model is None:
            (folder / "text.txt").write_text(TEXT)
            model = str(folder / "model")
            hg.train(folder / "text.txt", hidden_size=16, epochs=1).save(model)
        wrong = measure(model, folder, count=chosen.bodies, seed=chosen.seed)
    print(*wrong[:20], sep="\n")
    if wrong:
        sys.exit(f"{len(wrong)} things are wrong")
