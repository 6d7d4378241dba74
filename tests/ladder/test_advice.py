"""Where there is no ladder: what to type instead, or the command that writes a first one."""

import shlex
from pathlib import Path

import pytest

import escalera as esc
from escalera.core.errors import EscaleraError
from escalera.core.translation import translate


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(source: str | Path) -> str:
    with pytest.raises(EscaleraError) as caught:
        esc.load_ladder(source)
    told = str(caught.value)
    assert translate(told, "es").partition("\n")[0] != told.partition("\n")[0]
    return told


@pytest.mark.parametrize("source", ["pictures", "./my photos/", "más", "a: b", "."])
def test_a_folder_of_images_comes_with_the_command_for_a_first_ladder(source: str) -> None:
    Path(source).mkdir(exist_ok=True)
    assert refused(source) == (
        f"expected a ladder file, received the folder '{source}'. "
        f"A first ladder for it is written by: escalera new {shlex.quote(source)}"
    )


def test_data_come_with_it_too() -> None:
    Path("dots.npz").write_bytes(b"")
    assert refused("dots.npz") == (
        "expected a ladder file, received the data in 'dots.npz'. "
        "A first ladder for it is written by: escalera new dots.npz"
    )


def test_a_folder_with_a_ladder_or_with_runs() -> None:
    Path("work").mkdir()
    Path("work/mine.yml").write_text("", encoding="utf-8")
    assert refused("work").endswith("It holds the ladder mine.yml: escalera climb work/mine.yml")
    Path("work/ladder.json").write_text("{}", encoding="utf-8")
    assert refused("work").endswith("It holds the runs of a ladder: climb that ladder, by its name or its file.")


@pytest.mark.parametrize(
    ("typed", "guess"),
    [
        ("mine.yml", "; did you mean 'mine.yaml'?"),
        ("mien.yaml", "; did you mean 'mine.yaml'?"),
        ("digits.yml", "; the ladder that ships is called 'digits'"),
        ("cifr10.yaml", "; the ladder that ships is called 'cifar10'"),
        ("sub/other.yaml", ""),
        ("nothing-like-it.YAML", ""),
    ],
)
def test_a_file_that_is_not_there(typed: str, guess: str) -> None:
    Path("mine.yaml").write_text("", encoding="utf-8")
    assert refused(typed) == f"expected a ladder file, but there is none at '{typed}'{guess}"
