"""Reading a file: bytes to text, or one clear reason why not."""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import stat
import tokenize
from pathlib import Path

from nnlint.finding import Position
from nnlint.source.file import SourceError, SourceFile
from nnlint.source.notebook import read_notebook, without_magics

LARGEST = 10_000_000
"""Bytes beyond which a file is no source code."""


def read_bytes(path: Path) -> bytes:
    """The content of a file, which is never waited for and never endless.

    Raises:
        FileNotFoundError: it does not exist.
        SourceError: NN002, when it cannot be read, is no regular file, or is too large.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            # opening a pipe waits for a writer, and opening a device may do anything
            raise SourceError("NN002", "this is no regular file")
        waits_for_nothing = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, os.O_RDONLY | waits_for_nothing), "rb") as stream:
            raw = stream.read(LARGEST + 1) or b""
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError("NN002", f"the file cannot be read: {reason}") from error
    if len(raw) > LARGEST:
        raise SourceError("NN002", f"the file is larger than {LARGEST // 1_000_000} MB")
    return raw


def content_hash(raw: bytes) -> str:
    """Identity of a file's content."""
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest()


def read_source(path: Path, display: str, raw: bytes | None = None) -> SourceFile:
    """Read a Python file or notebook.

    Raises:
        FileNotFoundError: it does not exist.
        SourceError: it cannot be read or decoded (NN002), or is no notebook (NN003).
    """
    if raw is None:
        raw = read_bytes(path)
    if len(raw) > LARGEST:
        raise SourceError("NN002", f"the file is larger than {LARGEST // 1_000_000} MB")
    if display.endswith(".ipynb"):
        text, cells, written = read_notebook(raw)
        return SourceFile(path, display, text, raw, cells, written)
    written = decode(raw)
    text = without_magics(written)
    return SourceFile(path, display, text, raw, None, None if text == written else written)


def decode(raw: bytes) -> str:
    """Decode by byte-order mark, coding cookie, or as UTF-8.

    Raises:
        SourceError: NN002, naming the row that cannot be decoded.
    """
    if b"\0" in raw:
        raise SourceError("NN002", "the file is binary, no Python source")
    encoding = encoding_of(raw)
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        told = f"byte 0x{raw[error.start]:02x}" if error.start < len(raw) else error.reason
        message = f"the file is no valid {encoding}: {told}"
        raise SourceError("NN002", message, Position(row, 1)) from error
    except ValueError as error:
        raise SourceError("NN002", f"the file is no valid {encoding}: {error}") from error


def encoding_of(raw: bytes) -> str:
    """The encoding of Python source, as Python itself tells it.

    Raises:
        SourceError: NN002, when there is none of that name, or it contradicts the file.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        # some codecs, such as hex, turn bytes into bytes
        "".encode(encoding)
        if b"import".decode(encoding) != "import" or codecs.lookup(encoding).name == "idna":
            raise LookupError(f"{encoding} is no encoding of source code")
    except (SyntaxError, LookupError, ValueError) as error:
        raise SourceError("NN002", f"the file's encoding is unusable: {error}") from error
    return encoding
