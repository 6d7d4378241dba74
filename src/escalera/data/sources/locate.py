"""Where a source is: a path as given, a name below the data roots, the cache, or the hub; and in which form.

A source is a folder of classes, a table (parquet or CSV, a file or a folder with one a split), or a .npz of arrays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from escalera.core.errors import DataError, closest, nearest
from escalera.core.neighbours import holds_ladder, near
from escalera.data.cache import folders, inventory
from escalera.data.home import expanded, is_there
from escalera.data.readers.array_names import holds_arrays
from escalera.data.readers.listing import left_by_system
from escalera.data.readers.table_files import TABLES, table_files
from escalera.data.sources import hub
from escalera.data.sources.registry import KNOWN

_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def locate(name: str, data_root: Path | None, cache_dir: Path, beside: Path | None = None) -> Path:
    """The file or folder of a source, downloaded where only the hub has it.

    A known name is looked for below the data roots and on the hub alone, so that a folder that happens to be called so
    does not take its place; any other is first taken as a path, from here and then from the folder `beside`, where its
    ladder lies. Raises DataError with every place looked at.
    """
    found, looked = _search(name, data_root, beside)
    if found:
        return found
    address = _address(name)
    if address is None:
        raise _absent(_unknown(name, data_root, ": ", beside), name, looked, _neighbour(name, beside))
    return _from_hub(name, address, cache_dir, looked, _neighbour(name, beside))


def place_of(name: str, data_root: Path | None, beside: Path | None = None) -> Path | None:
    """The file or folder of a source on this machine; None for one that is known by name, or is not here."""
    return None if name in KNOWN else _search(name, data_root, beside)[0]


def around(folder: Path, name: str, data_root: Path | None, beside: Path | None = None) -> Path | None:
    """The folder of a source in which another one would lie among its pictures or tables; None where it would not."""
    found = _search(name, data_root, beside)[0]
    if found is None or not found.is_dir():
        return None
    ours, theirs = folder.resolve(), found.resolve()
    # In a folder with tables nobody looks at a folder; anywhere else each is a class.
    inside = theirs in ours.parents and form(found) in ("folders", None)
    return found if ours == theirs or inside else None


def nowhere(name: str, data_root: Path | None, beside: Path | None = None) -> str | None:
    """Why a source cannot be had, in one line, or None; nobody is asked for what only the hub may have."""
    try:
        if KNOWN.get(name) or _search(name, data_root, beside)[0] or _address(name):
            return None
    except DataError as error:
        return str(error).removeprefix("data.source: ")
    unknown = _unknown(name, data_root, "; ", beside)
    stop = "" if unknown.endswith("?") else "."
    where = "here, beside the ladder, or below --data-root or ESCALERA_DATA"
    return f"{unknown}{stop} There is no such file or folder {where}"


def _search(name: str, data_root: Path | None, beside: Path | None) -> tuple[Path | None, list[str]]:
    """A source on this machine, but for the downloads, and every place that was looked at."""
    looked: list[str] = []
    given = expanded(name, "data.source")
    if name not in KNOWN:
        if not name.strip("./ "):
            raise DataError(f"data.source: expected a name or the path of a file or folder, received '{name}'.")
        places = {"as a path": given}
        if beside is not None and not given.is_absolute():
            places["beside the ladder"] = beside / given
        for label, place in places.items():
            if not is_there(place):
                looked.append(f"{label}: no {place.absolute()}")
            elif holds_ladder(place):
                # With --out . the runs of a ladder have its name, and often that of its source too.
                looked.append(f"{label}: the runs of a ladder in {place.absolute()}")
            else:
                return place, looked
    for option, root in data_roots(data_root).items():
        if root is None:
            looked.append(f"{option}: not given")
        elif found := _below(root, name):
            return found, looked
        else:
            looked.append(f"{option}: no {root / name}")
    return None, looked


def _address(name: str) -> str | None:
    """Where the hub has a source, or would have it."""
    known = KNOWN.get(name)
    return known.hub if known else name if _HUB.fullmatch(name) else None


def _neighbour(name: str, beside: Path | None) -> Path | None:
    """The file or folder, from here or from beside the ladder, that a path of another spelling was meant to be."""
    if name in KNOWN or not name.strip("./ "):
        return None
    given = expanded(name, "data.source")
    if found := near(given):
        return found
    found = near(beside / given) if beside is not None and not given.is_absolute() else None
    return found.relative_to(beside) if found and beside and found.is_relative_to(beside) else found


def _unknown(name: str, data_root: Path | None, colon: str, beside: Path | None) -> str:
    if (guess := _neighbour(name, beside)) and ("/" in name or not closest(name, KNOWN)):
        return f"unknown source '{name}'{colon}did you mean '{guess}'?"
    there = [path.name for root in _roots(data_root) for path in _sources(root)]
    return f"unknown source '{name}'{colon}{nearest(name, dict.fromkeys([*KNOWN, *there]))}"


def data_roots(data_root: Path | None) -> dict[str, Path | None]:
    """The folders that may hold sets, in the order in which they are looked at, by the option that names them."""
    named = os.environ.get("ESCALERA_DATA")
    return {"--data-root": data_root, "ESCALERA_DATA": expanded(named, "ESCALERA_DATA") if named else None}


def catalogue(data_root: Path | None, cache_dir: Path | None = None) -> list[dict[str, str | None]]:
    """What is known and what is there: each source's name, where it is (None: not here), its form, and its hub address.

    What comes with a library is where the library is, in no form.
    """
    cached = cache_dir or folders.cache_root()
    roots = _roots(data_root)
    rows: list[dict[str, str | None]] = []
    for name, known in KNOWN.items():
        place = _kept(name, roots, cached)
        where = "scikit-learn" if known.hub is None else str(place) if place else None
        rows.append({"name": name, "where": where, "form": form(place) if place else None, "hub": known.hub})
    for root in roots:
        rows += [
            {"name": path.name, "where": str(path), "form": form(path), "hub": None}
            for path in _sources(root)
            if path.name not in KNOWN
        ]
    downloads = [
        entry for entry in inventory.entries(cached) if entry.kind == "downloaded" and entry.source not in KNOWN
    ]
    rows += [
        {"name": entry.source, "where": str(cached / entry.name), "form": "parquet", "hub": entry.source}
        for entry in downloads
    ]
    return rows


AtHand = Literal["here", "hub", "absent"]


def at_hand(name: str, data_root: Path | None, cache_dir: Path | None = None, *, beside: Path | None = None) -> AtHand:
    """Whether a source is on this machine, would be downloaded from the hub, or is nowhere that is known of."""
    comes_with_library = name in KNOWN and KNOWN[name].hub is None
    if comes_with_library or _downloaded(name, cache_dir or folders.cache_root()):
        return "here"
    try:
        return "here" if _search(name, data_root, beside)[0] else "hub" if _address(name) else "absent"
    except DataError:
        return "absent"


def _roots(data_root: Path | None) -> list[Path]:
    return [root for root in data_roots(data_root).values() if root and root.is_dir()]


def _kept(name: str, roots: list[Path], cache_dir: Path) -> Path | None:
    """Where a source of that name is, below the data roots or among the downloads."""
    return next((found for root in roots if (found := _below(root, name))), None) or _downloaded(name, cache_dir)


def form(path: Path) -> str | None:
    """`parquet`, `csv`, `jsonl`, `npz` or `folders`; None for what is none of them."""
    if path.is_file():
        return _form_of(path) if path.suffix.lower() in (*TABLES, ".npz") else None
    if not path.is_dir():
        return None
    files = table_files(path)
    if files:
        return _form_of(next(iter(files.values()))[0])
    if holds_arrays(path):
        return "npz"
    return "folders" if any(entry.is_dir() and not left_by_system(entry.name) for entry in path.iterdir()) else None


def _form_of(path: Path) -> str:
    return {".tsv": "csv"}.get(path.suffix.lower(), path.suffix.lower().lstrip("."))


def _below(root: Path, name: str) -> Path | None:
    """The source of a name in a data root: a folder, or a file with its ending left out; never outside the root."""
    if not name.strip("./ ") or Path(name).is_absolute() or ".." in Path(name).parts:
        return None
    for path in (root / name, *(root / f"{name}{suffix}" for suffix in (*TABLES, ".npz"))):
        if is_there(path):
            return path
    return None


def _sources(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        if not path.name.startswith(".") and form(path):
            yield path


def _downloaded(name: str, cache_dir: Path) -> Path | None:
    folder = cache_dir / f"hub-{name.replace('/', '--')}"
    return folder if is_there(folder) and folder.is_dir() else None


def _from_hub(name: str, address: str, cache_dir: Path, looked: list[str], neighbour: Path | None) -> Path:
    if found := _downloaded(name, cache_dir):
        return found
    folder = f"hub-{name.replace('/', '--')}"
    looked.append(f"the cache: no {cache_dir / folder}")
    if reason := hub.unreachable(address):
        looked.append(f"the hub: {address}: {reason}")
        what = f"'{name}' is not on this machine, and the hub cannot be reached."
        raise _absent(f"{what} Did you mean '{neighbour}'?" if neighbour else what, name, looked, neighbour)
    try:
        return folders.stored(cache_dir, folder, lambda aside: hub.fetch(address, aside))
    except DataError as error:
        what = f"{error} Did you mean '{neighbour}'?" if neighbour else str(error)
        raise _absent(what, name, looked, neighbour) from error


def _absent(what: str, name: str, looked: list[str], neighbour: Path | None) -> DataError:
    places = "".join(f"\n  {place}" for place in looked)
    put = (
        f"\nPut it in <data-root>/{name}, as folders of classes, train.parquet, a CSV or a .npz, and name <data-root> "
        "with --data-root or ESCALERA_DATA."
    )
    return DataError(f"{what}\nLooked at:{places}{'' if neighbour else put}")
