"""One step of an optimiser over the parameters of a group, as one native pass.

A rule reads the numbers of a group once, then for each parameter the count of its steps, and runs the loop of
`kernels/optimise_table.cpp` over it. Nothing is recorded; versions are bumped. What a rule cannot take (narrow or
strided tensors, numbers that are themselves differentiated) it hands back: `optim` has every formula in ops too.
"""
from libc.math cimport pow, sqrt
from libc.stdint cimport int64_t

from dynagrad._core.graph cimport check_inplace, wrote
from dynagrad._core.tensor cimport TensorBase, new_like, requires_grad
from dynagrad._core.types cimport F32, F64
from dynagrad._core.unlocked cimport Unlocked

cdef extern from "kernels/optimise.hpp" namespace "dg" nogil:
    enum:
        RULE_SGD, RULE_ADAM, RULE_ADAMAX, RULE_NADAM, RULE_RADAM, RULE_ADAGRAD, RULE_ADADELTA, RULE_RMSPROP,
        RULE_RPROP, RULE_ASGD
    struct OptimiseStep:
        double decay
        double shrink
        double k[8]
        bint negate
        bint on[2]
    ctypedef void (*OptimiseLoop)(char* param, const char* grad, char* const* states, int64_t n,
                                  const OptimiseStep* step) noexcept
    struct OptimiseTable:
        OptimiseLoop rule[10][2]
    const OptimiseTable* optimise_table()
    void optimise(OptimiseLoop loop, int itemsize, char* param, const char* grad, char* const* states, int n_states,
                  int64_t n, const OptimiseStep* step)

cdef enum:
    MOST_STATES = 3
    RELEASE_GIL = 16384


# The numbers of a group, and what is worked out from them for one count of steps.
cdef struct Numbers:
    double lr, decay, eps, beta1, beta2
    double a, b, c, d
    bint decoupled
    bint flag
    bint narrow               # counts and other 0-d states are float32: round to it


cdef inline double _rounded(double value, bint narrow) noexcept nogil:
    return <double><float>value if narrow else value


cdef bint _plain(object value, double* out) except -1:
    """Reads a number, or a tensor of one element that is not differentiated; False for anything else."""
    if isinstance(value, TensorBase):
        if requires_grad(<TensorBase>value) or (<TensorBase>value).numel != 1:
            return False
        out[0] = value.item()
        return True
    out[0] = value
    return True


cdef class Rule:
    """How one optimiser steps. Rules have no state: one object serves every optimiser of its kind."""

    cdef int code
    cdef readonly tuple names      # of the states as large as the parameter
    cdef readonly tuple scalars    # of the 0-d states, the count of steps first

    cdef bint read(self, dict group, Numbers* n, OptimiseStep* s) except -1:
        """Takes the numbers of a group; False where they are not plain numbers."""
        s.negate = bool(group["maximize"])
        return _plain(group["lr"], &n.lr) and _plain(group["weight_decay"], &n.decay)

    cdef tuple wanted(self, dict group):
        """The names of the states this group keeps, None in the place of one it does not."""
        return self.names

    cdef int at(self, const Numbers* n, double* scalars, OptimiseStep* s) except -1:
        """The numbers of one step. `scalars` are the 0-d states; those but the count are written back."""
        raise NotImplementedError

    def advance(self, optimizer, dict group):
        """Steps every parameter of the group that has a gradient; the list of those left to the formula in ops."""
        cdef Numbers n
        cdef OptimiseStep s
        cdef list left = []
        cdef TensorBase p
        cdef object each, states = optimizer.state
        cdef tuple names
        cdef double scalars[3]
        cdef double seen[3]
        seen[0] = -1
        if group["differentiable"] or group.get("capturable") or not self.read(group, &n, &s):
            return [each for each in group["params"] if each.grad is not None]
        names = self.wanted(group)
        for each in group["params"]:
            p = <TensorBase?>each
            if p.gradient is not None and not self.step_one(optimizer, group, states[each], p, names, &n, &s, scalars,
                                                            seen):
                left.append(each)
        return left

    cdef bint step_one(self, object optimizer, dict group, dict state, TensorBase p, tuple names, Numbers* n,
                       OptimiseStep* s, double* scalars, double* seen) except -1:
        cdef TensorBase g = <TensorBase>p.gradient
        cdef char* data[MOST_STATES]
        cdef int i
        cdef int n_scalars = len(self.scalars)
        if not _alike(g, p) or (p.dtype != F32 and p.dtype != F64):
            return False
        if not state:
            optimizer._new_state(p, state, group)
        if not _states_of(state, names, p, data) or not _load(state, self.scalars, scalars, &n.narrow):
            return False
        check_inplace(p, False)
        scalars[0] += 1
        # Parameters step together as a rule, so that the numbers of the step before serve again.
        if scalars[0] != seen[0] or n_scalars > 1:
            s.decay = 0 if n.decoupled else n.decay
            s.shrink = 1 - n.lr * n.decay if n.decoupled else 1
            self.at(n, scalars, s)
            seen[0] = scalars[0]
        _run(self.code, p, g, data, len(names), s)
        _store(state, self.scalars, scalars)
        _touch(state, names)
        return True


