"""dtypes, devices, and the table of type promotion.

Values of these types live in `tensor`; the promotion of whole operand lists (0-d tensors, Python numbers) in `iterate`.
"""
import cython
from cpython.bool cimport PyBool_Check
from cpython.float cimport PyFloat_Check
from cpython.long cimport PyLong_Check


cdef enum:
    NO_TENSORS = -1                                     # the code of a dtype of which there are no tensors


@cython.final
cdef class dtype:
    """The type of a tensor's elements, such as ``dynagrad.float32``."""

    def __init__(self, *_):
        raise TypeError("dtypes are fixed; use dynagrad.float32 and its siblings")

    @property
    def is_complex(self):
        return self.name in _REAL_OF

    @property
    def is_signed(self):
        return self.name != "bool" and not self.name.startswith("uint") and self.name != "float8_e8m0fnu"

    def to_real(self):
        """The dtype of the real and imaginary parts; the dtype itself unless it is complex."""
        return _dtype_named(_REAL_OF.get(self.name, self.name))

    def to_complex(self):
        """The complex dtype whose parts have this one. RuntimeError for dtypes that are no parts of complex numbers."""
        if self.name in _REAL_OF:
            return self
        name = {"float16": "complex32", "bfloat16": "complex64", "float32": "complex64", "float64": "complex128"}.get(self.name)
        if name is None:
            raise RuntimeError(f"Unknown Complex ScalarType for {type_name(self)}")
        return _dtype_named(name)

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return _dtype_named, (self.name,)

    def __hash__(self):
        return hash(self.name)

    def __eq__(self, other):
        return self is other


cdef dtype _make_dtype(int code, str name):
    cdef dtype made = dtype.__new__(dtype)
    made.code = code
    made.name = name
    made.itemsize = itemsizes[code]
    made.is_floating_point = is_float(code)
    return made


cdef list dtype_objects = [
    _make_dtype(code, name) for code, name in enumerate(
        ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"])
]
# What PyTorch calls them in the names of old tensor classes, such as FloatTensor, and in many of its errors; by code.
TYPE_NAMES = ("Bool", "Byte", "Char", "Short", "Int", "Long", "Half", "BFloat16", "Float", "Double")
# What they are in C++, which other errors name.
C_NAMES = ("bool", "unsigned char", "signed char", "short int", "int", "long int", "c10::Half", "c10::BFloat16", "float",
           "double")
BY_NAME = {(<dtype>each).name: each for each in dtype_objects}
cdef int default_dtype = F32


cdef dtype _name_dtype(str name, int itemsize, bint floating):
    cdef dtype made = dtype.__new__(dtype)
    made.code = NO_TENSORS
    made.name = name
    made.itemsize = itemsize
    made.is_floating_point = floating
    return made


# dtypes that programs mention, in tables and comparisons, and of which there are no tensors here.
NAMED_ONLY = {name: _name_dtype(name, itemsize, name.startswith("float")) for name, itemsize in (
    ("complex32", 4), ("complex64", 8), ("complex128", 16), ("uint16", 2), ("uint32", 4), ("uint64", 8),
    ("float8_e4m3fn", 1), ("float8_e4m3fnuz", 1), ("float8_e5m2", 1), ("float8_e5m2fnuz", 1), ("float8_e8m0fnu", 1))}
_REAL_OF = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}


def _dtype_named(str name):
    return BY_NAME[name] if name in BY_NAME else NAMED_ONLY[name]


cpdef str type_name(dtype given):
    """PyTorch's other name of a dtype, which its errors use.

    >>> import dynagrad
    >>> from dynagrad._core.types import type_name
    >>> type_name(dynagrad.int64)
    'Long'
    """
    return given.name.capitalize().replace("Uint", "UInt") if given.code == NO_TENSORS else TYPE_NAMES[given.code]


def c_type_name(dtype given):
    """What a dtype that tensors have is in C++, as other errors of PyTorch's name it.

    >>> import dynagrad
    >>> from dynagrad._core.types import c_type_name
    >>> c_type_name(dynagrad.int64)
    'long int'
    """
    return C_NAMES[given.code]


cdef dtype dtype_object(int code):
    return <dtype>dtype_objects[code]


cdef int dtype_code(object given) except -1:
    if type(given) is dtype:
        if (<dtype>given).code == NO_TENSORS:
            raise TypeError(f"dynagrad has no {'complex ' if given.is_complex else ''}tensors of {given} yet")
        return (<dtype>given).code
    if given is float:
        return F64
    if given is int:
        return I64
    if given is bool:
        return BOOL
    if given is complex:
        raise TypeError("dynagrad has no complex tensors yet; use float32 or float64 for the real and imaginary parts")
    raise TypeError(f"expected a dtype such as dynagrad.float32, but got {type(given).__name__}")


