"""The report: one self-contained page, and every figure beside it as SVG and CSV, made from the files of runs alone."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from numpy.typing import NDArray

from escalera.core.csvtext import csv_text
from escalera.core.errors import EscaleraError
from escalera.core.files import write_aside
from escalera.core.language import NO_BREAK
from escalera.core.record import Data
from escalera.core.translation import translate
from escalera.report.album import Album
from escalera.report.evidence import Evidence, gather
from escalera.report.explanations import heat, read_maps, write_maps
from escalera.report.gallery import Shown, broken, confident_mistakes, explained, fixed, least_certain
from escalera.report.language import NOTHING, Language, load_language, of_rows
from escalera.report.rung import Rung
from escalera.report.story import Story, read_story
from escalera.report.summary import headline, summarise
from escalera.report.svg import SIGNS, Figure
from escalera.report.view import LadderView, RungView

LADDER_SECTIONS = ("climb", "steps", "how", "seen", "cost", "data")
"""The parts before the rungs, in their order; `end` comes after them."""
RUNG_SECTIONS = ("words", "changes", "seeds", "step", "beside", "learning")
"""The parts of each rung that are always open, in their order."""
RUNG_DETAILS = ("quality", "classes", "mistakes", "attention", "making")
"""Those that are folded but for the best rung, in their order."""
_TEMPLATES = Path(__file__).parent / "templates"
_GAP = re.compile(r"(?<=\d) – (?=[-−\d])|(?<=^[≤>]) ")
"""Where the name of a band would break: `≤ 245 000`, `245 000 – 525 000`."""


class Source(Protocol):
    """Where pictures and explanations come from when they are not beside the runs yet."""

    def pictures(self, run: Path, rows: Sequence[int], labels: Sequence[int]) -> list[NDArray[np.uint8]] | None:
        """The test pictures (H, W, C) of a run by their rows; None where they cannot be had."""

    def maps(
        self, run: Path, rows: Sequence[int], images: NDArray[np.uint8], classes: NDArray[np.int64]
    ) -> NDArray[np.float32] | None:
        """Where the network of a run looked in some rows (n, h, w); None for one that keeps no map of the picture."""


def write_report(ladder_dir: Path, language: str = "en", source: Source | None = None) -> Path:
    """Write `report.html` in a ladder's folder, and its figures there and in its runs'; gives the page's path.

    Without a `source` the page shows the pictures that an earlier report has left. Raises EscaleraError for a language
    there is none of, RunError for a folder that holds no ladder or takes no file.
    """
    words = load_language(language)
    return write_page(read_story(ladder_dir), words, source)


def write_page(story: Story, language: Language, source: Source | None = None, *, keep_runs: bool = True) -> Path:
    """Write the page of a story into its folder; the runs' figures go into their own, without `keep_runs` beside it."""
    language = of_rows(language) if story.tabular else language
    evidence = {rung.name: found for rung in story.rungs if rung.done and (found := gather(rung.done[0]))}
    album = _illustrated(story, evidence, source)
    ladder = LadderView(story, language, evidence)
    views = [_view(ladder, rung, album, source) for rung in story.rungs]
    page = _render(ladder, views)
    for figure in ladder.figures:
        _write_figure(story.path / "figures", figure, figure.name)
    for view in views:
        for figure in view.figures:
            if view.run and keep_runs:
                _write_figure(view.run.path / "figures", figure, figure.name.removesuffix(f"-{view.name}"))
            else:
                _write_figure(story.path / "figures", figure, figure.name)
    path = story.path / "report.html"
    _write_text(path, page)
    return path


def _view(ladder: LadderView, rung: Rung, album: Album, source: Source | None) -> RungView:
    found = ladder.evidence.get(rung.name)
    rows = explained(found) if found else []
    maps = _maps(rung, rows, found, source) if found and rows else None
    return RungView(ladder, rung, album, maps, rows)


def _illustrated(story: Story, evidence: Mapping[str, Evidence], source: Source | None) -> Album:
    """The album with every picture that the page shows, as far as they can be had."""
    album = Album(story.path / "pictures.parquet")
    wanted: list[tuple[Data, int]] = []
    added = False
    for rung in story.rungs:
        found = evidence.get(rung.name)
        if found is None:
            continue
        run = rung.done[0]
        step = rung.step
        parent = evidence.get(step.parent) if step and step.comparison else None
        shown = [*confident_mistakes(found), *least_certain(found), *explained(found)]
        if parent is not None:
            shown += [*fixed(parent, found), *broken(parent, found)]
        rows = [row.row for row in shown]
        wanted += [(run.record.data, row) for row in rows]
        missing = album.missing(run.record.data, rows)
        if missing and source is not None:
            labels = found.labels[np.searchsorted(found.rows, missing)].tolist()
            for row, pixels in zip(missing, source.pictures(run.path, missing, labels) or [], strict=False):
                album.add(run.record.data, row, pixels)
                added = True
    if added:
        album.keep(wanted)
    return album


