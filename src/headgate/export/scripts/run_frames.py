"""Let music go on with an exported model.

python run.py "60 64; 62; -"
python run.py --steps 64 --out more.mid song.mid
python run.py < pieces.txt

A piece is the MIDI pitches of each step with blanks between, a semicolon between two steps and "-"
or nothing where none sounds; or a MIDI file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from graphs import Graphs, main_of
from midi import read_midi, write_midi
from running import Running

LIKELIEST = 5


class Model:
    """An exported model of frames.

    Args:
        folder: where it lies.
        steps: frames of a continuation.
        temperature: what logits are divided by; at 0 a key sounds where that is likelier than not.
        seed: the same gives the same piece; by chance where None.
        out: a MIDI file to write the last piece to, with its beginning.
    """

    def __init__(self, folder=Path(__file__).parent, steps=200, temperature=1.0, seed=0, out=None):
        self.graphs = Graphs(folder)
        self.facts, self.out = self.graphs.facts, out
        self.steps, self.temperature, self.seed = steps, temperature, seed

    def parse(self, line):
        """Take a line of input: the path of a MIDI file, or the pitches of each step."""
        if line.lower().endswith((".mid", ".midi")):
            return read_midi(line, self.facts["step"])
        steps = [step.strip() for step in line.split(";")] if line.strip() else []
        return [[] if step in ("", "-") else [*map(int, step.split())] for step in steps]

    def predict(self, inputs):
        """Go on with pieces; the same piece always has the same answer."""
        answers = []
        for each in inputs:
            found = self.generate(each, self.steps, self.temperature, self.seed)
            if self.out is not None:
                write_midi([*each, *found], self.out, self.facts["step"])
            answers.append({"prediction": "; ".join(" ".join(map(str, step)) for step in found)})
        return answers

    def generate(self, prompt=(), steps=200, temperature=1.0, seed=None):
        """Give the pitches of each step that comes after a piece."""
        if not 0 <= temperature < np.inf:
            raise ValueError("a temperature is 0 or more")
        running, chance, found = Running(self.graphs), np.random.default_rng(seed), []
        frames = np.concatenate([self._frames([[]]), self._frames(prompt)])
        for _ in range(steps):
            logits = running.read(frames[None])[-1, 0].astype(np.float64)
            if temperature == 0:
                sounding = logits > 0
            else:
                chances = 1 / (1 + np.exp(-np.clip(logits / temperature, -500, 500)))
                sounding = chance.random(len(logits)) < chances
            found.append((np.flatnonzero(sounding) + self.facts["lowest"]).tolist())
            frames = sounding[None].astype(np.float32)
        return found

    def stream(self, piece):
        """Say after each frame of a piece which keys are the likeliest in the next."""
        running = Running(self.graphs)
        running.read(self._frames([[]])[None])
        for frame in self._frames(piece):
            [[logits]] = running.read(frame[None, None])
            chances = 1 / (1 + np.exp(-logits.astype(np.float64)))
            keys = np.argsort(-chances, kind="stable")[:LIKELIEST]
            yield {
                "prediction": (keys + self.facts["lowest"]).tolist(),
                "probability": chances[keys].tolist(),
            }

    def _frames(self, piece):
        frames = np.zeros((len(piece), self.facts["keys"]), np.float32)
        lowest, highest = self.facts["lowest"], self.facts["lowest"] + self.facts["keys"] - 1
        for step, pitches in enumerate(piece):
            for pitch in pitches:
                if not lowest <= pitch <= highest:
                    raise ValueError(f"a pitch is from {lowest} to {highest}, not {pitch}")
                frames[step, pitch - lowest] = 1
        return frames


def main():
    """Go on with the arguments, or with the lines of the input."""
    options = argparse.ArgumentParser(description="let music go on")
    options.add_argument("pieces", nargs="*")
    options.add_argument("--steps", type=int, default=200)
    options.add_argument("--temperature", type=float, default=1.0)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out")
    given = vars(options.parse_args())
    words = given.pop("pieces")
    main_of(Model(**given), words)


if __name__ == "__main__":
    main()
