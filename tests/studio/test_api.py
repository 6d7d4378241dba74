"""The studio over plain HTTP, without the page."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from escalera.core.errors import EscaleraError
from escalera.inference import bundle
from escalera.studio.api import add_routes
from escalera.studio.guard import Guard
from escalera.studio.service import Studio
from escalera.studio.start import start

CNN = "tiny/cnn/seed-0"
TOP = "top: expected a whole number of classes from 1 to 100,000, received "
Png = Callable[..., bytes]


@pytest.fixture
def client(studio: Studio, tmp_path: Path) -> Iterator[TestClient]:
    app = Starlette()
    add_routes(app, studio)
    guard = Guard(app, local=True, uploads=tmp_path, inputs={})
    with TestClient(guard, base_url="http://127.0.0.1:7860", raise_server_exceptions=False) as made:
        yield made


def test_models_and_predict(client: TestClient, studio: Studio, png: Png) -> None:
    rows = client.get("/models").json()["models"]
    assert [row["model"] for row in rows] == ["tiny/mlp/seed-0", CNN]
    expected = studio.classify(CNN, [png()]).result().to_json(3)
    form = client.post("/predict", data={"model": CNN, "top": "3"}, files={"file": ("a.png", png())})
    plain = client.post(f"/predict?model={CNN}&top=3", content=png(), headers={"content-type": "image/png"})
    assert form.status_code == plain.status_code == 200
    body = b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n" + png() + b"\r\n--x--\r\n"
    capital = {"content-type": "Multipart/Form-Data; boundary=x"}
    assert client.post(f"/predict?model={CNN}&top=3", content=body, headers=capital).json() == expected
    assert form.json() == plain.json() == expected


def test_bad_questions_are_4xx_with_a_reason(client: TestClient, png: Png) -> None:
    def asked(status: int, message: str, **options: Any) -> None:
        answer = client.post("/predict", **options)
        assert answer.status_code == status, answer.text
        assert message in answer.json()["error"]
        assert "Traceback" not in answer.text
        assert "/tmp" not in answer.text

    asked(422, "expected model=", content=png())
    asked(404, "there is no run 'tiny/cn/seed-0'; did you mean", params={"model": "tiny/cn/seed-0"}, content=png())
    asked(422, "not a picture of a known format", params={"model": CNN}, content=b"<svg/>")
    asked(422, "this run looks at pictures: expected some, received none", params={"model": CNN})
    asked(422, f"{TOP}'-1'", params={"model": CNN, "top": "-1"}, content=png())
    asked(422, "attributes: expected a JSON object", params={"model": CNN, "attributes": "[1]"}, content=png())
    asked(413, "at most 20 MB", params={"model": CNN}, content=b"x" * 20_200_000)
    asked(413, "at most 20 MB", params={"model": CNN}, content=iter([b"x" * 10_100_000] * 2))
    broken = {"content-type": "multipart/form-data; boundary=x"}
    asked(422, "the form cannot be read", content=b"--y\r\n", headers=broken)
    file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + png()
    asked(422, "it is cut short, or its", params={"model": CNN}, content=file, headers=broken)
    asked(422, "it is cut short, or its", params={"model": CNN}, content=file + b"\r\n--x\r\n", headers=broken)
    asked(422, "unknown value 'modle'; did you mean 'model'? Pictures are parts of a form, called file.",
          params={"modle": CNN}, content=png())  # fmt: skip
    asked(
        422,
        "unknown value 'picture'; known: model, top, attributes. P",
        params={"model": CNN},
        files={"picture": png()},
    )
    asked(422, "expected each of model, top, attributes once", params=[("top", "1"), ("top", "2")], content=png())
    asked(422, "expected each of model, top, attributes once", params={"model": CNN}, data={"model": CNN},
          files={"file": png()})  # fmt: skip
    for said in ('{"a": 1, "a": 2}', '{"\\ud800": 1}', "[" * 2_000, "null", "\0"):
        asked(422, "attributes: expected a JSON object, each key once, as",
              params={"model": CNN, "attributes": said}, content=png())  # fmt: skip
    for number in ("NaN", "1e999", "-Infinity", "9" * 5_000):
        asked(422, f"attributes: expected finite numbers, received {number:.30}; give null where",
              params={"model": CNN, "attributes": f'{{"a": {number}}}'}, content=png())  # fmt: skip
    for value in ('{"b": 1}', "[1]"):
        asked(422, f"attributes: 'a': expected a text or a number, or null where it is not known; received {value}",
              params={"model": CNN, "attributes": f'{{"a": {value}}}'}, content=png())  # fmt: skip
    asked(422, "a body in JSON is not read: send the picture itself as the body", params={"model": CNN}, json={"a": 1})
    for top in ("", "0", "²", "٣", "9" * 5_000, "1e3", "5.0", "\0"):
        asked(422, TOP, params={"model": CNN, "top": top}, content=png())
    for model in (
        "x" * 300,
        "x" * 5_000,
        f"tiny/cnn/seed-{'9' * 5_000}",
        "tiny/cnn/seed-٠",
        f"{CNN}\n",
        "\0",
        "../../x",
    ):
        asked(404, "there is no run '", params={"model": model}, content=png())


def test_a_model_that_is_not_there_is_404_and_one_that_is_damaged_500(
    client: TestClient, studio: Studio, png: Png
) -> None:
    weights = studio.out / CNN / "best.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    for answer in (client.post("/predict", params={"model": CNN}, content=png()), client.get(f"/model/{CNN}")):
        assert answer.status_code == 500
        assert "best.safetensors" in answer.json()["error"]
    record = studio.run(CNN)
    record.write_record({**record.read_record(), "state": "failed"})
    for answer in (client.post("/predict", params={"model": CNN}, content=png()), client.get(f"/model/{CNN}")):
        assert (answer.status_code, answer.json()["error"]) == (404, f"the run '{CNN}' is failed, not done")


def test_503_when_too_many_wait(client: TestClient, studio: Studio, png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio.queue, "most", 0)
    answer = client.post("/predict", params={"model": CNN}, content=png())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_every_client_gets_its_own_answer(client: TestClient, studio: Studio, png: Png) -> None:
    expected = {seed: studio.classify(CNN, [png(seed)]).result().to_json() for seed in range(40)}

    def ask(seed: int) -> bool:
        return bool(client.post("/predict", params={"model": CNN}, content=png(seed)).json() == expected[seed])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(40)))


def test_a_model_is_downloaded(client: TestClient, studio: Studio) -> None:
    answer = client.get(f"/model/{CNN}")
    assert answer.content == bundle.export(studio.of_run(CNN))
    assert answer.headers["content-disposition"] == 'attachment; filename="tiny-cnn.safetensors"'
    assert client.get("/model/tiny/x/seed-0").status_code == 404


def test_what_may_not_be_started() -> None:
    def started(**options: object) -> None:
        given = {"host": "127.0.0.1", "port": 7860, "auth": None, "i_know": False, "models": [], "data_root": None}
        start(**{**given, "out": Path("runs"), "ready": print, **options})  # type: ignore[arg-type]

    with pytest.raises(EscaleraError, match=r"--host 0\.0\.0\.0: others could reach it there"):
        started(host="0.0.0.0")
    with pytest.raises(EscaleraError, match="--auth: expected user:password"):
        started(auth="ana")
    with pytest.raises(EscaleraError, match=r"--model none\.safetensors: No such file"):
        started(models=[Path("none.safetensors")], port=0)


@pytest.mark.network
def test_a_port_that_is_taken_is_told() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(EscaleraError, match=r"cannot listen on 127\.0\.0\.1:.*Give another --port"):
            start(
                host="127.0.0.1", port=taken.getsockname()[1], auth=None, i_know=False, models=[], out=Path("runs"),
                data_root=None, ready=print,
            )  # fmt: skip


@pytest.mark.network
@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        ("Using SOCKS proxy, but the 'socksio' package is not installed.", EscaleraError, "It asks nobody; start it"),
        ("No module named 'gradio'", ImportError, "No module named 'gradio'"),
    ],
)
def test_a_proxy_that_the_studio_cannot_use(
    fault: str, error: type[Exception], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(ModuleType):
        def __getattr__(self, name: str) -> object:
            raise ImportError(fault)

    monkeypatch.setitem(sys.modules, "escalera.studio.app", Broken("app"))
    with pytest.raises(error, match=told):
        start(
            host="127.0.0.1", port=0, auth=None, i_know=False, models=[], out=Path("runs"), data_root=None, ready=print
        )
