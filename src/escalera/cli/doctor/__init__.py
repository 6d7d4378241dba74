"""What this machine offers, what is missing of it, and the command that mends it."""

from escalera.cli.doctor.check import Check
from escalera.cli.doctor.facts import examine
from escalera.cli.doctor.found import checks, table

__all__ = ["Check", "checks", "examine", "table"]
