"""Parameter lists of library APIs, written as Python writes them."""

from __future__ import annotations

import ast
from typing import Any

from nnlint.semantics.records import record


class LibraryDataError(Exception):
    """A library file holds an unknown field or a contradiction."""


@record(frozen=True)
class Parameter:
    """One formal parameter of a library API."""

    name: str
    default: Any
    """The literal default; `REQUIRED` without one, `UNKNOWN_DEFAULT` when not literal."""
    kind: str = "positional"
    """`positional`, `keyword`, `variadic` (`*args`) or `mapping` (`**kwargs`)."""


REQUIRED = "<required>"
UNKNOWN_DEFAULT = "<unknown>"


def read_signature(text: str) -> tuple[Parameter, ...]:
    """Read `"input, dim=None, *, dtype=None"` into parameters.

    Raises:
        LibraryDataError: the text is no parameter list.
    """
    if not text:
        return ()
    try:
        function = ast.parse(f"lambda {text}: 0", mode="eval").body
    except SyntaxError as error:
        raise LibraryDataError(f"bad parameter list {text!r}") from error
    if not isinstance(function, ast.Lambda):
        raise LibraryDataError(f"bad parameter list {text!r}")
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    padding = [None] * (len(positional) - len(arguments.defaults))
    result = [
        Parameter(a.arg, _default(d))
        for a, d in zip(positional, [*padding, *arguments.defaults], strict=True)
    ]
    if arguments.vararg:
        result.append(Parameter(arguments.vararg.arg, (), "variadic"))
    result += [
        Parameter(a.arg, _default(d), "keyword")
        for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.kwarg:
        result.append(Parameter(arguments.kwarg.arg, {}, "mapping"))
    return tuple(result)


def _default(node: ast.expr | None) -> Any:
    if node is None:
        return REQUIRED
    try:
        return ast.literal_eval(node)
    except ValueError:
        return UNKNOWN_DEFAULT
