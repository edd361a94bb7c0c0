// Allocation of tensor and node objects. The one place of the core that knows how CPython allocates.
//
// Note [Objects come from free lists, untracked]
// Cython's own free lists do not serve Python subclasses, and CPython tracks every new object in the cyclic collector,
// which would then walk a graph of a million nodes again and again. Both are settled here, by the tp_alloc and tp_free
// of the types: objects of the base's size are recycled, and none is tracked until a user's object hangs on it.
#pragma once
#include <Python.h>

#include <cstring>

namespace dg {

template <int capacity, int which>
struct FreeList {
    static inline PyObject* objects[capacity];
    static inline int count = 0;
    static inline Py_ssize_t size = 0;

    static PyObject* allocate(PyTypeObject* type, Py_ssize_t) {
        PyObject* o;
        if (type->tp_basicsize == size && count > 0) {
            o = objects[--count];
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
        if (Py_TYPE(o)->tp_basicsize == size && count < capacity) {
            objects[count++] = o;
        } else {
            PyObject_GC_Del(o);
        }
    }

    static void serve(PyTypeObject* type) {
        if (!size) size = type->tp_basicsize;
        type->tp_alloc = allocate;
        type->tp_free = release;
    }
};

using Tensors = FreeList<1024, 0>;
using Nodes = FreeList<4096, 1>;

inline void serve_tensors(PyObject* type) { Tensors::serve(reinterpret_cast<PyTypeObject*>(type)); }
inline void serve_nodes(PyObject* type) { Nodes::serve(reinterpret_cast<PyTypeObject*>(type)); }

// Frees an instance of the public Tensor class, which has neither slots nor a dict, as the native base would: Python's
// own destructor of subclasses looks for both. A heap type's instance owns a reference to the type.
inline destructor native_dealloc = nullptr;

inline void dealloc_tensor(PyObject* o) {
    PyTypeObject* type = Py_TYPE(o);
    native_dealloc(o);
    Py_DECREF(type);
}

inline void dealloc_natively(PyObject* type, PyObject* native) {
    native_dealloc = reinterpret_cast<PyTypeObject*>(native)->tp_dealloc;
    reinterpret_cast<PyTypeObject*>(type)->tp_dealloc = dealloc_tensor;
}

// Note [User attributes live in a dict made when first needed]
// The dict of the attributes that users set on a tensor is a field of the native struct, null at first, which the type
// names as the instances' __dict__. So Python looks attributes and methods up in its ordinary, fastest way.
inline Py_ssize_t attributes_offset = 0;
inline traverseproc native_traverse = nullptr;
inline inquiry native_clear = nullptr;

inline PyObject*& attributes_of(PyObject* o) {
    return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(o) + attributes_offset);
}

inline int traverse_tensor(PyObject* o, visitproc visit, void* arg) {
    Py_VISIT(attributes_of(o));
    return native_traverse(o, visit, arg);
}

inline int clear_tensor(PyObject* o) {
    Py_CLEAR(attributes_of(o));
    return native_clear(o);
}

inline void keep_attributes(PyObject* type, Py_ssize_t offset) {
    auto* t = reinterpret_cast<PyTypeObject*>(type);
    attributes_offset = t->tp_dictoffset = offset;
    native_traverse = t->tp_traverse;
    native_clear = t->tp_clear;
    t->tp_traverse = traverse_tensor;
    t->tp_clear = clear_tensor;
    PyType_Modified(t);
}

}  // namespace dg
