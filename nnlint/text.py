"""Text from files, names and messages, made harmless for terminals and logs; paths and hints."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

_UNSEEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but for tab and newline
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of text
    r"\u2028\u2029"  # ends of lines that are no newline
    r"\ud800-\udfff"  # bytes that are no text
)
_CONTROL = re.compile(f"[{_UNSEEN}]")
_CONTROL_OR_NEWLINE = re.compile(rf"[\n{_UNSEEN}]")
_COMMAND = re.compile(r"^([^\S\n]*):(?=:[\w-]+(?:[ ][^\n]*?)?::)|(?<=##)\[", re.MULTILINE)
"""How a log of GitHub's tells a command to its runner."""


def plain(text: str, lines: bool = False) -> str:
    """One line of text in which everything is shown and nothing is obeyed.

    Controls, marks that turn the direction of text and bytes that are no text are written as
    the escapes that Python has for them; a command to a runner of builds is no longer one.

    Parameters:
        lines: whether newlines stay.
    """
    shown = (_CONTROL if lines else _CONTROL_OR_NEWLINE).sub(_escaped, text)
    return _COMMAND.sub(_unspoken, shown) if "::" in shown or "##[" in shown else shown


def _escaped(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]


def _unspoken(match: re.Match[str]) -> str:
    return r"\x5b" if match[0] == "[" else f"{match[1]}\\x3a"


def json_text(value: Any, indent: int | None = None) -> str:
    """A value as JSON in which nothing but visible text stands, other alphabets included."""
    import json

    # such characters stand in strings only, where the escapes of JSON mean the same
    written = json.dumps(value, indent=indent, ensure_ascii=False).replace("##[", r"##\u005b")
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", written)


def shown_path(path: str | os.PathLike[str]) -> str:
    """A path from the current folder where it lies below that, else as it is."""
    relative = os.path.relpath(path)
    return os.fspath(path) if relative.startswith(os.pardir) else relative


def path_between(folder: str, path: str | os.PathLike[str]) -> str:
    """A path as it is written in a folder, with slashes; absolute where there is no other way."""
    whole = os.path.abspath(path)
    try:
        found = os.path.relpath(whole, folder)
    except ValueError:
        # on another drive of Windows
        found = whole
    return found.replace(os.sep, "/")


def hint(name: str, known: Iterable[str]) -> str:
    """A hint at the known word that `name` may stand for, or nothing."""
    import difflib

    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean `{close[0]}`?" if close else ""


def hint_or_choice(name: str, known: Iterable[str]) -> str:
    """A hint at the known word that `name` may stand for, else all that there are."""
    return hint(name, known) or f"; it is one of {', '.join(sorted(filter(None, known)))}"
