"""From operands to a running kernel: promotion, broadcasting, the result's memory, the choice of loop, the GIL.

No op lives here, and nothing here records; the n-dimensional walk itself is runtime/iterate.hpp.
"""
import warnings

from dynagrad._core.types import TYPE_NAMES

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcmp, memcpy

from dynagrad._core.deferred cimport defer, run_deferred
from dynagrad._core.graph cimport thread_state
from dynagrad._core.kernel_table cimport Operand, iterate, kernels, op_clamp, op_pow, op_where, parallel_threshold
from dynagrad._core.provenance cimport at_this_line, called_here, name_of
from dynagrad._core.scalars cimport check_element
from dynagrad._core.tensor cimport (
    PENDING, WRAPPED, Storage, TensorBase, blank, count, dense_strides, dims_tuple, is_dense,
    check_sizes, is_tensor, new_alias, new_like, new_number, new_scalar, new_tensor, requires_grad, set_geometry, shape_tuple, storage_new, storage_share)
from dynagrad._core.types cimport (
    BOOL, F16, F32, F64, I64, DType, category, compute_dtype, compute_of, default_dtype, dtype_object, is_float, is_number,
    itemsizes, promote_types_code, scalar_dtype)
from dynagrad._core.unlocked cimport Unlocked, retire

cdef const Kernels* K = kernels()
cdef Params plain_params


# ---- promotion -------------------------------------------------------------------------------------------------------

cdef inline int _level(TensorBase t) noexcept:
    """Tensors with dimensions outrank 0-d tensors, which outrank Python numbers, within a category."""
    if t.ndim > 0:
        return 2
    return 0 if t.flags & WRAPPED else 1


cdef inline int _meet(int high, int low) noexcept:
    return promote_types_code(high, low) if category[low] > category[high] else high


cdef inline int _wrapped_dtype(TensorBase t) noexcept:
    return default_dtype if is_float(t.dtype) else t.dtype


cdef int result_dtype2(object a, object b) except -1:
    """The dtype in which two operands meet; each is a tensor or a number."""
    cdef int la, lb, da, db
    if is_tensor(a):
        la = _level(<TensorBase>a)
        da = (<TensorBase>a).dtype if la else _wrapped_dtype(<TensorBase>a)
    else:
        la, da = 0, scalar_dtype(a)
    if is_tensor(b):
        lb = _level(<TensorBase>b)
        db = (<TensorBase>b).dtype if lb else _wrapped_dtype(<TensorBase>b)
    else:
        lb, db = 0, scalar_dtype(b)
    if la == lb:
        return promote_types_code(da, db)
    return _meet(da, db) if la > lb else _meet(db, da)


cdef int result_dtype(list operands) except -1:
    """The dtype in which any number of tensors and numbers meet."""
    cdef int found[3]
    cdef int level, code
    found[0] = found[1] = found[2] = -1
    for each in operands:
        if isinstance(each, TensorBase):
            level = _level(<TensorBase>each)
            code = (<TensorBase>each).dtype if level else _wrapped_dtype(<TensorBase>each)
        else:
            level, code = 0, scalar_dtype(each)
        found[level] = code if found[level] < 0 else promote_types_code(found[level], code)
    code = found[2]
    for level in (1, 0):
        if found[level] >= 0:
            code = found[level] if code < 0 else _meet(code, found[level])
    return code


def result_type(*tensors):
    """The dtype of an arithmetic result of the given tensors and numbers.

    >>> import dynagrad
    >>> dynagrad.result_type(dynagrad.tensor([1, 2]), 1.0)
    torch.float32
    """
    if not tensors:
        raise TypeError("result_type() missing 1 required positional arguments: \"tensor\"")
    return dtype_object(result_dtype(list(tensors)))


cdef TensorBase as_operand(object value, str what):
    """A tensor as it is, a number as a 0-d tensor that promotes like one; TypeError for anything else."""
    if is_tensor(value):
        return <TensorBase>value
    if is_number(value):
        return _number_operand(value)
    raise TypeError(f"{what} must be Tensor or a number, not {type(value).__name__}")


cdef TensorBase _number_operand(object value):
    cdef int dtype = scalar_dtype(value)
    if dtype == I64:
        check_element(value, I64)
    return new_number(value, F64 if is_float(dtype) else dtype)


