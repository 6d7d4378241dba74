"""What a person reads in the terminal, in English or Spanish."""

from escalera.cli.terminal.narrator import Narrator
from escalera.cli.terminal.runs import print_runs
from escalera.cli.terminal.side_by_side import SideBySide
from escalera.cli.terminal.tables import kinds_table, print_faults, print_plan, print_rungs
from escalera.cli.terminal.words import load_terminal

__all__ = [
    "Narrator",
    "SideBySide",
    "kinds_table",
    "load_terminal",
    "print_faults",
    "print_plan",
    "print_rungs",
    "print_runs",
]
