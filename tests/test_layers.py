"""Imports point downwards only, and only two modules know a configuration."""

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "escalera"

FLOORS = [
    {"cli"},
    {"studio", "interface"},
    {"climbing", "doctor", "exploring", "prediction", "catalogue", "inventory"},
    {"illustration", "attempt"},
    {"rung", "plan", "predictor", "voting"},
    {"trained", "beside", "filing", "ballot", "ladderfile"},
    {"build", "standing"},
    {"lineage"},
    {"terminal"},
    {"ladder", "report", "train", "vote"},
    {"evaluate"},
    {"models", "data", "keeping"},
    {"meant"},
    {"rundir", "locking", "runtime", "hub", "csvtext", "names"},
    {"language", "translation"},
    {"errors"},
]
LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor}
KNOW_LADDER = {
    "cli",
    "interface",
    "illustration",
    "climbing",
    "exploring",
    "catalogue",
    "plan",
    "rung",
    "voting",
    "predictor",
    "trained",
    "beside",
    "filing",
    "ballot",
    "build",
    "standing",
    "attempt",
    "ladderfile",
    "inventory",
    "lineage",
    "ladder",
}


def imports(path: Path) -> set[str]:
    """The rooms that a file imports, also inside its functions; what serves the type checker alone does not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {
                f"{node.module}.{alias.name}" if node.module == "escalera" else str(node.module) for alias in node.names
            }
    return {name.split(".")[1] for name in found if name.startswith("escalera.")}


def rooms() -> list[tuple[str, Path]]:
    files = [path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).as_posix() != "__init__.py"]
    return [(path.relative_to(SOURCE).parts[0].removesuffix(".py"), path) for path in files]


def test_every_room_has_a_floor() -> None:
    assert {room for room, _ in rooms()} == set(LEVEL)


def test_imports_point_downwards() -> None:
    wrong = [
        f"{path.relative_to(SOURCE)} imports {other}"
        for room, path in rooms()
        for other in imports(path)
        if other != room and LEVEL[other] <= LEVEL[room]
    ]
    assert wrong == []


def test_only_the_upper_floors_know_a_configuration() -> None:
    wrong = [
        str(path.relative_to(SOURCE)) for room, path in rooms() if "ladder" in imports(path) and room not in KNOW_LADDER
    ]
    assert wrong == []


def test_the_walk_sees_an_import_inside_a_function(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import escalera.cli\n"
        "def f():\n    from escalera import build\n"
    )
    assert imports(file) == {"build"}
