"""The documentation site: the same pages in both languages, links that lead somewhere, commands that are understood."""

import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from escalera.cli import app
from escalera.core.translation import translate
from escalera.ladder.editor import json_schema
from escalera.ladder.fields import describe

ROOT = Path(__file__).parents[1]
SITE = ROOT / "docs" / "site"
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "README.es.md",
    *sorted(
        path for path in (ROOT / "docs").rglob("*.md") if path.name != "decisions.md" and "results" not in path.parts
    ),
]


@pytest.fixture(scope="module")
def site() -> Iterator[dict[str, Any]]:
    """The scripts of the site, which import one another by their bare names."""
    sys.path.insert(0, str(SITE))
    try:
        yield {name: runpy.run_path(str(SITE / f"{name}.py")) for name in ("pages", "reference", "gallery", "build")}
    finally:
        sys.path.remove(str(SITE))
        for name in ("pages", "gallery", "reference"):
            sys.modules.pop(name, None)


@pytest.mark.slow
def test_the_reference_is_current(site: dict[str, Any]) -> None:
    reference = site["reference"]
    for folder, language in ((ROOT / "docs", "en"), (ROOT / "docs" / "es", "es")):
        for name in ("commands", "keys"):
            text = (folder / f"{name}.md").read_text(encoding="utf-8")
            assert text == reference[name](language), "python docs/site/reference.py"


def test_every_key_of_a_ladder_is_described_in_spanish() -> None:
    english, spanish = list(_descriptions(json_schema())), list(_descriptions(json_schema("es")))
    assert len(english) == len(spanish) > 100
    assert [text for text in english if text in spanish] == []


def test_what_is_expected_of_a_key_is_said_in_spanish(english_left: Callable[[str], list[str]]) -> None:
    schema = json_schema()
    for section in (schema, *schema["$defs"].values()):
        for key, node in section.get("properties", {}).items():
            if key != "change":
                said = re.sub(r"\{[^}]*\}|'[^']*'", "", translate(describe(node), "es"))
                assert english_left(said) == [], said
                assert not re.search(r"\b(of|or|to|at|whole|numbers?|list|text|mapping)\b", said), said


def _descriptions(node: Any) -> Iterator[str]:
    """Every description of a schema, in its order."""
    if isinstance(node, list):
        for child in node:
            yield from _descriptions(child)
    elif isinstance(node, dict):
        for key, child in node.items():
            if key == "description" and isinstance(child, str):
                yield child
            else:
                yield from _descriptions(child)


def test_both_languages_list_the_same_pages(site: dict[str, Any]) -> None:
    build = site["build"]
    english, spanish = build["configuration"]("en"), build["configuration"]("es")
    navs = (english["nav"], spanish["nav"])
    pages = [[next(iter(entry.values())) if isinstance(entry, dict) else entry for entry in nav] for nav in navs]
    assert pages[0] == pages[1]
    assert english["theme"]["language"] == "en" and spanish["theme"]["language"] == "es"
    assert spanish["site_dir"] == "html/es"


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_page_can_be_written(site: dict[str, Any], tmp_path: Path, language: str) -> None:
    site["build"]["source"](tmp_path, language)
    names = [name for section in site["pages"]["SECTIONS"] for name in section.names]
    assert sorted(names) == sorted({*names})
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.md")} | {"gallery.md"} == {*names}


def test_a_link_leads_into_the_site_or_to_the_code(site: dict[str, Any]) -> None:
    pages = site["pages"]
    where, page = pages["_where"], pages["Page"]
    spanish = page("tutorial.md", ROOT / "docs" / "es" / "tutorial.md")
    assert where("install.md", spanish) == "install.md"
    assert where("../trust.md#labels", spanish) == "trust.md#labels"
    assert where("https://pytorch.org", spanish) == "https://pytorch.org"
    deep = page("results/photos.md", ROOT / "docs" / "results" / "photos.md")
    assert where("../data.md", deep) == "../data.md"
    assert where("../../README.md", deep) == "../index.md"
    assert where("../../LICENSE", deep).endswith("/blob/main/LICENSE")
    with pytest.raises(ValueError, match=r"^docs/results/photos\.md: a link to nowhere\.md, which is not there$"):
        where("nowhere.md", deep)


