from dynagrad._core.graph cimport Node
from dynagrad._core.iterate cimport Loop
from dynagrad._core.kernel_table cimport Params
from dynagrad._core.tensor cimport TensorBase

# What a node of one or two operands saves: input in slot 0, other in slot 1, the result in the slot after.
cdef enum Keep:
    KEEP_NOTHING = 0
    KEEP_INPUT = 1
    KEEP_OTHER = 2
    KEEP_BOTH = 3
    KEEP_RESULT = 4
    ONE_EDGE = 8         # the other operand is a number that has no place among the inputs
    INPUT_FOR_OTHER = 16     # input is kept only if other needs a gradient
    OTHER_FOR_OTHER = 32     # and so is other

cdef TensorBase unary_op(Node node, const Loop* row, object input, object out, bint inplace, int rule, int keep,
                         int cost=*, const Params* params=*)
cdef TensorBase binary_op(Node node, const Loop* row, object input, object other, object out, bint inplace, int rule,
                          int keep, int cost=*, const Params* params=*)
cdef int check_fits(object target, object other) except -1
cdef TensorBase zeros_of(TensorBase t)
cdef object as_number(object value)
cdef object in_dtype(object number, object tensor)
cdef object not_implemented(str op, TensorBase t)
cdef Node no_derivative(str op)
cdef TensorBase unrecorded(object tensor)

cdef TensorBase add(object input, object other, object alpha, object out=*, bint inplace=*)
cdef TensorBase sub(object input, object other, object alpha, object out=*, bint inplace=*)
cdef TensorBase rsub(object input, object other, object alpha)
cdef TensorBase mul(object input, object other, object out=*, bint inplace=*)
cdef TensorBase div(object input, object other, object out=*, bint inplace=*)
cdef TensorBase reciprocal(object input, object out=*, bint inplace=*)
cdef TensorBase floor_divide(object input, object other, object out=*, bint inplace=*)
cdef TensorBase remainder(object input, object other, object out=*, bint inplace=*)
cdef TensorBase neg(object input, object out=*, bint inplace=*)
cdef TensorBase abs_(object input, object out=*, bint inplace=*)
cdef TensorBase sgn(object input, object out=*, bint inplace=*)
cdef bint add_into(TensorBase target, TensorBase other) except -1