def _maps(rung: Rung, rows: Sequence[Shown], evidence: Evidence, source: Source | None) -> NDArray[np.uint8] | None:
    """Where the network looked in some rows: as an earlier report left it, else computed; None where it cannot be."""
    run = rung.done[0]
    numbers = [row.row for row in rows]
    kept = read_maps(run.path, numbers)
    if kept is not None or source is None:
        return kept
    places = np.searchsorted(evidence.rows, numbers)
    pixels = source.pictures(run.path, numbers, evidence.labels[places].tolist())
    if pixels is None:
        return None
    try:
        return write_maps(run.path, numbers, source.maps(run.path, numbers, np.stack(pixels), evidence.said[places]))
    except (EscaleraError, OSError, KeyError, TypeError, ValueError):
        # Weights or settings that are gone or another version's: the page does without.
        return None


def _render(ladder: LadderView, views: Sequence[RungView]) -> str:
    story, language = ladder.story, ladder.language
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures: dict[str, tuple[bytes, str]] = {}
    environment.filters["translated"] = lambda text: translate(text, language.code)
    environment.globals.update(
        language=language,
        say=language.say,
        named=language.named,
        count=language.count,
        listing=language.listing,
        number=language.number,
        points=language.points,
        percent=language.percent,
        p_value=language.p_value,
        duration=language.duration,
        nothing=NOTHING,
        signs=SIGNS,
        breakable=lambda path: Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(path)))),
        whole=whole,
        speed=lambda rate: _speed(rate, language),
        channels=lambda n: _channels(n, language),
        stopped=lambda reason: language.messages.get(f"stopped.{reason}", reason or NOTHING),
        picture=lambda view, row: _picture(pictures, view, row),
        heat=lambda map_: base64.b64encode(heat(map_)).decode(),
        story=story,
    )
    rungs = [(view, _sections(RUNG_SECTIONS, view), _sections(RUNG_DETAILS, view)) for view in views]
    text = environment.get_template("report.html.j2").render(
        title=story.title[language.code] if story.title else story.name,
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        headline=headline(story, language),
        summary=summarise(story, language),
        sections=_sections(LADDER_SECTIONS, ladder),
        rungs=rungs,
        end=_section("end", ladder),
    )
    return text.replace("<!--pictures-->", _definitions(pictures), 1)


def _sections(names: Sequence[str], view: LadderView | RungView) -> list[tuple[str, Any]]:
    """Those that have something to show, by their names."""
    found = ((name, _section(name, view)) for name in names)
    return [(name, section) for name, section in found if section is not None]


def _section(name: str, view: LadderView | RungView) -> Any:
    return import_module(f"escalera.report.sections.{name}").section(view)


def _picture(pictures: dict[str, tuple[bytes, str]], view: RungView, row: int) -> str | None:
    """The identifier of a picture, which stands in the page once; None where there is no picture."""
    data = view.run.record.data if view.run else None
    found = view.album.get(data, row) if data else None
    if found is None:
        return None
    known = next((key for key, (content, _) in pictures.items() if content is found), None)
    if known is None:
        known = f"picture-{len(pictures)}"
        pictures[known] = (found, "png" if found.startswith(b"\x89PNG") else "webp")
    return known


def _definitions(pictures: Mapping[str, tuple[bytes, str]]) -> str:
    """The pictures as symbols, each of which may be used many times."""
    if not pictures:
        return ""
    symbols = (
        f'<symbol id="{key}" viewBox="0 0 96 96"><image width="96" height="96" '
        f'href="data:image/{kind};base64,{base64.b64encode(content).decode()}"/></symbol>'
        for key, (content, kind) in pictures.items()
    )
    return f'<svg class="store" width="0" height="0" aria-hidden="true">{"".join(symbols)}</svg>'


def whole(name: str) -> str:
    """The name of a class; one that is a band of numbers stays in one line."""
    return _GAP.sub(lambda gap: gap[0].replace(" ", NO_BREAK), name)


def _speed(rate: float | None, language: Language) -> str:
    """Two figures: the others are noise, and a run of earlier versions has seven."""
    return (
        language.say("cost.per_second", n=language.number(float(f"{rate:.2g}"), 1 if rate < 9.95 else 0))
        if rate
        else NOTHING
    )


def _channels(count: int, language: Language) -> str:
    named = {1: "data.grey", 3: "data.colour"}
    return language.say(named[count]) if count in named else language.say("data.channels", n=count)


def _write_figure(folder: Path, figure: Figure, name: str) -> None:
    """The figure as SVG, and the numbers behind it as CSV."""
    _write_text(folder / f"{name}.svg", figure.svg)
    _write_text(folder / f"{name}.csv", csv_text(list(figure.data), zip(*figure.data.values(), strict=True)))


def _write_text(path: Path, text: str) -> None:
    write_aside(path, lambda file: file.write(text.encode()))
