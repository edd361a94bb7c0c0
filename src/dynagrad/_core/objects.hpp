// Allocation of tensor and node objects. The one place of the core that knows how CPython allocates.
//
// Note [Objects come from slabs, untracked]
// Cython's own free lists do not serve Python subclasses; CPython tracks every new object in the cyclic collector, which
// would then walk a graph of a million nodes again and again; and its allocator maps a long graph in pages of 4 KB, of
// which each costs a fault. All three are settled here, by the tp_alloc and tp_free of the types: objects of the base's
// size come from slabs of 2 MB, in huge pages where the system grants them, and none is tracked until a user's object
// hangs on it. Recently freed objects wait in a short list; a slab that is empty goes back to the system, but for a few.
#pragma once
#include <Python.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>

namespace dg {

#ifdef Py_GIL_DISABLED
#error "objects are allocated under the GIL"
#endif

template <int which>
class Objects {
    static constexpr size_t kSlabBytes = size_t(1) << 21;
    static constexpr size_t kGcHead = 2 * sizeof(void*);     // what the collector keeps before an object
    static constexpr int kRecent = 4096;
    static constexpr int kEmptySlabs = 8;

    struct Slab {                       // at the start of its memory, which is aligned to its size
        Slab *next, *previous;          // among the slabs with room
        void* freed;                    // freed cells, each pointing to the next
        uint32_t used, fresh, cells;    // cells in use, cells ever used, cells in all
        bool listed;
    };

    static inline void* recent_[kRecent];
    static inline int n_recent_ = 0;
    static inline Slab* with_room_ = nullptr;
    static inline int n_empty_ = 0, n_slabs_ = 0;
    static inline size_t size_ = 0, cell_ = 0;

    static void list(Slab* s) {
        s->listed = true;
        s->previous = nullptr;
        s->next = with_room_;
        if (with_room_) with_room_->previous = s;
        with_room_ = s;
    }

    static void unlist(Slab* s) {
        s->listed = false;
        (s->previous ? s->previous->next : with_room_) = s->next;
        if (s->next) s->next->previous = s->previous;
    }

    static Slab* new_slab() {
        char* block = static_cast<char*>(
            mmap(nullptr, 2 * kSlabBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (block == MAP_FAILED) return nullptr;
        char* start = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(block) + kSlabBytes - 1) & ~(kSlabBytes - 1));
        if (start > block) munmap(block, size_t(start - block));
        if (start < block + kSlabBytes) munmap(start + kSlabBytes, size_t(block + kSlabBytes - start));
#ifdef MADV_HUGEPAGE
        if (n_slabs_ > 0) madvise(start, kSlabBytes, MADV_HUGEPAGE);    // the first serves small programs: small pages
#endif
        ++n_slabs_;
        auto* s = reinterpret_cast<Slab*>(start);
        *s = Slab{nullptr, nullptr, nullptr, 0, 0, uint32_t((kSlabBytes - sizeof(Slab)) / cell_), false};
        list(s);
        return s;
    }

    static void* take() {
        Slab* s = with_room_ ? with_room_ : new_slab();
        if (!s) return nullptr;
        char* cell;
        n_empty_ -= s->used == 0 && s->freed;       // it was counted when its last cell came back
        if (s->freed) {
            cell = static_cast<char*>(s->freed);
            s->freed = *static_cast<void**>(s->freed);
        } else {
            cell = reinterpret_cast<char*>(s) + sizeof(Slab) + s->fresh++ * cell_;
        }
        if (++s->used == s->cells) unlist(s);
        return cell;
    }

    static void give_back(void* cell) {
        auto* s = reinterpret_cast<Slab*>(reinterpret_cast<uintptr_t>(cell) & ~(kSlabBytes - 1));
        *static_cast<void**>(cell) = s->freed;
        s->freed = cell;
        if (!s->listed) list(s);
        if (--s->used > 0) return;
        if (n_empty_ < kEmptySlabs) {
            ++n_empty_;
            return;
        }
        unlist(s);
        --n_slabs_;
        munmap(s, kSlabBytes);
    }

    static PyObject* allocate(PyTypeObject* type, Py_ssize_t) {
        PyObject* o;
        if (size_t(type->tp_basicsize) == size_) {
            void* cell = n_recent_ > 0 ? recent_[--n_recent_] : take();
            if (!cell) return PyErr_NoMemory();
            std::memset(cell, 0, kGcHead);
            o = reinterpret_cast<PyObject*>(static_cast<char*>(cell) + kGcHead);
            (void)PyObject_Init(o, type);
        } else {
            o = PyObject_GC_New(PyObject, type);
            if (!o) return nullptr;
        }
        std::memset(reinterpret_cast<char*>(o) + sizeof(PyObject), 0, size_t(type->tp_basicsize) - sizeof(PyObject));
        return o;
    }

