"""What a server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The numbers of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._new(
            Counter,
            "requests_total",
            "Requests that were answered.",
            ("method", "path", "status"),
        )
        self._seconds = self._new(
            Histogram,
            "request_seconds",
            "From a request's first byte to its answer's last.",
            ("path",),
            buckets=_SECONDS,
        )
        about = "Requests that a model has not answered yet."
        self._waiting = self._new(Gauge, "waiting", about, ("model",))
        about = "Requests, or streams, that a model ran together."
        labels = ("model", "kind")
        self._batch = self._new(Histogram, "batch_size", about, labels, buckets=_SIZES)
        about = "Steps that sessions took."
        self._steps = self._new(Counter, "steps_total", about, ("model",))
        about = "Tokens that were read as prompts, or written."
        self._tokens = self._new(Counter, "tokens_total", about, labels)
        about = "Sessions, in memory or on disk alone."
        self._sessions = self._new(Gauge, "sessions", about, ("place",))

    def _new(self, kind: Any, name: str, about: str, labels: Sequence[str], **how: Any) -> Any:
        return kind(f"headgate_{name}", about, labels, registry=self.registry, **how)

    def request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count an answer.

        Args:
            method: of the request.
            path: of its route, without what varies.
            status: of the answer.
            seconds: that it took.
        """
        self._requests.labels(method, path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def watch(self, model: str, waiting: Callable[[], float]) -> None:
        """Have a model's queue asked for its length.

        Args:
            model: its name.
            waiting: gives the length.
        """
        self._waiting.labels(model).set_function(waiting)

    def batched(self, model: str, kind: str, size: int) -> None:
        """Count what was run together.

        Args:
            model: its name.
            kind: "answers" or "steps".
            size: how many requests or streams.
        """
        if size:
            self._batch.labels(model, kind).observe(size)

    def stepped(self, model: str, steps: int) -> None:
        """Count steps of sessions.

        Args:
            model: its name.
            steps: how many.
        """
        self._steps.labels(model).inc(steps)

    def completed(self, model: str, read: int, written: int) -> None:
        """Count tokens.

        Args:
            model: its name.
            read: of the prompt.
            written: after it.
        """
        self._tokens.labels(model, "read").inc(read)
        self._tokens.labels(model, "written").inc(written)

    def kept(self, memory: Callable[[], float], disk: Callable[[], float]) -> None:
        """Have the sessions asked for their number.

        Args:
            memory: gives how many are in memory.
            disk: gives how many are on disk alone.
        """
        self._sessions.labels("memory").set_function(memory)
        self._sessions.labels("disk").set_function(disk)

    def text(self) -> bytes:
        """Give all in Prometheus' format.

        Returns:
            The text.
        """
        return generate_latest(self.registry)
