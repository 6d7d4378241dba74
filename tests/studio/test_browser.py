"""The studio in a browser: a picture answered, the language changed, a climb watched, a model downloaded and opened."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.network]
WAIT = 90
"""Seconds; a busy machine takes its time, and nothing here is decided by it."""


@pytest.fixture(scope="module")
def address(climbed_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    runs = shutil.copytree(climbed_once, tmp_path_factory.mktemp("browser") / "runs")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "from escalera.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "studio", "--port", str(port), "--out", str(runs)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "ESCALERA_CACHE": str(climbed_once.parent / "cache")},
    )
    assert process.stdout is not None
    assert str(port) in process.stdout.readline()
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGINT)
    process.wait(30)
    process.stdout.close()


@pytest.fixture
def browser(tmp_path: Path, address: str) -> Iterator[Any]:
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("no chromium and chromedriver; on Debian: apt install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=1280,1000"):
        options.add_argument(f"--{argument}")
    # What the browser itself asks of its makers is not the page's.
    for argument in ("disable-background-networking", "disable-component-update", "disable-sync", "no-first-run"):
        options.add_argument(f"--{argument}")
    options.add_experimental_option(
        "prefs", {"intl.accept_languages": "es-ES,es", "download.default_directory": str(tmp_path)}
    )
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    yield driver
    try:
        assert asked(driver) == {address.split("/")[2]}
    finally:
        driver.quit()


def until(look: Callable[[], Any]) -> Any:
    """What a look at the page finds, once it finds something."""
    from selenium.common.exceptions import WebDriverException

    end = time.monotonic() + WAIT
    while True:
        try:
            found = look()
        except WebDriverException:
            found = None
        if found:
            return found
        assert time.monotonic() < end, "the page never came to it"
        time.sleep(0.2)


def find(browser: Any, selector: str) -> Any:
    return until(lambda: browser.find_element("css selector", selector))


def tab(browser: Any, name: str) -> None:
    def click() -> bool:
        for button in browser.find_elements("css selector", "button[role=tab]"):
            if button.is_displayed() and button.text == name:
                button.click()
                return True
        return False

    until(click)


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
    until(lambda: "Elige una imagen" in find(browser, "#answer").text)
    find(browser, "#picture input[type=file]").send_keys(str(tmp_path / "b.png"))
    until(lambda: "Esto no se puede leer: not a picture" in find(browser, "#answer").text)
    assert "/tmp" not in find(browser, "#answer").text
    find(browser, "#header a[hreflang=en]").click()
    until(lambda: "Choose a picture" in find(browser, "#answer").text)
    # The choice is remembered.
    browser.get(address)
    assert browser.current_url.endswith("/en/")
    assert faults(browser) == []


def test_a_model_is_downloaded_and_opened_again(browser: Any, address: str, tmp_path: Path, png: Any) -> None:
    (tmp_path / "a.png").write_bytes(png(side=40))
    browser.get(f"{address}/en/")
    tab(browser, "Runs")
    link = until(lambda: browser.find_element("css selector", "#details a.button"))
    browser.execute_script("arguments[0].scrollIntoView()", link)
    until(lambda: link.click() is None)
    file = tmp_path / "tiny-cnn.safetensors"
    until(file.exists)
    assert find(browser, "#rungs tbody").text.startswith("mlp")
    tab(browser, "Classify")
    browser.find_element(
        "css selector", "#open-model ~ input, #open-model input, input[accept*=safetensors]"
    ).send_keys(str(file))
    until(lambda: "tiny-cnn.safetensors" in str(find(browser, "#model input").get_attribute("value")))
    find(browser, "#picture input[type=file]").send_keys(str(tmp_path / "a.png"))
    assert find(browser, "#answer .answer small").text == "tiny-cnn.safetensors"
    assert find(browser, "#answer .answer strong").text in list("0123456789")
    find(browser, "#example").click()
    # An opened file has left the rows of its source behind.
    until(lambda: "cannot be" in browser.find_element("css selector", "body").text)


def test_a_climb_is_begun_and_watched(browser: Any, address: str) -> None:
    browser.get(f"{address}/en/")
    tab(browser, "Climb")
    find(browser, "#climb-rungs input[type=checkbox]").click()
    find(browser, "#climb-epochs input, #climb-epochs textarea").send_keys("2000")
    find(browser, "#climb-start").click()
    # It is watched, and goes on without the page; stopped, it can be begun with other settings.
    until(lambda: "left at most" in find(browser, "#climb-progress .running").text)
    browser.get("about:blank")
    browser.get(f"{address}/en/")
    tab(browser, "Climb")
    until(lambda: "left at most" in find(browser, "#climb-progress .running").text)
    find(browser, "#climb-stop").click()
    until(lambda: "stopped after epoch" in find(browser, "#climb-progress").text)
    find(browser, "#climb-rungs input[type=checkbox]").click()
    find(browser, "#climb-epochs input, #climb-epochs textarea").send_keys("2")
    find(browser, "#climb-start").click()
    until(lambda: "1 of 1 runs" in find(browser, "#climb-progress").text)
    assert "mlp" in find(browser, "#climb-progress .done").text
    tab(browser, "Classify")
    find(browser, "#model input").click()
    until(lambda: "digits / mlp" in browser.find_element("css selector", "body").text)
