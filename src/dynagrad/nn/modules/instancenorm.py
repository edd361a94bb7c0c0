"""InstanceNorm over one to three dimensions, and its lazy forms."""

from __future__ import annotations

import warnings
from typing import Any

from dynagrad import Tensor
from dynagrad.nn import functional as F
from dynagrad.nn.modules.batchnorm import _LazyNormBase, _NormBase

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]


class _InstanceNorm(_NormBase):
    """Normalises each channel of each item by its mean and variance.

    Args:
        num_features: C of inputs (N, C, ...) or (C, ...).
        eps: added to the variance.
        momentum: how far running statistics move.
        affine: whether there are a weight and a bias for each channel.
        track_running_stats: whether there are running statistics, which then count in evaluation.
        bias: whether, besides the weight, there is a bias.

    Raises:
        ValueError: an input of another rank; other channels than the weight's; one number for each channel.
    """

    _rank = 0

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _get_no_batch_dim(self) -> int:
        return self._rank + 1

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (self._rank + 1, self._rank + 2):
            raise ValueError(f"expected {self._rank + 1}D or {self._rank + 2}D input (got {input.dim()}D input)")

    def _apply_instance_norm(self, input: Tensor) -> Tensor:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Old files have running statistics of layers that keep none: that is said, and they are left out."""
        if local_metadata.get("version") is None and not self.track_running_stats:
            stale = [prefix + name for name in ("running_mean", "running_var") if prefix + name in state_dict]
            for key in stale:
                state_dict.pop(key)
            if stale:
                error_msgs.append(
                    f"Unexpected running stats buffer(s) {' and '.join(map(repr, stale))} for {type(self).__name__} "
                    "with track_running_stats=False."
                )
        more = (strict, missing_keys, unexpected_keys, error_msgs)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *more)

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, ...)`` or ``(C, ...)`` to the same shape."""
        self._check_input_dim(input)
        dim = input.dim() - self._get_no_batch_dim()
        if input.size(dim) != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: "
                    f"{input.size(dim)}."
                )
            warnings.warn(
                f"input's size at dim={dim} does not match num_features. You can silence this warning by not passing "
                "in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        if dim == 0:
            return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)
        return self._apply_instance_norm(input)


class InstanceNorm1d(_InstanceNorm):
    """An instance norm of inputs (N, C, L), N being optional."""

    _rank = 1


class LazyInstanceNorm1d(_LazyNormBase, _InstanceNorm):
    """An InstanceNorm1d that takes ``num_features`` from its first input, and then is one."""

    cls_to_become = InstanceNorm1d
    _rank = 1


class InstanceNorm2d(_InstanceNorm):
    """An instance norm of inputs (N, C, H, W), N being optional."""

    _rank = 2


class LazyInstanceNorm2d(_LazyNormBase, _InstanceNorm):
    """An InstanceNorm2d that takes ``num_features`` from its first input, and then is one."""

    cls_to_become = InstanceNorm2d
    _rank = 2


class InstanceNorm3d(_InstanceNorm):
    """An instance norm of inputs (N, C, D, H, W), N being optional."""

    _rank = 3


class LazyInstanceNorm3d(_LazyNormBase, _InstanceNorm):
    """An InstanceNorm3d that takes ``num_features`` from its first input, and then is one."""

    cls_to_become = InstanceNorm3d
    _rank = 3
