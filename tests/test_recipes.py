"""The recipes of CONTRIBUTING.md, followed on a copy of the package: the files that each names suffice."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from escalera.core.rundir import RunDir

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WORDS = ("report/messages/en.yaml", "report/messages/es.yaml")


@dataclass
class Recipe:
    """New files, what is put behind the first place where a pattern is found, and what is added to all words."""

    title: str
    new: dict[str, str] = field(default_factory=dict)
    behind: list[tuple[str, str, str]] = field(default_factory=list)
    words: str = ""

    def follow(self, package: Path) -> None:
        for name, text in self.new.items():
            assert not (package / name).exists()
            (package / name).write_text(text, encoding="utf-8")
        for name, pattern, text in self.behind:
            before = (package / name).read_text(encoding="utf-8")
            place = re.search(pattern, before)
            assert place, f"{name} has no {pattern}"
            after = before[: place.end()] + text + before[place.end() :]
            (package / name).write_text(after, encoding="utf-8")
        for name in WORDS if self.words else ():
            with (package / name).open("a", encoding="utf-8") as file:
                file.write(f"\n{self.words}")

    @property
    def files(self) -> set[str]:
        return {*self.new, *(name for name, _, _ in self.behind), *(WORDS if self.words else ())}


RECIPES = [
    Recipe(
        "A model kind",
        {
            "models/rows.py": """
from torch import nn


def rows(image_shape, width):
    channels, height, across = image_shape
    layers = nn.Sequential(nn.Conv2d(channels, width, (1, across)), nn.ReLU())
    return layers, (width, height, 1)
""",
            "ladder/schema/rows_of_pixels.py": """
from typing import Annotated, Literal

from pydantic import Field

from escalera.ladder.schema.head import Head
from escalera.ladder.schema.kind import Body
from escalera.ladder.schema.section import Count


class Rows(Body):
    \"\"\"A convolution over each row of pixels.\"\"\"

    also_called = ("stripes",)
    in_two_dimensions = True

    kind: Literal["rows"]
    width: Annotated[Count, Field(description="of the convolution")] = 4
    head: Head = Head.model_construct()
""",
        },
        [
            (
                "ladder/schema/model.py",
                r"from escalera.ladder.schema.rows import .*\n",
                "from escalera.ladder.schema.rows_of_pixels import Rows\n",
            ),
            ("ladder/schema/model.py", r"    Table,\n", "    Rows,\n"),
        ],
    ),
    Recipe(
        "An augmentation",
        {
            "data/augment/negative.py": """
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Negative:
    chance: float

    def __call__(self, images, generator):
        coin = torch.rand(len(images), generator=generator).view(-1, 1, 1, 1).to(images.device)
        return torch.where(coin < self.chance, images.amax(dim=(1, 2, 3), keepdim=True) - images, images)
"""
        },
        [
            (
                "ladder/schema/augment.py",
                r"    erasing: Annotated\[(.|\n)*?\] = 0.0\n",
                '    negative: Annotated[float, Field(ge=0, le=1, description="chance of a negative")] = 0.0\n',
            ),
            (
                "builders/data.py",
                r"found\.append\(Erase\(.*\n",
                "    if augment.negative:\n"
                "        from escalera.data.augment.negative import Negative\n\n"
                "        found.append(Negative(augment.negative))\n",
            ),
        ],
    ),
    Recipe(
        "A metric",
        {},
        [
            (
                "evaluate/metrics.py",
                r'        "balanced_accuracy": .*\n',
                '        "worst_recall": np.where(sums.support, _share(sums.right, sums.support), 1.0).min(axis=-1),\n',
            ),
            ("report/sections/quality.py", r"_SHARES = \(", '"worst_recall", '),
            (
                "core/record.py",
                r"class Scores\(.*\n(.*\n)*?    macro_f1: .*\n",
                "    worst_recall: Share | None = None\n",
            ),
        ],
        'metric.worst_recall: "Worst Recall"\nmetric.worst_recall.means: "of the class that it finds least"\n',
    ),
    Recipe(
        "A source",
        {},
        [
            (
                "data/sources/registry.py",
                r"KNOWN: .* = \{\n",
                '    "halves": KnownSource(None, "image", "label", (4, 4, 1), ("left", "right"), 40, 0),\n',
            ),
            (
                "data/sources/bundled.py",
                r"Arrays = .*\n",
                "\n\ndef halves() -> Arrays:\n"
                "    images = np.zeros((40, 4, 4), np.uint8)\n"
                "    images[:20, :, :2] = images[20:, :, 2:] = 255\n"
                "    return images, np.repeat([0, 1], 20)\n",
            ),
            ("data/sources/bundled.py", r"BUNDLED: .* = \{", '"halves": halves, '),
        ],
    ),
    Recipe(
        "A section of the report",
        {
            "report/sections/count.py": """
def section(view):
    return {"runs": len(view.rung.done)} if view.rung.done else None
""",
            "report/templates/sections/count.html.j2": '<p>{{ say("count.runs", n=section.runs) }}</p>\n',
        },
        [("report/page.py", r"RUNG_SECTIONS = \(", '"count", ')],
        'count.runs: "Finished here: {n}."\n',
    ),
    Recipe(
        "An ensemble classifier",
        {},
        [
            (
                "models/ensemble/classifiers.py",
                r"Probabilities = .*\n",
                "\n\ndef naive_bayes(seed: int, *, smoothing: float) -> Any:\n"
                "    from sklearn.naive_bayes import GaussianNB\n\n"
                "    return GaussianNB(var_smoothing=smoothing)\n",
            ),
            ("models/ensemble/classifiers.py", r"CLASSIFIERS: .* = \{\n", '    "naive_bayes": naive_bayes,\n'),
            (
                "ladder/schema/votes.py",
                r"(?=\nclass Boosting)",
                '\nclass NaiveBayes(Section):\n    """A Gaussian for each class."""\n\n'
                '    name: Literal["naive_bayes"]\n    smoothing: Positive = 1e-3\n\n',
            ),
            ("ladder/schema/votes.py", r"Classifier = Annotated\[", "NaiveBayes | "),
        ],
        'ensemble.classifier.naive_bayes: "naive Bayes"\n',
    ),
    Recipe(
        "An executor",
        {
            "experiment/executors/loud.py": """
