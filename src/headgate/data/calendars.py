"""How people of each language write a date: the names of months and days, and the patterns.

`date_patterns` says what the fields of a pattern mean. The number before a pattern is its weight.
Months stand in the form that follows a day, which is the genitive in Russian and Polish; weekdays
start on Monday.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from headgate.data.date_patterns import Calendar, Pattern


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _patterns(text: str) -> tuple[Pattern, ...]:
    """One pattern a line: its weight, where it needs one the mark, then the template."""
    return tuple(_pattern(line.strip()) for line in text.strip().splitlines())


def _pattern(line: str) -> Pattern:
    weight, _, template = line.partition(" ")
    bare = template.removeprefix("past-the-12th ")
    return Pattern(int(weight), bare, late_day=bare != template)


def _english_ordinal(day: int) -> str:
    if day in (11, 12, 13):
        return f"{day}th"
    return f"{day}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th') }"


_BRITISH = Calendar(
    code="en-GB",
    months=_words(
        "January February March April May June July August September October November December"
    ),
    short_months=_words("Jan. Feb. Mar. Apr. May Jun. Jul. Aug. Sep. Oct. Nov. Dec."),
    weekdays=_words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
    short_weekdays=_words("Mon. Tue. Wed. Thu. Fri. Sat. Sun."),
    ordinals={day: _english_ordinal(day) for day in range(1, 32)},
    casings=("lower", "upper"),
    patterns=_patterns("""
        6 {d} {MMMM} {y}
        4 {d} {MMM} {y}
        2 {o} {MMMM} {y}
        1 {o} {MMM} {y}
        1 {o} of {MMMM} {y}
        1 the {o} of {MMMM}, {y}
        3 {EEEE} {d} {MMMM} {y}
        1 {EEEE}, {d} {MMMM} {y}
        1 {EEEE} {o} {MMMM} {y}
        2 {EEE} {d} {MMM} {y}
        1 {EEE}, {dd} {MMM} {y}
        1 {d} {MMM} {yy}
        1 {d} {MMM} '{yy}
        1 {d} {MMMM} '{yy}
        1 {dd}-{MMM}-{y}
        1 {dd}/{MM}/{y}
        1 {d}/{M}/{y}
        1 {dd}/{MM}/{yy}
    """),
)

_CALENDARS = (
    _BRITISH,
    replace(
        _BRITISH,
        code="en-US",
        patterns=_patterns("""
            6 {MMMM} {d}, {y}
            3 {MMM} {d}, {y}
            2 {MMMp} {d}, {y}
            1 {MMMM} {d} {y}
            2 {MMMM} {o}, {y}
            1 {MMM} {o}, {y}
            3 {EEEE}, {MMMM} {d}, {y}
            1 {EEEE}, {MMMM} {o}, {y}
            2 {EEE}, {MMM} {d}, {y}
            1 {EEEp}, {MMMp} {d}, {y}
            1 {MMM} {d}, '{yy}
            1 {MMMM} {d}, '{yy}
            1 past-the-12th {M}/{d}/{y}
            1 past-the-12th {MM}/{dd}/{y}
        """),
    ),
    Calendar(
        code="ko",
        weekdays=_words("월요일 화요일 수요일 목요일 금요일 토요일 일요일"),
        short_weekdays=_words("월 화 수 목 금 토 일"),
        patterns=_patterns("""
            6 {y}년 {M}월 {d}일
            4 {y}년 {M}월 {d}일 {EEEE}
            2 {y}년 {M}월 {d}일 ({EEE})
            1 {y}년 {M}월 {d}일({EEE})
            2 {y}년{M}월{d}일
            1 {y}년 {MM}월 {dd}일
            2 {yy}년 {M}월 {d}일
            1 {yy}년 {M}월 {d}일 ({EEE})
            1 {yy}년 {M}월 {d}일 {EEEE}
            2 {y}. {M}. {d}.
            1 {y}. {M}. {d}. ({EEE})
            2 {y}.{MM}.{dd}
            1 {y}.{M}.{d}
            1 '{yy}. {M}. {d}.
            1 {y}-{MM}-{dd}
            1 {y}/{MM}/{dd}
            1 {y}{MM}{dd}
        """),
    ),
    Calendar(
        code="fr",
        months=_words(
            "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
        ),
        short_months=_words("janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
        weekdays=_words("lundi mardi mercredi jeudi vendredi samedi dimanche"),
        short_weekdays=_words("lun. mar. mer. jeu. ven. sam. dim."),
        ordinals={1: "1er"},
        casings=("title", "upper"),
        patterns=_patterns("""
            6 {o} {MMMM} {y}
            4 le {o} {MMMM} {y}
            3 {EEEE} {o} {MMMM} {y}
            2 le {EEEE} {o} {MMMM} {y}
            2 {o} {MMMp} {y}
            1 {o} {MMM} {y}
            1 {EEEp} {o} {MMMp} {y}
            2 {dd}/{MM}/{y}
            1 {d}/{M}/{y}
            1 {dd}/{MM}/{yy}
            1 le {dd}/{MM}/{y}
        """),
    ),
    Calendar(
        code="de",
        months=_words(
            "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
        ),
        short_months=_words("Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez."),
        weekdays=_words("Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag"),
        short_weekdays=_words("Mo. Di. Mi. Do. Fr. Sa. So."),
        casings=("lower", "upper"),
        patterns=_patterns("""
            6 {d}. {MMMM} {y}
            2 {d}. {MMMp} {y}
            1 {d}. {MMM} {y}
            3 {EEEE}, {d}. {MMMM} {y}
            2 {EEEE}, den {d}. {MMMM} {y}
            1 den {d}. {MMMM} {y}
            1 {EEEp}, {d}. {MMMp} {y}
            3 {dd}.{MM}.{y}
            1 {d}.{M}.{y}
            1 {d}. {M}. {y}
            1 {dd}.{MM}.{yy}
            1 {EEE}, {dd}.{MM}.{y}
            1 {EEEE}, {dd}.{MM}.{y}
        """),
    ),
    Calendar(
        code="es",
        months=_words(
            "enero febrero marzo abril mayo junio"
            " julio agosto septiembre octubre noviembre diciembre"
        ),
        short_months=_words("ene. feb. mar. abr. may. jun. jul. ago. sept. oct. nov. dic."),
        weekdays=_words("lunes martes miércoles jueves viernes sábado domingo"),
        short_weekdays=_words("lun. mar. mié. jue. vie. sáb. dom."),
        ordinals={1: "1º"},
        casings=("title", "upper"),
        patterns=_patterns("""
            6 {d} de {MMMM} de {y}
            1 {o} de {MMMM} de {y}
            2 el {d} de {MMMM} de {y}
            3 {EEEE}, {d} de {MMMM} de {y}
            2 {EEEE} {d} de {MMMM} de {y}
            1 el {EEEE} {d} de {MMMM} de {y}
            2 {d} {MMM} {y}
            1 {d} {MMMp} {y}
            1 {EEE}, {d} {MMM} {y}
            2 {dd}/{MM}/{y}
            1 {d}/{M}/{y}
            1 {d}-{M}-{y}
        """),
    ),
    Calendar(
        code="it",
        months=_words(
            "gennaio febbraio marzo aprile maggio giugno"
            " luglio agosto settembre ottobre novembre dicembre"
        ),
        short_months=_words("gen. feb. mar. apr. mag. giu. lug. ago. set. ott. nov. dic."),
        weekdays=_words("lunedì martedì mercoledì giovedì venerdì sabato domenica"),
        short_weekdays=_words("lun. mar. mer. gio. ven. sab. dom."),
        ordinals={1: "1º"},
        casings=("title", "upper"),
        patterns=_patterns("""
            6 {o} {MMMM} {y}
            1 {d} {MMMM} {y}
            3 {EEEE} {o} {MMMM} {y}
            1 {EEEE}, {d} {MMMM} {y}
            3 {d} {MMM} {y}
            1 {EEE} {d} {MMM} {y}
            2 {dd}/{MM}/{y}
            1 {d}/{M}/{y}
            1 {dd}/{MM}/{yy}
            1 {dd}.{MM}.{y}
        """),
    ),
    Calendar(
        code="pt",
        months=_words(
            "janeiro fevereiro março abril maio junho"
            " julho agosto setembro outubro novembro dezembro"
        ),
        short_months=_words("jan. fev. mar. abr. mai. jun. jul. ago. set. out. nov. dez."),
        weekdays=_words(
            "segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado domingo"
        ),
        short_weekdays=_words("seg. ter. qua. qui. sex. sáb. dom."),
        ordinals={1: "1º"},
        casings=("title", "upper"),
        patterns=_patterns("""
            6 {o} de {MMMM} de {y}
            1 {d} de {MMMM} de {y}
            3 {EEEE}, {o} de {MMMM} de {y}
            2 {d} de {MMMp} de {y}
            1 {d} {MMM} {y}
            1 {EEEp}, {d} de {MMMp} de {y}
            2 {dd}/{MM}/{y}
            1 {d}/{M}/{y}
            1 {dd}/{MM}/{yy}
        """),
    ),
    Calendar(
        code="nl",
        months=_words(
            "januari februari maart april mei juni"
            " juli augustus september oktober november december"
        ),
        short_months=_words("jan. feb. mrt. apr. mei jun. jul. aug. sep. okt. nov. dec."),
        weekdays=_words("maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"),
        short_weekdays=_words("ma. di. wo. do. vr. za. zo."),
        casings=("title", "upper"),
        patterns=_patterns("""
            6 {d} {MMMM} {y}
            3 {EEEE} {d} {MMMM} {y}
            2 {d} {MMM} {y}
            1 {d} {MMMp} {y}
            1 {EEE} {d} {MMM} {y}
            1 {d} {MMM} '{yy}
            2 {dd}-{MM}-{y}
            1 {d}-{M}-{y}
            1 {dd}-{MM}-{yy}
        """),
    ),
    Calendar(
        code="ja",
        weekdays=_words("月曜日 火曜日 水曜日 木曜日 金曜日 土曜日 日曜日"),
        short_weekdays=_words("月 火 水 木 金 土 日"),
        patterns=_patterns("""
            6 {y}年{M}月{d}日
            3 {y}年{M}月{d}日({EEE})
            2 {y}年{M}月{d}日（{EEE}）
            2 {y}年{M}月{d}日 {EEEE}
            1 {y}年{M}月{d}日{EEEE}
            1 {y}年 {M}月 {d}日
            1 {y}年{MM}月{dd}日
            2 {y}/{MM}/{dd}
            1 {y}/{M}/{d}
            1 {y}/{MM}/{dd}({EEE})
            1 {era}年{M}月{d}日
        """),
    ),
    Calendar(
        code="zh",
        weekdays=_words("星期一 星期二 星期三 星期四 星期五 星期六 星期日"),
        short_weekdays=_words("周一 周二 周三 周四 周五 周六 周日"),
        patterns=_patterns("""
            6 {y}年{M}月{d}日
            3 {y}年{M}月{d}日 {EEEE}
            2 {y}年{M}月{d}日{EEEE}
            2 {y}年{M}月{d}日({EEE})
            1 {y}年{M}月{d}日（{EEE}）
            1 {y}年{MM}月{dd}日
            4 {hy}年{hM}月{hd}日
            1 {hy}年{hM}月{hd}日 {EEEE}
            1 {y}/{M}/{d}
            1 {y}-{MM}-{dd}
            1 {y}-{MM}-{dd} {EEEE}
            1 {y}.{M}.{d}
        """),
    ),
    Calendar(
        code="ru",
        months=_words(
            "января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
        ),
        short_months=_words("янв. февр. мар. апр. мая июн. июл. авг. сент. окт. нояб. дек."),
        weekdays=_words("понедельник вторник среда четверг пятница суббота воскресенье"),
        short_weekdays=_words("пн вт ср чт пт сб вс"),
        casings=("title", "upper"),
        patterns=_patterns("""
            6 {d} {MMMM} {y}
            4 {d} {MMMM} {y} г.
            3 {d} {MMMM} {y} года
            3 {EEEE}, {d} {MMMM} {y} г.
            1 {EEEE}, {d} {MMMM} {y}
            2 {d} {MMMp} {y} г.
            1 {d} {MMM} {y}
            1 {EEE}, {d} {MMMp} {y} г.
            2 {dd}.{MM}.{y}
            1 {dd}.{MM}.{y} г.
            1 {dd}.{MM}.{yy}
        """),
    ),
    Calendar(
        code="pl",
        months=_words(
            "stycznia lutego marca kwietnia maja czerwca"
            " lipca sierpnia września października listopada grudnia"
        ),
        short_months=_words("sty lut mar kwi maj cze lip sie wrz paź lis gru"),
        weekdays=_words("poniedziałek wtorek środa czwartek piątek sobota niedziela"),
        short_weekdays=_words("pon. wt. śr. czw. pt. sob. niedz."),
        casings=("title", "upper"),
        patterns=_patterns("""
            6 {d} {MMMM} {y}
            3 {d} {MMMM} {y} r.
            3 {EEEE}, {d} {MMMM} {y}
            1 {EEEE}, {d} {MMMM} {y} r.
            2 {d} {MMM} {y}
            1 {EEEp}, {d} {MMM} {y}
            2 {dd}.{MM}.{y}
            1 {dd}.{MM}.{y} r.
            1 {d}.{MM}.{y}
        """),
    ),
    Calendar(
        code="tr",
        months=_words("Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık"),
        short_months=_words("Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara"),
        weekdays=_words("Pazartesi Salı Çarşamba Perşembe Cuma Cumartesi Pazar"),
        short_weekdays=_words("Pzt Sal Çar Per Cum Cmt Paz"),
        casings=("lower", "upper"),
        patterns=_patterns("""
            6 {d} {MMMM} {y}
            3 {d} {MMMM} {y} {EEEE}
            1 {d} {MMMM} {y}, {EEEE}
            2 {d} {MMM} {y}
            1 {d} {MMM} {y} {EEE}
            2 {dd}.{MM}.{y}
            1 {d}.{MM}.{y}
            1 {dd}/{MM}/{y}
        """),
    ),
    Calendar(
        code="sv",
        months=_words(
            "januari februari mars april maj juni juli augusti september oktober november december"
        ),
        short_months=_words("jan. feb. mars apr. maj juni juli aug. sep. okt. nov. dec."),
        weekdays=_words("måndag tisdag onsdag torsdag fredag lördag söndag"),
        short_weekdays=_words("mån tis ons tors fre lör sön"),
        casings=("title", "upper"),
        patterns=_patterns("""
            6 {d} {MMMM} {y}
            3 {EEEE} {d} {MMMM} {y}
            1 {EEEE}en den {d} {MMMM} {y}
            2 den {d} {MMMM} {y}
            2 {d} {MMMp} {y}
            1 {EEE} {d} {MMM} {y}
            1 {d}/{M} {y}
            2 {y}-{MM}-{dd}
        """),
    ),
)

CALENDARS: Mapping[str, Calendar] = {calendar.code: calendar for calendar in _CALENDARS}
"""The calendars by language tag (BCP 47)."""
