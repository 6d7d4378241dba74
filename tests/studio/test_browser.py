"""The studio in a browser: a picture answered, the language changed, a climb watched, a model downloaded and opened."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.network]


@pytest.fixture(scope="module")
def address(climbed_once: Path, tmp_path_factory: pytest.TempPathFactory, served: Any) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("browser")
    runs = shutil.copytree(climbed_once, folder / "runs")
    with served(folder, "--out", str(runs), ESCALERA_CACHE=str(climbed_once.parent / "cache")) as address:
        yield address


@pytest.fixture
def browser(browser: Any, address: str) -> Iterator[Any]:
    """The browser, which is watched: the page asks nobody but the studio."""
    yield browser
    assert asked(browser) == {address.split("/")[2]}


def find(browser: Any, selector: str) -> Any:
    return browser.until(lambda: browser.find_element("css selector", selector))


def tab(browser: Any, name: str) -> None:
    def click() -> bool:
        for button in browser.find_elements("css selector", "button[role=tab]"):
            if button.is_displayed() and button.text == name:
                button.click()
                return True
        return False

    browser.until(click)


def asked(browser: Any) -> set[str]:
    """The machines that the page asked."""
    events = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return {url.split("/")[2] for url in urls if url.startswith(("http:", "https:", "ws:", "wss:"))}


def faults(browser: Any) -> list[str]:
    """What the page complained of; a question that is cut off by leaving the page, or errors out by it, is none."""
    lines = [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    return [line for line in lines if "AbortError" not in line and "errored out" not in line]


def test_a_picture_is_answered_in_the_language_of_the_browser(
    browser: Any, address: str, tmp_path: Path, png: Any
) -> None:
    (tmp_path / "a.png").write_bytes(png(side=40))
    (tmp_path / "b.png").write_bytes(b"no picture at all")
    browser.get(address)
    assert browser.current_url.endswith("/es/")
    find(browser, "#picture input[type=file]").send_keys(str(tmp_path / "a.png"))
    assert find(browser, "#answer .answer strong").text in list("0123456789")
    assert len(browser.find_elements("css selector", "#answer .bars li")) == 5
    assert "Lo que ve el modelo" in find(browser, "#answer").text
    find(browser, "#picture button[aria-label]").click()
    browser.until(lambda: "Elige una imagen" in find(browser, "#answer").text)
    find(browser, "#picture input[type=file]").send_keys(str(tmp_path / "b.png"))
    browser.until(lambda: "Esto no se puede leer: no es una imagen" in find(browser, "#answer").text)
    assert "/tmp" not in find(browser, "#answer").text
    find(browser, "#header a[hreflang=en]").click()
    browser.until(lambda: "Choose an image" in find(browser, "#answer").text)
    # The choice is remembered.
    browser.get(address)
    assert browser.current_url.endswith("/en/")
    assert faults(browser) == []


def test_a_model_is_downloaded_and_opened_again(browser: Any, address: str, tmp_path: Path, png: Any) -> None:
    (tmp_path / "a.png").write_bytes(png(side=40))
    browser.get(f"{address}/en/")
    tab(browser, "Runs")
    browser.until(lambda: "cnn" in str(find(browser, "#run input").get_attribute("value")))
    for part in ("#run-export", "#run-exported"):
        button = browser.until(lambda part=part: browser.find_element("css selector", part))
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        browser.until(lambda button=button: button.is_enabled() and button.click() is None)
    file = tmp_path / "tiny-cnn.safetensors"
    browser.until(file.exists)
    assert find(browser, "#rungs tbody").text.startswith("mlp")
    tab(browser, "Classify")
    browser.find_element(
        "css selector", "#open-model ~ input, #open-model input, input[accept*=safetensors]"
    ).send_keys(str(file))
    browser.until(lambda: "tiny-cnn.safetensors" in str(find(browser, "#model input").get_attribute("value")))
    find(browser, "#picture input[type=file]").send_keys(str(tmp_path / "a.png"))
    assert find(browser, "#answer .answer small").text == "tiny-cnn.safetensors"
    assert find(browser, "#answer .answer strong").text in list("0123456789")
    find(browser, "#example").click()
    # An opened file has left the rows of its source behind.
    browser.until(lambda: "cannot be" in browser.find_element("css selector", "body").text)


def test_a_climb_is_begun_and_watched(browser: Any, address: str) -> None:
    browser.get(f"{address}/en/")
    tab(browser, "Climb")
    find(browser, "#climb-rungs input[type=checkbox]").click()
    find(browser, "#climb-epochs input, #climb-epochs textarea").send_keys("100000")
    # Or it might end by itself before the page is there again.
    find(browser, "#climb-more textarea").send_keys("train.early_stopping=null")
    find(browser, "#climb-start").click()
    # It is watched, and goes on without the page; stopped, it can be begun with other settings.
    browser.until(lambda: "left at most" in find(browser, "#climb-progress .running").text)
    browser.get("about:blank")
    browser.get(f"{address}/en/")
    tab(browser, "Climb")
    browser.until(lambda: "left at most" in find(browser, "#climb-progress .running").text)
    find(browser, "#climb-stop").click()
    browser.until(lambda: "stopped after epoch" in find(browser, "#climb-progress").text)
    find(browser, "#climb-rungs input[type=checkbox]").click()
    find(browser, "#climb-epochs input, #climb-epochs textarea").send_keys("2")
    find(browser, "#climb-start").click()
    browser.until(lambda: "Finished. Runs: 1 of 1" in find(browser, "#climb-progress").text)
    assert "mlp" in find(browser, "#climb-progress .done").text
    # Before the finished run makes room for another the page asks, and takes no for an answer.
    browser.until(lambda: find(browser, "#climb-start").is_enabled())  # the report is written
    find(browser, "#climb-epochs input, #climb-epochs textarea").send_keys("0")
    find(browser, "#climb-start").click()
    browser.until(lambda: "digits/mlp/seed-0" in find(browser, "#climb-replaces").text)
    find(browser, "#climb-leave").click()
    browser.until(lambda: not browser.find_elements("css selector", "#climb-leave"))
    assert "Runs: 1 of 1" in find(browser, "#climb-progress").text
    find(browser, "#climb-start").click()
    find(browser, "#climb-sure").click()
    browser.until(lambda: "is kept; to put it back" in find(browser, "#climb-progress pre").get_property("textContent"))
    tab(browser, "Classify")
    find(browser, "#model input").click()
    browser.until(lambda: "digits / mlp" in browser.find_element("css selector", "body").text)
