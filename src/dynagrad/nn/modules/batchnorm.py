"""BatchNorm over one to three dimensions, its lazy forms, and what it shares with InstanceNorm."""

from __future__ import annotations

from typing import Any

import dynagrad
from dynagrad import Tensor
from dynagrad.nn import functional as F
from dynagrad.nn import init
from dynagrad.nn.modules.lazy import LazyModuleMixin
from dynagrad.nn.modules.module import Module
from dynagrad.nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "SyncBatchNorm",
]


class _NormBase(Module):
    """Weight, bias and running statistics of C channels."""

    _version = 2
    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]
    weight: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            made = Parameter(dynagrad.empty(num_features, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)
        self._make_running(device, dtype)
        self.reset_parameters()

    def _make_running(self, device: Any, dtype: Any) -> None:
        on, n = self.track_running_stats, self.num_features
        self.register_buffer("running_mean", dynagrad.zeros(n, device=device, dtype=dtype) if on else None)
        self.register_buffer("running_var", dynagrad.ones(n, device=device, dtype=dtype) if on else None)
        count = dynagrad.tensor(0, dtype=dynagrad.long, device=device) if on else None
        self.register_buffer("num_batches_tracked", count)

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batch seen."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and the running statistics as new."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)  # type: ignore[arg-type]  # there is one where it is affine
            if self.bias is not None:
                init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Numbers."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *more: Any
    ) -> None:
        version, key = local_metadata.get("version"), f"{prefix}num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            counted = self.num_batches_tracked
            state_dict[key] = counted if counted is not None else dynagrad.tensor(0, dtype=dynagrad.long)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *more)


class _BatchNorm(_NormBase):
    """Normalises each channel by the mean and variance of the batch, in evaluation by those of the batches seen.

    Args:
        num_features: C of inputs (N, C, ...).
        eps: added to the variance.
        momentum: how far running statistics move towards those of a batch; None for the mean over all batches.
        affine: whether there are a weight and a bias for each channel.
        track_running_stats: whether there are running statistics; without them, those of the batch always count.
        bias: whether, besides the weight, there is a bias.

    Raises:
        ValueError: an input of another rank, or with one number for each channel in training.
    """

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, ...)`` to the same shape."""
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        uses_batch = self.training or (self.running_mean is None and self.running_var is None)
        keeps = not self.training or self.track_running_stats
        running: tuple[Any, Any] = (self.running_mean, self.running_var) if keeps else (None, None)
        return F.batch_norm(input, *running, self.weight, self.bias, uses_batch, factor, self.eps)


class _LazyNormBase(LazyModuleMixin, _NormBase):
    """Takes ``num_features`` from its first input."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype, bias=False)
        self.affine, self.track_running_stats = affine, track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = dynagrad.tensor(0, dtype=dynagrad.long, device=device)

    def reset_parameters(self) -> None:
        """Nothing before the channels are known."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Makes parameters and buffers for inputs like this one."""
        if self.num_features == 0:  # also after a load, which shapes parameters and buffers itself
            self.num_features = input.shape[1]
        if not self.has_uninitialized_params():
            return
        made: tuple[Any, ...] = (self.weight, self.bias) if self.affine else ()
        made += (self.running_mean, self.running_var) if self.track_running_stats else ()
        for each in made:
            if each is not None:
                each.materialize((self.num_features,))
        self.reset_parameters()


class _Rank1:
    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.dim()}D input)")


class BatchNorm1d(_Rank1, _BatchNorm):
    """A batch norm of inputs (N, C) or (N, C, L)."""


class LazyBatchNorm1d(_Rank1, _LazyNormBase, _BatchNorm):
    """A BatchNorm1d that takes ``num_features`` from its first input, and then is one."""

    cls_to_become = BatchNorm1d


class _Rank2:
    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() != 4:
            raise ValueError(f"expected 4D input (got {input.dim()}D input)")


class BatchNorm2d(_Rank2, _BatchNorm):
    """A batch norm of inputs (N, C, H, W)."""


class LazyBatchNorm2d(_Rank2, _LazyNormBase, _BatchNorm):
    """A BatchNorm2d that takes ``num_features`` from its first input, and then is one."""

    cls_to_become = BatchNorm2d


class _Rank3:
    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() != 5:
            raise ValueError(f"expected 5D input (got {input.dim()}D input)")


class BatchNorm3d(_Rank3, _BatchNorm):
    """A batch norm of inputs (N, C, D, H, W)."""


class LazyBatchNorm3d(_Rank3, _LazyNormBase, _BatchNorm):
    """A BatchNorm3d that takes ``num_features`` from its first input, and then is one."""

    cls_to_become = BatchNorm3d


class SyncBatchNorm(_BatchNorm):
    """A BatchNorm of any rank with the statistics of all processes of a group: of the one that there is."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with every BatchNorm in it replaced by a SyncBatchNorm with the same parameters and buffers."""
        made: Module = module
        if isinstance(module, _BatchNorm) and not isinstance(module, cls):
            made = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            made._parameters.update(module._parameters)
            made._buffers.update(module._buffers)
            made.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made
