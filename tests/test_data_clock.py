from __future__ import annotations

import math

import pytest

from headgate.data.clock import Clock, calendar, calendar_kinds, clock_of


@pytest.mark.parametrize(
    ("stamps", "clock", "season"),
    [
        (["1949-01", "1949-02", "1949-03"], Clock(months=1), 12),
        (["2020-01-31", "2020-02-29", "2020-03-31"], Clock(months=1), 12),
        (["2020-01-01", "2020-04-01", "2020-07-01"], Clock(months=3), 4),
        (["2020-01-01", "2021-01-01", "2022-01-01"], Clock(months=12), 1),
        (["2020/1/1", "2020/1/8", "2020/1/15"], Clock(seconds=604_800), 52),
        (["2020-02-28", "2020-02-29", "2020-03-01"], Clock(seconds=86_400), 7),
        (["2016-07-01 00:00:00", "2016-07-01 01:00:00"], Clock(seconds=3600), 24),
        (["2016-07-01 00:00", "2016-07-01 00:15"], Clock(seconds=900), 96),
    ],
)
def test_the_distance_of_steps_is_read_off_their_dates(
    stamps: list[str], clock: Clock, season: int
) -> None:
    assert clock_of(stamps) == clock
    assert clock.season == season
    assert (
        clock.after(stamps[0], len(stamps) - 1) == stamps[1:]
        or "/" in stamps[0]
        or (stamps[1] == "2020-02-29")
    )


def test_a_gap_does_not_change_the_distance() -> None:
    days = ["2020-01-01", "2020-01-02", "2020-01-05", "2020-01-06", "2020-01-07"]
    assert clock_of(days) == Clock(seconds=86_400)


@pytest.mark.parametrize("stamps", [[], ["2020-01-01"], ["a", "b"], ["2020-01-01", "2020-01-01"]])
def test_what_has_no_distance_has_none(stamps: list[str]) -> None:
    assert clock_of(stamps) is None


def test_a_month_ends_where_it_ends() -> None:
    assert Clock(months=1).after("2020-01-31", 3) == ["2020-02-29", "2020-03-31", "2020-04-30"]
    assert Clock(seconds=3600).after("2020-12-31T23:30:00", 1) == ["2021-01-01T00:30:00"]


def test_only_what_differs_and_comes_again_is_read() -> None:
    hours, days = Clock(seconds=3600), Clock(seconds=86_400)
    assert calendar_kinds(hours, 24 * 7 * 3) == ["hour", "weekday"]
    assert calendar_kinds(days, 365) == ["weekday"]
    assert calendar_kinds(days, 365 * 3) == ["weekday", "year"]
    assert calendar_kinds(Clock(months=1), 96) == ["year"]
    assert calendar_kinds(Clock(months=12), 96) == []
    assert calendar_kinds(None, 96) == []


def test_places_in_a_calendar_are_points_on_circles() -> None:
    found = calendar(["2020-01-06 06:00", "2020-01-12 18:00"], ["hour", "weekday"])
    wanted = [1, 0, 0, 1], [-1, 0, math.sin(2 * math.pi * 6 / 7), math.cos(2 * math.pi * 6 / 7)]
    for row, other in zip(found.tolist(), wanted, strict=True):
        assert row == pytest.approx(other, abs=1e-6)
    assert calendar(["gone"], ["hour"]).tolist() == [[0.0, 0.0]]
    assert calendar(["2020-01-06"], []).shape == (1, 0)
