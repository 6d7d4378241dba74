"""The table of a network's layers in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from escalera.core.language import Language

if TYPE_CHECKING:
    from escalera.models.summary import Summary


def layer_table(summary: Summary, words: Language) -> Table:
    """What each layer puts out and how many parameters it has; of a deep network one row for each of its stages."""
    from escalera.models.summary import stages

    table = Table(box=None, padding=(0, 2), header_style="dim", show_edge=False)
    for column, justify in (("layer", "left"), ("output", "left"), ("parameters", "right")):
        table.add_column(words.say(f"layers.{column}"), justify=justify)  # type: ignore[arg-type]
    for stage in stages(summary.layers):
        last = stage.layers[-1]
        name = last.name if len(stage.layers) == 1 else stage.name
        branch = f"{name.split('.')[2]}: " if name.startswith("body.branches.") else ""
        layers = words.count(len(stage.layers), "layer")
        kind = f"{branch}{last.kind}" if len(stage.layers) == 1 else f"{name.removeprefix('body.')}: {layers}"
        frozen = f" ({words.say('layers.frozen')})" if stage.frozen else ""
        count = words.number(stage.parameters) if stage.parameters else ""
        table.add_row(f"{escape(kind)}{frozen}", " x ".join(map(str, last.output_shape)), count)
    return table
