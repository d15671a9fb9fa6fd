"""Which part of a sample is what: the input, the label, a mask, a group, a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from nnlint.audit.samples import Array, Column, Items, Roles, Strange, Texts

MOST_CLASSES = 1000
_LABEL = re.compile(
    r"^(y|labels?|targets?|class(es|_id|_name|_label)?|category|categories|diagnosis|species"
    r"|outcome|response|ground_?truth|gt)$"
)
_MASK = re.compile(r"mask|segm|annotation|target|label|ground_?truth|^gt$|^y$|^1$")
_ATTENTION = re.compile(r"attention|padding|pad_|token_type|position_ids|lengths?$|special_tokens")
_IDS = re.compile(r"(^|[._])(input_)?(ids|tokens?|token_ids|text|src|tgt|source|x|0)$")
_GROUP = re.compile(
    r"^(patient|subject|speaker|user|customer|client|group|session|scene|video|case|person|family"
    r"|site|hospital|device|recording|slide|author|document|doc|study|household)([_ ]?(ids?|no|name|number))?$"
)
_TIME = re.compile(r"^(date|time|timestamp|datetime|date_?time|created(_at)?|year_month|period)$")
_NUMBERING = re.compile(r"^(|id|idx|index|row|row_?id|row_?number|unnamed: 0|uuid|key|sample_?id)$")
_SHORT, _LONG = 4, 1000
_MANY = 20


class Kind(str, Enum):
    """What the inputs are."""

    IMAGE = "image"
    AUDIO = "audio"
    TEXT = "text"
    IDS = "ids"
    TABLE = "table"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Parts:
    """The columns of samples by what they are to training."""

    kind: Kind
    inputs: tuple[str, ...]
    label: str | None = None
    mask: str | None = None
    group: str | None = None
    time: str | None = None
    channels_last: bool = False
    strange: tuple[str, ...] = ()
    """Columns that cannot be looked at, and the classes of what is in them."""
    group_is_asked: bool = False
    time_is_asked: bool = False


def parts_of(columns: Mapping[str, Column], roles: Roles) -> Parts:
    """Tell the parts of samples by what they hold, by their order, and by their names last."""
    rest = {n: c for n, c in columns.items() if not isinstance(c, Strange)}
    strange = tuple(f"{n} ({c.told})" for n, c in columns.items() if isinstance(c, Strange))
    group = roles.group if roles.group in rest else _named(rest, _GROUP)
    time = roles.time if roles.time in rest else _named(rest, _TIME)
    label = _label(rest, roles, {group, time} - {None})
    pictures = [n for n, c in rest.items() if _is_picture(c) and n != label]
    if pictures:
        image, mask = _picture_and_mask(rest, pictures)
        if mask is not None and label is not None and label == mask:
            label = None
        kind: Kind = Kind.IMAGE
        inputs: tuple[str, ...] = (image,)
        last = _channels_last(rest[image])
    else:
        mask, last = None, False
        kind, inputs = _others(rest, {label, group, time})
    return Parts(
        kind,
        inputs,
        label,
        mask,
        group,
        time,
        last,
        strange,
        roles.group is not None and group == roles.group,
        roles.time is not None and time == roles.time,
    )


def _named(columns: Mapping[str, Column], pattern: re.Pattern[str]) -> str | None:
    for name, column in columns.items():
        if pattern.search(_last(name)) and _is_scalar(column):
            return name
    return None


def _last(name: str) -> str:
    return name.rpartition(".")[2].strip().lower()


def shape_of(column: Column) -> tuple[int, ...]:
    """The shape of one sample."""
    if isinstance(column, np.ndarray):
        return tuple(column.shape[1:])
    if isinstance(column, Items):
        first = next((v for v in column.values if v is not None), None)
        return tuple(first.shape) if first is not None else ()
    return ()


def dtype_of(column: Column) -> str:
    """`i` for integers and booleans, `f` for floats, `t` for text."""
    if isinstance(column, Items):
        kinds = {v.dtype.kind for v in column.values if v is not None}
        return "f" if "f" in kinds else "i" if kinds else "t"
    if isinstance(column, np.ndarray):
        return "f" if column.dtype.kind == "f" else "i"
    return "t"


def _is_scalar(column: Column) -> bool:
    if isinstance(column, Texts):
        return True
    return not isinstance(column, Strange) and shape_of(column) in ((), (1,))


def _is_picture(column: Column) -> bool:
    shape = shape_of(column)
    if len(shape) == 2:
        return min(shape) >= 8
    if len(shape) != 3:
        return False
    first = shape[0] in (1, 3, 4) and min(shape[1:]) >= 4
    return first or (shape[2] in (1, 2, 3, 4) and min(shape[:2]) >= 4) or min(shape) >= 4


def _channels_last(column: Column) -> bool:
    shape = shape_of(column)
    return len(shape) == 3 and shape[2] in (1, 3, 4) and shape[0] not in (1, 3)


def _picture_and_mask(columns: Mapping[str, Column], pictures: list[str]) -> tuple[str, str | None]:
    if len(pictures) == 1:
        return pictures[0], None

    def is_mask(name: str) -> bool:
        shape = shape_of(columns[name])
        flat = len(shape) == 2 or 1 in (shape[0], shape[-1])
        named = bool(_MASK.search(_last(name))) or dtype_of(columns[name]) == "i"
        return flat and named

    masks = [n for n in pictures if is_mask(n)]
    images = [n for n in pictures if n not in masks] or pictures[:1]
    others = [n for n in masks if n != images[0]]
    return images[0], others[0] if others else None


def _label(columns: Mapping[str, Column], roles: Roles, taken: set[str | None]) -> str | None:
    if roles.without_label:
        return None
    if roles.label is not None:
        return roles.label if roles.label in columns else None
    fitting = {n: c for n, c in columns.items() if n not in taken and _may_label(c)}
    for name in fitting:
        if _LABEL.search(_last(name)) and len(columns) > 1:
            return name
    # (input, label), as data sets of torch give it
    names = list(columns)
    if names[:2] == ["0", "1"] and "1" in fitting and len(names) <= 4:
        return "1"
    return None


def _may_label(column: Column) -> bool:
    if _is_scalar(column):
        return True
    # one-hot, or several labels at once
    return isinstance(column, np.ndarray) and len(column.shape) == 2 and column.shape[1] <= 64


def _others(columns: Mapping[str, Column], taken: set[str | None]) -> tuple[Kind, tuple[str, ...]]:
    free = {n: c for n, c in columns.items() if n not in taken}
    free = {n: c for n, c in free.items() if not _ATTENTION.search(_last(n))}
    for name, column in free.items():
        shape = shape_of(column)
        waves = len(shape) == 1 and shape[0] >= _LONG
        waves = waves or (len(shape) == 2 and shape[0] <= 2 and shape[1] >= _LONG)
        if waves and dtype_of(column) == "f":
            return Kind.AUDIO, (name,)
    ids = [n for n, c in free.items() if _is_ids(n, c)]
    if ids:
        return Kind.IDS, tuple(ids)
    texts = [n for n, c in free.items() if isinstance(c, Texts)]
    scalars = [n for n, c in free.items() if not isinstance(c, Texts) and len(shape_of(c)) <= 1]
    scalars = [n for n in scalars if not _NUMBERING.search(_last(n)) or n == "0"]
    long = [n for n in texts if _is_prose(free[n])]
    if long and len(scalars) <= 2:
        return Kind.TEXT, tuple(long)
    categories = [n for n in texts if not _NUMBERING.search(_last(n)) and n not in long]
    if scalars:
        categories = [n for n in categories if not _are_names(free[n])]
    chosen = [n for n in free if n in scalars or n in categories]
    if chosen:
        return Kind.TABLE, tuple(chosen)
    if texts:
        return Kind.TEXT, tuple(texts)
    return Kind.OTHER, tuple(n for n in free)


def _is_ids(name: str, column: Column) -> bool:
    if len(shape_of(column)) != 1 or dtype_of(column) != "i" or shape_of(column)[0] < 2:
        return False
    if isinstance(column, Items):
        return True
    assert isinstance(column, np.ndarray)
    values: Array = column
    named = bool(_IDS.search(_last(name))) and _last(name) not in ("0", "x")
    return named or (values.shape[1] >= _SHORT and values.size > 0 and int(values.max()) > 255)


def _are_names(column: Column) -> bool:
    """Whether texts only name their samples: many, and no two alike."""
    told = [v for v in column.values if v] if isinstance(column, Texts) else []
    return len(told) >= _MANY and len(set(told)) == len(told)


def _is_prose(column: Column) -> bool:
    if not isinstance(column, Texts):
        return False
    told = [v for v in column.values if v]
    words = sum(len(v.split()) for v in told) / max(1, len(told))
    length = sum(map(len, told)) / max(1, len(told))
    return words >= 3 or (length >= 40 and len(set(told)) > len(told) // 2)
