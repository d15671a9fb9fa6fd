"""Values that are not changed once they are made, which the type checker sees to.

A frozen dataclass sees to it at run time as well, at three times the time for making one;
the interpreter makes hundreds of thousands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: object):
        """Leave a decorator as it is."""
        return lambda decorator: decorator


T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def record(cls: type[T]) -> type[T]:
    """Make a frozen dataclass that is compared and hashed by its fields."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


@dataclass_transform(frozen_default=True, eq_default=False)
def entity(cls: type[T]) -> type[T]:
    """Make a frozen dataclass, each object of which is equal to itself alone."""
    return dataclass(slots=True, eq=False)(cls)
