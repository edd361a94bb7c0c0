"""Files: PyTorch's own zip format, written and read. Loading runs no code from a file unless it is asked to.

`write` makes the pickle and the archive; `archive`, `restricted` and `read` take them apart; `legacy` reads the format
of PyTorch before 1.6; `names` says which of our objects stands under which of PyTorch's names.
"""

from dynagrad.serialization.read import get_unsafe_globals_in_checkpoint as get_unsafe_globals_in_checkpoint
from dynagrad.serialization.read import load as load
from dynagrad.serialization.restricted import add_safe_globals as add_safe_globals
from dynagrad.serialization.restricted import clear_safe_globals as clear_safe_globals
from dynagrad.serialization.restricted import get_safe_globals as get_safe_globals
from dynagrad.serialization.restricted import safe_globals as safe_globals
from dynagrad.serialization.write import save as save
