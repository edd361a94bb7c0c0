"""How values are compared, where no other library needs to be asked."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import pytest

import dynagrad
from dynagrad.testing import assert_close
from dynagrad.testing._comparison import Pair, TensorLikePair, not_close_error_metas


def test_the_text_says_how_many_how_much_and_where():
    a = dynagrad.arange(6.0).reshape(2, 3)
    b = a.clone()
    b[1, 0], b[0, 2] = 4, 2.5
    with pytest.raises(AssertionError) as caught:
        assert_close({"x": [a]}, {"x": [b]})
    assert str(caught.value) == (
        "Tensor-likes are not close!\n\nMismatched elements: 2 / 6 (33.3%)\n"
        "Greatest absolute difference: 1.0 at index (1, 0) (up to 1e-05 allowed)\n"
        "Greatest relative difference: 0.25 at index (1, 0) (up to 1.3e-06 allowed)\n\n"
        "The failure occurred for item ['x'][0]"
    )


@pytest.mark.parametrize("tolerances", [{"rtol": 0.1}, {"atol": 0.1}])
def test_tolerances_come_in_twos(tolerances):
    with pytest.raises(ValueError, match="Both 'rtol' and 'atol' must be either specified or omitted"):
        assert_close(1.0, 1.0, **tolerances)


def test_differences_of_integers_do_not_wrap():
    a, b = (dynagrad.tensor([value], dtype=dynagrad.int8) for value in (127, -128))
    with pytest.raises(AssertionError, match="absolute difference: 255 at index"):
        assert_close(a, b)


def test_every_pair_is_looked_at():
    assert [meta.id for meta in not_close_error_metas([1, {"a": 2}, 3], [0, {"a": 0}, 3])] == [(0,), (1, "a")]


def test_a_library_can_bring_pairs_of_its_own():
    class LengthPair(Pair):
        def __init__(self, actual, expected, **options):
            self._check_inputs_isinstance(actual, expected, cls=str)
            super().__init__(actual, expected, **options)

        def compare(self):
            if len(self.actual) != len(self.expected):
                self._fail(AssertionError, "Lengths differ.")

    class RoundedPair(TensorLikePair):
        def _equalize_attributes(self, actual, expected):
            return tuple(each.round() for each in super()._equalize_attributes(actual, expected))

    def wrong(a, b):
        return [meta.msg for meta in not_close_error_metas(a, b, pair_types=(LengthPair, RoundedPair))]

    assert not wrong(["ab", dynagrad.tensor([1.2])], ["cd", dynagrad.tensor([1.4])])
    assert wrong("ab", "c") == ["Lengths differ."]
    assert len(wrong(dynagrad.tensor([1.2]), dynagrad.tensor([1.6]))) == 1


def test_what_fails_in_a_comparison_is_told_with_what_was_compared():
    class Broken:
        def __eq__(self, other):
            raise ZeroDivisionError("no way")

        __hash__ = None

    from dynagrad.testing._internal.utils.pairs import SetPair

    class BrokenPair(SetPair):
        CLS = int

        def compare(self):
            raise KeyError(self.actual)

    with pytest.raises(ValueError, match=r"failed with:\nno way\."):
        raise not_close_error_metas(Broken(), 1)[0].to_error()
    with pytest.raises(RuntimeError, match="resulted in the unexpected exception above"):
        not_close_error_metas(1, 2, pair_types=(BrokenPair,))


def test_a_failed_comparison_keeps_no_tensor_alive():
    gc.disable()
    try:
        tensor = dynagrad.ones(3)
        alive = weakref.ref(tensor)
        with pytest.raises(AssertionError):
            assert_close(tensor, dynagrad.zeros(3))
        del tensor
        assert alive() is None
    finally:
        gc.enable()


def test_numpy_is_not_imported_for_it():
    code = (
        "import sys, dynagrad\n"
        "print('dynagrad.testing' in sys.modules)\n"
        "dynagrad.testing.assert_close([dynagrad.ones(2), 1], [dynagrad.ones(2), 1])\n"
        "print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
