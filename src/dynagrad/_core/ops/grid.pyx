"""Sampling images at places that a grid gives (grid_sampler): value, derivative and card.

Its derivative has none of its own, as in PyTorch. Affine grids are in composite/affine.py.
"""
import cython
from libc.stdint cimport int64_t

from dynagrad._core.card import Card, register

from dynagrad._core.graph cimport Node, attach_many, begin_list, begin2, needs, save, settle, thread_state, unpack, wants_grad
from dynagrad._core.iterate cimport cast, contiguous
from dynagrad._core.ops.linalg cimport shape_error
from dynagrad._core.scalars cimport c_name
from dynagrad._core.ops.part cimport zeros
from dynagrad._core.ops.pointwise cimport no_derivative
from dynagrad._core.ops.resample cimport sizes_of
from dynagrad._core.tensor cimport TensorBase, new_tensor
from dynagrad._core.types cimport DType, compute_dtype, compute_of, is_float
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "runtime/grid.hpp" namespace "dg" nogil:
    enum Sampling "dg::Sampling":
        pass
    enum Outside "dg::Outside":
        pass
    struct GridSample:
        DType type
        int rank
        Sampling sampling
        Outside outside
        bint align_corners
        int64_t n, channels, places
        int64_t* size
    void grid_sample(const GridSample& s, const void* source, const void* grid, void* out)
    void grid_sample_backward(const GridSample& s, const void* g, const void* source, const void* grid, void* g_in,
                              void* g_grid)


cdef TensorBase _plain(TensorBase t):
    return contiguous(cast(t, compute_dtype[compute_of[t.dtype]]))


cdef int _describe(GridSample* s, TensorBase input, TensorBase grid, tuple how) except -1:
    cdef int i
    s.type = <DType>compute_dtype[compute_of[input.dtype]]
    s.rank = input.ndim - 2
    s.sampling, s.outside, s.align_corners = <Sampling><int>how[0], <Outside><int>how[1], how[2]
    s.n, s.channels = input.shape[0], input.shape[1]
    s.places = 1
    for i in range(s.rank):
        s.size[i] = input.shape[2 + i]
        s.places *= grid.shape[1 + i]
    return 0


cdef TensorBase _value(TensorBase input, TensorBase grid, tuple how):
    cdef Unlocked unlocked
    cdef GridSample s
    cdef int64_t shape[5]
    cdef int i
    cdef TensorBase made, x = _plain(input), at = _plain(grid)
    _describe(&s, input, grid, how)
    shape[0], shape[1] = s.n, s.channels
    for i in range(s.rank):
        shape[2 + i] = grid.shape[1 + i]
    made = new_tensor(x.dtype, input.ndim, shape)
    if made.numel:
        unlocked.begin()
        with nogil:
            grid_sample(s, x.data, at.data, made.data)
    return cast(made, input.dtype)


cdef tuple _gradients(TensorBase g, TensorBase input, TensorBase grid, tuple how, bint of_input, bint of_grid):
    cdef Unlocked unlocked
    cdef GridSample s
    cdef TensorBase x = _plain(input), at = _plain(grid)
    cdef TensorBase dx = None, dat = None
    cdef void* to_x = NULL
    cdef void* to_grid = NULL
    g = _plain(cast(g, input.dtype))
    _describe(&s, input, grid, how)
    if of_input:
        dx = zeros(x.dtype, x.ndim, x.shape)
        to_x = dx.data
    if of_grid:
        dat = zeros(at.dtype, at.ndim, at.shape)
        to_grid = dat.data
    if g.numel:
        unlocked.begin()
        with nogil:
            grid_sample_backward(s, g.data, x.data, at.data, to_x, to_grid)
    return None if dx is None else cast(dx, input.dtype), None if dat is None else cast(dat, grid.dtype)


cdef class _GridNode(Node):
    _saves = ("input", "grid")
    _keeps = ("interpolation_mode", "padding_mode", "align_corners")

    cdef object vjp(self, TensorBase g):
        cdef TensorBase input = unpack(self, 0), grid = unpack(self, 1)
        cdef Node node = None
        made = _gradients(g, input, grid, self.params, needs(self, 0), needs(self, 1))
        if thread_state.grad_enabled and (wants_grad(g) or wants_grad(input) or wants_grad(grid)):
            node = no_derivative("grid_sampler_2d_backward" if input.ndim == 4 else "grid_sampler_3d_backward")
            begin_list(node, [g, input, grid])
            attach_many(node, [t for t in made if t is not None])
        return made


@cython.final
cdef class GridSampler2DBackward0(_GridNode):
    pass


@cython.final
cdef class GridSampler3DBackward0(_GridNode):
    pass


cdef int _check(TensorBase input, TensorBase grid, int mode) except -1:
    given = f"but got input with sizes {list(sizes_of(input))} and grid with sizes {list(sizes_of(grid))}"
    if input.dtype != grid.dtype:
        raise RuntimeError(f"expected scalar type {c_name(input.dtype)} but found {c_name(grid.dtype)}")
    if not is_float(input.dtype):
        raise NotImplementedError("\"grid_sampler_2d_cpu\" not implemented for integers and bools")
    if not input.ndim or not grid.ndim or input.shape[0] != grid.shape[0]:
        raise shape_error(f"grid_sampler(): expected grid and input to have same batch size, {given}", [input, grid])
    if grid.shape[grid.ndim - 1] != input.ndim - 2:
        raise shape_error(f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension, but got grid with "
                          f"sizes {list(sizes_of(grid))}", [input, grid])
    if 0 in sizes_of(input)[2:]:
        raise shape_error("grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
                          f"{list(sizes_of(input))} with dimension {sizes_of(input).index(0, 2)} being empty", [input])
    if input.ndim not in (4, 5) or input.ndim != grid.ndim:
        raise shape_error(f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, {given}",
                          [input, grid])
    if mode == 2 and input.ndim == 5:
        raise shape_error("grid_sampler(): bicubic interpolation only supports 4D input", [input])
    return 0


def _grid_sampler(TensorBase input not None, TensorBase grid not None, interpolation_mode, padding_mode, align_corners):
    """The pixels of images (N, C, H, W) or volumes at the places of a grid (N, ..., 2 or 3), x first, from -1 to 1.

    interpolation_mode is 0 for linear, 1 for nearest, 2 for cubic; padding_mode 0 for zeros outside, 1 for the border, 2 for
    reflection. Raises RuntimeError where the shapes do not fit.

    >>> import dynagrad
    >>> x = dynagrad.tensor([[[[1., 2.], [3., 4.]]]])
    >>> dynagrad.grid_sampler(x, dynagrad.zeros(1, 1, 1, 2), 0, 0, True)
    tensor([[[[2.5000]]]])
    """
    cdef Node node = None
    cdef TensorBase made
    _check(input, grid, interpolation_mode)
    how = (int(interpolation_mode), int(padding_mode), bool(align_corners))
    if wants_grad(input) or wants_grad(grid):
        node = GridSampler2DBackward0.__new__(GridSampler2DBackward0) if input.ndim == 4 \
            else GridSampler3DBackward0.__new__(GridSampler3DBackward0)
        begin2(node, input, grid)
        save(node, 0, input)
        save(node, 1, grid)
        node.params = how
    made = _value(input, grid, how)
    settle(node, made, input, grid, None, False)
    return made


register(Card("grid_sampler", _grid_sampler, GridSampler2DBackward0, "layer", method=False))
