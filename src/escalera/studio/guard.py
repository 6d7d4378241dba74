"""What the page may ask besides the HTTP interface, and whom the browser may ask in turn.

Only routes that the page and the HTTP interface need are open; what gradio adds otherwise is closed by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from escalera.core.translation import translate
from escalera.inference.serving.forms import check_files, read_form, write_form
from escalera.inference.serving.guard import AROUND, LARGEST_UPLOAD, ApiGuard, App, RefusedError, Scope, decoded_path
from escalera.inference.serving.json_text import dump_json, parse_json
from escalera.studio.pictures.unpack import LARGEST_ZIP
from escalera.studio.questions import ForbiddenError, Uploads, check_question

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; frame-ancestors 'self'; form-action 'self'; base-uri 'self'"
)
"""What a browser may load for the page: nothing from any other machine, whatever the page says."""

_PAGE = r"/(?:en|es)"
_API = rf"{_PAGE}/gradio_api"
_READ = re.compile(
    rf"/|/favicon\.ico|/manifest\.json|/models|/model/.+|/report/[^/]+|/explored/[^/]+/[^/]+"
    rf"|{_PAGE}/?|{_PAGE}/(?:config|theme\.css|favicon\.ico|manifest\.json)|{_PAGE}/(?:assets|static)/.+"
    rf"|{_API}/(?:info|app_id|queue/data|upload_progress|heartbeat/[^/]+|call/[^/]+/[^/]+)"
)
"""What may be read besides files."""
_FILE = re.compile(rf"{_API}/file=(.+)", re.DOTALL)
"""A file that gradio has kept for the page."""
_ASK = re.compile(
    rf"{_API}/(?:queue/(?P<join>join)|(?P<call>call)/(?P<name>[^/]+)|(?P<cancel>cancel)|(?P<reset>reset))"
)
"""Where a body is JSON, whatever it says of itself."""
_UPLOAD = re.compile(rf"{_API}/upload")
_OWN = re.compile(r"/predict|/pictures")
_REPEATED = re.compile(rf"/|{_PAGE}/?|{_API}/queue/join")
"""Where the page's own address stands, and where the page repeats what stood there: whatever a link may add to it."""
_QUERY = {"session_hash", "upload_id", "v", "serialize"}


class Guard(ApiGuard):
    """The guard of the page too.

    `uploads` is the one folder whose files a question may name, `inputs` how many values each function takes that may
    be asked (`check_question`).
    """

    policy = _POLICY

    def __init__(
        self,
        app: App,
        *,
        local: bool,
        uploads: Path,
        inputs: Mapping[str, int],
        largest: int = LARGEST_UPLOAD + AROUND,
        login: str | None = None,
    ) -> None:
        super().__init__(app, local=local, routes={}, largest=largest, login=login)
        self.uploads = Uploads(uploads)
        self.inputs = inputs

    def most(self, path: str) -> int:
        """Bytes that a body may have: pictures come one by one, or together in a zip."""
        return max(self.largest, LARGEST_ZIP) if path == "/pictures" else self.largest

    def check_route(self, method: str, path: str) -> None:
        """Refuse what is not open."""
        reading = method in ("GET", "HEAD")
        file = _FILE.fullmatch(path)
        if file and reading:
            if not self.uploads.hold(file[1]):
                raise RefusedError(403, "this file is not served")
        elif file or _READ.fullmatch(path):
            if not reading:
                raise RefusedError(405, "this is read with GET")
        elif any(pattern.fullmatch(path) for pattern in (_ASK, _UPLOAD, _OWN)):
            if method != "POST":
                raise RefusedError(405, "this is asked with POST")
        else:
            raise RefusedError(404, "there is nothing here")

    def path_of(self, scope: Scope) -> str:
        """The path that is asked for."""
        # Files alone are called as Windows calls them.
        return decoded_path(scope["path"], backslashes=_FILE.fullmatch(scope["path"]) is not None)

    def query_of(self, path: str, query: bytes) -> bytes:
        """What is asked besides the path, as far as it is known here; of its own the HTTP interface knows more."""
        if _OWN.fullmatch(path):
            return query
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        known = {key: value for key, value in pairs if key in _QUERY}
        if len(known) < len(pairs) and not _REPEATED.fullmatch(path):
            raise RefusedError(400, f"nothing is asked here but {', '.join(sorted(_QUERY))}, each once")
        return urlencode(known).encode("ascii")

    def looked_at(self, path: str, headers: dict[str, str], body: bytes) -> tuple[str, bytes]:
        """The type and the body for those behind: what was read of it, written anew, so that all read the same."""
        kind = headers.get("content-type", "").strip()
        try:
            if matched := _ASK.fullmatch(path):
                route = next(name for name, found in matched.groupdict().items() if found)
                question = parse_json(body)
                self.uploads.check(question, headers["host"])
                check_question(route, matched["name"] or "", question, self.inputs)
                return "application/json", dump_json(question)
            if _UPLOAD.fullmatch(path):
                parts = read_form(kind, body)
                check_files(parts, "files")
                return write_form(parts)
        except (ForbiddenError, ValueError) as error:
            # The page shows it as it comes.
            reason = translate(str(error), path.split("/")[1]) if re.match(_PAGE, path) else str(error)
            raise RefusedError(403 if isinstance(error, ForbiddenError) else 400, reason) from error
        return kind, body
