"""Text that is run in place of what a file holds: a fix that is not written yet."""

from __future__ import annotations

import linecache
import os
from importlib.machinery import SourceFileLoader
from typing import Any

_texts: dict[str, str] = {}


def install(overlay: dict[str, str]) -> None:
    """Let each file, by absolute path, have another text for the rest of this process.

    Imports and tracebacks see it too, under the file's own path.
    """
    if not overlay:
        return
    _texts.update({os.path.realpath(path): text for path, text in overlay.items()})
    for path, text in overlay.items():
        lines = text.splitlines(keepends=True)
        # an entry without a time is never compared with the disk
        linecache.cache[path] = (len(text), None, lines, path)
    original = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> Any:
        path = self.get_filename(fullname)
        found = _texts.get(os.path.realpath(path))
        if found is None:
            return original(self, fullname)
        return compile(found, path, "exec", dont_inherit=True)

    SourceFileLoader.get_code = get_code  # type: ignore[assignment, method-assign]


def source_of(filename: str) -> str | bytes:
    """The text of a file, or its bytes, which Python decodes itself.

    Raises:
        OSError: the file cannot be read.
    """
    found = _texts.get(os.path.realpath(filename))
    if found is not None:
        return found
    with open(filename, "rb") as file:
        return file.read()