from escalera.experiment.executors import serial


class Pool(serial.Pool):
    def submit(self, task, *rest):
        print("performs", *task.key)
        return super().submit(task, *rest)
"""
        },
        [("experiment/executors/__init__.py", r"EXECUTORS = \(", '"loud", ')],
    ),
]

LADDER = """
name: new
data: {source: halves, validation: 0.2, test: 0.5}
rungs:
  - name: base
    model: {kind: mlp, dense: [4]}
    train: {epochs: 1, batch_size: 8}
  - name: negative
    change: {augment.negative: 1.0}
  - name: votes
    change:
      augment: {}
      model: {kind: votes, features: {from: base}, classifiers: [{name: naive_bayes}]}
  - name: rows
    change: {model: {kind: rows, width: 2}}
  - name: again
    change: {model: {kind: transfer, weights: {from: rows}, trainable: none}}
  - name: both
    change:
      model:
        kind: fusion
        branches:
          new: {kind: rows}
          old: {kind: transfer, weights: {from: rows}}
  - name: voted
    change: {model: {kind: votes, features: {from: rows}, classifiers: [{name: naive_bayes}]}}
"""
CLIMB = """
import sys
from pathlib import Path

import torch

import escalera
from escalera import builders
from escalera.experiment.climb import climb, load_ladder
from escalera.ladder.catalogue import kinds
from escalera.ladder.explain import mistakes
from escalera.ladder.schema import RungConfig

assert Path(escalera.__file__).is_relative_to(Path.cwd()), escalera.__file__
reading = load_ladder(Path("new.yaml"))
augment = reading.ladder["negative"].config.augment
pictures = torch.tensor([0.0, 1.0, 1.0, 0.0]).view(1, 1, 2, 2)
(change,) = builders.changes(augment, None, None)
print("changed", change(pictures, torch.Generator()).flatten().tolist())
found = climb(reading, out=Path("runs"), executor="loud", seeds=1)
print("unknown", mistakes(RungConfig, {"data": {"source": "halves"}, "model": {"kind": "stripes"}})[0].message)
print("kinds", *(kind["kind"] for kind in kinds()))
print("failed", found.failed or "none")
"""


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a copy of the package by all recipes, and what a climb in it printed."""
    folder = tmp_path_factory.mktemp("recipes")
    shutil.copytree(ROOT / "src" / "escalera", folder / "escalera", ignore=shutil.ignore_patterns("__pycache__"))
    for recipe in RECIPES:
        recipe.follow(folder / "escalera")
    (folder / "new.yaml").write_text(LADDER, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder), "ESCALERA_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", CLIMB], cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.title)
def test_a_recipe_names_every_file(recipe: Recipe) -> None:
    text = CONTRIBUTING.split(f"### {recipe.title}\n")[1].split("\n##")[0]
    named = {re.sub(r"<\w+>", r"[\\w-]+", re.escape(name)) for name in re.findall(r"`([\w/<>.-]+\.\w+)`", text)}
    assert [name for name in sorted(recipe.files) if not any(re.fullmatch(one, name) for one in named)] == []


@pytest.mark.slow
def test_an_executor_and_a_source(climbed: tuple[Path, str]) -> None:
    assert "performs base 0\nperforms negative 0\nperforms votes 0\n" in climbed[1]
    assert "failed none" in climbed[1]


@pytest.mark.slow
def test_a_model_kind(climbed: tuple[Path, str]) -> None:
    folder, out = climbed
    assert "kinds alexnet backbone cnn conv1d fusion mlp rows table transfer votes head\n" in out
    assert "unknown unknown kind 'stripes'; did you mean 'rows'?\n" in out
    runs = {name: RunDir(folder / "runs/new" / name / "seed-0") for name in ("rows", "again", "both", "voted")}
    assert {name: run.state() for name, run in runs.items()} == dict.fromkeys(runs, "done")
    kernels = [layer["output_shape"] for layer in runs["rows"].read_record()["layers"] if layer["kind"] == "Conv2d"]
    assert kernels == [[2, 4, 1]]
    config = yaml.safe_load(runs["both"].config.read_text(encoding="utf-8"))
    assert config["model"]["branches"]["old"]["like"]["width"] == 2


@pytest.mark.slow
def test_an_augmentation(climbed: tuple[Path, str]) -> None:
    folder, out = climbed
    assert "changed [1.0, 0.0, 0.0, 1.0]" in out
    assert "negative: 1.0" in (folder / "runs/new/negative/seed-0/config.yaml").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_metric_and_a_section(climbed: tuple[Path, str]) -> None:
    folder, _ = climbed
    assert '"worst_recall": ' in (folder / "runs/new/base/seed-0/metrics.json").read_text(encoding="utf-8")
    page = (folder / "runs/new/report.html").read_text(encoding="utf-8")
    assert "Worst Recall" in page
    assert page.count("<p>Finished here: 1.</p>") == 7


@pytest.mark.slow
def test_a_classifier(climbed: tuple[Path, str]) -> None:
    folder, _ = climbed
    assert (folder / "runs/new/votes/seed-0/classifiers/naive_bayes.skops").is_file()
    assert "naive Bayes" in (folder / "runs/new/report.html").read_text(encoding="utf-8")
