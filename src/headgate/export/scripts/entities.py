"""The chunks that tags mark; what breaks the scheme is none."""

from __future__ import annotations

OUTSIDE = ("O", "")
INSIDE = {"BIO": "I", "IOB1": "I", "BIOES": "IE"}


def chunks(tags, scheme):
    """Give the type, the first word and the word after the last of each chunk."""
    marks = [*(tag.partition("-")[::2] for tag in tags), OUTSIDE]
    found, place, before = [], 0, OUTSIDE
    while place < len(tags):
        first = place
        place += 1
        if _starts(before, marks[first], scheme):
            while _goes_on(marks[place - 1], marks[place], scheme):
                place += 1
            if _ends(marks[place - 1], marks[place], scheme):
                found.append((marks[first][1], first, place))
        before = marks[place - 1]
    return found


def _starts(before, tag, scheme):
    if scheme == "BIO":
        return tag[0] == "B"
    if scheme == "BIOES":
        return tag[0] in "BS"
    inside = before[0] != "O" and before[1] == tag[1]
    return inside if tag[0] == "B" else tag[0] == "I" and (before[0] == "B" or not inside)


def _goes_on(last, tag, scheme):
    return last[0] in "BI" and tag[0] in INSIDE[scheme] and last[1] == tag[1]


def _ends(last, after, scheme):
    if scheme == "BIOES":
        return last[0] in "ES"
    # in IOB1 a B parts chunks of one type only
    return scheme == "BIO" or not (last[0] == after[0] == "B" and last[1] != after[1])
