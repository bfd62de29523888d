"""Foretell series with an exported model.

python run.py "112 118 132 129 121 135"
python run.py < series.jsonl

A series is its values with blanks or commas between and "?" where one is missing, or a list of
them as JSON; or an object with "values" and, where the model reads them, "series" (its name),
"stamps", "inputs" and "labels".
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from dates import after, calendar
from graphs import Graphs, main_of
from laws import Noise, sample
from past import Past, numbers, transformed
from running import Running


class Model:
    """An exported forecaster."""

    def __init__(self, folder=Path(__file__).parent):
        self.graphs = Graphs(folder)
        self.facts, self.field = self.graphs.facts, self.graphs.facts["field"]

    def parse(self, line):
        """Take a line of input."""
        if line.lstrip().startswith(("[", "{")):
            return json.loads(line)
        words = line.replace(",", " ").split()
        return [None if word == "?" else float(word) for word in words]

    def predict(self, inputs):
        """Continue each series: the mean and the quantiles of each step to come."""
        answers = []
        for number, given in enumerate(inputs, 1):
            series = given if isinstance(given, dict) else {"values": given}
            name, past = series.get("series", str(number)), Past(self.facts, series)
            paths = self.paths(past, zlib.crc32(f"{name}/{past.steps}".encode()))
            steps = past.stamps[past.steps :] or map(str, range(1, paths.shape[1] + 1))
            answers.append({"series": name, "step": list(steps), **self._summary(paths)})
        return answers

    def paths(self, past, seed):
        """Draw continuations, [K, T, L]: each path draws a value, reads it, draws the next."""
        facts, steps = self.facts, past.steps
        paths, horizon = facts["paths"], int(facts["horizon"])
        running, noise = Running(self.graphs, **past.labels), Noise(seed, paths)
        running.read(past.features(np.arange(max(0, steps - facts["context"]), steps))[None])
        running.spread(paths)
        room = past.room
        known, gone = past.scaled[steps : steps + room], past.gone[steps : steps + room]
        ahead = np.zeros((horizon, known.shape[1]))
        window = np.tile(np.concatenate([known, ahead]), (paths, 1, 1)).astype(np.float32)
        gone = np.concatenate([gone, ahead])
        beside = past.beside(steps + np.arange(horizon))
        for step in range(horizon):
            places = room + step - past.lags
            rest = np.concatenate([gone[places].ravel(), beside[step]])
            lagged = window[:, places].reshape(paths, -1)
            x = np.concatenate([lagged, np.tile(rest, (paths, 1))], 1).astype(np.float32)
            window[:, room + step] = self._drawn(self._numbers(running, x), noise, past.scale)
        return past.back(window[:, room:])

    def stream(self, values, before=None, stamps=()):
        """Say after each value what the next may be; the model was exported as a stream.

        Args:
            values: one after the other; None where one is missing.
            before: the name of a series that was learned from, or values: by it the scale is set.
            stamps: of the values, where the model reads dates.
        """
        past = self._begun(before)
        running, dates = Running(self.graphs), iter(stamps)
        z = np.full((past.room, len(past.scale)), np.nan, np.float32)
        gone = np.ones_like(z)

        def run(place):
            at = past.room - past.lags
            parts = [np.nan_to_num(z[at]).ravel(), gone[at].ravel(), place, past.own]
            return self._numbers(running, np.concatenate(parts)[None].astype(np.float32))

        for position, value in enumerate(values, 1):
            here, following = self._places(next(dates, None))
            if position == 1:
                run(here)  # which stands before the first value
            new = transformed(numbers([value], z.shape[1]), self.facts["transform"])
            missing = np.isnan(new)
            z = np.concatenate([z[1:], np.where(missing, z[-1:], past.of(new))])
            gone = np.concatenate([gone[1:], missing])
            raw = np.tile(run(following), (self.facts["paths"], 1, 1))
            drawn = self._drawn(raw, Noise(position, len(raw)), past.scale)
            yield {"step": str(position + 1), **self._summary(past.back(drawn)[:, None])}

    def _begun(self, before):
        """Give a series of which only the scale is looked at."""
        known, dated = self.field["series"], {**self.facts, "field": {**self.field, "calendar": []}}
        if before is None and len(known) > 1:
            raise ValueError(f"which series goes on? Name one of {len(known)}, or values before it")
        if before is not None and not isinstance(before, str):
            return Past(dated, {"values": before})
        centre, scale = self.field["levels"][known.index(known[0] if before is None else before)]
        scales = np.array(centre, np.float32), np.array(scale, np.float32)
        return Past(dated, {"values": [[1.0] * len(scale)]}, scales)

    def _places(self, stamp):
        """Give the place in the calendar of a step and of the next."""
        kinds, clock = self.field["calendar"], self.field["clock"]
        if not kinds:
            return np.zeros(0), np.zeros(0)
        if stamp is None:
            raise ValueError("the model reads the date of each step: give its stamp")
        return calendar([stamp, *after(stamp, clock, 1)], kinds)

    def _numbers(self, running, x):
        """Give the numbers of the next value for features [K, F]: [K, L, size]."""
        found = running.read(x[:, None])[0]
        if not self.facts["stream"]:
            return found
        direct = np.array(self.facts["direct"], np.float32)  # which stands beside the step
        found = found.reshape(len(x), len(direct), self.facts["size"]).copy()
        found[..., 0] += x[:, : direct.shape[1]] @ direct.T
        return found

    def _drawn(self, raw, noise, scale):
        far, levels = self.facts["farthest"], self.facts["levels"]
        return sample(self.facts["distribution"], raw, noise, scale, levels).clip(-far, far)

    def _summary(self, paths):
        exact, found = paths.astype(np.float64), {}
        for place, name in enumerate(self.field["targets"]):
            before = f"{name} " if len(self.field["targets"]) > 1 else ""
            found[f"{before}mean"] = exact[..., place].mean(0).tolist()
            for level in self.facts["quantiles"]:
                found[f"{before}{level}"] = np.quantile(exact[..., place], level, 0).tolist()
        return found


def main():
    """Foretell the arguments, or the lines of the input."""
    main_of(Model())


if __name__ == "__main__":
    main()
