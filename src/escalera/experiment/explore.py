"""`escalera explore`: look at a source, and write what was found as a page, as JSON and as a table of the pixels."""

from __future__ import annotations

import importlib.metadata
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.core.errors import RunError
from escalera.core.files import read_json, write_json, write_text
from escalera.core.rights import why_shut
from escalera.data.options import ReadOptions
from escalera.experiment.notebook import line_html, list_html, table_html

if TYPE_CHECKING:
    from escalera.data.explore.source import Explored
    from escalera.ladder.schema import Data


class Exploration(dict[str, Any]):
    """What was found in a source: the keys and values of explore.json; `page` is the path of its page."""

    def __init__(self, facts: Mapping[str, Any], page: Path) -> None:
        super().__init__(facts)
        self.page = page

    def _repr_html_(self) -> str:
        import pandas as pd

        splits = {name: {"rows": split["rows"], **split["classes"]} for name, split in self["splits"].items()}
        parts = [
            table_html(pd.DataFrame(splits), index=True),
            list_html("A training would refuse it:", self["faults"]),
            list_html("Pictures that cannot be decoded:", self["bad"]),
            list_html("Notes:", self["notes"]),
            line_html("Page:", self.page),
        ]
        return "".join(parts)


def explore_source(
    source: str,
    *,
    out: Path,
    sets: Sequence[str] = (),
    data_root: Path | None = None,
    language: str = "en",
    command: str = "",
    labels: bool = False,
    tell: Callable[[int, int], object] = lambda number, count: None,
) -> tuple[Path, dict[str, Any]]:
    """Write `<out>/<source>/explore.html`, explore.json and pixels.csv; gives the page's path and what the JSON holds.

    With `labels` quick networks look for labels that are likely wrong, which takes minutes, and labels.csv lists them;
    `tell` hears which of how many begins.
    `sets` are settings of a ladder's data section, as `data.label_column=kind`. Raises LadderError for one that is
    wrong, DataError where there is nothing to look at, RunError where nothing can be written in `out`, EscaleraError
    for a language there is none of.
    """
    from escalera.core.runtime import now
    from escalera.ladder.settings import read_data
    from escalera.report.exploration import render_exploration
    from escalera.report.language import load_language

    words = load_language(language)
    data = read_data(source, sets)
    folder = out / folder_name(source)
    if why := why_shut(folder):  # before pictures are read and compared, which takes minutes
        raise RunError(f"could not write in {folder}: {why}. Give another place with --out.")
    start = time.perf_counter()
    found = look_at(data, data_root)
    tables = {"pixels.csv": found.pixels.csv()}
    version = importlib.metadata.version("escalera")
    facts = {**found.facts(), "date": now(), "escalera": version}
    suspects: list[dict[str, Any]] = []
    if labels:
        from escalera.experiment.suspects.find import as_csv, find_suspects

        noise = find_suspects(found, data.group, tell)
        suspects = noise.lines(found)
        facts["labels"] = noise.facts()
        tables["labels.csv"] = as_csv(suspects)
    facts["notes"] = [*facts["notes"], *_replaced(folder, source)]
    lines = {
        "explore.command": command,
        "explore.date": facts["date"][:16].replace("T", " "),
        "explore.seconds": words.duration(time.perf_counter() - start),
        "explore.versions": f"Escalera {version}",
    }
    about = {"csv": "pixels.csv", "lines": [(key, value) for key, value in lines.items() if value]}
    page = folder / "explore.html"
    html = render_exploration(found, words, about, facts, suspects)
    for name, text in {**tables, page.name: html}.items():
        write_text(folder / name, text)
    write_json(folder / "explore.json", facts)
    return page, facts


def look_at(data: Data, data_root: Path | None) -> Explored:
    """What is in a source, read as a section `data` says; raises DataError where there is nothing to look at."""
    from escalera.data.explore.source import explore

    return explore(
        data.source,
        ReadOptions.of(data),
        data_root=data_root,
        bands=data.bands,
        shares={"test": data.test, "validation": data.validation},
        rare_classes=data.rare_classes,
    )


def explored(folder: Path) -> str | None:
    """The source that a folder holds the page of; None where it holds none."""
    try:
        return str(read_json(folder / "explore.json")["source"])
    except (RunError, KeyError, TypeError):
        return None


def _replaced(folder: Path, source: str) -> list[str]:
    """A note where a folder holds what was found in another source of the same name, which is about to go."""
    before = explored(folder)
    if before is None or before == source or Path(before).resolve() == Path(source).resolve():
        return []
    return [f"{folder}: what was found in '{before}' is replaced; --out gives '{source}' another place."]


def folder_name(source: str) -> str:
    """A source as the name of a folder: `owner/name` is owner-name, `./photos/` photos."""
    path = (
        source
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", source) and not source.startswith(".")
        else Path(source).resolve().name
    )
    return re.sub(r"[^\w.-]+", "-", path).strip(".-") or "source"
