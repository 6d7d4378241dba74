"""Whether the hub answers, asked once and for a short time: its own clients try again and again for a minute."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.parse
import urllib.request

PATIENCE = 2.5
"""Seconds for the hub to answer. Unasked, `load_dataset` gives up after 23 s and timm after 46 s."""


SILENCE = 30.0
"""Seconds for which a hub that gave no answer is not asked again: many rungs may want weights of it."""
_silent: dict[str, tuple[float, str]] = {}


def offline() -> bool:
    """Whether HF_HUB_OFFLINE forbids to ask at all."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def unreachable(page: str, patience: float = PATIENCE) -> str | None:
    """Why the hub does not give a page such as `datasets/ylecun/mnist` now, or None when it does."""
    from huggingface_hub import constants

    hub = constants.ENDPOINT
    host = urllib.parse.urlsplit(hub).netloc or hub
    since, before = _silent.get(hub, (0.0, ""))
    if before and time.monotonic() - since < SILENCE:
        return before
    answer = [f"no answer in {patience:g} s"]

    def ask() -> None:
        address = f"{hub}/api/{urllib.parse.quote(page)}"
        request = urllib.request.Request(address, headers={"User-Agent": "escalera"})
        try:
            with urllib.request.urlopen(request, timeout=patience):
                answer[0] = ""
        except urllib.error.HTTPError as error:
            answer[0] = f"it answered {error.code} {error.reason}"
            answered.set()
            error.close()
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            answer[0] = f"{getattr(reason, 'strerror', None) or reason} ({host})"

    answered = threading.Event()
    # In a thread, since no timeout covers the search for the host's address.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience)
    if answer[0] and not answered.is_set():
        _silent[hub] = (time.monotonic(), answer[0])
    return answer[0] or None
