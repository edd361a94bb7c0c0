// Where calls are intercepted: the vectorcall pointer of a function object, the slots of a type, the functions of an
// attribute. Every pointer is swapped for one that asks first, and swapped back afterwards: nothing remains in between.
#pragma once

#include <Python.h>

#include <cstddef>
#include <unordered_map>
#include <utility>

namespace dg {

enum SlotKind { UNARY, BINARY, TERNARY, COMPARE, ASSIGN };

// What the wrappers report to: (slot, operands, the order of a comparison). Set once by intercept.pyx.
using Report = PyObject* (*)(int slot, PyObject* a, PyObject* b, int order);
inline Report report_slot = nullptr;
using ReportAttribute = PyObject* (*)(int number, PyObject* self, PyObject* value);
inline ReportAttribute report_attribute = nullptr;

inline thread_local int depth = 0;      // of intercepted calls: only the outermost is reported
inline int active = 0;                  // listeners

struct Slot {
    const char* name;                   // of the public method
    const char* reflected;              // of the method for a tensor on the right alone
    SlotKind kind;
    bool number;                        // in tp_as_number, else in the type itself or in tp_as_mapping
    size_t offset;
    void* wrapper;
};

inline void* slot_originals[40];

inline bool silent() { return depth > 0 || active == 0; }

template <int N> PyObject* unary(PyObject* a) {
    if (silent()) return ((unaryfunc)slot_originals[N])(a);
    return report_slot(N, a, nullptr, 0);
}
template <int N> PyObject* binary(PyObject* a, PyObject* b) {
    if (silent()) return ((binaryfunc)slot_originals[N])(a, b);
    return report_slot(N, a, b, 0);
}
template <int N> PyObject* ternary(PyObject* a, PyObject* b, PyObject* mod) {
    if (silent() || mod != Py_None) return ((ternaryfunc)slot_originals[N])(a, b, mod);
    return report_slot(N, a, b, 0);
}
template <int N> PyObject* comparison(PyObject* a, PyObject* b, int order) {
    if (silent()) return ((richcmpfunc)slot_originals[N])(a, b, order);
    return report_slot(N, a, b, order);
}
template <int N> int assignment(PyObject* a, PyObject* key, PyObject* value) {
    if (silent() || value == nullptr) return ((objobjargproc)slot_originals[N])(a, key, value);
    PyObject* pair = PyTuple_Pack(2, key, value);
    if (pair == nullptr) return -1;
    PyObject* done = report_slot(N, a, pair, 0);
    Py_DECREF(pair);
    Py_XDECREF(done);
    return done == nullptr ? -1 : 0;
}

#define DG_BINARY(n, field, name, reflected) \
    {name, reflected, BINARY, true, offsetof(PyNumberMethods, field), (void*)&binary<n>}
#define DG_UNARY(n, field, name) \
    {name, nullptr, UNARY, true, offsetof(PyNumberMethods, field), (void*)&unary<n>}

inline Slot slots[] = {
    DG_BINARY(0, nb_add, "add", "add"),
    DG_BINARY(1, nb_subtract, "sub", "__rsub__"),
    DG_BINARY(2, nb_multiply, "mul", "mul"),
    DG_BINARY(3, nb_remainder, "remainder", "__rmod__"),
    DG_BINARY(4, nb_true_divide, "div", "__rtruediv__"),
    DG_BINARY(5, nb_floor_divide, "floor_divide", "__rfloordiv__"),
    DG_BINARY(6, nb_matrix_multiply, "matmul", "__rmatmul__"),
    DG_BINARY(7, nb_and, "bitwise_and", "bitwise_and"),
    DG_BINARY(8, nb_or, "bitwise_or", "bitwise_or"),
    DG_BINARY(9, nb_xor, "bitwise_xor", "bitwise_xor"),
    DG_BINARY(10, nb_lshift, "bitwise_left_shift", "__rlshift__"),
    DG_BINARY(11, nb_rshift, "bitwise_right_shift", "__rrshift__"),
    DG_BINARY(12, nb_inplace_add, "add_", nullptr),
    DG_BINARY(13, nb_inplace_subtract, "sub_", nullptr),
    DG_BINARY(14, nb_inplace_multiply, "mul_", nullptr),
    DG_BINARY(15, nb_inplace_remainder, "remainder_", nullptr),
    DG_BINARY(16, nb_inplace_true_divide, "div_", nullptr),
    DG_BINARY(17, nb_inplace_floor_divide, "floor_divide_", nullptr),
    DG_BINARY(18, nb_inplace_and, "bitwise_and_", nullptr),
    DG_BINARY(19, nb_inplace_or, "bitwise_or_", nullptr),
    DG_BINARY(20, nb_inplace_xor, "bitwise_xor_", nullptr),
    DG_BINARY(21, nb_inplace_lshift, "bitwise_left_shift_", nullptr),
    DG_BINARY(22, nb_inplace_rshift, "bitwise_right_shift_", nullptr),
    {"pow", "__rpow__", TERNARY, true, offsetof(PyNumberMethods, nb_power), (void*)&ternary<23>},
    {"pow_", nullptr, TERNARY, true, offsetof(PyNumberMethods, nb_inplace_power), (void*)&ternary<24>},
    DG_UNARY(25, nb_negative, "neg"),
    DG_UNARY(26, nb_absolute, "abs"),
    DG_UNARY(27, nb_invert, "bitwise_not"),
    {"", nullptr, COMPARE, false, offsetof(PyTypeObject, tp_richcompare), (void*)&comparison<28>},
    {"__getitem__", nullptr, BINARY, false, offsetof(PyMappingMethods, mp_subscript), (void*)&binary<29>},
    {"__setitem__", nullptr, ASSIGN, false, offsetof(PyMappingMethods, mp_ass_subscript), (void*)&assignment<30>},
    {"__iter__", nullptr, UNARY, false, offsetof(PyTypeObject, tp_iter), (void*)&unary<31>},
};
constexpr int slot_count = sizeof(slots) / sizeof(Slot);
constexpr int first_mapping = 29, last_mapping = 30;

// The address of slot n in a type; null where the type has no such table.
inline void** slot_of(PyTypeObject* type, int n) {
    char* table = (char*)type;
    if (slots[n].number) table = (char*)type->tp_as_number;
    else if (n >= first_mapping && n <= last_mapping) table = (char*)type->tp_as_mapping;
    return table == nullptr ? nullptr : (void**)(table + slots[n].offset);
}

// Learns the functions of the native class.
inline void learn_slots(PyObject* native) {
    for (int n = 0; n < slot_count; n++) {
        void** at = slot_of((PyTypeObject*)native, n);
        if (at != nullptr && *at != slots[n].wrapper) slot_originals[n] = *at;
    }
}

inline void wrap_type(PyObject* type, bool on) {
    for (int n = 0; n < slot_count; n++) {
        void** at = slot_of((PyTypeObject*)type, n);
        if (at == nullptr || slot_originals[n] == nullptr) continue;
        if (on && *at == slot_originals[n]) *at = slots[n].wrapper;
        else if (!on && *at == slots[n].wrapper) *at = slot_originals[n];
    }
}

// `Tensor.__getitem__` and its like, which hold a copy of the slot; `Tensor.__add__` and its like are methods around it.
inline void wrap_descriptor(PyObject* descriptor, bool on) {
    if (Py_TYPE(descriptor) == &PyMethodDescr_Type) {
        PyCFunction& held = ((PyMethodDescrObject*)descriptor)->d_method->ml_meth;
        for (int n = 0; n < slot_count; n++) {
            if (slots[n].kind != BINARY || slot_originals[n] == nullptr) continue;
            if (on && (void*)held == slot_originals[n]) held = (PyCFunction)slots[n].wrapper;
            else if (!on && (void*)held == slots[n].wrapper) held = (PyCFunction)slot_originals[n];
        }
    } else if (Py_TYPE(descriptor) == &PyWrapperDescr_Type) {
        void*& held = ((PyWrapperDescrObject*)descriptor)->d_wrapped;
        for (int n = 0; n < slot_count; n++) {
            if (on && slot_originals[n] != nullptr && held == slot_originals[n]) held = slots[n].wrapper;
            else if (!on && held == slots[n].wrapper) held = slot_originals[n];
        }
    }
}

inline PyObject* run_slot(int n, PyObject* a, PyObject* b, int order) {
    void* f = slot_originals[n];
    switch (slots[n].kind) {
        case UNARY: return ((unaryfunc)f)(a);
        case BINARY: return ((binaryfunc)f)(a, b);
        case TERNARY: return ((ternaryfunc)f)(a, b, Py_None);
        case COMPARE: return ((richcmpfunc)f)(a, b, order);
        case ASSIGN: break;
    }
    if (((objobjargproc)f)(a, PyTuple_GET_ITEM(b, 0), PyTuple_GET_ITEM(b, 1)) < 0) return nullptr;
    Py_RETURN_NONE;
}

inline const char* slot_name(int n) { return slots[n].name; }
inline const char* slot_reflected(int n) { return slots[n].reflected; }

// ---- functions ----------------------------------------------------------------------------------------------------------

inline std::unordered_map<PyObject*, vectorcallfunc> originals;

inline vectorcallfunc* vectorcall_of(PyObject* function) {
    PyTypeObject* type = Py_TYPE(function);
    if (!(type->tp_flags & Py_TPFLAGS_HAVE_VECTORCALL) || type->tp_vectorcall_offset <= 0) return nullptr;
    return (vectorcallfunc*)((char*)function + type->tp_vectorcall_offset);
}

inline bool wrap_function(PyObject* function, vectorcallfunc trampoline) {
    vectorcallfunc* at = vectorcall_of(function);
    if (at == nullptr || PyFunction_Check(function)) return false;
    if (*at != trampoline) {
        Py_INCREF(function);
        originals[function] = *at;
        *at = trampoline;
    }
    return true;
}

inline void unwrap_functions(vectorcallfunc trampoline) {
    auto taken = std::move(originals);
    originals.clear();
    for (auto& [function, original] : taken) {
        vectorcallfunc* at = vectorcall_of(function);
        if (*at == trampoline || *at == nullptr) *at = original;
        Py_DECREF(function);
    }
}

// Runs the function as it is. One that takes its arguments as a tuple has no pointer of its own, and must not find ours.
inline PyObject* run_function(PyObject* function, PyObject* const* args, size_t nargsf, PyObject* names,
                              vectorcallfunc trampoline) {
    auto found = originals.find(function);
    if (found != originals.end() && found->second != nullptr) return found->second(function, args, nargsf, names);
    vectorcallfunc* at = vectorcall_of(function);
    bool ours = *at == trampoline;
    if (ours) *at = nullptr;
    PyObject* result = PyObject_Vectorcall(function, args, nargsf & ~PY_VECTORCALL_ARGUMENTS_OFFSET, names);
    if (ours && active > 0 && originals.count(function)) *at = trampoline;
    return result;
}

// ---- attributes ---------------------------------------------------------------------------------------------------------

struct Attribute {
    PyGetSetDef* definition = nullptr;
    getter get = nullptr;
    setter set = nullptr;
};
inline Attribute attributes[8];
inline int attribute_count = 0;

template <int N> PyObject* get_attribute(PyObject* self, void* closure) {
    if (silent()) return attributes[N].get(self, closure);
    return report_attribute(N, self, nullptr);
}
template <int N> int set_attribute(PyObject* self, PyObject* value, void* closure) {
    if (silent() || value == nullptr) return attributes[N].set(self, value, closure);
    PyObject* done = report_attribute(N, self, value);
    Py_XDECREF(done);
    return done == nullptr ? -1 : 0;
}

inline constexpr getter getters[8] = {get_attribute<0>, get_attribute<1>, get_attribute<2>, get_attribute<3>,
                                      get_attribute<4>, get_attribute<5>, get_attribute<6>, get_attribute<7>};
inline constexpr setter setters[8] = {set_attribute<0>, set_attribute<1>, set_attribute<2>, set_attribute<3>,
                                      set_attribute<4>, set_attribute<5>, set_attribute<6>, set_attribute<7>};

// Adds an attribute to those that are swapped; returns its number.
inline int learn_attribute(PyObject* descriptor) {
    if (Py_TYPE(descriptor) != &PyGetSetDescr_Type || attribute_count == 8) return -1;
    PyGetSetDef* definition = ((PyGetSetDescrObject*)descriptor)->d_getset;
    attributes[attribute_count] = {definition, definition->get, definition->set};
    return attribute_count++;
}

inline void wrap_attribute(int n, bool on, bool reads, bool writes) {
    Attribute& each = attributes[n];
    if (reads) each.definition->get = on ? getters[n] : each.get;
    if (writes) each.definition->set = on ? setters[n] : each.set;
}

inline PyObject* run_attribute(int n, PyObject* self, PyObject* value) {
    Attribute& each = attributes[n];
    if (value == nullptr) return each.get(self, each.definition->closure);
    if (each.set(self, value, each.definition->closure) < 0) return nullptr;
    Py_RETURN_NONE;
}

}  // namespace dg
