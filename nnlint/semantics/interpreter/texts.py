"""Text and paths: folded where known, else known by the pieces between what is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nnlint.semantics.folding import NotFolded, folded
from nnlint.semantics.values import MADE_OF, READ_FROM, Constant, Site, Unknown, Value

Handler = Callable[[Any, Sequence[Value], dict[str, Value], Site], Value]
FOLDED = frozenset(
    "lower upper strip lstrip rstrip title capitalize startswith endswith replace split "
    "removeprefix removesuffix find rfind count".split()
)
"""Methods of text that have no effect but their result."""
LONGEST = 2_000


def string_of(pieces: Sequence[Value], separator: str = "") -> Value:
    """A string put together; one with unknown pieces is known by the pieces between them."""
    known = [piece for piece in pieces if isinstance(piece, Constant)]
    if len(known) == len(pieces):
        joined = separator.join(str(p.value) for p in known)
        return Constant(joined[:LONGEST], any(p.soft for p in known))
    return Unknown(separator.join(_shown(p) for p in pieces)[:LONGEST], "string")


def is_text(value: Value) -> bool:
    """Whether a value is a string, known or in part."""
    if isinstance(value, Unknown):
        return value.origin == "string" and bool(value.name)
    return isinstance(value, Constant) and isinstance(value.value, str)


def _shown(piece: Value) -> str:
    if isinstance(piece, Constant):
        return str(piece.value)
    return piece.name if isinstance(piece, Unknown) and piece.origin == "string" else "{}"


def text_method(receiver: Constant, name: str, positional: Sequence[Value]) -> Value:
    """A method of a string that is known."""
    given = [v.value for v in positional if isinstance(v, Constant)]
    if not isinstance(receiver.value, str):
        return Unknown(origin="string")
    if name in ("open", "read_text", "read_bytes"):
        # of a path
        return Unknown(origin="string", state={READ_FROM: receiver})
    if name == "format":
        return Unknown(receiver.value[:LONGEST], "string")
    if name in FOLDED and len(given) == len(positional):
        if any(isinstance(v, str) and len(v) > LONGEST for v in (receiver.value, *given)):
            return Unknown(origin="string")
        try:
            result = folded(getattr(str, name), receiver.value, *given)
        except NotFolded:
            return Unknown(origin="string")
        return Constant(result, receiver.soft, receiver.site)
    return Unknown(origin="string")


def _path(machine: Any, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    if not positional:
        return Unknown("path", "call")
    whole = positional[0]
    if len(positional) == 1 and isinstance(whole, Unknown) and whole.origin == "string":
        return whole
    asked = isinstance(whole, Constant) and whole.value is None
    if len(positional) == 1 and (
        asked or (isinstance(whole, Unknown) and whole.origin == "option")
    ):
        # which path it is is said from outside
        return Unknown("{}", "string", {MADE_OF: whole})
    return string_of(positional, "/")


def _string(machine: Any, positional: Sequence[Value], keywords: Any, site: Site) -> Value:
    value = positional[0] if positional else Constant("")
    if isinstance(value, Constant) or is_text(value):
        return string_of((value,))
    return Unknown(origin="call")


TEXT_HANDLERS: dict[str, Handler] = {
    "os.path.join": _path,
    "pathlib.Path": _path,
    "os.path.expanduser": _path,
    "os.path.abspath": _path,
    "builtins.str": _string,
}
