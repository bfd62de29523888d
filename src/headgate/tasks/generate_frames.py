"""Music that goes on: a model of frames, each of them several notes at once."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from headgate.data.columns import Table
from headgate.data.examples import Examples
from headgate.data.midi import read_midi
from headgate.data.piano import KEYS, Piece, check_frames
from headgate.decoding.sampling import Sampling
from headgate.errors import DataError, HeadgateError, ModelDirectoryError, ShapeError
from headgate.evaluation.frames import KeyCounts
from headgate.export.parts import Exported
from headgate.inspection.trace import NUMBERS, Inspection, Outcome
from headgate.layers import Recurrent
from headgate.models.frame_model import FrameModel
from headgate.streaming import Stream
from headgate.tasks import cells
from headgate.tasks.generate_export import exported_frames
from headgate.tasks.generate_frames_judge import judge
from headgate.tasks.generate_frames_learner import GenerateFramesLearner, shifted
from headgate.tasks.generate_frames_settings import GenerateFramesSettings
from headgate.tasks.generate_frames_stream import PieceStream, names_of
from headgate.tasks.protocol import Evaluation, build_settings, divide_rows, fine_tuned
from headgate.training import Plan

FRAMES = "frames"  # the kind of a saved model
Music = Piece | Tensor | str | os.PathLike[str]
_LENGTH = 200  # steps of a continuation
_STEPS = 1800  # of a training
_SHORTEST = 3  # steps of a piece that is cut in three


def are_frames(table: Table, input: str) -> bool:
    """Tell whether a column has frames.

    Args:
        table: the rows.
        input: the column.

    Returns:
        Whether its first cell is a tensor.
    """
    cells = table.column(input)
    return len(cells) > 0 and isinstance(cells[0], Tensor)


class GenerateFrames:
    """The task ``generate`` where a row is a piece of music, not a text.

    Args:
        settings: what the model is made of.
        counts: how often each key sounds in training.
    """

    name: ClassVar[str] = "generate"
    summary: ClassVar[str] = "music that goes on"
    reads = "music"
    made_of: ClassVar[type] = GenerateFramesSettings

    def __init__(self, settings: GenerateFramesSettings, counts: KeyCounts) -> None:
        self.settings, self.counts = settings, counts
        self.network = FrameModel(
            Recurrent(
                input_size=KEYS, hidden_size=settings.hidden_size, **cells.layer_arguments(settings)
            ),
            dropout=settings.dropout,
        )
        cells.keep(settings, self.network.recurrent)

    @classmethod
    def read(cls, table: Table, input: str, target: str | None) -> Examples:
        """Take a column of frames; refuse a row that has none."""
        if target is not None:
            raise DataError(
                f"a model of frames reads one column, and {target!r} came as its target: leave the "
                "target out",
                path=table.path,
            )
        pieces: Sequence[Any] = table.column(input)
        for row, piece in enumerate(pieces):
            problem = _problem(piece)
            if problem:
                raise table.error(problem, row=row, column=input)
        return Examples(pieces, (), table, columns=(input, None))

    @classmethod
    def divide(
        cls, examples: Examples, *, valid: float, test: float, seed: int, **settings: Any
    ) -> dict[str, Examples]:
        """Divide the pieces by chance; or a single one in its order, the test last."""
        if len(examples) == 1:
            return _cut(examples, valid=valid, test=test)
        keys = [_digest(piece) for piece in examples.inputs]
        return divide_rows(examples, keys, shares={"valid": valid, "test": test}, seed=seed)

    @classmethod
    def learn(cls, train: Examples, settings: dict[str, Any], base: Any = None) -> GenerateFrames:
        """Count the keys and build the network."""
        if base is not None:
            if not isinstance(base, GenerateFrames):
                raise HeadgateError(
                    "the saved model goes on with texts and not with music: train anew, or give "
                    "texts"
                )
            settings = fine_tuned(base.settings, settings)
        chosen = build_settings(GenerateFramesSettings, settings)
        task = cls(chosen, KeyCounts.of(train.inputs))
        if base is None:
            task.network.begin_with(task.counts.frequencies(train.inputs[0])[0])
        return task

    @classmethod
    def restore(cls, settings: dict[str, Any], files: dict[str, str]) -> GenerateFrames:
        """Rebuild a saved task, with weights still to load."""
        counts = torch.tensor(json.loads(files["keys.json"]))
        if counts.shape != (KEYS, 2, 2):
            raise ModelDirectoryError(
                f"keys.json has counts of the shape {tuple(counts.shape)}, not ({KEYS}, 2, 2)"
            )
        return cls(build_settings(GenerateFramesSettings, settings), KeyCounts(counts))

    def plan(self, train: Examples) -> Plan:
        """Give sound limits: some thousand steps, with one window at a time of few pieces."""
        windows = sum(-(-len(piece) // self.settings.bptt) for piece in train.inputs)
        batch = 16 if windows >= 128 else max(1, windows // 8)
        steps = max(1, round(windows / batch))
        return Plan(
            epochs=max(1, min(1000, round(_STEPS / steps))),
            batch_size=batch,
            learning_rate=2e-2,
            average=0.99,
            patience=30,
        )

    def saved_settings(self) -> dict[str, Any]:
        """Give the settings that ``restore`` takes."""
        return asdict(self.settings) | {"kind": FRAMES}

    def files(self) -> dict[str, str]:
        """Give how often each key sounds, as a file."""
        return {"keys.json": json.dumps(self.counts.counts.tolist())}

    def notes(self) -> list[str]:
        """Say what was decided from the data."""
        counts = self.counts.counts
        steps, sounding = int(counts[0].sum()), int(counts[:, :, 1].sum())
        used = int((counts[:, :, 1].sum(1) > 0).sum())
        return [
            f"frames of {KEYS} keys: {steps:,} steps, {sounding / max(1, steps):.1f} keys at "
            f"once, {used} keys in use"
        ]

    def learner(self, train: Examples, valid: Examples, plan: Plan) -> GenerateFramesLearner:
        """Give what the loop trains."""
        return GenerateFramesLearner(self, train.inputs, valid.inputs, plan)

    def finish(self, valid: Examples) -> None:
        """Choose nothing: a model of frames has no threshold."""

    def check(self, examples: Examples) -> None:
        """Refuse nothing: a key that never sounded in training has its price in the score."""

    def evaluate(
        self, examples: Examples, train: Examples | None, *, quantize: str | None = None
    ) -> Evaluation:
        """Judge the model beside what counts alone know of the pieces."""
        return judge(self, examples, quantize=quantize)

    @torch.inference_mode()
    def generate(
        self,
        prompt: Music | None = None,
        *,
        steps: int = _LENGTH,
        temperature: float = 1.0,
        seed: int | None = None,
    ) -> Piece:
        """Go on with a piece: each key of each frame is drawn by its probability.

        Args:
            prompt: the beginning: a piece, frames [T, 88], or the path of a MIDI file, which is
                read in steps of the model's length; nothing where None or empty.
            steps: frames that come after it.
            temperature: what logits are divided by: below 1 bolder to the likely; at 0 a key sounds
                where its probability is above a half.
            seed: the same gives the same piece; by chance where None.

        Returns:
            The prompt and what comes after it.

        Raises:
            DataError: the prompt cannot be read.
            HeadgateError: the temperature is below 0, or the seed is none.
            ShapeError: the steps are no number, or the prompt has another shape.
        """
        _check_steps(steps)
        chance = Sampling(temperature, seed=seed).generator()
        begun = self._frames(prompt)
        stream = Stream(*self.network.eval().parts)
        logits = stream.steps(torch.cat([begun.new_zeros(1, KEYS), begun]))[-1]
        frames = [begun]
        for _ in range(steps):
            frames.append(_drawn(logits, temperature, chance)[None])
            logits = stream.step(frames[-1][0])
        return Piece(torch.cat(frames), self.settings.step)

    def questions(self, table: Table, input: str, target: str | None) -> Sequence[Any]:
        """Take what is asked of the model, one a row."""
        return table.column(input)

    def predict(self, inputs: Sequence[Music]) -> list[Piece]:
        """Go on with pieces; the same pieces always have the same answers."""
        found = []
        for given in inputs:
            begun = self._frames(given)
            whole = self.generate(begun, seed=0)
            found.append(Piece(whole.frames[len(begun) :], whole.step))
        return found

    def stream(self, *, rows: int | None, rewind: int, quantize: str | None) -> PieceStream:
        """Keep the model running over frames."""
        beat = self.settings.step
        return PieceStream.of(self.network, beat=beat, rows=rows, rewind=rewind, quantize=quantize)

    def exported(self) -> Exported:
        """Give the model of frames as files."""
        return exported_frames(self)

    @torch.no_grad()
    def inspect(self, music: Music) -> Inspection:
        """Show what the layers do at each frame, the keys that they expect, and their surprise."""
        frames = self._frames(music)
        network = self.network.eval()
        device = next(network.parameters()).device
        _, first = network.recurrent(frames.new_zeros(1, 1, KEYS).to(device))[:2]

        def told(y: Tensor, last: Any, x: Tensor) -> Tensor:
            return network.output(network.dropout(y)).sigmoid().transpose(0, 1)

        shown = shifted(frames)[0][None].to(device)
        nats = network.nats(shown, frames[None].to(device))[:, 0]
        names = tuple(map(names_of, frames))
        keys = tuple(names_of(key) for key in torch.eye(KEYS))
        return Inspection(
            names,
            network.recurrent,
            frames.to(device),
            Outcome(told, NUMBERS, names, keys, aligned=True),
            start=(first,) if isinstance(first, Tensor) else first,
            surprise=(nats / math.log(2)).cpu(),
        )

    def _frames(self, music: Music | None) -> Float[Tensor, "T M"]:
        if music is None or (isinstance(music, str) and not music):
            return torch.zeros(0, KEYS)
        if isinstance(music, str | os.PathLike):
            return read_midi(music, step=self.settings.step).frames
        frames = music.frames if isinstance(music, Piece) else music.float()
        check_frames(frames)
        return frames


def _problem(piece: Any) -> str:
    if not isinstance(piece, Tensor):
        return "a piece of music as frames was wanted, and a text came"
    try:
        check_frames(piece)
    except HeadgateError as error:
        return str(error)
    return "" if len(piece) else "the piece has no step: take it out"


def _digest(piece: Tensor) -> str:
    """Give a name that equal pieces share."""
    return hashlib.sha256(piece.numpy().tobytes()).hexdigest()


def _cut(examples: Examples, *, valid: float, test: float) -> dict[str, Examples]:
    """Cut one piece in its order."""
    [piece] = examples.inputs
    if min(valid, test) < 0 or not valid + test < 1:
        raise DataError(f"valid and test leave nothing to learn from: {valid} and {test}")
    last, middle = (round(len(piece) * share) for share in (test, valid))
    sizes = {"train": len(piece) - middle - last, "valid": middle, "test": last}
    wanted = {"train": 1.0, "valid": valid, "test": test}
    if any(wanted[name] and not size for name, size in sizes.items()):
        raise DataError(
            f"one piece of {len(piece)} steps is too short to be cut in parts: give more pieces, "
            "or a file for each part"
        )
    parts = dict(zip(sizes, piece.split(list(sizes.values())), strict=True))
    return {
        name: Examples([part] if len(part) else [], (), examples.table, [0], examples.columns)
        for name, part in parts.items()
    }


def _check_steps(steps: int) -> None:
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
        raise ShapeError(f"steps is how many frames follow, 0 or more, not {steps!r}")


def _drawn(logits: Tensor, temperature: float, chance: torch.Generator) -> Tensor:
    """Draw each key by itself."""
    if temperature == 0:
        return (logits > 0).float()
    probabilities = (logits / temperature).sigmoid()
    return (torch.rand(len(logits), generator=chance) < probabilities).float()
