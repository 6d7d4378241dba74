"""The course: both languages in step, every notebook and every command executed on tiny settings."""

import importlib.util
import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

import escalera as esc
from escalera.cli import app

DOCS = Path(__file__).parents[1] / "docs"
COURSE = DOCS / "course"
FOLDERS = {"en": COURSE, "es": DOCS / "es" / "course"}
LESSONS = sorted(path.stem for path in COURSE.glob("[0-9]*.md"))
TINY = ["train.epochs=1"]


def script() -> Any:
    spec = importlib.util.spec_from_file_location("notebooks", COURSE / "notebooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text(lesson: str, language: str) -> str:
    return (FOLDERS[language] / f"{lesson}.md").read_text(encoding="utf-8")


def blocks(page: str) -> list[str]:
    """The code of a page, in no language."""
    return [block.replace(" --lang es", "") for block in re.findall(r"```.*?```", page, re.DOTALL)]


def test_there_are_ten_lessons_each_with_its_ladder_and_four_files() -> None:
    assert len(LESSONS) == 10 and [name[:2] for name in LESSONS] == [f"{number:02}" for number in range(1, 11)]
    for lesson in LESSONS:
        assert (COURSE / f"{lesson}.yaml").is_file()
        for folder in FOLDERS.values():
            assert (folder / f"{lesson}.md").is_file() and (folder / f"{lesson}.ipynb").is_file(), lesson


def test_the_notebooks_are_made_from_the_lessons() -> None:
    made = script()
    for lesson in made.lessons():
        written = lesson.with_suffix(".ipynb").read_text(encoding="utf-8")
        assert written == made.notebook(lesson), "type: python docs/course/notebooks.py"
        assert made.INSTALL in [cell["source"][0] for cell in json.loads(written)["cells"] if cell["source"]]


@pytest.mark.parametrize("lesson", [*LESSONS, "README"])
def test_both_languages_are_in_step(lesson: str) -> None:
    english, spanish = text(lesson, "en"), text(lesson, "es")
    levels = [re.findall(r"^#+", page, re.MULTILINE) for page in (english, spanish)]
    assert levels[0] == levels[1]
    assert blocks(english) == blocks(spanish)
    # Hundredths and tenths, as they are written in each: thousands are separated otherwise, and are left out.
    figures = [re.findall(r"\d[.,]\d{1,2}(?!\d)", page) for page in (english, spanish)]
    assert sorted(figures[0]) == sorted(number.replace(",", ".") for number in figures[1])
    if lesson != "README":
        assert levels[0] == ["#", *["##"] * 5]
        assert english.count("<details>") == spanish.count("<details>") == 1
        assert re.search(r"\b(the|and|of)\b", re.sub(r"```.*?```|`[^`]*`", "", spanish, flags=re.DOTALL)) is None
        assert re.search(r"\b(que|los|una)\b", re.sub(r"```.*?```|`[^`]*`", "", english, flags=re.DOTALL)) is None


def test_each_lesson_ends_with_a_rung_that_answers() -> None:
    for lesson in LESSONS:
        ladder = esc.load_ladder(COURSE / f"{lesson}.yaml").ladder
        assert ladder.name == lesson and ladder.rungs[-1].name == "answer" and ladder.title is not None
        assert all(rung.why is not None and rung.why["en"] != rung.why["es"] for rung in ladder.rungs)
        first, last = [block for block in blocks(text(lesson, "en")) if f"docs/course/{lesson}.yaml" in block]
        chosen = re.findall(r"--rung (\S+)", first)
        assert chosen == [rung.name for rung in ladder.rungs[:-1]] and "--rung" not in last


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MNIST as it is stored, with twenty pictures of noise for each digit."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    (root / "mnist").mkdir()
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for split, each in (("train", 20), ("test", 2)):
        pictures = []
        for _ in range(10 * each):
            file = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (28, 28), dtype=np.uint8)).save(file, "PNG")
            pictures.append({"bytes": file.getvalue(), "path": None})
        table = pa.table({"image": pa.array(pictures, struct), "label": np.tile(np.arange(10), each)})
        pq.write_table(table, root / "mnist" / f"{split}.parquet")
    return root


def executed(notebook: Path, shell: Callable[[str], None]) -> dict[str, Any]:
    """What the cells of a notebook leave: a file is written, what is installed is passed over, `!` goes to `shell`."""
    names: dict[str, Any] = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or source.startswith("%pip "):
            continue
        if source.startswith("%%writefile "):
            name, _, content = source.removeprefix("%%writefile ").partition("\n")
            Path(name).write_text(content, encoding="utf-8")
        elif source.startswith("!"):
            for line in source.splitlines():
                shell(line.removeprefix("!"))
        else:
            exec(compile(source, notebook.name, "exec"), names)
            if (last := source.splitlines()[-1]).isidentifier():
                assert "<table" in names[last]._repr_html_()
    return names


def tiny(command: str) -> None:
    """A command of the terminal, with one epoch and two seeds at most."""
    words = shlex.split(re.sub(r"--seeds \d+", "--seeds 2", command.replace("docs/course/", "")))
    assert words[0] == "escalera"
    more = ["--set", TINY[0]] if words[1] == "climb" else []
    outcome = CliRunner().invoke(app, [*words[1:], *more])
    assert outcome.exit_code == 0, f"{command}: {outcome.output}"


@pytest.mark.parametrize("lesson", LESSONS)
def test_notebooks_and_commands_run(
    lesson: str, tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    climb = esc.climb

    def small(ladder: str, *, seeds: int = 1, **more: Any) -> esc.Results:
        return climb(ladder, sets=TINY, seeds=min(seeds, 2), **more)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ESCALERA_DATA", str(data_root))
    monkeypatch.setattr(esc, "climb", small)
    # The page is the business of other tests, and takes longer than an epoch.
    monkeypatch.setattr(
        "escalera.inference.illustrations.illustrated_report", lambda folder, *_: folder / "report.html"
    )
    rungs = [rung.name for rung in esc.load_ladder(COURSE / f"{lesson}.yaml").rungs]
    for language, folder in FOLDERS.items():
        left = executed(folder / f"{lesson}.ipynb", tiny)
        assert list(left["results"]) == rungs and left["results"].language == language and not left["results"].failed
    for command in re.findall(r"```sh\n(.*?)```", text(lesson, "en"), re.DOTALL):
        for line in command.splitlines():
            tiny(line)
