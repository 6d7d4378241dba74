"""The command line. It reads options, calls one function, and prints; no logic lives here."""

from escalera.cli.app import app, main

# Each declares its commands, which the help lists in this order.
# isort: off
from escalera.cli import training, asking, looking, storage  # noqa: F401
# isort: on

__all__ = ["app", "main"]
