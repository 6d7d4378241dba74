"""The tab Classify: many pictures at once, two models that need different things, and what programs ask."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from escalera.studio.i18n import load_words
from escalera.studio.service import Studio
from escalera.studio.tabs.asker import Asker

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
MLP, CNN = "tiny/mlp/seed-0", "tiny/cnn/seed-0"
EN, ES = load_words("en"), load_words("es")
Png = Callable[..., bytes]


@pytest.fixture
def files(tmp_path: Path, png: Png) -> list[str]:
    """A file that is no picture, and two that are."""
    for name, content in (("broken.png", b"no picture"), ("a.png", png(1)), ("b.png", png(2))):
        (tmp_path / name).write_bytes(content)
    return [str(tmp_path / name) for name in ("broken.png", "a.png", "b.png")]


def test_why_a_file_is_not_answered_is_told_in_the_readers_language(studio: Studio, files: list[str]) -> None:
    html, csv, model = Asker(studio, ES).several(CNN, files)
    written = Path(csv["value"]).read_text(encoding="utf-8")
    for text in (str(html), written):
        assert "no es una imagen" in text and "not a picture" not in text
    # Sorted by a probability, what has none comes last.
    [row] = re.findall(r"<tr>(?:(?!</tr>).)*broken\.png.*?</tr>", html)
    assert row.count('data-by=""') == 2 and model == CNN


def test_all_without_files_says_what_to_do_first(studio: Studio) -> None:
    for words, said in ((EN, "Choose images first."), (ES, "Elige antes las imágenes.")):
        nothing: tuple[list[str] | None, ...] = (None, [])
        for none in nothing:
            with pytest.raises(gr.Error) as error:
                Asker(studio, words).several(CNN, none)
            assert error.value.message == said
    with pytest.raises(gr.Error, match="No finished run here yet"):
        Asker(studio, EN).several(None, None)


def test_a_table_goes_once_another_model_is_chosen(studio: Studio) -> None:
    asker = Asker(studio, EN)
    assert asker.stale(CNN, CNN) == (gr.skip(), gr.skip())
    table, csv = asker.stale(MLP, CNN)
    assert table == "" and csv["visible"] is False


@pytest.mark.parametrize(
    ("model", "attributes", "top", "message"),
    [
        (None, None, None, "expected model=<one of GET /models>, received none"),
        (3, None, None, "expected model=<one of GET /models>, received none"),
        (["x"], None, None, "expected model=<one of GET /models>, received none"),
        (CNN, None, 0, "top: expected a whole number of classes from 1 to 100,000, received '0'"),
        (CNN, None, 1.5, "top: expected a whole number of classes from 1 to 100,000, received '1.5'"),
        (CNN, None, "5", "top: expected a whole number of classes from 1 to 100,000"),
        (CNN, None, True, "top: expected a whole number of classes from 1 to 100,000, received 'true'"),
        (CNN, [1], None, "attributes: expected a JSON object, each key once"),
        (CNN, {"a": {"b": 1}}, None, "attributes: 'a': expected a text or a number"),
    ],
)
def test_what_programs_ask_amiss(
    studio: Studio, files: list[str], model: Any, attributes: Any, top: Any, message: str
) -> None:
    with pytest.raises(gr.Error) as error:
        Asker(studio, EN).predict(model, files[1:2], attributes, top)
    assert message in error.value.message


def test_what_programs_may_ask(studio: Studio, files: list[str]) -> None:
    ask = Asker(studio, EN).predict
    assert len(ask(CNN, files[1:2], None, None)["classes"]) == 5
    assert len(ask(CNN, files[1:2], {}, 3.0)["classes"]) == 3
