"""The report's pictures, as SVG text that takes the page's colours, fonts and both its light and dark.

Everything that matplotlib draws in INK becomes `currentColor`, so a figure reads on any background. Identifiers carry
the figure's name, so several figures live in one page. The same input gives the same bytes.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from escalera.report.language import Language
from escalera.report.records import Epoch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"
# After Okabe and Ito (2008), in the middle of the grey scale: told apart by all, and legible on white and on black.
BLUE, ORANGE, TEAL, GREY = "#2f7fc1", "#d9662b", "#159a80", "#858c96"
COLOURS = {"better": TEAL, "worse": ORANGE, "no evidence": GREY, "plain": BLUE, "failed": ORANGE}
SIGNS = {"better": "▲", "worse": "▼", "no evidence": "○", "failed": "✕"}
MANY_CLASSES = 30
_DRAWING = threading.Lock()
_FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif"


@dataclass(frozen=True)
class ClimbStep:
    """A rung in the picture of the climb; `kind` is the rung's outcome, `parent` the parent's place in the list."""

    name: str
    kind: str
    parent: int | None = None
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    seconds: float | None = None


def climb_figure(steps: Sequence[ClimbStep], language: Language, name: str = "climb") -> str:
    """The ladder as a picture: each rung at the height of its accuracy, in its 95 % interval, and its time below."""
    width = max(min(1000, 240 + 150 * len(steps)), 60 + 88 * len(steps))
    with _figure(width, height=460) as figure:
        grid = figure.add_gridspec(2, 1, height_ratios=[3.4, 1], hspace=0.06)
        above = figure.add_subplot(grid[0])
        below = figure.add_subplot(grid[1], sharex=above)
        _draw_rungs(above, steps, language)
        _draw_times(below, steps, language)
        above.set_xlim(-0.6, len(steps) - 0.4)
        below.set_xticks(range(len(steps)), [step.name for step in steps])
        if 6.8 * max(len(step.name) for step in steps) > (width - 60) / len(steps):
            for label in below.get_xticklabels():
                label.set(rotation=22, ha="right", rotation_mode="anchor")
        scored = [step for step in steps if step.accuracy is not None]
        words = "; ".join(f"{step.name} {language.percent(step.accuracy)}" for step in scored)
        return _svg(figure, name, language.say("figure.climb", rungs=words))


def curves_figure(history: Sequence[Epoch], best_epoch: int | None, language: Language, name: str, title: str) -> str:
    """Loss and accuracy over the epochs, train and validation, with the epoch that the run stands by."""
    with _figure(width=760, height=270) as figure:
        panels = (
            ("loss", "val_loss", language.say("word.loss")),
            ("accuracy", "val_accuracy", language.say("word.accuracy_percent")),
        )
        for axes, (train, validation, label) in zip(figure.subplots(1, 2), panels, strict=True):
            factor = 100 if train == "accuracy" else 1
            for key, colour, width, word in (
                (train, BLUE, 1.3, language.say("split.train")),
                (validation, ORANGE, 2.2, language.say("split.validation")),
            ):
                points = [(line.epoch, getattr(line, key)) for line in history if getattr(line, key) is not None]
                if points:
                    x, y = zip(*points, strict=True)
                    marker = "o" if len(points) <= 12 else None
                    axes.plot(x, [factor * v for v in y], color=colour, lw=width, label=word, marker=marker, ms=3.5)
            axes.set_xlabel(language.say("word.epoch"))
            axes.set_title(label, loc="left", fontsize=11, fontweight="bold")
            _numbers(axes, language, x_whole=True)
            if best_epoch is not None:
                axes.axvline(
                    best_epoch, color=INK, lw=0.9, ls=(0, (2, 2)), alpha=0.6, label=language.say("figure.chosen")
                )
        handles, labels = figure.axes[1].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=3)
        return _svg(figure, name, title)


def confusion_figure(
    confusion: Sequence[Sequence[int]], classes: Sequence[str], language: Language, name: str, title: str
) -> str:
    """Rows are the truth, columns what was said: the right in blue by their share of the row, the wrong in orange.

    Up to 30 classes have names and counts; more are a picture alone. The wrong are as deep as their share of the worst.
    """
    count = len(classes)
    side = 130 + 30 * count if count <= 12 else 130 + 22 * count if count <= MANY_CLASSES else 480
    with _figure(width=side, height=side) as figure:
        axes = figure.add_subplot()
        depth = _depths(confusion)
        if count <= MANY_CLASSES:
            _draw_cells(axes, confusion, depth, language)
            long = max(map(len, classes)) > 2
            slant: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if long else {}
            axes.set_xticks(range(count), list(classes), **slant)
            axes.set_yticks(range(count), list(classes))
            axes.tick_params(length=0)
        else:
            axes.imshow([_shades(i, row) for i, row in enumerate(depth)], interpolation="nearest", aspect="equal")
            _numbers(axes, language)
        axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5), aspect="equal")
        axes.set_xlabel(language.say("figure.predicted"))
        axes.set_ylabel(language.say("figure.truth"))
        axes.grid(visible=False)
        axes.spines[:].set_visible(count > MANY_CLASSES)
        return _svg(figure, name, title)


def _draw_rungs(axes: Axes, steps: Sequence[ClimbStep], language: Language) -> None:
    for place, step in enumerate(steps):
        colour, sign = COLOURS.get(step.kind, GREY), SIGNS.get(step.kind, "")
        if step.accuracy is None:
            axes.axvspan(place - 0.36, place + 0.36, color=GREY, alpha=0.09, lw=0)
            axes.annotate(
                f"{sign} {language.say('state.' + step.kind)}".strip(),
                (place, 0.5), xycoords=("data", "axes fraction"), ha="center", va="center", rotation=90, color=colour,
            )  # fmt: skip
            continue
        height, low, high = (100 * v for v in (step.accuracy, step.low or step.accuracy, step.high or step.accuracy))
        axes.fill_between([place - 0.36, place + 0.36], low, high, color=colour, alpha=0.2, lw=0)
        axes.plot([place - 0.36, place + 0.36], [height] * 2, color=colour, lw=5, solid_capstyle="round", zorder=3)
        if step.parent is not None and (before := steps[step.parent].accuracy) is not None:
            axes.plot(
                [step.parent + 0.36, place - 0.36], [100 * before, height], color=INK, lw=1, alpha=0.45, ls=(0, (1, 2))
            )
        axes.annotate(
            f"{sign} {language.points(step.accuracy)}".strip(),
            (place, high), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=12.5, fontweight="bold",
        )  # fmt: skip
    axes.margins(y=0.12)
    axes.set_title(language.say("figure.climb_accuracy"), loc="left", fontsize=11, fontweight="bold")
    axes.tick_params(axis="x", length=0, labelbottom=False)
    axes.spines["bottom"].set_visible(False)
    _numbers(axes, language)


def _draw_times(axes: Axes, steps: Sequence[ClimbStep], language: Language) -> None:
    longest = max((step.seconds or 0.0 for step in steps), default=0.0) or 1.0
    for place, step in enumerate(steps):
        if step.seconds is not None:
            axes.bar(place, step.seconds, width=0.5, color=INK, alpha=0.22, lw=0)
            axes.annotate(
                language.duration(step.seconds),
                (place, step.seconds), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9.5,
            )  # fmt: skip
    axes.set_ylim(0, 1.45 * longest)
    axes.set_title(language.say("figure.climb_time"), loc="left", fontsize=11, fontweight="bold", y=0.86)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="x", length=0, pad=6)


def _depths(confusion: Sequence[Sequence[int]]) -> list[list[float]]:
    """0 to 1 for each cell: the right by their share of the row, the wrong by theirs over the largest such share."""
    shares = [[n / max(1, sum(row)) for n in row] for row in confusion]
    worst = max((share for i, row in enumerate(shares) for j, share in enumerate(row) if i != j), default=0.0) or 1.0
    return [[share if i == j else 0.85 * share / worst for j, share in enumerate(row)] for i, row in enumerate(shares)]


def _shades(i: int, row: Sequence[float]) -> list[tuple[float, float, float, float]]:
    """A row of the matrix as red, green, blue and opacity."""
    from matplotlib.colors import to_rgba

    return [to_rgba(BLUE if i == j else ORANGE, alpha=depth) for j, depth in enumerate(row)]


def _draw_cells(
    axes: Axes, confusion: Sequence[Sequence[int]], depth: Sequence[Sequence[float]], language: Language
) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    size = 10 if len(confusion) <= 12 else 7.5
    cells = []
    for i, row in enumerate(confusion):
        for j, number in enumerate(row):
            colour, deep = BLUE if i == j else ORANGE, depth[i][j]
            tint = to_rgba(colour if number else GREY, max(0.05, deep) if number else 0.04)
            cells.append(Rectangle((j - 0.47, i - 0.47), 0.94, 0.94, facecolor=tint, lw=0))
            if number:
                ink = "white" if deep > 0.72 else INK
                text = axes.text(j, i, language.number(number), ha="center", va="center", fontsize=size, color=ink)
                # It lies inside the axes, so the layout need not measure it.
                text.set_in_layout(False)
    axes.add_collection(PatchCollection(cells, match_original=True), autolim=False)


def _numbers(axes: Axes, language: Language, *, x_whole: bool = False) -> None:
    """Tick labels as the language writes numbers."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    def text(value: float, _: object) -> str:
        return language.number(
            value, 0 if value == round(value) else 1 if round(10 * value, 6) == round(10 * value) else 2
        )

    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(text))
    if x_whole:
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
        axes.xaxis.set_major_formatter(FuncFormatter(text))


