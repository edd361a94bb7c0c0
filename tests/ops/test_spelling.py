"""NumPy's names of arguments, and the order of arguments from before keywords. Without PyTorch: its answers are known."""

from __future__ import annotations

import warnings

import pytest

import dynagrad as torch
from dynagrad._core import old_orders


@pytest.fixture
def silent(monkeypatch):
    """The warning of old orders is given once in a process; here it has been."""
    monkeypatch.setattr(old_orders, "_said", {"add"})


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "logsumexp", "argmax", "std", "all", "median", "nansum"])
def test_axis_and_keepdims_are_dim_and_keepdim(name):
    x = torch.arange(6.0).reshape(2, 3)
    for function, given in ((getattr(torch, name), (x,)), (getattr(x, name), ())):
        found, wanted = function(*given, axis=1, keepdims=True), function(*given, dim=1, keepdim=True)
        assert torch.equal(torch.as_tensor(found[0]), torch.as_tensor(wanted[0]))
        assert type(found) is type(wanted)


def test_names_may_come_from_a_dict_whose_strings_are_not_interned():
    x = torch.arange(6.0).reshape(2, 3)
    axis, keepdims = (bytes(name, "ascii").decode() for name in ("axis", "keepdims"))
    options = {axis: 0, keepdims: True}
    assert torch.cumsum(x, **{axis: 1}).tolist() == [[0, 1, 3], [3, 7, 12]]
    assert x.sum(**options).tolist() == [[3, 5, 7]]
    assert x.quantile(0.5, **options).tolist() == [[1.5, 2.5, 3.5]]


def test_a_name_that_the_function_has_itself_keeps_its_meaning():
    assert torch.trapezoid(torch.ones(3), x=torch.tensor([0.0, 1.0, 4.0])).item() == 4


def test_matrices_go_by_input_and_axes_by_number():
    x = torch.tensor([[3.0, 4.0]])
    assert torch.linalg.norm(input=x).item() == 5
    assert torch.linalg.vector_norm(input=x, ord=1).item() == 7
    assert torch.linalg.cholesky(input=torch.eye(2)).tolist() == torch.eye(2).tolist()
    assert torch.swapaxes(x, axis0=0, axis1=1).shape == (2, 1)


def test_an_unknown_name_is_still_refused():
    with pytest.raises(TypeError, match="axes"):
        torch.ones(2).sum(axes=0)


def test_a_listener_hears_the_call_and_the_op_takes_it():
    from dynagrad._core.intercept import install, uninstall

    heard = []

    def listener(function, args, kwargs, call):
        heard.append((call.name, kwargs))
        return call(*args, **kwargs)

    install(listener)
    try:
        assert torch.ones(2, 2).cumsum(axis=1)[0, 1] == 2
    finally:
        uninstall(listener)
    assert heard[0][0] == "ones"
    assert ("cumsum", {"axis": 1}) in heard


# ---- numbers before tensors ------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda x, y: x.add(2, y), [1.0, 3.0, 5.0]),
        (lambda x, y: torch.add(x, 2, y), [1.0, 3.0, 5.0]),
        (lambda x, y: x.sub(2, y), [1.0, -1.0, -3.0]),
        (lambda x, y: x.clone().sub_(torch.tensor(2.0), y), [1.0, -1.0, -3.0]),
        (lambda x, y: x.clone().add_(2, y), [1.0, 3.0, 5.0]),
        (lambda x, y: x.addcmul(2, y, y), [1.0, 3.0, 9.0]),
        (lambda x, y: x.clone().addcmul_(2, y, y), [1.0, 3.0, 9.0]),
        (lambda x, y: x.addcdiv(2, y, y + 1), [1.0, 2.0, 1 + 4 / 3]),
        (lambda x, y: x.clone().addcdiv_(2, y, y + 1), [1.0, 2.0, 1 + 4 / 3]),
    ],
)
def test_the_number_may_come_first(call, wanted):
    assert call(torch.ones(3), torch.arange(3.0)).tolist() == pytest.approx(wanted)


@pytest.mark.usefixtures("silent")
def test_the_gradient_of_the_old_order_is_that_of_the_new():
    x, y = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    torch.add(x, 3, y).sum().backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([1, 1, 1], [3, 3, 3])


def test_it_warns_once(monkeypatch):
    monkeypatch.setattr(old_orders, "_said", set())
    with pytest.warns(UserWarning, match=r"This overload of add_ is deprecated:\n\tadd_\(Number alpha, Tensor other\)"):
        torch.ones(2).add_(2, torch.ones(2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.ones(2).addcmul_(2, torch.ones(2), torch.ones(2))


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda x: torch.add(x, x, 2), r"add\(\) takes 2 positional arguments but 3 were given"),
        (lambda x: x.add_(x, 2), r"add_\(\) takes 1 positional argument but 2 were given"),
        (lambda x: x.addcmul_(x, x, x), r"addcmul_\(\) takes 2 positional arguments but 3 were given"),
        (lambda x: torch.add(x, 2, x, alpha=2), r"takes 2 positional arguments"),
    ],
)
def test_other_third_arguments_are_refused(call, wanted):
    with pytest.raises(TypeError, match=wanted):
        call(torch.ones(2, 2))


# ---- other names -----------------------------------------------------------------------------------------------------
def test_the_method_split_names_its_sizes_as_pytorch_does():
    x = torch.arange(3)
    assert [each.tolist() for each in x.split(split_size=2)] == [[0, 1], [2]]
    assert [each.tolist() for each in torch.split(x, split_size_or_sections=[1, 2])] == [[0], [1, 2]]


def test_old_classes_name_dtypes():
    x = torch.ones(2)
    assert x.type(torch.LongTensor).dtype is torch.int64
    assert x.long().type(torch.Tensor).dtype is torch.float32
    with pytest.raises(ValueError, match="invalid type: 'Parameter'"):
        x.type(torch.nn.Parameter)
    with pytest.raises(RuntimeError, match="Cannot initialize CUDA"):
        x.type(torch.cuda.FloatTensor)
    with pytest.raises(TypeError, match=r"type torch\.cuda\.FloatTensor not available"):
        torch.cuda.FloatTensor(2)
    assert not isinstance(x, torch.cuda.FloatTensor)
