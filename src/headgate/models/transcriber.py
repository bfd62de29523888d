"""Many to fewer, in the same order, aligned by nobody: frames to what is said in them."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from headgate.layers import Linear, Recurrent


class Transcriber(nn.Module):
    """Recurrent layers over frames, and at each frame the probability of a label or of the blank.

        P(z | x) = Σ_π Π_t P(π_t | x)        over all paths π whose labelling is z

    Source: Graves et al., "Connectionist temporal classification: labelling unsegmented sequence
    data with recurrent neural networks", 2006.

    Args:
        embedding: from frames [B, T, …] to vectors, time first.
        recurrent: any cell.
        labels: number of symbols V, the blank among them.
        blank: the symbol that says nothing.
        dropout: the probability that a unit of the last layer is dropped.
    """

    def __init__(
        self,
        embedding: nn.Module,
        recurrent: Recurrent,
        *,
        labels: int,
        blank: int = 0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding, self.recurrent, self.blank = embedding, recurrent, blank
        self.head = nn.Sequential(nn.Dropout(dropout), Linear(recurrent.output_size, labels))

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """What each step goes through, in order."""
        return self.embedding, self.recurrent, self.head

    def forward(
        self, frames: Float[Tensor, "B T M"], lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B V"]:
        """Give the log-probability of each symbol at each frame.

        Args:
            frames: of each sound, [B, T, M].
            lengths: frames of each, [B], each at least 1.

        Returns:
            Log-probabilities, [T, B, V]; what stands past a row's end has no meaning.
        """
        y = self.recurrent(self.embedding(frames), lengths=lengths)[0]
        return self.head(y).log_softmax(2)

    def nats(
        self,
        log_probabilities: Float[Tensor, "T B V"],
        lengths: Int[Tensor, "B"],
        labels: Int[Tensor, "B L"],
        counts: Int[Tensor, "B"],
    ) -> Float[Tensor, "B"]:
        """Give the negative log-likelihood of labellings.

        Args:
            log_probabilities: what ``forward`` gives, [T, B, V].
            lengths: frames of each row, [B].
            labels: what is said, padded, [B, L].
            counts: labels of each row, [B].

        Returns:
            Nats, [B]; 0, and without a gradient, for a row whose frames are too few.
        """
        return functional.ctc_loss(
            log_probabilities,
            labels,
            lengths,
            counts,
            blank=self.blank,
            reduction="none",
            zero_infinity=True,
        )
