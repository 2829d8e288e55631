"""Who may speak to the server at all: before any other room hears of a request.

A page of the web that its reader's browser has open is nobody: it may come under another site's name (`Origin`), or
with this computer's address under a name of its own (`Host`). Games prove who they are by key and secret. All else,
pages and lists, is for whoever has the admin token, once the server can be reached from other computers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ._games import CALLS
from ._json import encode
from ._pages import PAGE_HEADERS, render_login

COOKIE = "gs_pygame_admin"
LOGIN = "/login"
PROBES = frozenset({"/healthz", "/readyz"})
"""What a balancer asks, by an address instead of a name; the answer is a word."""

_PAGES = ("/", "/player", "/faults")  # for people, who are asked for the token in a form
_COOKIE_AGE = 30 * 24 * 3600  # seconds
_MAX_FORM = 4096  # bytes
_PORT = re.compile(r":\d*$")


@dataclass(frozen=True, slots=True)
class Rules:
    """`hosts`: the names by which the server may be called; None: any. `admin`: the digest of the admin token; None:
    whoever reaches the server may read. `sockets_of_any_origin`: games of a browser's come from another site; whether
    they know the secret decides."""

    hosts: frozenset[str] | None = None
    admin: str | None = None
    sockets_of_any_origin: bool = False
    https: bool = False


ANYBODY = Rules()


class Admission:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["path"] not in PROBES:
            answer = self._refusal(scope)
            if answer is None and scope["type"] == "http" and scope["path"] == LOGIN:
                answer = await self._login(Request(scope, receive))
            if answer is not None:
                return await answer(scope, receive, send)
        return await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        is_socket = scope["type"] == "websocket"
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._rules.hosts is not None and _name(host) not in self._rules.hosts:
            return _sentence(421, "This server has another name. Start it with --public-url to give it this one.")
        is_foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
        if is_foreign and not (is_socket and self._rules.sockets_of_any_origin):
            return _sentence(403, "Pages of other sites may not call this server.")
        if scope["path"] == LOGIN or CALLS.match(scope["path"]):  # key and secret decide there
            if not is_socket and scope["method"] == "POST" and scope["path"] != LOGIN and not _is_json(headers):
                return _sentence(415, "The Content-Type must be application/json.")
            return None
        if self._rules.admin is None or self._is_admin(headers):
            return None
        if scope["path"] in _PAGES:
            return _login_page("")
        refusal = _sentence(401, "This needs the admin token: Authorization: Bearer TOKEN.")
        refusal.headers["WWW-Authenticate"] = "Bearer"
        return refusal

    def _is_admin(self, headers: Mapping[str, str]) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = _cookie(headers.get("cookie", ""))
        return self._is_token(token)

    def _is_token(self, token: str) -> bool:
        return compare_digest(digest_of(token), self._rules.admin or "")

    async def _login(self, request: Request) -> Response:
        """The form of the page that asks for the token."""
        if request.method != "POST":
            return RedirectResponse("/", 303)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_FORM:
                return _sentence(413, "That is no token.")
        token = parse_qs(body.decode("ascii", "replace")).get("token", [""])[0].strip()
        if self._rules.admin is None or not self._is_token(token):
            return _login_page("That is not the token.")
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE, token, max_age=_COOKIE_AGE, httponly=True, samesite="strict", secure=self._rules.https
        )
        return answer


def digest_of(token: str) -> str:
    """What is kept of the admin token, which is random."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _name(host: str) -> str:
    """A Host header without its port."""
    return _PORT.sub("", host.lower())


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _sentence(status: int, text: str) -> Response:
    return Response(encode({"error": text}), status, media_type="application/json")


def _login_page(wrong: str) -> Response:
    return HTMLResponse(render_login(wrong), 401, PAGE_HEADERS)
