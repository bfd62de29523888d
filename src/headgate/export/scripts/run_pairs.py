"""Answer texts with an exported model: translations, or a turn for a turn.

python run.py "where is the station?"
python run.py < texts.txt
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from graphs import main_of
from pairs import Pairs as Model


def main():
    """Answer the arguments, or the lines of the input."""
    main_of(Model())


if __name__ == "__main__":
    main()
