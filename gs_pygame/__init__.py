"""gs_pygame ends a player's session by itself when they leave a Pygame game, and delivers that end exactly once::

    import gs_pygame

    plugin = gs_pygame.install(app="Starfall", author="Example Studio", endpoint="https://...", secret="...")

Importing it loads neither pygame nor requests. Everything public is here, and in `gs_pygame.destinations` and
`gs_pygame.testing`.
"""

from ._base.errors import (
    AlreadyInstalledError,
    ConfigurationError,
    GsPygameError,
    NotInstalledError,
    PygameNotFoundError,
)
from ._base.messages import DestinationStatus, End, EndSessionResponse, Erasure, Session, Status
from ._install import EndSessionRequest, install
from ._plugin import SessionPlugin
from ._settings import Settings
from ._tasks import freeze_support
from ._version import __version__

__all__ = [
    "AlreadyInstalledError",
    "ConfigurationError",
    "DestinationStatus",
    "End",
    "EndSessionRequest",
    "EndSessionResponse",
    "Erasure",
    "GsPygameError",
    "NotInstalledError",
    "PygameNotFoundError",
    "Session",
    "SessionPlugin",
    "Settings",
    "Status",
    "__version__",
    "freeze_support",
    "install",
]