def test_a_page_that_is_not_translated_says_so(site: dict[str, Any]) -> None:
    pages = site["pages"]
    page = pages["Page"]("decisions.md", pages["translation"]("decisions.md", "es"))
    assert "Esta página existe solo en inglés." in pages["written"](page, "es")
    assert "solo en inglés" not in pages["written"](page, "en")


@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "docs" / "es").glob("*.md"))])
def test_a_translation_has_the_headings_and_the_commands_of_its_page(name: str) -> None:
    english, spanish = ((ROOT / "docs" / place / name).read_text(encoding="utf-8") for place in (".", "es"))
    levels = [[len(mark) for mark in re.findall(r"^(#+) ", _prose(text), re.MULTILINE)] for text in (english, spanish)]
    assert levels[0] == levels[1]
    if name != "commands.md":
        assert list(_commands(english)) == list(_commands(spanish))


def _prose(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def _commands(text: str) -> Iterator[str]:
    """Every line of a document's blocks that calls escalera, without its comment; a line that goes on is joined."""
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if kind in ("", "bash") and line.startswith("escalera ") and " | " not in line:
                yield re.split(r"\s{2,}#|\s[#>]\s", line)[0].strip()


COMMANDS = sorted(
    {
        line
        for path in DOCUMENTS
        if path.name not in ("commands.md", "decisions.md")
        for line in _commands(path.read_text(encoding="utf-8"))
    }
)


def test_the_documents_have_commands() -> None:
    assert len(COMMANDS) > 30


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_documents_is_understood(line: str) -> None:
    """As far as options and arguments go: those of the tutorial are run below, those of the README elsewhere."""
    words = shlex.split(line)[1:]
    group = get_command(app)
    with group.make_context("escalera", words) as context:
        name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])  # type: ignore[attr-defined]
        with command.make_context(name, rest, parent=context):
            pass


@pytest.mark.slow
def test_the_tutorial_can_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of its commands, on little pictures of three classes; `auto` and the studio have tests of their own."""
    import numpy as np
    from PIL import Image

    from escalera.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    draw = np.random.default_rng(0)
    for number, name in enumerate(("dress", "hat", "shirt")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for picture in range(12):
            pixels = np.clip(draw.normal(60 * number + 60, 20, (24, 24, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{picture}.jpg")
    shorter = {
        "escalera climb digits": "escalera climb digits --rung mlp --set train.epochs=1",
        "escalera climb photos.yaml": "escalera climb photos.yaml --set train.epochs=1",
        "escalera export runs/photos/convolutions clothes.onnx": "escalera export runs/photos/baseline a.safetensors",
    }
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    lines = [line for line in _commands(text) if line not in ("escalera studio", "escalera auto photos/ --minutes 10")]
    assert len(lines) == 8
    for line in lines:
        monkeypatch.setattr(sys, "argv", shlex.split(shorter.get(line, line)))
        with pytest.raises(SystemExit) as ended:
            main()
            raise SystemExit(0)
        assert not ended.value.code, f"{line}\n{capsys.readouterr()}"
    assert Path("explored/photos/explore.html").exists() and Path("runs/photos/report.html").exists()
    addition = re.search(r"^  - name: dropout\n.*?\n$", text, re.MULTILINE | re.DOTALL)
    assert addition is not None
    added = Path("photos.yaml").read_text(encoding="utf-8") + addition[0].split("```")[0]
    assert [rung["name"] for rung in yaml.safe_load(added)["rungs"]][-1] == "dropout"
    assert Path("a.safetensors").stat().st_size > 1000
