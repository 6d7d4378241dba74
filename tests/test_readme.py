"""The animated climb of the README is made anew from a run."""

import runpy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
IMAGES = {"README.md": "climb.svg", "README.es.md": "subida.svg"}
LADDER = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [8]}
    train: {epochs: 1}
  - name: wider
    change: {model.dense: [16]}
"""


@pytest.fixture
def animate() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / "readme" / "animate.py"))


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "es"])
def test_the_picture_is_made_anew(animate: dict[str, Any], tmp_path: Path, language: str) -> None:
    (tmp_path / "tiny.yaml").write_text(LADDER, encoding="utf-8")
    command = ["climb", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "runs")]
    found = list(animate["shown"](animate["record"](command, ESCALERA_LANG=language)))
    picture = ElementTree.fromstring(animate["svg"]("escalera climb tiny", found, language))
    texts = ["".join(node.itertext()) for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text.startswith(("1/2", "2/2"))] == ["1/2  mlp", "2/2  wider"]
    assert sum("✓" in text for text in texts) == 2
    assert texts[0] == "$ escalera climb tiny"
    assert "report: " in texts[-1] or "informe: " in texts[-1]
    seconds = [when for when, _ in found]
    assert seconds == sorted(seconds) and seconds[0] > 0


def test_each_line_appears_at_its_time(animate: dict[str, Any]) -> None:
    lines = [(1.0, "1/1  a & b"), (4.0, "  ✓ test <1"), (4.0, ""), (4.0, "report: x")]
    text = animate["svg"]("escalera climb digits", lines, "en")
    assert "10.00%, 100% { opacity: 1 }" in text and "40.00%, 100% { opacity: 1 }" in text
    assert "animation: 10s" in text and "1/1  a &amp; b" in text and "&lt;1" in text


@pytest.mark.parametrize("readme", IMAGES)
def test_the_picture_that_is_shown(readme: str) -> None:
    path = ROOT / "docs" / "images" / IMAGES[readme]
    assert f"(docs/images/{path.name})" in (ROOT / readme).read_text(encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < 60_000 and "prefers-reduced-motion: reduce" in text and "<script" not in text
    root = ElementTree.fromstring(text)
    named = (root.attrib["aria-labelledby"]).split()
    assert [node.attrib["id"] for node in root if "id" in node.attrib] == named == ["title", "what"]


def test_a_climb_that_fails_leaves_no_picture(animate: dict[str, Any], tmp_path: Path) -> None:
    import subprocess

    with pytest.raises(subprocess.CalledProcessError):
        animate["record"](["climb", str(tmp_path / "none.yaml")])
