"""Nodes have PyTorch's names and show what PyTorch's do, for PyTorch's operator database and the samples of the cards.

`saved.py` lists all differences; here are those that are left, and why.
"""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from functools import cache

import pytest

from dynagrad._core.card import CARDS
from tests.compat import table

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(
        importlib.util.find_spec("torch") is None or importlib.util.find_spec("expecttest") is None,
        reason="needs torch and expecttest, which its operator database imports",
    ),
    pytest.mark.filterwarnings("ignore"),  # PyTorch's test suite warns as it is imported
]

SAMPLES = 2  # of each form of an operator

# Operators whose outermost node has another name: inside they are made of other ops than PyTorch's.
OTHER_OPS = set(
    """
    __rsub__ _batch_norm_with_update _native_batch_norm_legit _segment_reduce/lengths _segment_reduce/offsets
    _softmax_backward_data _unsafe_masked_index _unsafe_masked_index_put_accumulate bernoulli bfloat16 block_diag
    combinations conj_physical cumulative_trapezoid diff double float half linalg.cond linalg.householder_product
    linalg.matrix_norm linalg.norm linalg.norm/subgradients_at_zero linalg.vecdot linalg_matrix_norm linalg_norm
    linalg_vecdot logdet lu_unpack masked.sum max_pool2d_with_indices_backward nanquantile native_dropout_backward
    native_group_norm nn.functional.batch_norm nn.functional.cross_entropy nn.functional.linear
    nn.functional.linear_cross_entropy nn.functional.linear_cross_entropy/chunked
    nn.functional.linear_cross_entropy/chunked_none nn.functional.pad/circular nn.functional.pairwise_distance
    nn.functional.rms_norm nn.functional.scaled_dot_product_attention ormqr quantile scatter slice special.ndtr
    sum_to_size to torch.ops.aten._safe_softmax.default trapezoid trapz triangular_solve
    """.split()  # noqa: SIM905 - as a list, a name a line, they would fill a page
)

# What is shown otherwise, and why.
ORDER = "the factors are multiplied in another order"
EMPTY = "PyTorch notes no strides of an empty factor"
DERIVED = "worked out from what the node needs, where PyTorch keeps what was given"
KNOWN = {
    ("AddmmBackward0", "_saved_mat1_sym_strides"): EMPTY,
    ("AddmmBackward0", "_saved_mat2_sym_strides"): EMPTY,
    ("MmBackward0", "_saved_self_sym_strides"): EMPTY,
    ("MmBackward0", "_saved_mat2_sym_strides"): EMPTY,
    ("BmmBackward0", "_saved_self"): ORDER,
    ("BmmBackward0", "_saved_mat2"): ORDER,
    ("MmBackward0", "_saved_self"): ORDER,
    ("MmBackward0", "_saved_mat2"): ORDER,
    ("MulBackward0", "_saved_self"): ORDER,
    ("MulBackward0", "_saved_other"): ORDER,
    ("PermuteBackward0", "_saved_dims"): ORDER,
    ("ViewBackward0", "_saved_self_sym_sizes"): ORDER,
    ("ReshapeAliasBackward0", "_saved_self_sym_sizes"): ORDER,
    ("AvgPool2DBackward0", "_saved_padding"): DERIVED,
    ("ConvolutionBackward0", "_saved_padding"): DERIVED,
    ("ConvolutionBackward0", "_saved_output_padding"): DERIVED,
    ("SliceBackward0", "_saved_start"): DERIVED,
    ("SliceBackward0", "_saved_end"): DERIVED,
    ("SliceScatterBackward0", "_saved_start"): DERIVED,
    ("SliceScatterBackward0", "_saved_end"): DERIVED,
    ("IndexBackward0", "_saved_indices"): "masks are kept as the indices that they are",
    ("IndexPutBackward0", "_saved_indices"): "masks are kept as the indices that they are",
    ("DivBackward0", "_saved_other"): "masked counts are of another dtype",
    ("LinalgVectorNormBackward0", "_saved_ord"): "masked norms take a floating order",
    ("LogSigmoidBackward0", "_raw_saved_buffer"): "worked out when asked for, and saved nowhere",
    ("NllLossBackward0", "_raw_saved_total_weight"): "kept as a number",
    ("NllLoss2DBackward0", "_raw_saved_total_weight"): "kept as a number",
    ("NllLoss2DBackward0", "_saved_self"): "PyTorch brings the input into four dimensions",
    ("NllLoss2DBackward0", "_saved_target"): "PyTorch brings the target into three dimensions",
}
FROM_END = (
    "18446744073"  # how numbers begin that are short of 2^64: a dimension counted from the end, or from the front
)


@cache
def database():
    from tests.compat import operators

    return operators.database()


def left(name, found):
    """The differences that are not known."""
    return {
        key: texts[:2]
        for key, texts in found.items()
        if key not in KNOWN and not (name in OTHER_OPS and not key[1]) and not all(FROM_END in text for text in texts)
    }


@pytest.mark.parametrize("name", sorted(table.listed()))
def test_the_nodes_of_an_operator(name):
    from tests.compat import saved

    found = defaultdict(list)
    saved.of_database(name, database()[name], found, SAMPLES)
    assert not left(name, found)


@pytest.mark.parametrize("name", sorted(CARDS))
def test_the_nodes_of_a_card(name):
    from tests.compat import saved

    found = defaultdict(list)
    saved.of_card(name, found)
    assert not left(name, found)


def test_a_node_that_shows_something_else_is_found(monkeypatch):
    import dynagrad
    from tests.compat import saved

    for wrong in (lambda x: x.exp().clone(), lambda x: x.pow(2)):
        monkeypatch.setattr(dynagrad, "exp", wrong)
        found = defaultdict(list)
        saved.of_database("exp", database()["exp"], found, 1)
        assert left("exp", found)
