"""Futures: callbacks whose errors are nobody's, and what cannot be done with a future."""

from __future__ import annotations

import pickle

import pytest

from dynagrad.futures import Future, collect_all


def test_a_callback_that_fails_is_told_of_and_the_others_run(capsys: pytest.CaptureFixture[str]) -> None:
    future: Future = Future()
    found: list[int] = []

    def fails(_done: Future) -> None:
        raise ValueError("not today")

    future.add_done_callback(fails)
    future.add_done_callback(lambda done: found.append(done.value()))
    future.set_result(3)
    future.add_done_callback(fails)
    assert found == [3]
    assert future.wait() == 3
    said = "Got the following error when running the callback: ValueError: not today"
    assert capsys.readouterr().err.count(said) == 2


def test_an_error_in_a_chain_reaches_who_waits() -> None:
    future: Future = Future()
    last = future.then(lambda done: done.value() / 0).then(lambda done: done.wait())
    future.set_result(3)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        last.wait()


def test_a_future_is_generic_and_stays_in_its_process() -> None:
    assert isinstance(Future[int](), Future)
    with pytest.raises(RuntimeError, match="Can not pickle"):
        pickle.dumps(Future())
    with pytest.raises(RuntimeError, match="Future can't be None"):
        collect_all([None])  # type: ignore[list-item]  # on purpose
