from libc.stdint cimport int64_t, uint8_t

from dynagrad._core.types cimport DType

cdef extern from "kernels/index.hpp" namespace "dg" nogil:
    struct IndexOperand:
        const int64_t* data
        const int64_t* strides
        int64_t extent
        int64_t step
    struct IndexedWalk:
        int ndim
        const int64_t* shape
        char* plain
        const int64_t* plain_strides
        char* indexed
        const int64_t* indexed_strides
        int n_indices
        const IndexOperand* indices
    enum IndexOp "dg::IndexOp":
        GET "dg::IndexOp::get"
        PUT "dg::IndexOp::put"
        ADD "dg::IndexOp::add"
        MUL "dg::IndexOp::mul"
        AMAX "dg::IndexOp::amax"
        AMIN "dg::IndexOp::amin"
    void indexed_walk(const IndexedWalk& walk, IndexOp op, DType dtype)
    int64_t first_out_of_range(const int64_t* indices, int64_t n, int64_t extent, bint wrap)
    int64_t count_true(int ndim, const int64_t* shape, const uint8_t* mask, const int64_t* mask_strides)
    void nonzero(int ndim, const int64_t* shape, const uint8_t* mask, const int64_t* mask_strides, int64_t* out,
                 int64_t column)
    void masked_select(int ndim, const int64_t* shape, const uint8_t* mask, const int64_t* mask_strides, const char* data,
                       const int64_t* strides, char* out, int itemsize)
    void masked_scatter(int ndim, const int64_t* shape, const uint8_t* mask, const int64_t* mask_strides, char* out,
                        const int64_t* out_strides, const char* data, int itemsize)
    void bincount(const int64_t* values, int64_t n, int64_t* out)
    void bincount_weighted "dg::bincount"(const int64_t* values, int64_t n, const double* weights, double* out)
    void repeat_positions(const int64_t* repeats, int64_t n, int64_t* out)
