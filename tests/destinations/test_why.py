"""Why nothing came back: in words that an author can act on, and that give nothing away."""

from __future__ import annotations

from pathlib import Path

import pytest
from network_kit import HERE, PROXY, QUOTED, SECRET, Log, anywhere, delivered, end
from requests.exceptions import InvalidSchema

from gs_pygame import ConfigurationError
from gs_pygame.destinations import GameSparks, Outcome, Retry
from gs_pygame.testing import FaultServer

PASSWORD = "pr0xy-pw"
NOWHERE = "127.0.0.1:1"
"""Nobody listens on that port, and nobody without rights can."""


def asked(url: str) -> Outcome:
    destination = GameSparks(url, SECRET, api_key="KEY")
    try:
        return destination.deliver([end()])[0]
    finally:
        destination.close()


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        (f"http://{NOWHERE}", f"no connection to {NOWHERE}: refused"),
        (f"https://{NOWHERE}/KEY", f"no connection to {NOWHERE}: refused"),
        ("http://[::1]:1/{api_key}", "no connection to [::1]:1: "),
        ("https://sessions.exmaple.invalid", "the name sessions.exmaple.invalid is not known"),
        ("https://{api_key}.live.exmaple.invalid:7/x", "the name ***.live.exmaple.invalid is not known"),
        ("https://ä.invalid", "the name ä.invalid is not known"),
    ],
)
def test_host_and_port_are_said(endpoint: str, why: str, log: Log) -> None:
    """Never the path, nor the API key where it is part of the host."""
    came = asked(endpoint)
    assert isinstance(came, Retry)
    assert came.why.startswith(why)
    assert not any(hidden in f"{came}{log.text}" for hidden in ("KEY", "/", QUOTED, SECRET))


def _without_pysocks(*_: object, **__: object) -> None:
    raise InvalidSchema("Missing dependencies for SOCKS support.")


PROXIES = {
    "socks5://127.0.0.1:1080": f"a SOCKS proxy {PROXY} needs PySocks, which this game does not have",
    "socks://127.0.0.1:1080": f"a SOCKS proxy {PROXY} needs PySocks, which this game does not have",
    f"http://ada:{PASSWORD}@{NOWHERE}": f"no connection to the proxy {NOWHERE} {PROXY}: refused",
    NOWHERE: f"no connection to the proxy {NOWHERE} {PROXY}: refused",
    f"https://{NOWHERE}": f"no connection to the proxy {NOWHERE} {PROXY}: refused",
    "http://proxy.invalid:3128": f"no connection to the proxy proxy.invalid:3128 {PROXY}: its name is not known",
    "http://[:3128": f"the proxy {PROXY} is no proxy's address",
    "http://": f"the proxy {PROXY} is no proxy's address",
    f"ftp://ada:{PASSWORD}@127.0.0.1": f"the proxy {PROXY} is no proxy's address",
    "http://a b": f"the proxy {PROXY} is no proxy's address",
}


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
@pytest.mark.parametrize(("proxy", "why"), PROXIES.items())
def test_a_proxy_that_cannot_work(
    tls_server: FaultServer, bundle: str, monkeypatch: pytest.MonkeyPatch, log: Log, name: str, proxy: str, why: str
) -> None:
    """It is named, without its password, and not passed by: whoever set it may not want to be seen at the server's."""
    if "SOCKS" in why:
        monkeypatch.setattr("requests.adapters.SOCKSProxyManager", _without_pysocks)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    monkeypatch.setenv(name, proxy)
    assert asked(tls_server.url) == Retry(why)
    assert tls_server.connections == 0
    assert PASSWORD not in log.text
    monkeypatch.setenv("NO_PROXY", "::1,127.0.0.1,localhost")
    assert asked(tls_server.url) == delivered()


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_authorities_that_are_not_there(tls_server: FaultServer, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As if the variable were not set: the certificate is checked, by the authorities that requests brings."""
    monkeypatch.setenv(name, "/nowhere/ca.pem")
    came = asked(tls_server.url)
    why = f"the certificate of {HERE} is not valid (unable to get local issuer certificate); nothing was sent"
    assert anywhere(came) == Retry(why, severe=True)
    assert tls_server.requests == []


def test_authorities_that_are_none(tls_server: FaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The variable is named; nothing is sent."""
    path = tmp_path / "ca.pem"
    path.write_text("no certificate\n")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    came = anywhere(asked(tls_server.url))
    assert isinstance(came, Retry)
    assert came.why.startswith(f"no encrypted connection to {HERE} (TLS failed: no certificate")
    assert came.why.endswith("with the authorities of REQUESTS_CA_BUNDLE")
    assert tls_server.requests == []


def test_authorities_that_were_cleared_away(
    tls_server: FaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A one-file game unpacks them into a temporary folder, which some computers clear while it plays."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "gone.pem"))
    came = asked(tls_server.url)
    assert isinstance(came, Retry)
    assert "list of certificate authorities is gone" in came.why or "is not valid" in came.why
    assert tls_server.requests == []


@pytest.mark.parametrize("endpoint", ["https://[", "nothing", "", "https://a..b", "ftp://x", "https://\ud800"])
def test_a_destination_of_an_impossible_address(endpoint: str) -> None:
    """It is refused when it is made, in words that hold no secret."""
    with pytest.raises(ConfigurationError, match=r"^endpoint ") as refused:
        asked(endpoint)
    assert not any(hidden in str(refused.value) for hidden in (QUOTED, SECRET))
