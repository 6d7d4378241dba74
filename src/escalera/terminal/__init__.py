"""What a person reads in the terminal, in English or Spanish."""

from escalera.terminal.narrator import Narrator
from escalera.terminal.runs import print_runs
from escalera.terminal.tables import kinds_table, print_plan, print_rungs
from escalera.terminal.words import load_terminal

__all__ = ["Narrator", "kinds_table", "load_terminal", "print_plan", "print_rungs", "print_runs"]
