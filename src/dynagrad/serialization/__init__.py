"""Files: PyTorch's own zip format, written and read. Loading runs no code from a file unless it is asked to.

`write` makes the pickle and the archive; `archive`, `restricted` and `read` take them apart; `legacy` has the format of
PyTorch before 1.6; `names` says which of our objects stands under which of PyTorch's names, `places` where storages
belong; `options` are the settings that are no arguments.
"""

from dynagrad.serialization.legacy import MAGIC_NUMBER as MAGIC_NUMBER
from dynagrad.serialization.legacy import PROTOCOL_VERSION as PROTOCOL_VERSION
from dynagrad.serialization.options import LoadEndianness as LoadEndianness
from dynagrad.serialization.options import get_crc32_options as get_crc32_options
from dynagrad.serialization.options import get_default_load_endianness as get_default_load_endianness
from dynagrad.serialization.options import get_default_mmap_options as get_default_mmap_options
from dynagrad.serialization.options import set_crc32_options as set_crc32_options
from dynagrad.serialization.options import set_default_load_endianness as set_default_load_endianness
from dynagrad.serialization.options import set_default_mmap_options as set_default_mmap_options
from dynagrad.serialization.options import skip_data as skip_data
from dynagrad.serialization.places import default_restore_location as default_restore_location
from dynagrad.serialization.places import location_tag as location_tag
from dynagrad.serialization.places import register_package as register_package
from dynagrad.serialization.read import get_unsafe_globals_in_checkpoint as get_unsafe_globals_in_checkpoint
from dynagrad.serialization.read import load as load
from dynagrad.serialization.restricted import add_safe_globals as add_safe_globals
from dynagrad.serialization.restricted import clear_safe_globals as clear_safe_globals
from dynagrad.serialization.restricted import get_safe_globals as get_safe_globals
from dynagrad.serialization.restricted import safe_globals as safe_globals
from dynagrad.serialization.write import save as save

DEFAULT_PROTOCOL = 2


class SourceChangeWarning(Warning):
    """PyTorch's warning for modules pickled whole whose source has changed; sources are not compared here."""
