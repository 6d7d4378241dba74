"""The recipe for conda-forge requires what pyproject.toml requires."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CALLED = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
"""What conda-forge calls by another name."""


@pytest.fixture
def recipe() -> Any:
    return yaml.safe_load((ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8"))


def required(lines: list[str]) -> dict[str, str]:
    """Names and versions of requirements, of pip or of conda, by conda-forge's names."""
    found = {}
    for line in lines:
        name, version = re.fullmatch(r"([\w.-]+)\s*(.*)", line.strip()).groups()  # type: ignore[union-attr]
        found[CALLED.get(name, name)] = version
    return found


def test_the_recipe_has_the_version_and_the_command_of_the_project(recipe: Any) -> None:
    assert recipe["schema_version"] == 1
    assert recipe["context"]["version"] == PROJECT["version"]
    assert f">={recipe['context']['python_min']}" == PROJECT["requires-python"]
    assert (recipe["about"]["license"], recipe["about"]["license_file"]) == (PROJECT["license"], "LICENSE")
    base = recipe["outputs"][0]["build"]
    assert base["python"]["entry_points"] == [f"{name} = {where}" for name, where in PROJECT["scripts"].items()]


def test_the_recipe_requires_what_the_project_requires(recipe: Any) -> None:
    base, whole = (output["requirements"]["run"] for output in recipe["outputs"])
    assert [output["package"]["name"] for output in recipe["outputs"]] == ["escalera-base", "escalera"]
    assert base[0] == "python >=${{ python_min }}"
    assert required(base[1:]) == required(PROJECT["dependencies"])
    extras = PROJECT["optional-dependencies"]
    assert whole[0] == '${{ pin_subpackage("escalera-base", exact=True) }}'
    train = [line for line in extras["train"] if not line.startswith("escalera")]
    assert required(whole[1:]) == required([*extras["serve"], *train])


def test_a_requirement_that_is_forgotten_is_seen(recipe: Any) -> None:
    assert required(["torch>=2.10"]) == {"pytorch": ">=2.10"} != required(["pytorch >=2.9"])
