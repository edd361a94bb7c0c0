"""What an op does with a number or a dtype beside its own; the half types beside PyTorch: test_half_numbers_parity.py."""

import pytest

import dynagrad


def test_a_number_added_to_a_half_type_is_rounded_to_it_first():
    x = dynagrad.tensor([1.0], dtype=dynagrad.bfloat16)
    assert (x + 257).item() == 256  # 256 + 1, rounded to an even number again; the exact sum is 258
    assert (x.float() + 257).item() == 258
    assert dynagrad.add(x, x, alpha=257).item() == 256
    with pytest.raises(RuntimeError, match="value cannot be converted to type c10::Half without overflow"):
        dynagrad.add(x.half(), x.half(), alpha=1e9)


def test_a_number_divides_a_half_type_as_exactly_as_it_is():
    x = dynagrad.tensor([8.375], dtype=dynagrad.bfloat16)
    assert (x // 8.39).item() == 0  # 8.39 would be rounded to 8.375
    assert dynagrad.div(x, 8.39, rounding_mode="trunc").item() == 0


def test_addr_of_bools_is_or_of_and():
    x, y = dynagrad.tensor([True, False]), dynagrad.tensor([True, True, False])
    into = dynagrad.tensor([[False, False, False], [True, False, False]])
    assert dynagrad.addr(into, x, y).tolist() == [[True, True, False], [True, False, False]]
    assert dynagrad.addr(into, x, y, beta=0).tolist() == [[True, True, False], [False, False, False]]
    assert dynagrad.addr(into, x, y, alpha=False).tolist() == into.tolist()
    assert into.clone().addr_(x, y).tolist() == [[True, True, False], [True, False, False]]
    with pytest.raises(RuntimeError, match="argument beta must not be a floating point number"):
        dynagrad.addr(into, x, y, beta=0.5)


def test_addr_promotes_what_it_is_given():
    whole, real = dynagrad.tensor([1, 2]), dynagrad.tensor([0.5, 1.0], requires_grad=True)
    found = dynagrad.addr(dynagrad.ones(2, 2).long(), whole, real)
    assert (found.dtype, found.tolist()) == (dynagrad.float32, [[1.5, 2.0], [2.0, 3.0]])
    assert dynagrad.autograd.grad(found.sum(), real)[0].tolist() == [3, 3]
    assert dynagrad.ones(2, 2).addr_(whole, whole).tolist() == [[2, 3], [3, 5]]
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        dynagrad.ones(2, 2).long().addr_(whole, real.detach())


def test_layer_norm_of_single_elements_passes_no_gradient():
    x = dynagrad.tensor([[-4.3228], [0.1]], requires_grad=True)
    weight, bias = dynagrad.tensor([-8.4784]), dynagrad.tensor([-1.7658])
    made = dynagrad.nn.functional.layer_norm(x, (1,), weight, bias)
    assert dynagrad.autograd.grad(made, x, dynagrad.tensor([[0.1234567], [3.3]]))[0].tolist() == [[0], [0]]


def test_histogramdd_leaves_out_what_lies_outside_of_the_first_and_last_edge():
    points, edges = dynagrad.tensor([[-1.0], [0.5], [2.5]]), dynagrad.tensor([0.0, -2.0, 3.0])
    assert dynagrad.histogramdd(points, [edges]).hist.sum().item() == 2
