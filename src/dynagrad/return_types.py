"""``torch.return_types``: the classes of named tuples that ops with several results return."""

from dynagrad._core.return_types import *  # noqa: F403
