"""Learning curves: loss, accuracy and learning rate over the epochs, with the epoch that the run stands by."""

from __future__ import annotations

from collections.abc import Sequence

from escalera.core.record import Epoch
from escalera.report.language import Language
from escalera.report.svg import BLUE, GREY, INK, ORANGE, Drawing, Figure, Panel, breadth

_PANELS = {"loss": ("loss", "val_loss"), "accuracy": ("accuracy", "val_accuracy"), "rate": ("lr", None)}


def curves_figures(
    history: Sequence[Epoch], best_epoch: int | None, language: Language, name: str, rung: str
) -> list[Figure]:
    """One small figure each for loss, accuracy (in %) and the learning rate, as far as the history gives them."""
    return [
        _curve(kind, history, best_epoch, language, f"{kind}-{name}", rung)
        for kind, keys in _PANELS.items()
        if any(getattr(line, key) is not None for line in history for key in keys if key)
    ]


def _curve(
    kind: str, history: Sequence[Epoch], best_epoch: int | None, language: Language, name: str, rung: str
) -> Figure:
    factor = 100 if kind == "accuracy" else 1
    lines = {}
    for key, colour in zip(_PANELS[kind], (GREY if kind == "rate" else BLUE, ORANGE), strict=True):
        points = [(e.epoch, factor * v) for e in history if key and (v := getattr(e, key)) is not None]
        if key and points:
            lines[key] = (colour, points)
    values = [value for _, points in lines.values() for _, value in points]
    epochs = [line.epoch for line in history]
    drawing = Drawing(340, 250)
    low = 0.0 if kind == "rate" else min(values)
    span = (max(values) - low) or abs(low) or 1.0
    panel = Panel(
        drawing, 46, 34, 280, 166, (min(epochs), max(max(epochs), min(epochs) + 1)), (low, max(values) + 0.06 * span)
    )
    panel.heading(language.say(f"figure.curve_{kind}"))
    panel.y_axis(language)
    panel.x_axis(language, language.say("word.epoch"), whole=True)
    if best_epoch is not None and min(epochs) <= best_epoch <= max(epochs):
        x = panel.across(best_epoch)
        drawing.line([(x, panel.top), (x, panel.top + panel.height)], INK, 1, opacity=0.55, stroke_dasharray="2 3")
        words = language.say("figure.chosen", epoch=language.number(best_epoch))
        end = x + 6 + breadth(words, 10) > 338
        # A loss falls to the right, the others do not: there the words have room.
        y = panel.top + (9 if kind == "loss" else panel.height - 7)
        drawing.text(x - 5 if end else x + 5, y, words, size=10, anchor="end" if end else "start", opacity=0.8)
    for key, (colour, points) in lines.items():
        width = 2.4 if key.startswith("val") else 1.5
        drawing.line(panel.at(*zip(*points, strict=True)), colour, width)
        if len(points) <= 12:
            for x, y in panel.at(*zip(*points, strict=True)):
                drawing.dot(x, y, 2.4, colour)
    if kind != "rate":
        _legend(drawing, language)
    data = {"epoch": epochs, **{key: [getattr(e, key) for e in history] for key in _PANELS[kind] if key}}
    title = language.say(f"figure.curve_{kind}_text", name=rung, epochs=language.count(len(history), "epoch"))
    return drawing.finish(name, title, data)


def _legend(drawing: Drawing, language: Language) -> None:
    x = 326.0
    for split, colour in (("validation", ORANGE), ("train", BLUE)):
        words = language.say(f"split.{split}")
        drawing.text(x, 22, words, size=10.5, anchor="end", opacity=0.85)
        x -= breadth(words, 10.5) + 8
        drawing.rect(x - 12, 17, 12, 3, colour, rx=1.5)
        x -= 22
