"""Start the studio: who may reach it, and whether the port is free, are settled before anything heavy is imported."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from escalera.core.errors import EscaleraError, RunError
from escalera.inference.serving.guard import check_access
from escalera.inference.serving.http import listen
from escalera.studio.service import DATA, Studio


def start(
    *,
    host: str,
    port: int,
    auth: str | None,
    i_know: bool,
    models: Sequence[Path],
    out: Path,
    data_root: Path | None,
    ready: Callable[[str], object],
) -> None:
    """Serve the studio until it is stopped.

    Raises EscaleraError for an address that others can reach without a password, for a port that is taken, and for a
    model that cannot be opened.
    """
    check_access(host, auth, i_know)
    listen(host, port).close()
    # What is made in the browser is then a source by its name, as any other.
    named = data_root or os.environ.get("ESCALERA_DATA")
    studio = Studio(out, data_root if named else DATA)
    try:
        for path in models:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise RunError(f"--model {path}: {error.strerror}") from error
            studio.files.open(content, path.name)
        try:
            from escalera.studio.app import serve
        except ImportError as error:
            if "socks" not in str(error).casefold():
                raise
            raise EscaleraError(
                "a SOCKS proxy is set (ALL_PROXY or another variable), which the studio cannot use. "
                "It asks nobody; start it without: env -u ALL_PROXY -u all_proxy escalera studio"
            ) from error

        serve(studio, host=host, port=port, login=auth, ready=ready)
    finally:
        studio.close()
