from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from headgate.data.columns import Table
from headgate.data.npz import read_npz
from headgate.data.sources import read_table
from headgate.errors import DataError


def bytes_of(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def read(**arrays: Any) -> Table:
    return read_npz(bytes_of(**arrays), path="a.npz")


def refused(message: str, **arrays: Any) -> None:
    with pytest.raises(DataError, match=r"^a\.npz" + message):
        read(**arrays)


def cell(table: Table, row: int = 0, column: int = 0) -> Tensor:
    found = table.rows[row][column]
    assert isinstance(found, Tensor)
    return found


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.float16, np.int16, np.uint8, ">f4"])
def test_two_and_three_dimensions_are_series(kind: Any) -> None:
    values = np.arange(24).reshape(2, 3, 4)
    for array, shape in ((values, (3, 4)), (values[..., 0], (3, 1))):
        for laid in (array.astype(kind), np.asfortranarray(array.astype(kind))):
            table = read(x=laid, y=[1, 2])
            assert cell(table).dtype == torch.float32
            assert cell(table).shape == shape
            expected = torch.from_numpy(array.astype(np.float32)).reshape(2, *shape)
            assert torch.equal(cell(table, 1), expected[1])


def test_more_dimensions_are_frames_and_bytes_stay_bytes() -> None:
    frames = np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5)
    assert cell(read(x=frames)).dtype == torch.uint8
    assert torch.equal(cell(read(x=frames), 1), torch.from_numpy(frames)[1])
    assert cell(read(x=frames.astype(np.int32))).dtype == torch.float32
    assert cell(read(x=frames[..., None].repeat(3, -1))).shape == (3, 4, 5, 3)
    assert cell(read(x=frames > 3), 1).dtype == torch.float32


def test_a_vector_is_texts() -> None:
    table = read(
        a=np.array([1, 20]), b=np.array([1.0, 0.1]), c=np.array([0.1, 3], np.float32),
        d=np.array(["위", "아래"]), e=np.array([b"up", b"down"]), f=np.array([True, False]),
        g=np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"), h=np.array([np.nan, 1e20]),
    )  # fmt: skip
    assert table.columns == tuple("abcdefgh")
    assert table.rows[0] == ["1", "1", "0.1", "위", "up", "true", "2020-01-01", ""]
    assert table.rows[1] == ["20", "0.1", "3", "아래", "down", "false", "2020-01-02", "1e+20"]
    assert table.lines == range(1, 3)
    assert table.roles is None


def test_texts_of_two_dimensions_are_sequences() -> None:
    assert read(tags=np.array([["a", "b"], ["c", "d"]])).rows[1] == [("c", "d")]


@pytest.mark.parametrize(
    ("arrays", "roles"),
    [
        ({"x": (2, 3)}, ("x", None)),
        ({"x": (2, 3), "kind": (2,)}, ("x", "kind")),
        ({"kind": (2,), "x": (2, 3, 1)}, ("x", "kind")),
        ({"x": (2, 3), "id": (2,), "Label": (2,)}, ("x", "Label")),
        ({"x": (2, 3), "y": (2, 1)}, ("x", "y")),
        ({"x": (2, 3), "id": (2,), "name": (2,)}, None),
        ({"x": (2, 3), "y": (2, 3)}, None),
        ({"a": (2,), "b": (2,)}, None),
        ({"x": (2, 3), "y": (2,), "lengths": (2,)}, ("x", "y")),
    ],
)
def test_the_arrays_say_what_is_the_input(arrays: dict[str, Any], roles: Any) -> None:
    table = read(**{name: np.ones(shape) for name, shape in arrays.items()})
    assert table.roles == roles
    assert table.columns == tuple(name for name in arrays if name != "lengths")


def test_lengths_and_masks_cut_series() -> None:
    x = np.arange(12.0).reshape(3, 4)
    mask = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 1]])
    for more, lengths in ({"lengths": [2, 3, 4]}, [2, 3, 4]), ({"mask": mask}, [2, 3, 4]):
        table = read(x=x, **more)
        assert table.columns == ("x",)
        assert [len(cell(table, row)) for row in range(3)] == lengths
    assert cell(read(x=x, mask=mask == 1), 1).isnan().flatten().tolist() == [False, True, False]
    frames = np.ones((3, 4, 2, 2), np.uint8)
    assert len(cell(read(x=frames, lengths=np.array([1.0, 2, 3])), 0)) == 1
    refused(r", row 2: mask: a frame of 'x' is missing between others", x=frames, mask=mask)
    refused(r", row 2: lengths: 1 to 4 steps were wanted, and 5 came", x=x, lengths=[1, 5, 2])
    refused(r", row 1: lengths: 1 to 4 steps were wanted, and 0 came", x=x, lengths=[0, 1, 2])
    refused(r", row 3: lengths: .* and 1\.5 came", x=x, lengths=[1, 1, 1.5])
    refused(r", row 3: mask: 1 to 4 steps .* 0 came", x=x, mask=mask * [[1], [1], [0]])
    refused(r': both "lengths" and "mask"', x=x, mask=mask, lengths=[1, 1, 1])


