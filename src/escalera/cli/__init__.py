"""The command line: it reads options, calls one function, and prints what comes of it."""

from escalera.cli.app import app, main

# Each declares its commands, which the help lists in this order.
# isort: off
from escalera.cli import training, beginning, building, asking, checking, looking, storage  # noqa: F401
# isort: on

__all__ = ["app", "main"]
