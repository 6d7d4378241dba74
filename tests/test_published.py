"""A model on the hub, played by a server on 127.0.0.1: pushed, opened by its name, and refused where it has to be."""

import base64
import hashlib
import http.server
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, constants

import escalera as esc
from escalera import cli
from escalera.core.errors import EscaleraError, RunError
from escalera.core.rundir import RunDir
from escalera.inference import published
from escalera.inference.published import fetch, is_published, push

# huggingface_hub's own call of its HTTP library.
pytestmark = [pytest.mark.network, pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")]
RUN = Path(__file__).parent / "fixtures" / "old" / "cnn"
TOKEN = "hf_secret_of_a_test"


class Hub(http.server.BaseHTTPRequestHandler):
    """What `create_repo`, `create_commit` and `hf_hub_download` ask for: large files by LFS, others in the commit."""

    files: dict[str, bytes]
    large: dict[str, bytes]
    made: list[dict[str, Any]]
    status: int

    def log_message(self, *arguments: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.body()
        if self.status != 200 or self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer({"error": "no"}, self.status if self.status != 200 else 401)
        if self.path == "/api/repos/create":
            self.made.append(json.loads(body))
            return self.answer({"url": f"{self.address}/ana/cnn"})
        if "/preupload/" in self.path:
            files = [{"path": one["path"], "uploadMode": "lfs" if one["path"].endswith("s") else "regular",
                      "shouldIgnore": False} for one in json.loads(body)["files"]]  # fmt: skip
            return self.answer({"files": files})
        if self.path.endswith("/info/lfs/objects/batch"):
            objects = [{**one, "actions": {"upload": {"href": f"{self.address}/put/{one['oid']}"}}}
                       for one in json.loads(body)["objects"]]  # fmt: skip
            return self.answer({"transfer": "basic", "objects": objects})
        if self.path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.files[value["path"]] = self.large[value["oid"]]
        return self.answer({"commitUrl": f"{self.address}/ana/cnn/commit/{'1' * 40}", "commitOid": "1" * 40})

    def do_PUT(self) -> None:
        self.large[self.path.rpartition("/")[2]] = self.body()
        self.answer({})

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.status != 200:
            return self.answer({"error": "no"}, self.status)
        _, resolve, name = self.path.partition("/resolve/")
        revision, _, file = name.partition("/")
        if not resolve:
            return self.answer({"id": "ana/cnn", "sha": "1" * 40})
        if revision not in ("main", "v1"):
            return self.answer({}, 404, "RevisionNotFound")
        if file not in self.files:
            return self.answer({}, 404, "EntryNotFound")
        return self.answer(self.files[file])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]

    def answer(self, body: Any, status: int = 200, code: str = "") -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        headers = {"X-Repo-Commit": "1" * 40, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        headers |= {"X-Error-Code": code} if code else {}
        for name, value in (
            headers | {"Content-Type": "application/json", "Content-Length": str(len(content))}
        ).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    handler = type("Handler", (Hub,), {"files": {}, "large": {}, "made": [], "status": 200})
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        # It is composed as the library is imported, from HF_ENDPOINT.
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr("escalera.core.hub._silent", {})
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield handler
        server.shutdown()
        thread.join()


def test_a_model_is_pushed_and_opened_by_its_name(
    hub: type[Hub], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["escalera", "push", str(RUN), "ana/cnn", "--lang", "es"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == 0 and said.out.rstrip().endswith("/ana/cnn") and TOKEN not in said.out + said.err
    assert set(hub.files) == {"model.safetensors", "README.md", "metrics.json"}
    assert hub.made[0]["name"] == "cnn" and hub.made[0]["organization"] == "ana"
    assert hub.made[0].get("private") is True or hub.made[0].get("visibility") == "private"
    assert ModelCard(hub.files["README.md"].decode()).data.get("language") == "es"
    for name in ("hf:ana/cnn", "HF:ana/cnn@v1", "hf://ana/cnn"):
        assert esc.open(name).classes == esc.open(RUN).classes
    hub.status = 503  # what is in the cache needs no hub
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch(Path("hf:ana/cnn")).name == "model.safetensors"


def test_a_public_one_is_asked_for(hub: type[Hub]) -> None:
    push(RunDir(RUN / "seed-0"), "ana/cnn", "en", public=True)
    assert hub.made[0].get("private") is False or hub.made[0].get("visibility") == "public"


def test_a_pushed_model_names_no_folder(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from escalera.inference import bundle

    trained = bundle.of_run(RunDir(RUN / "seed-0"))
    data = trained.config.data.model_copy(update={"source": "/home/ana/secret/photos"})
    placed = replace(trained, config=trained.config.model_copy(update={"data": data}))
    monkeypatch.setattr(bundle, "of_run", lambda run: placed)
    push(RunDir(RUN / "seed-0"), "ana/cnn", "en")
    assert b"secret" not in hub.files["model.safetensors"] and b"photos" in hub.files["model.safetensors"]


def test_without_a_token_nothing_is_sent(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    with pytest.raises(EscaleraError, match=r"^push: expected a token of the hub that may write, found none\. Set HF"):
        push(RunDir(RUN / "seed-0"), "ana/cnn", "en")
    assert not hub.made


@pytest.mark.parametrize(
    ("status", "said"), [(403, "the hub answered 403: there is none"), (401, "the hub answered 401"), (500, "500.")]
)
def test_a_push_that_is_refused_says_so_without_the_token(hub: type[Hub], status: int, said: str) -> None:
    hub.status = status
    with pytest.raises(RunError) as error:
        push(RunDir(RUN / "seed-0"), "ana/cnn", "en")
    assert said in str(error.value) and TOKEN not in str(error.value)


def test_a_push_without_a_hub(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RunError, match="push: ana/cnn: it could not be done: "):
        push(RunDir(RUN / "seed-0"), "ana/cnn", "en")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(EscaleraError, match=r"expected to reach the hub, but HF_HUB_OFFLINE is set\."):
        push(RunDir(RUN / "seed-0"), "ana/cnn", "en")


@pytest.mark.parametrize("name", ["cnn", "ana/", "ana/b/c", "../cnn", "ana/..", "ana/cnn.git", "a na/cnn", "ána/cnn"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(RunError, match="expected the name of a repository as owner/name, received"):
        push(RunDir(RUN / "seed-0"), name, "en")


def test_what_cannot_be_opened(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match=r"hf:ana/cnn: it holds no model\.safetensors"):
        esc.open("hf:ana/cnn")
    hub.files["model.safetensors"] = b"not safetensors"
    with pytest.raises(RunError, match=r"model\.safetensors"):
        esc.open("hf:ana/cnn")
    with pytest.raises(RunError, match=r"hf:ana/cnn@v9: the hub knows no such revision of it\."):
        esc.open("hf:ana/cnn@v9")
    for revision in ("", "../x", "a b"):
        with pytest.raises(RunError, match="expected a branch, a tag or a commit after @"):
            esc.open(f"hf:ana/cnn@{revision}")
    monkeypatch.setattr(published, "LARGEST", 3)
    with pytest.raises(RunError, match="expected a model of at most 3 bytes, received 15"):
        esc.open("hf:ana/cnn@v1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        RunError, match=r"hf:ana/other: it is not in this machine's cache, and .* HF_HUB_OFFLINE is set"
    ):
        esc.open("hf:ana/other")


def test_a_folder_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_published(Path("hf:ana/cnn")) and not is_published(Path("runs/hf:ana"))
    Path("hf:ana/cnn").mkdir(parents=True)
    assert not is_published(Path("hf:ana/cnn"))
