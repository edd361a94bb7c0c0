// Functions that take some of their keywords by NumPy's names. The vectorcall pointer of each is swapped for one that
// renames what it is given; a call without keywords costs a look into the table more.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>

namespace dg {

constexpr int spelling_count = 10;
inline PyObject* numpy_names[spelling_count];   // interned
inline PyObject* own_names[spelling_count];

struct Spelled {
    PyObject* function;                         // null where the table is free
    vectorcallfunc original;
    unsigned mask;                              // bit i: numpy_names[i] stands for own_names[i]
};

constexpr size_t spelled_size = 1024;           // a power of two, some times the number of functions
inline Spelled spelled[spelled_size];
inline size_t spelled_used = 0;

inline Spelled& spelled_at(PyObject* function) {
    size_t at = ((uintptr_t)function >> 4) * 0x9E3779B97F4A7C15ull >> 54;
    while (spelled[at].function != nullptr && spelled[at].function != function) at = (at + 1) % spelled_size;
    return spelled[at];
}

inline PyObject* own_name(PyObject* name, unsigned mask) {
    for (int i = 0; i < spelling_count; i++) {
        if (!(mask >> i & 1)) continue;
        if (name == numpy_names[i]) return own_names[i];
        if (!PyUnicode_CHECK_INTERNED(name) && PyUnicode_Compare(name, numpy_names[i]) == 0) return own_names[i];
    }
    return name;
}

inline PyObject* call_spelled(PyObject* function, PyObject* const* args, size_t nargsf, PyObject* names) {
    const Spelled& of = spelled_at(function);
    if (names == nullptr) return of.original(function, args, nargsf, names);
    Py_ssize_t n = PyTuple_GET_SIZE(names), i = 0;
    while (i < n && own_name(PyTuple_GET_ITEM(names, i), of.mask) == PyTuple_GET_ITEM(names, i)) i++;
    if (i == n) return of.original(function, args, nargsf, names);
    PyObject* renamed = PyTuple_New(n);
    if (renamed == nullptr) return nullptr;
    for (i = 0; i < n; i++) {
        PyObject* name = own_name(PyTuple_GET_ITEM(names, i), of.mask);
        Py_INCREF(name);
        PyTuple_SET_ITEM(renamed, i, name);
    }
    PyObject* result = of.original(function, args, nargsf, renamed);
    Py_DECREF(renamed);
    return result;
}

// Sums with a product take three positional arguments, and one or two more from before keywords, when their numbers came
// first: those calls go to the Python function that puts them in today's order.
constexpr Py_ssize_t factors_and_input = 3;
inline PyObject* reorder = nullptr;             // called with the function, its positional arguments and its keywords

inline PyObject* call_in_any_order(PyObject* function, PyObject* const* args, size_t nargsf, PyObject* names) {
    Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    if (n <= factors_and_input || n > factors_and_input + 2 || reorder == nullptr)
        return spelled_at(function).original(function, args, nargsf, names);
    PyObject* positional = PyTuple_New(n);
    PyObject* named = positional == nullptr ? nullptr : PyDict_New();
    PyObject* result = nullptr;
    bool ready = named != nullptr;
    for (Py_ssize_t i = 0; ready && i < n; i++) PyTuple_SET_ITEM(positional, i, Py_NewRef(args[i]));
    for (Py_ssize_t i = 0; ready && names != nullptr && i < PyTuple_GET_SIZE(names); i++)
        ready = PyDict_SetItem(named, PyTuple_GET_ITEM(names, i), args[n + i]) == 0;
    if (ready) result = PyObject_CallFunctionObjArgs(reorder, function, positional, named, nullptr);
    Py_XDECREF(named);
    Py_XDECREF(positional);
    return result;
}

// Whether the function is in the table now: it must have a vectorcall pointer, and the table room.
inline bool spell(PyObject* function, unsigned mask, vectorcallfunc call = call_spelled) {
    PyTypeObject* type = Py_TYPE(function);
    if (!(type->tp_flags & Py_TPFLAGS_HAVE_VECTORCALL) || type->tp_vectorcall_offset <= 0) return false;
    vectorcallfunc* at = (vectorcallfunc*)((char*)function + type->tp_vectorcall_offset);
    Spelled& place = spelled_at(function);
    if (*at == nullptr || place.function != nullptr || spelled_used >= spelled_size / 2) return false;
    Py_INCREF(function);
    place = {function, *at, mask};
    spelled_used++;
    *at = call;
    return true;
}

inline bool take_any_order(PyObject* function) { return spell(function, 0, call_in_any_order); }

}  // namespace dg