cdef inline bint _alike(TensorBase a, TensorBase p) noexcept:
    return a.dtype == p.dtype and a.numel == p.numel and a.contiguous and p.contiguous


cdef int _run(int code, TensorBase p, TensorBase g, char** data, int n_states, OptimiseStep* s) except -1:
    cdef Unlocked unlocked
    cdef OptimiseLoop loop = optimise_table().rule[code][p.dtype == F64]
    cdef int itemsize = 8 if p.dtype == F64 else 4
    if p.numel > RELEASE_GIL:
        unlocked.begin()
        with nogil:
            optimise(loop, itemsize, p.data, g.data, data, n_states, p.numel, s)
    else:
        loop(p.data, g.data, data, p.numel, s)
    return wrote(p)


cdef bint _states_of(dict state, tuple names, TensorBase p, char** data) except -1:
    """The memory of each state; False where one is missing or unlike the parameter."""
    cdef int i = 0
    cdef object name, found
    for name in names:
        data[i] = NULL
        if name is not None:
            found = state[name]
            if not isinstance(found, TensorBase) or not _alike(<TensorBase>found, p) \
                    or requires_grad(<TensorBase>found):
                return False
            data[i] = (<TensorBase>found).data
        i += 1
    return True


cdef bint _load(dict state, tuple names, double* scalars, bint* narrow) except -1:
    cdef int i = 0
    cdef object name, found
    for name in names:
        found = state[name]
        if not isinstance(found, TensorBase) or (<TensorBase>found).numel != 1:
            return False
        if (<TensorBase>found).dtype == F32:
            scalars[i] = (<float*>(<TensorBase>found).data)[0]
            narrow[0] = True
        elif (<TensorBase>found).dtype == F64:
            scalars[i] = (<double*>(<TensorBase>found).data)[0]
            narrow[0] = False
        else:
            return False
        i += 1
    return True


cdef int _store(dict state, tuple names, const double* scalars) except -1:
    cdef int i = 0
    cdef TensorBase found
    for name in names:
        found = <TensorBase>state[name]
        if found.dtype == F32:
            (<float*>found.data)[0] = <float>scalars[i]
        else:
            (<double*>found.data)[0] = scalars[i]
        found.counter.version += 1
        i += 1
    return 0


cdef int _touch(dict state, tuple names) except -1:
    for name in names:
        if name is not None:
            (<TensorBase>state[name]).counter.version += 1
    return 0


# ---- the rules -------------------------------------------------------------------------------------------------------

cdef class SgdRule(Rule):
    """Gradient descent, with momentum."""

    def __cinit__(self):
        self.code, self.names, self.scalars = RULE_SGD, ("momentum_buffer",), ()

    def advance(self, optimizer, dict group):
        """As every rule's; without momentum there is no state, and none is made."""
        cdef Numbers n
        cdef OptimiseStep s
        cdef list left = []
        cdef object each
        cdef object states = None
        if group["differentiable"] or not self.read(group, &n, &s):
            return [each for each in group["params"] if each.grad is not None]
        s.decay, s.shrink = n.decay, 1
        s.k[0], s.k[1], s.k[2] = n.lr, n.a, 1 - n.b
        if n.a != 0:
            states = optimizer.state
        for each in group["params"]:
            if (<TensorBase?>each).gradient is None:
                continue
            if not _descend(<TensorBase>each, None if states is None else <dict?>states[each], &s):
                left.append(each)
        return left

    cdef bint read(self, dict group, Numbers* n, OptimiseStep* s) except -1:
        n.a, n.b = group["momentum"], group["dampening"]
        s.on[1] = bool(group["nesterov"])
        return Rule.read(self, group, n, s)


