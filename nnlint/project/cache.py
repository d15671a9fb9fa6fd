"""Findings remembered from the last run, and when they still hold."""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nnlint import __version__
from nnlint.config import Config
from nnlint.project.modules import content_hash
from nnlint.rule import Rule

FOLDER = ".nnlint_cache"


class Cache:
    """What each file's check found, keyed by everything the outcome depends on."""

    def __init__(self, folder: Path, config: Config, rules: Iterable[Rule]) -> None:
        self._file = folder / f"{_fingerprint(config, rules)}.pickle"
        self._entries: dict[str, tuple[str, dict[str, str], Any]] = {}
        self._changed = False
        self._hashes: dict[str, str] = {}
        try:
            self._entries = pickle.loads(self._file.read_bytes())
        except Exception:
            # a cache that cannot be read is no cache
            self._entries = {}

    def get(self, display: str, digest: str) -> Any:
        """The remembered result of a file with this content, if it still holds."""
        entry = self._entries.get(display)
        if entry is None or entry[0] != digest:
            return None
        if any(self._hash(path) != known for path, known in entry[1].items()):
            return None
        return entry[2]

    def put(self, display: str, digest: str, consulted: dict[str, str], result: Any) -> None:
        """Remember the result of a file, with the files it depends on."""
        self._entries[display] = (digest, consulted, result)
        self._changed = True

    def _hash(self, path: str) -> str:
        if path not in self._hashes:
            try:
                self._hashes[path] = content_hash(Path(path).read_bytes())
            except OSError:
                self._hashes[path] = ""
        return self._hashes[path]

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
                pickle.dump(self._entries, file, protocol=pickle.HIGHEST_PROTOCOL)
            os.replace(name, self._file)
        except OSError:
            return


def _fingerprint(config: Config, rules: Iterable[Rule]) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    digest.update(f"{__version__} {config!r}".encode())
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
