"""Settings: where they come from, and errors that help without giving a secret away."""

from __future__ import annotations

import functools
import math
import sys
import textwrap
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from core_kit import DEADLINE, ENDPOINT, child
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gs_pygame
from gs_pygame import ConfigurationError, GsPygameError, Settings, _address, testing
from gs_pygame.destinations import GameSparks

RIGHT: dict[str, Any] = {"app": "Starfall", "author": "Example Studio", "endpoint": "https://sessions.example.com"}


def checked(environ: dict[str, str] | None = None, **given_: Any) -> Settings:
    """Settings as a plugin would take them."""
    resolved = Settings(**{**RIGHT, **given_}).resolved(environ or {})
    if resolved.enabled:
        resolved.validate()
    return resolved


def complaint(environ: dict[str, str] | None = None, **given_: Any) -> str:
    """What is said about wrong ones."""
    with pytest.raises(ConfigurationError) as caught:
        checked(environ, **given_)
    assert caught.value.__cause__ is None or "secret" not in str(caught.value.__cause__)
    return str(caught.value)


def test_the_right_settings_are_right() -> None:
    """Three are enough; the grace is five minutes."""
    resolved = checked()
    assert (resolved.grace, resolved.enabled, resolved.hook) == (300.0, True, True)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("app", None, "folder"),
        ("app", "", "folder"),
        ("app", "  ", "folder"),
        ("app", "..", "folder"),
        ("app", "a/b", "folder"),
        ("app", "a\\b", "folder"),
        ("app", "a\0b", "folder"),
        ("app", 5, "folder"),
        ("app", "\ud800", "folder"),
        ("author", None, "folder"),
        ("author", "what?", "folder"),
        ("background_grace", 0.4, "at least 0.5"),
        ("background_grace", -1, "at least 0.5"),
        ("background_grace", "x", "number of seconds"),
        ("background_grace", math.nan, "number of seconds"),
        ("background_grace", math.inf, "number of seconds"),
        ("background_grace", True, "number of seconds"),
        ("background_grace", 10**400, "number of seconds"),
        ("background_grace", [], "number of seconds"),
        ("background_on", "blur", "'focus' or 'minimize'"),
        ("background_on", None, "'focus' or 'minimize'"),
        ("consent", "yes", "'granted' or 'pending' or 'denied'"),
        ("consent", [], "'granted' or 'pending' or 'denied'"),
        ("consent", True, "'granted' or 'pending' or 'denied'"),
        ("exit_delivery", "never", "'after' or 'wait' or 'next-start'"),
        ("exit_delivery", {}, "'after' or 'wait' or 'next-start'"),
        ("duration_unit", "min", "'ms' or 's'"),
        ("credential", "", "non-empty string"),
        ("credential", None, "non-empty string"),
        ("credential", 5, "non-empty string"),
        ("player_id", "", "non-empty string"),
        ("player_id", 5, "non-empty string"),
        ("player_id", "\ud800", "non-empty string"),
        ("app_version", 1.2, "non-empty string"),
        ("on_delivered", "print", "function"),
        ("script_data", 5, "dictionary"),
        ("script_data", [("a", 1)], "dictionary"),
        ("data_dir", 5, "folder"),
        ("data_dir", "", "folder"),
        ("data_dir", "a\0b", "folder"),
        ("data_dir", b"bytes", "folder"),
        ("endpoint", "sessions.example.com", "https://"),
        ("endpoint", "ftp://sessions.example.com", "https://"),
        ("endpoint", "https://", "https://"),
        ("endpoint", "https://example.com/?key=1", "https://"),
        ("endpoint", "https://example.com/#top", "https://"),
        ("endpoint", "https://ada@example.com", "https://"),
        ("endpoint", "https://[::1", "https://"),
        ("endpoint", "https://example.com:99999", "https://"),
        ("endpoint", "https://example.com:http", "https://"),
        ("endpoint", 5, "https://"),
        ("endpoint", b"https://example.com", "https://"),
        ("endpoint", ["https://example.com"], "https://"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_given_and_what_is_allowed(
    name: str, value: object, allowed: str
) -> None:
    """Every ConfigurationError says the three things an author needs."""
    said = complaint(**{name: value})
    assert name in said
    assert allowed in said
    if name == "script_data":
        assert type(value).__name__ in said
    elif value is None and name in ("app", "author"):
        assert f"{name} is not set: pass {name}=..." in said
    elif isinstance(value, (int, float)) or value is None:
        assert repr(value) in said


@pytest.mark.parametrize(
    ("script_data", "words"),
    [
        ({"session": 1}, '"session"'),
        ({"x": object()}, "JSON"),
        ({"x": math.nan}, "JSON"),
        ({"x": {1, 2}}, "JSON"),
        ({"x": "y" * 70_000}, "65536"),
    ],
)
def test_script_data_that_cannot_be_sent_is_refused_at_install(script_data: dict[str, Any], words: str) -> None:
    """The reserved key, what is no JSON, and more than 64 KB."""
    said = complaint(script_data=script_data)
    assert "script_data" in said
    assert words in said


def test_without_an_endpoint_it_says_why_and_what_to_do() -> None:
    """The hosted service ended on 30 September 2022; `gs-pygame serve` starts a server."""
    for nothing in (None, ""):
        said = complaint(endpoint=nothing)
        for words in ("endpoint", "30 September 2022", "gs-pygame serve", "GS_PYGAME_ENDPOINT"):
            assert words in said


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "[::1]:80"])
def test_http_is_fine_on_this_computer(host: str) -> None:
    """Nothing leaves the machine."""
    checked(endpoint=f"http://{host}")


