"""What a ladder that builds itself is called, for the command and for whoever watches it."""

from __future__ import annotations

from pathlib import Path

from escalera.core.auto_record import FOLDER
from escalera.core.names import LONGEST
from escalera.core.store import is_url
from escalera.experiment.explore import folder_name
from escalera.experiment.first_ladder import name_of_source
from escalera.experiment.ladder_file import NAME as LADDER


def free_name(source: str, out: str | Path, file: Path | None = None) -> str:
    """The name of the source, with `-auto` behind it where a ladder of a person's has that, in `file` or in `out`."""
    name = name_of_source(source)
    if is_url(out):
        return name  # an earlier call may have begun it, and this one goes on
    for begun in (name, folder_name(source)):  # as explore calls its folder: the name in earlier versions
        if (Path(out) / begun / FOLDER).exists():
            return begun
    taken = (file is None and Path(f"{name}.yaml").exists()) or (Path(out) / name / LADDER).exists()
    return f"{name[: LONGEST - 5]}-auto" if taken else name
