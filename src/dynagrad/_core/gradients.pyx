"""Where a backward starts: ``backward`` and ``grad``, the checks of what they are given, and what they say of it.

The walk itself is in `engine`; the method of Tensor is in `base`.
"""
import warnings
from collections.abc import Iterable

from dynagrad._core.card import CARDS

from dynagrad._core.engine cimport run_backward
from dynagrad._core.graph cimport Node, Output, accumulator_of, gradient_function, output_of, thread_state
from dynagrad._core.iterate cimport fill
from dynagrad._core.ops.view cimport detach
from dynagrad._core.provenance cimport Cut, name_of, position_here
from dynagrad._core.tensor cimport (
    LEAF_GRAD, TensorBase, new_like, new_scalar, new_tensor, requires_grad, shape_tuple)
from dynagrad._core.types cimport F32, dtype_object, is_float


# ---- what is said ----------------------------------------------------------------------------------------------------

# A Python number cannot carry a mark. So the last line that took one out of a tensor that requires grad is kept, with the
# thread that ran it, for the error of a backward that finds no history.
cdef Cut _taken = None
cdef size_t _taken_by = 0


cdef int take_note(str how) except -1:
    """Remembers the user's line that took a number out of a tensor."""
    global _taken, _taken_by
    _taken = position_here(how)
    _taken_by = <size_t>&thread_state
    return 0


_warned = set()                 # what has been said, once a process


cdef bint _warns_always = False


def set_warn_always(bint b):
    """Says whether what is otherwise said once a process is said every time."""
    global _warns_always
    _warns_always = b


cdef int warn_once(str text) except -1:
    if _warns_always or text not in _warned:
        _warned.add(text)
        warnings.warn(text, stacklevel=1)
    return 0


cdef int warn_of_cycle() except -1:
    return warn_once("Using backward() with create_graph=True will create a reference cycle between the parameter and its "
                      "gradient which can cause a memory leak. We recommend using autograd.grad when creating the graph to "
                      "avoid this. If you have to use this function, make sure to reset the .grad fields of your parameters "
                      "to None after use to break the cycle and avoid the leak.")


cdef object _no_grad_error(TensorBase t, int index):
    """What backward says of a tensor that has no history: where tracking was cut, as far as that is known."""
    name = name_of(t)
    lines = [f"element {index} of tensors does not require grad and does not have a grad_fn"]
    if name:
        lines[0] += f": the variable {name}"
    cdef Cut cut = <Cut>t.cut
    if cut is not None:
        lines.append(f"  tracking was cut where {cut.why}:  {cut.provenance}")
        lines.append("  Compute what needs a gradient outside of it, from tensors with requires_grad=True.")
    else:
        lines.append("  Nothing that it was computed from has requires_grad=True. Set it on the tensors whose gradient you "
                     "want, before computing. Values taken out by .item(), .tolist() or .numpy() lose their history.")
        if _taken is not None and _taken_by == <size_t>&thread_state:
            lines.append(f"  The last one was taken by {_taken.why} at  {_taken.provenance}")
    return RuntimeError("\n".join(lines))


cdef TensorBase _filled_like(TensorBase t, int value):
    cdef TensorBase made = new_like(t, t.dtype)
    fill(made, value)
    return made


cdef TensorBase root_gradient(TensorBase t, object given, bint create_graph, int index):
    """The gradient with which backward starts at t. Raises RuntimeError if it does not fit."""
    cdef TensorBase g
    if given is None:
        if t.numel != 1:
            raise RuntimeError(f"grad can be implicitly created only for scalar outputs, but the shape is "
                               f"{list(shape_tuple(t))}. Reduce it first, for example with .sum(), or pass a gradient of "
                               "that shape.")
        if not is_float(t.dtype):
            raise RuntimeError("grad can be implicitly created only for real scalar outputs but got "
                               f"{dtype_object(t.dtype)}")
        return new_scalar(t.dtype, 1, 0) if t.ndim == 0 and t.dtype >= F32 else _filled_like(t, 1)
    if not isinstance(given, TensorBase):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(given).__name__}")
    g = <TensorBase>given
    if shape_tuple(g) != shape_tuple(t):
        raise RuntimeError(f"Mismatch in shape: grad_output[{index}] has a shape of {shape_tuple(g)} and output[{index}] has "
                           f"a shape of {shape_tuple(t)}.")
    return g if create_graph else detach(g)


