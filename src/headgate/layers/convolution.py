"""Small convolutional networks: a picture to one vector, or to a grid of places to look at.

Pixels come as the files have them, bytes from 0 to 255 or any numbers; each channel is standardised
by what was measured on the training part. All strides are 2, so that a picture of 64 pixels costs a
processor a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn import functional

from headgate.errors import ShapeError
from headgate.layers.checks import check_positive

_GRID = 4  # places of a frame, up and across, that its vector is made of


class Convolutions(nn.Module):
    """Convolutions of 3 by 3 pixels with stride 2, each followed by a ReLU.

    Args:
        channels: of the pixels.
        widths: the output channels of each convolution.
        mean: of each channel of the pixels.
        scale: the deviation of each channel.

    Raises:
        ShapeError: there is not one mean and one scale a channel.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        channels: int,
        widths: Sequence[int],
        *,
        mean: Sequence[float],
        scale: Sequence[float],
    ) -> None:
        super().__init__()
        check_positive(channels=channels, **{f"widths[{n}]": w for n, w in enumerate(widths)})
        if not len(mean) == len(scale) == channels:
            raise ShapeError(
                f"a mean and a scale for each of {channels} channels are wanted, not {len(mean)} "
                f"and {len(scale)}"
            )
        self.register_buffer("mean", torch.tensor(list(mean)).view(-1, 1, 1))
        self.register_buffer("scale", torch.tensor(list(scale)).view(-1, 1, 1))
        pairs = zip([channels, *widths], widths, strict=False)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in pairs
        )
        for layer in self.layers:
            assert isinstance(layer, nn.Conv2d)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, pixels: Shaped[Tensor, "B _ _ _"]) -> Float[Tensor, "B _ _ _"]:
        """See each picture by itself.

        Args:
            pixels: pictures, [B, channels, H, W].

        Returns:
            Maps, [B, widths[-1], H', W'], where each layer halves a side, rounded up.
        """
        x = (pixels.to(self.mean.dtype) - self.mean) / self.scale
        for layer in self.layers:
            x = functional.relu(layer(x))
        return x


class FrameEncoder(nn.Module):
    """The frames of a video, each to one vector.

    Three convolutions, the mean over each of 4 by 4 fields, and a linear layer: fields, since the
    mean over the whole frame would not know where a thing is, and so not where it goes.

    A frame of zeros is seen once for the whole batch. So what pads a short video costs nothing.

    Args:
        channels: of the pixels.
        output_size: features of a frame.
        mean: of each channel of the pixels.
        scale: the deviation of each channel.
        dropout: the probability that a feature is dropped.

    Example:
        >>> encoder = FrameEncoder(3, 32, mean=[128.0] * 3, scale=[64.0] * 3)
        >>> encoder(torch.zeros(2, 5, 3, 24, 24, dtype=torch.uint8)).shape
        torch.Size([5, 2, 32])
    """

    def __init__(
        self,
        channels: int,
        output_size: int,
        *,
        mean: Sequence[float],
        scale: Sequence[float],
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_positive(output_size=output_size)
        self.output_size = output_size
        self.convolutions = Convolutions(channels, (16, 32, 64), mean=mean, scale=scale)
        self.linear = nn.Linear(64 * _GRID**2, output_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Shaped[Tensor, "B T _ _ _"]) -> Float[Tensor, "T B E"]:
        """Encode every frame.

        Args:
            frames: pixels, [B, T, channels, H, W], zero past a video's end.

        Returns:
            Vectors, time first, [T, B, E].
        """
        flat = frames.transpose(0, 1).flatten(0, 1)
        if torch.compiler.is_compiling():  # how many are blank depends on their values
            vectors = self.dropout(self.encode(flat))
            return vectors.unflatten(0, (frames.shape[1], frames.shape[0]))
        blank = ~flat.flatten(1).any(1).bool()
        seen = torch.cat([(~blank).nonzero()[:, 0], blank.nonzero()[:1, 0]])
        # of the frames that are seen, which one each frame is; blank ones are all the last
        which = torch.full((len(flat),), len(seen) - 1, device=flat.device)
        which[seen] = torch.arange(len(seen), device=flat.device)
        vectors = self.dropout(self.encode(flat[seen])[which])
        return vectors.unflatten(0, (frames.shape[1], frames.shape[0]))

    def encode(self, pixels: Shaped[Tensor, "B _ _ _"]) -> Float[Tensor, "B E"]:
        """Encode pictures.

        Args:
            pixels: pictures, [B, channels, H, W].

        Returns:
            Vectors, [B, E].
        """
        fields = functional.adaptive_avg_pool2d(self.convolutions(pixels), _GRID)
        return functional.relu(self.linear(fields.flatten(1)))


class PlaceEncoder(nn.Module):
    """A picture to a grid of places, each a vector that knows what is there and where.

        e_p = W_e m_p + v_p        m the maps of four convolutions, v_p learned of each place

    Args:
        channels: of the pixels.
        grid: places up and across.
        output_size: features of a place.
        mean: of each channel of the pixels.
        scale: the deviation of each channel.
        width: channels of the first convolution.

    Example:
        >>> encoder = PlaceEncoder(3, (4, 6), 32, mean=[128.0] * 3, scale=[64.0] * 3)
        >>> encoder(torch.zeros(2, 3, 64, 96, dtype=torch.uint8)).shape
        torch.Size([2, 24, 32])
    """

    def __init__(
        self,
        channels: int,
        grid: tuple[int, int],
        output_size: int,
        *,
        mean: Sequence[float],
        scale: Sequence[float],
        width: int = 32,
    ) -> None:
        super().__init__()
        check_positive(output_size=output_size, rows=grid[0], columns=grid[1])
        self.grid, self.output_size = grid, output_size
        widths = (width, 2 * width, 3 * width, 4 * width)
        self.convolutions = Convolutions(channels, widths, mean=mean, scale=scale)
        self.linear = nn.Linear(widths[-1], output_size)
        self.where = nn.Parameter(torch.zeros(grid[0] * grid[1], output_size))

    def forward(self, pixels: Shaped[Tensor, "B _ _ _"]) -> Float[Tensor, "B S E"]:
        """See the places of pictures, row by row from the top left.

        Args:
            pixels: pictures, [B, channels, H, W].

        Returns:
            Vectors, [B, S, E], S the places of the grid.
        """
        maps = functional.adaptive_avg_pool2d(self.convolutions(pixels), self.grid)
        return self.linear(maps.flatten(2).transpose(1, 2)) + self.where


def grid_of(height: int, width: int, *, halved: int = 4) -> tuple[int, int]:
    """Give the places that stride 2 makes of a picture.

    Args:
        height: of the picture in pixels.
        width: of the picture in pixels.
        halved: how many times.

    Returns:
        Places up and across.

    Example:
        >>> grid_of(64, 96)
        (4, 6)
    """
    for _ in range(halved):
        height, width = (height + 1) // 2, (width + 1) // 2
    return height, width
