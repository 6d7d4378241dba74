"""What was found of new pictures beside those of a run, for Python and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from escalera.core.extras import pandas
from escalera.experiment.notebook import line_html, list_html, table_html

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 10


class Check(dict[str, Any]):
    """What was found of new pictures: the keys and values of `escalera check --json`, as `alike`, `p` and `unlike`."""

    def table(self) -> pd.DataFrame:
        """A row for each new picture, the least alike first: its `p`, `p_bh` (corrected), and whether it stands out."""
        columns = ["file", "row", "class", "p", "p_bh", "unlike"]
        return pandas().DataFrame(self["pictures"], columns=columns)

    def _repr_html_(self) -> str:
        verdict = "alike" if self["alike"] else "differ in their classes" if self["reason"] == "classes" else "differ"
        parts = [
            line_html(f"{self['rows']:,} new, {self['reference']:,} of the run:", f"{verdict}, p = {self['p']:.3g}"),
            line_html("Stand out:", self["unlike"]),
            table_html(self.table().head(_SHOWN), index=False),
            list_html("Not read:", [f"{one['file']}: {one['error']}" for one in self["skipped"]]),
            list_html("Notes:", self["notes"]),
        ]
        return "".join(parts)
