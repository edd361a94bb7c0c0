"""Objects between a worker and the main process: small ones through the pipe, large buffers as shared memory.

Note [Shared memory without names]
A large buffer travels as an anonymous memory file whose descriptor is passed along the socket. The kernel frees it with
the last process that has it open or mapped: whoever is killed at whatever point, nothing is left behind. Where the
system has no such files (`memfd_create`), the bytes go through the pipe.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
from multiprocessing import connection, reduction
from typing import Any

SHARED_FROM = 1 << 16  # bytes; below, a copy through the pipe costs less than a mapping
_ALIGN = 64


def _rounded(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _without_tensors(table: Any) -> Any:
    """How things are pickled, but for tensors, which `multiprocessing` would put into shared memory one by one."""
    own = "dynagrad.multiprocessing."
    return {kind: reducer for kind, reducer in table.items() if not reducer.__module__.startswith(own)}


def pack(value: Any) -> tuple[bytes, list[memoryview]]:
    """A pickle of ``value``, and the buffers of its tensors and arrays."""
    stream = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    pickler = reduction.ForkingPickler(stream, 5, True, buffers.append)
    pickler.dispatch_table = _without_tensors(pickler.dispatch_table)
    pickler.dump(value)
    return stream.getvalue(), [buffer.raw() for buffer in buffers]


def send(pipe: connection.Connection, head: Any, payload: bytes, buffers: list[memoryview]) -> None:
    """Sends what ``pack`` made; ``head`` is a small object that arrives with it."""
    sizes = [buffer.nbytes for buffer in buffers]
    shared = sum(sizes) >= SHARED_FROM and hasattr(os, "memfd_create")
    pipe.send_bytes(pickle.dumps((head, sizes, shared), 5))
    pipe.send_bytes(payload)
    if shared:
        _send_file(pipe, buffers)
    elif sizes:
        pipe.send_bytes(
            b"".join(buffer.tobytes() + bytes(_rounded(buffer.nbytes) - buffer.nbytes) for buffer in buffers)
        )


def _send_file(pipe: connection.Connection, buffers: list[memoryview]) -> None:
    file = os.memfd_create("dynagrad_batch", os.MFD_CLOEXEC)
    try:
        os.ftruncate(file, sum(_rounded(buffer.nbytes) for buffer in buffers))
        offset = 0
        for buffer in buffers:
            written = 0
            while written < buffer.nbytes:
                written += os.pwrite(file, buffer[written:], offset + written)
            offset += _rounded(buffer.nbytes)
        reduction.send_handle(pipe, file, None)  # the process matters on Windows only
    finally:
        os.close(file)


def receive(pipe: connection.Connection) -> tuple[Any, Any]:
    """(head, value) of the next message. EOFError if the other end is gone."""
    head, sizes, shared = pickle.loads(pipe.recv_bytes())  # noqa: S301  # our own worker wrote it
    payload = pipe.recv_bytes()
    memory: Any = b""
    if shared:
        file = reduction.recv_handle(pipe)
        try:
            memory = mmap.mmap(file, 0)
        finally:
            os.close(file)
    elif sizes:
        memory = bytearray(pipe.recv_bytes())
    view, buffers, offset = memoryview(memory), [], 0
    for size in sizes:
        buffers.append(view[offset : offset + size])
        offset += _rounded(size)
    return head, pickle.loads(payload, buffers=buffers)  # noqa: S301  # our own worker wrote it
