"""One run over several machines: which files are whose, and what each found.

What a machine found is what its cache remembers, with paths that hold on another one: a run that
is given the results of all parts finds nothing left to lint, and goes on as if it had linted.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nnlint import __version__
from nnlint.config import ConfigError
from nnlint.project.results import FileResult, pack, unpack

Known = tuple[str, FileResult]
"""The settings that a file was checked with, and what was found."""
_WRITTEN = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})")


class ResultsError(Exception):
    """A file holds no results of a shard; the message names it and the reason."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts of a run."""

    number: int
    """From 1."""
    of: int

    @classmethod
    def of_text(cls, text: str) -> Shard:
        """The shard that is written `2/8`.

        Raises:
            ConfigError: it is none.
        """
        found = _WRITTEN.fullmatch(text)
        if found is None or int(found[1]) > int(found[2]):
            raise ConfigError(f"--shard: `{text}` is not NUMBER/OF, such as `1/8`")
        return cls(int(found[1]), int(found[2]))

    def part(self, files: Iterable[str]) -> list[str]:
        """The files of this shard: neighbours, so that what they import is read by few shards.

        All shards together have every file once, and about as many bytes each.
        """
        ordered = sorted(files)
        sizes = [_size(file) for file in ordered]
        whole, before = sum(sizes), 0
        own = []
        for file, size in zip(ordered, sizes, strict=True):
            if before * self.of // whole == self.number - 1:
                own.append(file)
            before += size
        return own


def _size(file: str) -> int:
    """The bytes of a file; at least one, so that each file has a place in the order."""
    with contextlib.suppress(OSError):
        return max(1, os.stat(file).st_size)
    return 1


def write_results(path: Path, known: Mapping[str, Known]) -> None:
    """Write what was found.

    Parameters:
        known: by absolute path.

    Raises:
        OSError: the file cannot be written.
    """
    here = os.getcwd()

    def relative(name: str) -> str:
        # a folder is told by its end
        return os.path.relpath(name, here) + (os.sep if name.endswith(os.sep) else "")

    found = {}
    for name, (settings, result) in sorted(known.items()):
        consulted = {relative(p): digest for p, digest in (result.consulted or {}).items()}
        found[relative(name)] = [settings, result.digest, consulted, pack(result, relative)]
    text = json.dumps({"nnlint": __version__, "results": found}, separators=(",", ":"))
    path.write_text(text + "\n", encoding="ascii")


def read_results(paths: Sequence[Path]) -> dict[str, Known]:
    """What shards found, by absolute path on this machine.

    Raises:
        ResultsError: a file cannot be read, holds something else, or is of another nnlint.
    """
    known: dict[str, Known] = {}
    for path in paths:
        try:
            known.update(_read(json.loads(path.read_bytes())))
        except OSError as error:
            raise ResultsError(f"{path}: {error.strerror or error}") from error
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise ResultsError(f"{path}: it holds no results of nnlint {__version__}") from error
    return known


def _read(data: Any) -> Iterator[tuple[str, Known]]:
    if data["nnlint"] != __version__:
        raise ValueError("another nnlint finds something else")
    for name, (settings, digest, consulted, packed) in data["results"].items():
        result = unpack(packed, _absolute)
        others = {_absolute(str(p)): str(d) for p, d in consulted.items()}
        result = replace(result, digest=str(digest), consulted=others)
        yield _absolute(name), (str(settings), result)


def _absolute(name: str) -> str:
    return os.path.abspath(name) + (os.sep if name.endswith(os.sep) else "")
