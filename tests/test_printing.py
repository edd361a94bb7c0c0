"""Tensors are printed as PyTorch prints them: recorded texts, and under parity thousands of random tensors.

`python tests/test_printing.py`, where PyTorch is installed, records the texts anew.
"""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

import dynagrad
from dynagrad.printing import get_printoptions, printoptions

RECORDED = Path(__file__).parent / "recorded" / "printing.json"
NAN, INF = math.nan, math.inf

# What is printed (an expression in `torch`), and under which options.
CASES = [
    ("torch.tensor(3)", {}),
    ("torch.tensor(3.0)", {}),
    ("torch.tensor(-1.5)", {}),
    ("torch.tensor(float('nan'))", {}),
    ("torch.tensor(True)", {}),
    ("torch.tensor([True, False])", {}),
    ("torch.tensor([1.0, 2.0, 30.0])", {}),
    ("torch.tensor([1.5, -2.25, 300.0])", {}),
    ("torch.tensor([-0.0, 1.0])", {}),
    ("torch.tensor([0.0, float('nan')])", {}),
    ("torch.tensor([float('inf'), 1.5, -float('inf')])", {}),
    ("torch.tensor([float('inf'), 1.0])", {}),
    ("torch.tensor([1e10, float('nan')])", {}),
    ("torch.tensor([1e8])", {}),
    ("torch.tensor([1.0001e8])", {}),
    ("torch.tensor([1.0, 1000.0])", {}),
    ("torch.tensor([1.0, 1001.0])", {}),
    ("torch.tensor([1.5, 1500.0])", {}),
    ("torch.tensor([1.5, 1501.0])", {}),
    ("torch.tensor([1e-4])", {}),
    ("torch.tensor([1e-4], dtype=torch.float64)", {}),
    ("torch.tensor([0.99e-4])", {}),
    ("torch.tensor([1.1, 2.7], dtype=torch.float16)", {}),
    ("torch.tensor([1.1, 2.7], dtype=torch.bfloat16)", {}),
    ("torch.tensor([1, -20, 300])", {}),
    ("torch.tensor([1, 2], dtype=torch.int32)", {}),
    ("torch.tensor([1, 2], dtype=torch.uint8)", {}),
    ("torch.tensor([[1.0, 2.0], [3.0, 4.5]])", {}),
    ("torch.tensor([[1, 2], [3, 40]], dtype=torch.int16)", {}),
    ("torch.arange(24.0).reshape(2, 3, 4)", {}),
    ("torch.arange(16).reshape(2, 2, 2, 2)", {}),
    ("torch.tensor([])", {}),
    ("torch.empty(0, 3)", {}),
    ("torch.empty(2, 0, requires_grad=True)", {}),
    ("torch.empty(0, dtype=torch.int64)", {}),
    ("torch.arange(30)", {}),
    ("torch.arange(1001)", {}),
    ("torch.arange(2048).reshape(2, 1024)", {}),
    ("torch.zeros(1200)", {}),
    ("torch.zeros(1000, 1000)", {}),
    ("torch.zeros(2000, 2, dtype=torch.float16)", {}),
    ("torch.arange(9**3 * 2).reshape(9, 9, 9, 2) / 7", {}),
    ("torch.ones(2, requires_grad=True)", {}),
    ("torch.ones(2, requires_grad=True) + 1", {}),
    ("torch.ones(2, requires_grad=True) * 2", {}),
    ("torch.ones(2, 2, requires_grad=True).t()", {}),
    ("torch.ones(3, 2, requires_grad=True)[1]", {}),
    ("torch.ones(3, requires_grad=True).double() + 0.5", {}),
    ("torch.ones(2, 3, requires_grad=True).sum()", {}),
    ("torch.ones(14, requires_grad=True).exp()", {}),
    ("torch.ones(2, requires_grad=True).detach()", {}),
    ("torch.tensor([1.12345678, 2.0])", {"precision": 2}),
    ("torch.tensor([1.12345678, 2.0])", {"precision": 8}),
    ("torch.tensor([1.5, 2.5])", {"precision": 0}),
    ("torch.tensor([1.5, 2.5e9])", {"precision": 0}),
    ("torch.tensor([1.0, 2.0])", {"sci_mode": True}),
    ("torch.tensor([0.0, 0.0])", {"sci_mode": True}),
    ("torch.tensor([1e10, 2.0])", {"sci_mode": False}),
    ("torch.tensor([1.5e-9, 2.0])", {"sci_mode": False}),
    ("torch.arange(40)", {"linewidth": 30}),
    ("torch.arange(40.0).reshape(2, 20)", {"linewidth": 30}),
    ("torch.ones(3, requires_grad=True).exp()", {"linewidth": 20}),
    ("torch.arange(10)", {"threshold": 5}),
    ("torch.arange(10)", {"threshold": 5, "edgeitems": 1}),
    ("torch.zeros(3, 4, 5, 3)", {"threshold": 5, "edgeitems": 1}),
    ("torch.zeros(8, 3)", {"threshold": 5, "edgeitems": 0}),
    ("torch.zeros(2, 2)", {"threshold": 5, "edgeitems": 0}),
    ("torch.arange(1200)", {"profile": "full"}),
    ("torch.tensor([1.12345678, 2.0])", {"profile": "short"}),
    ("torch.arange(1200.0).reshape(6, 200) / 3", {"profile": "short"}),
]


def printed(torch, expression, options):
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    try:
        return repr(eval(expression, {"torch": torch}))  # noqa: S307  # one of the cases above
    finally:
        torch.set_printoptions(profile="default")


