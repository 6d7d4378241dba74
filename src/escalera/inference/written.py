"""Answers as they are written: a table for spreadsheets, or JSON."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from escalera.core.errors import DataError, RunError
from escalera.core.files import write_aside
from escalera.core.rights import why_shut


def as_csv(answers: Sequence[Mapping[str, Any]], top: int) -> str:
    """Answers as a table for spreadsheets: a row for each, the likeliest classes beside one another."""
    from escalera.core.csvtext import csv_text

    count = max(len(answer["classes"]) for answer in answers)
    table = any(answer["row"] is not None for answer in answers)
    filled = any(answer["filled_in"] for answer in answers)
    sets = any("set" in answer for answer in answers)
    more = [name for place in range(2, min(top, count) + 1) for name in (f"class_{place}", f"probability_{place}")]
    header = [
        "file",
        *(["row"] if table else []),
        "class",
        "probability",
        *more,
        *(["set"] if sets else []),
        *(["filled_in"] if filled else []),
        "error",
    ]
    rows = []
    for answer in answers:
        cells = [cell for one in answer["classes"] for cell in (one["name"], round(one["probability"], 6))]
        cells += [None] * (2 + len(more) - len(cells))
        unknown = [", ".join(answer["filled_in"])] if filled else []
        held = ["; ".join(answer.get("set", []))] if sets else []
        rows.append([answer["file"], *([answer["row"]] if table else []), *cells, *held, *unknown, answer["error"]])
    return csv_text(header, rows)


def write_answers(path: Path, answers: Sequence[Mapping[str, Any]], top: int) -> None:
    """Write answers into a file whose ending says how: .csv, or .json. Raises DataError for another."""
    if path.suffix.lower() == ".json":
        content = (json.dumps(list(answers), indent=2, ensure_ascii=False) + "\n").encode()
    else:
        # Excel takes a file for another encoding where this mark is absent.
        content = as_csv(answers, top).encode("utf-8-sig")
    write_aside(path, lambda file: file.write(content), named=True)


def check_writing(out: Path | None, *, csv: bool, json: bool) -> None:
    """Raise DataError for a name that does not say how answers are to be written, and for two ways at once.

    RunError where nothing can be written there: thousands of pictures would have been read in vain.
    """
    if csv and json:
        raise DataError("expected --csv or --json, received both; --out takes the other one")
    if out is not None and out.suffix.lower() not in (".csv", ".json"):
        raise DataError(f"--out {out}: expected a name that ends in .csv or .json")
    if out is not None and (why := os.strerror(errno.EISDIR) if out.is_dir() else why_shut(out.parent)):
        raise RunError(f"could not write {out}: {why}. Give another file.")
