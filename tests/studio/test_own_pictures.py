"""A model of one's own photos, from an empty page to its answers, in a browser."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
            found.click()
            return True

        self.browser.until(clicked)

    def until_text(self, selector: str, text: str) -> None:
        self.browser.until(lambda: text in self.find(selector).text)

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
def test_three_classes_become_a_model_in_three_minutes(browser: Any, address: str, real_data: Path) -> None:
    begin = time.monotonic()
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
    models = page.find("#pictures-models input")
    browser.until(lambda: "pretrained" in str(models.get_property("value")))
    right = 0
    held_out = [
        (path, name) for name in CLASSES for path in sorted((real_data / "clothing" / "test" / name).iterdir())[:4]
    ]
    for path, name in held_out[:10]:
        browser.execute_script("document.querySelector('#pictures-live [data-part=answer]').textContent = ''")
        page.find("#pictures-live [data-part=file]").send_keys(str(path))
        answer = page.find("#pictures-live [data-part=answer]")
        right += browser.until(lambda answer=answer: answer.text) == name
    assert right >= 8
    assert time.monotonic() - begin < 180


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
    page.until_text("#pictures-question", "The set toys and its 1 images will be deleted for good.")
    page.click("#pictures-sure")
    page.until_text("#pictures-target", "Give a new set a name")
    assert not folder.exists()