cdef bint _descend(TensorBase p, dict state, OptimiseStep* s) except -1:
    """One parameter of gradient descent; False if it is left to the formula in ops."""
    cdef TensorBase g = <TensorBase>p.gradient
    cdef TensorBase buffer
    cdef char* data[1]
    cdef object found = None
    data[0] = NULL
    if not _alike(g, p) or (p.dtype != F32 and p.dtype != F64):
        return False
    check_inplace(p, False)
    if state is not None:
        found = state.get("momentum_buffer")
        s.on[0] = found is not None
        if found is None:
            found = state["momentum_buffer"] = new_like(p, p.dtype)
        buffer = <TensorBase?>found
        if not _alike(buffer, p):
            return False
        data[0] = buffer.data
        buffer.counter.version += 1
    _run(RULE_SGD, p, g, data, 1, s)
    return True


cdef class AdamRule(Rule):
    """Adam and AdamW."""

    cdef tuple with_most

    def __cinit__(self):
        self.code, self.names, self.scalars = RULE_ADAM, ("exp_avg", "exp_avg_sq"), ("step",)
        self.with_most = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    cdef tuple wanted(self, dict group):
        return self.with_most if group["amsgrad"] else self.names

    cdef bint read(self, dict group, Numbers* n, OptimiseStep* s) except -1:
        beta1, beta2 = group["betas"]
        n.eps = group["eps"]
        n.decoupled = group["decoupled_weight_decay"]
        s.on[0] = bool(group["amsgrad"])
        return _plain(beta1, &n.beta1) and _plain(beta2, &n.beta2) and Rule.read(self, group, n, s)

    cdef int at(self, const Numbers* n, double* scalars, OptimiseStep* s) except -1:
        s.k[0] = n.lr / (1 - pow(n.beta1, scalars[0]))
        s.k[1], s.k[2], s.k[3] = 1 - n.beta1, n.beta2, 1 - n.beta2
        s.k[4] = sqrt(1 - pow(n.beta2, scalars[0]))
        s.k[5] = n.eps
        return 0


cdef class MomentRule(Rule):
    """What Adamax, NAdam and RAdam read."""

    cdef bint read(self, dict group, Numbers* n, OptimiseStep* s) except -1:
        beta1, beta2 = group["betas"]
        n.eps = group["eps"]
        n.decoupled = bool(group.get("decoupled_weight_decay"))
        n.a = group.get("momentum_decay", 0)
        return _plain(beta1, &n.beta1) and _plain(beta2, &n.beta2) and Rule.read(self, group, n, s)


cdef class AdamaxRule(MomentRule):
    """Adam with the infinity norm."""

    def __cinit__(self):
        self.code, self.names, self.scalars = RULE_ADAMAX, ("exp_avg", "exp_inf"), ("step",)

    cdef int at(self, const Numbers* n, double* scalars, OptimiseStep* s) except -1:
        s.k[0] = n.lr / (1 - pow(n.beta1, scalars[0]))
        s.k[1], s.k[2], s.k[3] = 1 - n.beta1, n.beta2, n.eps
        return 0


cdef class NAdamRule(MomentRule):
    """Adam with Nesterov's momentum."""

    def __cinit__(self):
        self.code, self.names, self.scalars = RULE_NADAM, ("exp_avg", "exp_avg_sq"), ("step", "mu_product")

    cdef int at(self, const Numbers* n, double* scalars, OptimiseStep* s) except -1:
        cdef double mu = n.beta1 * (1 - 0.5 * pow(0.96, scalars[0] * n.a))
        cdef double mu_next = n.beta1 * (1 - 0.5 * pow(0.96, (scalars[0] + 1) * n.a))
        scalars[1] = _rounded(scalars[1] * mu, n.narrow)
        s.k[0] = -n.lr * (1 - mu) / (1 - scalars[1])
        s.k[1] = -n.lr * mu_next / (1 - scalars[1] * mu_next)
        s.k[2], s.k[3], s.k[4] = 1 - n.beta1, n.beta2, 1 - n.beta2
        s.k[5] = 1 - pow(n.beta2, scalars[0])
        s.k[6] = n.eps
        return 0


cdef class RAdamRule(MomentRule):
    """Adam with the variance of its first steps rectified."""

    def __cinit__(self):
        self.code, self.names, self.scalars = RULE_RADAM, ("exp_avg", "exp_avg_sq"), ("step",)

    cdef int at(self, const Numbers* n, double* scalars, OptimiseStep* s) except -1:
        cdef double power = pow(n.beta2, scalars[0])
        cdef double longest = 2 / (1 - n.beta2) - 1
        cdef double length = longest - 2 * scalars[0] * power / (1 - power)
        s.k[0], s.k[1], s.k[2], s.k[3] = n.lr, 1 - n.beta1, n.beta2, 1 - n.beta2
        s.k[4] = 1 - pow(n.beta1, scalars[0])
        s.k[5] = sqrt(1 - power)
        s.k[6] = n.eps
        s.on[0] = length > 5
        s.k[7] = sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) if s.on[0] else 1
        return 0


