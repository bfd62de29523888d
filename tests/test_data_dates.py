from __future__ import annotations

import unicodedata
from datetime import date, timedelta
from itertools import permutations

import pytest

from headgate.data.calendars import CALENDARS
from headgate.data.dates import FIRST, LAST, DatePair, forms, generate, languages
from headgate.errors import DataError, UnknownNameError

SATURDAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def sample() -> list[DatePair]:
    return generate(5_000, seed=1)


@pytest.mark.parametrize(
    ("language", "written"),
    [
        ("en-GB", "21 Nov 2026"),
        ("en-GB", "21st of November 2026"),
        ("en-GB", "SATURDAY 21 NOVEMBER 2026"),
        ("en-GB", "21 Nov '26"),
        ("en-US", "Saturday, November 21, 2026"),
        ("en-US", "Sat., Nov. 21, 2026"),
        ("en-US", "11/21/2026"),
        ("ko", "2026년 11월 21일 토요일"),
        ("ko", "26년 11월 21일 (토)"),
        ("ko", "2026. 11. 21."),
        ("ko", "20261121"),
        ("fr", "le 21 novembre 2026"),
        ("fr", "sam. 21 nov. 2026"),
        ("de", "Samstag, den 21. November 2026"),
        ("de", "21.11.26"),
        ("de", "Sa., 21. Nov. 2026"),
        ("es", "sábado, 21 de noviembre de 2026"),
        ("it", "sabato 21 novembre 2026"),
        ("pt", "21 de nov. de 2026"),
        ("nl", "za 21 nov 2026"),
        ("ja", "2026年11月21日(土)"),
        ("ja", "令和8年11月21日"),
        ("zh", "二〇二六年十一月二十一日"),
        ("zh", "2026年11月21日 星期六"),
        ("ru", "суббота, 21 ноября 2026 г."),
        ("pl", "21 listopada 2026 r."),
        ("tr", "21 Kasım 2026 Cumartesi"),
        ("sv", "lördagen den 21 november 2026"),
        ("sv", "21/11 2026"),
        ("sv", "lör 21 nov 2026"),
        ("es", "sáb, 21 nov 2026"),
        ("it", "sab 21 nov 2026"),
        ("pt", "sáb., 21 de nov. de 2026"),
        ("ru", "сб, 21 нояб. 2026 г."),
        ("pl", "sob., 21 lis 2026"),
        ("tr", "21 Kas 2026 Cmt"),
    ],
)
def test_known_forms_of_one_day(language: str, written: str) -> None:
    assert (language, written) in forms(SATURDAY)


@pytest.mark.parametrize(
    ("day", "language", "written"),
    [
        (date(2026, 3, 1), "fr", "1er mars 2026"),
        (date(2026, 3, 1), "it", "1º marzo 2026"),
        (date(2026, 3, 1), "pt", "1º de março de 2026"),
        (date(2026, 5, 2), "en-US", "May 2nd, 2026"),
        (date(2026, 5, 3), "en-GB", "3rd May 2026"),
        (date(2026, 5, 11), "en-GB", "11th May 2026"),
        (date(2026, 5, 13), "en-GB", "13TH MAY 2026"),
        (date(2026, 5, 22), "en-GB", "22nd May 2026"),
        (date(1989, 1, 7), "ja", "昭和64年1月7日"),
        (date(1989, 1, 8), "ja", "平成元年1月8日"),
        (date(2019, 4, 30), "ja", "平成31年4月30日"),
        (date(2019, 5, 1), "ja", "令和元年5月1日"),
        (date(1990, 10, 10), "zh", "一九九〇年十月十日"),
        (date(2020, 4, 20), "tr", "20 NİSAN 2020"),
        (date(2030, 2, 9), "tr", "9 ŞUBAT 2030"),
        (date(1999, 7, 30), "pl", "piątek, 30 lipca 1999"),
        (date(2049, 12, 31), "de", "31.12.49"),
        (date(1950, 1, 1), "de", "01.01.50"),
    ],
)
def test_forms_that_depend_on_the_day(day: date, language: str, written: str) -> None:
    assert (language, written) in forms(day)


def test_month_first_numbers_need_a_day_past_the_twelfth() -> None:
    assert "11/12/2026" not in [text for code, text in forms(date(2026, 11, 12)) if code == "en-US"]
    assert ("en-US", "11/13/2026") in forms(date(2026, 11, 13))


