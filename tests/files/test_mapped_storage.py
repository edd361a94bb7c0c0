"""Storages over files, and how large storages are."""

from __future__ import annotations

import sys

import pytest

import dynagrad as torch


def test_a_private_mapping_reads_the_file_and_leaves_it(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(8)))
    storage = torch.UntypedStorage.from_file(str(path), False, 6)
    assert storage.tolist() == [0, 1, 2, 3, 4, 5]
    storage._bytes[0] = 9
    assert storage.tolist()[0] == 9
    assert path.read_bytes() == bytes(range(8))


def test_a_shared_mapping_makes_and_writes_the_file(tmp_path):
    path = tmp_path / "bytes"
    storage = torch.UntypedStorage.from_file(str(path), True, 4)
    storage._bytes.fill_(7)
    again = torch.UntypedStorage.from_file(str(path), True, 4)
    assert again.tolist() == [7, 7, 7, 7]


def test_a_short_file_is_refused_and_none_is_empty(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(b"ab")
    with pytest.raises(RuntimeError, match="2 bytes"):
        torch.UntypedStorage.from_file(str(path), False, 3)
    assert torch.UntypedStorage.from_file(str(path), False, 0).nbytes() == 0


def test_the_size_of_a_storage_counts_its_bytes():
    x = torch.ones(1000)
    assert sys.getsizeof(x.untyped_storage()) > 4000
    assert sys.getsizeof(x.storage()) > 4000
