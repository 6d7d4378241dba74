"""A model on the Hugging Face Hub: put there with its card and results, and opened from there by `hf:owner/name`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from escalera.core.errors import EscaleraError, RunError
from escalera.core.hub import offline, unreachable
from escalera.core.rundir import RunDir
from escalera.inference import bundle
from escalera.inference.card import card
from escalera.inference.unplaced import unplaced_settings
from escalera.ladder.read import dump_config, load_config

FILE = "model.safetensors"
"""The model's file in a repository, where others look for one too."""
LARGEST = 4_000_000_000
"""Bytes of a file that is fetched: the largest networks that Escalera builds have a third of it."""
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[\w][\w./-]*", re.ASCII)
_PREFIX = re.compile(r"hf:/*", re.IGNORECASE)


def is_published(path: Path) -> bool:
    """Whether a path is the name of a repository: `hf:owner/name`, or `hf:owner/name@revision`."""
    return bool(_PREFIX.match(str(path))) and not path.exists()


def push(run: RunDir, name: str, language: str, *, public: bool = False) -> str:
    """Put a run's model, card and scores into a repository, private unless `public`; the address of the page.

    A repository that is there already keeps who may see it. Raises EscaleraError without a token, and where the hub
    does not take it; the token is in no message.
    """
    import huggingface_hub
    from huggingface_hub import CommitOperationAdd, HfApi, constants

    repository = _checked(name)
    content = bundle.export(_without_places(bundle.of_run(run)))
    files = {FILE: content, "README.md": card(run, language).encode(), run.metrics.name: run.metrics.read_bytes()}
    token = huggingface_hub.get_token()
    if not token:
        raise EscaleraError(
            "push: expected a token of the hub that may write, found none. Set HF_TOKEN, or log in with: hf auth login"
        )
    if offline():
        raise EscaleraError("push: expected to reach the hub, but HF_HUB_OFFLINE is set.")
    api = HfApi(endpoint=constants.ENDPOINT, token=token)
    operations = [CommitOperationAdd(file, one) for file, one in files.items()]

    def put() -> str:
        page = api.create_repo(repository, private=not public, exist_ok=True)
        api.create_commit(repository, operations, commit_message=f"Add {run.ladder.name} / {run.path.parent.name}")
        return str(page)

    return str(_of_hub(put, f"push: {repository}", token))


def fetch(path: Path) -> Path:
    """The file of a repository's model, from this machine's cache of the hub where it is there as asked for.

    Raises RunError for a name that is none, a file that is too large, and where the hub does not give it.
    """
    import huggingface_hub
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

    text = _PREFIX.sub("", str(path).replace("\\", "/"), count=1)
    name, at, revision = text.partition("@")
    repository = _checked(name)
    if at and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise RunError(f"hf:{text}: expected a branch, a tag or a commit after @, received '{revision}'.")
    silent = "HF_HUB_OFFLINE is set" if offline() else unreachable(f"models/{repository}")
    if silent and not silent.startswith("it answered"):  # a private one is answered for a token alone
        cached = try_to_load_from_cache(repository, FILE, revision=revision or None)
        if isinstance(cached, str):
            return Path(cached)
        raise RunError(f"hf:{text}: it is not in this machine's cache, and the hub does not answer: {silent}.")

    def get() -> Path:
        size = get_hf_file_metadata(hf_hub_url(repository, FILE, revision=revision or None)).size
        if size is not None and size > LARGEST:
            raise RunError(f"hf:{text}: expected a model of at most {LARGEST:,} bytes, received {size:,}.")
        return Path(hf_hub_download(repository, FILE, revision=revision or None))

    found: Path = _of_hub(get, f"hf:{text}", huggingface_hub.get_token() or "")
    return found


def _of_hub(ask: Callable[[], Any], what: str, token: str) -> Any:
    """What the hub answers; raises RunError, without the token, where it does not."""
    from huggingface_hub import errors

    try:
        return ask()
    except RunError:
        raise
    except errors.RevisionNotFoundError as error:
        raise RunError(f"{what}: the hub knows no such revision of it.") from error
    except errors.EntryNotFoundError as error:
        raise RunError(f"{what}: it holds no {FILE}, the file that escalera push writes.") from error
    except errors.HfHubHTTPError as error:
        code = error.response.status_code
        if code in (401, 403, 404):
            raise RunError(
                f"{what}: the hub answered {code}: there is none of this name, or the token may not read or write it."
            ) from error
        raise RunError(f"{what}: the hub answered {code}.") from error
    except Exception as error:  # of half a dozen libraries
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise RunError(f"{what}: it could not be done: {reason.replace(token, '…') if token else reason}") from error


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or ".." in name or "--" in name or name.endswith((".git", ".", "-")):
        raise RunError(f"expected the name of a repository as owner/name, received '{name}'.")
    return name


def _without_places(trained: bundle.Trained) -> bundle.Trained:
    """A model whose settings name no folder of this machine; nothing that answers reads them."""
    return replace(trained, config=load_config(unplaced_settings(dump_config(trained.config))))