@pytest.mark.parametrize("host", ["sessions.example.com", "127.0.0.1.example.com", "192.168.0.2", "localhost.evil.com"])
def test_http_to_another_computer_is_refused(host: str) -> None:
    """The secret would travel in the clear; an author who insists can say so."""
    said = complaint(endpoint=f"http://{host}")
    assert "https" in said
    assert "allow_insecure" in said
    checked(endpoint=f"http://{host}", allow_insecure=True)


def test_the_api_key_is_filled_in() -> None:
    """`{api_key}` in the endpoint stands for the key; without one it is an error that says so."""
    resolved = checked(endpoint="https://{api_key}.example.com/{api_key}", api_key="k123")
    marked = _address.marked(resolved.endpoint or "", resolved.api_key)
    assert _address.filled(marked) == "https://k123.example.com/k123"
    assert _address.place(marked) == "***.example.com:443"
    assert "api_key" in complaint(endpoint="https://{api_key}.example.com")


SECRETS = {"secret": "s3cr3t-of-the-game", "api_key": "k3y-of-the-game"}


def test_no_secret_in_a_repr() -> None:
    """Neither of the settings nor of the destination made of them."""
    resolved = checked(endpoint="https://{api_key}.example.com", **SECRETS)
    destination = resolved.gamesparks
    for secret in SECRETS.values():
        assert secret not in repr(resolved)
        assert secret not in repr(destination)


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "http://{api_key}.example.com"},
        {"endpoint": "ftp://{api_key}.example.com"},
        {"endpoint": "https://{api_key}.example.com:port"},
        {"consent": "yes"},
        {"background_grace": 0},
        {"credential": ""},
        {"secret": ["s3cr3t-of-the-game"]},
        {"secret": b"s3cr3t-of-the-game"},
        {"api_key": 5, "secret": {"s3cr3t-of-the-game": 1}},
        {"api_key": ["k3y-of-the-game"]},
        {"secret": "s3cr3t-of-the-game\ud800"},
        {"endpoint": "https://ada:s3cr3t-of-the-game@example.com"},
        {"endpoint": "https://example.com/?key=k3y-of-the-game"},
        {"endpoint": "https://example.com/#k3y-of-the-game"},
    ],
)
def test_no_secret_in_an_error(wrong: dict[str, Any]) -> None:
    """Whatever is wrong, the message holds neither secret nor API key, even where they were put into the address."""
    said = complaint(**{**SECRETS, **wrong})
    for secret in SECRETS.values():
        assert secret not in said


VARIABLES: list[tuple[str, str, str, Any, Any, Any]] = [
    ("endpoint", "GS_PYGAME_ENDPOINT", "https://b.example.com", "https://b.example.com", "https://a.example.com", None),
    ("api_key", "GS_PYGAME_API_KEY", "b", "b", "a", None),
    ("secret", "GS_PYGAME_SECRET", "b", "b", "a", None),
    ("player_id", "GS_PYGAME_PLAYER_ID", "b", "b", "a", None),
    ("data_dir", "GS_PYGAME_DATA_DIR", "b", "b", "a", None),
    ("background_grace", "GS_PYGAME_BACKGROUND_GRACE", "12.5", 12.5, 99, None),
]


@pytest.mark.parametrize(("name", "variable", "text", "value", "argument", "default"), VARIABLES)
def test_argument_before_environment_before_default(
    name: str, variable: str, text: str, value: object, argument: object, default: object
) -> None:
    """An argument wins over the environment, the environment over the default; an empty variable is none."""
    bare = {k: v for k, v in RIGHT.items() if k != name}
    assert getattr(Settings(**bare, **{name: argument}).resolved({variable: text}), name) == argument
    assert getattr(Settings(**bare).resolved({variable: text}), name) == value
    assert getattr(Settings(**bare).resolved({variable: ""}), name) == default
    assert getattr(Settings(**bare).resolved({}), name) == default


