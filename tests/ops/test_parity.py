"""Every op beside the real PyTorch, on numbers drawn anew in every run: values, gradients, errors, strides, nodes.

The failure names the seed; DYNAGRAD_SEED=… draws the same numbers again.
"""

import os
import random
import warnings

import pytest

import dynagrad
from dynagrad._core.card import CARDS
from tests.answers import answer, difference
from tests.samples import LEFT_OUT, UNDEFINED, Scene, dtypes_of, function, samples_of, tensors

pytestmark = pytest.mark.parity
torch = pytest.importorskip("torch")

SEED = int(os.environ.get("DYNAGRAD_SEED", random.randrange(10**6)))  # not a secret
COMPARED = sorted(set(CARDS) - set(LEFT_OUT))

# What differs on purpose or does not matter, by the op's name. Values, gradients and errors are compared all the same.
COMPOSED = {
    "graph",
    "version",
    "is_view",
    "stride",
}  # PyTorch makes it of other ops, or in one; the route is no promise
NAMED = {"graph"}  # PyTorch's node of this overload has another number, or one edge more or less
LAID_OUT = {"stride"}  # whether the result of an input that is not contiguous is contiguous differs from op to op
COUNTED = {"version"}  # PyTorch writes into its own result
EXCEPT = (
    dict.fromkeys(("diagflat", "einsum", "inner", "kron", "linalg_matrix_norm", "linalg_norm"), COMPOSED)
    | dict.fromkeys(("linalg_vecdot", "meshgrid", "nanquantile", "outer", "quantile", "reshape", "tensordot"), COMPOSED)
    | dict.fromkeys(("bernoulli", "floor_divide", "remainder", "to"), NAMED)
    | dict.fromkeys(("argsort", "index_add", "index_copy", "logsigmoid", "masked_fill", "median", "msort"), LAID_OUT)
    | dict.fromkeys(("nanmedian", "roll", "scatter_add", "scatter_reduce"), LAID_OUT)
    | {"scatter": NAMED | LAID_OUT, "sort": LAID_OUT}
    | dict.fromkeys(("isclose", "normal"), COUNTED)
    | {"unique": {"requires_grad", "is_leaf", "graph"}}  # PyTorch notices at backward that there is no derivative
)
# The sign of an infinite gradient differs between PyTorch's own vector and scalar loops.
BY_VECTOR_WIDTH = {"logit"}
# addbmm_ of PyTorch grows its target; ours refuses. float_power_ has two errors to choose from.
NOT_IN_PLACE = {"addbmm", "float_power"}


def unsupported(outcome):
    """Whether PyTorch has no kernel for this dtype: a gap, not a rule."""
    return "not implemented for '" in outcome.get("m", "")


@pytest.mark.parametrize("name", COMPARED)
def test_answers(name):
    card, wrong = CARDS[name], []
    ours, theirs = function(dynagrad, name, card.op), function(torch, name)
    for position, text in enumerate(samples_of(card)):
        for dtype in dtypes_of(card, position):
            expected, found = (
                answer(library, name, op, text, dtype, domain=card.domain, seed=SEED)
                for library, op in ((torch, theirs), (dynagrad, ours))
            )
            if not unsupported(expected) and (how := difference(expected, found)) and not by_width(name, how):
                wrong.append(f"{name}({text}) in {dtype}, seed {SEED}: {how}")
    assert not wrong, "\n".join(wrong)


def by_width(name, how):
    return name in BY_VECTOR_WIDTH and "inf, not" in how


def outputs_of(library, card, op, text):
    """The tensors of a call and its inputs, or nothing where it is refused."""
    scene = Scene(library, domain=card.domain, seed=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return tensors(scene.call(op, text)), scene.inputs
        except Exception:  # noqa: BLE001  # test_answers compares the errors
            return [], []


def different(name, ours, theirs):
    """What a tensor is besides its numbers, where ours differs from PyTorch's."""
    found, expected = traits(ours), traits(theirs)
    compared = set(found) - EXCEPT.get(name, set())
    return "; ".join(
        f"{key} {found[key]}, not {expected[key]}" for key in found if key in compared and found[key] != expected[key]
    )


def traits(tensor):
    return {
        "requires_grad": tensor.requires_grad,
        "is_leaf": tensor.is_leaf,
        "output_nr": tensor.output_nr,
        "version": tensor._version,
        "is_view": tensor._is_view(),
        "stride": tensor.stride() if tensor.numel() else None,
        "offset": tensor.storage_offset(),
        "graph": names(tensor.grad_fn),
    }


def names(node):
    """The names of the nodes below a node."""
    return node and (node.name().rpartition("::")[2], [names(below) for below, _ in node.next_functions])


@pytest.mark.parametrize("name", [name for name in COMPARED if name not in UNDEFINED])
def test_flags_strides_and_nodes(name):
    card, wrong = CARDS[name], []
    for text in samples_of(card):
        ours, _ = outputs_of(dynagrad, card, function(dynagrad, name, card.op), text)
        theirs, _ = outputs_of(torch, card, function(torch, name), text)
        for k, (y, t) in enumerate(zip(ours, theirs, strict=False)):
            if how := different(name, y, t):
                wrong.append(f"{name}({text})[{k}], seed {SEED}: {how}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [name for name in COMPARED if CARDS[name].inplace and name not in NOT_IN_PLACE])
def test_in_place(name):
    card, wrong = CARDS[name], []
    ours, theirs = function(dynagrad, f"{name}_"), function(torch, f"{name}_")
    for position, text in enumerate(samples_of(card)):
        for dtype in dtypes_of(card, position):
            if text[0].isdigit():
                continue
            expected, found = (
                answer(library, name, op, text, dtype, domain=card.domain, seed=SEED)
                for library, op in ((torch, theirs), (dynagrad, ours))
            )
            if not unsupported(expected) and (how := difference(expected, found)) and not by_width(name, how):
                wrong.append(f"{name}_({text}) in {dtype}, seed {SEED}: {how}")
        of_ours, of_theirs = (outputs_of(lib, card, op, text)[0] for lib, op in ((dynagrad, ours), (torch, theirs)))
        for y, t in zip(of_ours, of_theirs, strict=False):
            if how := different(name, y, t):
                wrong.append(f"{name}_({text}), seed {SEED}: {how}")
    assert not wrong, "\n".join(wrong)
