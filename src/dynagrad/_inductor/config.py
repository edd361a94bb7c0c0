"""Options of PyTorch's code generator. They are kept, so that what a program sets it reads again; no code is generated."""

from types import SimpleNamespace

debug = False
coordinate_descent_tuning = False
epilogue_fusion = True
freezing = False
fx_graph_cache = True
max_autotune = False
max_autotune_gemm = False
shape_padding = True
cpp = SimpleNamespace(threads=-1, weight_prepack=True, enable_kernel_profile=False)
triton = SimpleNamespace(cudagraphs=False, cudagraph_trees=True, unique_kernel_names=True)
