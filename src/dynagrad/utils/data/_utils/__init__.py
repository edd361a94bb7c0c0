"""The inside of the loader, under PyTorch's names: how samples are fetched, batched and carried between processes."""

from dynagrad.utils.data._utils import collate as collate
from dynagrad.utils.data._utils import fetch as fetch
from dynagrad.utils.data._utils import worker as worker
