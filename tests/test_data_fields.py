from __future__ import annotations

import pickle
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.data.fields import LabelField, TextField
from headgate.errors import DataError, ModelDirectoryError, UnknownNameError

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ENGLISH = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog"] * 3
KOREAN = ["오늘 날씨가 참 좋네요", "오늘은 학교에 갑니다", "학교에서 친구를 만났습니다"] * 3
NAMES = ["Müller", "김", "O'Neill", "Søren"]
DATES = ["2026-11-21", "21 Nov 2026", "Nov 21, 2026"]

EXACT = {unit: TextField.learn(ENGLISH + KOREAN, unit=unit) for unit in ("subword", "byte")}
ANYTHING = st.text(
    alphabet=st.one_of(
        st.sampled_from("the cat 오늘 날씨 각각\t\n\r  🙂👨‍👩‍👧 é e\u0301ﬁ <pad>0x41"),
        st.characters(exclude_categories=("Cs", "Cn")),
    )
)


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("unit", ["subword", "byte"])
@given(text=ANYTHING)
@settings(deadline=None, max_examples=150)
def test_decoding_is_exact_for_any_text(unit: str, text: str) -> None:
    field = EXACT[unit]
    ids = field.encode(text)
    assert field.decode(ids) == nfc(text)
    assert field.unk not in ids
    assert len(field.tokens(text)) == len(ids)
    assert all(4 <= index < len(field) for index in ids)


@given(text=ANYTHING)
@settings(deadline=None, max_examples=100)
def test_characters_that_were_learned_decode_exactly(text: str) -> None:
    field = TextField.learn([text, "a"], unit="character")
    assert field.decode(field.encode(text)) == nfc(text)
    assert field.tokens(text) == list(nfc(text))


def test_the_special_ids_are_fixed() -> None:
    for unit in ("subword", "word", "character", "byte"):
        field = TextField.learn(ENGLISH, unit=unit, specials=("<sep>",))
        assert (field.pad, field.unk, field.bos, field.eos) == (0, 1, 2, 3)
        names = ("<pad>", "<unk>", "<bos>", "<eos>", "<sep>")
        assert [field.special(name) for name in names] == [0, 1, 2, 3, 4]
        assert field.decode([0, 2, *field.encode("the cat"), 4, 3, 0]) == "the cat"
    with pytest.raises(DataError, match=r"no special piece '<cls>'; known: .*<eos>, <sep>$"):
        field.special("<cls>")


@pytest.mark.parametrize("unit", ["subword", "word", "character", "byte"])
def test_a_special_name_in_a_text_is_only_letters(unit: str) -> None:
    texts = ["<pad> <bos> <eos> <sep> a"] * 3
    field = TextField.learn(texts, unit=unit, specials=["<sep>"])
    ids = field.encode(texts[0])
    assert not {0, 2, 3, 4} & set(ids)
    if unit == "word":
        assert ids[:4] == [field.unk] * 4
    else:
        assert field.decode(ids) == texts[0]


def test_auto_chooses_by_the_texts() -> None:
    assert TextField.learn(NAMES).unit == "character"
    assert TextField.learn(DATES).unit == "character"
    assert TextField.learn([f"{text}, 다시 한번 말하면 그렇다는 뜻" for text in KOREAN]).unit == (
        "character"
    )
    prose = [
        f"The {w} quick Brown Fox, no. {i}!" for i, w in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    ]
    assert (
        TextField.learn([*prose, *KOREAN, "jumps over lazy dog; «vk» = 27.50%"]).unit == "subword"
    )
    assert TextField.learn(["a long text of few letters " * 3]).unit == "subword"


def test_hangul_pieces_are_whole_syllables() -> None:
    field = EXACT["subword"]
    tokens = field.tokens("오늘은 학교에 갑니다")
    assert "".join(tokens) == "오늘은 학교에 갑니다"
    assert tokens[0] == "오늘은"
    assert " 학교에" in tokens


def test_pieces_are_shown_as_a_reader_knows_them() -> None:
    field = EXACT["subword"]
    assert field.tokens(" the  뷁") == [" the", " ", " ", "뷁[1/3]", "뷁[2/3]", "뷁[3/3]"]
    assert EXACT["byte"].tokens("é<") == ["é[1/2]", "é[2/2]", "<"]
    assert TextField.learn(NAMES).tokens("Kim") == ["<unk>", "i", "<unk>"]


