"""``python -m dynagrad``: the same as the ``dynagrad`` command."""

import sys

from dynagrad.cli import main

if __name__ == "__main__":
    sys.exit(main())
