"""Pictures of real PyTorch graphs, ours beside torchviz's: the same boxes, colours, labels and arrows."""

import warnings

import pytest
from graphs import shape_of

from dynagrad.viz import make_dot

torch = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    torchviz = pytest.importorskip("torchviz")

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        return 2 * g * ctx.saved_tensors[0]


@pytest.fixture
def tensors():
    torch.manual_seed(0)
    w = torch.randn(3, 4, requires_grad=True)
    b = torch.randn(4, requires_grad=True)
    return w, b, torch.randn(5, 3)


def same(var, **options):
    ours, theirs = make_dot(var, **options), torchviz.make_dot(var, **options)
    assert shape_of(ours.source) == shape_of(theirs.source)
    return ours, theirs


def test_the_cell_of_lab_2b():
    wh, wx = torch.randn(3, 3, requires_grad=True), torch.randn(3, 2, requires_grad=True)
    out = (wx.mm(torch.randn(2, 1)) + wh.mm(torch.randn(3, 1))).tanh().sum()
    ours, theirs = same(out)
    assert ours.graph_attr == theirs.graph_attr
    assert ours.node_attr == theirs.node_attr


@pytest.mark.parametrize(
    "compute",
    [
        lambda w, b, x: x @ w + b,
        lambda w, b, x: w,
        lambda w, b, x: x,
        lambda w, b, x: (x @ w + b).view(-1),
        lambda w, b, x: w.view(-1),
        lambda w, b, x: (w * 2)[0],
        lambda w, b, x: ((x @ w).sum(), w, (x @ w + b).view(-1)),
        lambda w, b, x: (w, x @ w + b),
        lambda w, b, x: torch.cat([w, w * 2, b.expand(3, 4)]).max(0)[0].sum(),
        lambda w, b, x: (w * b * (x @ w).sum()).exp().log(),
        lambda w, b, x: (w * w + w, w * w),
        lambda w, b, x: Square.apply(w).sum() + Square.apply(w * 2).mean(),
        lambda w, b, x: (x @ w)[:, [0, 1]].sum() + w[1:3].prod(),
    ],
)
@pytest.mark.parametrize(
    "options",
    [{}, {"show_attrs": True}, {"show_saved": True}, {"show_attrs": True, "show_saved": True, "max_attr_chars": 7}],
    ids=["plain", "attrs", "saved", "both"],
)
def test_every_kind_of_graph(tensors, compute, options):
    w, b, x = tensors
    same(compute(w, b, x), params={"w": w, "bias": b}, **options)


def test_a_product_with_itself_as_the_second_output(tensors):
    y = tensors[0] * 2
    same((y * y, y), show_saved=True)


def test_the_parameters_of_a_module(tensors):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    ours, _ = same(model(tensors[2]).mean(), params=dict(model.named_parameters()))
    pairs = make_dot(model(tensors[2]).mean(), params=model.named_parameters())
    assert pairs.source == ours.source


def test_a_recurrent_cell_unrolled_grows_the_picture_as_torchviz_does(tensors):
    cell, state = torch.nn.LSTMCell(3, 4), (torch.zeros(5, 4), torch.zeros(5, 4))
    for _ in range(3):
        state = cell(tensors[2], state)
    ours, theirs = same(state, params=dict(cell.named_parameters()), show_attrs=True)
    assert ours.graph_attr == theirs.graph_attr == {"size": "19.2,19.2"}


def test_a_graph_spent_by_backward_is_still_drawn(tensors):
    w, _, _ = tensors
    y = (w * w).exp().sum()
    before = make_dot(y, show_attrs=True, show_saved=True)
    y.backward()
    after = make_dot(y, show_attrs=True, show_saved=True)
    assert "orange" in before.source
    assert "orange" not in after.source
    assert "[freed]" in after.source
