"""Fixtures: a fault server, and certificates of an authority of our own."""

from network_fixtures import (
    authority,
    bundle,
    destination,
    elsewhere,
    log,
    plain_environment,
    server,
    tls_server,
)

__all__ = ["authority", "bundle", "destination", "elsewhere", "log", "plain_environment", "server", "tls_server"]
