"""segment_reduce against slices taken one by one, and what PyTorch's own code calls below its layers."""

import pytest

import dynagrad

DATA = [[1.0, -2.0], [4.0, 0.0], [4.0, 3.0], [-1.0, 5.0]]
LENGTHS = [1, 0, 2, 1]
WAYS = {
    "sum": lambda part: part.sum(0),
    "mean": lambda part: part.sum(0) / part.shape[0],
    "prod": lambda part: part.prod(0),
    "max": lambda part: part.amax(0),
    "min": lambda part: part.amin(0),
}
OF_NOTHING = {"sum": 0.0, "mean": float("nan"), "prod": 1.0, "max": float("-inf"), "min": float("inf")}


def by_slices(data, way):
    nothing = data.new_full((2,), OF_NOTHING[way])
    return dynagrad.stack([WAYS[way](part) if part.shape[0] else nothing for part in data.split(LENGTHS)])


@pytest.mark.parametrize("way", WAYS)
def test_segments_are_slices(way):
    data = dynagrad.tensor(DATA, dtype=dynagrad.float64, requires_grad=True)
    found = dynagrad.segment_reduce(data, way, lengths=dynagrad.tensor(LENGTHS))
    expected = by_slices(data, way)
    assert dynagrad.allclose(found, expected, equal_nan=True)
    weights = dynagrad.arange(1.0, 9.0).double().view(4, 2)
    weights[1] = 0
    grads = [dynagrad.autograd.grad(t[[0, 2, 3]], data, weights[[0, 2, 3]])[0] for t in (found, expected)]
    assert dynagrad.allclose(*grads)


@pytest.mark.parametrize("way", WAYS)
def test_offsets_are_where_segments_begin(way):
    data, lengths = dynagrad.tensor(DATA), dynagrad.tensor(LENGTHS)
    offsets = dynagrad.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    whole = dynagrad.segment_reduce(data, way, lengths=lengths)
    assert dynagrad.equal(dynagrad.segment_reduce(data, way, offsets=offsets).nan_to_num(7), whole.nan_to_num(7))
    later = dynagrad.segment_reduce(data, way, offsets=offsets[2:])
    assert dynagrad.equal(later, whole[2:])


def test_segments_of_a_later_dimension():
    data = dynagrad.tensor(DATA)
    lengths = dynagrad.tensor([[1, 1], [2, 0], [0, 2], [1, 1]])
    expected = dynagrad.tensor([[1.0, -2.0], [4.0, 0.0], [0.0, 7.0], [-1.0, 5.0]])
    assert dynagrad.equal(dynagrad.segment_reduce(data, "sum", lengths=lengths, axis=1), expected)
    assert dynagrad.equal(dynagrad.segment_reduce(data, "sum", lengths=lengths, axis=-1), expected)


def test_what_a_segment_starts_with():
    data, lengths = dynagrad.tensor([1.0, 2.0, 6.0]), dynagrad.tensor([1, 0, 2])

    def found(way):
        return dynagrad.segment_reduce(data, way, lengths=lengths, initial=3).tolist()

    assert {way: found(way) for way in WAYS} == {
        "sum": [4, 3, 11],
        "mean": [4, 3, 5.5],
        "prod": [3, 3, 36],
        "max": [3, 3, 6],
        "min": [1, 3, 2],
    }


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({}, RuntimeError, "Either lengths or offsets must be defined"),
        ({"reduce": "best", "lengths": [4]}, RuntimeError, "reduce argument must be either sum, prod, mean"),
        ({"lengths": [1, 1]}, RuntimeError, "to sum to data.size"),
        ({"lengths": [-1, 5]}, RuntimeError, "lengths contains negative value!"),
        ({"lengths": [4.0]}, NotImplementedError, "not implemented for 'Float'"),
        ({"lengths": [2, 2], "axis": 1}, RuntimeError, "Expected axis to be the last dimension of lengths but got 1"),
        ({"lengths": 4}, RuntimeError, "Expected data with the dimensions of lengths"),
        ({"offsets": []}, RuntimeError, "Expected data with the dimensions of offsets"),
        ({"indices": [0, 0, 1, 1]}, RuntimeError, "indices based reduction is not supported yet"),
    ],
)
def test_segments_that_do_not_fit(given, error, said):
    tensors = {name: value if name in ("reduce", "axis") else dynagrad.tensor(value) for name, value in given.items()}
    tensors = {name: t.long() if name == "offsets" else t for name, t in tensors.items()}
    with pytest.raises(error, match=said):
        dynagrad.segment_reduce(dynagrad.tensor(DATA), **{"reduce": "sum", **tensors})


