"""Findings remembered from the last run, and when they still hold."""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnlint import __version__
from nnlint.config import Config
from nnlint.project.modules import ABSENT, content_hash
from nnlint.rule import Rule

FOLDER = ".nnlint_cache"
KEPT = 8
"""Caches of other configurations, rules or folders that are kept, newest first."""
SETTLED = 2_000_000_000
"""Nanoseconds after which a file's time of change tells every later change."""

Stamp = tuple[int, int]
"""Time of change and size: a file with the same stamp is taken to be the same."""


@dataclass(slots=True)
class _Contents:
    """What the cache file holds."""

    stamps: dict[str, tuple[Stamp, str]] = field(default_factory=dict)
    """Identity of the content that a file had at a stamp."""
    consulted: list[tuple[str, str]] = field(default_factory=list)
    """Files with content's identities that results depend on, each pair once."""
    results: dict[str, tuple[str, tuple[int, ...], Any]] = field(default_factory=dict)
    """By absolute path: identity of the content, positions in `consulted`, the result."""


class Cache:
    """What each file's check found, keyed by everything the outcome depends on.

    Paths are absolute.
    """

    def __init__(self, folder: Path, config: Config, rules: Iterable[Rule]) -> None:
        self._file = folder / f"{_fingerprint(config, rules)}.pickle"
        self._changed = False
        self._stamps: dict[str, Stamp] = {}
        self._digests: dict[str, str] = {}
        self._holds: dict[int, bool] = {}
        self._contents = _Contents()
        try:
            contents = pickle.loads(self._file.read_bytes())
            if isinstance(contents, _Contents):
                self._contents = contents
        except Exception:
            # a cache that cannot be read is no cache
            self._changed = True
        self._numbers = {pair: i for i, pair in enumerate(self._contents.consulted)}

    def get(self, path: str) -> Any:
        """The remembered result of a file, if it still holds."""
        entry = self._contents.results.get(path)
        if entry is None or self._digest(path) != entry[0]:
            # known before the file is read, so that a change in between is not missed
            self._stamp(path)
            return None
        return entry[2] if all(map(self._still_holds, entry[1])) else None

    def put(self, path: str, digest: str, consulted: dict[str, str], result: Any) -> None:
        """Remember the result of a file, with the files it depends on."""
        numbers = tuple(self._number(pair) for pair in consulted.items() if pair[0] != path)
        self._contents.results[path] = digest, numbers, result
        self._remember_stamp(path, digest)
        self._changed = True

    def _number(self, pair: tuple[str, str]) -> int:
        number = self._numbers.get(pair)
        if number is None:
            number = self._numbers[pair] = len(self._contents.consulted)
            self._contents.consulted.append(pair)
        return number

    def _still_holds(self, number: int) -> bool:
        known = self._holds.get(number)
        if known is None:
            path, digest = self._contents.consulted[number]
            known = self._holds[number] = self._digest(path) == digest
        return known

    def _digest(self, path: str) -> str:
        """Identity of a file's content, read only when its stamp is not a known one."""
        known = self._digests.get(path)
        if known is None:
            known = self._digests[path] = self._find_digest(path)
        return known

    def _find_digest(self, path: str) -> str:
        stamp = self._stamp(path)
        if stamp is None:
            return ABSENT
        remembered = self._contents.stamps.get(path)
        if remembered is not None and remembered[0] == stamp:
            return remembered[1]
        try:
            digest = content_hash(Path(path).read_bytes())
        except OSError:
            return ABSENT
        self._remember_stamp(path, digest)
        return digest

    def _stamp(self, path: str) -> Stamp | None:
        stamp = self._stamps.get(path)
        if stamp is None:
            try:
                status = os.stat(path)
            except OSError:
                return None
            stamp = self._stamps[path] = status.st_mtime_ns, status.st_size
        return stamp

    def _remember_stamp(self, path: str, digest: str) -> None:
        stamp = self._stamps.get(path)
        if stamp is not None and stamp[0] < time.time_ns() - SETTLED:
            self._changed = True
            self._contents.stamps[path] = stamp, digest

    def save(self) -> None:
        """Write the cache at once or not at all; a folder that cannot be written is no error."""
        if not self._changed:
            return
        folder = self._file.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")
            handle, name = tempfile.mkstemp(dir=folder)
            with os.fdopen(handle, "wb") as file:
                pickle.dump(self._pruned(), file, protocol=pickle.HIGHEST_PROTOCOL)
            os.replace(name, self._file)
            for old in sorted(folder.glob("*.pickle"), key=os.path.getmtime)[:-KEPT]:
                old.unlink()
        except OSError:
            return

    def _pruned(self) -> _Contents:
        """The contents without files that are gone and what only they depended on."""
        old = self._contents
        kept = _Contents({p: s for p, s in old.stamps.items() if self._stamp(p)})
        numbers: dict[int, int] = {}
        for path, (digest, consulted, result) in old.results.items():
            if self._stamp(path):
                for number in consulted:
                    numbers.setdefault(number, len(numbers))
                renumbered = tuple(numbers[n] for n in consulted)
                kept.results[path] = digest, renumbered, result
        kept.consulted = [old.consulted[number] for number in numbers]
        return kept


def _fingerprint(config: Config, rules: Iterable[Rule]) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    digest.update(f"{__version__} {config!r} {os.getcwd()}".encode())
    sources = [rule.source for rule in rules]
    engine = Path(__file__).resolve().parent.parent
    sources += [str(p) for p in (*engine.rglob("*.py"), *engine.rglob("*.toml"))]
    for source in sorted(sources):
        try:
            status = os.stat(source)
        except OSError:
            continue
        digest.update(f"{source} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()
