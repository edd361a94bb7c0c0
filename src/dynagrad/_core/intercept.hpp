// Where calls are intercepted: the vectorcall pointer of a function object, the slots of a type, the functions of an
// attribute. Every pointer is swapped for one that asks first, and swapped back afterwards: nothing remains in between.
#pragma once

#include <Python.h>

#include <array>
#include <cstddef>
#include <unordered_map>
#include <utility>

namespace dg {

enum SlotKind { UNARY, BINARY, TERNARY, COMPARE, ASSIGN, TRUTH, LENGTH, CONTAINS };
enum Table { TYPE, NUMBER, MAPPING, SEQUENCE };     // where a slot is

// What the wrappers report to: (slot, operands, the order of a comparison). Set once by intercept.pyx.
using Report = PyObject* (*)(int slot, PyObject* a, PyObject* b, int order);
inline Report report_slot = nullptr;
using ReportAttribute = PyObject* (*)(int number, PyObject* self, PyObject* value);
inline ReportAttribute report_attribute = nullptr;

inline thread_local int depth = 0;      // of intercepted calls: only the outermost is reported
inline int active = 0;                  // listeners
inline int attentive = 0;               // those of them that hear of questions as well: of calls that compute no tensor

struct Slot {
    const char* name;                   // of the public method
    const char* reflected;              // of the method for a tensor on the right alone
    SlotKind kind;
    Table table;
    size_t offset;
    void* wrapper;
    bool question = false;
};

inline void* slot_originals[48];

inline bool silent() { return depth > 0 || active == 0; }
inline bool unasked() { return depth > 0 || attentive == 0; }

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

template <int N> PyObject* number(PyObject* a) {
    if (unasked()) return ((unaryfunc)slot_originals[N])(a);
    return report_slot(N, a, nullptr, 0);
}

// A Python object as a C result, of which it is a reference less; -1 for an error.
inline int truth_of(PyObject* answer) {
    int truth = answer == nullptr ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return truth;
}
template <int N> int truth(PyObject* a) {
    return unasked() ? ((inquiry)slot_originals[N])(a) : truth_of(report_slot(N, a, nullptr, 0));
}
template <int N> int contains(PyObject* a, PyObject* b) {
    return unasked() ? ((objobjproc)slot_originals[N])(a, b) : truth_of(report_slot(N, a, b, 0));
}
template <int N> Py_ssize_t length(PyObject* a) {
    if (unasked()) return ((lenfunc)slot_originals[N])(a);
    PyObject* answer = report_slot(N, a, nullptr, 0);
    Py_ssize_t size = answer == nullptr ? -1 : PyNumber_AsSsize_t(answer, PyExc_OverflowError);
    Py_XDECREF(answer);
    return size;
}

#define DG_BINARY(n, field, name, reflected) \
    {name, reflected, BINARY, NUMBER, offsetof(PyNumberMethods, field), (void*)&binary<n>}
#define DG_UNARY(n, field, name) \
    {name, nullptr, UNARY, NUMBER, offsetof(PyNumberMethods, field), (void*)&unary<n>}
#define DG_NUMBER(n, field, name) \
    {name, nullptr, UNARY, NUMBER, offsetof(PyNumberMethods, field), (void*)&number<n>, true}

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
    {"pow", "__rpow__", TERNARY, NUMBER, offsetof(PyNumberMethods, nb_power), (void*)&ternary<23>},
    {"pow_", nullptr, TERNARY, NUMBER, offsetof(PyNumberMethods, nb_inplace_power), (void*)&ternary<24>},
    DG_UNARY(25, nb_negative, "neg"),
    DG_UNARY(26, nb_absolute, "abs"),
    DG_UNARY(27, nb_invert, "bitwise_not"),
    {"", nullptr, COMPARE, TYPE, offsetof(PyTypeObject, tp_richcompare), (void*)&comparison<28>},
    {"__getitem__", nullptr, BINARY, MAPPING, offsetof(PyMappingMethods, mp_subscript), (void*)&binary<29>},
    {"__setitem__", nullptr, ASSIGN, MAPPING, offsetof(PyMappingMethods, mp_ass_subscript), (void*)&assignment<30>},
    {"__iter__", nullptr, UNARY, TYPE, offsetof(PyTypeObject, tp_iter), (void*)&unary<31>},
    {"__bool__", nullptr, TRUTH, NUMBER, offsetof(PyNumberMethods, nb_bool), (void*)&truth<32>, true},
    DG_NUMBER(33, nb_float, "__float__"),
    DG_NUMBER(34, nb_int, "__int__"),
    DG_NUMBER(35, nb_index, "__index__"),
    {"__len__", nullptr, LENGTH, SEQUENCE, offsetof(PySequenceMethods, sq_length), (void*)&length<36>, true},
    {"__len__", nullptr, LENGTH, MAPPING, offsetof(PyMappingMethods, mp_length), (void*)&length<37>, true},
    {"__contains__", nullptr, CONTAINS, SEQUENCE, offsetof(PySequenceMethods, sq_contains), (void*)&contains<38>, true},
};
constexpr int slot_count = sizeof(slots) / sizeof(Slot);