def test_no_written_form_has_two_answers() -> None:
    # The likeliest clashes: year, month and day are the same numbers in another order.
    mixed = [
        date(2000 + year, month, number)
        for year, month, number in permutations([1, 2, 11, 12, 31], 3)
        if month <= 12 and not (number == 31 and month in (2, 11))
    ]
    spread = [FIRST + timedelta(days=offset) for offset in range(0, (LAST - FIRST).days, 1201)]
    answers: dict[str, date] = {}
    for day in mixed + spread:
        for _, text in forms(day):
            assert answers.setdefault(text, day) == day, text
    assert len(answers) > 20_000


def test_every_weekday_agrees_with_the_date() -> None:
    for offset in range(7):
        day = SATURDAY + timedelta(days=offset)
        for code, text in forms(day):
            calendar = CALENDARS[code]
            words = [word.lower() for word in calendar.weekdays]
            named = [word for word in words if word in text.replace("İ", "i").lower()]
            # Pazar (Sunday) is the beginning of Pazartesi (Monday)
            longest = max(named, key=len, default=words[day.weekday()])
            assert longest == words[day.weekday()], text
        for code, calendar in CALENDARS.items():
            word = calendar.weekdays[day.weekday()]
            assert any(word in text for language, text in forms(day) if language == code)


def test_every_calendar_is_whole() -> None:
    for calendar in CALENDARS.values():
        assert len(set(calendar.weekdays)) == 7
        assert len(set(calendar.short_weekdays)) == 7
        if calendar.months:
            assert len(set(calendar.months)) == 12
            assert len(set(calendar.short_months)) == 12
        assert all(pattern.weight > 0 for pattern in calendar.patterns)


def test_short_names_stand_in_the_order_of_the_long_ones() -> None:
    for calendar in CALENDARS.values():
        pairs = [
            *zip(calendar.months, calendar.short_months, strict=True),
            *zip(calendar.weekdays, calendar.short_weekdays, strict=True),
        ]
        for name, short in pairs:
            # 星期六 and 周六 share their end, every other pair its beginning
            assert name[0] == short[0] or name[-1] == short[-1], (name, short)


def test_the_sample_is_unique_normal_and_in_every_language(sample: list[DatePair]) -> None:
    assert len({pair.written for pair in sample}) == len(sample) == 5_000
    assert {pair.language for pair in sample} == set(languages())
    assert all(unicodedata.is_normalized("NFC", pair.written) for pair in sample)
    assert all(pair.written == pair.written.strip() for pair in sample)


def test_what_is_drawn_is_among_the_forms_of_its_day(sample: list[DatePair]) -> None:
    for pair in sample[:30]:
        assert (pair.language, pair.written) in forms(date.fromisoformat(pair.iso))


def test_the_draw_is_the_same_on_every_machine() -> None:
    assert generate(3, seed=0) == [
        DatePair("22 jan. 1992", "1992-01-22", "sv"),
        DatePair("2028년 5월 19일(금)", "2028-05-19", "ko"),
        DatePair("DIMANCHE 4 MAI 2008", "2008-05-04", "fr"),
    ]


def test_the_seed_decides() -> None:
    assert generate(50, seed=3) == generate(50, seed=3)
    assert generate(50, seed=3) != generate(50, seed=4)
    assert generate(50, seed=3)[:20] == generate(20, seed=3)


def test_languages_and_days_can_be_chosen() -> None:
    day = date(2000, 2, 29)
    pairs = generate(5, seed=0, languages=["ko", "fr"], first=day, last=day)
    assert {pair.language for pair in pairs} <= {"ko", "fr"}
    assert {pair.iso for pair in pairs} == {"2000-02-29"}


def test_nothing_is_asked_for() -> None:
    assert generate(0, seed=0) == []


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(UnknownNameError, match="language 'kr'; known: de"):
        generate(1, seed=0, languages=["kr"])


def test_bad_requests_are_refused() -> None:
    with pytest.raises(DataError, match="-3"):
        generate(-3, seed=0)
    with pytest.raises(DataError, match="empty list"):
        generate(1, seed=0, languages=[])
    with pytest.raises(DataError, match="1949-12-31"):
        generate(1, seed=0, first=date(1949, 12, 31))
    with pytest.raises(DataError, match="2050-01-01"):
        forms(date(2050, 1, 1))


def test_more_than_there_are_is_refused() -> None:
    with pytest.raises(DataError, match="wanted 1000 different dates"):
        generate(1000, seed=0, languages=["ko"], first=SATURDAY, last=SATURDAY)
