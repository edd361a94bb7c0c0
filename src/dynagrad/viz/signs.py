"""The mathematical sign of each op, and the derivative of each node in words. An op without a sign has its name."""

from __future__ import annotations

SIGNS = {
    "add": "+", "sub": "−", "rsub": "−", "mul": "×", "div": "÷", "rtruediv": "÷", "pow": "xⁿ", "rpow": "nˣ",
    "neg": "−x", "abs": "|x|", "matmul": "@", "mm": "@", "mv": "@", "bmm": "@", "dot": "·", "addmm": "+ @",
    "addmv": "+ @", "addbmm": "+ Σ@", "baddbmm": "+ @", "outer": "⊗", "linear": "xWᵀ + b", "sum": "Σ", "mean": "mean",
    "prod": "∏", "cumsum": "Σ…", "cumprod": "∏…", "sqrt": "√", "rsqrt": "1/√", "square": "x²", "exp": "eˣ",
    "exp2": "2ˣ", "expm1": "eˣ−1", "log": "ln", "log2": "log₂", "log10": "log₁₀", "log1p": "ln(1+x)",
    "reciprocal": "1/x", "sigmoid": "σ", "logsumexp": "ln Σ eˣ", "norm": "‖x‖", "T": "ᵀ", "t": "ᵀ", "mT": "ᵀ",
    "transpose": "ᵀ", "H": "ᴴ", "eq": "=", "ne": "≠", "lt": "<", "le": "≤", "gt": ">", "ge": "≥", "floor": "⌊x⌋",
    "ceil": "⌈x⌉", "__getitem__": "[ ]", "__setitem__": "[ ]←", "select": "[ ]", "copy": "←", "fill": "←",
    "zero": "← 0", "bitwise_and": "∧", "bitwise_or": "∨", "bitwise_not": "¬", "bitwise_xor": "⊻", "remainder": "mod",
    "rmod": "mod", "floor_divide": "⌊÷⌋", "rfloordiv": "⌊÷⌋", "detach": "✂ detach", "data": "✂ data", "cat": "⧺",
    "stack": "⧺", "maximum": "max", "minimum": "min", "square_": "x²", "__iter__": "[ ]…", "lerp": "lerp",
    "rmatmul": "@", "sin": "sin", "cos": "cos", "tan": "tan", "tanh": "tanh", "relu": "relu", "data=": "data ←",
    "sign": "sgn", "requires_grad_": "requires_grad", "clone": "copy", "uniform": "← U", "normal": "← N",
}  # fmt: skip

