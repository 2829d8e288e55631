"""Why nothing came back, in words that an author can act on.

They are ours: an exception's own words hold the address, and so the secret, or a proxy's password.
"""

from __future__ import annotations

import errno
import http.client
import os
import re
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from ._protocol import Retry

_SETTING = "(from HTTPS_PROXY, ALL_PROXY or this computer's settings)"
_BROKEN_OFF = (ConnectionError, http.client.IncompleteRead, urllib3.exceptions.IncompleteRead)
_NOT_CONNECTED = urllib3.exceptions.ConnectTimeoutError  # a NewConnectionError is one
_NO_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    urllib3.exceptions.LocationValueError,
    UnicodeError,
)


_NOT_YET_VALID, _EXPIRED = 9, 10  # of X509_V_ERR_, x509_vfy.h of OpenSSL


def retry(error: BaseException, place: str, proxy: str | None, authorities: str | bool) -> Retry:
    """What went wrong on the way to `place` (host and port).

    `proxy`: the address of the one that was to be used. `authorities`: the file of certificate authorities that the
    environment names, or True.
    """
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = str(cause.verify_message).partition(",")[0]  # what follows may be the host, and so the API key
            if cause.verify_code in (_NOT_YET_VALID, _EXPIRED):
                why += ", or this computer's clock is wrong"
            return Retry(f"the certificate of {place} is not valid ({why}); nothing was sent", severe=True)
    if proxy and (said := _of_the_proxy(causes, proxy)):
        return Retry(said)
    return Retry(_of_the_server(causes, place, authorities))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _of_the_proxy(causes: list[BaseException], proxy: str) -> str | None:
    """None if it is not the proxy's fault."""
    if any("SOCKS" in str(cause) for cause in causes if isinstance(cause, requests.exceptions.InvalidSchema)):
        return f"a SOCKS proxy {_SETTING} needs PySocks, which this game does not have"
    if any(isinstance(cause, (requests.exceptions.InvalidProxyURL, *_NO_ADDRESS)) for cause in causes):
        return f"the proxy {_SETTING} is no proxy's address"
    kinds = (requests.exceptions.ProxyError, urllib3.exceptions.ProxyError)
    socks = proxy.lower().startswith("socks") and any(isinstance(cause, _NOT_CONNECTED) for cause in causes)
    if not socks and not any(isinstance(cause, kinds) for cause in causes):
        return None
    try:
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        named = f"the proxy {parts.hostname}:{parts.port or 80} {_SETTING}"
    except ValueError:
        named = f"the proxy {_SETTING}"
    for cause in causes:
        if refused := re.match(r"Tunnel connection failed: (\d{3})", str(cause)):
            return f"{named} does not let us through (HTTP {refused[1]})"
    return f"no connection {'through' if socks else 'to'} {named}: {_system(causes) or 'it broke off'}"


def _of_the_server(causes: list[BaseException], place: str, authorities: str | bool) -> str:
    error = causes[0]
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            name = place.rpartition(":")[0]
            if cause.errno == socket.EAI_AGAIN:
                return f"the name {name} cannot be looked up (no network?)"
            return f"the name {name} is not known"
    if type(error) is OSError and "certificate bundle" in str(error):
        return (
            "the list of certificate authorities is gone (was the game's temporary folder cleared?): nothing was sent"
        )
    tls = [cause for cause in causes if isinstance(cause, ssl.SSLError) and not isinstance(cause, TimeoutError)]
    if tls or isinstance(error, (requests.exceptions.SSLError, urllib3.exceptions.SSLError)):
        why = str(tls[-1].reason or "").replace("_", " ").lower() if tls else ""
        named = "" if authorities is True else f", with the authorities of {_name_of(authorities)}"
        return f"no encrypted connection to {place} (TLS failed{why and ': '}{why}){named}"
    if any(isinstance(cause, _NOT_CONNECTED) for cause in causes):
        return f"no connection to {place}: {_system(causes) or 'nobody answers'}"
    if any(isinstance(cause, (TimeoutError, urllib3.exceptions.TimeoutError)) for cause in causes):
        return f"the server did not answer in time ({place})"
    if any(isinstance(cause, http.client.HTTPException) and not isinstance(cause, _BROKEN_OFF) for cause in causes):
        return f"what answers at {place} does not speak HTTP"
    if said := _system(causes):
        return f"no connection to {place}: {said}"
    if any(isinstance(cause, _NO_ADDRESS) for cause in causes):
        return "nobody can be reached at the endpoint's address"
    return f"no usable answer from {place} ({type(error).__name__})"


def _system(causes: list[BaseException]) -> str | None:
    """What the system says of the connection."""
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "refused"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "its name is not known"
    if any(isinstance(cause, _BROKEN_OFF) for cause in causes):
        return "it broke off"
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.errno and cause.errno in errno.errorcode:
            return os.strerror(cause.errno).lower()
    return None


def _name_of(authorities: str | bool) -> str:
    """The variable that names the file."""
    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return next((name for name in names if os.environ.get(name) == authorities), "a setting")
