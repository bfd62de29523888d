"""What a forecaster says of the next value: a distribution, its quantiles, or a point.

A network gives a few numbers for each value, of which the first is the place on the line. They
are of scaled values, z = (y - centre) / scale; a distribution of counts alone looks at the scale.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from headgate.models.path_noise import Noise

LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_LEAST = 1e-4  # of a spread, in scaled values


class Family(ABC):
    """A kind of answer; ``size`` numbers of a network stand for one value."""

    size: ClassVar[int]
    draws: ClassVar[bool] = True

    @abstractmethod
    def loss(
        self,
        raw: Float[Tensor, "*rows _"],
        z: Float[Tensor, "*rows"],
        scale: Float[Tensor, "*rows"],
    ) -> Float[Tensor, "*rows"]:
        """Give the loss of each value: the negative log-likelihood in nats where there is one.

        Args:
            raw: the network's numbers.
            z: scaled values.
            scale: of the values.

        Returns:
            A loss for each.
        """

    @abstractmethod
    def sample(
        self, raw: Float[Tensor, "B K L _"], noise: Noise, scale: Float[Tensor, "B K L"]
    ) -> Float[Tensor, "B K L"]:
        """Draw a scaled value for each path.

        Args:
            raw: the network's numbers.
            noise: the chance of each row.
            scale: of the values.

        Returns:
            Scaled values.
        """

    @abstractmethod
    def initial(self, spread: float) -> list[float]:
        """Give the numbers that stand for a distribution about 0.

        Args:
            spread: its standard deviation.

        Returns:
            As many numbers as ``size``.
        """


class Gaussian(Family):
    """N(μ, σ²), σ = softplus."""

    size = 2

    def loss(self, raw: Tensor, z: Tensor, scale: Tensor) -> Tensor:
        """Give -log N(z; μ, σ²).

        Args:
            raw: μ and what σ is made of.
            z: scaled values.
            scale: not looked at.

        Returns:
            Nats.
        """
        spread = _positive(raw[..., 1])
        return (
            0.5 * ((z - raw[..., 0]) / spread).square() + spread.log() + 0.5 * math.log(2 * math.pi)
        )

    def sample(self, raw: Tensor, noise: Noise, scale: Tensor) -> Tensor:
        """Draw by the inverse of the distribution function.

        Args:
            raw: as in ``loss``.
            noise: the chance of each row.
            scale: not looked at.

        Returns:
            Scaled values.
        """
        normal = torch.special.ndtri(noise.uniform(raw.shape[-2]).double()).to(raw)
        return raw[..., 0] + _positive(raw[..., 1]) * normal

    def initial(self, spread: float) -> list[float]:
        """Begin at N(0, spread²).

        Args:
            spread: σ.

        Returns:
            The two numbers.
        """
        return [0.0, _inverse(spread)]


class Student(Family):
    """Student's t about μ with the scale σ = softplus and ν = 2 + softplus degrees of freedom."""

    size = 3

    def loss(self, raw: Tensor, z: Tensor, scale: Tensor) -> Tensor:
        """Give -log t(z; μ, σ, ν).

        Args:
            raw: μ and what σ and ν are made of.
            z: scaled values.
            scale: not looked at.

        Returns:
            Nats.
        """
        spread, freedom = _positive(raw[..., 1]), 2 + functional.softplus(raw[..., 2])
        squared = ((z - raw[..., 0]) / spread).square()
        half = 0.5 * (freedom + 1)
        norm = torch.lgamma(half) - torch.lgamma(0.5 * freedom) - 0.5 * (freedom * math.pi).log()
        return half * torch.log1p(squared / freedom) + spread.log() - norm

    def sample(self, raw: Tensor, noise: Noise, scale: Tensor) -> Tensor:
        """Draw by the polar method of Bailey (1994): √(ν (U^(-2/ν) - 1)) cos 2πV.

        Args:
            raw: as in ``loss``.
            noise: the chance of each row.
            scale: not looked at.

        Returns:
            Scaled values.
        """
        spread, freedom = _positive(raw[..., 1]), 2 + functional.softplus(raw[..., 2])
        u, v = (noise.uniform(raw.shape[-2]).to(raw) for _ in range(2))
        radius = (freedom * (u.pow(-2 / freedom) - 1)).clamp(min=0).sqrt()
        return raw[..., 0] + spread * radius * torch.cos(2 * math.pi * v)

    def initial(self, spread: float) -> list[float]:
        """Begin near a normal law.

        Args:
            spread: σ.

        Returns:
            The three numbers.
        """
        return [0.0, _inverse(spread), 3.0]


