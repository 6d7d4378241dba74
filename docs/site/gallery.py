"""The gallery: reports of climbs that are made here, each one file that opens by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shown:
    """A report of the gallery: what is climbed for it, and what is said of it."""

    name: str
    command: tuple[str, ...]
    ladder: str
    said: dict[str, str]


SHOWN = (
    Shown(
        "digits",
        ("climb", "digits"),
        "digits",
        {
            "en": "**`escalera climb digits`**: eight small networks on handwritten digits, each one change away "
            "from the one before.",
            "es": "**`escalera climb digits`**: ocho redes pequeñas con dígitos manuscritos, cada una a un "
            "cambio de la anterior.",
        },
    ),
    Shown(
        "seeds",
        ("climb", "digits", "--seeds", "3", "--rung", "mlp", "--rung", "cnn"),
        "digits",
        {
            "en": "**Three seeds a rung**: how much of a difference is luck.",
            "es": "**Tres semillas por peldaño**: cuánto de una diferencia es suerte.",
        },
    ),
    Shown(
        "auto",
        ("auto", "digits", "--minutes", "1", "--name", "auto-digits"),
        "auto-digits",
        {
            "en": "**`escalera auto digits --minutes 1`**: a ladder that built itself, each rung kept or "
            "dropped for a stated reason.",
            "es": "**`escalera auto digits --minutes 1`**: una escalera que se construyó sola, con la razón por la que "
            "cada peldaño se quedó o no.",
        },
    ),
)
_HEAD = {
    "en": "# Reports\n\nReal reports, each a single file that asks nobody for anything, climbed when this "
    "site was built.\n",
    "es": "# Informes\n\nInformes de verdad, cada uno en un solo archivo que no pide nada a nadie, hechos "
    "al construir este sitio.\n",
}
_OPEN = {"en": "Open the report", "es": "Abrir el informe"}


def gallery(page: Path, runs: Path, language: str) -> None:
    """Write the page of the gallery and, in a folder of its name beside it, the reports in a language.

    The climbs are finished in `runs` at the first call, and only told again at the next.
    """
    folder = page.with_suffix("")
    folder.mkdir(parents=True)
    parts = [_HEAD[language]]
    for shown in SHOWN:
        out = runs / shown.name
        report = out / shown.ladder / "report.html"
        if not report.exists():
            _escalera(*shown.command, "--out", str(out), folder=out)
        _escalera("report", str(report.parent), "--lang", language, folder=out)
        shutil.copy(report, folder / f"{shown.name}.html")
        shutil.copy(out / shown.ladder / "figures" / "climb.svg", folder / f"{shown.name}.svg")
        parts.append(f"{shown.said[language]} [{_OPEN[language]}](gallery/{shown.name}.html)\n")
        parts.append(f"[![{_OPEN[language]}](gallery/{shown.name}.svg)](gallery/{shown.name}.html)\n")
    page.write_text("\n".join(parts), encoding="utf-8")


def _escalera(*words: str, folder: Path) -> None:
    """Run a command of Escalera in a folder; what it writes is shown only where it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "escalera", *words]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
