"""The page's words: the same keys and values in both languages, and the language that the browser asks for."""

import re
from pathlib import Path

import gradio as gr
import pytest

from escalera import studio
from escalera.core.errors import DataError, EscaleraError, LadderError, Problem, RunError
from escalera.inference.serving.queue import BusyError
from escalera.report.language import load_language
from escalera.studio.i18n import HintError, load_words, preferred, translated
from escalera.studio.pictures.names import class_name
from escalera.studio.service import Studio
from escalera.studio.tabs.asker import Asker
from escalera.studio.tabs.shared import named, telling

FOLDER = Path(studio.__file__).parent


def test_both_languages_say_the_same_things() -> None:
    english, spanish = (load_words(code).messages for code in ("en", "es"))
    assert english.keys() == spanish.keys()
    for key, text in english.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", spanish[key])), key


@pytest.mark.parametrize("code", ["en", "es"])
def test_one_is_not_told_as_many(code: str) -> None:
    words = load_words(code)
    one = words.count(1, "image")
    for key, values in {
        "climb.running": {"done": "0", "all": "1"},
        "climb.done": {"done": "1", "all": "1"},
        "climb.stopped": {"done": "0", "all": "1"},
        "climb.trials": {"n": "1"},
        "climb.trials_of": {"n": "1", "of": "1"},
        "climb.building": {"kept": "1", "tried": "1"},
        "climb.built": {"kept": "1", "tried": "1", "file": "a.yaml"},
        "climb.broken": {"kept": "0", "tried": "1"},
        "pictures.lost_class": {"name": "a", "images": one},
        "pictures.lost_set": {"name": "a", "images": one},
    }.items():
        many = r"\b1 (runs|moves|trials|images)\b|\b1 (ejecuciones|movimientos|ensayos|imágenes)\b"
        assert not re.search(many, words.say(key, **values)), key


@pytest.mark.parametrize("code", ["en", "es"])
def test_each_button_that_deletes_says_what(code: str) -> None:
    words = load_words(code)
    names = [words.say(f"pictures.{one}") for one in ("remove_set", "remove", "delete", "sure")]
    assert len(set(names)) == 4
    assert all(" " in name for name in names)


def test_every_key_that_the_source_says_exists() -> None:
    said = set()
    for path in FOLDER.rglob("*.py"):
        said |= set(re.findall(r"""say\(\s*"([\w.]+\w)\"""", path.read_text(encoding="utf-8")))
    assert len(said) > 20
    assert said <= load_words("en").messages.keys()


def test_counts_of_images_are_told_as_counts() -> None:
    """A number behind `about` reads as a guess."""
    counts = {"both": "800", "first": "12", "second": "9", "neither": "3"}
    for code, start in (
        ("en", "Test images that both get right: 800; only the first: 12; only the second: 9; neither: 3."),
        ("es", "Imágenes de prueba que aciertan las dos: 800; solo la primera: 12; solo la segunda: 9; ninguna: 3."),
    ):
        assert load_words(code).say("look.counts", **counts).startswith(start)


def test_an_unknown_language() -> None:
    with pytest.raises(EscaleraError, match="expected one of en, es, received 'fr'"):
        load_words("fr")


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ("es-ES,es;q=0.9,en;q=0.8", "es"),
        ("en-GB,es;q=0.9", "en"),
        ("fr, de;q=0.5, es;q=0.3", "es"),
        ("en;q=0.2, es;q=0.7", "es"),
        ("es;q=0, fr", "en"),
        ("", "en"),
        ("es;q=x", "en"),
    ],
)
def test_the_language_follows_the_browser(accept: str, code: str) -> None:
    assert preferred(accept) == code


def test_errors_are_told_in_the_readers_language() -> None:
    words = load_words("es")
    assert translated(DataError("an empty file"), words) == "Esto no se puede leer: un archivo vacío"
    for error, start in (
        (BusyError("x"), "Hay demasiadas"),
        (RunError("x"), "Este modelo"),
        (LadderError([Problem("x")]), "Algo en los ajustes"),
        (EscaleraError("x"), "No ha funcionado"),
    ):
        assert translated(error, words).startswith(start)


def test_a_hint_is_told_as_it_stands() -> None:
    words = load_words("es")
    with pytest.raises(HintError) as error:
        class_name("val")
    assert translated(error.value, words).startswith("Una clase no puede llamarse «val»: así se llama una partición")
    with pytest.raises(HintError) as error:
        named(None, words)
    assert translated(error.value, words) == words.say("pictures.js.no_set")


def test_an_error_over_the_page_is_text_with_its_lines(tmp_path: Path) -> None:
    """gradio shows a message as HTML; who asks its interface without a page gets plain text."""
    words = load_words("en")
    plain = "a & b: expected\n<class>/<picture>.jpg, received 'x'"
    html = "a &amp; b: expected<br>&lt;class&gt;/&lt;picture&gt;.jpg, received 'x'"

    def fail() -> None:
        raise DataError(plain)

    for page, text in ((True, html), (False, plain)):
        with pytest.raises(gr.Error) as error:
            telling(words, page=page)(fail)()
        assert error.value.message == f"{words.say('error.data')}: {text}"
    opened = Studio(tmp_path)
    asker = Asker(opened, words)
    with pytest.raises(gr.Error, match="there is no run '<b>'"):
        asker.predict("<b>", [])
    with pytest.raises(gr.Error, match="there is no run '&lt;b&gt;'"):
        asker.adapt("<b>")
    opened.close()


def test_gradio_stays_in_the_page() -> None:
    allowed = {"app.py", "tabs"}
    wrong = [
        path.name
        for path in FOLDER.parent.rglob("*.py")
        if re.search(r"^\s*(import|from) gradio", path.read_text(encoding="utf-8"), re.MULTILINE)
        and not (FOLDER in path.parents and allowed & set(path.relative_to(FOLDER).parts))
    ]
    assert wrong == []


def test_the_page_does_not_change_the_words_of_the_report() -> None:
    report, whole = load_language("en").messages, load_words("en").messages
    assert {key: whole[key] for key in report} == report