def test_words_stand_between_white_space() -> None:
    field = TextField.learn(["the <unk> sat . the cat 's N"] * 2, unit="word")
    assert field.decode(field.encode(" the  cat\tflew .")) == "the cat <unk> ."
    assert field.encode("<unk> flew") == [1, 1]


def test_nfc_and_case() -> None:
    apart = unicodedata.normalize("NFD", "한글 é")
    field = TextField.learn(["한글 é É"], unit="character")
    assert field.encode(apart) == field.encode("한글 é")
    assert field.encode("É") != field.encode("é")
    small = TextField.learn(["한글 é É"], unit="character", lowercase=True)
    assert small.decode(small.encode("É")) == "é"


def test_min_frequency_and_size_bound_the_vocabulary() -> None:
    texts = ["a a a b b c", "a b"]
    assert len(TextField.learn(texts, unit="word")) == 4 + 2
    assert len(TextField.learn(texts, unit="word", min_frequency=1)) == 4 + 3
    assert len(TextField.learn(texts, unit="word", vocabulary_size=5)) == 5
    assert TextField.learn(texts, unit="word", vocabulary_size=5).encode("a b") == [4, 1]
    assert len(TextField.learn(texts, unit="character", min_frequency=2)) == 4 + 3  # a, b, space
    assert len(TextField.learn(KOREAN, unit="subword", vocabulary_size=270)) <= 270
    assert len(TextField.learn(texts, unit="byte")) == 4 + 256


@pytest.mark.parametrize(("unit", "least"), [("subword", 261), ("byte", 260), ("word", 5)])
def test_a_vocabulary_that_cannot_be_is_refused(unit: str, least: int) -> None:
    TextField.learn(ENGLISH, unit=unit, vocabulary_size=least)
    with pytest.raises(DataError, match=f"at least {least} ids, and vocabulary_size {least - 1}"):
        TextField.learn(ENGLISH, unit=unit, vocabulary_size=least - 1)


def test_what_cannot_be_learned_from_is_named() -> None:
    for texts in ([], ["", "  "]):
        with pytest.raises(DataError, match=f"{len(texts)} empty texts came"):
            TextField.learn(texts)
    with pytest.raises(UnknownNameError, match="unknown unit 'words'; did you mean 'word'"):
        TextField.learn(ENGLISH, unit="words")
    with pytest.raises(DataError, match="the special piece '<eos>' stands twice"):
        TextField.learn(ENGLISH, specials=["<eos>"])


def test_bad_text_and_bad_ids_are_named() -> None:
    field = EXACT["subword"]
    with pytest.raises(DataError, match=r"\\ud800"):
        field.encode_batch(["fine", "\ud800"])
    for index in (len(field), -1):
        with pytest.raises(DataError, match=f"id {index} is not in the vocabulary"):
            field.decode([5, index])
    assert field.encode("") == []
    assert field.decode([]) == ""


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("odd", [("a", "pair"), ["the", "cat", "sat"], 3])
def test_what_is_no_text_is_named(odd: Any) -> None:
    with pytest.raises(DataError, match=re.escape(f"text was wanted, and {odd!r} came")):
        EXACT["subword"].encode_batch(["fine", odd])


def test_bytes_that_are_no_utf8_are_shown_as_such() -> None:
    field = EXACT["byte"]
    cut = [*field.encode("a뷁")[:-1], *field.encode("b")]
    assert field.decode(cut) == "a\ufffdb"


@pytest.mark.parametrize("unit", ["subword", "word", "character", "byte"])
def test_json_and_pickle_keep_the_field(unit: str) -> None:
    field = TextField.learn(ENGLISH + KOREAN, unit=unit, lowercase=True, specials=["<sep>"])
    text = "The <eos> 날씨가 Xylophone 🙂"
    for again in (TextField.from_json(field.to_json()), pickle.loads(pickle.dumps(field))):
        assert again.unit == unit
        assert again.to_json() == field.to_json()
        assert again.encode(text) == field.encode(text)
        assert again.special("<sep>") == 4


def test_damaged_or_foreign_json_is_refused() -> None:
    text = EXACT["subword"].to_json()
    for damaged in ("", "{}", text[:-20], "[1]"):
        with pytest.raises(ModelDirectoryError, match=r"tokenizer\.json is damaged"):
            TextField.from_json(damaged)
    with pytest.raises(ModelDirectoryError, match=r"ids 0 to 3 are \['<xxx>', '<unk>'"):
        TextField.from_json(text.replace("<pad>", "<xxx>"))


