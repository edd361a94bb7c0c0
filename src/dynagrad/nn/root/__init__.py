"""The functions of layers that PyTorch also has at its root, as `torch.dropout`: their arguments come in the order of its operators.

The same arithmetic under the names of `nn.functional` is there; what is here only translates: reductions are numbers,
flags have no defaults, states of recurrent layers and their weights are sequences.
"""

from dynagrad.nn.root.activation import *  # noqa: F403
from dynagrad.nn.root.dropout import *  # noqa: F403
from dynagrad.nn.root.loss import *  # noqa: F403
from dynagrad.nn.root.normal import *  # noqa: F403
from dynagrad.nn.root.recurrent import *  # noqa: F403
from dynagrad.nn.root.table import *  # noqa: F403