# ---- shapes ----------------------------------------------------------------------------------------------------------

cdef int broadcast_shape(list tensors, int64_t* shape) except -1:
    """Writes the common shape of the tensors and returns its rank."""
    cdef int ndim = 0
    cdef int i, d
    cdef int64_t size
    cdef TensorBase t
    for t in tensors:
        if t.ndim > ndim:
            ndim = t.ndim
    for i in range(ndim):
        shape[i] = 1
    for t in tensors:
        for i in range(t.ndim - 1, -1, -1):         # the last dimension first: an error names the innermost that differs
            d = ndim - t.ndim + i
            size = t.shape[i]
            if shape[d] == 1:
                shape[d] = size
            elif size != 1 and size != shape[d]:
                raise _broadcast_error(tensors, shape[d], size, d)
    return ndim


cdef object _broadcast_error(list tensors, int64_t first, int64_t second, int dim):
    parts = []
    for t in tensors:
        if (<TensorBase>t).ndim:
            name = name_of(<TensorBase>t)
            parts.append(f"{name} of shape {list(shape_tuple(<TensorBase>t))}" if name
                         else f"a tensor of shape {list(shape_tuple(<TensorBase>t))}")
    return RuntimeError(f"The size of tensor a ({first}) must match the size of tensor b ({second}) at non-singleton dimension "
                        f"{dim}\n  the operands are {' and '.join(parts)}{at_this_line()}")


cdef void broadcast_strides(TensorBase t, int ndim, const int64_t* shape, int64_t* strides) noexcept:
    """t's strides within a broadcast shape: zero where t has no such dimension, or has size 1 there."""
    cdef int pad = ndim - t.ndim
    cdef int i
    for i in range(ndim):
        strides[i] = 0 if i < pad or (t.shape[i - pad] == 1 and shape[i] != 1) else t.strides[i - pad]


cdef inline bint _same_shape(TensorBase a, TensorBase b) noexcept:
    cdef int i
    if a.ndim != b.ndim:
        return False
    for i in range(a.ndim):
        if a.shape[i] != b.shape[i]:
            return False
    return True


# ---- outputs ---------------------------------------------------------------------------------------------------------

cdef int resize(TensorBase t, int ndim, const int64_t* shape) except -1:
    """Gives t a new contiguous shape, and new memory if its storage is too small."""
    cdef Storage* fresh
    check_sizes(ndim, shape, itemsizes[t.dtype])
    cdef size_t needed = count(ndim, shape) * itemsizes[t.dtype]
    cdef size_t offset = t.data - t.storage.data
    if needed + offset > t.storage.nbytes:
        fresh = storage_new(needed)
        if fresh == NULL:
            raise RuntimeError(f"out of memory: tried to allocate {needed} bytes")
        if t.storage.data != NULL and t.storage.nbytes > offset:
            memcpy(fresh.data, t.data, min(needed, t.storage.nbytes - offset))
        retire(t.storage)
        t.storage = fresh
        t.data = fresh.data
    set_geometry(t, ndim, shape, NULL)
    return 0


cdef TensorBase output(object out, int dtype, int ndim, const int64_t* shape, TensorBase like=None):
    """The tensor to write a result to: a fresh one, or the caller's `out` after checks (resized if need be)."""
    cdef TensorBase target, laid
    if out is None:
        return new_like(like, dtype) if like is not None and not like.contiguous else new_tensor(dtype, ndim, shape)
    if not isinstance(out, TensorBase):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    target = <TensorBase>out
    if category[dtype] > category[target.dtype]:
        raise RuntimeError(f"result type {TYPE_NAMES[dtype]} can't be cast to the desired output type "
                           f"{TYPE_NAMES[target.dtype]}")
    if target.ndim != ndim or not _has_shape(target, ndim, shape):
        if target.numel:
            warnings.warn(f"An output with one or more elements was resized since it had shape {list(shape_tuple(target))}, "
                          f"which does not match the required output shape {list(dims_tuple(ndim, shape))}. This behavior "
                          "is deprecated, and in a future release outputs will not be resized unless they have zero "
                          "elements.", stacklevel=1)
        resize(target, ndim, shape)
        if like is not None and not like.contiguous:
            laid = new_like(like, target.dtype)
            set_geometry(target, ndim, laid.shape, laid.strides)
    return target


