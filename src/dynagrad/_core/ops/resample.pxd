from libc.stdint cimport int64_t

from dynagrad._core.graph cimport Node
from dynagrad._core.tensor cimport TensorBase

cdef extern from "runtime/pool.hpp" namespace "dg" nogil:
    enum AxisKind "dg::AxisKind":
        SAME_AXIS "dg::same_axis"
        WINDOW "dg::window_axis"
        WINDOW_INSIDE "dg::window_inside_axis"
        ADAPTIVE "dg::adaptive_axis"
        UNFOLD "dg::unfold_axis"
        NEAREST "dg::nearest_axis"
        NEAREST_EXACT "dg::nearest_exact_axis"
        LINEAR "dg::linear_axis"
        CUBIC "dg::cubic_axis"
        LINEAR_SMOOTH "dg::linear_smooth_axis"
        CUBIC_SMOOTH "dg::cubic_smooth_axis"
        REFLECT "dg::reflect_axis"
        REPLICATE "dg::replicate_axis"
        CIRCULAR "dg::circular_axis"

# whole: 1 for the transpose; params: (the axes, the divisor, what else is shown). The derivative of a map is its transpose.
cdef class SeparableNode(Node):
    pass

cdef tuple axis(int kind, int64_t size_in, int64_t size_out, int64_t size=*, int64_t stride=*, int64_t before=*,
                int64_t dilation=*, double scale=*, bint align_corners=*)
cdef TensorBase mapped(TensorBase input, tuple axes, double factor, bint transpose, type node_class,
                       bint saves=*, tuple more=*)
cdef int pair(type forward, type backward) except -1
cdef type partner(type node_class)
cdef tuple sizes_of(TensorBase t)