    static void release(void* p) {
        auto* o = static_cast<PyObject*>(p);
        if (size_t(Py_TYPE(o)->tp_basicsize) != size_) {
            PyObject_GC_Del(o);
            return;
        }
        if (PyObject_GC_IsTracked(o)) PyObject_GC_UnTrack(o);
        void* cell = static_cast<char*>(p) - kGcHead;
        if (n_recent_ < kRecent) {
            recent_[n_recent_++] = cell;
        } else {
            give_back(cell);
        }
    }

  public:
    static void serve(PyTypeObject* type) {
        if (!size_) {
            size_ = size_t(type->tp_basicsize);
            cell_ = (kGcHead + size_ + 15) & ~size_t(15);
        }
        type->tp_alloc = allocate;
        type->tp_free = release;
    }
};

using Tensors = Objects<0>;
using Nodes = Objects<1>;
using Contexts = Objects<2>;        // the nodes of custom Functions, which have fields of their own

inline void serve_tensors(PyObject* type) { Tensors::serve(reinterpret_cast<PyTypeObject*>(type)); }
inline void serve_nodes(PyObject* type) { Nodes::serve(reinterpret_cast<PyTypeObject*>(type)); }
inline void serve_contexts(PyObject* type) { Contexts::serve(reinterpret_cast<PyTypeObject*>(type)); }

// Frees an instance of a Python class that adds no fields to its native base, as the base would: Python's own destructor of
// subclasses looks for slots and a dict. A heap type's instance owns a reference to the type. Each module that includes this
// has one such base.
static destructor native_dealloc = nullptr;

inline void dealloc_subclass(PyObject* o) {
    PyTypeObject* type = Py_TYPE(o);
    native_dealloc(o);
    Py_DECREF(type);
}

inline void dealloc_natively(PyObject* type, PyObject* native) {
    native_dealloc = reinterpret_cast<PyTypeObject*>(native)->tp_dealloc;
    reinterpret_cast<PyTypeObject*>(type)->tp_dealloc = dealloc_subclass;
}

// Note [User attributes live in a dict made when first needed]
// The dict of the attributes that users set on a tensor, or on the ctx of a custom Function, is a field of the native
// struct, null at first, which the type names as the instances' __dict__. So Python looks attributes and methods up in its
// ordinary, fastest way.
static Py_ssize_t attributes_offset = 0;
static traverseproc native_traverse = nullptr;
static inquiry native_clear = nullptr;

inline PyObject*& attributes_of(PyObject* o) {
    return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(o) + attributes_offset);
}

inline int traverse_attributes(PyObject* o, visitproc visit, void* arg) {
    Py_VISIT(attributes_of(o));
    return native_traverse(o, visit, arg);
}

inline int clear_attributes(PyObject* o) {
    Py_CLEAR(attributes_of(o));
    return native_clear(o);
}

inline void keep_attributes(PyObject* type, Py_ssize_t offset) {
    auto* t = reinterpret_cast<PyTypeObject*>(type);
    attributes_offset = t->tp_dictoffset = offset;
    native_traverse = t->tp_traverse;
    native_clear = t->tp_clear;
    t->tp_traverse = traverse_attributes;
    t->tp_clear = clear_attributes;
    PyType_Modified(t);
}

// Looks attributes up in the instance and its classes alone, without the `__getattr__` that a base has.
inline void look_up_plainly(PyObject* type) {
    reinterpret_cast<PyTypeObject*>(type)->tp_getattro = PyObject_GenericGetAttr;
    PyType_Modified(reinterpret_cast<PyTypeObject*>(type));
}

// Lets instances be called by the function that they keep at `offset`, without a tuple of the arguments.
inline void call_by_vector(PyObject* type, Py_ssize_t offset) {
    auto* t = reinterpret_cast<PyTypeObject*>(type);
    t->tp_vectorcall_offset = offset;
    t->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
    PyType_Modified(t);
}

// Names the type as the errors of wrongly typed arguments do.
inline void name_type(PyObject* type, const char* name) { reinterpret_cast<PyTypeObject*>(type)->tp_name = name; }

}  // namespace dg
