"""Options of PyTorch's compiler. They are kept, so that what a program sets it reads again; there is no compiler."""

verbose = False
suppress_errors = False
disable = False
dynamic_shapes = True
assume_static_by_default = True
automatic_dynamic_shapes = True
recompile_limit = cache_size_limit = 8
accumulated_recompile_limit = accumulated_cache_size_limit = 256
specialize_int = False
specialize_float = False
capture_scalar_outputs = False
capture_dynamic_output_shape_ops = False
optimize_ddp = True
error_on_recompile = False
guard_nn_modules = True
inline_inbuilt_nn_modules = True
allow_rnn = False
