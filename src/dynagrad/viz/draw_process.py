"""The child process that ``render`` starts: DOT text from standard input, an image to standard output, by pygraphviz.

Run by its path, never imported: it needs neither dynagrad nor its start-up time.
"""

import os
import sys
import threading

LAYOUT_STACK = 512 << 20


def image(source: str, format: str, engine: str) -> bytes:
    """The image of ``source``; what Graphviz allocates for it is left to the end of this process."""
    from pygraphviz import AGraph, graphviz

    graph = AGraph(string=source)
    context = graphviz.gvContextWithBuiltins()
    if graphviz.gvLayout(context, graph.handle, engine.encode()):
        raise ValueError(f"the layout engine {engine!r} failed")
    failed, data = graphviz.gvRenderData(context, graph.handle, format.encode())
    if failed:
        raise ValueError(f"the format {format!r} is not known to this Graphviz")
    return bytes(data)


def draw() -> None:
    """Draws what standard input holds, and ends the process."""
    folder, format, engine = sys.argv[1:]
    sys.path.append(folder)
    code = 1
    try:
        data = image(sys.stdin.buffer.read().decode("utf-8"), format, engine)
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        code = 0
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent process reports it
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
    # Not sys.exit: Graphviz 14.1 crashes while it frees the layout of some graphs, and all has been said.
    os._exit(code)


if __name__ == "__main__":
    # Graphviz recurses along paths: a long chain needs a stack that only a thread of our own can have.
    threading.stack_size(LAYOUT_STACK)
    threading.Thread(target=draw).start()
