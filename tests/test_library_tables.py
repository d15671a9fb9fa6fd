"""The compiled copy of the library's tables: used when it holds, never believed otherwise."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from nnlint.semantics.library import tables
from nnlint.semantics.library.tables import read_tables


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "one.toml").write_text('["a.b"]\nkind = "layer"\n', encoding="utf-8")
    (tmp_path / "two.toml").write_text('["c.d"]\nseeds = ["torch"]\n', encoding="utf-8")
    return tmp_path


EXPECTED = {"one.toml": {"a.b": {"kind": "layer"}}, "two.toml": {"c.d": {"seeds": ["torch"]}}}


def test_the_copy_says_what_the_text_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_tables(folder) == EXPECTED
    monkeypatch.setattr(tables, "parse", None)
    assert read_tables(folder) == EXPECTED


def test_a_changed_file_is_read_again(folder: Path) -> None:
    read_tables(folder)
    (folder / "one.toml").write_text('["a.b"]\nkind = "loss"\n', encoding="utf-8")
    os.utime(folder / "one.toml", (1, 1))
    assert read_tables(folder)["one.toml"] == {"a.b": {"kind": "loss"}}


def test_an_added_file_is_read(folder: Path) -> None:
    read_tables(folder)
    (folder / "three.toml").write_text('["e.f"]\n', encoding="utf-8")
    assert set(read_tables(folder)) == {"one.toml", "two.toml", "three.toml"}


@pytest.mark.parametrize("content", [b"", b"broken", b"\x00" * 40])
def test_a_broken_copy_is_no_copy(folder: Path, content: bytes) -> None:
    read_tables(folder)
    (copy,) = (folder / "__pycache__").glob("*.tables")
    copy.write_bytes(content)
    assert read_tables(folder) == EXPECTED


def test_no_copy_where_python_may_not_write_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert read_tables(folder) == EXPECTED
    assert not (folder / "__pycache__").exists()
