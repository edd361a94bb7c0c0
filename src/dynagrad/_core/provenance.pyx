"""Where in the user's code something happened: the lines of nodes, of in-place writes and of cuts, and variables' names.

A position is a code object and an instruction offset, two words; its line is worked out when somebody asks.
"""
import cython
import os

from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport int32_t
from libc.stdlib cimport calloc

from dynagrad._core.tensor cimport TensorBase, is_tensor

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8(PyObject*)
    void _decref "Py_DECREF"(PyObject*)
    void _incref "Py_INCREF"(PyObject*)

cdef extern from *:
    """
    #define dg_frame() ((PyObject*)PyEval_GetFrame())
    #define dg_frame_code(frame) ((PyObject*)PyFrame_GetCode((PyFrameObject*)(frame)))
    #define dg_frame_back(frame) ((PyObject*)PyFrame_GetBack((PyFrameObject*)(frame)))
    #define dg_frame_position(frame) PyFrame_GetLasti((PyFrameObject*)(frame))
    #define dg_code_line(code, position) PyCode_Addr2Line((PyCodeObject*)(code), position)
    #define dg_code_file(code) (((PyCodeObject*)(code))->co_filename)
    """
    PyObject* running_frame "dg_frame"()                    # borrowed
    PyObject* frame_code "dg_frame_code"(PyObject* frame)   # new
    PyObject* frame_back "dg_frame_back"(PyObject* frame)   # new
    int frame_position "dg_frame_position"(PyObject* frame)
    int code_line "dg_code_line"(PyObject* code, int position)
    PyObject* code_file "dg_code_file"(PyObject* code)      # borrowed

cdef extern from "<cstring>" namespace "std" nogil:
    int strncmp(const char*, const char*, size_t)


cdef bytes _package = (os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep).encode()
cdef const char* _package_path = _package
cdef size_t _package_length = len(_package)
cdef PyObject* _last_user_code = NULL     # owned: spares the comparison of paths in a loop


cdef inline bint _is_user_code(PyObject* code) noexcept:
    global _last_user_code
    if code == _last_user_code:
        return True
    cdef const char* filename = PyUnicode_AsUTF8(code_file(code))
    if filename != NULL and strncmp(filename, _package_path, _package_length) == 0:
        return False
    _incref(code)
    Py_XDECREF(_last_user_code)
    _last_user_code = code
    return True


cdef void capture(PyObject** code, int32_t* position) noexcept:
    """The code object (a new reference, or null) and instruction offset of the innermost frame outside dynagrad."""
    cdef PyObject* frame = running_frame()
    cdef PyObject* back
    code[0] = NULL
    if frame == NULL:
        return
    cdef PyObject* found = frame_code(frame)
    if _is_user_code(found):
        code[0] = found
        position[0] = frame_position(frame)
        return
    _incref(frame)
    while frame != NULL:
        if _is_user_code(found):
            code[0] = found
            position[0] = frame_position(frame)
            _decref(frame)
            return
        _decref(found)
        back = frame_back(frame)
        _decref(frame)
        frame = back
        if frame != NULL:
            found = frame_code(frame)


@cython.final
cdef class Provenance:
    """A position in the user's code: ``filename``, ``lineno``, ``function``, and the ``source`` text of the line."""

    cdef readonly str filename
    cdef readonly int lineno
    cdef readonly str function

    @property
    def source(self):
        import linecache  # which imports tokenize, and that re: a tenth of a second

        return linecache.getline(self.filename, self.lineno).strip()

    def __str__(self):
        text = self.source
        return f'File "{self.filename}", line {self.lineno}, in {self.function}' + (f": {text}" if text else "")

    def __repr__(self):
        return f"Provenance(filename={self.filename!r}, lineno={self.lineno}, function={self.function!r})"

    def __iter__(self):
        return iter((self.filename, self.lineno, self.function))

    def __eq__(self, other):
        return isinstance(other, Provenance) and tuple(self) == tuple(other)

    def __hash__(self):
        return hash(tuple(self))


cdef object provenance_at(PyObject* code, int position):
    """The Provenance of an instruction of a code object, or None for null."""
    if code == NULL:
        return None
    cdef Provenance made = Provenance.__new__(Provenance)
    code_object = <object>code
    made.filename = code_object.co_filename
    made.lineno = code_line(code, position)
    made.function = code_object.co_qualname
    return made


