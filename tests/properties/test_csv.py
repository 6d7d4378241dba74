"""Tables as `csv.writer` writes them come back as they were, and any other file is read or refused in words."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.errors import EscaleraError
from escalera.data.options import ReadOptions
from escalera.data.readers.csv_file import CsvTable, csv_table

SEPARATORS = st.sampled_from([",", ";", "\t", "|"])
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"])
# No zero byte, of which a table has none, and no half of a surrogate pair, which no encoding has.
LETTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
LINE = st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"])
NAMES = st.lists(
    st.text("abcdeñé ,;|\t\"'.-", min_size=1, max_size=6).filter(str.strip),
    min_size=1,
    max_size=4,
    unique_by=str.strip,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file that every example writes anew."""
    return tmp_path_factory.mktemp("tables") / "table.csv"


def written(path: Path, lines: Sequence[Sequence[object]], encoding: str, **dialect: object) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(lines)  # type: ignore[arg-type]
    path.write_bytes(text.getvalue().encode(encoding))


def said(encoding: str) -> ReadOptions:
    """Without its mark UTF-16 is not found out."""
    return ReadOptions(encoding=encoding) if encoding == "utf-16-le" else ReadOptions()


def texts(table: CsvTable) -> list[list[str | None]]:
    return [table.texts(name) for name in table.whole.column_names]


def expected(column: Sequence[str]) -> list[str | None]:
    """Ends of lines are all one, and a text that is empty is none."""
    return [value.replace("\r\n", "\n").replace("\r", "\n") or None for value in column]


@st.composite
def tables(draw: st.DrawFn, cells: st.SearchStrategy[str]) -> tuple[list[str], list[list[str]]]:
    """Names of columns, and rows, of which the last one is not empty: those spreadsheets leave behind are no rows."""
    names = draw(NAMES)
    row = st.lists(cells, min_size=len(names), max_size=len(names))
    return names, [*draw(st.lists(row, max_size=6)), draw(row.filter(any))]


@given(tables(st.text(LETTERS, max_size=8)), SEPARATORS, ENDS, ENCODINGS)
def test_any_texts_in_quotes(
    file: Path, table: tuple[list[str], list[list[str]]], separator: str, end: str, encoding: str
) -> None:
    names, rows = table
    written(file, [names, *rows], encoding, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    found = csv_table(file, said(encoding))
    assert found.whole.column_names == [name.strip() for name in names]
    assert texts(found) == [expected(column) for column in zip(*rows, strict=True)]


@given(tables(st.text(LINE, max_size=8)), SEPARATORS, ENDS, ENCODINGS)
def test_quotes_where_they_are_needed(
    file: Path, table: tuple[list[str], list[list[str]]], separator: str, end: str, encoding: str
) -> None:
    # Two plain names at the least say what the separator is: the other ones may stand in any text.
    names, rows = ["first", *(f"column {number}" for number in range(len(table[0])))], [["x", *row] for row in table[1]]
    written(file, [names, *rows], encoding, delimiter=separator, lineterminator=end)
    found = csv_table(file, said(encoding))
    assert found.whole.column_names == names
    assert texts(found) == [expected(column) for column in zip(*rows, strict=True)]


@given(tables(st.text(st.characters(codec="cp1252", exclude_characters="\0"), max_size=8)), SEPARATORS)
def test_an_encoding_that_is_said(file: Path, table: tuple[list[str], list[list[str]]], separator: str) -> None:
    names, rows = table
    written(file, [names, *rows], "cp1252", delimiter=separator, quoting=csv.QUOTE_ALL)
    assert texts(csv_table(file, ReadOptions(encoding="cp1252"))) == [expected(c) for c in zip(*rows, strict=True)]


@given(
    st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)), min_size=1),
    SEPARATORS,
    ENDS,
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
def test_numbers_are_the_very_same(
    file: Path, rows: list[tuple[int, float]], separator: str, end: str, quoting: int
) -> None:
    written(file, [("n", "x"), *rows], "utf-8", delimiter=separator, lineterminator=end, quoting=quoting)
    whole = csv_table(file).whole
    assert whole["n"].to_pylist() == [n for n, _ in rows]
    assert whole["x"].to_pylist() == [x for _, x in rows]


@given(st.binary(max_size=80) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_file_is_a_table_or_refused(file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
    try:
        found = csv_table(file)
    except EscaleraError as error:
        assert str(file) in str(error)
    else:
        assert found.rows > 0
        assert found.whole.column_names == found.as_written.column_names


@given(st.text("ab1.,;|\t\"'\n\r =/\\:", max_size=60), SEPARATORS)
def test_what_looks_like_a_table_is_one_or_refused(file: Path, text: str, separator: str) -> None:
    file.write_bytes(f"a{separator}b\n{text}".encode())
    try:
        found = csv_table(file)
    except EscaleraError as error:
        assert str(file) in str(error)
    else:
        assert found.rows > 0
