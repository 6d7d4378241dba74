"""CSV files as spreadsheets and pandas write them: separators, encodings, decimals, names of columns."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from escalera.core.errors import DataError
from escalera.data.sources.open import ImageSet

FOUR = {f"img/{letter}.png": number for number, letter in enumerate("abcd", start=1)}


def csv(head: str, *lines: str) -> str:
    return "\n".join([head, *lines]) + "\n"


def table_of(found: ImageSet, split: str = "train") -> pa.Table:
    table = found.splits[split].table
    assert table is not None
    return table


def values(found: ImageSet, split: str = "train") -> list[int]:
    return [int(value) for value in found.splits[split].images[:, 0, 0, 0]]


def test_numbers_with_a_decimal_comma(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    lines = ["img/a.png;1,5;1.234;x;3", "img/b.png;2;12;y;4", "img/c.png;;1.000.000;x;5", "img/d.png;1.250,75;7;y;6"]
    put_all({**FOUR, "t.csv": csv("imagen;peso;precio;clase;n", *lines)})
    found = opened()
    assert table_of(found).to_pydict() == {
        "peso": [1.5, 2, None, 1250.75], "precio": [1234, 12, 1_000_000, 7], "n": [3, 4, 5, 6],
    }  # fmt: skip
    assert found.notes == (
        "t.csv: numbers with a decimal comma in peso, with points between thousands in precio; write data.decimal: '.' "
        "if it is the point.",
    )
    assert table_of(opened(decimal="."))["peso"].to_pylist()[0] == "1,5"
    assert opened(decimal=",").notes == ()


@pytest.mark.parametrize(
    ("separator", "decimal", "lines", "expected"),
    [
        (";", None, ["1,5", "?", "N/A", " 2 "], [1.5, None, None, 2]),
        (";", None, ["1,234", "2,345", "3", "4"], [1.234, 2.345, 3, 4]),
        (";", None, ["-1,5", "+2,5", ",5", "1e3"], [-1.5, 2.5, 0.5, 1000]),
        (",", None, ['"1,5"', '"2,25"', "3", "4"], [1.5, 2.25, 3, 4]),
        (",", None, ['"1,234"', '"2,345"', "3", "4"], ["1,234", "2,345", "3", "4"]),  # thousands, perhaps
        (",", ",", ['"1,234"', '"2,345"', "3", "4"], [1.234, 2.345, 3, 4]),
        ("\t", None, ["1,5", "2", "3", "4"], [1.5, 2, 3, 4]),
        ("\t", None, ["1,234", "2", "3", "4"], ["1,234", "2", "3", "4"]),
        (";", None, ["1.234", "2.5", "3", "4"], [1.234, 2.5, 3, 4]),
        (";", None, ["1.234", "2.500", "3", "4"], [1.234, 2.5, 3, 4]),  # no comma anywhere: points are as ever
        (";", ",", ["1.234", "2.500", "3", "4"], [1234, 2500, 3, 4]),
        (";", ".", ["1,5", "2", "3", "4"], ["1,5", "2", "3", "4"]),
        (";", None, ["1,234.5", "2,5", "3", "4"], ["1,234.5", "2,5", "3", "4"]),  # neither way
    ],
)
def test_decimals(
    separator: str,
    decimal: str | None,
    lines: list[str],
    expected: list[Any],
    put_all: Callable[..., Path],
    opened: Callable[..., ImageSet],
) -> None:
    rows = [f"img/{n}.png,{n},{value}".replace(",", separator, 2) for n, value in zip("abcd", lines, strict=True)]
    put_all({**FOUR, "t.csv": csv(separator.join(["image", "label", "size"]), *rows)})
    found = opened(decimal=decimal)
    assert table_of(found)["size"].to_pylist() == expected
    commas = decimal is None and any("," in value for value in lines) and not isinstance(expected[0], str)
    assert bool(found.notes) == commas


def test_a_text_among_numbers_with_a_comma_leaves_them_numbers(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    values = ["1,5"] * 19 + ["unknown"]
    put_all({**FOUR, "t.csv": csv("image;label;size", *(f"img/a.png;{n % 2};{v}" for n, v in enumerate(values)))})
    assert table_of(opened())["size"].to_pylist() == ["1.5"] * 19 + ["unknown"]


@pytest.mark.parametrize("lines", [["1,5", "abc"], ["1,5,6", "2"], ["a", "b"], ["1;2", "3"]])
def test_what_is_no_number_with_a_comma(
    lines: list[str], put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    rows = [f'img/{n}.png;"{value}";{n}' for n, value in zip("ab", lines, strict=True)]
    put_all({**FOUR, "t.csv": csv("image;size;label", *rows)})
    assert table_of(opened())["size"].to_pylist() == lines[:1] + lines[1:]


def test_codes_keep_their_zeros(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all({**FOUR, "t.csv": csv("path,label,zip,age", "img/a.png,x,02134,1", "img/b.png,y,90210,2")})
    assert table_of(opened()).to_pydict() == {"zip": ["02134", "90210"], "age": [1, 2]}


@pytest.mark.parametrize("column", ["patient", "grupo"])
def test_groups_are_names_as_they_are_written(
    column: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    lines = [f"img/{n}.png,{n in 'ab'},{who}" for n, who in zip("abcd", ["01", "1", "1.0", "NA"], strict=True)]
    put_all({**FOUR, "t.csv": csv(f"path,label,{column}", *lines)})
    assert table_of(opened(group=column))[column].to_pylist() == ["01", "1", "1.0", "NA"]


@pytest.mark.parametrize(("encoding", "called"), [("cp1252", "cp1252"), ("utf-16", "UTF-16")])
def test_tables_from_spreadsheets(
    encoding: str, called: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    text = csv("imagen;clase", "img/a.png;año", "img/b.png;día")
    put_all({**FOUR, "t.csv": text.encode(encoding)})
    found = opened()
    assert found.classes == ["año", "día"]
    assert found.notes == (f"t.csv is read as {called}; data.encoding names another.",)
    assert opened(encoding=encoding).notes == ()


@pytest.mark.parametrize(
    ("raw", "encoding", "text"),
    [
        (
            b"image,label\nimg/a.png,a\xffo\x81\n",
            None,
            "is not UTF-8 (invalid start byte at byte 23). Save it as UTF-8, or",
        ),
        (b"image,label\nimg/a.png,\xa7\n", None, "is not UTF-8"),
        (b"image,label\nimg/a.png,x\n", "utf-99", "data.encoding: 'utf-99' is not known; did you mean 'utf-8'?"),
        (b"image,label\nimg/a.png,\xff\n", "utf-8", "is not utf-8 (invalid start byte at byte 22)."),
        (b"image,label\nimg/a.png,x\n", "utf8x", "data.encoding: 'utf8x' is not known; did you mean 'utf-8'?"),
        (b"image,label\nimg/a.png,x\n", "zip", "data.encoding: 'zip' is not known; known: utf-8, cp1252, latin-1, "),
        ("image,label\nimg/a.png,año\n".encode("mac-roman"), None, "is not UTF-8"),
        ("image,label\nimg/a.png,año\n".encode("cp850"), None, "is not UTF-8"),
        ("image,label\nimg/a.png,да\n".encode("cp1251"), None, "is not UTF-8"),
        ("image,label\nimg/a.png,ネコ\n".encode("shift-jis"), None, "is not UTF-8"),
        ("image,label\nimg/a.png,狗\n".encode("gb18030"), None, "is not UTF-8"),
        ("image,label\nimg/a.png,x\n".encode("utf-16-le"), None, "is not UTF-8 (null character at byte 1)."),
        (b"\xff\xfei\0m\0a", None, "is not UTF-16 (truncated data at byte "),
    ],
)
def test_encodings_that_do_not_fit(
    raw: bytes, encoding: str | None, text: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "t.csv": raw})
    with pytest.raises(DataError, match=re.escape(text)):
        opened(encoding=encoding)


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("img/a.png,x", "img/b.png,y", "img/a.png"),
        ('"img/a.png",x', "img/b.png,y", "img/a.png"),
        ("img\\a.png,x", "img\\b.png,y", "img\\a.png"),
        ("x, img/a.png", "y, img/b.png", "img/a.png"),
        ("elsewhere/a.png,x", "elsewhere/b.png,y", "elsewhere/a.png"),
        ("a,x", "b,y", "a"),  # names without their ending
    ],
)
def test_a_table_without_names(
    first: str, second: str, found: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = put_all({**FOUR, "t.csv": csv(first, second, second.replace("b", "c"))})
    with pytest.raises(DataError) as error:
        opened()
    assert str(error.value) == (
        f"{folder}/t.csv: expected the names of the columns in the first line, found '{found}', which is an image. "
        "Write a line above it, such as image,label."
    )


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\r\nimage;label\r\nimg/a.png;x\r\nimg/b.png;y\r\n",
        'image;"weight, kg";label\nimg/a.png;1;x\nimg/b.png;2;y\n',
        "image;weight, kg;label\nimg/a.png;1;x\nimg/b.png;2;y\n",
        "image;label;weight, in kg, dry\nimg/a.png;x;1\nimg/b.png;y;2\n",
        "image|label\nimg/a.png|x\nimg/b.png|y\n",
        "image,label\rimg/a.png,x\rimg/b.png,y\r",
        "image\tlabel, or class\nimg/a.png\tx\nimg/b.png\ty\n",
        'image,label,"a note"\nimg/a.png,x,"two\nlines; and, more"\nimg/b.png,y,""\n',
        "image;label;;\nimg/a.png;x;;\nimg/b.png;y;;\n;;;\n;;;\n",
        "\ufeffimage,label\nimg/a.png,x\nimg/b.png,y\n\n\n",
        ",image,label\n0,img/a.png,x\n1,img/b.png,y\n",
        "Unnamed: 0,image,species\n0,img/a.png,x\n1,img/b.png,y\n",
        "Image_Path,Class Name,index\nimg/a.png,x,0\nimg/b.png,y,1\n",
        "image,label\nimg/a.png,x,\nimg/b.png,y,\n",  # separators at the end of rows alone
        "image;label\r\nimg/a.png;x;\r\nimg/b.png;y;\r\n",
    ],
)
def test_what_spreadsheets_and_pandas_write(
    text: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "t.csv": text})
    found = opened()
    assert (values(found), found.classes, found.notes) == ([1, 2], ["x", "y"], ())


def test_a_field_more_than_columns_is_told(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all({**FOUR, "t.csv": "image,label\nimg/a.png,x,\nimg/b.png,y,z\n"})
    with pytest.raises(DataError, match=r"t\.csv cannot be read as CSV: CSV parse error: .*Expected 2 columns, got 3"):
        opened()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.tsv", "image\tlabel\nimg/a.png\tx\nimg/b.png\ty\n"),
        ("T.CSV", "image,label\nimg/a.png,x\nimg/b.png,y\n"),
        ("metadata.jsonl", '{"file_name": "img/a.png", "label": "x"}\n{"file_name": "img/b.png", "label": "y"}\n'),
        ("m.jsonl", '{"file_name": "img/a.png", "class": "x", "box": [1]}\n{"file_name": "img/b.png", "class": "y"}\n'),
    ],
)
def test_tables_of_other_endings(
    name: str, text: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet], root: Path
) -> None:
    put_all({**FOUR, name: text})
    for source in ("mine", str(root / "mine" / name)):
        found = opened(source)
        assert (values(found), found.classes, found.splits["train"].table) == ([1, 2], ["x", "y"], None)


@pytest.mark.parametrize("text", ["", "{", "[1]\n", "x\n", '{"a": 1}\n{"a": "b"}\n'])
def test_lines_that_are_no_json(text: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all({**FOUR, "t.jsonl": text})
    with pytest.raises(DataError, match=r"t\.jsonl (cannot be read as lines of JSON: |has 0 rows)"):
        opened()


def test_lines_of_another_encoding(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all({**FOUR, "t.jsonl": '{"file_name": "img/a.png", "año": 1}\n'.encode("cp1252")})
    with pytest.raises(DataError, match=r"t\.jsonl is not UTF-8 \(invalid continuation byte at byte 29\)\. Save it"):
        opened()


@pytest.mark.parametrize(("label", "other"), [(0, 1), (1.0, 0.0), (True, False)])
def test_labels_in_json(
    label: object, other: object, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    rows = [{"file_name": f"img/{name}.png", "label": label if name in "ab" else other} for name in "abcd"]
    put_all({**FOUR, "train.jsonl": "".join(f"{json.dumps(row)}\n" for row in rows)})
    assert opened().classes == (["false", "true"] if label is True else ["0", "1"])
    with pytest.raises(DataError, match=r"train\.jsonl is JSON, which says itself how it is written; 'cp1252' needs"):
        opened(encoding="cp1252")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (("1", "1,000", "2", "2,000"), ["1", "2", "1,000", "2,000"]),
        (("500", "1.000", "500", "2.000"), ["1.000", "2.000", "500"]),
        (("0.0", "1.0", "2.0", "10.0"), ["0", "1", "2", "10"]),
        (("0,00", "1", "2", "10"), ["0", "1", "2", "10"]),
        (("12345678901234567890", "2", "2", "3"), ["2", "3", "12345678901234567890"]),
    ],
)
def test_whole_numbers_as_labels(
    labels: tuple[str, ...], classes: list[str], put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    """Three zeros behind a point or a comma are as likely thousands: 1 and 1,000 stay two classes."""
    rows = [f'img/{name}.png;"{label}"' for name, label in zip("abcd", labels, strict=True)]
    put_all({**FOUR, "t.csv": csv("image;label", *rows)})
    assert opened().classes == classes


def test_measures_are_words_of_windows_too(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    text = csv("imagen;clase;Superficie (m²)", "img/a.png;año;20 °C", "img/b.png;día;5 €")
    put_all({**FOUR, "t.csv": text.encode("cp1252")})
    assert opened().classes == ["año", "día"]


def test_an_empty_row_between_others_is_told(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = put_all({**FOUR, "t.csv": "image;label\nimg/a.png;x\n;\nimg/b.png;y\n"})
    with pytest.raises(DataError, match=re.escape(f"{folder}/t.csv: column 'label' has no label (null) at 1 of 3 row")):
        opened()


@pytest.mark.parametrize(
    ("head", "lines"),
    [
        ("path, label, n", ["a.png, x, 1", "b.png, y, 2", "c.png,  x, 3"]),
        ("path,label,n", ["a.png, x, 1", "b.png, y, 2", "c.png, x, 3"]),
        ("path; label; n", ["a.png; x; 1", "b.png; y; 2", "c.png; x; 3"]),
        ("path, label, n", ['a.png, "x", 1', '"b.png" , "y", 2', 'c.png, "x", 3']),
    ],
)
def test_blanks_after_the_separators_are_no_part_of_the_values(
    head: str, lines: list[str], put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({f"{name}.png": number for number, name in enumerate("abc", start=1)})
    put_all({"t.csv": csv(head, *lines)})
    found = opened()
    assert (found.classes, values(found)) == (["x", "y"], [1, 2, 3])
    assert table_of(found)["n"].to_pylist() == [1, 2, 3]


def test_blanks_within_values_are_kept(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    lines = ['img/a.png, "x,  5"" y"', 'img/b.png, "y"', 'img/c.png, 5" z', "img/d.png, y"]
    put_all({**FOUR, "t.csv": csv("path, label", *lines)})
    assert opened().classes == ['5" z', 'x,  5" y', "y"]
    put_all({"t.csv": csv("path,label", "img/a.png, x", "img/b.png,x", "img/c.png, x", "img/d.png,x")})
    assert opened().classes == [" x", "x"]  # in some rows alone: a class of its own, which is noted
