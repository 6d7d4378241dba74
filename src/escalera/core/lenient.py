"""Records that are checked in full where code makes them, and leniently where they are read from a file.

A value that is absent or no longer fits is its default then, and a fault says so: people edit these files, and machines
stop while writing them; a report of the rest is worth more than a traceback.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from escalera.core.fault import Fault
from escalera.core.files import shown


class Lenient(BaseModel):
    """A record whose every field has a default, taken where a value read from a file does not fit."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_default(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            if info.context is None:
                raise
            name, first = info.field_name or "", error.errors()[0]
            place = ".".join(map(str, (name, *first["loc"])))
            info.context["faults"].append(Fault(info.context["file"], "value", place, shown(first["input"])))
            return cls.model_fields[name].get_default(call_default_factory=True)

    def filed(self) -> dict[str, Any]:
        """What is written of it: the fields that were given."""
        return self.model_dump(mode="json", exclude_unset=True)

    @classmethod
    def read(cls, value: Any, file: str, faults: list[Fault]) -> Self:
        """The record in a value read from `file`; what does not fit is added to `faults`."""
        if not isinstance(value, dict):
            faults.append(Fault(file, "mapping", received=shown(value)))
            value = {}
        return cls.model_validate(value, context={"file": file, "faults": faults})

    @classmethod
    def read_file(cls, path: Path, faults: list[Fault]) -> Self:
        """The record in a JSON file; an absent or broken file is an empty record and a fault."""
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            faults.append(Fault(path.name, "absent"))
            return cls()
        except json.JSONDecodeError as error:
            faults.append(Fault(path.name, "json", str(error.lineno)))
            return cls()
        except (OSError, ValueError, RecursionError):
            faults.append(Fault(path.name, "unreadable"))
            return cls()
        return cls.read(value, path.name, faults)
