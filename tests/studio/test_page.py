"""The studio as a user starts it, asked without a browser."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.network]


@pytest.fixture(scope="module")
def server(climbed_once: Path, tmp_path_factory: pytest.TempPathFactory, served: Any) -> Iterator[str]:
    """The address of a studio that runs as a process of its own."""
    cache = str(climbed_once.parent / "cache")
    with served(tmp_path_factory.mktemp("elsewhere"), "--out", str(climbed_once), ESCALERA_CACHE=cache) as address:
        yield address


def test_the_page_is_in_the_language_of_the_browser(server: str) -> None:
    def begin(**headers: str) -> str:
        answer = httpx.get(server + "/", headers=headers, follow_redirects=False)
        return str(answer.headers["location"])

    assert begin(**{"accept-language": "es-MX,en;q=0.5"}) == "es/"
    assert begin(**{"accept-language": "de"}) == "en/"
    assert begin(**{"accept-language": "en", "cookie": "language=es"}) == "es/"
    assert begin(**{"accept-language": "en", "cookie": "language=../x"}) == "en/"
    assert "Estudio de Escalera" in httpx.get(server + "/es/").text
    config = httpx.get(server + "/es/config").text
    assert "Comparar con" in json.dumps(json.loads(config), ensure_ascii=False)


def test_no_clock_asks_for_a_choice_that_may_be_gone(server: str) -> None:
    """gradio refuses a value that is no longer offered, in English; a clock asks while the page is being changed."""
    page = httpx.get(f"{server}/en/config").json()
    kinds = {part["id"]: part["type"] for part in page["components"]}
    asked = [
        {kinds[number] for number in found["inputs"]}
        for found in page["dependencies"]
        if any(event == "tick" for _, event in found["targets"])
    ]
    assert len(asked) == 3 and set().union(*asked) == {"state"}


def test_the_last_choice_is_shown_whatever_the_page_is_busy_with(server: str) -> None:
    """gradio passes over what is chosen while it shows the choice before, unless it is told not to."""
    functions = {found["id"]: found for found in httpx.get(f"{server}/en/config").json()["dependencies"]}
    choices = [found for found in functions.values() if {event for _, event in found["targets"]} & {"change", "input"}]
    after = [found for found in functions.values() if functions.get(found["trigger_after"]) in choices]
    assert len(choices) > 15 and len(after) > 3
    assert {found["trigger_mode"] for found in [*choices, *after]} == {"always_last"}


def test_no_two_functions_begin_each_other_for_ever(server: str) -> None:
    """What gradio has put off begins all that hangs on its event, where another is at work and puts itself off."""
    functions = httpx.get(f"{server}/en/config").json()["dependencies"]
    put_off = [target for found in functions if found["trigger_mode"] == "always_last" for target in found["targets"]]
    events = [(part, event) for part, event in put_off if event != "then"]
    assert len(events) > 20 and len(events) == len(set(events))


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "http://127.0.0.1:1/", "//x.example/"]
)
def test_no_file_of_the_server_is_handed_out(server: str, path: str) -> None:
    for prefix in ("/en/gradio_api/file=", "/es/gradio_api/file=", "/en/file="):
        assert httpx.get(server + prefix + path).status_code in (403, 404), prefix
    assert httpx.get(server + "/en/gradio_api/file=/etc/passwd").status_code == 403


def test_runs_and_the_working_folder_are_not_handed_out(server: str, climbed_once: Path) -> None:
    for path in (climbed_once / "tiny/cnn/seed-0" / "config.yaml", Path("pyproject.toml").resolve()):
        assert httpx.get(f"{server}/en/gradio_api/file={path.resolve()}").status_code == 403


def asked(server: str, *data: object) -> httpx.Response:
    """What gradio's own interface says to a question."""
    begun = httpx.post(server + "/en/gradio_api/call/predict", json={"data": data})
    if begun.status_code != 200:
        return begun
    return httpx.get(f"{server}/en/gradio_api/call/predict/{begun.json()['event_id']}", timeout=60)


def test_gradios_own_interface_says_the_same(server: str, png: Callable[..., bytes]) -> None:
    (path,) = httpx.post(server + "/en/gradio_api/upload", files={"files": ("a.png", png(1))}).json()
    uploaded = {"path": path, "meta": {"_type": "gradio.FileData"}}
    answer = asked(server, "tiny/cnn/seed-0", [uploaded], None, 3).text
    plain = httpx.post(server + "/predict?model=tiny/cnn/seed-0&top=3", content=png(1)).json()
    assert json.loads(answer.partition("data: ")[2]) == [plain]
    assert (
        "there is no run 'tiny/ccn/seed-0'; did you mean" in asked(server, "tiny/ccn/seed-0", [uploaded], None, 3).text
    )


def test_a_question_names_no_file_of_the_server(server: str, climbed_once: Path, png: Callable[..., bytes]) -> None:
    secret = climbed_once.parent / "secret.png"
    secret.write_bytes(png(1))
    answer = asked(server, "tiny/cnn/seed-0", [{"path": str(secret), "meta": {"_type": "gradio.FileData"}}], None, 3)
    assert answer.status_code == 403
    assert str(secret) not in answer.text
