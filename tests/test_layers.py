"""The house: thirteen rooms, imports that point downwards only, no circles, and few rooms that know a configuration."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "escalera"

FLOORS = [
    {"cli"},
    {"studio"},
    {"experiment"},
    {"inference", "run"},
    {"report"},
    {"builders"},
    {"ladder"},
    {"train", "evaluate"},
    {"models"},
    {"data"},
    {"core"},
]
LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor}
DOORS = ["__init__.py", "__main__.py"]
"""`import escalera` and `python -m escalera`, above all rooms."""
KNOW_LADDER = {"cli", "studio", "experiment", "inference", "run", "builders", "ladder"}


def name_of(path: Path) -> str:
    """`data.splits` for data/splits.py, `data` for data/__init__.py."""
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, modules: set[str]) -> Iterator[str]:
    """The modules of the package that a file imports, inside its functions and for the type checker alone too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = (alias.name for alias in node.names if alias.name.split(".")[0] == "escalera")
            yield from (name.removeprefix("escalera.") for name in names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = str(node.module)
            if base.split(".")[0] == "escalera":
                base = base.removeprefix("escalera").removeprefix(".")
                for alias in node.names:
                    below = f"{base}.{alias.name}".removeprefix(".")
                    yield below if below in modules else base


def graph() -> dict[str, set[str]]:
    doors = [SOURCE / name for name in DOORS]
    files = {name_of(path): path for path in SOURCE.rglob("*.py") if path not in doors}
    return {name: set(imports(path, set(files))) - {name} for name, path in files.items()}


def room(module: str) -> str:
    return module.split(".")[0]


def test_every_room_has_a_floor() -> None:
    assert {room(module) for module in graph()} == set(LEVEL)
    assert len([folder for folder in SOURCE.iterdir() if (folder / "__init__.py").exists()]) == 13
    assert sorted(file.name for file in SOURCE.glob("*.py")) == DOORS


def test_nothing_imports_the_front_door() -> None:
    """`import escalera` is for users: its functions stand above all rooms."""
    assert [module for module, others in graph().items() if others & {"", "escalera"}] == []


def test_imports_point_downwards() -> None:
    wrong = [
        f"{module} imports {other}"
        for module, others in graph().items()
        for other in others
        if room(other) != room(module) and LEVEL[room(other)] <= LEVEL[room(module)]
    ]
    assert wrong == []


def test_no_file_imports_itself_through_others() -> None:
    assert circle(graph()) == []


def test_only_the_upper_floors_know_a_configuration() -> None:
    found = {room(module) for module, others in graph().items() if "ladder" in map(room, others)}
    assert found - KNOW_LADDER == set()


def test_the_walk_sees_every_import(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import escalera.cli\n"
        "def f():\n    from escalera import builders\n    from escalera.data.splits import split\n"
    )
    assert set(imports(file, {"builders", "data.splits"})) == {"cli", "builders", "data.splits"}
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


def circle(edges: dict[str, set[str]]) -> list[str]:
    """The modules of a circle, in its order; empty where there is none."""
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> list[str]:
        if module in way:
            return way[way.index(module) :]
        if module in done:
            return []
        for other in sorted(edges.get(module, ())):
            if found := visit(other, [*way, module]):
                return found
        done.add(module)
        return []

    return next((found for module in sorted(edges) if (found := visit(module, []))), [])
