"""One test written, many tests run: ``parametrize`` and its kin for classes of unittest.

A decorator of this kind gives a test an attribute ``parametrize_fn(test, generic_cls, device_cls)``, which yields
tests with the ends of their names, their arguments, and a function from these to the decorators that they get.
``instantiate_parametrized_tests``, or ``instantiate_device_type_tests``, asks it and puts the tests into the class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial, wraps
from typing import Any

import dynagrad as torch
from dynagrad.testing._internal.utils.dtypes import dtype_name

Test = Callable[..., Any]
Variant = tuple[Test, str, dict[str, Any], Callable[[dict[str, Any]], list[Any]]]
Parametrizer = Callable[[Test, Any, Any], Iterable[Variant]]


def _always(decorators: tuple[Any, ...], _: dict[str, Any]) -> list[Any]:
    return list(decorators)


def _undecorated(_: dict[str, Any]) -> list[Any]:
    return []


def _copied(test: Test) -> Test:
    """A function of its own, which can be decorated without the other variants being so, too."""

    @wraps(test)
    def variant(*args: Any, **kwargs: Any) -> Any:
        return test(*args, **kwargs)

    return variant


class _TestParametrizer:
    """A decorator that makes many tests of one; a subclass says which, in ``_parametrize_test``."""

    def _parametrize_test(self, test: Test, generic_cls: Any, device_cls: Any) -> Iterable[Variant]:
        raise NotImplementedError

    def __call__(self, fn: Any) -> Any:
        before = getattr(fn, "parametrize_fn", None)
        fn.parametrize_fn = (
            self._parametrize_test if before is None else compose_parametrize_fns(before, self._parametrize_test)
        )
        return fn


def compose_parametrize_fns(old_parametrize_fn: Parametrizer, new_parametrize_fn: Parametrizer) -> Parametrizer:
    """A ``parametrize_fn`` for all combinations of what two yield. The names of the new one come first.

    Raises:
        RuntimeError: when it is asked, if both give the same argument.

    >>> from dynagrad.testing._internal.common_utils import compose_parametrize_fns, parametrize
    >>> x, y = (parametrize(name, [1, 2])._parametrize_test for name in "xy")
    >>> [name for _, name, _, _ in compose_parametrize_fns(x, y)(print, None, None)]
    ['y_1_x_1', 'y_2_x_1', 'y_1_x_2', 'y_2_x_2']
    """

    def composed(test: Test, generic_cls: Any, device_cls: Any) -> Iterator[Variant]:
        for old, old_name, old_arguments, old_decorators in list(old_parametrize_fn(test, generic_cls, device_cls)):
            for new, new_name, new_arguments, new_decorators in new_parametrize_fn(old, generic_cls, device_cls):
                twice = old_arguments.keys() & new_arguments.keys()
                if twice:
                    raise RuntimeError(
                        "Parametrization over the same parameter by multiple parametrization decorators is not "
                        f'supported. For test "{test.__name__}", the following parameters are handled multiple '
                        f"times: {set(twice)}"
                    )
                name = "_".join(part for part in (new_name, old_name) if part)

                def decorators(
                    arguments: dict[str, Any], old: Any = old_decorators, new: Any = new_decorators
                ) -> list[Any]:
                    return [*old(arguments), *new(arguments)]

                yield new, name, old_arguments | new_arguments, decorators

    return composed


def instantiate_parametrized_tests(generic_cls: Any) -> Any:
    """Puts the tests that the decorators of a class's tests make into the class, in place of the written ones.

    Returns:
        The class, so that this can be a decorator.

    >>> import unittest
    >>> from dynagrad.testing._internal.common_utils import instantiate_parametrized_tests, parametrize
    >>> @instantiate_parametrized_tests
    ... class TestSquares(unittest.TestCase):
    ...     @parametrize("x", [2, 0.5])
    ...     def test_positive(self, x):
    ...         self.assertGreater(x * x, 0)
    >>> [name for name in vars(TestSquares) if name.startswith("test")]
    ['test_positive_x_2', 'test_positive_x_0_5']
    """
    for attribute in dir(generic_cls):
        written = getattr(generic_cls, attribute)
        if not hasattr(written, "parametrize_fn"):
            continue
        delattr(generic_cls, attribute)
        for test, ending, arguments, decorators in written.parametrize_fn(
            written, generic_cls=generic_cls, device_cls=None
        ):
            name = f"{test.__name__}_{ending}"
            if hasattr(generic_cls, name):
                raise AssertionError(f"Redefinition of test {name}")
            decorated = test
            for decorator in decorators(arguments):
                decorated = decorator(decorated)
            setattr(generic_cls, name, _with_arguments(decorated, arguments))
    return generic_cls


def _with_arguments(test: Test, arguments: dict[str, Any]) -> Test:
    @wraps(test)
    def instantiated(self: Any) -> Any:
        return test(self, **arguments)

    return instantiated


class subtest:
    """Arguments of one variant, with a name and decorators of its own.

    Args:
        arg_values: the argument, or a tuple of them if the test takes several.
        name: the end of the test's name, in place of one made of the arguments.
        decorators: what this variant alone is decorated with.

    >>> from dynagrad.testing._internal.common_utils import subtest
    >>> subtest((1, 2), name="small").name
    'small'
    """

    __slots__ = ("arg_values", "decorators", "name")

    def __init__(self, arg_values: Any, name: str | None = None, decorators: Iterable[Any] | None = None) -> None:
        self.arg_values = arg_values
        self.name = name
        self.decorators = list(decorators or ())


class parametrize(_TestParametrizer):
    """Runs a test once for each of several values of its arguments.

    Args:
        arg_str: the names of the arguments, with commas between them.
        arg_values: for each variant the argument, or a tuple of them, or a `subtest`.
        name_fn: the end of a variant's name, from its arguments.

    Raises:
        RuntimeError: when the tests are made, if a variant has another number of arguments than ``arg_str``.
        ValueError: then, too, if there are no variants.

    >>> from dynagrad.testing._internal.common_utils import parametrize, subtest
    >>> some = parametrize("x, name", [(1, "a"), (2.5, "b"), subtest((3, "c"), name="last")])
    >>> [ending for _, ending, _, _ in some._parametrize_test(print, None, None)]
    ['x_1_name_a', 'x_2_5_name_b', 'last']
    """

    def __init__(self, arg_str: str, arg_values: Iterable[Any], name_fn: Callable[..., str] | None = None) -> None:
        self.arg_names = [name.strip() for name in arg_str.split(",") if name]
        self.arg_values = arg_values
        self.name_fn = name_fn

    def _formatted_str_repr(self, idx: int, name: str, value: Any) -> str:
        """What a value is called in a test's name."""
        if isinstance(value, torch.dtype):
            return dtype_name(value)
        if isinstance(value, torch.device):
            return str(value)
        if hasattr(value, "formatted_name"):  # descriptions of ops and modules
            return str(value.formatted_name)
        if isinstance(value, (int, float, str)):
            return f"{name}_{str(value).replace('.', '_')}"
        return f"{name}{idx}"

    def _ending(self, idx: int, values: list[Any], name: str | None) -> str:
        if name:
            return name
        if self.name_fn:
            return self.name_fn(*values)
        named = zip(self.arg_names, values, strict=True)
        return "_".join(self._formatted_str_repr(idx, name, value) for name, value in named)

    def _parametrize_test(self, test: Test, generic_cls: Any, device_cls: Any) -> Iterator[Variant]:  # noqa: ARG002  # PyTorch's signature
        if not self.arg_names:
            yield test, "", {}, _undecorated
            return
        idx = -1
        for idx, given in enumerate(self.arg_values):  # counted after the loop, too
            one = given if isinstance(given, subtest) else None
            value = given if one is None else one.arg_values
            values = list(value) if len(self.arg_names) > 1 else [value]
            if len(values) != len(self.arg_names):
                raise RuntimeError(
                    f"Expected # values == # arg names, but got: {len(values)} values and {len(self.arg_names)} "
                    f'names for test "{test.__name__}"'
                )
            decorators = () if one is None else tuple(one.decorators)
            yield (
                test if one is None else _copied(test),
                self._ending(idx, values, None if one is None else one.name),
                dict(zip(self.arg_names, values, strict=True)),
                partial(_always, decorators),
            )
        if idx < 0:
            raise ValueError(
                f"{test}: An empty arg_values was passed to @parametrize. "
                "Note that this may result from reuse of a generator."
            )


