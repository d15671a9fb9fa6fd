"""Pictures as arrays: those that PIL and OpenCV read have rows, columns, and then channels."""

from __future__ import annotations

from nnlint.semantics.axes import Dimension, Shape, new_axis, one_axis
from nnlint.semantics.records import record
from nnlint.semantics.values import (
    ARGUMENTS,
    CALLED_ON,
    Constant,
    External,
    Items,
    Unknown,
    Value,
)

DEPTH = 8
CHANNELS = {"RGB": 3, "BGR": 3, "RGBA": 4, "BGRA": 4, "HSV": 3, "LAB": 3, "CMYK": 4, "YCbCr": 3}
"""How many channels a picture has, by its mode."""
FLAT = frozenset({"L", "1", "P", "I", "F", "GRAY"})
"""Modes of pictures that have no axis of channels."""


@record(frozen=True)
class Picture:
    """What is known of a picture."""

    rows: Dimension
    columns: Dimension
    mode: str
    """RGB, GRAY or the like; empty when nothing says how many channels there are."""


def picture_shape(value: Value) -> Shape | None:
    """The shape of a picture as an array, if how many axes it has is known."""
    picture = _read(value, DEPTH)
    if picture is None:
        return None
    if picture.mode in FLAT:
        return (picture.rows, picture.columns)
    channels = CHANNELS.get(picture.mode)
    if channels is None:
        return None
    return (picture.rows, picture.columns, one_axis(channels, "", "channel"))


def _read(value: Value | None, depth: int) -> Picture | None:
    if not isinstance(value, Unknown) or value.origin != "call" or depth == 0:
        return None
    given = value.state.get(ARGUMENTS, ())
    if value.name == "PIL.Image.open":
        return Picture(*_sides(), "")
    if value.name == "cv2.imread":
        flags = _name(given[1]) if len(given) > 1 else "IMREAD_COLOR"
        mode = {"IMREAD_COLOR": "BGR", "IMREAD_GRAYSCALE": "GRAY"}.get(flags, "")
        return Picture(*_sides(), mode)
    before = _read(value.state.get(CALLED_ON) or (given[0] if given else None), depth - 1)
    if before is None or not given:
        return None
    match value.name.rpartition(".")[2]:
        case "convert" if isinstance(given[0], Constant):
            return Picture(before.rows, before.columns, str(given[0].value))
        case "cvtColor" if len(given) > 1:
            return Picture(before.rows, before.columns, _name(given[1]).rpartition("2")[2])
        case "resize":
            size = given[1] if value.name == "cv2.resize" and len(given) > 1 else given[0]
            return Picture(*_sides(size), before.mode)
        case _:
            return None


def _sides(size: Value | None = None) -> tuple[Dimension, Dimension]:
    """Rows and columns; a size that is asked for says the columns first."""
    columns, rows = size.items if isinstance(size, Items) and len(size.items) == 2 else (None, None)
    return _side(rows, "H", "height"), _side(columns, "W", "width")


def _side(given: Value | None, name: str, role: str) -> Dimension:
    number = given.value if isinstance(given, Constant) else None
    if isinstance(number, int) and number > 0:
        return one_axis(number, name, role)
    return (new_axis(name, role),)


def _name(value: Value) -> str:
    return value.name.rpartition(".")[2] if isinstance(value, External) else ""
