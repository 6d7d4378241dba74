"""A ladder that Escalera writes, as the YAML that a person would type."""

from __future__ import annotations

from typing import Any

import yaml

_WIDTH = 116


def as_yaml(value: Any) -> str:
    """A part of a ladder: keys in their order, numbers as people write them, lists of plain values on one line."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return str(text).rstrip()


def in_a_line(value: Any) -> str:
    """The same on one line: `{name: adam, lr: 0.001}`."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=True)
    return str(text).removesuffix("...\n").rstrip()


class _Dumper(yaml.SafeDumper):
    """Numbers as people write them, and lists of numbers on one line."""

    def ignore_aliases(self, data: Any) -> bool:
        """A ladder takes none."""
        return True


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    return dumper.represent_int(int(value)) if value.is_integer() else dumper.represent_float(value)


def _list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.SequenceNode:
    plain = not any(isinstance(one, dict) for one in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=plain)


_Dumper.add_representer(float, _float)
_Dumper.add_representer(list, _list)
