"""Every exception of gs_pygame.

GsPygameError
├── ConfigurationError          a setting is wrong; raised by install() and nowhere else
│   └── PygameNotFoundError     no working pygame in this environment
├── AlreadyInstalledError       install() again with other settings, before close()
├── NotInstalledError           EndSessionRequest.send() without an installed plugin
└── OutboxError                 the file on disk cannot be used (never leaves the plugin)
    ├── OutboxBusyError         another process holds it right now: try again
    ├── OutboxDamagedError      it is no readable outbox
    ├── OutboxDiskError         the disk is full, or failed
    └── OutboxTooNewError       a newer gs_pygame wrote it: it is left as it is
"""

from __future__ import annotations


class GsPygameError(Exception):
    """Base of all errors raised by gs_pygame."""


class ConfigurationError(GsPygameError):
    """A setting is wrong. The message names the setting, what was given and what is allowed."""


class PygameNotFoundError(ConfigurationError):
    """Neither pygame nor pygame-ce works in this environment. The message names both install commands."""


class AlreadyInstalledError(GsPygameError):
    """install() was called again with other settings while the first plugin is still open."""


class NotInstalledError(GsPygameError):
    """A call that needs the installed plugin came before install() or after close()."""


class OutboxError(GsPygameError):
    """The outbox on disk cannot be used. Handled inside the plugin; never raised into a game."""


class OutboxBusyError(OutboxError):
    """Another process or thread holds the write lock; nothing was written."""


class OutboxDamagedError(OutboxError):
    """The file is not a database, or SQLite found it malformed."""


class OutboxDiskError(OutboxError):
    """The disk is full, or reading or writing failed."""


class OutboxTooNewError(OutboxError):
    """The file's schema is newer than this version knows; it is never altered."""


for _public in (GsPygameError, ConfigurationError, PygameNotFoundError, AlreadyInstalledError, NotInstalledError):
    _public.__module__ = __name__.partition(".")[0]  # so does a traceback call it, as who catches it does
