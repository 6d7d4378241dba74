"""A model of one's own photos, from an empty page to its answers, in a browser."""

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytestmark = [pytest.mark.slow, pytest.mark.network]

CLASSES = ("dress", "hat", "shoes")
PHOTOS = 30


@pytest.fixture
def address(tmp_path: Path, real_data: Path, served: Any) -> Iterator[str]:
    """A studio in an empty folder, with weights at hand."""
    if not (real_data / "clothing").is_dir() or not list((real_data / "weights").glob("*.safetensors")):
        pytest.skip("no photos of clothes, or no weights")
    with served(tmp_path, ESCALERA_WEIGHTS=str(real_data / "weights")) as address:
        yield address


class Page:
    """The tab, as a person sees and uses it."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def find(self, selector: str) -> Any:
        return self.browser.until(lambda: self.browser.find_element("css selector", selector))

    def type(self, selector: str, text: str) -> None:
        self.browser.until(lambda: self.find(f"{selector} :is(input, textarea)").send_keys(text) is None)

    def click(self, selector: str) -> None:
        def clicked() -> bool:
            found = self.find(selector)
            self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", found)
            if not found.is_enabled():
                return False  # grey until there is something to act on
            found.click()
            return True

        self.browser.until(clicked)

    def give(self, selector: str, path: Path) -> None:
        """Choose a file, as soon as the page takes one."""
        self.browser.until(
            lambda: self.find(selector).is_enabled() and self.find(selector).send_keys(str(path)) is None
        )

    def until_text(self, selector: str, text: str) -> None:
        self.browser.until(lambda: text in self.find(selector).text)

    def until_value(self, selector: str, value: str) -> None:
        # Found anew at each look: what the page draws again is another element.
        self.browser.until(lambda: value in str(self.find(selector).get_property("value")))

    def open(self, address: str, name: str) -> None:
        self.browser.get(address)
        tabs = "button[role=tab]"
        self.browser.until(
            lambda: [tab.click() for tab in self.browser.find_elements("css selector", tabs) if tab.text == name]
        )

    def add_class(self, name: str) -> None:
        self.type("#pictures-class", name)
        self.click("#pictures-add")
        self.browser.until(lambda: self.find("#pictures-target p").get_attribute("data-class") == name)


@pytest.mark.data
def test_three_classes_become_a_model(browser: Any, address: str, real_data: Path, tmp_path: Path) -> None:
    page = Page(browser)
    page.open(f"{address}/es/", "Mis imágenes")
    page.type("#pictures-new", "mi ropa")
    page.click("#pictures-make")
    page.until_text("#pictures-target", "data/mi-ropa")
    for name in CLASSES:
        page.add_class(name)
        files = sorted((real_data / "clothing" / "train" / name).iterdir())[:PHOTOS]
        page.find("#pictures-intake [data-part=files]").send_keys("\n".join(map(str, files)))
        page.until_text("#pictures-classes", f"{name} ({PHOTOS})")
    page.until_text("#pictures-findings", "90 filas de 3 clases")
    page.click("#pictures-start")
    page.until_value("#pictures-models input", "pretrained")
    right = 0
    held_out = [
        (path, name) for name in CLASSES for path in sorted((real_data / "clothing" / "test" / name).iterdir())[:4]
    ]
    for path, name in held_out[:10]:
        browser.execute_script("document.querySelector('#pictures-live [data-part=answer]').textContent = ''")
        page.give("#pictures-live [data-part=file]", path)
        answer = page.find("#pictures-live [data-part=answer]")
        right += browser.until(lambda answer=answer: answer.text) == name
    assert right >= 8
    (tmp_path / "none.jpg").write_text("no picture")
    page.give("#pictures-live [data-part=file]", tmp_path / "none.jpg")
    page.until_text("#pictures-live [data-part=said]", "Sin respuesta: se esperaba una imagen")
    assert page.find("#pictures-live [data-part=answer]").text == ""  # nor that to the picture before


@pytest.mark.data
def test_the_camera_fills_a_class_and_pictures_move_and_go(browser: Any, address: str, tmp_path: Path) -> None:
    page = Page(browser)
    page.open(f"{address}/en/", "My pictures")
    page.click("#pictures-intake [data-part=consent]")
    page.type("#pictures-new", "toys")
    page.click("#pictures-make")
    page.until_text("#pictures-target", "data/toys")
    for name in ("robot", "ball"):
        page.add_class(name)
    page.click("#pictures-intake [data-part=power]")
    burst = page.find("#pictures-intake [data-part=burst]")
    browser.until(burst.is_displayed)
    browser.until(lambda: page.find("#pictures-intake video").get_property("videoWidth"))
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", burst)
    browser.hold(burst, 1.2)
    folder = tmp_path / "data" / "toys"
    browser.until(lambda: len(list((folder / "ball").iterdir())) >= 3)
    page.until_text("#pictures-intake [data-part=said]", "New images:")
    count = len(list((folder / "ball").iterdir()))
    page.until_text("#pictures-classes", f"ball ({count})")
    # By the keyboard alone, too.
    burst.send_keys(" ")
    browser.until(lambda: len(list((folder / "ball").iterdir())) > count)
    count = len(list((folder / "ball").iterdir()))
    page.until_text("#pictures-classes", f"ball ({count})")
    page.click("#pictures-wall input[name=picture]")
    page.click("#pictures-to input")
    page.click("[role=option][aria-label=robot], ul.options li")
    page.click("#pictures-move")
    page.until_text("#pictures-classes", "robot (1)")
    browser.until(lambda: len(browser.find_elements("css selector", "#pictures-wall input[name=picture]")) == count - 1)
    page.click("#pictures-wall [data-part=all]")
    page.click("#pictures-delete")
    page.until_text("#pictures-classes", "ball (0)")
    assert list((folder / "ball").iterdir()) == []
    page.click("#pictures-remove-set")
    page.until_text("#pictures-question", "The set toys will be deleted for good, with what is in it: 1 image.")
    page.click("#pictures-sure")
    page.until_text("#pictures-target", "Give a new set a name")
    assert not folder.exists()


def zipped(path: Path, classes: dict[str, int], count: int) -> None:
    """A zip with a folder for each class, whose pictures are of one colour channel, and a file that is no picture."""
    draw = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as made:
        for name, channel in classes.items():
            for number in range(count):
                pixels = draw.integers(0, 60, (24, 24, 3), np.uint8)
                pixels[..., channel] += 150
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(buffer, "PNG")
                made.writestr(f"colours/{name}/{number}.png", buffer.getvalue())
        made.writestr("colours/notes.txt", "no picture")


def test_a_zip_becomes_a_model_that_is_trained_with_care_and_taken_along(
    browser: Any, tmp_path: Path, served: Any
) -> None:
    zipped(tmp_path / "colours.zip", {"red": 0, "blue": 2}, 24)
    with served(tmp_path, ESCALERA_DATA="") as address:
        page = Page(browser)
        page.open(f"{address}/en/", "My pictures")
        page.type("#pictures-new", "colours")
        page.click("#pictures-make")
        page.until_text("#pictures-target", "data/colours")
        page.find("#pictures-intake [data-part=files]").send_keys(str(tmp_path / "colours.zip"))
        page.until_text("#pictures-classes", "red (24)")
        page.until_text("#pictures-intake [data-part=said]", "Not taken: 1.")
        page.until_text("#pictures-intake [data-part=refused]", "notes.txt")
        shot(browser, "zip")
        # Without a camera: pictures move to the other class, and go.
        page.click("#pictures-classes label:first-child input")
        page.until_text("#pictures-classes", "blue (24)")
        boxes = "#pictures-wall input[name=picture]"
        browser.until(lambda: len(browser.find_elements("css selector", boxes)) == 24)
        page.click(boxes)
        page.click("#pictures-to input")
        page.click("[role=option][aria-label=red], ul.options li")
        page.click("#pictures-move")
        page.until_text("#pictures-classes", "red (25)")
        browser.until(lambda: len(browser.find_elements("css selector", boxes)) == 23)
        page.click(boxes)
        page.click("#pictures-delete")
        page.until_text("#pictures-classes", "blue (22)")
        folder = tmp_path / "data" / "colours"
        assert [len(list((folder / name).iterdir())) for name in ("blue", "red")] == [22, 25]
        page.click("#pictures-way label:nth-child(2) input")
        browser.until(page.find("#pictures-minutes input").is_displayed)
        minutes = page.find("#pictures-minutes input")
        minutes.clear()
        minutes.send_keys("1")
        page.click("#pictures-start")
        page.until_text("#pictures-progress", "Moves kept so far: ")
        shot(browser, "careful")
        page.until_text("#pictures-progress", "The ladder is the file")
        page.until_value("#pictures-models input", "colours-v1-careful")
        shot(browser, "built")
        # It answers to a file, and what it said does not stay when another is chosen.
        page.give("#pictures-live [data-part=file]", next((folder / "red").iterdir()))
        page.until_text("#pictures-live [data-part=answer]", "red")
        chosen = "document.querySelector('#pictures-model [data-model]')"
        browser.execute_script(f"{chosen}.outerHTML = '<span data-model></span>'")
        browser.until(lambda: page.find("#pictures-live [data-part=answer]").text == "")
        page.click("#pictures-form label:nth-child(2) input")
        page.click("#pictures-export")
        page.until_text("#pictures-told", "the same class as the run for 100.0%")
        page.until_text("#pictures-told", "rows a second on one thread")
        shot(browser, "exported")
        page.click("#pictures-exported")
        file = browser.until(lambda: next(tmp_path.glob("colours-v1-careful-*.onnx"), None))
        # And what was exported answers in the tab Classify.
        page.open(f"{address}/en/", "Classify")
        page.find("#open-model ~ input, #open-model input, input[accept*=onnx]").send_keys(str(file))
        page.until_value("#model input", file.name)
        page.find("#picture input[type=file]").send_keys(str(next((folder / "red").iterdir())))
        browser.until(lambda: page.find("#answer .answer strong").text == "red")
        page.until_text("#answer", "does not tell where it looked")
        shot(browser, "answered")


def shot(browser: Any, name: str) -> None:
    """The page as it is, where somebody wants to see it."""
    if keep := os.environ.get("ESCALERA_SHOTS"):
        browser.save_screenshot(f"{keep}/{name}.png")
