"""What a ladder can build: the model kinds with their settings, and the networks of timm by name."""

from __future__ import annotations

import difflib
from typing import Any

from escalera.core.errors import EscaleraError, nearest
from escalera.ladder.fields import Node, describe, section, tagged


def kinds() -> list[dict[str, Any]]:
    """Every model kind: its name, what it is, and its settings; the head, which all share, comes last."""
    choice = tagged(section("RungConfig")["properties"]["model"])
    assert choice is not None
    found = [*choice[1].items(), ("head", section("Head"))]
    return [{"kind": name, "description": node["description"], "settings": _settings(node)} for name, node in found]


def find(pattern: str) -> dict[str, Any]:
    """The kind of that name, and the networks of timm whose names hold the pattern, with their weights.

    `*` and `?` stand for any letters. Raises EscaleraError, with the nearest names, when nothing fits.
    """
    import timm

    word = pattern.lower()
    wanted = word if set(word) & set("*?[") else f"*{word}*"
    weights: dict[str, list[str]] = {}
    for name in timm.list_models(wanted, pretrained=True):
        network, _, tag = name.partition(".")
        weights.setdefault(network, []).append(tag)
    # Those that begin with the word come first: vgg16 before repvgg.
    names = sorted(timm.list_models(wanted), key=lambda name: not name.startswith(word))
    matching = [kind for kind in kinds() if kind["kind"] == word]
    if not names and not matching:
        known = [*(kind["kind"] for kind in kinds()), *timm.list_models()]
        close = difflib.get_close_matches(word, known, n=5, cutoff=0.6)
        several = len(close) > 1
        guess = f"the nearest are {', '.join(close)}" if several else nearest(word, close or known[: len(kinds())])
        raise EscaleraError(f"no model kind and no network of timm is called '{pattern}'; {guess}")
    return {"kinds": matching, "networks": [{"name": name, "weights": weights.get(name, [])} for name in names]}


def _settings(node: Node) -> list[dict[str, Any]]:
    required = node.get("required", [])
    return [
        {
            "key": key,
            "expects": describe(child),
            "required": key in required,
            "default": child.get("default"),
            "description": child.get("description", ""),
        }
        for key, child in node["properties"].items()
        if key not in ("kind", "head")
    ]