class NegativeBinomial(Family):
    """Counts of mean μ = scale · softplus and variance μ + α μ², α = softplus / √scale.

    Source: Salinas, Flunkert, Gasthaus & Januschowski, "DeepAR", 2020. The centre has to be 0.
    """

    size = 2

    def loss(self, raw: Tensor, z: Tensor, scale: Tensor) -> Tensor:
        """Give -log NB(z · scale; μ, α).

        Args:
            raw: what μ and α are made of.
            z: counts by the scale.
            scale: of the counts.

        Returns:
            Nats.
        """
        y = z * scale
        mean, count = self._parameters(raw, scale)
        combinations = torch.lgamma(y + count) - torch.lgamma(count) - torch.lgamma(y + 1)
        total = (count + mean).log()
        return -(combinations + count * (count.log() - total) + y * (mean.log() - total))

    def sample(self, raw: Tensor, noise: Noise, scale: Tensor) -> Tensor:
        """Draw counts, by the scale.

        Args:
            raw: as in ``loss``.
            noise: the chance of each row.
            scale: of the counts.

        Returns:
            Counts by the scale.
        """
        mean, count = self._parameters(raw, scale)
        return noise.negative_binomial(count, mean) / scale

    def initial(self, spread: float) -> list[float]:
        """Begin where the mean is the scale's.

        Args:
            spread: of the counts by the scale.

        Returns:
            The two numbers.
        """
        return [0.0, _inverse(max(spread**2, 0.05))]

    def _parameters(self, raw: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        mean = scale * _positive(raw[..., 0])
        return mean, scale.sqrt() / _positive(raw[..., 1])


class Quantiles(Family):
    """The quantiles at ``LEVELS``, which never cross: a median, and steps away from it."""

    size = len(LEVELS)

    def quantiles(self, raw: Float[Tensor, "*rows _"]) -> Float[Tensor, "*rows _"]:
        """Give the quantiles.

        Args:
            raw: the median, and what the steps are made of.

        Returns:
            A scaled value for each of ``LEVELS``, in order.
        """
        middle = self.size // 2
        steps = _positive(raw[..., 1:])
        below = raw[..., :1] - steps[..., :middle].cumsum(-1).flip(-1)
        above = raw[..., :1] + steps[..., middle:].cumsum(-1)
        return torch.cat([below, raw[..., :1], above], -1)

    def loss(self, raw: Tensor, z: Tensor, scale: Tensor) -> Tensor:
        """Give twice the mean pinball loss, which is the CRPS that the quantiles stand for.

        Args:
            raw: as in ``quantiles``.
            z: scaled values.
            scale: not looked at.

        Returns:
            A loss for each.
        """
        level = torch.tensor(LEVELS, dtype=raw.dtype, device=raw.device)
        off = z[..., None] - self.quantiles(raw)
        return 2 * torch.maximum(level * off, (level - 1) * off).mean(-1)

    def sample(self, raw: Tensor, noise: Noise, scale: Tensor) -> Tensor:
        """Draw by the inverse of the distribution function, straight between the quantiles.

        Beyond the outer ones the line goes on.

        Args:
            raw: as in ``quantiles``.
            noise: the chance of each row.
            scale: not looked at.

        Returns:
            Scaled values.
        """
        known, level = self.quantiles(raw), torch.tensor(LEVELS, dtype=raw.dtype)
        u = noise.uniform(raw.shape[-2]).to(raw)
        place = (torch.searchsorted(level, u.contiguous()) - 1).clamp(0, self.size - 2)
        low, high = (known.gather(-1, (place + k)[..., None])[..., 0] for k in (0, 1))
        share = (u - level[place]) / (level[place + 1] - level[place])
        return low + share * (high - low)

    def initial(self, spread: float) -> list[float]:
        """Begin at the quantiles of N(0, spread²).

        Args:
            spread: the standard deviation.

        Returns:
            The numbers.
        """
        normal = spread * torch.special.ndtri(torch.tensor(LEVELS, dtype=torch.float64))
        gaps, middle = normal.diff(), self.size // 2
        return [0.0, *map(_inverse, [*gaps[:middle].flip(0).tolist(), *gaps[middle:].tolist()])]


class Point(Family):
    """One number, learned by least squares: the mean."""

    size = 1
    draws = False

    def loss(self, raw: Tensor, z: Tensor, scale: Tensor) -> Tensor:
        """Give the squared error.

        Args:
            raw: the mean.
            z: scaled values.
            scale: not looked at.

        Returns:
            A loss for each.
        """
        return (z - raw[..., 0]).square()

    def sample(self, raw: Tensor, noise: Noise, scale: Tensor) -> Tensor:
        """Give the mean, which is all that there is.

        Args:
            raw: the mean.
            noise: not looked at.
            scale: not looked at.

        Returns:
            Scaled values.
        """
        return raw[..., 0]

    def initial(self, spread: float) -> list[float]:
        """Begin at 0.

        Args:
            spread: not looked at.

        Returns:
            The number.
        """
        return [0.0]


DISTRIBUTIONS: dict[str, Family] = {
    "gaussian": Gaussian(),
    "student": Student(),
    "negative_binomial": NegativeBinomial(),
    "quantiles": Quantiles(),
    "point": Point(),
}


def _positive(raw: Tensor) -> Tensor:
    return functional.softplus(raw) + _LEAST


def _inverse(value: float) -> float:
    """Give what softplus makes a value of."""
    value = max(value - _LEAST, 1e-3)
    if value > 20:
        return value
    return math.log(math.expm1(value))
