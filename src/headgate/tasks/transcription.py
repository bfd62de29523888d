"""What a transcriber says of a sound."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Transcription:
    """What was heard.

    Args:
        text: the text.
        log_probability: of the text, in nats; of the paths that the search kept.
    """

    text: str
    log_probability: float

    def row(self) -> dict[str, str]:
        """Give the answer as columns of a table.

        Returns:
            The text and its log-probability.
        """
        return {"prediction": self.text, "log_probability": f"{self.log_probability:.4f}"}

    def __str__(self) -> str:
        return self.text
