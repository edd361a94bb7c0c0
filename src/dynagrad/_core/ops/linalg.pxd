from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from dynagrad._core.graph cimport Node
from dynagrad._core.tensor cimport TensorBase

cdef TensorBase mm(TensorBase input, TensorBase mat2, object out=*)
cdef TensorBase mv(TensorBase input, TensorBase vec, object out=*)
cdef TensorBase dot(TensorBase input, TensorBase tensor, object out=*)
cdef TensorBase bmm(TensorBase input, TensorBase mat2, object out=*)
cdef TensorBase matmul(TensorBase input, TensorBase other, object out=*)

# Values alone, for derivatives that are not recorded and for `addmm`. `ta` and `tb` ask for the transpose.
cdef TensorBase product(TensorBase a, bint ta, TensorBase b, bint tb)
cdef TensorBase batch_product(TensorBase a, bint ta, TensorBase b, bint tb)
cdef TensorBase matrix_vector(TensorBase a, bint ta, TensorBase x)
cdef TensorBase outer_product(TensorBase x, TensorBase y)
cdef int multiply_into(TensorBase c, TensorBase a, TensorBase b, double alpha, double beta) except -1
cdef int batch_multiply_into(TensorBase c, TensorBase a, TensorBase b, double alpha, double beta) except -1
cdef int matrix_vector_into(TensorBase y, TensorBase a, bint ta, TensorBase x, double alpha, double beta) except -1
cdef TensorBase in_compute_type(TensorBase t)
cdef TensorBase deliver(TensorBase result, int dtype, object out)

# Derivatives of a product of matrices, laid out in memory like the matrix that they belong to.
cdef TensorBase left_gradient(TensorBase g, TensorBase b, bint column_major)
cdef TensorBase right_gradient(TensorBase a, TensorBase g, bint column_major)
cdef int layout_bits(TensorBase a, TensorBase b) noexcept

# Note [Sums of weight gradients]: where a gradient of the target waits in the backward that runs `giver`, or null.
ctypedef PyObject** (*GradientPlace)(Node giver, Node target) noexcept
cdef void use_gradient_place(GradientPlace place) noexcept
cdef bint added_to_weight(Node node, int edge, TensorBase a, TensorBase g) except -1

cdef object shape_error(str text, list tensors)
cpdef TensorBase unsafe_view(TensorBase t, tuple sizes)
cdef int check_dtype(TensorBase t, str name) except -1
cdef int seek_blas() except -1
