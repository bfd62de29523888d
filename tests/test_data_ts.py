from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from headgate.data.columns import Table
from headgate.data.sources import read_table
from headgate.data.ts import read_ts
from headgate.errors import DataError

HEAD = "#a note: of 1,2\n@problemName Gestures\n@timeStamps false\n@classLabel true up down\n"


def read(text: str) -> Table:
    return read_ts(text, path="a.ts")


def cells(table: Table, row: int = 0) -> Any:
    return table.rows[row][0]


def refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(text)


def test_channels_are_parted_by_colons_and_the_label_is_last() -> None:
    table = read(HEAD + "@data\n1,2,3:4,5,6:up\n7:8:down\n")
    assert (table.columns, table.roles) == (("series", "label"), ("series", "label"))
    assert cells(table).tolist() == [[1, 4], [2, 5], [3, 6]]
    assert cells(table).dtype == torch.float32
    assert cells(table).is_contiguous()
    assert cells(table, 1).tolist() == [[7, 8]]
    assert table.column("label") == ["up", "down"]
    assert table.lines == [6, 7]
    assert not table.notes


@pytest.mark.parametrize("seed", range(5))
def test_what_is_written_is_read(seed: int) -> None:
    draw = random.Random(seed)
    channels, rows = draw.randint(1, 4), []
    for _ in range(draw.randint(1, 6)):
        steps = draw.randint(1, 9)
        rows.append([[draw.uniform(-9, 9) for _ in range(steps)] for _ in range(channels)])
    lines = [":".join(",".join(map(repr, c)) for c in row) + ":up" for row in rows]
    table = read(HEAD + "@data\n" + "\n".join(lines))
    for row, expected in enumerate(rows):
        torch.testing.assert_close(cells(table, row), torch.tensor(expected).T, rtol=0, atol=0)


def test_a_missing_value_is_nan_and_a_filled_end_is_cut_off() -> None:
    table = read(HEAD + "@data\n?,1,NaN,2,?,nan:3,?,4,?,?,?:up\n1,2:3,4:down")
    expected = torch.tensor([[torch.nan, 3], [1, torch.nan], [torch.nan, 4], [2, torch.nan]])
    torch.testing.assert_close(cells(table), expected, equal_nan=True)
    assert table.notes == (
        "1 series end in missing values, which are left out: they have no steps",
    )


def test_without_labels_there_is_one_column() -> None:
    for head in ("@classLabel false\n@data\n", "@DATA\n", "@targetlabel false\n@data\n"):
        table = read(head + "1,2:3,4\n")
        assert (table.columns, table.roles) == (("series",), ("series", None))
        assert cells(table).shape == (2, 2)


def test_a_number_is_the_label_of_regression() -> None:
    table = read("@targetLabel true\n@data\n1,2: 0.50\n3,4:-1e3")
    assert table.column("label") == ["0.50", "-1e3"]
    refused("@targetLabel true\n@data\n1,2:high", r"row 3: a number was wanted.*'high'")
    refused("@targetLabel true\n@data\n1,2:3,4", r"row 3: a number was wanted.*cut off")
    refused("@targetLabel true\n@data\n1,2:", r"row 3: a number was wanted")


def test_labels_may_be_of_any_script() -> None:
    decomposed = "\u1100\u1161\u11bc"
    table = read(f"@classLabel true {decomposed} 북한산\n@data\n1:강\n2:{decomposed}\n3:북한산")
    assert table.column("label") == ["강", "강", "북한산"]


def test_labels_that_the_header_does_not_list_are_free() -> None:
    assert read("@classLabel true\n@data\n1:a\n2:b").column("label") == ["a", "b"]