// The address of slot n in a type; null where the type has no such table.
inline void** slot_of(PyTypeObject* type, int n) {
    char* table = nullptr;
    switch (slots[n].table) {
        case TYPE: table = (char*)type; break;
        case NUMBER: table = (char*)type->tp_as_number; break;
        case MAPPING: table = (char*)type->tp_as_mapping; break;
        case SEQUENCE: table = (char*)type->tp_as_sequence; break;
    }
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

inline PyObject* bool_of(int truth) { return truth < 0 ? nullptr : PyBool_FromLong(truth); }

inline PyObject* run_slot(int n, PyObject* a, PyObject* b, int order) {
    void* f = slot_originals[n];
    switch (slots[n].kind) {
        case UNARY: return ((unaryfunc)f)(a);
        case BINARY: return ((binaryfunc)f)(a, b);
        case TERNARY: return ((ternaryfunc)f)(a, b, Py_None);
        case COMPARE: return ((richcmpfunc)f)(a, b, order);
        case TRUTH: return bool_of(((inquiry)f)(a));
        case CONTAINS: return bool_of(((objobjproc)f)(a, b));
        case LENGTH: {
            Py_ssize_t size = ((lenfunc)f)(a);
            return size < 0 ? nullptr : PyLong_FromSsize_t(size);
        }
        case ASSIGN: break;
    }
    if (((objobjargproc)f)(a, PyTuple_GET_ITEM(b, 0), PyTuple_GET_ITEM(b, 1)) < 0) return nullptr;
    Py_RETURN_NONE;
}

inline const char* slot_name(int n) { return slots[n].name; }
inline const char* slot_reflected(int n) { return slots[n].reflected; }
inline bool slot_question(int n) { return slots[n].question; }
// Whether a slot is of an operator, whose other operand Python asks where it gets NotImplemented.
inline bool slot_operator(int n) { return n <= 28 && slots[n].kind != UNARY; }

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

inline void unwrap_function(PyObject* function, vectorcallfunc trampoline) {
    auto found = originals.find(function);
    if (found == originals.end()) return;
    vectorcallfunc* at = vectorcall_of(function);
    if (*at == trampoline || *at == nullptr) *at = found->second;
    originals.erase(found);
    Py_DECREF(function);
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
constexpr int most_attributes = 64;
inline Attribute attributes[most_attributes];
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

struct Accessors {
    std::array<getter, most_attributes> get;
    std::array<setter, most_attributes> set;
};
template <size_t... N> constexpr Accessors accessors_of(std::index_sequence<N...>) {
    return {{get_attribute<N>...}, {set_attribute<N>...}};
}
inline constexpr Accessors accessors = accessors_of(std::make_index_sequence<most_attributes>());

// Adds an attribute to those that are swapped; returns its number.
inline int learn_attribute(PyObject* descriptor) {
    if (Py_TYPE(descriptor) != &PyGetSetDescr_Type || attribute_count == most_attributes) return -1;
    PyGetSetDef* definition = ((PyGetSetDescrObject*)descriptor)->d_getset;
    attributes[attribute_count] = {definition, definition->get, definition->set};
    return attribute_count++;
}

inline void wrap_attribute(int n, bool on, bool reads, bool writes) {
    Attribute& each = attributes[n];
    if (reads) each.definition->get = on ? accessors.get[n] : each.get;
    if (writes) each.definition->set = on ? accessors.set[n] : each.set;
}

inline PyObject* run_attribute(int n, PyObject* self, PyObject* value) {
    Attribute& each = attributes[n];
    if (value == nullptr) return each.get(self, each.definition->closure);
    if (each.set(self, value, each.definition->closure) < 0) return nullptr;
    Py_RETURN_NONE;
}

}  // namespace dg
