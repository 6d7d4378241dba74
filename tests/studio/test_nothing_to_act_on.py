"""What cannot be done yet is not offered: in a set without pictures, and before there is a model."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from escalera.studio.i18n import load_words
from escalera.studio.pictures.intake import take
from escalera.studio.service import Studio

WORDS = load_words("en")
Png = Callable[..., bytes]


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Studio]:
    """A studio without a run and without a set."""
    made = Studio(tmp_path / "runs", data_root=tmp_path / "data")
    yield made
    made.close()


def test_what_can_be_done_with_a_set_follows_what_is_in_it(empty: Studio, png: Png) -> None:
    workshop = importlib.import_module("escalera.studio.tabs.workshop").Workshop(empty, WORDS)

    def offered(name: str | None) -> tuple[bool, ...]:
        """Whether there are pictures to move or delete, and whether the set and the class can be changed."""
        acts, *buttons = workshop.show(name, None, 1)[-4:]
        return acts["visible"], *(button["interactive"] for button in buttons)

    assert offered(None) == (False, False, False, False)
    empty.sets.make("fruit")
    assert offered("fruit") == (False, True, False, False)
    empty.sets.add_class("fruit", "apple")
    assert offered("fruit") == (False, True, True, True)
    take(empty.sets, "fruit", "apple", "one.png", png())
    assert offered("fruit") == (True, True, True, True)


def test_one_image_is_asked_about_as_one(empty: Studio, png: Png) -> None:
    workshop = importlib.import_module("escalera.studio.tabs.workshop").Workshop(empty, load_words("es"))
    empty.sets.make("fruta")
    empty.sets.add_class("fruta", "pera")
    take(empty.sets, "fruta", "pera", "1.png", png())
    for asked in (workshop.ask_set("fruta"), workshop.ask_class("fruta", "pera")):
        assert ": 1 imagen." in asked[1]


def test_a_folder_of_sets_that_is_not_made_yet_is_no_fault(empty: Studio) -> None:
    assert "digits" in empty.sources()


def test_no_model_is_asked_before_there_is_one() -> None:
    html = str(importlib.import_module("escalera.studio.tabs.intake").live_html(WORDS))
    assert 'data-part="power" disabled' in html and 'data-part="file" disabled' in html


@pytest.mark.slow
@pytest.mark.network
def test_the_page_shows_it_when_it_can_be_done(browser: Any, tmp_path: Path, png: Png, served: Any) -> None:
    def find(selector: str) -> Any:
        return browser.until(lambda: browser.find_element("css selector", selector))

    with served(tmp_path, ESCALERA_DATA="") as address:
        browser.get(f"{address}/en/")
        tabs = "button[role=tab]"
        browser.until(
            lambda: [one.click() for one in browser.find_elements("css selector", tabs) if one.text == "My pictures"]
        )
        browser.until(lambda: "Train a model first." in find("#pictures-live [data-part=said]").text)
        for part in ("[data-part=power]", "[data-part=file]"):
            assert not find(f"#pictures-live {part}").is_enabled()
        for name in ("export", "remove-set", "rename", "remove"):
            assert not find(f"#pictures-{name}").is_enabled(), name
        assert browser.find_elements("css selector", "#pictures-delete, #pictures-move, #pictures-to") == []
        find("#pictures-new :is(input, textarea)").send_keys("toys")
        find("#pictures-make").click()
        browser.until(lambda: find("#pictures-remove-set").is_enabled())
        assert not find("#pictures-remove").is_enabled()
        find("#pictures-class :is(input, textarea)").send_keys("ball")
        find("#pictures-add").click()
        browser.until(lambda: find("#pictures-remove").is_enabled() and find("#pictures-rename").is_enabled())
        assert browser.find_elements("css selector", "#pictures-delete") == []
        (tmp_path / "one.png").write_bytes(png())
        find("#pictures-intake [data-part=files]").send_keys(str(tmp_path / "one.png"))
        browser.until(lambda: find("#pictures-delete").is_displayed())
        assert find("#pictures-delete").text == "Delete the chosen images"
        find("#pictures-wall input[name=picture]").click()
        find("#pictures-delete").click()
        browser.until(lambda: browser.find_elements("css selector", "#pictures-delete") == [] or None)
        assert not find("#pictures-live [data-part=power]").is_enabled()