def test_a_grace_from_the_environment_is_checked_like_any_other() -> None:
    """No number, or too small a one: the variable or the setting is named."""
    assert "GS_PYGAME_BACKGROUND_GRACE" in complaint({"GS_PYGAME_BACKGROUND_GRACE": "soon"})
    assert "background_grace" in complaint({"GS_PYGAME_BACKGROUND_GRACE": "0.1"})
    assert "background_grace" in complaint({"GS_PYGAME_BACKGROUND_GRACE": "nan"})


@pytest.mark.parametrize("switch", ["GS_PYGAME_DISABLED", "DO_NOT_TRACK"])
@pytest.mark.parametrize("enabled", [True, False])
def test_the_players_switches_always_win(switch: str, enabled: bool) -> None:
    """=1 disables whatever the game says, and nothing is validated, not even the environment's own values."""
    environ = {switch: "1", "GS_PYGAME_BACKGROUND_GRACE": "soon"}
    wrong: dict[str, Any] = {"app": 5, "endpoint": None, "consent": [], "data_dir": object()}
    assert checked(environ, enabled=enabled, **wrong).enabled is False


@pytest.mark.parametrize("switch", ["GS_PYGAME_DISABLED", "DO_NOT_TRACK"])
@pytest.mark.parametrize("value", ["1", "true", "YES", "on", "2", "please", "00", "falsch"])
def test_a_switch_that_says_anything_is_on(switch: str, value: str) -> None:
    """Who sets it means it, but for a no."""
    assert checked({switch: value}).enabled is False


@pytest.mark.parametrize("switch", ["GS_PYGAME_DISABLED", "DO_NOT_TRACK"])
@pytest.mark.parametrize("value", ["", " ", "0", "no", "off", "false", "False", "NO", "Off", "0\n"])
def test_a_switch_that_is_off_changes_nothing(switch: str, value: str) -> None:
    """Empty or a no is off; the game's own enabled=False still holds."""
    assert checked({switch: value}).enabled is True
    assert checked({switch: value}, enabled=False).enabled is False


def test_a_disabled_plugin_validates_nothing() -> None:
    """enabled=False with everything else wrong or missing."""
    assert Settings(enabled=False, endpoint=5).resolved({}).enabled is False  # type: ignore[arg-type]


def test_the_folder_is_the_one_that_app_and_author_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the user's data folder, or just data_dir if that was given."""
    if sys.platform.startswith("linux"):
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert checked().folder == tmp_path / "gs_pygame" / "Example Studio" / "Starfall"
        monkeypatch.delenv("XDG_DATA_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert checked().folder == tmp_path / ".local" / "share" / "gs_pygame" / "Example Studio" / "Starfall"
    assert checked(data_dir=tmp_path / "x").folder == tmp_path / "x"
    assert Settings(data_dir=str(tmp_path), endpoint=ENDPOINT).folder == tmp_path


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="XDG is Linux's")
@pytest.mark.parametrize("value", ["", "rel", "./rel"])
def test_a_data_home_that_is_no_absolute_path_is_ignored(
    value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As if it were not set: nothing is made in the working directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", value)
    assert checked().folder == tmp_path / ".local" / "share" / "gs_pygame" / "Example Studio" / "Starfall"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="XDG is Linux's")
def test_a_tilde_is_the_users_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In XDG_DATA_HOME, which appdirs would take for a folder's name, and in data_dir."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", "~/data")
    assert checked().folder == tmp_path / "data" / "gs_pygame" / "Example Studio" / "Starfall"
    assert checked(data_dir="~/mine").folder == tmp_path / "mine"


def test_two_authors_of_one_title_share_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """appdirs leaves the author out on all systems but one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert checked(app="Snake", author="Alice").folder != checked(app="Snake", author="Bob").folder


NO_HOME = """
    import os, pwd, sys
    def nobody(*_):
        raise KeyError
    pwd.getpwuid = nobody
    os.environ.pop("HOME", None)
    os.environ.pop("XDG_DATA_HOME", None)
    import gs_pygame
    plugin = gs_pygame.install(app="A", author="B", endpoint="http://127.0.0.1:9")
    plugin.end_session()
    print(plugin.status().durable, plugin.status().ended, os.listdir())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is a home on Windows")
def test_without_a_home_everything_is_in_memory(tmp_path: Path) -> None:
    """As in a container: no HOME and no entry in the list of users. The game plays, and no folder is called ~."""
    with child("import os; os.chdir(" + repr(str(tmp_path)) + ")\n" + textwrap.dedent(NO_HOME)) as game:
        out, err = game.communicate(timeout=DEADLINE)
    assert out == "False 1 []\n", err
    assert "no home directory" in err


