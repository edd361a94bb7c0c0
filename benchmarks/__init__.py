"""Speed and memory of dynagrad beside its peers: ``python -m benchmarks``.

``workloads`` says what is measured, ``peers`` on what, ``worker`` measures one pair in a process of its own,
``runner`` alternates the processes and ``report`` prints the table. No test depends on a time.
"""