def test_what_is_in_no_segment_counts_for_nothing_if_unchecked():
    data = dynagrad.tensor([1.0, 2.0, 6.0], requires_grad=True)
    found = dynagrad.segment_reduce(data, "sum", lengths=dynagrad.tensor([1, 1]), unsafe=True)
    found.sum().backward()
    assert (found.tolist(), data.grad.tolist()) == ([1, 2], [1, 1, 0])


def test_memory_in_another_order():
    assert dynagrad.empty_permuted((2, 3, 4), (2, 0, 1)).stride() == (3, 1, 6)
    assert dynagrad.empty_permuted((2, 0), (1, 0)).shape == (2, 0)
    for layout, said in (((0, 0), "Duplicate dim"), ((0,), "does not match the length"), ((0, 2), "out of range")):
        with pytest.raises(RuntimeError, match=said):
            dynagrad.empty_permuted((2, 3), layout)


def test_indices_under_a_mask_may_lie_outside():
    x = dynagrad.arange(6.0).view(2, 3).requires_grad_()
    mask = dynagrad.tensor([True, False, True])
    rows, columns = dynagrad.tensor([0, 9, 1]), dynagrad.tensor([2, -9, -1])
    found = dynagrad._unsafe_masked_index(x, mask, [rows, columns], -1)
    assert found.tolist() == [2, -1, 5]
    assert dynagrad.autograd.grad(found.sum(), x)[0].tolist() == [[0, 0, 1], [0, 0, 1]]
    added = dynagrad._unsafe_masked_index_put_accumulate(x, mask, [rows, columns], dynagrad.full((3,), 10.0))
    assert added.tolist() == [[0, 1, 12], [3, 4, 15]]
    whole = dynagrad._unsafe_masked_index(x, mask[:2].view(2, 1).expand(2, 2), [None, columns[[0, 2]]], 0)
    assert whole.tolist() == [[2, 2], [0, 0]]


def test_chunks_of_several_tensors_side_by_side():
    parts = [dynagrad.arange(6).view(3, 2), dynagrad.arange(10, 14)]
    found = dynagrad._chunk_cat(parts, 0, 2)
    assert found.tolist() == [[0, 1, 2, 3, 10, 11], [4, 5, 0, 0, 12, 13]]
    with pytest.raises(RuntimeError, match="non-empty input tensor list"):
        dynagrad._chunk_cat([], 0, 2)
    with pytest.raises(RuntimeError, match="positive num_chunks"):
        dynagrad._chunk_cat(parts, 0, 0)
    with pytest.raises(RuntimeError, match="all have the dimension 1"):
        dynagrad._chunk_cat(parts, 1, 2)


def test_division_under_its_old_name():
    assert dynagrad.tensor([2.0, 4.0]).__rdiv__(4).tolist() == [2, 1]


def test_a_count_of_differences_has_the_gradient_zero():
    rows = dynagrad.tensor([[1.0, float("inf")], [1.0, 2.0], [1.0, 2.0]], requires_grad=True)
    counts = dynagrad.nn.functional.pdist(rows, 0)
    assert counts.tolist() == [1, 1, 0]
    assert dynagrad.autograd.grad(counts.sum(), rows)[0].tolist() == [[0, 0]] * 3
    assert dynagrad.cdist(rows, rows[1:], 0).tolist() == [[1, 1], [0, 0], [0, 0]]
