"""Jacobians, Hessians and their products against formulas, and the errors."""

import pytest

import dynagrad as torch
from dynagrad.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp


@pytest.fixture
def x():
    return torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]], dtype=torch.float64)


@pytest.fixture
def y():
    return torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)


def squares(a):
    return (a * a).sum(1)


def cubes(a):
    return (a**3).sum()


def test_vjp(x):
    value, product = vjp(squares, x, torch.tensor([1.0, 10.0], dtype=torch.float64))
    assert torch.allclose(value, squares(x))
    assert torch.allclose(product, 2 * x * torch.tensor([[1.0], [10.0]], dtype=torch.float64))
    assert not product.requires_grad


def test_jvp(x):
    value, product = jvp(squares, x, x)
    assert torch.allclose(value, squares(x))
    assert torch.allclose(product, 2 * squares(x))


def test_jacobian_of_several_outputs_and_inputs(x, y):
    blocks = jacobian(lambda a, b: (a * b, b.sum()), (x, y))
    assert [[tuple(block.shape) for block in row] for row in blocks] == [[(2, 3, 2, 3), (2, 3, 3)], [(2, 3), (3,)]]
    assert torch.allclose(blocks[0][0].reshape(6, 6).diagonal().reshape(2, 3), y.expand(2, 3))
    assert blocks[1][0].abs().sum().item() == 0
    assert blocks[1][1].tolist() == [1.0] * 3


def test_hessian(x, y):
    h = hessian(cubes, x).reshape(6, 6)
    assert torch.allclose(h.diagonal(), 6 * x.reshape(6))
    (aa, ab), (ba, bb) = hessian(lambda a, b: (a * a * b).sum(), (x, y))
    assert torch.allclose(aa.reshape(6, 6).diagonal().reshape(2, 3), 2 * y.expand(2, 3))
    assert torch.allclose(ab.reshape(6, 3), ba.reshape(3, 6).t())
    assert bb.abs().sum().item() == 0


@pytest.mark.parametrize("product", [vhp, hvp])
def test_products_with_the_hessian(x, product):
    value, result = product(cubes, x, x)
    assert torch.allclose(value, cubes(x))
    assert torch.allclose(result, 6 * x * x)


def test_results_are_differentiable_on_request(x):
    x = x.clone().requires_grad_()
    j = jacobian(squares, x, create_graph=True)
    (g,) = torch.autograd.grad(j.sum(), x)
    assert g.tolist() == [[2.0] * 3] * 2
    assert not jacobian(squares, x).requires_grad


def test_they_work_under_no_grad(x):
    with torch.no_grad():
        assert jacobian(squares, x).abs().sum().item() > 0


def test_scalars_need_no_vector():
    t = torch.tensor(2.0, dtype=torch.float64)
    assert vjp(cubes, t)[1].item() == 12
    assert jvp(cubes, t)[1].item() == 12
    assert hvp(cubes, t)[1].item() == 12


def test_strict(x, y):
    def first(a, _):
        return a * 2

    assert jacobian(first, (x, y))[1].abs().sum().item() == 0
    with pytest.raises(RuntimeError, match="independent of input 1"):
        jacobian(first, (x, y), strict=True)
    with pytest.raises(RuntimeError, match="does not require gradients"):
        vjp(lambda _: torch.ones(2), x, torch.ones(2), strict=True)
    with pytest.raises(RuntimeError, match="independent of the input"):
        hessian(torch.sum, x, strict=True)


def test_bad_input(x):
    with pytest.raises(TypeError, match="inputs given to vjp"):
        vjp(squares, 3)
    with pytest.raises(TypeError, match="outputs of the user-provided function"):
        vjp(lambda _: 3, x)
    with pytest.raises(RuntimeError, match="invalid size"):
        vjp(squares, x, torch.ones(3))
    with pytest.raises(RuntimeError, match="v can only be None"):
        jvp(squares, x)
    with pytest.raises(RuntimeError, match="single element"):
        hessian(squares, x)
    with pytest.raises(NotImplementedError):
        jacobian(squares, x, strategy="forward-mode")
