"""Names that scripts import from inside PyTorch's modules, gradients of convolutions, options and checks of layers."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import pytest

import dynagrad
from dynagrad import nn
from dynagrad.autograd import gradcheck

F = nn.functional
IMPORTED = {
    "nn.modules.conv": "_ConvNd _pair _single _triple _ntuple _reverse_repeat_tuple _size_1_t _size_2_t _size_3_t",
    "nn.modules.pooling": "_pair _single _triple MaxPool2d", "nn.modules.padding": "_pair _quadruple _ntuple",
    "nn.modules.module": "Module _addindent _IncompatibleKeys _EXTRA_STATE_KEY_SUFFIX _global_forward_hooks register_module_forward_hook",
    "nn.modules.loss": "_Loss _WeightedLoss CTCLoss LinearCrossEntropyOptions", "nn.modules.batchnorm": "_BatchNorm _NormBase",
    "nn.modules.transformer": "_get_clones _get_activation_fn _get_seq_len _detect_is_causal_mask _generate_square_subsequent_mask",
    "nn.modules.container": "Container OrderedDict Sequential", "nn.modules.utils": "_pair _triple _list_with_default",
    "nn.functional": "_canonical_mask _in_projection_packed _none_or_dtype conv_tbc",
    "optim.optimizer": "Optimizer ParamsT required _use_grad_for_differentiable _get_value _RequiredParameter",
    "nn.grad": "conv1d_input conv2d_weight conv3d_input",
}  # fmt: skip


@pytest.mark.parametrize("module", sorted(IMPORTED))
def test_names_are_where_scripts_import_them_from(module: str) -> None:
    found = importlib.import_module(f"dynagrad.{module}")
    assert not [name for name in IMPORTED[module].split() if not hasattr(found, name)]


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1, "groups": 2}, {"dilation": 2}])
def test_gradients_of_convolutions_are_those_of_backward(rank: int, options: dict[str, Any]) -> None:
    dynagrad.manual_seed(0)
    groups = options.get("groups", 1)
    x = dynagrad.randn(2, 4, *[5] * rank, dtype=dynagrad.float64, requires_grad=True)
    w = dynagrad.randn(6, 4 // groups, *[2] * rank, dtype=dynagrad.float64, requires_grad=True)
    y = getattr(dynagrad, f"conv{rank}d")(x, w, **options)
    g = dynagrad.randn(y.shape, dtype=dynagrad.float64)
    by_x, by_w = dynagrad.autograd.grad(y, [x, w], g)
    of_input, of_weight = (getattr(nn.grad, f"conv{rank}d_{what}") for what in ("input", "weight"))
    assert dynagrad.allclose(of_input(x.shape, w.detach(), g, **options), by_x)
    assert dynagrad.allclose(of_weight(x.detach(), w.shape, g, **options), by_w)
    if rank == 1:
        assert gradcheck(lambda w, g: of_input(x.shape, w, g, **options), (w, g.requires_grad_()))
    assert not of_input(x.shape, w.detach(), g.detach(), **options).requires_grad


def test_factory_kwargs_are_merged_and_checked() -> None:
    assert nn.factory_kwargs(None) == {}
    assert nn.factory_kwargs({"dtype": 1, "factory_kwargs": {"device": 2}}) == {"dtype": 1, "device": 2}
    with pytest.raises(TypeError, match="unexpected kwargs"):
        nn.factory_kwargs({"x": 2})
    with pytest.raises(TypeError, match="device specified twice"):
        nn.factory_kwargs({"device": 1, "factory_kwargs": {"device": 2}})


def test_a_container_warns_and_holds() -> None:
    with pytest.warns(FutureWarning, match="`nn.Container` is deprecated"):
        made = nn.Container(a=nn.ReLU(), b=nn.Linear(1, 1))
    assert list(made._modules) == ["a", "b"]
    assert len(list(nn.Sequential(made.a, made.a).modules(remove_duplicate=False))) == 3


def test_recurrent_layers_say_what_fits() -> None:
    layer = nn.LSTM(2, 4, proj_size=3)
    x = dynagrad.ones(5, 1, 2)
    assert layer.get_expected_hidden_size(x, None) == (1, 1, 3)
    assert layer.get_expected_cell_size(x, None) == (1, 1, 4)
    layer.check_forward_args(x, (dynagrad.ones(1, 1, 3), dynagrad.ones(1, 1, 4)), None)
    with pytest.raises(RuntimeError, match=r"Expected hidden\[1\] size \(1, 1, 4\), got \[1, 1, 3\]"):
        layer.check_forward_args(x, (dynagrad.ones(1, 1, 3), dynagrad.ones(1, 1, 3)), None)


def test_attention_of_groups_and_its_refusals() -> None:
    q = dynagrad.randn(2, 4, 3, 8)
    k = dynagrad.randn(2, 2, 3, 8)
    whole = F.scaled_dot_product_attention(q, k.repeat_interleave(2, 1), k.repeat_interleave(2, 1))
    assert dynagrad.allclose(F.scaled_dot_product_attention(q, k, k, enable_gqa=True), whole, atol=1e-6)
    three = dynagrad.randn(2, 3, 3, 8)
    with pytest.raises(RuntimeError, match="Number of heads in key and value must divide the number of heads in query"):
        F.scaled_dot_product_attention(q, three, three, enable_gqa=True)
    with pytest.raises(RuntimeError, match=r"dropout probability has to be between 0 and 1, but got 1\.5"):
        F.scaled_dot_product_attention(q, q, q, dropout_p=1.5)


@pytest.mark.parametrize(("shape", "ends"), [((2, 2), "-2, 1"), ((2,), "-1, 0")])
def test_avg_pool2d_of_too_few_dimensions_is_an_index_error(shape: tuple[int, ...], ends: str) -> None:
    with pytest.raises(IndexError, match=rf"range of \[{ends}\], but got -3"):
        F.avg_pool2d(dynagrad.ones(shape), 2)
    for pool, dims in ((F.max_pool2d, "3D or 4D"), (F.avg_pool3d, "4D or 5D"), (F.max_pool3d, "4D or 5D")):
        with pytest.raises(RuntimeError, match=rf"non-empty {dims} \(batch mode\) tensor expected for input"):
            pool(dynagrad.ones(shape), 2)


def test_a_differentiable_optimiser_of_ones_own() -> None:
    from dynagrad.optim.optimizer import Optimizer, _get_value, _use_grad_for_differentiable

    class Descent(Optimizer):
        def __init__(self, params: Any, lr: float, differentiable: bool = False) -> None:
            super().__init__(params, {"lr": lr, "differentiable": differentiable})

        @_use_grad_for_differentiable
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for p in group["params"]:
                    p.sub_(p.grad * _get_value(group["lr"]))

    leaf = dynagrad.ones(2, requires_grad=True)
    scale = dynagrad.tensor(3.0, requires_grad=True)
    p = leaf.clone()
    optimizer = Descent([p], 0.5, differentiable=True)
    p.grad = scale * dynagrad.ones(2)
    optimizer.step()
    assert dynagrad.autograd.grad(p.sum(), [leaf, scale])[1].item() == -1
    w = dynagrad.ones(2, requires_grad=True)
    w.grad = dynagrad.ones(2)
    Descent([w], dynagrad.tensor(0.5)).step()
    assert w.is_leaf
    assert w.tolist() == [0.5, 0.5]


def test_split_takes_its_size_by_the_methods_name() -> None:
    x = dynagrad.arange(5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [each.tolist() for each in x.split(split_size=2)] == [[0, 1], [2, 3], [4]]
        assert [each.tolist() for each in x.split(split_size=[4, 1])] == [[0, 1, 2, 3], [4]]
    with pytest.raises(TypeError, match="split_size"):
        x.split()


def test_a_norm_takes_its_dtype_by_place() -> None:
    x = dynagrad.tensor([3.0, 4.0])
    assert x.norm(2, 0, False, dynagrad.float64).dtype is dynagrad.float64
    out = dynagrad.empty(())
    assert dynagrad.norm(x, 2, 0, False, out) is out
    assert out.item() == 5
    assert dynagrad.norm(x, 2, 0, False, None, dynagrad.float64).dtype is dynagrad.float64


def test_normalisation_across_channels_is_differentiable() -> None:
    from dynagrad.nn.modules._functions import CrossMapLRN2d

    x = dynagrad.randn(1, 5, 2, 2, dtype=dynagrad.float64, requires_grad=True)
    assert gradcheck(lambda x: CrossMapLRN2d.apply(x, 3, 0.1, 0.75, 1.5), (x,))
    offs = dynagrad.tensor([1, 3], dtype=dynagrad.int32)
    made = F.grouped_mm(dynagrad.ones(4, 2), dynagrad.ones(2, 2, 3), offs=offs)
    assert made.sum(1).tolist() == [6, 6, 6, 0]


def test_old_arguments_are_taken() -> None:
    before = dynagrad.get_rng_state()
    with dynagrad.random.fork_rng(device_type="cpu"):
        dynagrad.rand(3)
    assert (dynagrad.get_rng_state() == before).all()
    w = dynagrad.ones(2, requires_grad=True)
    w.grad = dynagrad.tensor([3.0, 4.0])
    with pytest.warns(FutureWarning, match="clip_grad_norm"):
        assert nn.utils.clip_grad_norm([w], 1.0, foreach=False).item() == 5
