"""What the image is built from and how it is started: what the files name is there."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from escalera.cli import app

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture
def service() -> Any:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["escalera"]


def test_the_extra_that_it_installs_needs_no_pytorch() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (extra,) = re.findall(r"'/src\[(\w+)\]'", DOCKERFILE)
    assert extra == "serve"
    assert not [one for one in extras[extra] if one.startswith(("torch", "escalera"))]


def test_what_it_is_built_from_is_copied() -> None:
    """The build reads what pyproject.toml names: the sources, the page and the licence."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert kept == {"src", "pyproject.toml", "README.md", "LICENSE"}
    assert all((ROOT / name).exists() for name in kept)


@pytest.mark.parametrize("words", [["model.onnx"], ["model.onnx", "--workers", "2"]])
def test_the_command_is_one_of_ours(words: list[str], service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)
    (command,) = re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)
    assert words in (json.loads(command), service["command"])
    program, name, *options = json.loads(entry)
    assert program == "escalera" and "--i-know" not in options + words
    serve = get_command(app).commands[name]  # type: ignore[attr-defined]
    found = serve.make_context(name, [*options, *words]).params
    assert (found["host"], found["port"]) == ("0.0.0.0", 8000)


def test_it_runs_as_nobody_and_is_asked_after_its_health() -> None:
    assert re.search(r"^USER escalera$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r"127\.0\.0\.1:(\d+)/health", DOCKERFILE)) == set(
        re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.M)
    )


def test_compose_asks_for_a_password_and_opens_no_port_to_others(service: Any) -> None:
    assert service["environment"]["ESCALERA_AUTH"].startswith("${ESCALERA_AUTH:?")
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
