"""Where there is no ladder: what to type instead, or the lines of a first one, which climb as they are."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


@pytest.mark.parametrize(
    ("folder", "name", "written"),
    [
        ("birds", "birds", "birds"),
        ("./my photos/", "my-photos", "./my photos/"),
        ("más", "más", "más"),
        ("con", "mine", "con"),
        ("12", "12", '"12"'),
        ("a: b", "a--b", '"a: b"'),
        ("true", "true", '"true"'),
        ("a, b", "a--b", '"a, b"'),
        (".", None, "."),
    ],
)
def test_a_folder_of_images_comes_with_a_first_ladder(folder: str, name: str | None, written: str) -> None:
    rng = np.random.default_rng(0)
    for number in range(20):
        path = Path(folder) / ("wren" if number % 2 else "robin") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).save(path)
    first, *lines, last = refused(folder).splitlines()
    name = name or Path.cwd().name
    assert first == (
        f"expected a ladder file, received the folder '{folder}'. A first ladder for it, to be saved as {name}.yaml:"
    )
    assert (
        last == f"Then: escalera explore {shlex.quote(folder)}, to see what is in it; and: escalera climb {name}.yaml"
    )
    assert len(lines) == 3
    file = Path(f"{name}.yaml")
    file.write_text("\n".join(lines), encoding="utf-8")
    reading = esc.load_ladder(file)
    assert (reading.ladder.name, reading.rungs[0].config.data.source) == (name, folder)


def test_the_three_lines_climb() -> None:
    np.savez("dots.npz", images=np.zeros((40, 8, 8), np.uint8), labels=np.arange(40) % 2)
    first, *lines, _ = refused("dots.npz").splitlines()
    assert first.startswith("expected a ladder file, received the data in 'dots.npz'. A first ladder for it")
    Path("dots.yaml").write_text("\n".join(lines), encoding="utf-8")
    runs = esc.climb("dots.yaml", sets="train.epochs=1", quiet=True)
    assert runs["first"].state == "done"


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