cdef bint is_number(object value) noexcept:
    """Whether an operand is a scalar: a Python number, or a NumPy one (which registers as none of them)."""
    if PyFloat_Check(value) or PyLong_Check(value):
        return True
    if isinstance(value, complex):
        return True
    return _is_numpy_scalar(value)


cdef bint _is_numpy_scalar(object value) noexcept:
    import sys
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic)


cdef int scalar_dtype(object number) except -1:
    """The dtype of a Python number as an operand: bool, int64, or the default floating type."""
    if PyBool_Check(number):
        return BOOL
    if PyFloat_Check(number):
        return default_dtype
    if PyLong_Check(number):
        return I64
    if isinstance(number, complex):
        raise TypeError("dynagrad has no complex tensors yet, but a complex number was given")
    kind = getattr(getattr(number, "dtype", None), "kind", "")
    if kind == "f":
        return default_dtype
    if kind in ("i", "u"):
        return I64
    if kind == "b":
        return BOOL
    raise TypeError(f"expected a number, but got {type(number).__name__}")


cdef extern from * nogil:
    """
    // Rows and columns in the order of DType. Unsigned and signed bytes meet in int16, the two half types in float32.
    static const unsigned char dg_promote[10][10] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 1, 3, 3, 4, 5, 6, 7, 8, 9}, {2, 3, 2, 3, 4, 5, 6, 7, 8, 9},
        {3, 3, 3, 3, 4, 5, 6, 7, 8, 9}, {4, 4, 4, 4, 4, 5, 6, 7, 8, 9}, {5, 5, 5, 5, 5, 5, 6, 7, 8, 9},
        {6, 6, 6, 6, 6, 6, 6, 8, 8, 9}, {7, 7, 7, 7, 7, 7, 8, 7, 8, 9}, {8, 8, 8, 8, 8, 8, 8, 8, 8, 9},
        {9, 9, 9, 9, 9, 9, 9, 9, 9, 9}};
    static inline int dg_promote_types(int a, int b) { return dg_promote[a][b]; }
    """
    int dg_promote_types(int a, int b)


cdef int promote_types_code(int a, int b) noexcept nogil:
    return dg_promote_types(a, b)


def promote_types(type1, type2):
    """The smallest dtype that holds the values of both.

    >>> import dynagrad
    >>> dynagrad.promote_types(dynagrad.uint8, dynagrad.int8)
    torch.int16
    """
    return dtype_object(dg_promote_types(dtype_code(type1), dtype_code(type2)))


def can_cast(from_, to):
    """Whether a result of dtype ``from_`` may be written to a tensor of dtype ``to`` (the category may not narrow)."""
    return category[dtype_code(from_)] <= category[dtype_code(to)]


def get_default_dtype():
    """The dtype of floating tensors made from Python numbers; ``float32`` at the start."""
    return dtype_object(default_dtype)


def set_default_dtype(d):
    """Sets the dtype of floating tensors made from Python numbers.

    Args:
        d: a floating dtype. Raises TypeError for any other.
    """
    global default_dtype
    if type(d) is not dtype or not is_float((<dtype>d).code):
        raise TypeError("only floating-point types are supported as the default type")
    default_dtype = (<dtype>d).code


# What PyTorch's error lists; those that tensors are never on are refused like unknown ones.
_DEVICES = ("cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, "
            "privateuseone")


@cython.final
cdef class device:
    """Where a tensor lives. This build computes on the CPU only.

    >>> import dynagrad
    >>> dynagrad.device("cpu")
    device(type='cpu')
    """

    def __init__(self, type, index=None):
        if isinstance(type, device):
            self.type, self.index = (<device>type).type, (<device>type).index
            return
        if PyLong_Check(type) and not PyBool_Check(type):
            raise RuntimeError("Device index must not be negative" if type < 0 else
                               "Cannot access accelerator device when none is available.")
        if not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
        name, colon, number = type.partition(":")
        if not name or colon and (not number.isdigit() or len(number) > 1 and number[0] == "0" or index is not None):
            raise RuntimeError(f"Invalid device string: '{type}'")
        if name not in ("cpu", "cuda", "mps", "xpu", "meta"):
            raise RuntimeError(f"Expected one of {_DEVICES} device type at start of device string: {type}")
        if index is not None and not PyLong_Check(index):
            raise TypeError(f"device(): argument 'index' (position 2) must be int, not {index.__class__.__name__}")
        if index is not None and index < 0:
            raise RuntimeError("Device index must not be negative")
        self.type = name
        self.index = int(number) if colon else index

    def __repr__(self):
        return f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other):
        return isinstance(other, device) and self.type == (<device>other).type and self.index == (<device>other).index

    def __hash__(self):
        return hash((self.type, self.index))

    def __reduce__(self):
        return device, (self.type, self.index)


