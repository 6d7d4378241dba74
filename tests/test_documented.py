"""Every command of the documents is understood, and carried out on tiny data; the few that are not say why."""

import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from PIL import Image
from typer.main import get_command

from escalera.cli import app, main
from escalera.experiment.climb import climb, load_ladder
from escalera.ladder.shipped import shipped

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "README.es.md",
    *sorted(
        path for path in (ROOT / "docs").rglob("*.md") if path.name != "decisions.md" and "results" not in path.parts
    ),
]
COURSE = ROOT / "docs" / "course"
RUN_HERE = [
    path
    for path in DOCUMENTS
    if not {"es", "course"} & {*path.parts} and path.name not in ("README.es.md", "tutorial.md")
]
"""Those of a translation are the same; tests/test_course.py and tests/test_tutorial.py are about the others."""

# The few commands that are not carried out, each with the reason.
_HUB = "asks the hub; tests/test_published.py has one of its own"
_MACHINES = "needs a Ray of several machines; `--cluster ray` has one of this machine"
_SHARED = "--out /shared/runs --data-root /shared/data"
_PARTITION = "needs a Slurm with a partition gpu; `--cluster slurm` stands for it"
NOT_RUN = {
    "escalera --install-completion": "writes into the files of the shell of whoever runs the tests",
    "escalera predict hf:ana/digits-cnn photo.png": _HUB,
    "escalera predict hf:ana/digits-cnn@v1 photo.png": _HUB,
    "escalera push runs/digits/cnn ana/digits-cnn": _HUB,
    "escalera push runs/digits/cnn ana/digits-cnn --public": _HUB,
    f"escalera climb cifar10 --cluster ray:127.0.0.1:6379 {_SHARED}": _MACHINES,
    f"escalera climb cifar10 --seeds 5 --cluster ray:10.0.0.1:6379 {_SHARED}": _MACHINES,
    "escalera climb cifar10 --seeds 5 --cluster slurm:gpu --jobs 8 --out /scratch/me/runs": _PARTITION,
    "escalera climb cifar10 --out s3://bucket/runs --seeds 5 --cluster ray:10.0.0.1:6379": _MACHINES,
    "escalera climb cifar10 --seeds 5 --cluster ray:127.0.0.1:6379 --out /mnt/shared/runs": _MACHINES,
}

# What is carried out stands on what there is here, and is made short: more words, unless it has such an option, ...
MORE = (
    ("escalera climb ", "train.epochs", "--set train.epochs=1"),
    ("escalera climb digits ", "--rung", "--rung mlp"),
    ("escalera climb <name> ", "--rung", "--rung mlp"),
    ("escalera climb cifar10 ", "--rung", "--rung base"),
    ("escalera climb summit ", "--rung", "--rung plain"),
    ("escalera climb photos ", "--rung", "--rung scratch"),
    ("escalera auto digits ", "--name", "--name made"),
    ("escalera auto ", "--minutes", "--minutes 0.3"),
    ("escalera runs remove ", "--yes", "--yes"),
    ("escalera studio ", "--port", "--port 7860"),
    ("escalera serve ", "--port", "--port 8000"),
)
# ... the value of an option, ...
VALUES = {"--seeds": "2", "--minutes": "0.3", "--workers": "2", "--port": "{port}"}
# ... and a word for a word.
INSTEAD = {
    "SOURCE": "photos", "FOLDER": "photos", "RUN": "runs/digits/cnn", "<name>": "digits", "other/runs": "runs",
    "DATA": "data", "/data": "data", "/shared/data": "data", "/scratch/me/data": "data",
    "/scratch/me/runs": "elsewhere", "s3://bucket/runs": "file://{here}/store", "slurm": "slurm:local",
    "0.0.0.0": "127.0.0.1",
}  # fmt: skip
TINY_RUN = "runs/digits/cnn"
"""Stands for the runs of ladders that take long."""
PACKAGES = {"mlflow": "mlflow", "wandb": "wandb", "trackio": "trackio", "ray": "ray", "slurm": "submitit"}
"""What a word needs that is not installed everywhere."""
SERVERS = ("escalera studio", "escalera serve")
SLOW = re.compile(r"escalera (studio|serve|auto|climb (?!digits))|--(jobs|devices|cluster|labels|plan)|\.onnx")

BEFORE = {
    "cnn.onnx": "escalera export runs/digits/cnn cnn.onnx",
    "cnn.safetensors": "escalera export runs/digits/cnn cnn.safetensors",
    "photos.yaml": "escalera new photos/",
    "kept-001": "escalera climb digits --rung cnn",
    "--clear cifar10": "escalera explore cifar10",
}
"""What has to be typed before a command that says such a word."""

