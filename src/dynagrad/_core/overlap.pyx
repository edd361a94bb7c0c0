"""Whether what is written shares memory with what is read. That one tensor hits an element twice, `graph.check_inplace` sees."""
import warnings

from libc.stdint cimport int64_t

from dynagrad._core.tensor cimport TensorBase, is_dense
from dynagrad._core.types cimport itemsizes


cdef int check_apart(TensorBase target, TensorBase source) except -1:
    """Refuses an operand that lies in the written-to memory: RuntimeError.

    Of tensors with gaps it is not known which elements meet: as in PyTorch they pass.
    """
    cdef int64_t written, read
    if target.storage != source.storage or target.numel == 0 or source.numel == 0:
        return 0
    if not is_dense(target) or not is_dense(source):
        return 0
    written, read = target.numel * itemsizes[target.dtype], source.numel * itemsizes[source.dtype]
    if target.data < source.data + read and source.data < target.data + written:
        raise RuntimeError("unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
                           "single memory location. Please clone() the tensor before performing the operation.")
    return 0


cdef int warn_if_expanded(TensorBase target, str op) except -1:
    """Warns where `op` writes several times to one element, which PyTorch allows this op, but not for long."""
    cdef int i
    for i in range(target.ndim):
        if target.strides[i] == 0 and target.shape[i] > 1:
            warnings.warn(f"Use of {op} on expanded tensors is deprecated. Please clone() the tensor before performing this "
                          "operation. This also applies to advanced indexing e.g. tensor[indices] = tensor", stacklevel=1)
            return 0
    return 0
