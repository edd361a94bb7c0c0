"""Whether memory that is not initialised is filled while deterministic algorithms are asked for.

``torch.empty`` gives out memory as it is, either way: what is read before it is written is the program's own.
"""

fill_uninitialized_memory: bool = True