cdef object here():
    """The Provenance of the user's line that is running now, or None when no Python code is."""
    cdef PyObject* code
    cdef int32_t position = 0
    capture(&code, &position)
    found = provenance_at(code, position)
    Py_XDECREF(code)
    return found


cdef str at_this_line():
    """What an error ends with: the user's line that is running, on a line of its own; nothing when no Python code is."""
    where = here()
    return "" if where is None else f"\n  {where}"


cdef str called_here():
    """What PyTorch's errors start with: the function that the user's line is calling, as ``mul(): ``; nothing if unknown."""
    cdef PyObject* code
    cdef int32_t position = 0
    capture(&code, &position)
    if code == NULL:
        return ""
    name = _called(<object>code, position)
    Py_XDECREF(code)
    return f"{name}(): " if name else ""


def _called(code, int position):
    """The name of the function that an instruction calls, read from the source of its expression; None if that is not there."""
    import ast
    import linecache
    from itertools import islice

    first, last, start, end = next(islice(code.co_positions(), position // 2, None), (None,) * 4)
    if first is None or last is None or start is None or end is None:
        return None
    lines = [linecache.getline(code.co_filename, number).encode() for number in range(first, last + 1)]
    lines[len(lines) - 1] = lines[len(lines) - 1][:end]         # columns count bytes
    lines[0] = lines[0][start:]
    try:
        call = ast.parse(b"(" + b"".join(lines) + b")", mode="eval").body
    except (SyntaxError, ValueError):
        return None
    function = call.func if isinstance(call, ast.Call) else None
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)


def current_provenance():
    """The position in the user's code that is running now."""
    return here()


cdef bint _same_elements(TensorBase a, TensorBase b) noexcept:
    """Whether two tensor objects stand for one tensor: a saved tensor may be held as an alias."""
    cdef int i
    if a.counter != b.counter or a.data != b.data or a.dtype != b.dtype or a.ndim != b.ndim:
        return False
    for i in range(a.ndim):
        if a.shape[i] != b.shape[i] or a.strides[i] != b.strides[i]:
            return False
    return True


cdef str name_of(TensorBase t):
    """The variable of the user's frame that holds t, quoted, or '' when there is none."""
    import sys
    frame = sys._getframe()
    while frame is not None and not _is_user_code(<PyObject*>frame.f_code):
        frame = frame.f_back
    if frame is None:
        return ""
    cdef list variables = [*frame.f_locals.items(), *frame.f_globals.items()]
    for name, value in variables:
        if value is t:
            return f"'{name}'"
    for name, value in variables:
        if is_tensor(value) and _same_elements(<TensorBase>value, t):
            return f"'{name}'"
    return ""


# Positions of recent in-place writes; Storage.last_write is a running number into it. Bounded: an older write is
# reported without its line.
cdef enum:
    WRITES = 16384
cdef struct Write:
    PyObject* code
    int32_t position
    unsigned long long number
cdef Write* _writes = NULL
cdef unsigned long long _write_count = 0


cdef void note_write(TensorBase t) noexcept:
    global _writes, _write_count
    if _writes == NULL:
        _writes = <Write*>calloc(WRITES, sizeof(Write))
        if _writes == NULL:
            return
    _write_count += 1
    cdef Write* slot = &_writes[_write_count % WRITES]
    Py_XDECREF(slot.code)
    capture(&slot.code, &slot.position)
    slot.number = _write_count
    t.counter.last_write = _write_count


cdef object last_write_of(TensorBase t):
    """The Provenance of the last in-place write to t's memory, if it is still known."""
    cdef unsigned long long number = t.counter.last_write
    if number == 0 or _writes == NULL or _writes[number % WRITES].number != number:
        return None
    return provenance_at(_writes[number % WRITES].code, _writes[number % WRITES].position)


@cython.final
@cython.freelist(16)
cdef class Cut:
    """Why, and on which line, a result lost the history of its input."""

    def __dealloc__(self):
        Py_XDECREF(self.code)

    @property
    def provenance(self):
        return provenance_at(self.code, self.position)


cdef Cut position_here(str why):
    """The user's line that is running now, not yet looked up."""
    cdef Cut cut = Cut.__new__(Cut)
    cut.why = why
    capture(&cut.code, &cut.position)
    return cut