def test_a_mask_of_another_kind_is_a_column() -> None:
    assert read(x=np.ones((2, 4)), mask=np.array([[1, 2, 3, 4]] * 2)).columns == ("x", "mask")
    assert read(y=[1, 2], lengths=[3, 4]).columns == ("y", "lengths")


def test_missing_values_stay_and_a_filled_end_is_cut_off() -> None:
    x = np.array([[np.nan, 1, np.nan], [1, np.nan, 2]])
    table = read(x=x)
    assert [len(cell(table, row)) for row in (0, 1)] == [2, 3]
    assert cell(table).isnan().flatten().tolist() == [True, False]
    assert "x: 1 series end in missing values" in table.notes[0]
    refused(", row 2: x: the series has no value", x=np.array([[1.0], [np.nan]]))


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_infinity_names_its_row_and_step(value: float) -> None:
    x = np.ones((3, 4, 2))
    x[1, 2, 0] = value
    refused(r", row 2: x: step 3 is infinite, or larger than 3\.4e38", x=x)
    assert len(cell(read(x=x, lengths=[4, 2, 4]), 1)) == 2


def test_sizes_that_differ_are_listed() -> None:
    refused(
        r": the first axis .* these came: x \(3, 4\), y \(2,\); write one file for each part",
        x=np.ones((3, 4)),
        y=np.ones(2),
    )
    refused(r": there is no row or no step: x \(0, 4\)", x=np.ones((0, 4)))
    refused(r": there is no row or no step: x \(3, 0\)", x=np.ones((3, 0)))
    refused(": there is no row or no step: no array")
    refused(": there is no row or no step: no array", rate=np.array(3))


def test_a_single_value_is_passed_over() -> None:
    table = read(x=np.ones((2, 3)), rate=np.array(8000))
    assert table.columns == ("x",)
    assert table.notes == ("the array 'rate' is a single value, and is passed over",)


class _Trap:
    def __reduce__(self) -> Any:
        return print, ("this ran",)


def test_python_objects_are_never_opened(capsys: pytest.CaptureFixture[str]) -> None:
    trap = np.array([_Trap(), _Trap()], dtype=object)
    refused(r": the array 'x' holds Python objects, which could run code", x=trap)
    with pytest.raises(DataError, match=r"no \.npz file"):
        read_npz(pickle.dumps(_Trap()), path="a.npz")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("x.npy", pickle.dumps(_Trap()))
    with pytest.raises(DataError, match="the array 'x'"):
        read_npz(file.getvalue(), path="a.npz")
    assert "this ran" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", [np.complex64, np.dtype([("a", "i4")])])
def test_other_kinds_of_numbers_are_refused(kind: Any) -> None:
    refused(r": the array 'x' is of .*: numbers or texts were wanted", x=np.zeros((2, 3), kind))


def test_texts_of_three_dimensions_and_broken_texts_are_refused() -> None:
    refused(r": the array 'x' of texts has the shape \(1, 1, 1\)", x=np.array([[["a"]]]))
    refused(r": the array 'x' has bytes that are no text", x=np.array([b"\xff"]))


def test_what_is_no_npz_is_named(tmp_path: Path) -> None:
    whole = bytes_of(x=np.random.default_rng(0).normal(size=(20, 30)), y=np.arange(20))
    for size in range(0, len(whole), 97):
        with pytest.raises(DataError, match=r"^a\.npz"):
            read_npz(whole[:size], path="a.npz")
    single = io.BytesIO()
    np.save(single, np.ones(3))
    with pytest.raises(DataError, match=r"one array, as numpy\.save writes it"):
        read_npz(single.getvalue(), path="a.npz")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("notes.txt", "hi")
    with pytest.raises(DataError, match=r"'notes\.txt'.*numbers or texts were wanted"):
        read_npz(file.getvalue(), path="a.npz")
    empty = tmp_path / "empty.npz"
    empty.write_bytes(b"")
    with pytest.raises(DataError, match=r"empty\.npz: the file is empty"):
        read_table(empty)


def test_a_flipped_byte_is_found_or_harmless() -> None:
    whole = bytes_of(x=np.arange(60.0).reshape(20, 3))
    for place in range(0, len(whole), 11):
        broken = bytearray(whole)
        broken[place] ^= 0x55
        with suppress(DataError):
            assert read_npz(bytes(broken), path="a.npz").path == "a.npz"


def test_a_file_is_read_by_its_ending(tmp_path: Path) -> None:
    data = bytes_of(x=np.ones((1, 3)), 이름=np.array(["가"]))
    (tmp_path / "a.npz").write_bytes(data)
    (tmp_path / "a.NPZ.gz").write_bytes(gzip.compress(data))
    (tmp_path / "a.bin").write_bytes(data)
    for name, kind in (("a.npz", None), ("a.NPZ.gz", None), ("a.bin", "npz")):
        table = read_table(tmp_path / name, kind=kind, columns=["x", "이름"])
        assert table.rows[0][1] == "가"
