"""MIDI files to the pitches of each step and back; no library is needed."""

from __future__ import annotations

import struct
from pathlib import Path

TICKS, VELOCITY, DRUMS = 480, 80, 9
SIZES = {0xC0: 1, 0xD0: 1}  # bytes after the status; 2 of other messages


def read_midi(path, step=0.25):
    """Give the pitches that sound at each step of so many quarter notes, drums aside."""
    try:
        ticks, notes, last = _parsed(Path(path).read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except (struct.error, IndexError) as error:
        raise ValueError(f"{path} is no MIDI file, or a broken one") from error
    if not notes or not 0 < ticks < 0x8000:
        raise ValueError(f"{path} has no note, or its times are film frames")
    ticks *= step
    placed = [(pitch, int(on / ticks + 0.5), int(off / ticks + 0.5)) for pitch, on, off in notes]
    placed = [(pitch, first, max(first + 1, end)) for pitch, first, end in placed]
    steps = [set() for _ in range(max(int(last / ticks + 0.5), *(end for *_, end in placed)))]
    for pitch, first, end in placed:
        for at in range(first, end):
            steps[at].add(pitch)
    return [sorted(each) for each in steps]


def write_midi(steps, path, step=0.25):
    """Write the pitches of each step as a file that does not exist yet; a held note is one."""
    events, before = [], set()
    for at, pitches in enumerate([*map(set, steps), set()]):
        events += [(at, 0x80, pitch) for pitch in sorted(before - pitches)]
        events += [(at, 0x90, pitch) for pitch in sorted(pitches - before)]
        before = pitches
    track, now = b"", 0
    for at, kind, pitch in events:
        tick = int(at * step * TICKS + 0.5)
        track += _length(tick - now) + bytes([kind, pitch, VELOCITY])
        now = tick
    track += _length(int(len(steps) * step * TICKS + 0.5) - now) + b"\xff\x2f\x00"
    head = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, TICKS)
    try:
        with open(path, "xb") as file:
            file.write(head + struct.pack(">4sI", b"MTrk", len(track)) + track)
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}") from error


def _parsed(data):
    """Give the ticks of a quarter note, each note with its first and last tick, and the last."""
    name, size, kind, _, ticks = struct.unpack_from(">4sIHHH", data)
    if name != b"MThd" or kind == 2:
        raise IndexError
    place, notes, last = 8 + size, [], 0
    while place < len(data):
        name, size = struct.unpack_from(">4sI", data, place)
        if name == b"MTrk":
            found, end = _track(data[place + 8 : place + 8 + size])
            notes, last = notes + found, max(last, end)
        place += 8 + size
    return ticks, notes, last


def _track(data):
    place, now, status, sounding, notes = 0, 0, 0, {}, []
    while place < len(data):
        time, place = _number(data, place)
        now += time
        if data[place] & 0x80:  # else the last one goes on
            status = data[place]
            place += 1
        if status >= 0xF0:
            place += status == 0xFF
            size, place = _number(data, place)
            place += size
            continue
        kind, channel = status & 0xF0, status & 0x0F
        pitch, force = data[place], data[place + 1] if kind not in SIZES else 0
        place += SIZES.get(kind, 2)
        if kind not in (0x80, 0x90) or channel == DRUMS:
            continue
        if (channel, pitch) in sounding:
            notes.append((pitch, sounding.pop((channel, pitch)), now))
        if kind == 0x90 and force:
            sounding[channel, pitch] = now
    return notes + [(pitch, begun, now) for (_, pitch), begun in sounding.items()], now


def _number(data, place):
    """Read a number of seven bits a byte; give it and the place after it."""
    found = data[place] & 0x7F
    while data[place] & 0x80:
        place += 1
        found = found << 7 | data[place] & 0x7F
    return found, place + 1


def _length(number):
    found = [number & 0x7F]
    while number := number >> 7:
        found.append(number & 0x7F | 0x80)
    return bytes(reversed(found))