FORMULAS = {
    "AddBackward0": "the gradient goes on to both summands as it is: g, g·alpha",
    "SubBackward0": "g for the first, −g for the second",
    "RsubBackward1": "−g",
    "MulBackward0": "each factor gets g times the other one: g × other, g × input",
    "DivBackward0": "g / other for the numerator, −g × input / other² for the denominator",
    "PowBackward0": "power rule: g × n × xⁿ⁻¹",
    "PowBackward1": "g × n × xⁿ⁻¹ for the base, g × xⁿ × ln x for the exponent",
    "NegBackward0": "−g",
    "AbsBackward0": "g × the sign of x",
    "MmBackward0": "g @ other transposed, input transposed @ g",
    "BmmBackward0": "g @ other transposed, input transposed @ g, in each batch",
    "MvBackward0": "the outer product of g and the vector; the matrix transposed @ g",
    "DotBackward0": "g × other, g × input",
    "AddmmBackward0": "g × beta for the summand; g @ mat2 transposed, mat1 transposed @ g",
    "LinearBackward0": "g @ weight for the input, g transposed @ input for the weight, the sum of g for the bias",
    "SumBackward0": "g is spread: every summed element gets g",
    "SumBackward1": "g is spread over the summed dimensions",
    "MeanBackward0": "g / n, spread over all n elements",
    "MeanBackward1": "g / n, spread over the averaged dimensions",
    "ProdBackward0": "g × the product / the element",
    "TanhBackward0": "g × (1 − tanh²)",
    "SigmoidBackward0": "g × σ × (1 − σ)",
    "ReluBackward0": "g where the result is positive, else 0",
    "LeakyReluBackward0": "g where x is positive, else g × slope",
    "ExpBackward0": "g × eˣ, which is the result itself",
    "LogBackward0": "g / x",
    "Log1PBackward0": "g / (1 + x)",
    "SqrtBackward0": "g / (2√x)",
    "RsqrtBackward0": "−g/2 × x^(−3/2)",
    "ReciprocalBackward0": "−g / x²",
    "SquareBackward0": "2 × g × x",
    "SinBackward0": "g × cos x",
    "CosBackward0": "−g × sin x",
    "SoftmaxBackward0": "softmax × (g − Σ g·softmax)",
    "LogSoftmaxBackward0": "g − softmax × Σ g",
    "LogsumexpBackward0": "g × softmax of the input",
    "NllLossBackward0": "−g at the target class, weighted",
    "MseLossBackward0": "2 × g × (input − target) / n",
    "NormBackward0": "g × x / ‖x‖",
    "LinalgVectorNormBackward0": "g × x / ‖x‖",
    "MaxBackward0": "g for the position of the maximum, 0 elsewhere",
    "MaxBackward1": "g for the positions of the maxima",
    "MinBackward0": "g for the position of the minimum, 0 elsewhere",
    "TBackward0": "g transposed",
    "TransposeBackward0": "g with the dimensions exchanged back",
    "PermuteBackward0": "g with the dimensions put back in order",
    "ViewBackward0": "g in the shape of the input",
    "ReshapeAliasBackward0": "g in the shape of the input",
    "UnsafeViewBackward0": "g in the shape of the input",
    "SqueezeBackward0": "g in the shape of the input",
    "UnsqueezeBackward0": "g without the added dimension",
    "ExpandBackward0": "g summed over the dimensions that were repeated",
    "SelectBackward0": "zeros, with g in the selected place",
    "SliceBackward0": "zeros, with g in the selected range",
    "IndexBackward0": "zeros, with g added at the indices",
    "CatBackward0": "g cut into the parts that were joined",
    "StackBackward0": "g cut into the parts that were stacked",
    "SplitBackward0": "the gradients of the parts, joined",
    "UnbindBackward0": "the gradients of the slices, stacked",
    "CloneBackward0": "g as it is",
    "ToCopyBackward0": "g in the dtype of the input",
    "CopyBackwards": "0 for what was overwritten, g for what was copied",
    "CopySlices": "the written part of g goes through the write's own node, the rest to the old base",
    "AsStridedBackward0": "g at the places that the view shows, 0 elsewhere",
    "WhereBackward0": "g where the condition chose the input, else 0",
    "MaximumBackward0": "g for the larger one, half each where they are equal",
    "MinimumBackward0": "g for the smaller one, half each where they are equal",
    "ClampBackward1": "g where x lies inside the bounds, else 0",
    "CumsumBackward0": "the sums of g from the end",
    "GatherBackward0": "zeros, with g added at the indices",
    "EmbeddingBackward0": "g added to the rows that were looked up",
    "NativeDropoutBackward0": "g where the element was kept, scaled like it; else 0",
    "AccumulateGrad": "adds the gradient that arrives to the leaf's .grad: accumulates, does not replace",
}


def base_name(name: str) -> str:
    """The op of an operator's or an in-place form's name: ``__rsub__`` is rsub, ``mul_`` is mul."""
    if name in SIGNS:
        return name
    if name.startswith("__"):
        return name.strip("_")
    return name.removesuffix("_") or name


def sign_of(name: str) -> str:
    """The sign of an op; its name where there is none.

    >>> sign_of("mul_"), sign_of("__rsub__"), sign_of("__getitem__"), sign_of("softmax")
    ('×', '−', '[ ]', 'softmax')
    """
    base = base_name(name)
    return SIGNS.get(base, base)


def formula_of(node_name: str) -> str | None:
    """The derivative that a node computes, in words, or None where no words are listed."""
    return FORMULAS.get(node_name)
