"""Pictures of graphs: a walk from ``grad_fn`` fills a plain model, and renderers turn the model into something to see.

Reads nothing but the public interface of tensors and nodes, so real PyTorch tensors are drawn as well as dynagrad's.
Nothing here imports Graphviz until a picture is rendered.
"""

from .make_dot import make_dot, make_dot_from_trace
from .picture import Picture, resize_graph
from .render import GraphvizMissingError

__all__ = ["GraphvizMissingError", "Picture", "make_dot", "make_dot_from_trace", "resize_graph"]
