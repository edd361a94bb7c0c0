"""``torch.amp``: ops in a reduced precision where they stand it, and losses scaled for it."""

from dynagrad.amp import autocast_mode, grad_scaler
from dynagrad.amp.autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from dynagrad.amp.grad_scaler import GradScaler

__all__ = [
    "GradScaler",
    "autocast",
    "autocast_mode",
    "custom_bwd",
    "custom_fwd",
    "grad_scaler",
    "is_autocast_available",
]
