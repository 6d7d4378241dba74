"""What every test stands on: no network, a cache of its own, and the real data where there are any."""

import io
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Before torch is imported: on tiny data one thread is faster than two that wait for one another, and adds up alike.
os.environ["OMP_NUM_THREADS"] = "1"
# Whose terminal this is, and what stands between it and the network, decides nothing; nor may a proxy see 127.0.0.1.
for _name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "HF_ENDPOINT", "LC_MESSAGES", "ESCALERA_LANG"):
    os.environ.pop(_name, None)
os.environ["LC_ALL"] = "C.UTF-8"
for _name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    os.environ.pop(_name)
os.environ["TERM"] = "xterm-256color"
# Read when the hub's library is imported: no test asks the hub, and those that need one start a process of their own.
os.environ["HF_HUB_OFFLINE"] = "1"
# Read when onnxruntime is imported, which some tests do before anything of ours: it would report to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
"""What Chromium is called, here and there; CHROMIUM names another place."""
BROWSER_WAIT = 300
"""Seconds; a busy machine takes its time, and nothing is decided by it."""
REAL_DATA = Path(os.environ.get("ESCALERA_DATA") or Path(__file__).parents[2] / "shared" / "data")


ENGLISH = frozenset(["the"])
"""Words that no Spanish sentence has."""


@pytest.fixture(scope="session")
def english_left() -> Callable[[str], list[str]]:
    """`english_left(text)` are words of English in a Spanish text, outside of what is quoted, of paths and of keys."""

    def left(text: str) -> list[str]:
        bare = re.sub(r"«[^»]*»", " ", text)
        found = re.findall(r"(?<![\w./_'-])[a-z]+(?![\w/_'-])", bare.lower())
        return [word for word in found if word in ENGLISH]

    return left


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ESCALERA_DATA", raising=False)


@pytest.fixture(scope="session")
def tiny_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root, to be read only: noise of the true shape of every known source, as parquet files, six pictures of
    each class in train (two of a hundred classes) and one in test; eighty houses with four photos each; two kinds of
    clothes in three splits."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    from escalera.data.sources.registry import KNOWN

    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("sets")

    def photo(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(path)

    for name, source in KNOWN.items():
        if source.hub is None:
            continue
        (root / name).mkdir()
        for split, each in (("train", 2 if len(source.classes) > 10 else 6), ("test", 1)):
            labels = np.tile(np.arange(len(source.classes)), each)
            pictures = []
            for _ in labels:
                file = io.BytesIO()
                pixels = rng.integers(0, 256, source.shape, dtype=np.uint8)
                Image.fromarray(pixels if source.shape[2] == 3 else pixels[..., 0]).save(file, "PNG")
                pictures.append({"bytes": file.getvalue(), "path": None})
            struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
            pq.write_table(
                pa.table({source.image: pa.array(pictures, struct), source.label: labels}),
                root / name / f"{split}.parquet",
            )
    rooms = ("frontal", "bedroom", "bathroom", "kitchen")
    lines = [",".join(("house", "bedrooms", "bathrooms", "area", "zipcode", "price", *rooms))]
    for number in range(80):
        names = [f"images/{number}_{room}.jpg" for room in rooms]
        for name in names:
            photo(root / "houses" / name)
        area = rng.integers(800, 6000)
        row = [number, rng.integers(1, 6), rng.integers(1, 5), area, rng.choice([91901, 92677, 93446]), 150 * area]
        lines.append(",".join(map(str, [*row, *names])))
    (root / "houses" / "houses.csv").write_text("\n".join(lines) + "\n")
    for split, each in (("train", 8), ("validation", 2), ("test", 2)):
        for kind in ("dress", "hat"):
            for number in range(each):
                photo(root / "clothing" / split / kind / f"{number}.jpg")
    return root


@pytest.fixture
def real_data() -> Path:
    """The folder with mnist, fashion_mnist, cifar10 and cifar100."""
    if not (REAL_DATA / "mnist" / "test.parquet").is_file():
        pytest.skip(f"no real data in {REAL_DATA}; name their folder with ESCALERA_DATA")
    return REAL_DATA


def pytest_configure(config: pytest.Config) -> None:
    # Whoever asks for a browser needs one: the marker need not be written too, and cannot be forgotten.
    config.pluginmanager.register(_Marks(), "escalera-marks")


class _Marks:
    @pytest.hookimpl(tryfirst=True)  # before `-m` chooses
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if "browser" in getattr(item, "fixturenames", ()):
                item.add_marker("browser")


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """Chromium without a window, in Spanish, downloading into `tmp_path`: the one place where tests start a browser.

    `browser.until(look)` is what a look at the page finds, once it finds something. Skips where there is no browser.
    """
    binary = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if not (binary and shutil.which(binary) and driver):
        pytest.skip("no Chromium with its chromedriver; on Debian: apt install chromium chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium; pip install -e '.[dev]' brings it")

    class Browser(webdriver.Chrome):  # type: ignore[misc, name-defined]
        def hold(self, element: Any, seconds: float) -> None:
            """Press the pointer's button on an element for so long."""
            webdriver.ActionChains(self).click_and_hold(element).pause(seconds).release().perform()

        def tab(self) -> None:
            """Press the Tab key."""
            webdriver.ActionChains(self).send_keys(webdriver.Keys.TAB).perform()

        def _shown(self) -> str:
            return str(self.execute_script("return document.body.innerText"))

        def until(self, look: Callable[[], Any]) -> Any:
            end = time.monotonic() + BROWSER_WAIT
            while True:
                try:
                    found = look()
                except webdriver.remote.errorhandler.WebDriverException:
                    found = None
                if found:
                    return found
                assert time.monotonic() < end, f"the page never came to it; it shows:\n{self._shown()}"
                time.sleep(0.2)

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which(binary)
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=1280,1000"):
        options.add_argument(f"--{argument}")
    # What the browser itself asks of its makers is not the page's.
    for argument in ("disable-background-networking", "disable-component-update", "disable-sync", "no-first-run"):
        options.add_argument(f"--{argument}")
    # A camera of its own, which shows a picture that moves, and is given without asking.
    for argument in ("use-fake-device-for-media-stream", "use-fake-ui-for-media-stream"):
        options.add_argument(f"--{argument}")
    options.add_argument(f"--user-data-dir={tmp_path / 'profile'}")
    options.add_experimental_option(
        "prefs", {"intl.accept_languages": "es-ES,es", "download.default_directory": str(tmp_path)}
    )
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    opened = Browser(options=options, service=webdriver.ChromeService(driver))
    try:
        yield opened
    finally:
        opened.quit()
