"""One line that names the machine a figure was measured on."""

import torch

from escalera.core.runtime import choose_precision, describe


def machine() -> str:
    facts = describe(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    auto = choose_precision("auto", torch.device("cpu"))
    return (
        f"{facts['gpu'] or facts['cpu']}, {facts['cores']} cores, {facts['threads']} threads, auto = {auto}, "
        f"torch {facts['torch']}, Python {facts['python']}, {facts['date']}"
    )
