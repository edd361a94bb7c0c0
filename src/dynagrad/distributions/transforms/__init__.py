"""``torch.distributions.transforms``: invertible maps with the logarithm of their Jacobian's determinant.

`base` holds what a transform is, its inverse and compositions; `elementwise`, `vectors` and `matrices` the maps;
`arranged` those that apply other transforms to blocks, pieces and slices.
"""

from dynagrad.distributions.transforms.arranged import (
    CatTransform,
    IndependentTransform,
    ReshapeTransform,
    StackTransform,
)
from dynagrad.distributions.transforms.base import (
    ComposeTransform,
    Transform,
    identity_transform,
)
from dynagrad.distributions.transforms.base import (
    _InverseTransform as _InverseTransform,
)
from dynagrad.distributions.transforms.elementwise import (
    AbsTransform,
    AffineTransform,
    CumulativeDistributionTransform,
    ExpTransform,
    PowerTransform,
    SigmoidTransform,
    SoftplusTransform,
    TanhTransform,
)
from dynagrad.distributions.transforms.matrices import (
    CorrCholeskyTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
)
from dynagrad.distributions.transforms.vectors import SoftmaxTransform, StickBreakingTransform

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "CatTransform",
    "ComposeTransform",
    "CorrCholeskyTransform",
    "CumulativeDistributionTransform",
    "ExpTransform",
    "IndependentTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "TanhTransform",
    "Transform",
    "identity_transform",
]
