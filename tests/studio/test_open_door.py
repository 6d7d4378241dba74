"""Honest requests to a studio as a user starts it: what the page and docs/studio.md ask is answered."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import httpx
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.network]

MODEL = "tiny/cnn/seed-0"
API = "/en/gradio_api"
Png = Callable[..., bytes]


@pytest.fixture
def client(door: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{door.port}", timeout=60) as made:
        yield made


@pytest.mark.parametrize(
    ("target", "method"),
    [
        ("/", "GET"), ("/", "HEAD"), ("/en", "GET"), ("/en/", "GET"), ("/es/", "HEAD"), ("/models", "GET"),
        ("/en/config", "GET"), ("/en/theme.css?v=1", "GET"), (f"{API}/info", "GET"), (f"{API}/app_id", "GET"),
        (f"{API}/info?serialize=False", "GET"), ("/favicon.ico", "GET"), ("/manifest.json", "GET"),
        (f"/model/{MODEL}", "GET"), ("/report/tiny", "GET"), ("/en/static/img/logo_nosize.svg", "GET"),
        ("/es/?__theme=dark", "GET"), ("/?vscodeBrowserReqId=1", "GET"),
    ],
)  # fmt: skip
def test_what_is_read(target: str, method: str, client: httpx.Client) -> None:
    answer = client.request(method, target, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    if method == "GET":
        assert answer.content


def test_the_commands_of_the_documentation(client: httpx.Client, png: Png) -> None:
    form = client.post("/predict", files={"file": ("photo.png", png())}, data={"model": MODEL, "top": "3"})
    body = client.post("/predict", params={"model": MODEL, "top": 3}, content=png(),
                       headers={"content-type": "application/x-www-form-urlencoded"})  # fmt: skip
    chunks = client.post("/predict", params={"model": MODEL, "top": 3}, content=iter([png()[:50], png()[50:]]))
    request = Request(f"{client.base_url}/predict?model={MODEL}&top=3", data=png())
    request.add_header("content-type", "application/octet-stream")
    with urlopen(request) as response:
        answer = json.load(response)
    assert answer["model"] == MODEL and len(answer["classes"]) == 3
    assert [found.status_code for found in (form, body, chunks)] == [200] * 3
    assert form.json() == body.json() == chunks.json() == answer


def test_what_was_uploaded_is_asked_about(client: httpx.Client, png: Png) -> None:
    plain = client.post("/predict", params={"model": MODEL, "top": 3}, content=png()).json()
    for name in ("a.png", "una foto ñ.png", 'a "b" (1).png', "x" * 150 + ".png", ".png", "100%.png", "%2e%2e.png"):
        uploaded = client.post(f"{API}/upload", files={"files": (name, png())}, params={"upload_id": "x"})
        (path,) = uploaded.json()
        address = f"{client.base_url}{API}/file={quote(path)}"
        assert client.get(address).content == png()
        file = {
            "path": path,
            "url": address,
            "orig_name": name,
            "size": 99,
            "mime_type": "",
            "meta": {"_type": "gradio.FileData"},
        }
        begun = client.post(f"{API}/call/predict", json={"data": [MODEL, [file], None, 3]})
        assert begun.status_code == 200, begun.text
        answer = client.get(f"{API}/call/predict/{begun.json()['event_id']}").text
        assert json.loads(answer.partition("data: ")[2]) == [plain]


def test_the_page_asks(client: httpx.Client, png: Png) -> None:
    """As a browser does: by number, with what the event was, and with what stood behind the page's own address."""
    functions = client.get("/en/config").json()["dependencies"]
    number = next(found["id"] for found in functions if found["api_name"] == "predict")
    (path,) = client.post(f"{API}/upload", files={"files": ("a.png", png())}).json()
    file = {"path": path, "orig_name": "a.png", "url": None, "meta": {"_type": "gradio.FileData"}}
    asked = {
        "data": [MODEL, [file], None, 3],
        "event_data": None,
        "fn_index": number,
        "trigger_id": 7,
        "session_hash": "abc",
    }
    origin = {"origin": str(client.base_url).rstrip("/")}
    begun = client.post(f"{API}/queue/join?__theme=dark", json=asked, headers=origin)
    assert begun.status_code == 200, begun.text
    told = client.get(f"{API}/queue/data", params={"session_hash": "abc"}, headers=origin).text
    assert '"success":true' in told and '"class"' in told
    stopped = {"session_hash": "abc", "fn_index": number, "event_id": begun.json()["event_id"]}
    assert client.post(f"{API}/cancel", json=stopped).json() == {"success": True}
    assert client.post(f"{API}/reset", json={"event_id": stopped["event_id"]}).json() == {"success": True}


def test_gradios_own_client(client: httpx.Client, png: Png, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file  # type: ignore[import-untyped]

    (tmp_path / "a.png").write_bytes(png())
    plain = client.post("/predict", params={"model": MODEL, "top": 3}, content=png()).json()
    asking = Client(f"{client.base_url}/en/", verbose=False, download_files=str(tmp_path / "down"))
    try:
        assert asking.predict(MODEL, [handle_file(tmp_path / "a.png")], None, 3, api_name="/predict") == plain
    finally:
        asking.close()