def record():
    import torch

    texts = [printed(torch, *case) for case in CASES]
    RECORDED.write_text(json.dumps(texts, indent=0) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def texts():
    return json.loads(RECORDED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda i: f"{CASES[i][0]}-{CASES[i][1]}")
def test_text_is_the_recorded_one(number, texts):
    assert printed(dynagrad, *CASES[number]) == texts[number]


def test_every_case_is_recorded(texts):
    assert len(texts) == len(CASES)


def test_str_is_repr():
    x = dynagrad.tensor([1.0, 2.0])
    assert str(x) == repr(x) == f"{x}"


def test_format_of_a_0d_tensor_is_that_of_its_number():
    assert f"{dynagrad.tensor(3.14159):.2f}" == "3.14"
    assert f"{dynagrad.tensor(3.0, requires_grad=True)}" == "3.0"
    assert f"{dynagrad.tensor(7):04d}" == "0007"
    with pytest.raises(TypeError, match="unsupported format string"):
        format(dynagrad.ones(2), ".2f")


def test_a_subclass_is_printed_by_its_name():
    class Mine(dynagrad.Tensor):
        pass

    assert repr(Mine([1.0, 1.0])) == "Mine([1., 1.])"


def test_the_default_dtype_is_not_printed():
    dynagrad.set_default_dtype(dynagrad.float64)
    try:
        assert repr(dynagrad.zeros(1)) == "tensor([0.])"
        assert repr(dynagrad.zeros(1, dtype=dynagrad.float32)) == "tensor([0.], dtype=torch.float32)"
    finally:
        dynagrad.set_default_dtype(dynagrad.float32)


def test_printing_records_nothing_and_calls_no_hook():
    x = dynagrad.ones(2000, requires_grad=True)
    y = x * 2
    y.register_hook(lambda _: pytest.fail("printing ran a hook"))
    node, version = y.grad_fn, y._version
    repr(y)
    assert y.grad_fn is node
    assert y._version == version


@pytest.mark.parametrize("options", [{"profile": "wide"}, {"precision": -1}, {"edgeitems": -1}])
def test_bad_options_are_refused_and_change_nothing(options):
    before = get_printoptions()
    with pytest.raises(ValueError, match="set_printoptions"):
        dynagrad.set_printoptions(**options)
    assert get_printoptions() == before


def test_options_hold_for_a_block():
    with printoptions(precision=1):
        assert repr(dynagrad.tensor([1.25])) == "tensor([1.2])"
    assert repr(dynagrad.tensor([1.25])) == "tensor([1.2500])"


# ---- parity ----------------------------------------------------------------------------------------------------------


@pytest.mark.parity
def test_the_record_is_what_pytorch_prints(texts):
    torch = pytest.importorskip("torch")
    assert [printed(torch, *case) for case in CASES] == texts


def random_array(draw):
    """A NumPy array of random shape and kind: wide and narrow ranges, whole numbers, zeros, NaN and infinities."""
    shape = [draw.choice([0, 1, 2, 3, 5, 7, 9, 12, 40]) for _ in range(draw.choice([0, 1, 1, 2, 2, 3, 4]))]
    generator = np.random.default_rng(draw.getrandbits(32))
    values = generator.standard_normal(shape) * 10.0 ** draw.uniform(-8, 10)
    values = values * 10.0 ** (generator.standard_normal(shape) * draw.choice([0, 0, 1, 5]))
    if draw.random() < 0.3:
        values = values.round()
    return np.where(generator.random(shape) < draw.choice([0, 0, 0.2, 1]), draw.choice([0.0, NAN, INF, -0.0]), values)


def random_options(draw):
    choices = {
        "precision": [0, 1, 2, 6, 10],
        "threshold": [0, 1, 5, 20, 100, INF],
        "edgeitems": [0, 1, 2, 3, 5],
        "linewidth": [0, 10, 20, 40, 79, 120],
        "sci_mode": [True, False, None],
    }
    return {name: draw.choice(values) for name, values in choices.items() if draw.random() < 0.2}


@pytest.mark.parity
@pytest.mark.parametrize("seed", range(20))
def test_random_tensors_print_as_pytorch_prints_them(seed):
    torch = pytest.importorskip("torch")
    draw = random.Random(seed)  # no secret
    for _ in range(50):
        array, options = np.asarray(random_array(draw)), random_options(draw)
        dtype = draw.choice(["float32", "float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool"])
        if "float" not in dtype:
            array = np.asarray((np.nan_to_num(array, nan=7, posinf=8, neginf=9) % 200).astype("int64"))
        tracked = "float" in dtype and draw.random() < 0.4

        def text(library, array=array, dtype=dtype, options=options, tracked=tracked):
            x = library.from_numpy(array.copy()).to(getattr(library, dtype)).requires_grad_(tracked)
            return printed_with(library, x * 1 if tracked and array.size % 2 else x, options)

        assert text(dynagrad) == text(torch), (array.shape, dtype, options)


def printed_with(library, x, options):
    library.set_printoptions(**{"profile": "default", **options})
    try:
        return repr(x)
    finally:
        library.set_printoptions(profile="default")


if __name__ == "__main__":
    record()


def test_a_parameter_of_a_class_of_its_own_says_that_it_is_one() -> None:
    class Own(dynagrad.Tensor):
        pass

    p = dynagrad.nn.Parameter(Own(dynagrad.ones(1)))
    assert repr(p) == "Parameter(Own([1.], requires_grad=True))"