def test_differing_names_settings_and_compares_functions_by_name() -> None:
    """Two equal dictionaries do not differ, nor two functions of the same name in the same module."""

    def make() -> Callable[[], dict[str, Any]]:
        return lambda: {"level": 1}

    def other() -> dict[str, Any]:
        return {"level": 1}

    assert checked(script_data={"a": 1}).differing(checked(script_data={"a": 1})) == []
    assert checked(script_data=make()).differing(checked(script_data=make())) == []
    assert checked(script_data=make(), app="A").differing(checked(script_data=other, app="B")) == ["app", "script_data"]
    assert checked(script_data=functools.partial(other)).differing(checked(script_data=functools.partial(print))) == [
        "script_data"
    ]


class Awkward:
    """Equal to nothing, not even hashable."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return False


JUNK: list[Any] = [
    *(None, True, False, 0, 1, 5, -1, 0.5, 1.5, 30.0, math.nan, math.inf, -math.inf, 10**400, Decimal("30"), 3j),
    *("", " ", "x", "\0", "\ud800", "focus", "denied", "wait", "s", "a" * 5000, "Größe", "{api_key}", "{", "%", "~"),
    *("http://", "https://x", "http://x", "http://[", "https://x:0", "https://x:-1", "https://u:p@x", "//x", "https:x"),
    *("https://{api_key}", "https://x/{api_key}/{oops}", "https://\ud800", "https://x\ny", "HTTPS://X", "https://ä.de"),
    *(b"", b"x", [], [1], (), {}, {"a": 1}, {1: 2}, {"session": 1}, set(), {1}, object(), Awkward(), type, len),
    *(lambda: 1 / 0, dict, Path("x"), Path(), range(3), Ellipsis, bytearray(b"x"), iter([])),
]
NAMES = list(Settings.__dataclass_fields__)
ANY = st.one_of(st.sampled_from(JUNK), st.text(max_size=20), st.floats(), st.integers(), st.binary(max_size=5))


def try_out(**given_: Any) -> None:
    """ConfigurationError, or everything that is made of settings can be made; nothing else."""
    try:
        resolved = checked(**given_)
    except ConfigurationError:
        return
    if resolved.enabled:
        assert isinstance(resolved.folder, Path)
        str(resolved.folder).encode("utf-8", "surrogateescape")
        assert math.isfinite(resolved.grace + 1e9)
        _ = resolved.gamesparks
        assert resolved.differing(resolved) == [] or any(value != value for value in vars(resolved).values())
    repr(resolved)


@pytest.mark.parametrize("name", NAMES)
def test_one_junk_value_raises_configuration_error_or_works(name: str) -> None:
    """Each setting with each value of a long list of wrong types and odd texts, the others right."""
    for value in JUNK:
        try_out(**{name: value})


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), ANY))
def test_any_combination_of_junk_raises_configuration_error_or_works(given_: dict[str, Any]) -> None:
    """Wrong settings raise ConfigurationError and nothing else."""
    try_out(**given_)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "enabled"])
def test_what_install_takes_works(
    name: str, screen: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The same through install(): an error of ours, or a session that is played, left and delivered."""
    monkeypatch.chdir(tmp_path)
    for index, value in enumerate(JUNK):
        with testing.game(tmp_path / str(index)) as player:
            try:
                plugin = gs_pygame.install(**{**RIGHT, "hook": False, "background_grace": 2.0, name: value})
            except GsPygameError:
                continue
            plugin.update()
            player.clock.advance(1.0)
            player.focused = False
            plugin.update()
            player.clock.advance(400.0 if name == "background_grace" else 4.0)
            denied = name == "consent" and value == "denied"
            assert len(player.ends) == (0 if denied else 1), value


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([name for name in NAMES if name != "hook"]), ANY))
def test_install_with_any_junk_raises_ours_or_works(
    tmp_path_factory: pytest.TempPathFactory, screen: None, given_: dict[str, Any]
) -> None:
    """install() itself, with everything beyond the settings that it touches."""
    with testing.game(tmp_path_factory.mktemp("junk")):
        try:
            plugin = gs_pygame.install(**{**RIGHT, **given_})
        except GsPygameError:
            return
        plugin.close()


def test_an_app_that_needs_no_folder_is_a_text_all_the_same() -> None:
    """It travels with each end."""
    assert "non-empty string" in complaint(data_dir="somewhere", app=float("nan"))
    assert checked(data_dir="somewhere", app=None).app is None


@pytest.mark.parametrize("wrong", ["https://hooks.example.com/secret", {"secret": "secret"}, GameSparks])
def test_what_is_no_destination_is_not_repeated(wrong: Any) -> None:
    """An address, settings, a class: each may be what somebody tries first, and may hold a secret."""
    assert "secret" not in complaint(endpoint=None, destination=wrong)
