"""What the errors about graphs say: which op, which variable, which lines, and how to mend it."""

from __future__ import annotations

import inspect
import warnings

import pytest

import dynagrad as torch


def second():
    w = torch.ones(2, requires_grad=True)
    loss = (w * w).sum()  # recorded
    loss.backward()  # first
    loss.backward()


def modified():
    w = torch.ones(2, requires_grad=True)
    h = w * 2
    y = h * h  # saved
    h += 1  # wrote
    y.sum().backward()


def detached():
    w = torch.ones(2, requires_grad=True)
    h = w.detach()  # cut
    (h * 2).sum().backward()


def without_grad():
    w = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        h = w * 2  # cut
    (h * 2).sum().backward()


def integer():
    w = torch.ones(2, requires_grad=True)
    h = w.argmax()  # cut
    (h * 2.0).backward()


def item():
    w = torch.ones(2, requires_grad=True)
    number = (w * 2).sum().item()  # cut
    torch.tensor(number).backward()


def as_float():
    w = torch.ones((), requires_grad=True)
    number = float(w)  # cut
    torch.tensor(number).backward()


def as_list():
    w = torch.ones(2, requires_grad=True)
    numbers = w.tolist()  # cut
    torch.tensor(numbers).sum().backward()


def leaf():
    w = torch.ones(3, requires_grad=True)
    w -= 0.1  # wrote


def shapes():
    left, right = torch.ones(2, 3), torch.ones(4)
    left + right  # failed


EXPECTED = {
    second: ("second time", "MulBackward0", "retain_graph=True", "recorded", "first"),
    modified: ("inplace", "MulBackward0", "'h'", "version 1; expected version 0", "clone()", "saved", "wrote"),
    detached: ("detach()", "cut"),
    without_grad: ("torch.no_grad()", "cut"),
    integer: ("int64", "cut"),
    item: ("item()", "cut"),
    as_float: ("float()", "cut"),
    as_list: ("tolist()", "cut"),
    leaf: ("leaf Variable", "'w'", "with torch.no_grad():", "wrote"),
    shapes: ("(3)", "(4)", "'left' of shape [2, 3]", "'right' of shape [4]", "failed"),
}


def lines_marked(program, words):
    """The numbers of the program's lines that end in one of the words as a comment."""
    lines, start = inspect.getsourcelines(program)
    return [start + i for i, line in enumerate(lines) for word in words if line.rstrip().endswith(f"# {word}")]


@pytest.mark.parametrize("program", EXPECTED, ids=lambda program: program.__name__)
def test_an_error_names_ops_variables_and_lines(program):
    words = EXPECTED[program]
    marked = lines_marked(program, words)
    with pytest.raises(RuntimeError) as caught:
        program()
    message = str(caught.value)
    assert marked
    for line in marked:
        assert f"line {line}, in {program.__name__}" in message
    for word in words:
        if word not in ("recorded", "first", "saved", "wrote", "cut", "failed"):
            assert word in message


def test_reading_the_grad_of_a_non_leaf_says_where_retain_grad_belongs():
    w = torch.ones(2, requires_grad=True)
    inner = w * 2
    inner.sum().backward()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert inner.grad is None
    message = str(caught[0].message)
    assert "inner.retain_grad()" in message
    assert "inner = w * 2" in message


def test_what_pytorch_says_comes_first_and_whole():
    x = torch.ones(2, requires_grad=True)
    unused = torch.ones(2, requires_grad=True)
    loss = (x * x).sum()
    with pytest.raises(
        RuntimeError, match=r"^The differentiated Tensor at index 1 appears to not have been .* It is 'unused'\.$"
    ):
        torch.autograd.grad(loss, [x, unused])
    with pytest.raises(RuntimeError, match=r"`inputs` argument to `grad\(\)` cannot be empty"):
        torch.autograd.grad(loss, [])
    with pytest.raises(RuntimeError, match=r"gradient of size '\[3\]' to a tensor of size '\[2\]'"):
        x.grad = torch.ones(3)
    with pytest.raises(RuntimeError, match="requires_grad must be a bool"):
        x.requires_grad = 2
    with pytest.raises(RuntimeError, match="data set to a tensor that requires gradients"):
        x.data = torch.ones(2, dtype=torch.int64)
    with pytest.raises(RuntimeError, match=r"^Output 0 of Unbind is a view and is being modified inplace"):
        x.clone().unbind()[0].mul_(2)
    with torch.no_grad():
        view = x.view(2)
    with pytest.raises(RuntimeError, match=r"(?s)^A view was created in no_grad mode and is being .* It is 'view'"):
        view.mul_(2)
    with pytest.raises(RuntimeError, match=r"The size of tensor a \(3\) must match the size of tensor b \(5\)"):
        torch.ones(3).copy_(torch.ones(5))
    with pytest.raises(RuntimeError, match=r"output with shape \[3\] doesn't match the broadcast shape \[2, 3\]"):
        torch.ones(3).copy_(torch.ones(2, 3))


def test_a_copy_over_a_part_of_itself_is_refused():
    a = torch.arange(4.0)
    for write in (lambda: a[1:].copy_(a[:-1]), lambda: a.__setitem__(slice(1, None), a[:-1])):
        with pytest.raises(RuntimeError, match="refer to a single memory location"):
            write()
    assert a.copy_(a).tolist() == [0, 1, 2, 3]


def test_a_tensor_hashes_as_its_identity_and_reverses_its_rows():
    x = torch.tensor([[1, 2], [3, 4]])
    assert hash(x) == id(x)
    assert reversed(x).tolist() == [[3, 4], [1, 2]]
    assert x[0].broadcast_to(1, 2).shape == x[0].broadcast_to((1, 2)).shape == (1, 2)
