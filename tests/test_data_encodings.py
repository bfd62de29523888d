from __future__ import annotations

import gzip

import pytest

from headgate.data.encodings import decode, looks_like
from headgate.errors import DataError

KOREAN = "오늘 날씨가 참 좋네요.\n저는 학교에 가서 친구를 만났습니다.\n"
FRENCH = "Où est passé le café ?\nÇa m'étonne : « déjà » là-bas.\n"
JAPANESE = "今日はとても天気がいいですね。カメラを持って行きます。\n"
CHINESE = "今天天气很好，我们去公园吧。你是学生吗？\n"


@pytest.mark.parametrize("text", [KOREAN, FRENCH, JAPANESE, "plain\n", "🙂 e\u0301\n"])
def test_utf8_is_read_as_it_is(text: str) -> None:
    assert decode(text.encode()) == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_dropped(encoding: str) -> None:
    name = None if encoding == "utf-8-sig" else encoding
    assert decode(KOREAN.encode(encoding), encoding=name) == KOREAN


@pytest.mark.parametrize(
    ("text", "encoding", "guess"),
    [
        (KOREAN, "cp949", "cp949"),
        ("감사합니다", "cp949", "cp949"),
        (FRENCH, "cp1252", "cp1252"),
        ("naïve", "cp1252", "cp1252"),
        ("It’s “fine” – really…", "cp1252", "cp1252"),
        ("Müller, Jürgen; Straße", "latin-1", "cp1252"),
        ("caf\u00e9 \u0081", "latin-1", "latin-1"),
        (JAPANESE, "shift_jis", "shift_jis"),
        (CHINESE, "gb18030", "gb18030"),
        (KOREAN, "utf-16", "utf-16"),
        (KOREAN, "utf-16-le", "utf-16-le"),
        ("hello\n", "utf-16-be", "utf-16-be"),
    ],
)
def test_the_encoding_is_recognised(text: str, encoding: str, guess: str) -> None:
    assert looks_like(text.encode(encoding)) == guess


def test_korean_after_much_english_is_recognised() -> None:
    assert looks_like(b"plain english\n" * 10_000 + KOREAN.encode("cp949")) == "cp949"


def test_noise_is_not_given_a_name() -> None:
    assert looks_like(bytes(range(0x80, 0x100)) * 20) is None


@pytest.mark.parametrize(
    ("encoding", "byte"), [("cp949", "0xc1"), ("shift_jis", "0x8d"), ("gb18030", "0xc4")]
)
def test_the_first_bad_byte_is_placed_and_the_flag_named(encoding: str, byte: str) -> None:
    texts = {"cp949": "좋은 하루", "shift_jis": "今日は", "gb18030": "你好我是"}
    data = b"a fine line\nok " + texts[encoding].encode(encoding)
    with pytest.raises(DataError) as caught:
        decode(data, path="notes.txt")
    message = str(caught.value)
    assert message.startswith(f"notes.txt, row 2: byte {byte} (byte 4 of the row) is not utf-8")
    assert f"--encoding {encoding}" in message


def test_a_wrong_encoding_is_told_the_right_one() -> None:
    with pytest.raises(DataError, match="not ascii; the file looks like cp949"):
        decode(KOREAN.encode("cp949"), encoding="ascii")


def test_an_unknown_encoding_is_named() -> None:
    for name in ("klingon", "hex", "a\0b"):
        with pytest.raises(DataError, match="unknown encoding") as caught:
            decode(b"", encoding=name)
        assert repr(name) in str(caught.value)


def test_utf16_without_a_mark_is_told_apart_from_a_stray_nul() -> None:
    with pytest.raises(DataError, match=r"row 1: the file looks like utf-16-le"):
        decode("hello\n".encode("utf-16-le"), path="a.txt")
    with pytest.raises(DataError, match=r"a.txt, row 2: a NUL byte"):
        decode(b"one\ntw\0o\n", path="a.txt")


def test_gzip_under_another_name_is_told() -> None:
    with pytest.raises(DataError, match=r"end its name in \.gz"):
        decode(gzip.compress(b"a,b\n"), path="a.csv")
