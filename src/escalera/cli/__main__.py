"""`python -m escalera.cli`, as torchrun begins it."""

from escalera.cli import main

main()
