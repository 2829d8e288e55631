"""What the doctor asks the server: a request that it must refuse in its own words, so that no session is made."""

from __future__ import annotations

import uuid
from contextlib import closing

from .._base.errors import ConfigurationError
from .._settings import Settings
from ..destinations import Pause, Rejected, Retry
from ._finding import Finding

_START = "Start the server (gs-pygame serve), check the endpoint, or let this computer through to it."
_CURES = {
    "proxy": "Mend or unset HTTPS_PROXY and ALL_PROXY, or name the server's host in NO_PROXY.",
    "the name ": "Check how the endpoint is spelled, and this computer's network.",
    "authorities": "Mend or unset REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE, or install requests and certifi anew.",
    "TLS failed": "Check whether the endpoint's port speaks https.",
}
"""By words of what went wrong."""


def look_at_server(settings: Settings) -> Finding:
    if not settings.enabled:
        return Finding("server", "skipped", "the plugin is switched off here", "See the note on the switch.")
    if settings.endpoint is None:
        return Finding(
            "server", "skipped", "no endpoint was named", "Add --endpoint, or set GS_PYGAME_ENDPOINT as for the game."
        )
    try:
        settings.validate()
    except ConfigurationError as error:
        return Finding("server", "fault", "its settings are wrong", f"{error}.")
    request_id = f"doctor-{uuid.uuid4()}"
    # Wrong in two ways: no server may take it for a session's end.
    request = {"@class": ".NoRequest", "requestId": request_id, "scriptData": "doctor"}
    with closing(settings.gamesparks) as destination:
        answer = destination.post(request)
    if isinstance(answer, Retry):
        if answer.severe:
            cure = "Have the certificate renewed, or set this computer's clock; never switch the check off."
        else:
            cure = next((cure for words, cure in _CURES.items() if words in answer.why), _START)
        return Finding("server", "fault", answer.why, cure)
    outcome = destination.outcome_of(answer, request_id)
    if isinstance(outcome, Rejected):
        secret = "" if settings.secret else " (no secret is set)"
        return Finding("server", "ok", f"it answers, verifiably, and lets this game in{secret}")
    if isinstance(outcome, Pause):
        return Finding(
            "server",
            "fault",
            outcome.why,
            "Set GS_PYGAME_SECRET and GS_PYGAME_API_KEY (and --credential) to what the server expects.",
        )
    if isinstance(outcome, Retry):
        return Finding("server", "fault", outcome.why, _cure(answer.status))
    return Finding(
        "server",
        "note",
        "it takes whatever it is sent for a session's end; it may count one by the doctor, of no length",
        "Have it refuse a request whose @class is not .EndSessionRequest.",
    )


def _cure(status: int) -> str:
    if 300 <= status < 400:
        return "Set the endpoint to the address that it redirects to."
    if 200 <= status < 300 or status in (401, 403):
        return "Log in to this network (a portal's page?), or set the endpoint to a GameSparks-compatible server."
    if status in (404, 405, 501):
        return "Check the endpoint's host and path: something else answers there."
    return "Look into the server's log; ends wait on disk until it is well."
