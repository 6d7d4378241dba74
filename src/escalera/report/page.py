"""The report: one self-contained page, and every figure beside it as SVG and CSV, made from the files of runs alone."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from escalera.core.csvtext import csv_text
from escalera.core.files import write_text
from escalera.core.language import NO_BREAK
from escalera.report.album import Album
from escalera.report.evidence import gather
from escalera.report.explanations import heat, read_maps
from escalera.report.gallery import explained
from escalera.report.language import NOTHING, Language, load_language, of_metric, of_rows
from escalera.report.rung import Rung
from escalera.report.story import Story, read_story
from escalera.report.summary import headline, summarise
from escalera.report.svg import SIGNS, Figure
from escalera.report.templating import environment, style
from escalera.report.view import LadderView, RungView

LADDER_SECTIONS = ("climb", "auto", "steps", "how", "seen", "cost", "data")
"""The parts before the rungs, in their order; `end` comes after them."""
RUNG_SECTIONS = ("words", "changes", "search", "seeds", "step", "ensemble", "learning")
"""The parts of each rung that are always open, in their order."""
RUNG_DETAILS = ("quality", "doubt", "classes", "slices", "mistakes", "attention", "making")
"""Those that are folded but for the best rung, in their order."""
_GAP = re.compile(r"(?<=\d) – (?=[-−\d])|(?<=^[≤>]) ")
"""Where the name of a band would break: `≤ 245 000`, `245 000 – 525 000`."""


def write_report(ladder_dir: Path, language: str = "en") -> Path:
    """Write `report.html` in a ladder's folder, and its figures there and in its runs'; gives the page's path.

    It shows the pictures that `inference.illustrations` has left there. Raises EscaleraError for a language there is
    none of, RunError for a folder that holds no ladder or takes no file.
    """
    words = load_language(language)
    return write_page(read_story(ladder_dir), words)


def write_page(story: Story, language: Language, *, keep_runs: bool = True) -> Path:
    """Write the page of a story into its folder; the runs' figures go into their own, without `keep_runs` beside it."""
    language = of_metric(language, story.metric)
    language = of_rows(language) if story.tabular else language
    evidence = {rung.name: found for rung in story.rungs if rung.done and (found := gather(rung.done[0]))}
    ladder = LadderView(story, language, evidence)
    album = Album(story.path / "pictures.parquet")
    views = [_view(ladder, rung, album) for rung in story.rungs]
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
    write_text(path, page)
    return path


def _view(ladder: LadderView, rung: Rung, album: Album) -> RungView:
    found = ladder.evidence.get(rung.name)
    rows = explained(found) if found else []
    maps = read_maps(rung.done[0].path, [row.row for row in rows]) if rows else None
    return RungView(ladder, rung, album, maps, rows)


def _render(ladder: LadderView, views: Sequence[RungView]) -> str:
    story, language = ladder.story, ladder.language
    pictures: dict[str, tuple[bytes, str]] = {}
    templates = environment(
        language,
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
    text = templates.get_template("report.html.j2").render(
        title=story.title[language.code] if story.title else story.name,
        style=style("report.css"),
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
    write_text(folder / f"{name}.svg", figure.svg)
    write_text(folder / f"{name}.csv", csv_text(list(figure.data), zip(*figure.data.values(), strict=True)))
