"""The rows that are shown, and the pictures and maps that are kept for them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from escalera.core.errors import RunError
from escalera.core.record import Data
from escalera.inference.illustrations import Illustrator, illustrate
from escalera.report.album import Album
from escalera.report.evidence import Evidence, gather
from escalera.report.explanations import FILE, read_maps, write_maps
from escalera.report.gallery import broken, confident_mistakes, explained, fixed, least_certain
from escalera.report.page import write_report
from escalera.report.story import read_story

DATA = Data(source="cifar10", shape=[32, 32, 3])


def evidence(folder: Path, rung: str) -> Evidence:
    found = next(r for r in read_story(folder).rungs if r.name == rung)
    gathered = gather(found.runs[0])
    assert gathered is not None
    return gathered


def illustrated(folder: Path, source: Illustrator) -> Path:
    """The report, with what a source has."""
    illustrate(read_story(folder), source)
    return write_report(folder)


class Pictures(Illustrator):
    """A source of made-up pictures that counts what it is asked for."""

    def __init__(self, size: int = 32) -> None:
        super().__init__()
        self.size = size
        self.asked: list[list[int]] = []
        self.explained = 0

    def pictures(self, run: Path, rows: Sequence[int], labels: Sequence[int]) -> list[NDArray[np.uint8]]:
        self.asked.append(list(rows))
        # Coarse noise, as rich as a photograph: each block of two pixels has a colour of its own.
        half = -(-self.size // 2)
        blocks = [np.random.default_rng(row).integers(0, 255, (half, half, 3), np.uint8) for row in rows]
        return [block.repeat(2, axis=0).repeat(2, axis=1)[: self.size, : self.size] for block in blocks]

    def maps(
        self, run: Path, rows: Sequence[int], images: NDArray[np.uint8], classes: NDArray[np.int64]
    ) -> NDArray[np.float32] | None:
        self.explained += 1
        return np.random.default_rng(0).random((len(images), 4, 4), np.float32)


def test_confident_mistakes_are_wrong_and_the_surest_first(ladder_dir: Path) -> None:
    found = evidence(ladder_dir, "base")
    shown = confident_mistakes(found)
    assert len(shown) == 12 and not any(row.right for row in shown)
    chances = [row.probability for row in shown]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] == pytest.approx(found.confidence[~found.right].max())


def test_the_least_certain_have_the_smallest_lead(ladder_dir: Path) -> None:
    found = evidence(ladder_dir, "base")
    rows = [row.row for row in least_certain(found)]
    assert found.margin[np.searchsorted(found.rows, rows)].tolist() == sorted(found.margin)[:12]


def test_what_a_step_fixed_and_broke(ladder_dir: Path) -> None:
    before, after = evidence(ladder_dir, "base"), evidence(ladder_dir, "deeper")
    good, bad = fixed(before, after), broken(before, after)
    assert all(row.right and row.before != row.truth for row in good)
    assert all(not row.right and row.before == row.truth for row in bad)
    assert len(bad) == min(12, int((before.right & ~after.right).sum()))


def test_rows_to_explain_are_half_mistakes_and_half_of_different_classes(ladder_dir: Path) -> None:
    rows = explained(evidence(ladder_dir, "base"))
    assert [row.right for row in rows] == [False] * 4 + [True] * 4
    assert len({row.truth for row in rows[4:]}) == 4


def test_pictures_are_fetched_once_and_kept(ladder_dir: Path) -> None:
    source = Pictures()
    page = illustrated(ladder_dir, source).read_text(encoding="utf-8")
    assert page.count("<symbol") > 20
    assert page.count("<use ") > page.count("<symbol")  # shown in several galleries, stored once
    assert source.explained == 4
    again = Pictures()
    assert illustrated(ladder_dir, again).read_text(encoding="utf-8") == page
    assert (again.asked, again.explained) == ([], 0)
    # Without any source: what was left is shown.
    assert write_report(ladder_dir).read_text(encoding="utf-8") == page


def test_a_page_is_made_of_files_alone(ladder_dir: Path) -> None:
    """What can run a network is not even there while a page is written; nothing but the page and its figures comes."""
    before = {path for path in ladder_dir.rglob("*") if path.is_file()}
    code = "import sys; from pathlib import Path; from escalera.report.page import write_report; "
    code += "write_report(Path(sys.argv[1])); print(sorted({'torch', 'escalera.inference'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code, ladder_dir], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
    made = {path for path in ladder_dir.rglob("*") if path.is_file()} - before
    assert {path.suffix for path in made} == {".html", ".svg", ".csv"}


def test_without_pictures_their_numbers_stand_for_them(ladder_dir: Path) -> None:
    page = write_report(ladder_dir).read_text(encoding="utf-8")
    assert "<symbol" not in page
    assert "The images are not here" in page
    assert not (ladder_dir / "pictures.parquet").exists()


def test_ten_rungs_of_large_photographs_stay_below_three_megabytes(
    build: Callable[..., Path], rungs: list[dict[str, Any]]
) -> None:
    ten = [rungs[0]] + [dict(rungs[1], name=f"rung-{k}", accuracy=0.7 + k / 200) for k in range(9)]
    page = illustrated(build(rungs=ten), Pictures(size=160))
    assert page.stat().st_size < 3_000_000


def test_an_album_keeps_what_is_wanted(tmp_path: Path) -> None:
    album = Album(tmp_path / "pictures.parquet")
    for row, size in ((3, 8), (5, 200)):
        album.add(DATA, row, np.full((size, size, 1), 99, np.uint8))
    album.keep([(DATA, 3), (DATA, 5), (DATA, 6)])
    read = Album(tmp_path / "pictures.parquet")
    assert read.missing(DATA, [3, 5, 6]) == [6]
    assert (read.get(DATA, 3) or b"").startswith(b"\x89PNG")
    assert (read.get(DATA, 5) or b"")[8:12] == b"WEBP"
    assert read.get(Data(source="cifar10", shape=[64, 64, 3]), 3) is None
    # Of a rung in folds the third row is one of train, and pictures that are read otherwise look otherwise.
    assert read.get(DATA.model_copy(update={"test_digest": "another"}), 3) is None


@pytest.mark.parametrize("content", [b"", b"PAR1", b"[]"])
def test_a_spoilt_album_is_filled_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pictures.parquet").write_bytes(content)
    assert Album(tmp_path / "pictures.parquet").missing(DATA, [1]) == [1]


def test_a_picture_that_is_no_file_is_fetched_again(tmp_path: Path) -> None:
    album = Album(tmp_path / "pictures.parquet")
    album.add(DATA, 1, np.zeros((8, 8, 1), np.uint8))
    album.keep([(DATA, 1)])
    table = pq.read_table(tmp_path / "pictures.parquet")
    pq.write_table(table.set_column(2, "picture", pa.array([3])), tmp_path / "pictures.parquet")
    assert Album(tmp_path / "pictures.parquet").missing(DATA, [1]) == [1]


def test_maps_are_kept_for_their_rows(tmp_path: Path) -> None:
    maps = write_maps(tmp_path, [4, 9], np.array([[[0.0, 1.0]], [[0.5, 0.2]]]))
    kept = read_maps(tmp_path, [4, 9])
    assert kept is not None and kept.tolist() == maps.tolist() == [[[0, 255]], [[128, 51]]]
    assert read_maps(tmp_path, [4, 8]) is None
    (tmp_path / FILE).write_bytes(b"PK")
    assert read_maps(tmp_path, [4, 9]) is None


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 the head of one alone", None])
def test_spoilt_maps_are_not_there(tmp_path: Path, content: bytes | None) -> None:
    write_maps(tmp_path, [3, 1], np.ones((2, 4, 4), np.float32))
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert read_maps(tmp_path, [3, 1]) is None


def test_that_a_network_keeps_no_map_is_remembered(tmp_path: Path) -> None:
    write_maps(tmp_path, [1], None)
    kept = read_maps(tmp_path, [1])
    assert kept is not None and kept.size == 0


def test_weights_that_are_gone_cost_the_maps_alone(ladder_dir: Path) -> None:
    class Gone(Pictures):
        def maps(
            self, run: Path, rows: Sequence[int], images: NDArray[np.uint8], classes: NDArray[np.int64]
        ) -> NDArray[np.float32] | None:
            raise RunError("no weights")

    page = illustrated(ladder_dir, Gone()).read_text(encoding="utf-8")
    assert "Grad-CAM" not in page and "<symbol" in page
