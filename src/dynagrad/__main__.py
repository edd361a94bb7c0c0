"""``python -m dynagrad``: the same as the ``dynagrad`` command."""

import sys

from dynagrad.cli import main

sys.exit(main())
