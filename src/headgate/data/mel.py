"""Sound to frames: the logarithm of the power in bands that are even to the ear.

    X_t[k] = Σ_n w[n] x[t·hop + n] e^(-2πi·kn / N)            w: Hann's window, Σ_n w[n] = 1
    y_t[b] = log(Σ_k F[b, k] · |X_t[k]|² + ε)
    mel(f) = 2595 log₁₀(1 + f / 700)

F[b] is a triangle over the frequencies: 0 at the edges b and b + 2, 1 at the edge b + 1, where the
edges are evenly spaced in mel from 0 to half the sampling rate.

Sources: Davis & Mermelstein, "Comparison of parametric representations for monosyllabic word
recognition", 1980 (triangles); O'Shaughnessy, "Speech communication", 1987 (this mel, as in HTK).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.errors import HeadgateError

WINDOW, HOP = 0.025, 0.010  # seconds
FLOOR = 1e-8  # ε; a sine of full scale has a power of 1/4
_AT_ONCE = 2048  # frames
_FEWEST, _MOST = 40, 80  # bands


def bands_for(rate: int) -> int:
    """Give a sound number of bands.

    Args:
        rate: samples a second.

    Returns:
        40 for a telephone's 8 kHz, 64 for 16 kHz, 80 from 20 kHz on.

    Example:
        >>> bands_for(8000), bands_for(16000), bands_for(44100)
        (40, 64, 80)
    """
    return min(_MOST, max(_FEWEST, rate // 250))


def mel(frequency: Tensor) -> Tensor:
    """Give the pitch of frequencies as the ear has it.

    Args:
        frequency: in Hz.

    Returns:
        In mel.
    """
    return 2595.0 * torch.log10(1.0 + frequency / 700.0)


def hertz(pitch: Tensor) -> Tensor:
    """Give the frequency of pitches: the inverse of ``mel``.

    Args:
        pitch: in mel.

    Returns:
        In Hz.
    """
    return 700.0 * (10.0 ** (pitch / 2595.0) - 1.0)


@dataclass(frozen=True)
class LogMel:
    """Sound to frames of log-mel bands; frame t is of the samples from t·hop on, and of no later.

    Args:
        rate: samples a second.
        bands: bands of a frame.

    Raises:
        HeadgateError: there is no band, or no sample in a hop.

    Example:
        >>> LogMel(8000, 40)(torch.zeros(8000)).shape
        torch.Size([99, 40])
    """

    rate: int
    bands: int

    def __post_init__(self) -> None:
        if self.bands < 1 or self.hop < 1:
            raise HeadgateError(
                f"1 band or more and 100 samples a second or more are wanted, got {self.bands} "
                f"bands at {self.rate} Hz"
            )

    @property
    def window(self) -> int:
        """Samples that a frame sees."""
        return round(WINDOW * self.rate)

    @property
    def hop(self) -> int:
        """Samples from a frame to the next."""
        return round(HOP * self.rate)

    def count(self, samples: int) -> int:
        """Count the frames of a sound: at least one, and none of its samples is left out.

        Args:
            samples: of the sound.

        Returns:
            The number of its frames.
        """
        return 1 + max(0, -(-(samples - self.window) // self.hop))

    @cached_property
    def filters(self) -> Float[Tensor, "_ _"]:
        """The triangles, one a column: [N / 2 + 1, bands].

        N is the smallest power of two that holds the window and leaves no triangle between two
        frequencies of the transform.
        """
        size = 1 << (self.window - 1).bit_length()
        while (found := self._triangles(size)).sum(0).min() <= 0:
            size *= 2
        return found

    def _triangles(self, size: int) -> Tensor:
        top = torch.tensor(self.rate / 2, dtype=torch.float64)
        edges = hertz(torch.linspace(0.0, 1.0, self.bands + 2, dtype=torch.float64) * mel(top))
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        f = torch.linspace(0.0, 1.0, size // 2 + 1, dtype=torch.float64)[:, None] * top
        rising, falling = (f - low) / (middle - low), (high - f) / (high - middle)
        return torch.minimum(rising, falling).clamp(min=0).float()

    @cached_property
    def _hann(self) -> Tensor:
        window = torch.hann_window(self.window, dtype=torch.float64)
        return (window / window.sum()).float()

    def __call__(self, samples: Float[Tensor, "S"]) -> Float[Tensor, "T _"]:
        """Give the frames of a sound.

        Args:
            samples: from -1 to 1, [S]; after the last one comes silence.

        Returns:
            The frames, [T, bands], T as ``count`` says.
        """
        steps = self.count(len(samples))
        missing = (steps - 1) * self.hop + self.window - len(samples)
        windows = torch.nn.functional.pad(samples, (0, missing)).unfold(0, self.window, self.hop)
        return torch.cat([self._log_mel(some) for some in windows.split(_AT_ONCE)])

    def _log_mel(self, windows: Tensor) -> Tensor:
        size = 2 * (len(self.filters) - 1)
        power = torch.fft.rfft(windows * self._hann, size).abs().square()
        return (power @ self.filters + FLOOR).log()
