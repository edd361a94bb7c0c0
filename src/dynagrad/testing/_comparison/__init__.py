"""How tests compare: pairs of values that know when they differ and say how.

``torch.testing._comparison`` of PyTorch is private, and yet libraries subclass its pairs to compare what they know (images,
boxes, nested tensors); the names that they take are here, with PyTorch's meanings. What a user calls is in ``close``.
"""

from dynagrad.testing._comparison.close import assert_allclose, assert_close
from dynagrad.testing._comparison.errors import ErrorMeta, UnsupportedInputs
from dynagrad.testing._comparison.messages import make_scalar_mismatch_msg, make_tensor_mismatch_msg
from dynagrad.testing._comparison.pairs import BooleanPair, NonePair, NumberPair, ObjectPair, Pair
from dynagrad.testing._comparison.tensors import TensorLikePair
from dynagrad.testing._comparison.tolerances import default_tolerances, get_tolerances
from dynagrad.testing._comparison.walk import not_close_error_metas, originate_pairs

__all__ = [
    "BooleanPair",
    "ErrorMeta",
    "NonePair",
    "NumberPair",
    "ObjectPair",
    "Pair",
    "TensorLikePair",
    "UnsupportedInputs",
    "assert_allclose",
    "assert_close",
    "default_tolerances",
    "get_tolerances",
    "make_scalar_mismatch_msg",
    "make_tensor_mismatch_msg",
    "not_close_error_metas",
    "originate_pairs",
]
