"""Where things are kept: the cache, the disk, data, weights, and the hub that they come from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from escalera.cli.doctor.check import Check, set_variable
from escalera.cli.doctor.facts import gibibytes
from escalera.core.extras import EXTRAS, is_installed
from escalera.core.language import Language
from escalera.core.rights import standing, why_shut
from escalera.core.translation import translate
from escalera.core.weights_root import ROOT, weights_root
from escalera.data.cache.folders import cache_root
from escalera.data.sources.locate import data_roots

_ENOUGH = 5 * 1024**3
"""Bytes free: the cache of CIFAR-10 takes 0.2 GB, a climb of ten rungs with two checkpoints each up to some GB."""
_TOO_LITTLE = 512 * 1024**2


def places(data_root: Path | None, words: Language) -> Iterator[Check]:
    """Lines of the cache, of this folder, of the disk, of data, weights and the hub."""
    cache = cache_root()
    yield _writable("cache", cache, set_variable("ESCALERA_CACHE", words.say("doctor.folder")), words)
    yield _writable("runs", Path.cwd() / "runs", f"cd {words.say('doctor.folder')}", words)
    yield _disk(cache, words)
    yield _data(data_root, words)
    yield _weights(words)
    if all(map(is_installed, EXTRAS["train"])):  # the hub's library comes with it, and needs more of it
        yield _hub(words)


def _writable(name: str, folder: Path, command: str, words: Language) -> Check:
    """Whether a folder can be written, or made where it is not there yet."""
    if reason := why_shut(folder):
        why = translate(reason, words.code)
        return Check(name, "broken", words.say("doctor.not_written", folder=folder, why=why), command)
    return Check(name, "ok", words.say("doctor.written", folder=folder))


def _disk(cache: Path, words: Language) -> Check:
    free = min(shutil.disk_usage(standing(place)).free for place in (cache, Path.cwd()))
    text = words.say("doctor.disk_free", size=gibibytes(free, words))
    if free >= _ENOUGH:
        return Check("disk", "ok", text)
    return Check("disk", "missing" if free >= _TOO_LITTLE else "broken", text, "escalera cache --clear")


def _data(data_root: Path | None, words: Language) -> Check:
    roots = [root for root in data_roots(data_root).values() if root]
    command = set_variable("ESCALERA_DATA", words.say("doctor.folder"))
    for root in roots:
        if not root.is_dir():
            return Check("data", "broken", words.say("doctor.no_folder", folder=root), command)
    if not roots:
        return Check("data", "missing", words.say("doctor.no_data"), command)
    return Check("data", "ok", ", ".join(map(str, roots)))


def _weights(words: Language) -> Check:
    root = weights_root()
    command = set_variable(ROOT, words.say("doctor.folder"))
    if root is None:
        return Check("weights", "missing", words.say("doctor.no_weights"), command)
    if not Path(root).is_dir():
        return Check("weights", "broken", words.say("doctor.no_folder", folder=root), command)
    return Check("weights", "ok", root)


def _hub(words: Language) -> Check:
    from huggingface_hub import get_token

    from escalera.core.hub import offline

    if offline():
        variable = next((one for one in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if os.environ.get(one)), "")
        return Check("hub", "missing", words.say("doctor.offline", name=variable), set_variable(variable, ""))
    if get_token() is None:
        return Check("hub", "missing", words.say("doctor.no_token"), "hf auth login")
    return Check("hub", "ok", words.say("doctor.token"))
