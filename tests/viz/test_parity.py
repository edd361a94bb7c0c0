"""Pictures of real PyTorch graphs, ours beside torchviz's: the same boxes, colours, labels and arrows."""

import warnings
from types import SimpleNamespace

import pytest

from dynagrad.viz import make_dot
from dynagrad.viz.render import render

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
        return 2 * g * ctx.saved_tensors.w


@pytest.fixture
def tensors():
    torch.manual_seed(0)
    w = torch.randn(3, 4, requires_grad=True)
    b = torch.randn(4, requires_grad=True)
    return SimpleNamespace(w=w, b=b, x=torch.randn(5, 3))


@pytest.fixture
def same(shape_of_dot):
    def compare(var, **options):
        ours, theirs = make_dot(var, **options), torchviz.make_dot(var, **options)
        assert shape_of_dot(ours.source) == shape_of_dot(theirs.source)
        return ours, theirs

    return compare


def test_the_cell_of_lab_2b(same):
    wh, wx = torch.randn(3, 3, requires_grad=True), torch.randn(3, 2, requires_grad=True)
    out = (wx.mm(torch.randn(2, 1)) + wh.mm(torch.randn(3, 1))).tanh().sum()
    ours, theirs = same(out)
    assert ours.graph_attr == theirs.graph_attr
    assert ours.node_attr == theirs.node_attr


GRAPHS = {
    "linear": lambda t: t.x @ t.w + t.b,
    "a leaf": lambda t: t.w,
    "no history": lambda t: t.x,
    "a view": lambda t: (t.x @ t.w + t.b).view(-1),
    "a view of a leaf": lambda t: t.w.view(-1),
    "an element": lambda t: (t.w * 2)[0],
    "several outputs": lambda t: ((t.x @ t.w).sum(), t.w, (t.x @ t.w + t.b).view(-1)),
    "a leaf first": lambda t: (t.w, t.x @ t.w + t.b),
    "cat and max": lambda t: torch.cat([t.w, t.w * 2, t.b.expand(3, 4)]).max(0)[0].sum(),
    "saved results": lambda t: (t.w * t.b * (t.x @ t.w).sum()).exp().log(),
    "a square": lambda t: (t.w * t.w + t.w, t.w * t.w),
    "custom": lambda t: Square.apply(t.w).sum() + Square.apply(t.w * 2).mean(),
    "indices": lambda t: (t.x @ t.w)[:, [0, 1]].sum() + t.w[1:3].prod(),
}


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize(
    "options",
    [{}, {"show_attrs": True}, {"show_saved": True}, {"show_attrs": True, "show_saved": True, "max_attr_chars": 7}],
    ids=["plain", "attrs", "saved", "both"],
)
def test_every_kind_of_graph(same, tensors, graph, options):
    same(GRAPHS[graph](tensors), params={"w": tensors.w, "bias": tensors.b}, **options)


def test_graphviz_puts_every_box_where_torchviz_has_it(same, tensors):
    pytest.importorskip("pygraphviz")
    ours, theirs = same(Square.apply(tensors.x @ tensors.w + tensors.b).exp().sum(), show_saved=True)
    plain = [render(picture.source, "plain").decode().splitlines() for picture in (ours, theirs)]
    places = [[line.split()[2:6] for line in lines if line.startswith("node ")] for lines in plain]
    assert places[0] == places[1]


def test_a_product_with_itself_as_the_second_output(same, tensors):
    y = tensors.w * 2
    same((y * y, y), show_saved=True)


def test_the_parameters_of_a_module(same, tensors):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    ours, _ = same(model(tensors.x).mean(), params=dict(model.named_parameters()))
    pairs = make_dot(model(tensors.x).mean(), params=model.named_parameters())
    assert pairs.source == ours.source


def test_a_recurrent_cell_unrolled_grows_the_picture_as_torchviz_does(same, tensors):
    cell, state = torch.nn.LSTMCell(3, 4), (torch.zeros(5, 4), torch.zeros(5, 4))
    for _ in range(3):
        state = cell(tensors.x, state)
    ours, theirs = same(state, params=dict(cell.named_parameters()), show_attrs=True)
    assert ours.graph_attr == theirs.graph_attr == {"size": "19.2,19.2"}


def test_a_graph_spent_by_backward_is_still_drawn(tensors):
    y = (tensors.w * tensors.w).exp().sum()
    before = make_dot(y, show_attrs=True, show_saved=True)
    y.backward()
    after = make_dot(y, show_attrs=True, show_saved=True)
    assert "orange" in before.source
    assert "orange" not in after.source
    assert "[freed]" in after.source
