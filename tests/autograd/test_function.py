"""Custom Functions: what forward and backward are given, what may be returned, and the errors."""

import copy
import gc
import inspect
import weakref

import pytest

import dynagrad as torch
from dynagrad.autograd import Function
from dynagrad.autograd.function import once_differentiable


def function(forward, backward=None, **methods):
    namespace = {"forward": staticmethod(forward)}
    if backward is not None:
        methods["backward"] = backward
    namespace.update({name: staticmethod(method) for name, method in methods.items()})
    return type("MyFn", (Function,), namespace)


def inputs_of(node):
    return [None if source is None else type(source).__name__ for source, _ in node.next_functions]


@pytest.fixture
def x():
    return torch.ones(3, requires_grad=True)


Double = function(lambda _, x: x * 2, lambda _, g: g * 2)


class Multiply(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b

    @staticmethod
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g * b, g * a


def test_value_and_gradient(x):
    y = Double.apply(x)
    assert y.tolist() == [2.0] * 3
    y.sum().backward()
    assert x.grad.tolist() == [2.0] * 3


def test_the_node_is_named_after_the_function(x):
    node = Multiply.apply(x, x * 2).grad_fn
    assert node.name() == type(node).__name__ == "MultiplyBackward"
    assert inputs_of(node) == ["AccumulateGrad", "MulBackward0"]


def test_edges_belong_to_tensor_arguments(x):
    many = function(lambda _, x, n, y, z: x * n + y + z, lambda _, g: (g, None, None, g))
    node = many.apply(x, 5, torch.ones(3), x * 2).grad_fn
    assert inputs_of(node) == ["AccumulateGrad", None, "MulBackward0"]
    assert node.needs_input_grad == (True, False, False, True)


def test_needs_input_grad_is_known_in_forward():
    seen = []
    probe = function(lambda ctx, *args: (seen.append(ctx.needs_input_grad), args[0] * 1)[1])
    probe.apply(torch.ones(2), 5, torch.ones(2, requires_grad=True), [1])
    assert seen == [(False, False, True, False)]


def test_nothing_is_recorded_without_grad_mode_or_without_inputs_that_need_it(x):
    with torch.no_grad():
        assert Double.apply(x).grad_fn is None
    assert not Double.apply(torch.ones(2)).requires_grad


def test_forward_runs_unrecorded_and_backward_as_asked(x):
    modes = []
    probe = function(
        lambda _, x: (modes.append(torch.is_grad_enabled()), x * 2)[1],
        lambda _, g: (modes.append(torch.is_grad_enabled()), g)[1],
    )
    torch.autograd.grad(probe.apply(x).sum(), x)
    torch.autograd.grad(probe.apply(x).sum(), x, create_graph=True)
    assert modes == [False, False, False, True]
    assert torch.is_grad_enabled()


def test_grad_mode_survives_an_error_in_forward(x):
    broken = function(lambda _, x: x.tolist()[9])
    with pytest.raises(IndexError):
        broken.apply(x)
    assert torch.is_grad_enabled()


def test_the_second_derivative_follows_from_backward(x):
    square = function(lambda ctx, x: (ctx.save_for_backward(x), x * x)[1], lambda ctx, g: 2 * g * ctx.saved_tensors[0])
    (first,) = torch.autograd.grad(square.apply(x * 3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert first.tolist() == [18.0] * 3
    assert second.tolist() == [18.0] * 3


def test_setup_context(x):
    class Scale(Function):
        @staticmethod
        def forward(x, n):
            return x * n

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.n = inputs[1]
            ctx.seen = output.tolist()

        @staticmethod
        def backward(ctx, g):
            return g * ctx.n, None

    y = Scale.apply(x, 3)
    assert y.grad_fn.seen == [3.0] * 3
    y.sum().backward()
    assert x.grad.tolist() == [3.0] * 3


def test_vjp_is_another_name_for_backward(x):
    named = function(lambda _, x: x * 2, vjp=lambda _, g: g * 5)
    assert torch.autograd.grad(named.apply(x).sum(), x)[0].tolist() == [5.0] * 3
    both = function(lambda _, x: x * 2, lambda _, g: g, vjp=lambda _, g: g)
    with pytest.raises(RuntimeError, match="both 'backward' and 'vjp'"):
        both.apply(x).sum().backward()


def test_keyword_arguments(x):
    scale = function(lambda _, x, n=2: x * n, lambda _, g, *__: (g, None))
    assert scale.apply(x, n=4).tolist() == [4.0] * 3
    assert scale.apply(x=x).grad_fn is not None


def test_what_is_missing_is_an_error(x):
    with pytest.raises(NotImplementedError, match="must implement the forward"):
        type("Empty", (Function,), {}).apply(x)
    with pytest.raises(NotImplementedError, match="must implement either the backward or vjp"):
        function(lambda _, x: x * 2).apply(x).sum().backward()


def test_apply_follows_a_class_that_changes(x):
    class Base(Function):
        @staticmethod
        def forward(_ctx, x):
            return x * 2

        @staticmethod
        def backward(_ctx, g):
            return g * 2

    class Derived(Base):
        pass

    assert Derived.apply(x).tolist() == [2, 2, 2]
    Base.forward = staticmethod(lambda _ctx, x: x * 3)
    assert Derived.apply(x).tolist() == Base.apply(x).tolist() == [3, 3, 3]
    Derived.forward = staticmethod(lambda x: x * 5)
    Derived.setup_context = staticmethod(
        lambda ctx, inputs, output: setattr(ctx, "seen", (len(inputs), output.tolist()))
    )
    assert Derived.apply(x).grad_fn.seen == (1, [5, 5, 5])
    del Derived.forward, Derived.setup_context
    assert Derived.apply(x).tolist() == [3, 3, 3]
    assert type(Derived.apply(x).grad_fn).__name__ == "DerivedBackward"


def test_apply_may_be_overridden(x):
    class Base(Function):
        @staticmethod
        def forward(_ctx, x, factor):
            return x * factor

    class Derived(Base):
        @classmethod
        def apply(cls, x):
            return super().apply(x, 4)

    class Last(Derived):
        pass

    assert Derived.apply(x).tolist() == [4, 4, 4]
    assert type(Last.apply(x).grad_fn).__name__ == "LastBackward"


def test_apply_says_whose_it_is():
    assert Double.apply.__self__ is Double
    assert Double.apply.__name__ == "apply"
    assert str(inspect.signature(Double.apply)) == "(*args, **kwargs)"
    assert copy.deepcopy(Multiply.apply) is Multiply.apply


def test_many_arguments(x):
    def forward(_ctx, *given):
        return given[0] + given[130]

    def backward(ctx, g):
        return (g, *[None] * (ctx.place - 1), g * 2, *[None] * (199 - ctx.place))

    Sparse = function(lambda ctx, *given: (setattr(ctx, "place", 130), forward(ctx, *given))[1], backward)
    y = torch.ones(3, requires_grad=True)
    Sparse.apply(x, *[1] * 129, y, *[2] * 69).sum().backward()
    assert x.grad.tolist() == [1, 1, 1]
    assert y.grad.tolist() == [2, 2, 2]
    with pytest.raises(RuntimeError, match="at most 256 arguments, but 257 were given"):
        Sparse.apply(*[1] * 257)


def test_no_grad_is_noted_again_after_a_function(x):
    Double.apply(x)
    with pytest.raises(ZeroDivisionError):
        function(lambda _, x: 1 / 0).apply(x)
    with torch.no_grad():
        y = x * 2
    with pytest.raises(RuntimeError, match=r"tracking was cut where torch\.no_grad"):
        y.sum().backward()


def test_functions_are_not_instantiated(x):
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        made = Double()
    with pytest.raises(RuntimeError, match="Legacy autograd function"):
        made(x)


# ---- what backward returns -------------------------------------------------------------------------------------------


def test_wrong_numbers_of_gradients(x):
    with pytest.raises(RuntimeError, match=r"incorrect number of gradients \(expected 1, got 2\)"):
        function(lambda _, x: x * 2, lambda _, g: (g, g)).apply(x).sum().backward()
    with pytest.raises(RuntimeError, match=r"incorrect number of gradients \(expected 2, got 1\)"):
        function(lambda _, x, y: x * y, lambda _, g: g).apply(x, x).sum().backward()


def test_surplus_gradients_may_be_none(x):
    function(lambda _, x: x * 2, lambda _, g: (g, None, None)).apply(x).sum().backward()
    assert x.grad.tolist() == [1.0] * 3


def test_a_gradient_for_what_is_not_a_tensor_is_an_error(x):
    with pytest.raises(RuntimeError, match="gradient different than None at position 2"):
        function(lambda _, x, k: x * k, lambda _, g: (g, g)).apply(x, 2).sum().backward()


def test_a_gradient_for_a_tensor_that_needs_none_is_dropped(x):
    function(lambda _, x, k: x * k, lambda _, g: (g, g)).apply(x, torch.ones(3)).sum().backward()
    assert x.grad.tolist() == [1.0] * 3


@pytest.mark.parametrize("wrong", ["a", [1], 2.0])
def test_a_gradient_must_be_a_tensor_or_none(x, wrong):
    with pytest.raises(RuntimeError, match="expected Variable or None"):
        function(lambda _, x: x * 2, lambda *_: wrong).apply(x).sum().backward()


def test_a_gradient_of_the_wrong_shape_is_an_error(x):
    with pytest.raises(RuntimeError, match=r"got \[7\] but expected shape compatible with \[3\]"):
        function(lambda _, x: x * 2, lambda *_: torch.ones(7)).apply(x).sum().backward()


def test_a_gradient_that_was_broadcast_is_summed(x):
    function(lambda _, x: x.sum(), lambda _, g: g.expand(2, 3)).apply(x).backward()
    assert x.grad.tolist() == [2.0] * 3


def test_a_gradient_is_cast_to_the_dtype_of_its_input(x):
    function(lambda _, x: x * 1, lambda _, g: g.double()).apply(x).sum().backward()
    assert x.grad.dtype is torch.float32


def test_no_gradient_leaves_grad_alone(x):
    function(lambda _, x: x * 2, lambda *_: None).apply(x).sum().backward()
    assert x.grad is None


def test_an_error_in_backward_comes_out_as_it_is(x):
    with pytest.raises(ZeroDivisionError):
        function(lambda _, x: x * 1, lambda *_: 1 / 0).apply(x).sum().backward()


# ---- outputs ---------------------------------------------------------------------------------------------------------


def test_outputs_that_are_not_tensors_pass_through(x):
    seen = []
    mixed = function(lambda _, x: (x * 2, 5, None, "s"), lambda _, g, *rest: (seen.append(rest), g)[1])
    y, *rest = mixed.apply(x)
    assert rest == [5, None, "s"]
    y.sum().backward()
    assert seen == [(None, None, None)]
    assert function(lambda *_: 5).apply(x) == 5
    assert function(lambda *_: ()).apply(x) == ()


def test_a_list_is_not_looked_into(x):
    (y,) = function(lambda _, x: [x * 2]).apply(x)
    assert y.grad_fn is None


def test_integer_outputs_have_no_history(x):
    y = function(lambda *_: torch.ones(2, dtype=torch.int64)).apply(x)
    assert not y.requires_grad
    assert y.grad_fn is None


def test_an_input_that_is_returned_is_aliased(x):
    y = function(lambda _, x: x, lambda _, g: g * 7).apply(x)
    assert y is not x
    assert y.data_ptr() == x.data_ptr()
    assert y.grad_fn.name() == "MyFnBackward"
    y.sum().backward()
    assert x.grad.tolist() == [7.0] * 3


def test_an_input_without_gradient_that_is_returned_stays_without():
    a, b = torch.ones(3), torch.ones(3, requires_grad=True)
    y = function(lambda _, a, __: a, lambda _, g: (None, g)).apply(a, b)
    assert y is not a
    assert y.requires_grad
    assert not a.requires_grad


def test_views_made_in_forward_may_not_be_written_to(x):
    reshape = function(lambda _, x: x.view(3, 1), lambda _, g: g.view(3))
    y = reshape.apply(x * 1)
    y.sum().backward()
    assert x.grad.tolist() == [1.0] * 3
    with pytest.raises(RuntimeError, match="created inside a custom Function"):
        y.mul_(2)
    first, _ = function(lambda _, x: (x.view(3, 1), x * 1), lambda _, g, __: g.view(3)).apply(x * 1)
    with pytest.raises(RuntimeError, match="returns multiple views"):
        first.mul_(2)


def test_a_view_that_forward_wrote_to_has_the_node_as_history():
    def forward(_ctx, x):
        part = x.clone()[:3]
        part += 2
        return part

    x = torch.ones(4, requires_grad=True)
    y = function(forward, lambda _, g: torch.cat([g, torch.zeros(1)])).apply(x)
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 1, 0]


def test_one_tensor_returned_twice(x):
    def twice(_, x):
        y = x * 2
        return y, y

    a, b = function(twice, lambda _, g, h: g + h).apply(x)
    (a * 2 + b).sum().backward()
    assert x.grad.tolist() == [3.0] * 3


# ---- mark_dirty ------------------------------------------------------------------------------------------------------


def scale_in_place(ctx, x):
    x.mul_(2)
    ctx.mark_dirty(x)
    return x


InPlace = function(scale_in_place, lambda _, g: g * 2)


def test_a_dirty_input_is_the_output(x):
    a = x * 1
    b = InPlace.apply(a)
    assert b is a
    assert a.grad_fn.name() == "MyFnBackward"
    assert a._version == 2
    b.sum().backward()
    assert x.grad.tolist() == [2.0] * 3


def test_a_dirty_view_rewrites_its_base(x):
    base = x * 1
    view = InPlace.apply(base[:2])
    assert view.grad_fn is not None
    base.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 1.0]


def test_a_dirty_leaf_is_an_error(x):
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        InPlace.apply(x)


def test_dirty_inputs_must_be_returned(x):
    def forget(ctx, x):
        ctx.mark_dirty(x)
        return x * 2

    with pytest.raises(RuntimeError, match="were not returned as output"):
        function(forget, lambda _, g: g).apply(x * 1)


def test_dirty_tensors_should_be_inputs(x):
    def confuse(ctx, x):
        y = x * 2
        ctx.mark_dirty(y)
        return y

    with pytest.warns(UserWarning, match="not an input"):
        function(confuse, lambda _, g: g).apply(x)


def test_dirty_without_gradients():
    a = torch.ones(2)
    assert InPlace.apply(a) is a
    assert a.tolist() == [2.0, 2.0]
    assert a.grad_fn is None


# ---- non-differentiable outputs, absent gradients --------------------------------------------------------------------


def test_outputs_marked_non_differentiable(x):
    seen = []

    def forward(ctx, x):
        a, b = x * 2, x * 3
        ctx.mark_non_differentiable(b)
        return a, b

    a, b = function(forward, lambda _, g, h: (seen.append(h.tolist()), g)[1]).apply(x)
    assert a.requires_grad
    assert not b.requires_grad
    a.sum().backward()
    assert seen == [[0.0] * 3]


def test_absent_gradients_are_zeros_or_none(x):
    seen = []
    for value in (True, False):

        def forward(ctx, x, value=value):
            ctx.set_materialize_grads(value)
            return x * 1, x * 2

        pair = function(forward, lambda _, g, h: (seen.append(None if h is None else h.tolist()), g)[1])
        pair.apply(x)[0].sum().backward()
    assert seen == [[0.0] * 3, None]


def test_backward_runs_though_its_gradient_is_absent(x):
    seen = []
    nothing = function(lambda _, x: x * 1, lambda *_: None)
    probe = function(lambda _, x: x * 1, lambda _, g: (seen.append(g.tolist()), g)[1])
    nothing.apply(probe.apply(x)).sum().backward()
    assert seen == [[0.0] * 3]
    assert x.grad.tolist() == [0.0] * 3


@pytest.mark.parametrize("method", ["mark_dirty", "mark_non_differentiable"])
def test_marks_take_tensors(x, method):
    with pytest.raises(RuntimeError, match=method):
        function(lambda ctx, x: (getattr(ctx, method)(5), x * 1)[1]).apply(x)


# ---- saved tensors ---------------------------------------------------------------------------------------------------


def test_saved_tensors_keep_their_identity_and_gaps(x):
    def forward(ctx, x, k, n):
        ctx.save_for_backward(x, None, k)
        ctx.n = n
        return x * n

    seen = []
    fn = function(forward, lambda ctx, g: (seen.append((ctx.saved_tensors, ctx.n)), (g, None, None))[1])
    k = torch.ones(1)
    fn.apply(x, k, 3).sum().backward()
    (a, b, c), n = seen[0]
    assert a.tolist() == x.tolist()
    assert a.requires_grad
    assert b is None
    assert c.tolist() == k.tolist()
    assert n == 3


def test_a_saved_output_has_its_history_again(x):
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    exp = function(forward, lambda ctx, g: g * ctx.saved_tensors[0])
    (first,) = torch.autograd.grad(exp.apply(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.allclose(second, x.exp())


def test_saved_tensors_are_freed_by_backward(x):
    y = Multiply.apply(x, x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_saved_tensors_that_were_written_to_are_an_error(x):
    a = x * 1
    y = Multiply.apply(a, x)
    a.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_only_tensors_are_saved(x):
    with pytest.raises(TypeError, match="save_for_backward can only save variables"):
        function(lambda ctx, x: (ctx.save_for_backward(3), x * 2)[1]).apply(x)


def test_the_last_call_of_save_for_backward_counts(x):
    fn = function(lambda ctx, x: (ctx.save_for_backward(x), ctx.save_for_backward(x * 4), x * 1)[2])
    assert [t.tolist() for t in fn.apply(x).grad_fn.saved_tensors] == [[4.0] * 3]


# ---- once_differentiable ---------------------------------------------------------------------------------------------


def test_once_differentiable(x):
    modes = []

    @once_differentiable
    def backward(ctx, g):
        modes.append(torch.is_grad_enabled())
        return 2 * g * ctx.saved_tensors[0]

    square = function(lambda ctx, x: (ctx.save_for_backward(x), x * x)[1], backward)
    assert torch.autograd.grad(square.apply(x).sum(), x)[0].tolist() == [2.0] * 3
    v = torch.ones(3, requires_grad=True)
    (g,) = torch.autograd.grad(square.apply(x), x, v, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.sum().backward()
    assert modes == [False, False]


# ---- memory ----------------------------------------------------------------------------------------------------------


class Mark:
    pass


def test_attributes_of_ctx_are_freed_with_the_graph(x):
    fn = function(lambda ctx, x: (setattr(ctx, "mark", Mark()), x * 1)[1])
    y = fn.apply(x)
    mark = weakref.ref(y.grad_fn.mark)
    del y
    assert mark() is None


def test_attributes_of_ctx(x):
    y = function(lambda ctx, x: (vars(ctx).update(a=1), setattr(ctx, "b", 2), x * 1)[2]).apply(x)
    assert vars(y.grad_fn) == {"a": 1, "b": 2}
    assert y.grad_fn.a == 1
    assert vars(Double.apply(x).grad_fn) == {}
    with pytest.raises(AttributeError, match="'MyFnBackward' object has no attribute 'c'"):
        _ = y.grad_fn.c
    del y.grad_fn.a
    assert not hasattr(y.grad_fn, "a")
    assert [each.shape for each in y.grad_fn._input_metadata] == [(3,)]


@pytest.mark.parametrize("recorded", [True, False])
def test_a_cycle_through_ctx_is_collected(x, recorded):
    marks = []

    def forward(ctx, x):
        ctx.mark = Mark()
        ctx.mark.owner = ctx
        marks.append(weakref.ref(ctx.mark))
        return x * 1

    with torch.set_grad_enabled(recorded):
        y = function(forward).apply(x)
    assert (y.grad_fn is not None) is recorded
    del y
    gc.collect()
    assert marks[0]() is None


def test_a_deep_chain_of_functions_is_freed(x):
    y = x
    for _ in range(50_000):
        y = Double.apply(y)
    y.sum().backward()
    del y
