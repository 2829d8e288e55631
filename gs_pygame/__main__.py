"""`python -m gs_pygame`: the same as `gs-pygame`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
