"""``torch.distributions.kl``: the Kullback-Leibler divergence between two distributions.

`registry` holds the table of formulas by the types of both; `alike` those within a family, `normals` those between normal
distributions of vectors, `across` those between families.
"""

from dynagrad.distributions.kl import across as across
from dynagrad.distributions.kl import alike as alike
from dynagrad.distributions.kl import normals as normals
from dynagrad.distributions.kl.registry import _KL_MEMOIZE as _KL_MEMOIZE
from dynagrad.distributions.kl.registry import _KL_REGISTRY as _KL_REGISTRY
from dynagrad.distributions.kl.registry import kl_divergence, register_kl

__all__ = ["kl_divergence", "register_kl"]
