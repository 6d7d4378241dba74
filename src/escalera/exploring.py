"""`escalera explore`: look at a source, and write what was found as a page, as JSON and as a table of the pixels."""

from __future__ import annotations

import importlib.metadata
import re
import time
from pathlib import Path
from typing import Any

from escalera.rundir import write_aside, write_json


def explore_source(
    source: str,
    *,
    out: Path,
    data_root: Path | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    target: str | None = None,
    bands: int = 4,
    language: str = "en",
    command: str = "",
) -> tuple[Path, dict[str, Any]]:
    """Write `<out>/<source>/explore.html`, explore.json and pixels.csv; gives the page's path and what the JSON holds.

    Raises DataError where there is nothing to look at, EscaleraError for a language there is none of.
    """
    from escalera.data.explore import explore
    from escalera.report.exploration import render_exploration
    from escalera.report.language import load_language
    from escalera.runtime import now

    words = load_language(language)
    start = time.perf_counter()
    found = explore(
        source,
        data_root=data_root,
        image_column=image_column,
        label_column=label_column,
        target=target,
        bands=bands,
    )
    folder = out / folder_name(source)
    csv = found.pixels.csv()
    write_aside(folder / "pixels.csv", lambda file: file.write(csv.encode()))
    version = importlib.metadata.version("escalera")
    facts = {**found.facts(), "date": now(), "escalera": version}
    lines = {
        "explore.command": command,
        "explore.date": facts["date"][:16].replace("T", " "),
        "explore.seconds": words.duration(time.perf_counter() - start),
        "explore.versions": f"Escalera {version}",
    }
    about = {"csv": "pixels.csv", "lines": [(key, value) for key, value in lines.items() if value]}
    page = folder / "explore.html"
    html = render_exploration(found, words, about)
    write_aside(page, lambda file: file.write(html.encode()))
    write_json(folder / "explore.json", facts)
    return page, facts


def folder_name(source: str) -> str:
    """A source as the name of a folder: `owner/name` is owner-name, `./photos/` photos."""
    path = (
        source
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source) and not source.startswith(".")
        else Path(source).resolve().name
    )
    return re.sub(r"[^\w.-]+", "-", path).strip(".-") or "source"
