"""What making tensors warns of: an out of another size, flags that come along, lists of arrays, the old default type."""

from __future__ import annotations

import numpy as np
import pytest

import dynagrad


def test_an_out_of_another_number_of_elements_is_resized_with_a_warning() -> None:
    out = dynagrad.zeros(2, 2)
    with pytest.warns(UserWarning, match="is 4 which does not match the computed number of elements 3"):
        dynagrad.arange(3, out=out)
    assert out.tolist() == [0, 1, 2]


def test_asarray_says_that_a_leaf_keeps_its_flag() -> None:
    leaf = dynagrad.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="unspecified requires_grad now defaults to obj.requires_grad"):
        assert dynagrad.asarray(leaf) is leaf
    assert dynagrad.asarray(leaf, requires_grad=True) is leaf
    assert dynagrad.asarray(leaf * 2).requires_grad


def test_a_list_of_arrays_is_slow() -> None:
    with pytest.warns(UserWarning, match="from a list of numpy.ndarrays is extremely slow"):
        made = dynagrad.tensor([np.zeros(2), np.ones(2)])
    assert made.tolist() == [[0, 0], [1, 1]]


def test_the_default_tensor_type_is_the_old_way() -> None:
    with pytest.warns(UserWarning, match="set_default_tensor_type\\(\\) is deprecated as of PyTorch 2.1"):
        dynagrad.set_default_tensor_type(dynagrad.FloatTensor)


def test_a_sequence_that_holds_itself_is_refused() -> None:
    endless: list[object] = [0]
    endless.append(endless)
    with pytest.raises(TypeError, match="self-referential lists are incompatible"):
        dynagrad.tensor(endless)