cdef tuple _as_tuple(object given):
    if given is None:
        return ()
    if isinstance(given, TensorBase) or _is_edge(given):
        return (given,)
    return tuple(given) if isinstance(given, (tuple, list)) or isinstance(given, Iterable) else (given,)


cdef inline bint _is_edge(object given) except -1:
    """Whether it is a gradient edge: a tuple that starts with a node and an output number."""
    return isinstance(given, tuple) and len(given) >= 2 and isinstance(given[0], Node)


cdef TensorBase _empty_output(object edge):
    """A tensor like the output that an edge stands for."""
    cdef Output* described = output_of(<Node>(edge[0]), edge[1])
    return new_tensor(described.dtype, described.ndim, described.shape)


cdef tuple _roots(object tensors, object gradients, bint create_graph):
    """(node, output number) pairs and their gradients. Raises RuntimeError for a tensor without a history."""
    cdef list roots = []
    cdef list values = []
    cdef TensorBase t
    cdef Node node
    if len(gradients) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(gradients)} gradients")
    for i, each in enumerate(tensors):
        if _is_edge(each):
            values.append(root_gradient(_empty_output(each), gradients[i], create_graph, i))
            roots.append((each[0], each[1]))
            continue
        if not isinstance(each, TensorBase):
            raise TypeError(f"backward starts at tensors, but element {i} is a {type(each).__name__}")
        t = <TensorBase>each
        if not requires_grad(t):
            raise _no_grad_error(t, i)
        node = gradient_function(t)
        values.append(root_gradient(t, gradients[i], create_graph, i))
        roots.append((node, t.output_nr) if node is not None else (accumulator_of(t), 0))
    return roots, values


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None):
    """Adds to the ``.grad`` of every leaf the gradient of the sum of ``tensors``, weighted by ``grad_tensors``.

    Args are those of `Tensor.backward`, for several tensors at once.
    """
    if grad_tensors is None:
        grad_tensors = grad_variables
    tensors = _as_tuple(tensors)
    gradients = _as_tuple(grad_tensors) or (None,) * len(tensors)
    if inputs is not None:
        inputs = list(_as_tuple(tuple(inputs.values()) if isinstance(inputs, dict) else inputs))
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
        _check_inputs(inputs)
        for each in inputs:
            if isinstance(each, TensorBase):
                each.retain_grad()
    roots, values = _roots(tensors, gradients, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    del tensors, gradients
    if create_graph:
        warn_of_cycle()
    run_backward(roots, values, keep, create_graph, inputs, True)


cdef TensorBase _zeros_for(object each, bint create_graph):
    if _is_edge(each):
        raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
    cdef TensorBase made = _filled_like(<TensorBase>each, 0)
    if create_graph:
        made.flags |= LEAF_GRAD                         # it may be differentiated again
    return made


cdef int _check_inputs(list inputs) except -1:
    for i, each in enumerate(inputs):
        if not isinstance(each, TensorBase):
            if not _is_edge(each):
                raise TypeError(f"gradients are taken with respect to tensors, but input {i} is a {type(each).__name__}")
        elif not requires_grad(<TensorBase>each):
            name = name_of(<TensorBase>each)
            raise RuntimeError("One of the differentiated Tensors does not require grad: " + (name or f"input {i}"))
    return 0


cdef tuple _gradients_of_rows(tuple outputs, list wanted, tuple rows, object retain_graph, bint create_graph,
                              object allow_unused, bint materialize_grads):
    """`grad` for every row of the gradients of the outputs, one walk each, stacked."""
    lengths = {len(each) for each in rows if each is not None}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError("is_grads_batched=True takes grad_outputs that agree in the length of their first dimension, which is "
                         f"at least 1, but got the lengths {sorted(lengths)}")
    n, = lengths
    for i, (output, each) in enumerate(zip(outputs, rows)):
        if each is not None and isinstance(output, TensorBase) \
                and shape_tuple(<TensorBase>each)[1:] != shape_tuple(<TensorBase>output):
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The "
                "sizes of the remaining dimensions are expected to match the shape of corresponding output, but a mismatch was "
                f"detected: grad_output[{i}] has a shape of {shape_tuple(<TensorBase>each)} and output[{i}] has a shape of "
                f"{shape_tuple(<TensorBase>output)}. If you only want some tensors in `grad_output` to be considered batched, "
                "consider using vmap.")
    keep = create_graph if retain_graph is None else retain_graph
    found = [grad(outputs, wanted, [None if each is None else each[i] for each in rows], keep or i < n - 1, create_graph, True,
                  allow_unused, False, materialize_grads) for i in range(n)]
    stack = CARDS["stack"].op
    return tuple([None if column[0] is None else stack(column) for column in zip(*found)])


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True, allow_unused=None,
         is_grads_batched=False, materialize_grads=False):
    """The gradients of the sum of ``outputs`` with respect to ``inputs``, a tuple; ``.grad`` is left alone.

    Args:
        outputs, inputs: a tensor, a gradient edge or a sequence of them; a dict of inputs makes a dict of gradients.
        grad_outputs: gradients of the outputs; 1 for outputs of one element.
        retain_graph, create_graph: as for `Tensor.backward`.
        allow_unused: gives None for an input that the outputs do not depend on, instead of raising RuntimeError.
        is_grads_batched: each of ``grad_outputs`` has one more dimension in front, and so has each gradient: a row for a row.
        materialize_grads: gives zeros for such an input.

    >>> import dynagrad
    >>> x = dynagrad.tensor(2., requires_grad=True)
    >>> dynagrad.autograd.grad(x * x * x, x)
    (tensor(12.),)
    """
    if not only_inputs:
        raise ValueError("only_inputs=False is not supported: the gradients of other leaves are not accumulated")
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
                         "allow_unused=False.")
    if isinstance(inputs, dict):
        found = grad(outputs, tuple(inputs.values()), grad_outputs, retain_graph, create_graph, True, allow_unused,
                     is_grads_batched, materialize_grads)
        return dict(zip(inputs, found))
    outputs, wanted = _as_tuple(outputs), list(_as_tuple(inputs))
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    if is_grads_batched:
        _check_inputs(wanted)
        return _gradients_of_rows(outputs, wanted, _as_tuple(grad_outputs), retain_graph, create_graph, allow_unused,
                                  materialize_grads)
    roots, values = _roots(outputs, _as_tuple(grad_outputs) or (None,) * len(outputs), create_graph)
    _check_inputs(wanted)
    keep = create_graph if retain_graph is None else retain_graph
    found = run_backward(roots, values, keep, create_graph, wanted, False)
    if materialize_grads:
        found = [_zeros_for(each, create_graph) if g is None else g for g, each in zip(found, wanted)]
    elif not allow_unused and any([g is None for g in found]):
        missing = next(i for i, g in enumerate(found) if g is None)
        name = name_of(<TensorBase>wanted[missing]) if isinstance(wanted[missing], TensorBase) else ""
        raise RuntimeError(f"The differentiated Tensor at index {missing} appears to not have been used in the graph. Set "
                           f"allow_unused=True if this is the desired behavior.{f' It is {name}.' if name else ''}")
    return tuple(found)
