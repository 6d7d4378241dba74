"""What `pip` and the shell have: the extras, the browser of the tests, the completion of commands."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from escalera.cli.doctor.check import Check, State
from escalera.core.extras import EXTRAS, install_line, is_installed
from escalera.core.language import Language

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_COMPLETIONS = {
    "bash": ".bash_completions/escalera.sh",
    "zsh": ".zfunc/_escalera",
    "fish": ".config/fish/completions/escalera.fish",
}
"""Where `--install-completion` writes, by the name of the shell, below the home."""


def extras(words: Language) -> Iterator[Check]:
    """A line for each extra that a user may want."""
    here = {name: [one for one in libraries if is_installed(one)] for name, libraries in EXTRAS.items()}
    works = any(len(here[name]) == len(EXTRAS[name]) for name in ("train", "serve"))
    for name, libraries in EXTRAS.items():
        purpose = words.say(f"extra.{name}")
        absent = [one for one in libraries if one not in here[name]]
        if not absent:
            yield Check(name, "ok", purpose)
            continue
        # With neither of them nothing can be trained or asked.
        state: State = "missing" if works or name not in ("train", "serve") else "broken"
        if here[name]:  # a part of it: somebody wanted it, or it came with something else
            purpose = words.say("doctor.absent", purpose=purpose, names=", ".join(absent))
        yield Check(name, state, purpose, install_line(name))


def browser(words: Language) -> Check:
    """Chromium and its driver, which tests of pages need and nothing else."""
    text = words.say("doctor.browser")
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found and shutil.which("chromedriver"):
        return Check("browser", "ok", text)
    command = "sudo apt install chromium chromium-driver" if shutil.which("apt") else ""
    return Check("browser", "missing", text, command or "https://googlechromelabs.github.io/chrome-for-testing/")


def completion(words: Language) -> Check:
    """Whether the shell completes our commands, as far as the files of the shells that we know say so."""
    shell = Path(os.environ.get("SHELL", "")).name
    command = "escalera --install-completion"
    if shell not in _COMPLETIONS:
        return Check("completion", "missing", words.say("doctor.completion_unknown"), command)
    try:
        there = (Path.home() / _COMPLETIONS[shell]).is_file()
    except RuntimeError:  # nobody's home
        there = False
    text = words.say("doctor.completion", shell=shell)
    return Check("completion", "ok", text) if there else Check("completion", "missing", text, command)
