"""What a network reads, as vectors: token ids, or frames as they are."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional


class TokenEmbedding(nn.Module):
    """An embedding whose whole tokens may be dropped while it learns.

    Dropping a token's vector hides the word, so that no single word decides (Dai & Le 2015).

    Args:
        vocabulary: number of tokens V.
        size: features M of a token's vector.
        pad: the id of padding, whose vector is zero.
        dropout: the probability that a feature is dropped.
        token_dropout: the probability that a whole token is.
    """

    def __init__(
        self,
        vocabulary: int,
        size: int,
        *,
        pad: int = 0,
        dropout: float = 0.0,
        token_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_size = size
        self.table = nn.Embedding(vocabulary, size, padding_idx=pad)
        self.dropout, self.token_dropout = dropout, token_dropout
        nn.init.normal_(self.table.weight, std=size**-0.5)
        nn.init.zeros_(self.table.weight[pad].detach())

    def forward(self, ids: Int[Tensor, "B T"]) -> Float[Tensor, "T B M"]:
        """Look the tokens up, time first as the recurrent layers take them.

        Args:
            ids: token ids, [B, T].

        Returns:
            Vectors, [T, B, M].
        """
        x = self.table(ids.T)
        if self.training and self.token_dropout:
            kept = functional.dropout(x.new_ones(*x.shape[:2], 1), self.token_dropout)
            x = x * kept
        return functional.dropout(x, self.dropout, self.training)


class FrameEmbedding(nn.Module):
    """Frames as they are, time first; some features dropped while it learns.

    Args:
        output_size: features M of a frame.
        dropout: the probability that a feature is dropped.
    """

    def __init__(self, output_size: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.output_size, self.dropout = output_size, nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "B T M"]) -> Float[Tensor, "T B M"]:
        """Put time first.

        Args:
            x: frames, [B, T, M].

        Returns:
            The same, [T, B, M].
        """
        return self.dropout(x.transpose(0, 1))
