"""The page of explore: what it shows, in both languages, and that it stands alone."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from escalera.data.explore.source import Explored, explore
from escalera.report.exploration import render_exploration
from escalera.report.language import NARROW, load_language
from escalera.report.pictures import sizes_chart

ABOUT = {"csv": "pixels.csv", "lines": [("explore.command", "escalera explore birds <&>")]}


@pytest.fixture(scope="module")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Explored:
    """Eight robins and seven wrens of 20x30 and 30x20; one is broken, one is in test too, one has two classes."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.RandomState(0)
    rows = ["image,label,weight,place"]
    for i in range(16):
        shape = (20, 30) if i % 3 else (30, 20)
        pixels = random.randint(0, 256, (*shape, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{i}.png")
        rows.append(f"{i}.png,{'robin' if i < 8 else 'wren'},{10 + i if i % 5 else ''},{'abc'[i % 3]}")
    (root / "9.png").write_bytes(b"no picture <b>")
    (root / "12.png").write_bytes((root / "2.png").read_bytes())
    (root / "train.csv").write_text("\n".join(rows) + "\n")
    (root / "5.png").rename(root / "five.png")
    (root / "test.csv").write_text("image,label,weight,place\nfive.png,robin,3,a\n14.png,wren,,b\n")
    Image.fromarray(np.full((20, 30, 3), 99, np.uint8)).save(root / "5.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(root / "cache"))
        return explore(str(root))


@pytest.fixture(params=["en", "es"])
def page(request: pytest.FixtureRequest, birds: Explored) -> str:
    return render_exploration(birds, load_language(request.param), ABOUT)


class Tags(HTMLParser):
    """Checks that tags are closed in order, and gathers what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "link", "br", "path", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "circle"):
            assert self.open.pop() == tag


def test_it_is_whole_and_needs_nothing_from_elsewhere(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert {link for link in tags.links if not link.startswith("data:image/")} == {"pixels.csv", "#duplicates"}
    assert page.count(' id="duplicates"') == 1
    wrong = page[page.index("<h2>") : page.index("pixels.csv")]
    assert "different classes: 1. Some labels are wrong." in wrong or "clases distintas: 1." in wrong
    assert "escalera explore birds &lt;&amp;&gt;" in page
    assert "prefers-color-scheme: dark" in page


def test_every_picture_is_there_when_the_page_is_printed(page: str) -> None:
    """A browser that prints does not scroll: a picture that waits for that is a blank tile."""
    assert page.count("<img") > 20 and "loading=" not in page


def test_what_is_wrong_comes_first(birds: Explored) -> None:
    page = render_exploration(birds, load_language("en"), ABOUT)
    text = re.sub(r"<[^>]*>", "", page[page.index("<main") :])
    places = [
        text.index(part) for part in ("cannot be decoded", "What is wrong", "row 9 (9.png)", "Classes", "Duplicates")
    ]
    assert places == sorted(places)
    assert "not a picture of a known format" in text
    assert "no picture <b>" not in page


def test_it_says_what_it_found(birds: Explored) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", render_exploration(birds, load_language("en"), ABOUT)))
    for part in (
        "It holds 15 images (train) and 2 images (test).",
        "the most frequent has 1.1 times as many",
        "Of the test split, 1 image (50.0%) are in train too",
        "There are 2 different sizes; the most common is 20 × 30 pixels",
        "train – test",
        "The same image, given two classes",
        "weight numeric",
        "Missing: 4 (26.7%).",
        "place categorical",
        "Nothing is missing.",
    ):
        assert part in text, part


def test_pictures_keep_their_shape(birds: Explored) -> None:
    import base64
    import io

    page = render_exploration(birds, load_language("en"), ABOUT)
    strips = page[page.index('class="strip"') : page.index("<h2>Pixels")]
    sizes = set()
    for kind, data in re.findall(r'src="data:image/(\w+);base64,([^"]+)"', strips):
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            assert image.format == kind.upper()
            sizes.add(image.size)
    assert sizes == {(96, 64), (64, 96)}


def test_numbers_and_words_of_the_language(birds: Explored) -> None:
    page = render_exploration(birds, load_language("es"), ABOUT)
    assert "Contiene 15 imágenes (entrenamiento) y 2 imágenes (prueba)." in page
    assert f"27{NARROW}648" in page  # 96 * 96 * 3 columns
    assert 'lang="es"' in page


def test_many_classes(tmp_path: Path) -> None:
    images = np.random.RandomState(0).randint(0, 256, (60, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "many.npz", images=images, labels=np.arange(60) // 2)
    page = render_exploration(explore(str(tmp_path / "many.npz")), load_language("en"), ABOUT)
    assert 'class="counts many"' in page
    assert "<summary>30 classes</summary>" in page
    assert 'class="strip"' not in page
    assert "Only exact duplicates were looked for" in page


def test_no_classes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("L", (4, 4), ord(name[0])).save(tmp_path / name)
    (tmp_path / "set.csv").write_text("image,x,y\na.png,1,2\nb.png,3,4\n")
    page = render_exploration(explore(str(tmp_path / "set.csv")), load_language("en"), ABOUT)
    assert "There is no column of classes yet" in page
    assert "This source cannot be trained on yet:" in page


@pytest.mark.parametrize("side", [10, 4_000, 50_000, 60_000, 65_535, 2_000_000])
def test_a_picture_of_any_size_has_its_place_on_the_chart(side: int) -> None:
    """A header may claim what no file holds."""
    chart = sizes_chart([(10, side, 1), (8, 8, 5)], "sizes", "width", "height")
    assert chart.count("<circle") == 2 and 2 <= chart.count('class="grid"') <= 7
