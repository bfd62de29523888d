"""Run a measure by name: ``python -m benchmarks names DATA``."""

from __future__ import annotations

import importlib
import sys

MEASURES = {
    "adding": "two marked numbers of 200 are added, by three cells; makes its own data",
    "archive": "series of the UCR and UEA archives: DATA is the folder of .ts files",
    "captions": "photographs to sentences: DATA is the folder of captions.txt and images/",
    "chorales": "the next frame of chorales: DATA is the JSON file of pieces, with its parts",
    "digits": "handwritten digits row by row: DATA is the folder of the four idx files",
    "doctor": "what a doctor costs a training: DATA is --text, --messages, --pairs FILE, or all",
    "forecasts": "series beside simple forecasts: DATA is a folder of univariate_ts, m4 and ett",
    "gradients": "how far a gradient comes back through time in three cells; needs no data",
    "kills": "trainings that are killed and gone on with; makes its own data",
    "language": "words a second of a language model: DATA is the folder of the Penn Treebank",
    "moving_shapes": "clips to the way that a shape goes; makes its own data",
    "names": "surnames to languages: DATA is the folder of one file a language",
    "sentiment": "film reviews to good or bad: DATA is the folder of the treebank",
    "serve_abuse": "a server under rough clients: DATA is a language model, or nothing",
    "serve_kills": "servers that are killed under load and started again; makes its own data",
    "serving": "sessions behind HTTP, beside a plain handler: DATA is a model of letters",
    "spam": "text messages to ham or spam: DATA is the file",
    "spoken": "spoken digits, also of unheard speakers: DATA is the recordings' folder",
    "stream_quality": "what eight-bit weights lose: DATA is --text FILE, --reviews FOLDER, or both",
    "tatoeba": "English to French with and without attention: DATA is the file",
    "tatoeba_korean": "English to Korean: DATA is the file",
}


def main(arguments: list[str]) -> int:
    """Run the measure that is named first; the rest are its own arguments."""
    if not arguments or arguments[0] not in MEASURES:
        lines = [f"  {name:<16}{what}" for name, what in MEASURES.items()]
        print("usage: scripts/bench NAME [DATA]", *lines, sep="\n")
        return 2
    importlib.import_module(f"benchmarks.{arguments[0]}").main(arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
