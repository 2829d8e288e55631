"""The script that is frozen: PyInstaller and Nuitka want a file, and Starfall is a package."""

import sys

from examples.starfall.__main__ import main

sys.exit(main())
