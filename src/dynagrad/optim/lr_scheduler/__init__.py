"""Schedules of learning rates: each changes the ``lr`` of an optimiser's groups when its ``step`` is called."""

from dynagrad.optim.lr_scheduler.composed import ChainedScheduler as ChainedScheduler
from dynagrad.optim.lr_scheduler.composed import SequentialLR as SequentialLR
from dynagrad.optim.lr_scheduler.cosine import CosineAnnealingLR as CosineAnnealingLR
from dynagrad.optim.lr_scheduler.cosine import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from dynagrad.optim.lr_scheduler.cycle import CyclicLR as CyclicLR
from dynagrad.optim.lr_scheduler.decay import ConstantLR as ConstantLR
from dynagrad.optim.lr_scheduler.decay import ExponentialLR as ExponentialLR
from dynagrad.optim.lr_scheduler.decay import LambdaLR as LambdaLR
from dynagrad.optim.lr_scheduler.decay import LinearLR as LinearLR
from dynagrad.optim.lr_scheduler.decay import MultiplicativeLR as MultiplicativeLR
from dynagrad.optim.lr_scheduler.decay import MultiStepLR as MultiStepLR
from dynagrad.optim.lr_scheduler.decay import PolynomialLR as PolynomialLR
from dynagrad.optim.lr_scheduler.decay import StepLR as StepLR
from dynagrad.optim.lr_scheduler.one_cycle import OneCycleLR as OneCycleLR
from dynagrad.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau
from dynagrad.optim.lr_scheduler.schedule import EPOCH_DEPRECATION_WARNING as EPOCH_DEPRECATION_WARNING
from dynagrad.optim.lr_scheduler.schedule import LRScheduler as LRScheduler
from dynagrad.optim.lr_scheduler.schedule import _LRScheduler as _LRScheduler
