"""``torch.distributions.kl``: the Kullback-Leibler divergence between two distributions.

`registry` holds the table of formulas by the types of both; `alike` those within a family, `normals` those between normal
distributions of vectors, `across` those between families.
"""

from dynagrad.distributions.kl import across as _across
from dynagrad.distributions.kl import alike as _alike
from dynagrad.distributions.kl import normals as _normals
from dynagrad.distributions.kl.registry import _KL_MEMOIZE, _KL_REGISTRY, kl_divergence, register_kl

__all__ = ["kl_divergence", "register_kl"]
