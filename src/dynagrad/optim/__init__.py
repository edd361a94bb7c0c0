"""Optimisers, schedules of their learning rates, and averages of weights, under PyTorch's names.

A step over all the parameters of a group is one native pass (`_core/ops/optimise.pyx`); those of `by_ops` have none.
"""

from typing import Any as _Any

from dynagrad.optim import lr_scheduler as lr_scheduler
from dynagrad.optim.adadelta import Adadelta as Adadelta
from dynagrad.optim.adafactor import Adafactor as Adafactor
from dynagrad.optim.adagrad import Adagrad as Adagrad
from dynagrad.optim.adam import Adam as Adam
from dynagrad.optim.adamax import Adamax as Adamax
from dynagrad.optim.adamw import AdamW as AdamW
from dynagrad.optim.asgd import ASGD as ASGD
from dynagrad.optim.lbfgs import LBFGS as LBFGS
from dynagrad.optim.muon import Muon as Muon
from dynagrad.optim.nadam import NAdam as NAdam
from dynagrad.optim.optimizer import Optimizer as Optimizer
from dynagrad.optim.radam import RAdam as RAdam
from dynagrad.optim.rmsprop import RMSprop as RMSprop
from dynagrad.optim.rprop import Rprop as Rprop
from dynagrad.optim.sgd import SGD as SGD
from dynagrad.optim.sparse_adam import SparseAdam as SparseAdam


def __getattr__(name: str) -> _Any:
    """`swa_utils` needs `nn`, which the optimisers themselves do not."""
    if name == "swa_utils":
        import importlib

        return importlib.import_module("dynagrad.optim.swa_utils")
    raise AttributeError(f"module 'dynagrad.optim' has no attribute {name!r}")