@contextmanager
def _figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of a size in pixels, with our settings while it is drawn and saved."""
    import matplotlib
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "escalera",
        "text.parse_math": False,
        "font.family": "sans-serif",
        "font.size": 10.5,
        **dict.fromkeys(
            ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color"), INK
        ),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "grid.alpha": 0.13,
        "grid.linewidth": 0.8,
        "xtick.major.size": 3,
        "ytick.major.size": 0,
        "legend.frameon": False,
    }
    # Both settings and warnings are the process's own: one figure at a time, whoever asks.
    with _DRAWING, matplotlib.rc_context(settings), warnings.catch_warnings():
        # The reader's browser draws the text, with fonts of its own for the letters that matplotlib's lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        # Matplotlib's points become the page's pixels.
        yield Figure(figsize=(width / 72, height / 72), facecolor="none", layout="constrained")


def _svg(figure: Figure, name: str, title: str) -> str:
    """The figure as an <svg> element, without what would not fit in a page: declaration, metadata, global style."""
    for axes in figure.axes:
        axes.set_facecolor("none")
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = text.replace("xlink:href", "href").replace(INK, "currentColor")
    text = re.sub(
        r"font(?:-family)?: ([^;\"]*?px )?'DejaVu Sans'[^;\"]*",
        lambda m: f"font: {m[1]}sans-serif" if m[1] else "",
        text,
    )
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'(url\(|href=")#', rf"\g<1>#{name}-", text)
    text = re.sub(r"base64,[^\"]*", lambda m: m[0].replace("\n", ""), text)
    text = re.sub(r"\s*\n\s*", " ", text)
    width, height = (float(size) for size in re.findall(r'(?:width|height)="([\d.]+)pt"', text)[:2])
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="{name}-title" '
        f'font-family="{_FONT}" stroke-linejoin="round">'
        f'<title id="{name}-title">{escape(title)}</title>'
    )
    return start + text[text.index(">") + 1 :].strip() + "\n"
