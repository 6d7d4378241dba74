"""A small installation: what it does, and what it says of the rest."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from escalera.core.extras import _SERVE, absent

WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from escalera.cli import main
main()
"""


def dependencies() -> tuple[set[str], dict[str, set[str]]]:
    """Of the project, and of its extras, by the names of distributions."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def names(lines: list[str]) -> set[str]:
        return {re.split(r"[<>=\[;]", line)[0].lower().replace("_", "-") for line in lines} - {"escalera"}

    return names(project["dependencies"]), {key: names(some) for key, some in project["optional-dependencies"].items()}


def modules_of(distributions: set[str]) -> set[str]:
    """What is imported of distributions that are installed here."""
    return {
        module for module, owners in packages_distributions().items() if distributions & {o.lower() for o in owners}
    }


def small(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command where nothing is installed but what `pip install escalera` brings."""
    base, extras = dependencies()
    hidden = modules_of((extras["train"] | extras["serve"]) - base) - modules_of(base)
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(absent=hidden), *arguments],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "ESCALERA_LANG": "en"}, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("arguments", ["--help", "--version", "climb --help", "ladders", "sources", "schema", "models"])
def test_what_needs_nothing_more(arguments: str, tmp_path: Path) -> None:
    done = small(tmp_path, *arguments.split())
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    ["climb digits", "explore digits", "studio", "models vgg", "compare a b", "auto digits", "new digits"],
)
def test_what_needs_more_says_in_one_line_what_to_install(arguments: str, tmp_path: Path) -> None:
    done = small(tmp_path, *arguments.split())
    assert done.returncode == 2
    assert re.fullmatch(
        r"error: this part of Escalera needs \w+, which is not installed\. "
        r"Install it: pip install 'escalera\[train\]'\n",
        done.stderr,
    )
    assert list(tmp_path.iterdir()) == []


def test_which_extra_brings_a_library() -> None:
    def told(name: str) -> str:
        return str(absent(ModuleNotFoundError(f"No module named '{name}'", name=name)))

    assert told("uvicorn.config").endswith(
        "needs uvicorn, which is not installed. Install it: pip install 'escalera[serve]'"
    )
    assert told("torch.nn").endswith("pip install 'escalera[train]'")
    assert told("escalera.nothing") == told("") == "None"
    base, extras = dependencies()
    assert modules_of(extras["serve"]) | {"h11"} >= _SERVE - {"onnxruntime"}
    assert "torch" in extras["train"] - base - extras["serve"]


def test_a_module_of_escalera_that_is_lost_is_no_matter_of_installing(tmp_path: Path) -> None:
    code = WITHOUT.format(absent={"escalera.cli.doctor"}).replace('name.partition(".")[0]', "name")
    done = subprocess.run([sys.executable, "-c", code, "doctor"], capture_output=True, text=True, cwd=tmp_path)
    assert "ModuleNotFoundError: No module named 'escalera.cli.doctor'" in done.stderr


@pytest.mark.slow
def test_a_small_installation_is_told_what_it_lacks(tmp_path: Path) -> None:
    done = small(tmp_path, "doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(r"^broken +train +pip install 'escalera\[train\]'  # training", done.stdout, re.MULTILINE)
    assert re.search(r"^ +torch  none$", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("2 things are broken: type first what stands beside them.\n")
