"""``biject_to`` and ``transform_to``: for each constraint a transform from unconstrained numbers onto its members.

``biject_to`` gives bijections, as change of variables needs; ``transform_to`` gives transforms that optimisation likes
better where the two differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dynagrad.distributions import constraints, transforms
from dynagrad.distributions.constraints import Constraint
from dynagrad.distributions.transforms import Transform

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]

Factory = Callable[[Any], Transform]


class ConstraintRegistry:
    """A table from types of constraints to functions that make a transform from a constraint.

    >>> import dynagrad as torch
    >>> from dynagrad.distributions import biject_to, constraints
    >>> biject_to(constraints.positive)(torch.zeros(2))
    tensor([1., 1.])
    """

    def __init__(self) -> None:
        self._registry: dict[type[Constraint], Factory] = {}
        super().__init__()

    def register(self, constraint: Any, factory: Factory | None = None) -> Any:
        """Enters a factory for a type of constraint, given as such or by a member; without it, decorates.

        Raises TypeError for what is no constraint.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        if isinstance(constraint, Constraint):
            constraint = type(constraint)
        if not isinstance(constraint, type) or not issubclass(constraint, Constraint):
            raise TypeError(f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}")
        self._registry[constraint] = factory
        return factory

    def __call__(self, constraint: Constraint) -> Transform:
        """The transform onto ``constraint``; NotImplementedError where none is entered."""
        try:
            factory = self._registry[type(constraint)]
        except KeyError:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints") from None
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()
BOTH = (biject_to, transform_to)


def _enter(registries: tuple[ConstraintRegistry, ...], *known: Any) -> Callable[[Any], Any]:
    """Decorates a function of a constraint and of the registry that asks."""

    def enter(make: Callable[[Any, ConstraintRegistry], Transform]) -> Any:
        for registry in registries:
            for constraint in known:
                registry.register(constraint, lambda asked, registry=registry: make(asked, registry))  # type: ignore[misc]  # bound, not asked for
        return make

    return enter


def _enter_fixed(registries: tuple[ConstraintRegistry, ...], make: Callable[[], Transform], *known: Any) -> None:
    _enter(registries, *known)(lambda _constraint, _registry: make())


_enter_fixed(BOTH, lambda: transforms.identity_transform, constraints.real)
_enter_fixed((biject_to,), transforms.StickBreakingTransform, constraints.simplex)
_enter_fixed((transform_to,), transforms.SoftmaxTransform, constraints.simplex)
_enter_fixed((transform_to,), transforms.LowerCholeskyTransform, constraints.lower_cholesky)
_enter_fixed(
    (transform_to,),
    transforms.PositiveDefiniteTransform,
    constraints.positive_definite,
    constraints.positive_semidefinite,
)
_enter_fixed(BOTH, transforms.CorrCholeskyTransform, constraints.corr_cholesky)


@_enter(BOTH, constraints.independent)
def _independent(constraint: Any, registry: ConstraintRegistry) -> Transform:
    return transforms.IndependentTransform(registry(constraint.base_constraint), constraint.reinterpreted_batch_ndims)


@_enter(BOTH, constraints.greater_than, constraints.greater_than_eq)
def _above(constraint: Any, _registry: ConstraintRegistry) -> Transform:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.lower_bound, 1)]
    )


@_enter(BOTH, constraints.less_than)
def _below(constraint: Any, _registry: ConstraintRegistry) -> Transform:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.upper_bound, -1)]
    )


@_enter(BOTH, constraints.interval, constraints.half_open_interval)
def _between(constraint: Any, _registry: ConstraintRegistry) -> Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and (low, high) == (0, 1):
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform([transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)])


@_enter(BOTH, constraints.cat)
def _cat(constraint: Any, registry: ConstraintRegistry) -> Transform:
    return transforms.CatTransform([registry(c) for c in constraint.cseq], constraint.dim, constraint.lengths)


@_enter(BOTH, constraints.stack)
def _stack(constraint: Any, registry: ConstraintRegistry) -> Transform:
    return transforms.StackTransform([registry(c) for c in constraint.cseq], constraint.dim)
