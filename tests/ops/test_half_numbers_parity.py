"""Numbers beside half types are rounded where PyTorch rounds them: every element is the same."""

import pytest

torch = pytest.importorskip("torch")

import dynagrad  # noqa: E402

pytestmark = pytest.mark.parity

NUMBER, FACTOR = 8.396163642458497, 1.3
CALLS = {
    "x + s": lambda _, x, _y: x + NUMBER,
    "s + x": lambda _, x, _y: NUMBER + x,
    "x - s": lambda _, x, _y: x - NUMBER,
    "s - x": lambda _, x, _y: NUMBER - x,
    "x + 257": lambda _, x, _y: x + 257,
    "add_": lambda _, x, _y: x.clone().add_(NUMBER),
    "sub_": lambda _, x, _y: x.clone().sub_(NUMBER),
    "add alpha": lambda lib, x, y: lib.add(x, y, alpha=FACTOR),
    "sub alpha": lambda lib, x, y: lib.sub(x, y, alpha=FACTOR),
    "add alpha number": lambda lib, x, _y: lib.add(x, NUMBER, alpha=FACTOR),
    "rsub alpha": lambda lib, x, _y: lib.rsub(x, NUMBER, alpha=FACTOR),
    "x * s": lambda _, x, _y: x * NUMBER,
    "x / s": lambda _, x, _y: x / NUMBER,
    "x // s": lambda _, x, _y: x // NUMBER,
    "x % s": lambda _, x, _y: x % NUMBER,
    "trunc of tensors": lambda lib, x, y: lib.div(x, y, rounding_mode="trunc"),
    "trunc": lambda lib, x, _y: lib.div(x, NUMBER, rounding_mode="trunc"),
    "floor": lambda lib, x, _y: lib.div(x, NUMBER, rounding_mode="floor"),
    "s ** x": lambda _, x, _y: NUMBER ** (x / 5),
    "x > s": lambda _, x, _y: x > NUMBER,
}


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("call", CALLS)
def test_every_element(call, dtype):
    torch.manual_seed(0)
    x = torch.randn(4096).mul(5).to(getattr(torch, dtype))
    ours = dynagrad.from_dlpack(x.clone())
    expected = CALLS[call](torch, x, x.flip(0))
    found = CALLS[call](dynagrad, ours, ours.flip(0))
    assert str(found.dtype) == str(expected.dtype)
    assert found.tolist() == expected.tolist()


def test_the_gradient_of_a_factor_is_not_rounded():
    x = torch.ones(8, dtype=torch.bfloat16, requires_grad=True)
    ours = dynagrad.ones(8, dtype=dynagrad.bfloat16, requires_grad=True)
    g = torch.arange(8).mul(0.3).bfloat16()
    torch.add(x.detach(), x, alpha=FACTOR).backward(g)
    dynagrad.add(ours.detach(), ours, alpha=FACTOR).backward(dynagrad.from_dlpack(g))
    assert ours.grad.tolist() == x.grad.tolist()
