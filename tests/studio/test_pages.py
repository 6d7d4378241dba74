"""What only a browser shows: two pages on one ladder, what gradio says by itself, and a table that is of its model."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.network]


@pytest.fixture
def runs(climbed_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(climbed_once, tmp_path / "runs"))


@pytest.fixture
def address(runs: Path, climbed_once: Path, served: Any) -> Iterator[str]:
    with served(runs.parent, "--out", str(runs), ESCALERA_CACHE=str(climbed_once.parent / "cache")) as address:
        yield address


def find(browser: Any, selector: str) -> Any:
    return browser.until(lambda: browser.find_element("css selector", selector))


def tab(browser: Any, name: str) -> None:
    tabs = "button[role=tab]"
    browser.until(lambda: [one.click() for one in browser.find_elements("css selector", tabs) if one.text == name])


def shown(browser: Any, text: str) -> None:
    browser.until(lambda: text in find(browser, "body").text)


def test_two_pages_follow_one_ladder_and_offer_its_new_runs(browser: Any, address: str, runs: Path) -> None:
    (runs / "tiny" / "cnn").rename(runs / "cnn")
    pages = [browser.current_window_handle]
    browser.switch_to.new_window("tab")
    pages.append(browser.current_window_handle)
    for page in pages:
        browser.switch_to.window(page)
        browser.get(f"{address}/en/")
        tab(browser, "Runs")
        browser.until(lambda: "mlp" in find(browser, "#curves .legend").text)
        assert len(browser.find_elements("css selector", "#curve-runs input[type=checkbox]")) == 1
    (runs / "cnn").rename(runs / "tiny" / "cnn")
    for page in pages:
        browser.switch_to.window(page)
        browser.until(lambda: "cnn" in find(browser, "#curves .legend").text)
        browser.until(lambda: len(browser.find_elements("css selector", "#curve-runs input:checked")) == 2)
        assert "mlp" in str(find(browser, "#run input").get_attribute("value"))
    # One that is taken out of the picture stays out of it.
    find(browser, "#curve-runs label:last-child input").click()
    browser.until(lambda: find(browser, "#curves .legend").text == "mlp")
    history = runs / "tiny" / "mlp" / "seed-0" / "history.jsonl"
    os.utime(history, (history.stat().st_mtime + 9,) * 2)
    (runs / "tiny" / "mlp" / "seed-0" / "config.yaml").unlink()
    shown(browser, "mlp/seed-0: config.yaml: absent")
    assert find(browser, "#curves .legend").text == "mlp"


def test_a_file_of_another_kind_is_refused_in_the_language_of_the_page(
    browser: Any, address: str, tmp_path: Path
) -> None:
    (tmp_path / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    (tmp_path / "x.pdf").write_bytes(b"%PDF-1.4")
    browser.get(f"{address}/es/")
    find(browser, "#picture input[type=file]").send_keys(str(tmp_path / "x.pdf"))
    shown(browser, "No se acepta: x.pdf. Aquí solo se puede elegir image/*.")
    find(browser, "#picture input[type=file]").send_keys(str(tmp_path / "a.svg"))
    shown(browser, "un dibujo en SVG no se lee: guárdalo como PNG")


def test_the_table_of_a_model_goes_with_it(browser: Any, address: str, tmp_path: Path, png: Any) -> None:
    (tmp_path / "a.png").write_bytes(png())
    browser.get(f"{address}/en/")
    browser.until(lambda: "cnn" in str(find(browser, "#model input").get_attribute("value")))
    # The page draws its parts one by one: the button comes after the model.
    opens = "const b = [...document.querySelectorAll('button')].find(b => /at once/.test(b.innerText)); b?.click();"
    browser.until(lambda: browser.execute_script(f"{opens} return !!b"))
    find(browser, "#files input[type=file]").send_keys(str(tmp_path / "a.png"))
    browser.until(lambda: "a.png" in find(browser, "#files").text)
    find(browser, "#classify-all").click()
    browser.until(lambda: find(browser, "#answers tbody tr"))
    find(browser, "#model input").click()
    browser.until(lambda: [one.click() for one in browser.find_elements("css selector", "[role=option]")[:1]])
    browser.until(lambda: "mlp" in str(find(browser, "#model input").get_attribute("value")))
    browser.until(lambda: not browser.find_elements("css selector", "#answers tbody tr, #csv"))