class reparametrize(_TestParametrizer):
    """What another parametrizer makes, changed.

    Args:
        parametrizer: the other one.
        adapter_fn: from the end of a name and the arguments, an iterable of new ends with new arguments; None in it, or
            in place of it, drops the variant.

    >>> from dynagrad.testing._internal.common_utils import parametrize, reparametrize
    >>> odd = reparametrize(parametrize("x", range(4)), lambda name, kw: [(name, kw)] if kw["x"] % 2 else None)
    >>> [ending for _, ending, _, _ in odd._parametrize_test(print, None, None)]
    ['x_1', 'x_3']
    """

    def __init__(self, parametrizer: _TestParametrizer, adapter_fn: Callable[[str, dict[str, Any]], Any]) -> None:
        self.parametrizer = parametrizer
        self.adapter_fn = adapter_fn

    def _parametrize_test(self, test: Test, generic_cls: Any, device_cls: Any) -> Iterator[Variant]:
        for made, ending, arguments, decorators in self.parametrizer._parametrize_test(test, generic_cls, device_cls):
            for adapted in self.adapter_fn(ending, arguments) or ():
                if adapted is not None:
                    yield made, adapted[0], adapted[1], decorators


class decorateIf(_TestParametrizer):
    """Decorates those variants of a test whose arguments fulfil a condition.

    Args:
        decorator: for a test.
        predicate_fn: whether it is wanted, from the dict of all arguments.

    >>> import unittest
    >>> from dynagrad.testing._internal.common_utils import decorateIf
    >>> skip = decorateIf(unittest.skip("too large"), lambda kwargs: kwargs["x"] > 1)
    >>> [(_, _, _, decorators)] = skip._parametrize_test(print, None, None)
    >>> len(decorators({"x": 1})), len(decorators({"x": 2}))
    (0, 1)
    """

    def __init__(self, decorator: Any, predicate_fn: Callable[[dict[str, Any]], bool]) -> None:
        self.decorator = decorator
        self.predicate_fn = predicate_fn

    def _parametrize_test(self, test: Test, generic_cls: Any, device_cls: Any) -> Iterator[Variant]:  # noqa: ARG002  # PyTorch's signature
        def decorators(arguments: dict[str, Any]) -> list[Any]:
            return [self.decorator] if self.predicate_fn(arguments) else []

        yield _copied(test), "", {}, decorators
