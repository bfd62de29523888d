from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.data.stamps import moment_of, read_stamps


@given(moment=st.datetimes())
def test_what_python_writes_is_read(moment: datetime) -> None:
    assert moment_of(moment.isoformat()) == moment
    assert moment_of(moment.strftime("%Y/%m/%d").zfill(10)) == datetime(*moment.timetuple()[:3])


@given(moments=st.lists(st.datetimes(), min_size=1))
def test_the_keys_are_in_the_order_of_the_dates(moments: list[datetime]) -> None:
    found = read_stamps([moment.isoformat(" ") for moment in moments])
    assert found.kind == "date"
    assert sorted(moments) == [m for _, m in sorted(zip(found.keys, moments, strict=True))]


@given(values=st.lists(st.integers() | st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_keep_all_their_digits(values: list[int | float]) -> None:
    assert read_stamps([repr(value) for value in values]).keys == values


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2016-07-01 05:00:00", datetime(2016, 7, 1, 5)),
        ("2016-07-01T05:00", datetime(2016, 7, 1, 5)),
        (" 2016/7/1 5:00 ", datetime(2016, 7, 1, 5)),
        ("2016.07.01", datetime(2016, 7, 1)),
        ("1749-01", datetime(1749, 1, 1)),
        ("2016-07-01 05:00:00.25", datetime(2016, 7, 1, 5, 0, 0, 250_000)),
        ("2016-07-01 05:00:00.123456789", datetime(2016, 7, 1, 5, 0, 0, 123_456)),
        ("2016-07-01T05:00Z", datetime(2016, 7, 1, 5, tzinfo=timezone.utc)),
        ("2016/07/01 05:00+0900", datetime(2016, 7, 1, 5, tzinfo=timezone(timedelta(hours=9)))),
        ("2016-13-01", None),
        ("2016-02-30", None),
        ("2016-07/01", None),
        ("1/7/2016", None),
        ("2016-07-01 25:00", None),
        ("Monday", None),
        ("", None),
    ],
)
def test_common_forms_of_a_date(text: str, moment: datetime | None) -> None:
    assert moment_of(text) == moment


def test_a_zone_shifts_the_moment() -> None:
    found = read_stamps(["2020-01-01 00:00+09:00", "2019-12-31T15:00Z"])
    assert found.kind == "date"
    assert found.keys[0] == found.keys[1]


@pytest.mark.parametrize(
    ("texts", "odd"),
    [
        (["1", "2", "three"], 2),
        (["2020-01-01", "2020-13-01", "2020-01-03"], 1),
        (["Mon", "Tue"], 0),
        (["2020-01-01", "2020-01-02T00:00Z"], 1),
        (["1", "nan"], 1),
        (["1", "1_0"], 1),
        (["1", "inf"], 1),
    ],
)
def test_a_text_among_them_leaves_texts_and_is_named(texts: list[str], odd: int) -> None:
    found = read_stamps(texts)
    assert (found.kind, found.keys, found.odd) == ("text", texts, odd)