cdef class AdagradRule(Rule):
    """Steps divided by the root of the sum of all squared gradients."""

    def __cinit__(self):
        self.code, self.names, self.scalars = RULE_ADAGRAD, ("sum",), ("step",)

    cdef bint read(self, dict group, Numbers* n, OptimiseStep* s) except -1:
        n.eps, n.a, n.decoupled = group["eps"], group["lr_decay"], False
        return Rule.read(self, group, n, s)

    cdef int at(self, const Numbers* n, double* scalars, OptimiseStep* s) except -1:
        s.k[0] = n.lr / (1 + (scalars[0] - 1) * n.a)
        s.k[1] = n.eps
        return 0


cdef class AdadeltaRule(Rule):
    """Steps in the units of the parameter, from running means of squares."""

    def __cinit__(self):
        self.code, self.names, self.scalars = RULE_ADADELTA, ("square_avg", "acc_delta"), ("step",)

    cdef bint read(self, dict group, Numbers* n, OptimiseStep* s) except -1:
        n.eps, n.a, n.decoupled = group["eps"], group["rho"], False
        return Rule.read(self, group, n, s)

    cdef int at(self, const Numbers* n, double* scalars, OptimiseStep* s) except -1:
        s.k[0], s.k[1], s.k[2], s.k[3] = n.lr, n.a, 1 - n.a, n.eps
        return 0


cdef class RMSpropRule(Rule):
    """Steps divided by the root of a running mean of squared gradients."""

    def __cinit__(self):
        self.code, self.names, self.scalars = RULE_RMSPROP, ("square_avg", "momentum_buffer", "grad_avg"), ("step",)

    cdef tuple wanted(self, dict group):
        return ("square_avg", "momentum_buffer" if group["momentum"] > 0 else None,
                "grad_avg" if group["centered"] else None)

    cdef bint read(self, dict group, Numbers* n, OptimiseStep* s) except -1:
        n.eps, n.a, n.b, n.decoupled = group["eps"], group["alpha"], group["momentum"], False
        return Rule.read(self, group, n, s)

    cdef int at(self, const Numbers* n, double* scalars, OptimiseStep* s) except -1:
        s.k[0], s.k[1], s.k[2], s.k[3], s.k[4] = n.lr, n.a, 1 - n.a, n.eps, n.b
        return 0


cdef class RpropRule(Rule):
    """Steps that grow while the gradient keeps its sign, and shrink when it turns."""

    def __cinit__(self):
        self.code, self.names, self.scalars = RULE_RPROP, ("prev", "step_size"), ("step",)

    cdef bint read(self, dict group, Numbers* n, OptimiseStep* s) except -1:
        n.a, n.b = group["etas"]
        n.c, n.d = group["step_sizes"]
        n.decay, n.decoupled = 0, False
        s.negate = bool(group["maximize"])
        return _plain(group["lr"], &n.lr)

    cdef int at(self, const Numbers* n, double* scalars, OptimiseStep* s) except -1:
        s.k[0], s.k[1], s.k[2], s.k[3] = n.a, n.b, n.c, n.d
        return 0


cdef class ASGDRule(Rule):
    """Gradient descent whose iterates are averaged."""

    def __cinit__(self):
        self.code, self.names, self.scalars = RULE_ASGD, ("ax",), ("step", "eta", "mu")

    cdef bint read(self, dict group, Numbers* n, OptimiseStep* s) except -1:
        n.a, n.b, n.c, n.decoupled = group["lambd"], group["alpha"], group["t0"], False
        return Rule.read(self, group, n, s)

    cdef int at(self, const Numbers* n, double* scalars, OptimiseStep* s) except -1:
        s.k[0], s.k[1] = scalars[1], scalars[2]
        s.shrink = 1 - n.a * scalars[1]
        s.on[0] = scalars[2] != 1
        scalars[1] = n.lr / pow(1 + n.a * n.lr * scalars[0], n.b)
        scalars[2] = 1 / max(1.0, scalars[0] - n.c)
        return 0


SGD = SgdRule()
ADAM = AdamRule()
ADAMAX = AdamaxRule()
NADAM = NAdamRule()
RADAM = RAdamRule()
ADAGRAD = AdagradRule()
ADADELTA = AdadeltaRule()
RMSPROP = RMSpropRule()
RPROP = RpropRule()
ASGD = ASGDRule()
