"""The doctor: what is there, what is missing, what is broken, and the command that mends it."""

import json
import os
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from escalera.cli import main
from escalera.cli.doctor import compute, installed, places
from escalera.cli.doctor.check import Check, set_variable
from escalera.cli.terminal import load_terminal
from escalera.core import extras
from escalera.core.extras import EXTRAS, install_line

ROOT = Path(__file__).parents[1]
EN, ES = load_terminal("en"), load_terminal("es")
NVIDIA = """
| NVIDIA-SMI 550.90.07              Driver Version: 550.90.07      CUDA Version: 12.4     |
"""


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, Check]]:
    """What the places are like, with variables of the environment set or taken away."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN", "ESCALERA_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def look(root: Path | None = None, **variables: str) -> dict[str, Check]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return {check.name: check for check in places.places(root, EN)}

    return look


def test_every_extra_is_looked_for_by_the_libraries_that_it_brings() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    imported = {"scikit-learn": "sklearn"}
    for name, lines in project["optional-dependencies"].items():
        if name not in ("docs", "dev"):
            names = [re.split(r"[<>=\[;]", line)[0] for line in lines]
            libraries = [imported.get(one, one.replace("-", "_")) for one in names if one != "escalera"]
            assert list(EXTRAS[name]) == libraries, name
    assert set(EXTRAS) == set(project["optional-dependencies"]) - {"docs", "dev"}


def test_an_extra_is_there_in_part_or_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = {"timm", "gradio", "ray", "onnxscript"}
    monkeypatch.setattr(installed, "is_installed", lambda library: library not in absent)
    by_name = {check.name: check for check in installed.extras(EN)}
    assert by_name["serve"] == Check("serve", "ok", "answering from ONNX files, and escalera serve")
    train = by_name["train"]
    assert (train.state, train.command) == ("missing", "pip install 'escalera[train]'")
    assert train.text == "training, reports and the studio; absent: gradio, timm"
    assert by_name["ray"] == Check("ray", "missing", "runs on several machines, by Ray", "pip install 'escalera[ray]'")
    absent |= {"onnxruntime"}
    by_name = {check.name: check for check in installed.extras(ES)}
    assert {name for name, check in by_name.items() if check.state == "broken"} == {"train", "serve"}
    assert by_name["serve"].text.endswith("; faltan: onnxruntime")


@pytest.mark.parametrize(
    ("prefix", "line"),
    [
        ("/home/ana/.local/share/pipx/venvs/escalera", "pipx runpip escalera install 'escalera[ray]'"),
        ("/home/ana/.local/share/uv/tools/escalera", f"uv pip install 'escalera[ray]' --python \"{sys.executable}\""),
        ("/usr", "pip install 'escalera[ray]'"),
    ],
)
def test_what_installs_where_escalera_is(prefix: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", prefix)
    assert install_line("ray") == line


def test_windows_has_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (set_variable("A", "b"), set_variable("A", "")) == ("export A=b", "unset A")

    class Nt:
        name = "nt"

    monkeypatch.setattr(extras, "os", Nt)
    monkeypatch.setattr("escalera.cli.doctor.check.os", Nt)
    assert install_line("ray") == 'py -m pip install "escalera[ray]"'
    assert (set_variable("A", "b"), set_variable("A", "")) == ('$env:A = "b"', "Remove-Item Env:A")


def test_the_driver_is_read() -> None:
    assert compute.read_driver(NVIDIA) == compute.Driver("550.90.07", "12.4")
    newer = "KMD Version: 590.10  Driver Version: 590.10   CUDA UMD Version: 13.1"
    assert compute.read_driver(newer) == compute.Driver("590.10", "13.1")
    assert compute.read_driver("NVIDIA-SMI has failed because it could not communicate with the driver") is None


@pytest.mark.skipif(os.name == "nt", reason="a program of the shell")
def test_the_driver_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compute.driver() is None
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho '{NVIDIA.strip()}'\n")
    program.chmod(0o755)
    assert compute.driver() == compute.Driver("550.90.07", "12.4")
    program.write_text("no program at all")
    assert compute.driver() is None


@pytest.mark.parametrize(
    ("cuda", "available", "driver", "state", "command", "text"),
    [
        ("12.6", True, ("550.90", "12.4"), "ok", "", "computes on the GPU (CUDA 12.6)"),
        (None, False, None, "ok", "", "for the processor alone"),
        ("13.0", False, None, "ok", "whl/cpu", "this build takes a tenth of the disk"),
        (None, False, ("550.90", "12.4"), "missing", "whl/cu126", "a GPU is here (driver 550.90, CUDA 12.4)"),
        ("13.0", False, ("550.90", "12.4"), "broken", "whl/cu126", "is for CUDA 13.0 and finds no GPU"),
        ("13.0", False, ("470.10", "11.4"), "broken", "https://www.nvidia.com/drivers", "take a newer driver"),
        (None, False, ("600.10", "14.0"), "missing", "whl/cu130", "a GPU is here"),
    ],
)
def test_pytorch_and_the_driver(
    cuda: str | None, available: bool, driver: tuple[str, str] | None, state: str, command: str, text: str
) -> None:
    found = driver and compute.Driver(*driver)
    check = compute.torch_check("2.14.1", cuda, available, found or None, EN)
    assert (check.state, check.command.endswith(command)) == (state, True)
    assert text in check.text and "2.14.1" in check.text


def test_cores_that_a_variable_takes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "driver", lambda: None)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(compute, "cores", lambda: 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    check = {check.name: check for check in compute.computing(EN)}["cores"]
    assert (check.state, check.command) == ("missing", "unset OMP_NUM_THREADS")
    assert check.text == "1 of 2 is used"
    monkeypatch.delenv("OMP_NUM_THREADS")
    check = {check.name: check for check in compute.computing(EN)}["cores"]
    assert (check.state, check.command) == ("ok", "")


def test_a_cache_that_cannot_be_written(found: Any, tmp_path: Path) -> None:
    assert found()["cache"].state == "ok"
    assert not (tmp_path / "cache").exists()
    (tmp_path / "file").write_text("")
    cache = found(ESCALERA_CACHE=str(tmp_path / "file" / "below"))["cache"]
    assert (cache.state, cache.command) == ("broken", "export ESCALERA_CACHE=FOLDER")
    assert cache.text == f"{tmp_path / 'file' / 'below'} cannot be written: Not a directory"


def test_places_that_are_named_and_not_there(found: Any, tmp_path: Path) -> None:
    here = found()
    assert (here["data"].state, here["data"].command) == ("missing", "export ESCALERA_DATA=FOLDER")
    assert (here["weights"].state, here["weights"].command) == ("missing", "export ESCALERA_WEIGHTS=FOLDER")
    gone = found(ESCALERA_DATA=str(tmp_path / "gone"), ESCALERA_WEIGHTS=str(tmp_path / "gone"))
    for name in ("data", "weights"):
        assert (gone[name].state, gone[name].text) == ("broken", f"there is no folder {tmp_path / 'gone'}")
    there = found(tmp_path, ESCALERA_DATA=str(tmp_path), ESCALERA_WEIGHTS=str(tmp_path))
    assert there["data"].state == there["weights"].state == "ok"


@pytest.mark.parametrize(("free", "state"), [(6, "ok"), (2, "missing"), (0.2, "broken")])
def test_a_disk_that_is_full(free: float, state: str, found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        def __init__(self, _: Path) -> None:
            self.free = free * 1024**3

    monkeypatch.setattr("shutil.disk_usage", Usage)
    disk = found()["disk"]
    assert (disk.state, disk.command) == (state, "" if state == "ok" else "escalera cache --clear")


def test_the_hub(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("escalera.core.hub.offline", lambda: True)
    hub = found(HF_HUB_OFFLINE="1")["hub"]
    assert (hub.state, hub.command) == ("missing", "unset HF_HUB_OFFLINE")
    monkeypatch.setattr("escalera.core.hub.offline", lambda: False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    assert (found()["hub"].state, found()["hub"].command) == ("missing", "hf auth login")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hidden")
    assert found()["hub"] == Check("hub", "ok", "logged in")


def test_completion_is_looked_for_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("SHELL", "bash")
    assert installed.completion(EN).command == "escalera --install-completion"
    (tmp_path / ".bash_completions").mkdir()
    (tmp_path / ".bash_completions" / "escalera.sh").write_text("")
    assert installed.completion(EN) == Check("completion", "ok", "completes commands and options in bash")
    monkeypatch.setenv("SHELL", "csh")
    assert installed.completion(EN).state == "missing"


def test_the_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    assert installed.browser(EN).command.startswith("https://")
    monkeypatch.setattr("shutil.which", lambda name: name if name == "apt" else None)
    assert installed.browser(EN).command == "sudo apt install chromium chromium-driver"
    monkeypatch.setattr("shutil.which", lambda name: name)
    assert installed.browser(EN).state == "ok"


def ended(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["escalera", "doctor", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_the_command_ends_with_one_where_something_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compute, "driver", lambda: None)
    assert ended(monkeypatch) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("Nothing is broken.")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "file" / "below"))
    assert ended(monkeypatch, "--lang", "es") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "Hay 1 cosa rota: escribe primero lo que está a su lado."
    (line,) = [line for line in lines if line.startswith("mal")]
    assert re.fullmatch(
        r"mal +caché +export ESCALERA_CACHE=CARPETA  # no se puede escribir en .+: no es una carpeta", line
    )
    assert ended(monkeypatch, "--json") == 1
    facts = json.loads(capsys.readouterr().out)
    (broken,) = [check for check in facts["checks"] if check["state"] == "broken"]
    assert broken["name"] == "cache" and facts["precision"].startswith("auto means")
