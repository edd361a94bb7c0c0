"""``torch.utils.model_zoo``: the old names of what ``torch.hub`` does."""

from dynagrad.hub import load_state_dict_from_url
from dynagrad.hub import load_state_dict_from_url as load_url

__all__ = ["load_state_dict_from_url", "load_url"]
