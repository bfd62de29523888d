"""Small models as this version saves them, one of each task, for later versions to load.

``python -m tests.golden FOLDER`` makes them anew in a new folder; those in ``tests/golden`` stay as
they are for as long as their format is read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests import tiny

from headgate.model import Model

HERE = Path(__file__).resolve().parent / "golden"
ASKED: dict[str, list[Any]] = {
    "classify": ["a warm lovely film", "지루한 영화"],
    "tag": ["Ada met Noor", "in Seoul"],
    "generate": ["a warm", "a cold"],
    "translate": ["no. 123", "no. 40"],
    "chat": ["no. 123", "no. 40"],
}


def answers(model: Model) -> list[dict[str, Any]]:
    """What a model says of what it is asked, as columns; nothing of it is drawn."""
    asked = ASKED[model.task.name]
    if model.task.name == "generate":
        return [{"text": "".join(model.generate(t, temperature=0, length=20))} for t in asked]
    return [answer.row() for answer in model.predict(asked)]


def main(folder: Path) -> None:
    """Save a model of each task, and what it answers."""
    folder.mkdir()
    data = folder.parent
    made = (
        tiny.train_classifier(tiny.write_reviews(data), epochs=30),
        tiny.train_tagger(tiny.write_people(data), epochs=30),
        tiny.train_generator(tiny.write_verses(data), epochs=30),
        tiny.train_translator(tiny.write_norms(data), epochs=60),
        tiny.train_chatter(tiny.write_norms(data), input="text", target="norm", epochs=60),
    )
    found = {}
    for model in made:
        model.save(folder / model.task.name)
        found[model.task.name] = answers(model)
    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    (folder / "answers.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
