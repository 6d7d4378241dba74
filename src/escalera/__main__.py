"""The command line as `python -m escalera`, also for launchers that begin a module."""

from escalera.cli import main

if __name__ == "__main__":
    main()
