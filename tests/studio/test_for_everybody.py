"""Every tab for everybody: no error, controls that are named and reached by keyboard, contrast, a phone, one language.

The figures are those of WCAG 2.2 at level AA: 1.4.3 contrast, 1.4.10 reflow, 2.1.1 keyboard, 4.1.2 name.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.network]

AUDIT = (Path(__file__).parent / "audit.js").read_text(encoding="utf-8")
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "studio.png"
TABS = 5
SPANISH = re.compile(
    r"\b(el|la|los|las|un|una|de|del|que|y|con|para|por|se|su|sus|está|cada|imagen|imágenes|clases?|aquí|más)\b"
)
"""Words that no English sentence has."""


@pytest.fixture(scope="module")
def address(climbed_once: Path, tmp_path_factory: pytest.TempPathFactory, served: Any) -> Iterator[str]:
    """A studio with runs, a set of pictures with a fault, and no other."""
    folder = tmp_path_factory.mktemp("everybody")
    shutil.copytree(climbed_once, folder / "runs")
    for name in ("uno", "dos"):
        (folder / "data" / "things" / name).mkdir(parents=True)
        shutil.copyfile(PICTURE, folder / "data" / "things" / name / "1.png")
    with served(folder, ESCALERA_CACHE=str(climbed_once.parent / "cache")) as address:
        yield address


def look(browser: Any, width: int, scheme: str) -> None:
    """See the page as on a screen of a width, light or dark."""
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def tabs(browser: Any) -> list[Any]:
    """The tabs of the page."""
    return [one for one in browser.find_elements("css selector", ".tab-wrapper button[role=tab]") if one.is_displayed()]


def open_tab(browser: Any, number: int) -> str:
    """Open a tab, and wait until nothing in it changes any more; what it is called."""

    def clicked() -> str:
        found = tabs(browser)
        if len(found) < TABS:
            return ""  # not all are drawn yet
        found[number].click()
        return str(found[number].text)

    name = str(browser.until(clicked))
    before: list[str] = []

    def settled() -> bool:
        before.append(browser.execute_script("return document.body.innerText"))
        return len(before) > 8 and len(set(before[-8:])) == 1

    browser.until(settled)
    return name


def foreign(words: list[str], code: str, english_left: Callable[[str], list[str]]) -> list[str]:
    """What a page says in the other language."""
    if code == "es":
        # Names of runs, files and settings are nobody's language.
        return [text for text in words if not re.search(r"[/_=.]\w", text) and english_left(text)]
    return [text for text in words if SPANISH.search(text.lower())]


@pytest.mark.parametrize("code", ["en", "es"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark"), (390, "light"), (1280, "dark")])
def test_a_page_for_everybody(
    browser: Any, address: str, code: str, width: int, scheme: str, english_left: Callable[[str], list[str]]
) -> None:
    look(browser, width, scheme)
    browser.get(f"{address}/{code}/")
    wrong: dict[str, Any] = {}
    for number in range(TABS):
        name = open_tab(browser, number)
        found = browser.execute_script(AUDIT)
        nameless = [
            control.get_attribute("outerHTML")[:160] for control in found.pop("controls") if not control.accessible_name
        ]
        words = foreign([text for text in found.pop("words") if text != name], code, english_left)
        if found["scrolls"] <= 0:
            found.update(scrolls=None, wide=None)
        told = {"nameless": nameless, "foreign": words, **found}
        if any(told.values()):
            wrong[name] = {key: value for key, value in told.items() if value}
        if keep := os.environ.get("ESCALERA_SHOTS"):
            browser.save_screenshot(f"{keep}/{code}-{width}-{scheme}-{number}.png")
    lines = [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert lines == []
    assert wrong == {}, json.dumps(wrong, indent=1, ensure_ascii=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_text_of_a_ladder_can_be_read(browser: Any, address: str, scheme: str) -> None:
    look(browser, 390, scheme)
    browser.get(f"{address}/en/")
    open_tab(browser, 2)
    browser.until(lambda: browser.find_elements("css selector", "button.label-wrap")[-1].click() is None)
    browser.until(lambda: len(browser.find_elements("css selector", ".cm-line span")) > 5)
    assert browser.execute_script(AUDIT)["faint"] == []


def not_reached(browser: Any, reached: set[str]) -> list[str]:
    """The controls of the page as it is now that the keyboard was not on."""
    return [
        one.get_attribute("outerHTML")[:120]
        for one in browser.execute_script(AUDIT)["controls"]
        if one.id not in reached
        and one.is_enabled()
        # Of radio buttons with one name the chosen one is reached, and arrows lead to the others.
        and one.get_attribute("type") != "radio"
        and one.tag_name not in ("video", "iframe")
    ]


def test_the_tab_key_reaches_every_control(browser: Any, address: str) -> None:
    browser.get(f"{address}/en/")
    for number in range(TABS):
        name = open_tab(browser, number)
        browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
        reached: set[str] = set()
        missed: list[str] = []
        for _ in range(300):
            browser.tab()
            active = browser.execute_script("return document.activeElement")
            reached.add(active.id)
            # The page itself comes after the last control, but also where a control was drawn anew under the key.
            if active.tag_name == "body" and not (missed := not_reached(browser, reached)):
                break
        else:
            missed = not_reached(browser, reached)
        assert missed == [], name