LADDERS = """
- name: digits
  data: {source: digits, validation: 0.2, test: 0.5}
  rungs:
    - {name: mlp, model: {kind: mlp, dense: [16]}, train: {epochs: 1}}
    - {name: cnn, change: {model: {kind: cnn, blocks: [[4]], head: {dense: [8]}}}}
- name: houses
  data:
    {source: houses, image_column: [frontal, bedroom, bathroom, kitchen], target: price, bands: 4, image_size: 16}
  rungs:
    - {name: table, model: {kind: table, dense: [8]}, train: {epochs: 1}}
    - name: combined
      change: {model: {kind: fusion, branches: {table: {kind: table, dense: [8]}, photos: {kind: cnn, blocks: [[4]]}}}}
"""
_CALL = re.compile(r"^(?: {4}|\S.*(?: -m | -- | '|=token ))?(escalera [a-z].*?)'?$")
"""A line that calls escalera, also where another program or a variable stands before it."""


def _in_blocks(text: str) -> Iterator[str]:
    """Every command of a text's blocks, without its comment; a line that goes on is joined."""
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if kind in ("", "bash", "text") and (call := _CALL.match(re.split(r"\s{2,}#|\s[#>]\s", line)[0].rstrip())):
                yield call[1]


def _commands(text: str) -> Iterator[str]:
    """Those of the blocks, and those within sentences that can be typed as they stand: `escalera predict` cannot."""
    yield from _in_blocks(text)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for line in (" ".join(span.split()) for span in re.findall(r"`(escalera [^`]+)`", prose)):
        if line in NOT_RUN or _whole(line):
            yield line


def _whole(line: str) -> bool:
    if line == "escalera COMMAND --help":
        return False
    try:
        _parse(_here(line, Path()))
    except typer.BadParameter:
        return False
    return True


def _parse(words: list[str]) -> None:
    group = get_command(app)
    with group.make_context("escalera", words[1:]) as context:
        name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])  # type: ignore[attr-defined]
        with command.make_context(name, rest, parent=context):
            pass


def _here(line: str, folder: Path, port: int = 8000) -> list[str]:
    """The words of a command, on what there is in a folder."""
    for start, option, more in MORE:
        if f"{line} ".startswith(start) and option not in line:
            line = f"{line} {more}"
    words = shlex.split(re.sub(r"runs/(cifar10|photos)/[\w-]+", TINY_RUN, line))
    words = [VALUES.get(before, INSTEAD.get(word, word)) for before, word in pairwise(["", *words])]
    words = [word.replace("{here}", str(folder)).replace("{port}", str(port)) for word in words]
    return [name for word in words for name in (sorted(map(str, Path().glob(word))) if word == "*.png" else [word])]


IN_BLOCKS = sorted({line for path in DOCUMENTS for line in _in_blocks(path.read_text(encoding="utf-8"))})
CARRIED_OUT = sorted({line for path in RUN_HERE for line in _commands(path.read_text(encoding="utf-8"))})


def _each_once(lines: list[str]) -> list[str]:
    """One command of those that come to the same words here."""
    return [*{tuple(word.rstrip("/") for word in _here(line, Path())): line for line in lines}.values()]


def test_the_documents_have_commands() -> None:
    assert len(IN_BLOCKS) > 60 and len(CARRIED_OUT) > 80
    assert [line for line in NOT_RUN if line not in CARRIED_OUT] == []


@pytest.mark.parametrize("line", IN_BLOCKS)
def test_a_command_of_the_documents_is_understood(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as options and arguments go, in every language."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    _parse(_here(line, Path()))


@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "docs" / "es").glob("*.md"))])
def test_a_translation_has_the_commands_of_its_page(name: str) -> None:
    english, spanish = ((ROOT / "docs" / place / name).read_text(encoding="utf-8") for place in (".", "es"))
    assert list(_in_blocks(english)) == list(_in_blocks(spanish))


