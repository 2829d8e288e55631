"""Addresses: those at which nobody can ever be reached are refused at install(), whatever can work works."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_kit import end

from gs_pygame import ConfigurationError, Settings
from gs_pygame.destinations import Retry


def checked(endpoint: str, api_key: str | None = None, insecure: bool = False) -> Settings:
    """Settings as a plugin would take them."""
    made = Settings(app="A", author="B", endpoint=endpoint, api_key=api_key, allow_insecure=insecure)
    made.validate()
    return made


def complaint(endpoint: str, api_key: str | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        checked(endpoint, api_key)
    return str(caught.value)


def reached(resolved: Settings) -> str:
    """The host whose address is looked up at a delivery; no exception but that it is not known."""
    hosts: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> None:
        host.encode("idna")  # as the real one does first
        hosts.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    destination = resolved.gamesparks
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", look_up)
        outcome = destination.deliver([end()])[0]
    destination.close()
    assert isinstance(outcome, Retry)
    assert outcome.why.startswith("the name "), (resolved.endpoint, outcome)
    return hosts[0]


NEVER = [
    *("http://127.0.0.1:8765\n", "https://example.com ", " https://example.com", "https:// host", "https://a\tb"),
    *("https://x\u200b.de", "https://x\0", "https://\ufeffx", "https://x/a b", "https://x\u00a0"),
    *("https://*.example.com", "https://.example.com", "https://a..b", "https://a.b..", "https://."),
    *(
        f"https://{'a' * 64}.de",
        f"https://{'.'.join(['a' * 60] * 5)}",
        "https://a,b",
        "https://a$b",
        "https://ex%61mple.com",
    ),
    *("https://x:0", "https://x:-1", "https://x:+1", "https://x:1:2", "https://:443", "https:///x", "https:x", "//x"),
    *("https://256.1.1.1", "https://1.2.3.4.5", "http://127.0.0.1.", "https://[::1]x", "https://[::1", "https://::1"),
    *("https://[fe80::1%25eth0]", "https://[v1.a]", "https://[127.0.0.1]", "https://\u2603.de", "https://x\u3002de"),
    *("https://x?", "https://x/?", "https://x#", "https:\\\\x", "https://x\\y", "https://x/{oops}", "https://{x}"),
    *("https://x/rs", "https://x/rs/device/S/EndSessionRequest", "wss://x/ws/device/KEY", "https://x/a/../b"),
    *("https://http://example.com", "https://https://example.com/game"),
    *("file:///etc/hosts", "/srv/game", "C:\\game", "localhost:8765", "javascript:alert(1)"),
]
"""Addresses at which nobody can be reached, on no computer."""


@pytest.mark.parametrize("endpoint", NEVER)
def test_where_nobody_can_be_reached(endpoint: str) -> None:
    """The setting is named, what was given (unless it may hold a secret), and what is allowed."""
    said = complaint(endpoint)
    assert said.startswith("endpoint is ")
    assert "allowed is an address like https://sessions.example.com" in said
    assert repr(endpoint) in said or any(mark in endpoint for mark in ("?", "#", "/rs", "/ws"))


@pytest.mark.parametrize(
    "endpoint",
    [
        *(
            "HTTPS://Sessions.Example.COM",
            "Http://LOCALHOST",
            "http://localhost.:80",
            "http://127.0.0.2",
            "http://[0::1]",
        ),
        *(
            "https://example.com/",
            "https://example.com//",
            "https://example.com.",
            "https://example.com:",
            "https://x:65535",
        ),
        *(
            "https://ä.de",
            "https://münchen.example",
            "https://xn--4ca.de",
            "https://a_b.example",
            "https://x/a/b%20c/ü",
        ),
        *("https://[2001:db8::1]:8443", "https://10.0.0.1", f"https://{'a' * 63}.de"),
    ],
)
def test_another_spelling_is_fine(endpoint: str) -> None:
    """What can work in some spelling works in this one."""
    assert reached(checked(endpoint))


def test_a_whole_requests_address_is_not_repeated() -> None:
    """It has the secret in it, whatever else is wrong."""
    for scheme in ("https", "ftp", "http"):
        for at in ("rs/device/s3cr3t/EndSessionRequest", "ws/device/s3cr3t", "x/rs/device/s3cr3t"):
            assert "s3cr3t" not in complaint(f"{scheme}://example.com/{at}")


def test_an_api_key_can_be_what_is_wrong() -> None:
    """It is said that it was filled in, and not shown."""
    said = complaint("https://{api_key}.example.com", api_key="k 1")
    assert "(with api_key filled in)" in said
    assert "k 1" not in said


letters = "aA0-_.ä"
hosts = st.one_of(
    st.text(letters, min_size=1, max_size=8),
    st.text(min_size=1, max_size=6),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map("[{}]".format),
    st.sampled_from(["localhost", "x.de.", "xn--a", "1.2.3", "0x7f.1", "a" * 63, "a" * 64, "ß.de", "{api_key}.x"]),
)
addresses = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP://", "https:/", "//", "https:///", "ftp://"]),
    hosts,
    st.sampled_from(["", ":", ":1", ":65535", ":65536", ":0", ":x", ":٣"]),
    st.sampled_from(["", "/", "//", "/a", "/ü/%zz", "/a;b", "/rs", "/..", "/a%2e%2e", "?", "/:@"])
    | st.text(max_size=4),
)


@settings(max_examples=300, deadline=None)
@given(endpoint=addresses, api_key=st.text("aA0-.ä{} /", min_size=1, max_size=5))
def test_any_address_is_refused_or_can_be_asked(endpoint: str, api_key: str) -> None:
    """Whatever install() takes comes as far as the look-up of its host's name, or the author is told at once."""
    try:
        resolved = checked(endpoint, api_key, insecure=True)
    except ConfigurationError:
        return
    assert reached(resolved)
