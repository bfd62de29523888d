"""The kinds of inputs that a task of many to one reads, and the table of them all."""

from __future__ import annotations

from headgate.data.columns import Table
from headgate.tasks.audio_reading import AudioReading
from headgate.tasks.image_reading import ImageReading
from headgate.tasks.reading import Reading
from headgate.tasks.series_reading import SeriesReading
from headgate.tasks.text_reading import TextReading
from headgate.tasks.video_reading import VideoReading

# In the order in which a column is asked for its kind: of several at once there are only series,
# and a text is what nothing else is.
READINGS: dict[str, type[Reading]] = {
    reading.kind: reading
    for reading in (SeriesReading, AudioReading, ImageReading, VideoReading, TextReading)
}


def reading_of(table: Table, input: str) -> type[Reading]:
    """Tell from a column of what kind its inputs are.

    Args:
        table: the rows.
        input: the column, or columns.

    Returns:
        The kind.
    """
    return next(each for each in READINGS.values() if each.reads(table, input))
