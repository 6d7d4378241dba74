"""The suite needs Python alone: what else a test could use is asked for in one place, which skips with the reason."""

import ast
import contextlib
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
import yaml

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BROWSERS = (
    "chromium|chromedriver|googlechrome|headlesschrome|selenium|webdriver|playwright|puppeteer|firefox|gecko|msedge"
)
"""However they are written: letters alone are compared, so that `web_driver` and "Chrom" + "ium" are found too."""


def names_a_browser(text: str) -> list[str]:
    return re.findall(BROWSERS, re.sub(r"[^a-z]", "", text.casefold()))


def test_a_browser_is_named_in_one_place() -> None:
    files = sorted(path for path in TESTS.rglob("*") if path.is_file() and path.suffix != ".pyc")
    # What the doctor says of a browser is tested without one.
    allowed = {TESTS / "conftest.py", TESTS / "test_doctor.py", Path(__file__)}
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


def imported(folder: Path) -> set[str]:
    """What the files of a folder import, inside functions too, by its first name."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)


def names(requirements: list[str]) -> set[str]:
    """The libraries of a list of requirements, without those that only an extra asks for."""
    needed = [text for text in requirements if "extra ==" not in text]
    return {re.split(r"[<>=!~;\[( ]", text)[0].lower().replace("_", "-") for text in needed}


def with_what_they_need(libraries: set[str]) -> set[str]:
    """pydantic_core is pydantic's, and starlette gradio's: named by them, so that no list names it twice."""
    found = set(libraries)
    for library in libraries:
        with contextlib.suppress(PackageNotFoundError):  # of an extra that is not installed for tests
            found |= names(requires(library) or [])
    return found


def test_every_library_that_is_imported_is_one_that_is_installed_with_us() -> None:
    """An empty environment has what pyproject.toml names, and not what happens to come with it today."""
    known = packages_distributions()
    extras = PROJECT["optional-dependencies"]
    own = names(
        [*PROJECT["dependencies"], *(line for name, lines in extras.items() if name != "dev" for line in lines)]
    )
    declared = own | with_what_they_need(own - {"escalera"})
    also = declared | with_what_they_need(names(extras["dev"]) - {"escalera"})
    for folder, allowed in ((ROOT / "src", declared), (TESTS, also)):
        modules = imported(folder) - {"escalera"}
        assert len(modules) > 10
        unknown = {
            name
            for name in modules
            if not {dist.lower().replace("_", "-") for dist in known.get(name, [name])} & allowed
        }
        assert unknown == set(), folder


def test_no_test_names_a_program_by_its_place() -> None:
    place = re.compile(r"""["'](/usr|/bin|/sbin|/opt|/snap|/Applications)[/\\]""")
    wrong = [
        f"{path.name}:{number}: {line.strip()}"
        for path in sorted(TESTS.rglob("*.py"))
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if place.search(line)
    ]
    assert wrong == []


def test_the_workflow_runs_every_python_on_every_system() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["tests"]["strategy"]["matrix"]
    assert [system.partition("-")[0] for system in matrix["system"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert PROJECT["requires-python"] == f">={matrix['python'][0]}"
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    files = [part for command in commands for part in command.split() if part.startswith(".ci/")]
    assert files
    assert all((ROOT / file).is_file() for file in files)
