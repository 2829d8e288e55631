"""What address can be a server's, and how it may be shown.

What stands in {braces} is the API key: part of the address, and shown to nobody.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from ._base.errors import ConfigurationError
from ._base.messages import is_text

LABEL_LIMIT = 63  # characters between two dots, as the DNS has it (RFC 1035)
NAME_LIMIT = 253  # characters of a host's name, without a dot at its end
PORTS = {"http": 80, "https": 443}

_KEY = re.compile(r"\{([^{}]*)\}")
_LABEL = re.compile(f"[a-z0-9_-]{{1,{LABEL_LIMIT}}}", re.IGNORECASE)
_BRACKETS = re.compile(r"\[[^][]*\](:\d*)?")
_ADDED = re.compile(r"/(rs|ws)(/|$)|/EndSessionRequest$")  # by us, or by another client of the same server


def require(name: str, address: object, api_key: str | None, allow_insecure: bool) -> None:
    """Raises ConfigurationError unless `address`, the setting of that name, can be a server's."""
    allowed = "an address like https://sessions.example.com, without a query or a user name"
    if not is_text(address):
        raise ConfigurationError(f"{name} is {address!r}; allowed is {allowed}")
    if "{api_key}" in address and not api_key:
        raise ConfigurationError(f"{name} holds {{api_key}}, but api_key is not set: pass api_key=...")
    if fault := fault_of(address.replace("{api_key}", api_key or "")):
        where = " (with api_key filled in)" if "{api_key}" in address else ""
        raise ConfigurationError(f"{name} is {shown(address)!r}, which has{where} {fault}; allowed is {allowed}")
    url = urlsplit(filled(marked(address, api_key)))
    if url.scheme == "http" and not is_here(url.hostname or "") and not allow_insecure:
        raise ConfigurationError(
            f"{name} {shown(address)!r} is not encrypted, and the secret would travel in the clear: use https, "
            "a loopback address (127.0.0.1), or pass allow_insecure=True"
        )


def marked(address: str, api_key: str | None) -> str:
    """The address with the API key in its place, still in braces, by which it is known what to show to nobody. Never
    log it."""
    return address.replace("{api_key}", f"{{{api_key}}}")


def filled(address: str) -> str:
    """A marked address as it is used."""
    return _KEY.sub(r"\1", address)


def place(address: str) -> str:
    """Host and port, for people: where something went wrong."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host:
        return "the server"
    host = f"[{host}]" if ":" in host else _KEY.sub("***", host)
    return f"{host}:{port or PORTS.get(parts.scheme, '?')}"


def is_here(host: str) -> bool:
    """Whether `host` is this computer: nothing that is sent there leaves it."""
    host = host.rstrip(".")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def shown(address: str) -> str:
    """The address as it may be shown, right or wrong: a query, a user name or a whole request's path hold secrets."""
    text = re.sub("//.*@", "//...@", re.sub("[?#].*", "?...", address, flags=re.DOTALL), flags=re.DOTALL)
    added = _ADDED.search(text)
    return f"{text[: added.start()]}/..." if added else text


def fault_of(text: str) -> str | None:
    """Why nobody can ever be reached at this address, after the words "it has"; None if somebody may be."""
    if not text.isprintable() or " " in text:
        return "white space, or characters that cannot be seen"
    if set(text) & set("\\?#{}"):
        return "a backslash, a query, a fragment, or braces around something else than api_key"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "a port that is no number from 1 to 65535, or a host that is none"
    if parts.scheme not in PORTS:
        return "no http:// or https:// at its beginning"
    if text.count("://") > 1:
        return "another address in it"
    if "@" in parts.netloc:
        return "a user name"
    if port == 0:
        return "the port 0"
    return _fault_of_host(parts) or _fault_of_path(parts.path)


def _fault_of_host(parts: SplitResult) -> str | None:
    host = parts.hostname
    if not host:
        return "no host"
    if "[" in parts.netloc or "]" in parts.netloc:
        try:
            if not _BRACKETS.fullmatch(parts.netloc):
                raise ValueError
            ipaddress.IPv6Address(host if "%" not in host else "")  # a zone is another one on each computer
        except ValueError:
            return "a host in [ ] that is no IPv6 address"
        return None
    name = host.removesuffix(".")
    if not name.isascii():
        try:
            name = ".".join(_idna(label) for label in name.split("."))
        except ValueError:
            return "a host that no domain name can be (an unusual one is written as xn--...)"
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        return f"a host with an empty part, one over {LABEL_LIMIT} characters, or one of more than letters, digits, -"
    if len(name) > NAME_LIMIT:
        return f"a host over {NAME_LIMIT} characters"
    if labels[-1].isdecimal():
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return "a host of numbers that is no IP address"
    return None


def _idna(label: str) -> str:
    """As urllib3 does it, a label at a time. The import costs up to 100 ms, once, for a host that is not ASCII."""
    import idna

    return idna.encode(label.lower(), strict=True, std3_rules=True).decode()


def _fault_of_path(path: str) -> str | None:
    if _ADDED.search(path):
        return "the path of a request, /rs/..., which is added to it"
    if {".", ".."} & set(path.split("/")):
        return "a path with . or .. in it"
    return None
