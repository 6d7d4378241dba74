"""Build the wheel, install it into an empty environment, and use it there, in a folder that is not the checkout.

python .ci/wheel.py             the libraries are those of the environment that runs this
python .ci/wheel.py --complete  they are fetched anew: some minutes and 5 GB more
"""

from __future__ import annotations

import os
import site
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WINDOWS = os.name == "nt"

CHECK_REQUIREMENTS = """
from importlib.metadata import requires, version
from pip._vendor.packaging.requirements import Requirement
for needed in map(Requirement, requires("escalera")):
    if not needed.marker or needed.marker.evaluate({"extra": "train"}):
        assert needed.specifier.contains(version(needed.name), prereleases=True), needed
"""


def main() -> None:
    """Every step ends the program when it fails, with the command that did."""
    complete = sys.argv[1:] == ["--complete"]
    if sys.argv[1:] and not complete:
        sys.exit(f"expected nothing or --complete, received {' '.join(sys.argv[1:])}")
    with tempfile.TemporaryDirectory(prefix="escalera-wheel-") as name:
        scratch = Path(name)
        wheel = build(scratch / "dist")
        check_contents(wheel)
        environment = scratch / "environment"
        install(wheel, environment, complete)
        use(environment, scratch / "elsewhere")
    print("the wheel is whole, and works from an empty environment")


def build(folder: Path) -> Path:
    """The wheel of the tree as it stands."""
    call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    [wheel] = folder.glob("escalera-*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    """Ladders, templates, messages, styles: what lies in the package lies in the wheel."""
    source = ROOT / "src"
    there = {
        path.relative_to(source).as_posix()
        for path in (source / "escalera").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as file:
        packed = {name for name in file.namelist() if ".dist-info/" not in name}
    if there != packed:
        sys.exit(f"not in the wheel: {sorted(there - packed)}; in the wheel alone: {sorted(packed - there)}")
    print(f"{wheel.name}: {len(packed)} files, {wheel.stat().st_size / 1e6:.1f} MB")


def install(wheel: Path, environment: Path, complete: bool) -> None:
    """The wheel alone, and then the libraries, so that nothing of Escalera can come from elsewhere."""
    venv.create(environment, with_pip=True)
    python = executable(environment, "python")
    arguments = [] if complete else ["--no-deps"]
    call(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments, f"{wheel}[train]")
    if not complete:
        [packages] = [Path(path) for path in ask(python, "import site; print(*site.getsitepackages(), sep='\\n')")
                      .splitlines() if path.endswith("site-packages")]  # fmt: skip
        # A folder that is named so is searched, but its own .pth files, by which a checkout is found, are not read.
        (packages / "libraries.pth").write_text("\n".join(site.getsitepackages()) + "\n", encoding="utf-8")
    call(python, "-c", CHECK_REQUIREMENTS)
    found = Path(ask(python, "import escalera; print(escalera.__file__)").strip())
    if environment.resolve() not in found.resolve().parents:
        sys.exit(f"escalera was imported from {found}, not from the wheel")


def use(environment: Path, folder: Path) -> None:
    """What a newcomer types first, and what opens each kind of file that the package brings along."""
    folder.mkdir()
    escalera = executable(environment, "escalera")
    call(escalera, "climb", "digits", folder=folder)
    call(escalera, "report", "runs/digits", "--lang", "es", folder=folder)
    call(escalera, "explore", "digits", folder=folder)
    call(escalera, "ladders", "--lang", "es", folder=folder)
    call(escalera, "models", "cnn", folder=folder)
    call(executable(environment, "python"), "-c", "import escalera.studio.app", folder=folder)
    for file in ("runs/digits/report.html", "explored/digits/explore.html"):
        if not (folder / file).is_file():
            sys.exit(f"no {file} was written; there are {sorted(path.name for path in folder.glob('*/*/*'))}")


def executable(environment: Path, name: str) -> str:
    """The path of a program of an environment."""
    return str(environment / ("Scripts" if WINDOWS else "bin") / (f"{name}.exe" if WINDOWS else name))


def call(*command: str, folder: Path | None = None) -> None:
    """Run a command, with a home and a cache of its own where it has a folder; end when it fails."""
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, env=surroundings(folder), check=False)
    text = " ".join([Path(command[0]).name, *command[1:]]).partition("\n")[0]
    if done.returncode:
        sys.exit(f"failed with {done.returncode}: {text}")
    print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)


def ask(python: str, code: str) -> str:
    """What a line of Python prints."""
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, env=surroundings(None), check=True
    ).stdout


def surroundings(folder: Path | None) -> dict[str, str]:
    """The environment without what would lead to the checkout, or to what was cached before."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "ESCALERA", "VIRTUAL"))
    }
    own = {"HOME": str(folder), "USERPROFILE": str(folder), "ESCALERA_CACHE": str(folder / "cache")} if folder else {}
    return {**inherited, **own}


if __name__ == "__main__":
    main()