cdef device cpu = device("cpu")


cdef int check_device(object given) except -1:
    """Accepts the CPU in any spelling and raises for everything else, 0 if accepted."""
    if given is None or given is cpu:
        return 0
    cdef device wanted = device(given) if isinstance(given, (str, device)) else device("cuda", given)
    if wanted.type == "cpu":
        return 0
    if wanted.type == "cuda":
        raise AssertionError("Torch not compiled with CUDA enabled: dynagrad computes on the CPU only for now; "
                             "use device='cpu', or ask torch.cuda.is_available() first")
    raise RuntimeError(f"dynagrad has no {wanted.type} device; use device='cpu'")


@cython.final
cdef class memory_format:
    """The order of a tensor's elements in memory."""

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return _constant_named, (self.name,)


@cython.final
cdef class layout:
    """The way a tensor's elements are stored; dense strided only."""

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return _constant_named, (self.name,)


cdef memory_format _make_format(str name):
    cdef memory_format made = memory_format.__new__(memory_format)
    made.name = name
    return made


contiguous_format = _make_format("contiguous_format")
preserve_format = _make_format("preserve_format")
channels_last = _make_format("channels_last")
channels_last_3d = _make_format("channels_last_3d")
cdef layout _strided = layout.__new__(layout)
_strided.name = "strided"
strided = _strided
_CONSTANTS = {"contiguous_format": contiguous_format, "preserve_format": preserve_format,
              "channels_last": channels_last, "channels_last_3d": channels_last_3d, "strided": strided}


def _constant_named(str name):
    return _CONSTANTS[name]


class finfo:
    """Limits of a floating dtype: ``bits``, ``eps``, ``max``, ``min``, ``tiny``, ``smallest_normal``, ``resolution``."""

    # name: digits after the binary point, the exponents of the smallest normal and of the largest number, the resolution.
    # e4m3fn gives the top mantissa of the top exponent to NaN; e8m0fnu holds powers of two and has no sign.
    _FORMATS = {"float16": (10, -14, 15, 1e-3), "bfloat16": (7, -126, 127, 1e-2), "float32": (23, -126, 127, 1e-6),
                "float64": (52, -1022, 1023, 1e-15), "float8_e4m3fn": (3, -6, 8, 1.0), "float8_e4m3fnuz": (3, -7, 7, 1.0),
                "float8_e5m2": (2, -14, 15, 1.0), "float8_e5m2fnuz": (2, -15, 15, 1.0), "float8_e8m0fnu": (0, -127, 127, 1.0)}

    def __init__(self, type=None):
        wanted = dtype_object(default_dtype) if type is None else type
        if not isinstance(wanted, dtype):
            wanted = dtype_object(dtype_code(type))
        self.dtype = wanted.to_real().name
        if self.dtype not in self._FORMATS:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo': {type}")
        digits, low, high, self.resolution = self._FORMATS[self.dtype]
        self.bits = wanted.to_real().itemsize * 8
        self.eps = 2.0 ** -digits
        self.tiny = self.smallest_normal = 2.0 ** low
        if self.dtype == "float8_e8m0fnu":
            self.max, self.min = 2.0 ** high, self.tiny
            return
        self.max = (2.0 - self.eps * (2 if self.dtype == "float8_e4m3fn" else 1)) * 2.0 ** high
        self.min = -self.max
        if self.dtype == "float8_e5m2fnuz":
            self.eps = 0.125                            # half of what its mantissa has: PyTorch's figure

    def __eq__(self, other):
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self):
        return hash(self.dtype)

    def __repr__(self):
        return (f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
                f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})")


class iinfo:
    """Limits of an integer dtype: ``bits``, ``min``, ``max``."""

    def __init__(self, type):
        wanted = type if isinstance(type, dtype) else dtype_object(dtype_code(type))
        if wanted.name == "bool":
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if not wanted.name.lstrip("u").startswith("int"):
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo': {type}")
        self.dtype = wanted.name
        self.bits = wanted.itemsize * 8
        self.min = -2 ** (self.bits - 1) if wanted.is_signed else 0
        self.max = 2 ** (self.bits - wanted.is_signed) - 1

    def __eq__(self, other):
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self):
        return hash(self.dtype)

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
