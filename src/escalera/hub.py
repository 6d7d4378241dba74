"""Whether the hub answers, asked once and for a short time: its own clients try again and again for a minute."""

from __future__ import annotations

import threading
import urllib.error
import urllib.parse
import urllib.request

PATIENCE = 2.5
"""Seconds for the hub to answer. Unasked, `load_dataset` gives up after 23 s and timm after 46 s."""


def offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids to ask at all."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def unreachable(page: str, patience: float = PATIENCE) -> str | None:
    """Why the hub does not give a page such as `datasets/ylecun/mnist` now, or None when it does."""
    from huggingface_hub import constants

    answer = [f"no answer in {patience:g} s"]

    def ask() -> None:
        address = f"{constants.ENDPOINT}/api/{urllib.parse.quote(page)}"
        request = urllib.request.Request(address, headers={"User-Agent": "escalera"})
        try:
            with urllib.request.urlopen(request, timeout=patience):
                answer[0] = ""
        except urllib.error.HTTPError as error:
            answer[0] = f"it answered {error.code} {error.reason}"
            error.close()
        except (OSError, ValueError) as error:
            answer[0] = str(getattr(error, "reason", error))

    # In a thread, since no timeout covers the search for the host's address.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience)
    return answer[0] or None