cdef bint _has_shape(TensorBase t, int ndim, const int64_t* shape) noexcept:
    cdef int i
    for i in range(ndim):
        if t.shape[i] != shape[i]:
            return False
    return True


cdef int refuse_out_grad(object out, bint any_requires_grad) except -1:
    """`out=` leaves no place for a history: refused when one would be needed."""
    if out is not None and any_requires_grad:
        raise RuntimeError(f"{called_here()}functions with out=... arguments don't support automatic differentiation, but one of the "
                           "arguments requires grad. Leave out= away, or wrap the call in torch.no_grad().")
    return 0


# ---- running a loop --------------------------------------------------------------------------------------------------

cdef inline int _result(int promoted, int rule) noexcept:
    if rule == SAME:
        return promoted
    if rule == FLOATING:
        return promoted if is_float(promoted) else default_dtype
    return BOOL


cdef Loop _loop(const Loop* row, int dtype) except NULL:
    cdef Loop loop = row[compute_of[dtype]]
    if loop == NULL:
        raise RuntimeError(f"this operation is not implemented for '{TYPE_NAMES[dtype]}'")
    return loop


cdef int _run(Loop loop, int ndim, const int64_t* shape, Operand* operands, int n, const DType* types,
              const Params* params, int cost) except -1:
    cdef int64_t total = count(ndim, shape)
    if total == 0:
        return 0
    if total * cost < parallel_threshold:
        iterate(loop, ndim, shape, operands, n, types, params, cost)
    else:
        _run_unlocked(loop, ndim, shape, operands, n, types, params, cost)
    return 0


cdef void _run_unlocked(Loop loop, int ndim, const int64_t* shape, Operand* operands, int n, const DType* types,
                        const Params* params, int cost) noexcept:
    cdef Unlocked unlocked
    cdef int64_t sizes[64]
    cdef int64_t strides[5][64]
    cdef int k
    memcpy(sizes, shape, ndim * sizeof(int64_t))
    for k in range(n):
        memcpy(strides[k], operands[k].strides, ndim * sizeof(int64_t))
        operands[k].strides = strides[k]
    unlocked.begin()
    with nogil:
        iterate(loop, ndim, sizes, operands, n, types, params, cost)


cdef TensorBase _deferred(const Loop* row, list operands, int rule, const Params* params, bint condition_first=False):
    """What stands for the result of a loop on a gradient that need not run yet; None if it is to run now.

    See Note [Deferred loops] in deferred.pyx. Where None is returned, no operand is pending any more.
    """
    cdef TensorBase t, like = None
    cdef bint on_gradient = False
    cdef bint pending = False
    for each in operands:
        if is_tensor(each):
            t = <TensorBase>each
            pending = pending or t.flags & PENDING
            on_gradient = on_gradient or <void*>t == thread_state.deferring
            if like is None or t.ndim > like.ndim or t.numel > like.numel:
                like = t
    if (pending or on_gradient) and rule != PREDICATE and like.numel >= parallel_threshold \
            and (like.dtype == F32 or like.dtype == F64) and _suit(operands, like, condition_first):
        return defer(_loop(row, like.dtype), like, <int>len(operands), operands, params)
    if pending:
        run_deferred()
    return None


cdef bint _suit(list operands, TensorBase like, bint condition_first):
    cdef TensorBase t
    cdef int i
    for i in range(<int>len(operands)):
        if not is_tensor(operands[i]):
            if not is_number(operands[i]):
                return False
            continue
        t = <TensorBase>operands[i]
        if t.flags & WRAPPED or t.dtype != (<int>BOOL if condition_first and i == 0 else like.dtype):
            return False
        if not ((t.flags & PENDING or t.contiguous == 1) and _same_shape(t, like)) \
                and not (_uniform(t) and t.numel > 0 and _reaches(t, like)):
            return False
    return True


cdef inline bint _reaches(TensorBase uniform, TensorBase like) noexcept:
    """Whether one element, or an expanded one, broadcasts to like's shape."""
    cdef int i, pad = like.ndim - uniform.ndim
    for i in range(uniform.ndim):
        if pad < 0 or uniform.shape[i] != 1 and uniform.shape[i] != like.shape[pad + i]:
            return False
    return pad >= 0


