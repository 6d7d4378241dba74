"""How much each setting of a search mattered: its share of the differences between the trials."""

from __future__ import annotations

from escalera.report.language import Language
from escalera.report.search import Search
from escalera.report.svg import BLUE, Drawing, Figure, cut

_ROW = 40


def importance_figure(search: Search, language: Language, name: str, rung: str) -> Figure:
    """A bar for each setting, the largest first, with its share."""
    found = search.record.importance
    paths = sorted(found, key=lambda path: -found[path])
    drawing = Drawing(340, 34 + _ROW * len(paths))
    drawing.text(0, 22, language.say("search.importance"), size=12, font_weight=600)
    for k, path in enumerate(paths):
        y = 38 + _ROW * k
        drawing.text(0, y + 9, cut(path, 330, 11, left=True), size=11, opacity=0.85)
        drawing.rect(0, y + 15, 280, 8, "currentColor", 0.1, rx=2)
        drawing.rect(0, y + 15, max(1.0, 280 * min(1.0, found[path])), 8, BLUE, rx=2)
        drawing.text(290, y + 23, language.percent(found[path]), size=11)
    data: dict[str, list[object]] = {"setting": list(paths), "importance": [found[path] for path in paths]}
    return drawing.finish(name, language.say("figure.search_importance_text", name=rung), data)
