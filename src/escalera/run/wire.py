"""Events as lines of JSON: what a training tells a listener that is in another process, or on another machine."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

from escalera.data.cache.progress import Step
from escalera.data.dataset import Dataset
from escalera.ladder.schema import Ladder, Rung
from escalera.models.summary import Summary
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.trial import Trial

_NAMES: dict[str, Any] = {
    "Dataset": Dataset, "Ladder": Ladder, "Outcome": Outcome, "Rung": Rung, "Step": Step, "Summary": Summary,
    "Trial": Trial,
}  # fmt: skip


def sender(send: Callable[[str, str], None]) -> Events:
    """A listener that sends all it hears on: the name of the event, and its arguments as JSON."""

    def sending(name: str) -> Callable[..., None]:
        signature = inspect.signature(getattr(Events, name))

        def tell(*args: Any, **kwargs: Any) -> None:
            given = signature.bind(*args, **kwargs).arguments
            given.pop("self")
            send(name, _arguments(name)(**given).model_dump_json())

        return tell

    listener: Events = type("Sender", (Events,), {name: sending(name) for name in _event_names()})()
    return listener


def deliver(name: str, arguments: str, listener: Events) -> None:
    """Tell a listener what was sent."""
    values = _arguments(name).model_validate_json(arguments)
    getattr(listener, name)(**{field: getattr(values, field) for field in type(values).model_fields})


def _event_names() -> list[str]:
    events = ((name, value) for name, value in vars(Events).items() if inspect.isfunction(value) and name[0] != "_")
    return [name for name, event in events if inspect.signature(event).return_annotation == "None"]


@cache
def _arguments(name: str) -> type[BaseModel]:
    """What an event says, as a model with a field an argument."""
    event = getattr(Events, name)
    hints = get_type_hints(event, localns=_NAMES)
    fields: dict[str, Any] = {
        each.name: (hints[each.name], ... if each.default is each.empty else each.default)
        for each in inspect.signature(event).parameters.values()
        if each.name != "self"
    }
    # A loss that is no number is one of the things to be told.
    config = ConfigDict(ser_json_inf_nan="constants", arbitrary_types_allowed=True, protected_namespaces=())
    return create_model(name, __config__=config, **fields)