cdef TensorBase unary(const Loop* row, object input, object out, int rule, const Params* params=NULL, int cost=1):
    """Runs a one-operand loop over a tensor."""
    if not is_tensor(input):
        raise TypeError(f"{called_here()}argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    cdef TensorBase a = <TensorBase>input
    cdef TensorBase result
    cdef int computed = a.dtype if rule != FLOATING or is_float(a.dtype) else default_dtype
    cdef int dtype = _result(a.dtype, rule)
    cdef Operand operands[2]
    cdef DType types[2]
    cdef char* data[2]
    cdef int64_t strides[2]
    cdef Loop loop = _loop(row, computed)
    if params == NULL:
        params = &plain_params
    types[0] = <DType>BOOL if rule == PREDICATE else <DType>compute_dtype[compute_of[computed]]
    types[1] = <DType>compute_dtype[compute_of[computed]]
    if out is None and a.contiguous and a.dtype == types[1] and dtype == types[0] and a.numel * cost < parallel_threshold:
        result = new_tensor(dtype, a.ndim, a.shape)
        data[0], data[1] = result.data, a.data
        strides[0], strides[1] = itemsizes[dtype], itemsizes[a.dtype]
        if a.numel:
            loop(data, strides, a.numel, params)
        return result
    if thread_state.deferring != NULL and out is None:
        result = _deferred(row, [a], rule, params)
        if result is not None:
            return result
    if _is_wider(out, dtype, computed):
        return _copied_out(unary(row, input, None, rule, params, cost), out)
    if rule == SAME and is_tensor(out) and (<TensorBase>out).dtype != dtype:
        raise RuntimeError(f"Found dtype {TYPE_NAMES[(<TensorBase>out).dtype]} but expected {TYPE_NAMES[dtype]}")
    result = output(out, dtype, a.ndim, a.shape, a)
    if out is not None:
        a = _apart(result, a)
    operands[0] = Operand(result.data, result.strides, <DType>result.dtype)
    operands[1] = Operand(a.data, a.strides, <DType>a.dtype)
    _run(loop, a.ndim, a.shape, operands, 2, types, params, cost)
    return result


cdef TensorBase _apart(TensorBase target, TensorBase source):
    """source, or a copy of it if writing to target would change elements of source that are still to be read."""
    if target.storage != source.storage and target.storage.data != source.storage.data or target is source:
        return source
    if target.data == source.data and _same_shape(target, source) and _same_strides(target, source):
        return source
    if not _ranges_meet(target, source):
        return source
    if target.numel == source.numel and is_dense(target) and is_dense(source):
        raise RuntimeError("unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
                           "single memory location. Please clone() the tensor before performing the operation.")
    return copy_of(source)


cdef bint _same_strides(TensorBase a, TensorBase b) noexcept:
    cdef int i
    for i in range(a.ndim):
        if a.strides[i] != b.strides[i]:
            return False
    return True


cdef bint _ranges_meet(TensorBase a, TensorBase b) noexcept:
    cdef int64_t end_a = 0, end_b = 0
    cdef int i
    if a.numel == 0 or b.numel == 0:
        return False
    for i in range(a.ndim):
        end_a += (a.shape[i] - 1) * a.strides[i]
    for i in range(b.ndim):
        end_b += (b.shape[i] - 1) * b.strides[i]
    return a.data <= b.data + end_b * itemsizes[b.dtype] and b.data <= a.data + end_a * itemsizes[a.dtype]


cdef union Number:
    float f
    double d
    int64_t i
    uint8_t b


cdef inline int _store(Number* where, object value, int dtype) except -1:
    """Writes a Python number in one of the compute types."""
    if dtype == F32:
        where.f = value
    elif dtype == F64:
        where.d = value
    else:
        where.i = value
    return 0


cdef inline bint _uniform(TensorBase t) noexcept:
    """Whether every index shows the same element: one element, or an expanded one."""
    cdef int i
    for i in range(t.ndim):
        if t.shape[i] != 1 and (t.strides[i] != 0 or t.shape[i] == 0):
            return False
    return True


cdef inline bint _plain(TensorBase t, int rule) noexcept:
    """Whether a loop can run over t's elements as they lie in memory, in t's own dtype, without a copy or a thread."""
    return t.contiguous and t.numel > 0 and t.dtype == compute_dtype[compute_of[t.dtype]] \
        and (rule != FLOATING or is_float(t.dtype)) and not t.flags & WRAPPED


cdef inline bint _covers(TensorBase t, TensorBase uniform) noexcept:
    """Whether t's shape is the common one of t and an expanded element of the same dtype, or one that promotes to it."""
    return t.dtype == uniform.dtype and _reaches(uniform, t)


cdef inline TensorBase _over(const Loop* row, TensorBase like, int rule, char* first, char* second, int first_step,
                             int second_step, const Params* params):
    """Runs a two-operand loop over contiguous memory; a step of 0 repeats one element."""
    cdef char* data[3]
    cdef int64_t strides[3]
    cdef int dtype = _result(like.dtype, rule)
    cdef Loop loop = _loop(row, like.dtype)
    cdef TensorBase result = new_tensor(dtype, like.ndim, like.shape)
    data[0], data[1], data[2] = result.data, first, second
    strides[0], strides[1], strides[2] = itemsizes[dtype], first_step, second_step
    loop(data, strides, like.numel, params)
    return result


cdef TensorBase binary(const Loop* row, object a, object b, object out, int rule, const Params* params=NULL, int cost=1):
    """Runs a two-operand loop over tensors and numbers (at least one tensor), with promotion and broadcasting.

    The common cases come first: two alike contiguous tensors, and one with a number or an expanded element.
    """
    cdef TensorBase x, y
    cdef Number number
    cdef int size, computed
    if params == NULL:
        params = &plain_params
    if out is None and is_tensor(a):
        x = <TensorBase>a
        size = itemsizes[x.dtype]
        if is_tensor(b):
            y = <TensorBase>b
            if x.numel * cost < parallel_threshold and y.numel * cost < parallel_threshold:
                if _plain(x, rule) and x.dtype == y.dtype and y.contiguous and not y.flags & WRAPPED and _same_shape(x, y):
                    return _over(row, x, rule, x.data, y.data, size, size, params)
                if _plain(x, rule) and x.contiguous == 1 and _uniform(y) and _covers(x, y):
                    return _over(row, x, rule, x.data, y.data, size, 0, params)
                if _plain(y, rule) and y.contiguous == 1 and _uniform(x) and _covers(y, x):
                    return _over(row, y, rule, x.data, y.data, 0, size, params)
        elif x.numel * cost < parallel_threshold and _plain(x, rule) and x.contiguous == 1 and _number_fits(x, b):
            _store(&number, b, x.dtype)
            return _over(row, x, rule, x.data, <char*>&number, size, 0, params)
    elif out is None and is_tensor(b):
        y = <TensorBase>b
        if y.numel * cost < parallel_threshold and _plain(y, rule) and y.contiguous == 1 and _number_fits(y, a):
            _store(&number, a, y.dtype)
            return _over(row, y, rule, <char*>&number, y.data, 0, itemsizes[y.dtype], params)
    if thread_state.deferring != NULL and out is None:
        x = _deferred(row, [a, b], rule, params)
        if x is not None:
            return x
    return _general([as_operand(a, "argument 'input' (position 1)"), as_operand(b, "argument 'other' (position 2)")],
                    row, out, rule, params, cost)


cdef inline bint _number_fits(TensorBase t, object number) except -1:
    """Whether a number leaves t's dtype as it is. A 0-d integer tensor and a float do not meet here."""
    return category[scalar_dtype(number)] <= category[t.dtype]


cdef TensorBase ternary(const Loop* row, object a, object b, object c, object out, int rule,
                        const Params* params=NULL, int cost=1):
    """Runs a three-operand loop over tensors and numbers."""
    cdef TensorBase result
    if thread_state.deferring != NULL and out is None:
        result = _deferred(row, [a, b, c], rule, params)
        if result is not None:
            return result
    return _general([as_operand(a, "argument 1"), as_operand(b, "argument 2"), as_operand(c, "argument 3")], row, out, rule,
                    params, cost)


cdef TensorBase where_kernel(TensorBase condition, object a, object b, object out):
    """Picks from a where condition holds, from b elsewhere; the condition takes no part in promotion."""
    cdef TensorBase result
    if thread_state.deferring != NULL and out is None:
        result = _deferred(K.ternary[op_where], [condition, a, b], SAME, &plain_params, True)
        if result is not None:
            return result
    cdef list operands = [as_operand(a, "argument 'input'"), as_operand(b, "argument 'other'")]
    cdef int dtype = result_dtype(operands)
    if out is None and (<TensorBase>operands[0]).flags & (<TensorBase>operands[1]).flags & WRAPPED:
        dtype = promote_types_code(_wrapped_dtype(operands[0]), _wrapped_dtype(operands[1]))
    return _general_typed([condition, *operands], K.ternary[op_where], out, dtype, dtype, NULL, 1, True)


cdef TensorBase _general(list tensors, const Loop* row, object out, int rule, const Params* params, int cost):
    cdef int promoted = result_dtype(tensors)
    cdef int computed = promoted if rule != FLOATING or is_float(promoted) else default_dtype
    return _general_typed(tensors, row, out, computed, _result(promoted, rule), params, cost, False)


cdef TensorBase _general_typed(list tensors, const Loop* row, object out, int computed, int dtype, const Params* params,
                               int cost, bint condition_first):
    cdef int64_t shape[64]
    cdef int64_t strides[5][64]
    cdef Operand operands[5]
    cdef DType types[5]
    cdef int n = len(tensors)
    cdef int i
    cdef int ndim = broadcast_shape(tensors, shape)
    cdef TensorBase t, result
    cdef Loop loop = _loop(row, computed)
    cdef bint numbers_count = row != K.binary[op_pow] and row != K.ternary[op_clamp]
    if params == NULL:
        params = &plain_params
    if _is_wider(out, dtype, computed):
        return _copied_out(_general_typed(tensors, row, None, computed, dtype, params, cost, condition_first), out)
    if out is None:
        result = _laid_out(tensors, dtype, ndim, shape, numbers_count)
    elif is_tensor(out) and not ((<TensorBase>out).ndim == ndim and _has_shape(<TensorBase>out, ndim, shape)):
        result = output(out, dtype, ndim, shape, _laid_out(tensors, dtype, ndim, shape, numbers_count))
    else:
        result = output(out, dtype, ndim, shape)
    types[0] = <DType>BOOL if dtype == BOOL and computed != dtype or dtype == BOOL and _writes_bool(row) \
        else <DType>compute_dtype[compute_of[computed]]
    operands[0] = Operand(result.data, result.strides, <DType>result.dtype)
    for i in range(n):
        t = <TensorBase>tensors[i]
        if out is not None:
            t = _apart(result, t)
            tensors[i] = t
        broadcast_strides(t, ndim, shape, &strides[i][0])
        operands[i + 1] = Operand(t.data, &strides[i][0], <DType>t.dtype)
        types[i + 1] = <DType>(BOOL if condition_first and i == 0 else compute_dtype[compute_of[computed]])
    _run(loop, ndim, shape, operands, n + 1, types, params, cost)
    return result


cdef bint _is_wider(object out, int dtype, int computed) noexcept:
    """Whether `out` could hold what the result's own dtype cannot: loops of narrow dtypes run in a wider one."""
    return is_tensor(out) and (<TensorBase>out).dtype != dtype and (dtype != BOOL or computed == BOOL) \
        and compute_dtype[compute_of[computed]] != dtype


cdef TensorBase _copied_out(TensorBase made, object out):
    cdef TensorBase target = output(out, made.dtype, made.ndim, made.shape, made)
    copy_into(target, made)
    return target


cdef TensorBase _laid_out(list tensors, int dtype, int ndim, const int64_t* shape, bint numbers_count):
    """A fresh result whose order of dimensions in memory follows from the operands, as PyTorch's does.

    To PyTorch a number is an operand of most ops, but a parameter of pow and clamp: `numbers_count` tells.
    """
    cdef int64_t strides[4][64]
    cdef int64_t chosen[64]
    cdef const int64_t* given[4]
    cdef TensorBase t, first = <TensorBase>tensors[0]
    cdef TensorBase made
    cdef int i
    cdef bint alike = True, contiguous = True
    for t in tensors:
        if t.flags & WRAPPED and not numbers_count:
            continue
        alike = alike and t.ndim == ndim and _has_shape(t, ndim, shape)
        contiguous = contiguous and t.contiguous
    if alike:
        if contiguous:
            return new_tensor(dtype, ndim, shape)
        for t in tensors:
            if t.flags & WRAPPED and not numbers_count:
                continue
            alike = alike and memcmp(t.strides, first.strides, ndim * sizeof(int64_t)) == 0
        if alike:
            return new_like(first, dtype)
    for i in range(len(tensors)):
        broadcast_strides(<TensorBase>tensors[i], ndim, shape, &strides[i][0])
        given[i] = &strides[i][0]
    dense_strides(ndim, shape, len(tensors), given, chosen)
    made = new_tensor(dtype, ndim, shape)
    set_geometry(made, ndim, shape, chosen)
    return made


cdef bint _writes_bool(const Loop* row) noexcept:
    """Whether the row is one of predicates, whose loops write bytes of 0 and 1."""
    return (<const char*>row >= <const char*>&K.test[0][0] and <const char*>row < <const char*>&K.ternary[0][0])


# ---- copies ----------------------------------------------------------------------------------------------------------

cdef int copy_into(TensorBase target, TensorBase source) except -1:
    """Writes source, cast and broadcast, to target. Does not count as an in-place write."""
    cdef int64_t strides[64]
    cdef Operand operands[2]
    cdef DType types[2]
    cdef int i, pad
    if target.contiguous and source.contiguous and target.dtype == source.dtype and _same_shape(target, source) \
            and target.numel * itemsizes[target.dtype] <= 65536:
        if target.data != source.data:
            memcpy(target.data, _apart(target, source).data, target.numel * itemsizes[target.dtype])
        return 0
    if source.ndim > target.ndim:
        for i in range(source.ndim - target.ndim):
            if source.shape[i] != 1:
                raise _rank_error(target, source)
        source = _drop_leading(source, source.ndim - target.ndim)
    pad = target.ndim - source.ndim
    for i in range(source.ndim):
        if source.shape[i] != 1 and source.shape[i] != target.shape[pad + i]:
            raise _size_error(target, source, pad + i)
    source = _apart(target, source)
    broadcast_strides(source, target.ndim, target.shape, strides)
    types[0], types[1] = <DType>target.dtype, <DType>source.dtype
    operands[0] = Operand(target.data, target.strides, <DType>target.dtype)
    operands[1] = Operand(source.data, &strides[0], <DType>source.dtype)
    return _run(K.cast[source.dtype][target.dtype], target.ndim, target.shape, operands, 2, types, NULL, 1)


cdef TensorBase _drop_leading(TensorBase t, int n):
    return new_alias(t, t.ndim - n, t.shape + n, t.strides + n, 0)


cdef object _rank_error(TensorBase target, TensorBase source):
    return RuntimeError(f"output with shape {list(shape_tuple(target))} doesn't match the broadcast shape "
                        f"{list(shape_tuple(source))}{at_this_line()}")


cdef object _size_error(TensorBase target, TensorBase source, int dim):
    return RuntimeError(f"The size of tensor a ({target.shape[dim]}) must match the size of tensor b "
                        f"({source.shape[dim - target.ndim + source.ndim]}) at non-singleton dimension {dim}: cannot write a "
                        f"tensor of shape {list(shape_tuple(source))} to one of shape {list(shape_tuple(target))}"
                        f"{at_this_line()}")


cdef int fill(TensorBase target, object number) except -1:
    """Writes one number everywhere. Does not count as an in-place write."""
    return copy_into(target, _fill_source(number, target.dtype))


cdef TensorBase _fill_source(object number, int dtype):
    if isinstance(number, TensorBase):
        return <TensorBase>number
    check_element(number, dtype)
    if is_float(dtype):
        return new_scalar(F64, number, 0)
    if dtype == BOOL:
        return new_scalar(BOOL, 0, bool(number))
    return new_scalar(I64, 0, int(number))


cdef TensorBase cast(TensorBase t, int dtype):
    """t itself if it has the dtype, else a converted copy."""
    cdef TensorBase made
    if t.dtype == dtype:
        return t
    made = new_like(t, dtype)
    copy_into(made, t)
    return made


cdef TensorBase contiguous(TensorBase t):
    """t itself if it is row-major, else such a copy."""
    cdef TensorBase made
    if t.contiguous:
        return t
    made = new_tensor(t.dtype, t.ndim, t.shape)
    copy_into(made, t)
    return made


cdef TensorBase copy_of(TensorBase t):
    """A copy in fresh memory, in t's order of dimensions."""
    cdef TensorBase made = new_like(t, t.dtype)
    copy_into(made, t)
    return made
