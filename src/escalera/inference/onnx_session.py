"""A session of onnxruntime for the bytes of a graph; where there is none, why, in words that say what to do."""

from __future__ import annotations

import os
import re
from typing import Any

from escalera.core.errors import RunError
from escalera.inference import onnx_trees

# From 1.32 on onnxruntime reports to its maker unless it finds this at its import; nothing leaves the machine here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_PLACE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : |/\S+:\d+ .*\) (?=[A-Z])")
"""What onnxruntime says of its own code before it says what is wrong."""


def check_opset(model: Any, name: str) -> None:
    """Raise RunError for operators that are newer than the package onnx, by which a graph is looked at."""
    import onnx

    newest = newest_opset(model)
    if newest > onnx.defs.onnx_opset_version():
        raise newer(name, f"onnx {onnx.__version__}", f"opset {newest}")


def newest_opset(model: Any) -> int:
    """The newest version of ONNX's operators that a model is written in, those for trees too."""
    own = ("", "ai.onnx", onnx_trees.DOMAIN)
    return max((one.version for one in model.opset_import if one.domain in own), default=0)


def session_of(model: Any, content: bytes, name: str) -> Any:
    """The session for a model, whose bytes are `content`; it answers with one thread.

    Raises RunError, which names the file by `name`: for one that is newer than onnxruntime, where memory does not
    suffice, or for a damaged graph.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # somebody may have imported it before
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1  # as fast for one picture, and a server has a worker for each core
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common class
        raise unopened(error, model, name, f"onnxruntime {onnxruntime.__version__}") from error


def short(error: Exception) -> str:
    """The first line of what an error says."""
    return next(iter(_PLACE.sub("", str(error)).splitlines()), type(error).__name__)[:300]


def refused(name: str, why: str) -> RunError:
    """Of a file that is foreign, damaged, or asks for more than its own graph."""
    return RunError(f"{name} is not a model that Escalera wrote: {why}")


def newer(name: str, package: str, what: str) -> RunError:
    """Of a file that a newer version of a package may read; `package` with its version."""
    return RunError(
        f"{name} cannot be opened here: {package} cannot read its {what}. "
        f"A newer one may: pip install --upgrade {package.split()[0]}"
    )


def unopened(error: Exception, model: Any, name: str, package: str) -> RunError:
    """Why onnxruntime did not open a model, by what it said."""
    message = str(error)
    if "IR version" in message:
        return newer(name, package, f"IR version {model.ir_version}")
    if "opset" in message:
        return newer(name, package, f"opset {newest_opset(model)}")
    if type(error).__name__ == "NotImplemented":
        return newer(name, package, f"operators ({short(error)})")
    if isinstance(error, MemoryError) or "bad_alloc" in message or "allocate memory" in message:
        return RunError(f"{name} cannot be opened here: there is not enough memory for it")
    return refused(name, f"its graph is damaged ({short(error)})")
