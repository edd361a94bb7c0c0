"""The notebook "PyTorch Computational Graph and Automatic Differentiation": its code cells, in order.

Runs on PyTorch, and unmodified through ``dynagrad run``. It draws nothing.
"""

import warnings

import numpy as np
import torch
import torch.nn as nn

try:
    import matplotlib.pyplot as plt
    import pandas as pd
except ImportError:  # the notebook only prints a version of theirs
    plt = pd = None

warnings.filterwarnings("ignore")
print("NumPy version: %s" % np.__version__)
if pd is not None:
    print("Pandas version: %s" % pd.__version__)
print("PyTorch version: %s" % torch.__version__)


def compute_s(x, y, z):
    r1 = torch.sub(x, y)
    r2 = torch.mul(r1, 2)
    z = torch.add(r2, z)
    return z


# The notebook's cell calls compute_z(a, b, c), names from an earlier state of it.
x = torch.tensor(1)
y = torch.tensor(2)
z = torch.tensor(5)
s = compute_s(x, y, z)
print("s =", s)

torch.manual_seed(1)
w = torch.empty(2, 3)
nn.init.xavier_normal_(w)
print(w)