SCRIPT = """
import hashlib, os, sys
from headgate.data.fields import TextField
texts = [f"{word} {a}{b} 오늘 날씨가 {chr(0xAC00 + 37 * i)}" for i, (word, a, b) in enumerate(
    (w, a, b) for w in ("the", "cat", "sat") for a in "abcdefg" for b in "uvwxyz")]
field = TextField.learn(texts, unit="subword", vocabulary_size=330)
field.encode_batch(texts)
sys.stdout.flush()
child = os.fork()
if child == 0:
    field.encode_batch(texts)
    os._exit(0)
os.waitpid(child, 0)
assert "TOKENIZERS_PARALLELISM" not in os.environ
print(hashlib.sha256(field.to_json().encode()).hexdigest())
"""


def test_learning_is_the_same_in_every_process_and_silent_after_a_fork() -> None:
    environment = {"PYTHONPATH": str(Path(__file__).resolve().parents[1] / "src")}
    runs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            capture_output=True,
            text=True,
            check=True,
            env={**environment, "PYTHONHASHSEED": str(seed)},
        )
        for seed in (1, 2, 3)
    ]
    assert len({run.stdout for run in runs}) == 1
    assert [run.stderr for run in runs] == ["", "", ""]


@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets in shared/data are absent")
def test_real_korean_is_exact_in_units_longer_than_a_syllable() -> None:
    lines = (DATA / "tatoeba_eng_kor" / "kor.txt").read_text(encoding="utf-8").splitlines()
    texts = [line.split("\t")[1] for line in lines]
    field = TextField.learn(texts)
    ids = field.encode_batch(texts)
    assert field.unit == "subword"
    assert [field.decode(row) for row in ids] == [nfc(text) for text in texts]
    assert sum(map(len, texts)) / sum(map(len, ids)) > 1.5  # characters a piece


def test_labels_are_sorted_classes() -> None:
    field = LabelField.learn(["spam", "ham ", unicodedata.normalize("NFD", "광고"), "ham"])
    assert field.classes == ("ham", "spam", "광고")
    assert [field.encode(label) for label in ("ham", " spam", "광고")] == [0, 1, 2]
    assert [field.decode(index) for index in range(len(field))] == list(field.classes)
    again = LabelField.from_json(field.to_json())
    assert again.classes == field.classes
    assert again.to_json() == field.to_json()


def test_an_unseen_label_or_class_is_named() -> None:
    field = LabelField.learn(["ham", "spam"])
    with pytest.raises(DataError, match="unknown label 'Ham'; known: ham, spam"):
        field.encode("Ham")
    with pytest.raises(DataError, match="class 2 is none of the 2"):
        field.decode(2)
    many = LabelField.learn([f"class {i:03}" for i in range(500)])
    with pytest.raises(DataError, match=r"class 019, …$"):
        many.encode("x")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["ham", "ham"], "at least two classes, and only 'ham' came"),
        ([], "at least two classes, and none came"),
        (["ham", " ", "spam"], "label 2 of 3 is empty"),
    ],
)
def test_labels_that_make_no_classifier_are_refused(labels: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        LabelField.learn(labels)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"classes": 3}',
        '{"classes": ["a", "a"]}',
        '{"classes": ["a", 1]}',
        '{"clas',
    ],
)
def test_a_damaged_vocabulary_is_refused(text: str) -> None:
    with pytest.raises(ModelDirectoryError, match=r"vocabulary\.json is damaged"):
        LabelField.from_json(text)


def test_bytes_of_no_character_go_by_their_numbers() -> None:
    field = TextField.learn(["aé 가"], unit="byte")
    ids = field.encode("é가")
    assert field.tokens(ids[1:4]) == ["<0xA9>", "<0xEA>", "<0xB0>"]
    assert field.tokens([*ids, ids[0]]) == [*field.tokens(ids), "<0xC3>"]


@pytest.mark.parametrize("unit", ["byte", "subword", "word", "character"])
def test_every_id_has_a_name_of_its_own(unit: str) -> None:
    field = TextField.learn(["a warm é 가 film"] * 3, unit=unit)
    names = field.vocabulary()
    assert len(names) == len(set(names)) == len(field)
    assert names[:4] == ("<pad>", "<unk>", "<bos>", "<eos>")
