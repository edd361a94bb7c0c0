"""``make_dot`` on dynagrad's own graphs: boxes, colours, arrows, names, saved tensors, depth, and what it refuses."""

import weakref

import pytest

import dynagrad as torch
from dynagrad.viz import make_dot, make_dot_from_trace

GREY, LEAF, OUTPUT, BASE, SAVED = "", "lightblue", "darkolivegreen1", "darkolivegreen3", "orange"


@pytest.fixture
def drawn(read_dot):
    def draw(var, **options):
        boxes, arrows = read_dot(make_dot(var, **options).source)
        named = [(boxes[tail][0], boxes[head][0], style) for tail, head, style in arrows]
        return sorted(boxes.values()), sorted(named)

    return draw


def test_the_cell_of_lab_2b(drawn):
    wh, wx = torch.randn(3, 3, requires_grad=True), torch.randn(3, 2, requires_grad=True)
    out = (wx.mm(torch.randn(2, 1)) + wh.mm(torch.randn(3, 1))).tanh().sum()
    boxes, arrows = drawn(out)
    assert boxes == [
        ("\n ()", OUTPUT),
        ("\n (3, 2)", LEAF),
        ("\n (3, 3)", LEAF),
        ("AccumulateGrad", GREY),
        ("AccumulateGrad", GREY),
        ("AddBackward0", GREY),
        ("MmBackward0", GREY),
        ("MmBackward0", GREY),
        ("SumBackward0", GREY),
        ("TanhBackward0", GREY),
    ]
    assert arrows == [
        ("\n (3, 2)", "AccumulateGrad", ""),
        ("\n (3, 3)", "AccumulateGrad", ""),
        ("AccumulateGrad", "MmBackward0", ""),
        ("AccumulateGrad", "MmBackward0", ""),
        ("AddBackward0", "TanhBackward0", ""),
        ("MmBackward0", "AddBackward0", ""),
        ("MmBackward0", "AddBackward0", ""),
        ("SumBackward0", "\n ()", ""),
        ("TanhBackward0", "SumBackward0", ""),
    ]


def test_a_tensor_without_history_is_one_green_box(drawn):
    assert drawn(torch.ones(2)) == ([("\n (2)", OUTPUT)], [])


def test_parameters_are_named(drawn):
    w, b = torch.ones(2, requires_grad=True), torch.ones(1, requires_grad=True)
    boxes, _ = drawn(w * b, params={"weight": w, "<b>": b})
    assert ("weight\n (2)", LEAF) in boxes
    assert ("<b>\n (1)", LEAF) in boxes
    assert drawn(w * b, params=[("weight", w), ("<b>", b)])[0] == boxes


def test_a_shared_leaf_is_one_box(drawn):
    w = torch.ones(2, requires_grad=True)
    boxes, arrows = drawn((w * w) + w)
    assert [box for box in boxes if box[1] == LEAF] == [("\n (2)", LEAF)]
    assert arrows.count(("AccumulateGrad", "MulBackward0", "")) == 2


def test_several_outputs_share_their_history(drawn):
    w = torch.ones(2, requires_grad=True)
    y = w * 2
    boxes, _ = drawn((y, y.sum()))
    assert [label for label, colour in boxes if colour == OUTPUT] == ["\n ()", "\n (2)"]
    assert len([label for label, _ in boxes if label == "MulBackward0"]) == 1


def test_a_view_is_drawn_with_its_base(drawn):
    w = torch.ones(2, 3, requires_grad=True)
    boxes, arrows = drawn((w * 2).view(-1))
    assert ("\n (2, 3)", BASE) in boxes
    assert ("\n (2, 3)", "\n (6)", "dotted") in arrows


def test_saved_tensors_are_orange(drawn):
    w = torch.ones(2, requires_grad=True)
    boxes, arrows = drawn((w * 2).tanh(), show_saved=True)
    assert ("result\n (2)", SAVED) in boxes
    assert ("TanhBackward0", "result\n (2)", "none") in arrows
    assert not [box for box in drawn((w * 2).tanh())[0] if box[1] == SAVED]


def test_what_a_custom_function_saved_is_always_drawn(drawn):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * g * x

    w = torch.ones(2, requires_grad=True)
    _, arrows = drawn(Square.apply(w * 3))
    assert ("\n (2)", "SquareBackward", "none") in arrows


def test_attributes_are_a_table_in_the_box(drawn):
    w = torch.ones(2, 3, requires_grad=True)
    boxes, _ = drawn(w.sum(1, keepdim=True), show_attrs=True)
    (label,) = (label for label, _ in boxes if label.startswith("SumBackward"))
    name, rule, *rows = label.split("\n")
    assert (name, set(rule)) == ("SumBackward1", {"-"})
    assert [row.split(":")[0].strip() for row in rows] == ["dim", "keepdim", "self_sym_sizes"]
    assert {len(row) for row in rows} == {len(rule)}


def test_a_spent_graph_is_still_drawn(drawn):
    w = torch.ones(2, requires_grad=True)
    y = (w * w).exp().sum()
    y.backward()
    boxes, _ = drawn(y, show_saved=True, show_attrs=True)
    assert any("[freed]" in label for label, _ in boxes)
    assert not [box for box in boxes if box[1] == SAVED]


def test_the_same_program_gives_the_same_text():
    def program():
        w = torch.ones(2, requires_grad=True)
        return make_dot((w * 2 + w).sum(), show_saved=True).source

    assert program() == program()


def test_a_picture_keeps_no_tensor_alive():
    y = torch.ones(2, requires_grad=True) * 2
    gone = weakref.ref(y)
    picture = make_dot(y)
    del y
    assert gone() is None
    assert picture.model.boxes


def test_a_deep_graph_needs_no_recursion():
    y = torch.ones(1, requires_grad=True)
    for _ in range(100_000):
        y = y * 0.999
    picture = make_dot(y)
    assert len(picture.model.boxes) == 100_003
    assert picture.source.count("MulBackward0") == 100_000


@pytest.mark.parametrize("var", [None, 3, "x", {"a": 1}, [1, 2], len, object()])
def test_only_tensors_are_drawn(var):
    with pytest.raises(TypeError, match="make_dot draws a tensor"):
        make_dot(var)


def test_parameters_are_tensors():
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match=r"params\['w'\] should be a tensor"):
        make_dot(w, params={"w": 1.0})


def test_traces_are_refused():
    with pytest.raises(NotImplementedError, match="TorchScript"):
        make_dot_from_trace(object())
