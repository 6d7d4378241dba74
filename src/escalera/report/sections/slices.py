"""Where it is worse than elsewhere: the metric by attribute, size, brightness, folder and near-duplicate."""

from __future__ import annotations

import base64
from typing import Any

from escalera.core.csvtext import csv_text
from escalera.data.facets import ATTRIBUTE, FOLDER, MISSING
from escalera.evaluate.slices import FEWEST, Slice, whole_figure
from escalera.report.figures.slices import slices_figure
from escalera.report.language import Language
from escalera.report.slices import DUPLICATE, as_columns, slices_of
from escalera.report.view import RungView

_SHOWN = 12


def section(view: RungView) -> dict[str, Any] | None:
    """The worst slices as a figure, and all as a table to take along; None where nothing is known of the rows."""
    run, language = view.run, view.language
    if run is None or run.answers is None:
        return None
    metric, answers = view.rung.metric, run.answers
    found = slices_of(run.path, answers, metric)
    if not found:
        return None
    tested = [one for one in found if one.p is not None]
    worse = [one for one in tested if one.verdict == "worse"]
    whole = whole_figure(metric, answers.labels, answers.predicted, answers.classes)
    shown = [(_words(one, language), one) for one in tested[:_SHOWN]]
    columns = as_columns(found, metric)
    table = csv_text(list(columns), zip(*columns.values(), strict=True))
    drawn = None
    if shown:
        drawn = view.keep(slices_figure(shown, whole, language, f"slices-{view.name}", view.rung.name, columns))
    return {
        "tested": len(tested),
        "worse": len(worse),
        "worst": _words(worse[0], language) if worse else None,
        "of_worst": worse[0] if worse else None,
        "better": sum(one.verdict == "better" for one in tested),
        "figure": drawn,
        "more": max(0, len(tested) - _SHOWN),
        "few": len(found) - len(tested),
        "fewest": FEWEST,
        "csv": f"data:text/csv;charset=utf-8;base64,{base64.b64encode(table.encode('utf-8-sig')).decode()}",
        "file": f"slices-{view.name}.csv",
    }


def _words(one: Slice, language: Language) -> str:
    """`brightness: ≤ 54`."""
    known = not one.facet.startswith(ATTRIBUTE)
    facet = language.say(f"slices.{one.facet}") if known else one.facet.removeprefix(ATTRIBUTE)
    if one.facet == DUPLICATE:
        return f"{facet}: {language.say(f'slices.{one.value}')}"
    if one.value == MISSING:
        return f"{facet}: {language.say('slices.top' if one.facet == FOLDER else 'slices.missing')}"
    return f"{facet}: {one.value}"
