"""Files beside pictures that say their classes and are not read: annotations, lists, sheets; and what to do then."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from escalera.core.names import same
from escalera.data.readers.formats import NOT_READ, PICTURES
from escalera.data.readers.listing import left_by_system, shown
from escalera.data.readers.name_pattern import suggestion
from escalera.data.readers.split_folders import entries, is_picture

NEARLY_ALL = 0.9
_TEXTS = (".txt", ".json", ".xml")
_LISTS = (*_TEXTS, ".xlsx", ".xls", ".xlsm", ".ods", ".numbers", ".mat")
_ANNOTATIONS = {"annotations", "annotation", "labels", "label", "anns", "xml", "xmls", "json", "txt", "labelme", "coco"}
_ABOUT = re.compile(r"(readme|licen[sc]e|changelog|notes?)\b.*", re.IGNORECASE)
_BOXES = re.compile(r"(\s*\d+(\s+-?\d+(\.\d+)?(e-?\d+)?){4,}\s*(\n|$))+", re.IGNORECASE)
_HEAD = 20_000
"""Characters of a file that tell whose annotations it holds; COCO has its images before its annotations."""


def own_texts(path: Path, files: Sequence[str], others: Sequence[str]) -> str:
    """What is said where nearly every picture has a text file of its own name, as YOLO and LabelMe write them."""
    texts = {_stem(name): name for name in others if _ending(name) in _TEXTS}
    if not texts:
        return ""
    pairs = [(file, texts[_stem(file)]) for file in files if _stem(file) in texts]
    if len(pairs) < max(2, NEARLY_ALL * len(files)):
        return ""
    file, text = pairs[0]
    return (
        f"{len(pairs):,} of {len(files):,} pictures have a text file of the same name beside them, as {shown(file)} "
        f"and {shown(text)}. {_not_read(path / text)} {to_make(path, file)}"
    )


def annotated(path: Path, found: Mapping[str, Sequence[str]], others: Sequence[str]) -> str:
    """What is said where a folder beside those of pictures holds annotations and no pictures."""
    kept = [name for name, files in found.items() if files]
    for name, files in found.items():
        texts = [other for other in others if other.startswith(f"{name}/") and _ending(other) in _TEXTS]
        if not files and texts and (len(kept) == 1 or name.casefold() in _ANNOTATIONS):
            file = found[kept[0]][0]
            return (
                f"the folder '{name}' holds text files and no pictures, as {shown(texts[0])}. "
                f"{_not_read(path / texts[0])} {to_make(path, file)}"
            )
    return ""


def lists(path: Path, found: Mapping[str, Sequence[str]]) -> str:
    """What is said of the files beside a single folder of pictures."""
    kept = [name for name, files in found.items() if files]
    names = _lists_in(path)
    if len(kept) != 1 or not names:
        return ""
    return (
        f"all pictures are in the folder '{kept[0]}', which would be a single class. "
        f"{_save(path, names, found[kept[0]][0])}"
    )


def of_one_folder(path: Path) -> str:
    """What is said of a folder whose pictures lie in no folders of classes: files beside them, or a pattern."""
    names = [entry.name for entry in entries(path) if entry.is_file() and not left_by_system(entry.name)]
    files = [name for name in names if is_picture(path, name)]
    if not files:
        return "".join(f" Save {shown(name)} as CSV." for name in _sheets(names)[:1])
    if about := own_texts(path, files, [name for name in names if name not in files]):
        return f" {about}"
    if lying := _lists_in(path):
        return f" {_save(path, lying, files[0])}{suggestion(files)}"
    return suggestion(files)


def _not_read(text: Path) -> str:
    kind = _kind(text)
    return f"Annotations of {kind} are not read." if kind else "Such text files are not read."


def _kind(text: Path) -> str | None:
    """Whose annotations a file holds, by what is written in it."""
    try:
        with text.open(encoding="utf-8", errors="replace") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    ending = _ending(text.name)
    if ending == ".txt":
        whole = head if len(head) < _HEAD else head.rpartition("\n")[0]
        return "YOLO" if _BOXES.fullmatch(whole) else None
    if ending == ".xml":
        return "Pascal VOC" if "<annotation" in head else None
    if '"imagePath"' in head or '"shapes"' in head:
        return "LabelMe"
    return "COCO" if '"images"' in head or '"categories"' in head or '"annotations"' in head else None


def to_make(path: Path, file: str) -> str:
    """The table to make, by a line of it."""
    return f"Make a CSV in {path} with {_columns(file)}."


def _columns(file: str) -> str:
    return f"the columns path,label and lines such as {shown(file)},<class>"


def _save(path: Path, names: Sequence[str], file: str) -> str:
    listed = ", ".join(map(shown, names[:5])) + (", ..." if len(names) > 5 else "")
    if len(names) == 1:
        return f"The file {listed} is not read. Save what it says as CSV in {path}, with {_columns(file)}."
    return f"The files {listed} are not read. Save what they say as CSV in {path}, with {_columns(file)}."


def _lists_in(path: Path) -> list[str]:
    names = [entry.name for entry in entries(path) if entry.is_file() and not left_by_system(entry.name)]
    return [name for name in names if _ending(name) in _LISTS and not _ABOUT.fullmatch(name)]


def _sheets(names: Sequence[str]) -> list[str]:
    return [name for name in names if _ending(name) in (*_LISTS, ".feather") and _ending(name) not in (".txt", ".xml")]


def _ending(name: str) -> str:
    return name[name.rfind(".") :].lower()


def _stem(name: str) -> str:
    """A name without its ending, to compare; 'a.b.jpg' and 'A.B.txt' are of one name, however it is spelt."""
    head, dot, ending = name.rpartition(".")
    known = f".{ending.lower()}" in (*_TEXTS, *PICTURES, *NOT_READ)
    return same(head if dot and known else name)