def test_a_run_that_the_documents_name_is_a_rung_of_its_ladder() -> None:
    """Of one that ships, of a lesson, or, as the tutorial's photos, of what `escalera new` writes."""
    named: list[str | Path] = [*(name for name, _ in shipped()), *sorted(COURSE.glob("*.yaml"))]
    ladders = [load_ladder(one) for one in named]
    rungs = {reading.ladder.name: {rung.name for rung in reading.rungs} for reading in ladders}
    rungs["photos"] |= {"convolutions", "pretrained"}
    runs = {
        found
        for path in DOCUMENTS
        for found in re.findall(r"\bruns/([a-z0-9-]+)/([a-z0-9-]+)(?![\w.-])", path.read_text("utf-8"))
    }
    assert len(runs) > 5
    assert [(ladder, rung) for ladder, rung in sorted(runs) if rung not in rungs[ladder]] == []


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, tiny_sets: Path) -> Path:
    """A folder with all that the commands name: runs, models in one file, pictures, tables, ladders."""
    folder = tmp_path_factory.mktemp("documented")
    draw = np.random.default_rng(0)

    def picture(name: str, side: int = 16, value: int = 128) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(draw.normal(value, 20, (side, side, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name)

    for number, kind in enumerate(("dress", "hat", "shirt")):
        for one in range(12):
            picture(f"photos/{kind}/{one}.jpg", value=60 * number + 60)
            picture(f"sites/{('North', 'South')[one % 2]}/{kind}/{one}.jpg", value=60 * number + 60)
    rooms = ("front", "bedroom", "bathroom", "kitchen")
    for name in ("digit.png", "other.jpg", "photo.png", "photo.jpg", *(f"{room}.jpg" for room in rooms)):
        picture(name)
    for number in range(24):
        picture(f"new/{number}.png")
    table = ["bedrooms,area,zipcode,price,photo"]
    for number in range(40):
        picture(f"fronts/{number}.jpg", value=4 * number + 40)
        table.append(
            f"{number % 5 + 1},{900 + 90 * number},{91901 + number % 3},{100_000 + 9_000 * number},fronts/{number}.jpg"
        )
    (folder / "houses.csv").write_text("\n".join(table) + "\n")
    (folder / "test.csv").write_text("path\nnew/0.png\nnew/1.png\n")
    heads, row = (
        "frontal,bedroom,bathroom,kitchen,bedrooms,bathrooms,area,zipcode",
        "front.jpg,bedroom.jpg,bathroom.jpg,kitchen.jpg",
    )
    (folder / "new_houses.csv").write_text(f"{heads}\n{row},3,2,1800,92677\n{row},,1,900,91901\n")
    [ladder] = re.findall(
        r"^```yaml\n(name: my-ladder\n.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.M | re.S
    )
    for name in ("my-ladder.yaml", "my_ladder.yaml"):
        (folder / name).write_text(ladder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder.parent / "cache"))
        for made in yaml.safe_load(LADDERS):
            climb(load_ladder(made, data_root=tiny_sets), out=folder / "runs", data_root=tiny_sets)
    return folder


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line, marks=[pytest.mark.slow] * bool(SLOW.search(line)))
        for line in _each_once([line for line in CARRIED_OUT if line not in NOT_RUN])
    ],
)
def test_a_command_of_the_documents_is_carried_out(
    line: str,
    workshop: Path,
    tiny_sets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for word in re.findall(r"[a-z]+", line):
        if word in PACKAGES and find_spec(PACKAGES[word]) is None:  # not importorskip: ray has to be imported later
            pytest.skip(f"needs {PACKAGES[word]}")
    monkeypatch.chdir(shutil.copytree(workshop, tmp_path / "here"))
    monkeypatch.setenv("ESCALERA_DATA", str(tiny_sets))
    monkeypatch.setenv("COLUMNS", "100")
    Path("data").symlink_to(tiny_sets)
    needed = [before for word, before in BEFORE.items() if word in line and not line.startswith(before)]
    for step in [*needed, line]:
        if step.startswith(SERVERS):
            _serve(step)
            continue
        if "--cluster ray" in step:  # which has to be imported by nobody before
            command = [sys.executable, "-c", "from escalera.cli import main; main()", *_here(step, Path.cwd())[1:]]
            subprocess.run(command, check=True)
            continue
        monkeypatch.setattr(sys, "argv", _here(step, Path.cwd()))
        with pytest.raises(SystemExit) as ended:
            main()
            raise SystemExit(0)
        assert not ended.value.code, f"{shlex.join(sys.argv)}\n{capsys.readouterr()}"


def _serve(line: str) -> None:
    """Start what answers, in a process of its own, ask it once, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = _here(line, Path.cwd(), port)
    command = [sys.executable, "-c", "from escalera.cli import main; main()", *words[1:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert f"http://127.0.0.1:{port}" in said, said + process.stdout.read()
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as asked:
            asked.request("GET", "/models")
            answer = asked.getresponse()
            answer.read()
        assert answer.status == (401 if "--auth" in words else 200)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
