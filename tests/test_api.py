"""docs/api.md says what Python offers, as the docstrings say it now."""

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import escalera as esc

FILE = Path(__file__).parents[1] / ".ci" / "api.py"
_SPEC = importlib.util.spec_from_file_location("escalera_api", FILE)
assert _SPEC and _SPEC.loader
api = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(api)


def test_the_reference_is_current() -> None:
    assert api.PAGE.read_text(encoding="utf-8") == api.page(), "type: python .ci/api.py"


def test_every_public_name_is_in_it() -> None:
    headings = re.findall(r"^### esc\.(\w+)$|^- `esc\.(\w+)`", api.page(), re.MULTILINE)
    assert sorted("".join(pair) for pair in headings) == dir(esc)


def test_every_name_in_a_signature_is_explained() -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", api.page(), re.DOTALL))
    names = set(re.findall(r"(?<![\w.\"/])[A-Z]\w+", code)) - {"Any", "Mapping", "Sequence", "None", "True", "False"}
    assert names - {"NDArray"} - set(dir(esc)) == set(api.TYPES)


def test_it_is_written_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "PAGE", tmp_path / "api.md")
    monkeypatch.setattr(sys, "argv", ["api.py"])
    api.main()
    monkeypatch.setattr(sys, "argv", ["api.py", "--check"])
    api.main()
    (tmp_path / "api.md").write_text("old")
    with pytest.raises(SystemExit, match=r"docs/api.md is not current; type: python .ci/api.py"):
        api.main()
    monkeypatch.setattr(sys, "argv", ["api.py", "--chek"])
    with pytest.raises(SystemExit, match="expected nothing or --check, received --chek"):
        api.main()


def test_what_the_head_shows_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", api.HEAD, re.DOTALL):
        exec(compile(block, "docs/api.md", "exec"), names)
    assert "<svg" in names["results"]._repr_html_() and list(names["results"]) == ["small"]
