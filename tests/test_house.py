"""The size of things: functions that are read at one look, signatures that are remembered, files of one idea."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "escalera"
LONGEST, MOST, TALLEST = 60, 8, 300
"""Lines of a function, parameters without `self`, lines of a file."""

LONG_FUNCTIONS = {
    "train/loop.py train": "the loop: all that every run needs is visible in one place",
    "cli/training.py climb": "a command: typer reads its options, with their help, from the signature",
    "cli/asking.py predict": "a command: typer reads its options, with their help, from the signature",
    "cli/looking.py explore": "a command: typer reads its options, with their help, from the signature",
}
LONG_SIGNATURES = {
    "__init__.py auto": "what Python offers: a parameter is an option of the command",
    "__init__.py climb": "what Python offers: a parameter is an option of the command",
    "experiment/climb.py climb": "the climb behind both, for listeners and executors of one's own",
    "cli/building.py auto": "a command: a parameter is an option",
    "experiment/auto/auto.py auto": "what is behind both, as experiment/climb.py is behind the climb",
    "train/loop.py train": "the loop: what every run needs, as plain arguments",
    "cli/training.py climb": "a command: a parameter is an option",
    "cli/asking.py predict": "a command: a parameter is an option",
    "cli/asking.py studio": "a command: a parameter is an option",
    "cli/looking.py explore": "a command: a parameter is an option",
}
TALL_FILES: dict[str, str] = {}


def functions(text: str) -> Iterator[tuple[str, int, int]]:
    """Each function's name, its lines with decorators, and its parameters; those inside others and of classes too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            given = node.args
            names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
            names += [one.arg for one in (given.vararg, given.kwarg) if one]
            count = len([name for name in names if name not in ("self", "cls")])
            yield node.name, int(node.end_lineno or first) - first + 1, count


@pytest.fixture(scope="module")
def found() -> list[tuple[str, int, int]]:
    return [
        (f"{path.relative_to(SOURCE).as_posix()} {name}", lines, count)
        for path in sorted(SOURCE.rglob("*.py"))
        for name, lines, count in functions(path.read_text(encoding="utf-8"))
    ]


def test_functions_are_read_at_one_look(found: list[tuple[str, int, int]]) -> None:
    assert {name for name, lines, _ in found if lines > LONGEST} == set(LONG_FUNCTIONS)


def test_signatures_are_remembered(found: list[tuple[str, int, int]]) -> None:
    assert {name for name, _, count in found if count > MOST} == set(LONG_SIGNATURES)


def test_a_file_is_one_idea() -> None:
    tall = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if len(path.read_text(encoding="utf-8").splitlines()) > TALLEST
    }
    assert tall == set(TALL_FILES)


def test_the_walk_counts_what_a_person_would() -> None:
    text = (
        "@a\n@b\ndef f(self, x, /, y, *z, k, **more):\n    def g():\n        1\nclass C:\n    async def h(cls): ...\n"
    )
    assert sorted(functions(text)) == [("f", 5, 5), ("g", 2, 0), ("h", 1, 0)]
