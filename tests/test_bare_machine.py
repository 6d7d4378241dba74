"""The suite needs Python alone: what else a test could use is asked for in one place, which skips with the reason."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
BROWSERS = (
    "chromium|chromedriver|googlechrome|headlesschrome|selenium|webdriver|playwright|puppeteer|firefox|gecko|msedge"
)
"""However they are written: letters alone are compared, so that `web_driver` and "Chrom" + "ium" are found too."""


def names_a_browser(text: str) -> list[str]:
    return re.findall(BROWSERS, re.sub(r"[^a-z]", "", text.casefold()))


def test_a_browser_is_named_in_one_place() -> None:
    files = sorted(path for path in TESTS.rglob("*") if path.is_file() and path.suffix != ".pyc")
    allowed = {TESTS / "conftest.py", Path(__file__)}
    found = [path for path in files if names_a_browser(path.read_bytes().decode("utf-8", "replace"))]
    assert len(files) > 80
    assert [path for path in found if path not in allowed] == []
    assert TESTS / "conftest.py" in found


@pytest.mark.parametrize(
    "line",
    [
        "from Selenium import web_driver",
        '"/usr/bin/" + "chrom" + "edriver"',
        'shutil.which("google-chrome")',
        "CHROMIUM",
        "import playwright.sync_api",
    ],
)
def test_a_browser_is_known_by_any_spelling(line: str) -> None:
    assert names_a_browser(line)


def test_without_a_browser_its_tests_skip_and_say_why(tmp_path: Path) -> None:
    code = "def test_page(browser):\n    browser.get('about:blank')\n"
    (tmp_path / "test_page.py").write_text(code, encoding="utf-8")
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-m", "browser", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={"PATH": str(tmp_path)})
    assert "1 skipped" in done.stdout, done.stdout + done.stderr
    assert "no Chromium with its chromedriver; on Debian: apt install chromium chromium-driver" in done.stdout
