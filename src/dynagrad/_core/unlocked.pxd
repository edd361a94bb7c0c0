from dynagrad._core.tensor cimport Storage

cdef extern from "runtime/unlocked.hpp" namespace "dg":
    cppclass Unlocked:      # see Note [Memory outlives the loops that run over it]
        Unlocked() noexcept
        void begin()
    void retire(Storage* storage)