def test_line_ends_marks_blank_lines_and_comments_do_not_matter(tmp_path: Path) -> None:
    text = "\ufeff" + HEAD + "\n@data\n\n1,2:up\n# between\n 3,4:down \n"
    for name, data in (
        ("a.ts", text.replace("\n", "\r\n").encode()),
        ("b.ts", text.replace("\n", "\r").encode()),
        ("c.ts.gz", gzip.compress(text.encode())),
        ("d.TS", text.rstrip().encode("utf-16")),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        table = read_table(path, encoding="utf-16" if name == "d.TS" else None)
        assert [cells(table, row).flatten().tolist() for row in (0, 1)] == [[1, 2], [3, 4]]
        assert table.column("2") == ["up", "down"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,2,3", r"row 6: the label, one of up, down, was wanted after the last colon"),
        ("1,2:3,4", r"row 6: the label, .* '3,4' came: is the line cut off"),
        ("1,2:u", r"row 6: the label, .* 'u' came"),
        ("1,2:", r"row 6: the label, .* '' came"),
        (":up", r"row 6: 2 channels were wanted.* and 1 came"),
        (" : :up", r"row 6: channel 1, step 1 is empty"),
        ("1,2:3:up", r"row 6: the channels .* equally many steps, and these have 2, 1"),
        ("1,2:3,4:5,6:up", r"row 6: 2 channels were wanted, as in row 5.* and 3 came"),
        ("1,2:up", r"row 6: 2 channels were wanted, as in row 5.* and 1 came: is the line cut off"),
        ("1,x:3,4:up", r"row 6: channel 1, step 2: a finite number .* 'x' came"),
        ("1,2:3,:up", r"row 6: channel 2, step 2 is empty: a missing value is written \?"),
        ("1,2:inf,4:up", r"row 6: channel 2, step 1: a finite number .* 'inf'"),
        ("1,2:3,1e60:up", r"row 6: channel 2, step 2: '1e60' is too large"),
        ("1;2:3;4:up", r"row 6: channel 1, step 1: .* '1;2' came"),
        ("(0,1):(1,2):up", r"row 6: channel 1, step 1: .*values in brackets with their time"),
        ("?,?:?,?:up", r"row 6: the series has no value: take the row out"),
    ],
)
def test_a_broken_row_is_named(line: str, message: str) -> None:
    text = HEAD + f"@data\n1,2:3,4:up\n{line}\n"
    lines = text.replace("@problemName Gestures\n", "")
    refused(lines, r"^a\.ts, " + message)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (
            "@timeStamps true\n@data\n(0,1):up",
            r"row 2: the header says @timeStamps true.*with its time",
        ),
        ("@timeStamps yes\n@data\n1", r"row 1: @timeStamps: true or false .* 'yes'"),
        ("@univariate\n@data\n1", r"row 1: @univariate: true or false .* ''"),
        ("@dimensions six\n@data\n1", r"row 1: @dimensions: a number from 1 .* 'six'"),
        ("@seriesLength 0\n@data\n1", r"row 1: @seriesLength: a number from 1"),
        (
            "@clasLabel true a\n@data\n1:a",
            r"row 1: @clasLabel: no header line .* @classlabel meant",
        ),
        ("@classLabel true a\n@targetLabel true\n@data\n1:a", r"row 3: .* say false for one"),
        ("@problemName x\n1,2,3:up\n", r"row 2: a header line was wanted.*'1,2,3:up'"),
        ("@problemName x\n@classLabel true", r"a\.ts: there is no line @data"),
        ("@data\n\n# none\n", r"there is no series after @data"),
        ("@univariate true\n@data\n1:2", r"1 channels were wanted, as the header says"),
        ("@dimensions 3\n@data\n1:2", r"3 channels were wanted, as the header says.* and 2 came"),
        ("@equalLength true\n@seriesLength 3\n@data\n1,2", r"row 4: 3 steps were wanted.* and 2 "),
        ("@equalLength true\n@data\n1,2\n1,2,3", r"row 4: 2 steps were wanted.* and 3 came"),
        ("{'a': 1}", r"row 1: a header line was wanted"),
    ],
)
def test_a_broken_header_is_named(head: str, message: str) -> None:
    refused(head, message)


def test_a_header_line_that_nobody_knows_is_passed_over() -> None:
    table = read("@relation gestures\n@data\n1,2")
    assert table.notes == ("the header line @relation is not known and is passed over",)


def test_an_empty_and_a_cut_off_file(tmp_path: Path) -> None:
    empty, cut = tmp_path / "empty.ts", tmp_path / "cut.ts.gz"
    empty.write_bytes(b"")
    cut.write_bytes(gzip.compress((HEAD + "@data\n1,2:up").encode())[:-9])
    with pytest.raises(DataError, match=r"empty\.ts: the file is empty"):
        read_table(empty)
    with pytest.raises(DataError, match=r"cut\.ts\.gz: the gzip data is broken or cut off"):
        read_table(cut)


def test_a_huge_line_is_read() -> None:
    steps = 200_000
    table = read(HEAD + "@data\n" + ",".join(map(str, range(steps))) + ":up")
    series = cells(table)
    assert isinstance(series, Tensor)
    assert torch.equal(series[:, 0], torch.arange(steps, dtype=torch.float32))
