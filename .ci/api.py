"""Write docs/api.md, the reference of what `import escalera as esc` offers, from signatures and docstrings.

python .ci/api.py          writes it
python .ci/api.py --check  says whether it is current; the exit code is 1 where it is not
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import escalera as esc

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "api.md"
HEAD = """# What Python offers

    import escalera as esc

Made from the docstrings by `python .ci/api.py`; a test says when it is not current.

In a notebook, whose last line shows itself:

```python
import escalera as esc
from sklearn.datasets import load_digits

digits = load_digits()
images = (255 / 16 * digits.images).round().astype("uint8")
results = esc.climb(
    {
        "name": "arrays",
        "rungs": [{"name": "small", "model": {"kind": "mlp", "dense": [16]}, "train": {"epochs": 2}}],
    },
    data={"train": (images[:1000], digits.target[:1000]), "test": (images[1000:], digits.target[1000:])},
    quiet=True,
)
results
```

`results` is the climb as a picture, and its table. What it is made of:

```python
results.table()  # a row for each run, with pandas
results["small"].history  # a row for each epoch
results["small"].plot_curves()  # loss, accuracy and learning rate, drawn as in the report
results["small"].predict(images[:2])  # (2, 10)
esc.load_ladder("digits")  # its rungs: what each changes, and why
```
"""
TYPES = {
    "ArraySplits": "`Mapping[str, tuple[images, labels]]`: `train`, and `validation` and `test` where there are any. "
    "Images are uint8 of shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1, 3 or 4, or (N, D) of D pixels each; "
    "other numbers with `data.range`. Labels are whole numbers or texts (N,), or (N, K) with one 1 in each row. "
    "Whatever numpy makes an array of is taken.",
    "Attributes": "`{column: value}` of a row, None where a value is not known; or a list of that.",
    "Diary": "what auto.json holds of a ladder that built itself: `.attempts`, `.kept`, `.found`.",
    "Figures": "pictures that a notebook shows by itself; `.html` holds their SVGs.",
    "Name": "`str | os.PathLike[str]`: a name, as `digits`, or a path.",
    "OnnxModel": "a network in an ONNX file: `.predict` and `.classes` as `Predictor` has them.",
    "Path": "`pathlib.Path`.",
    "Pictures": "a path, the bytes of a file, a PIL image, an array of pixels, or a list of these.",
    "Reading": "a ladder that was read: `.ladder` has its name and its rungs.",
    "RunDir": "the folder of a run: `.path`, and the paths of what lies in it.",
    "Seen": "pictures as the model sees them, made from `Pictures` before.",
    "Sets": '`str | Sequence[str] | Mapping[str, Any]`: settings on top of every rung, `"train.epochs=5"`, several in '
    'a list, or `{"train.epochs": 5}`.',
    "Verdict": '`"better"`, `"worse"` or `"no evidence"`.',
}
"""The names in signatures that are neither Python's own nor described on the page."""


def main() -> None:
    """Write the page, or compare it."""
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(f"expected nothing or --check, received {' '.join(sys.argv[1:])}")
    if not sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/api.md is not current; type: python .ci/api.py")


def page() -> str:
    """The whole page."""
    public = {name: getattr(esc, name) for name in dir(esc)}
    parts = [HEAD, "## Functions\n"]
    parts += [of_function(f"esc.{name}", value) for name, value in public.items() if inspect.isfunction(value)]
    parts.append("## Classes\n")
    parts += [part for name, value in public.items() if inspect.isclass(value) for part in of_class(name, value)]
    parts += ["## Names in the signatures\n", "\n".join(f"- `{name}`: {text}" for name, text in TYPES.items()) + "\n"]
    others = [name for name, value in public.items() if not callable(value)]
    parts.append("## Values\n\n" + "\n".join(f"- `esc.{name}`: {VALUES[name]}" for name in others) + "\n")
    return "\n".join(parts)


VALUES = {"__version__": "the version that is installed, as `0.1.0`."}


def of_function(called: str, function: Any, level: str = "###") -> str:
    """A heading, the signature, and the docstring."""
    return f"{level} {called}\n\n```python\n{signature(called, function)}\n```\n\n{text(function)}\n"


def of_class(name: str, of: type) -> Iterator[str]:
    """A class: its docstring, its values, and its public methods."""
    yield f"### esc.{name}\n\n{text(of)}\n"
    if fields := getattr(of, "__dataclass_fields__", {}):
        lines = "\n".join(f"{one.name}: {one.type}" for one in fields.values())
        yield f"```python\n{lines}\n```\n"
    members = {key: value for key, value in vars(of).items() if not key.startswith("_")}
    values = [key for key, value in members.items() if isinstance(value, property | cached_property)]
    if values:
        yield "\n".join(f"- `.{key}`: {' '.join(text(members[key]).split())}" for key in values) + "\n"
    for key, value in members.items():
        if inspect.isfunction(value):
            yield of_function(f"{name}.{key}", value, "####")


def signature(called: str, function: Any) -> str:
    """The signature as it stands in the source, on several lines where it is long; `self` is left out."""
    found = inspect.signature(function)
    parts, star = [], False
    for one in found.parameters.values():
        if one.name == "self":
            continue
        if one.kind is one.KEYWORD_ONLY and not star:
            parts.append("*")
            star = True
        default = "" if one.default is one.empty else f" = {one.default!r}".replace("'", '"')
        parts.append(f"{one.name}: {one.annotation}{default}")
    returned = f" -> {found.return_annotation}"
    line = f"{called}({', '.join(parts)}){returned}"
    if len(line) <= 100:
        return line
    return "\n".join([f"{called}(", *(f"    {part}," for part in parts), f"){returned}"])


def text(value: Any) -> str:
    """A docstring, its lines at the margin."""
    return inspect.cleandoc(value.__doc__)


if __name__ == "__main__":
    main()
