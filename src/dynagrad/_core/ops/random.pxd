from libc.stdint cimport uint64_t

cdef extern from "kernels/random.hpp" namespace "dg" nogil:
    cppclass Stream "dg::Generator":
        uint64_t seed
        Stream(uint64_t seed) except +
        void manual_seed(uint64_t seed)

cdef class Generator:
    cdef Stream* stream
    cdef object __weakref__

cdef Stream* stream_of(object generator) except NULL    # of the default generator for None
