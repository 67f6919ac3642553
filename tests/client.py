"""An HTTP client for tests: one person's cookies and Origin, plain http.client underneath, nothing followed or retried."""

import http.client
import json
import mimetypes
import secrets
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

from tests.server import PASSWORD


class Answer:
    """What came back.

    status   int
    headers  http.client.HTTPMessage: looks names up in any case
    body     bytes
    """

    def __init__(self, status: int, headers, body: bytes):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The code of a refusal, None of anything else: `assert answer.code == "no_such_entry"`."""
        try:
            return self.json["error"]["code"]
        except (ValueError, KeyError, TypeError):
            return None

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


class Http:
    """One person at a server.

    url      where the server is; a Server will do too
    origin   sent with everything but GET, as browsers do: the server's own unless set; None sends none
    key      sent as `Authorization: Bearer` where given
    cookies  {name: value}, kept as the server sets and clears them
    """

    def __init__(self, url, origin: str | None = "", key: str | None = None):
        self.url = getattr(url, "url", url).rstrip("/")
        self.origin = self.url if origin == "" else origin
        self.key = key
        self.cookies: dict[str, str] = {}

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        """One request on a connection of its own. A full URL of this server is taken too (links come so)."""
        where = urlsplit(self.url)
        target = urlsplit(path)
        target = (target.path or "/") + (f"?{target.query}" if target.query else "")
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=15)
        try:
            connection.request(method, target, body, {**self._headers(method), **(headers or {})})
            answer = connection.getresponse()
            found = Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()
        self._keep(found.headers.get_all("Set-Cookie") or [])
        return found

    def _headers(self, method: str) -> dict[str, str]:
        headers = {}
        if self.cookies:
            headers["Cookie"] = self.cookie
        if self.origin is not None and method not in ("GET", "HEAD"):
            headers["Origin"] = self.origin
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        return headers

    def _keep(self, lines: list[str]) -> None:
        for line in lines:
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] in ("0", "-1") or "1970" in morsel["expires"] or not morsel.value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.coded_value

    @property
    def cookie(self) -> str:
        """The Cookie header, for a live socket of the same person."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, headers=headers)

    def post(self, path: str, json=None, **headers: str) -> Answer:
        return self._send("POST", path, json, headers)

    def put(self, path: str, json=None, **headers: str) -> Answer:
        return self._send("PUT", path, json, headers)

    def patch(self, path: str, json=None, **headers: str) -> Answer:
        return self._send("PATCH", path, json, headers)

    def delete(self, path: str, json=None, **headers: str) -> Answer:
        return self._send("DELETE", path, json, headers)

    def _send(self, method: str, path: str, value, headers: dict[str, str]) -> Answer:
        body = json.dumps({} if value is None else value).encode()
        return self.request(method, path, body, {"Content-Type": "application/json", **headers})

    def submit(self, photo, path: str = "/api/entries", **fields) -> Answer:
        """Enter a tattoo as the page does, with consent, of age and under a new id unless `fields` say otherwise.

        photo   a path, bytes (sent as photo.jpg), (name, bytes), or None for no file at all
        fields  form fields; one that is None is left out
        """
        fields = {"consent": "yes", "adult": "yes", "collector": "Ada", "id": secrets.token_urlsafe(16), **fields}
        body, kind = form(photo, {name: value for name, value in fields.items() if value is not None})
        return self.request("POST", path, body, {"Content-Type": kind})

    def login_admin(self, password: str = PASSWORD) -> "Http":
        answer = self.post("/api/login", {"password": password})
        assert answer.status == 200, answer
        return self

    def join(self, link: str) -> "Http":
        """Open a judge's, desk's or host's link; its cookie is kept, its redirect not followed."""
        answer = self.get(link)
        assert answer.status in (200, 302, 303), answer
        return self


def form(photo, fields: dict[str, str]) -> tuple[bytes, str]:
    """A multipart/form-data body and its content type."""
    edge = "edge" + secrets.token_hex(16)
    parts = [f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
             for name, value in fields.items()]
    if photo is not None:
        name, content = _photo(photo)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        parts.append(f'--{edge}\r\nContent-Disposition: form-data; name="photo"; filename="{name}"\r\n'
                     f"Content-Type: {kind}\r\n\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"


def _photo(photo) -> tuple[str, bytes]:
    if isinstance(photo, tuple):
        return photo
    if isinstance(photo, bytes):
        return "photo.jpg", photo
    return Path(photo).name, Path(photo).read_bytes()
