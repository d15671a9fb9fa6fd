"""Values that are not changed once they are made, which the type checker sees to.

A frozen dataclass sees to it at run time as well, at three times the time for making one;
the interpreter makes hundreds of thousands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # type checkers, and the compiler, know what the decorator of that name makes of a class
    from dataclasses import dataclass as record
else:
    from dataclasses import dataclass

    def record(*, frozen: bool, eq: bool = True):
        """Make a dataclass whose objects only the type checker keeps from being changed.

        Parameters:
            frozen: always true; for the type checker.
            eq: whether objects are compared and hashed by their fields; else each is equal to
                itself alone.
        """
        return dataclass(slots=True, eq=eq, unsafe_hash=eq)


__all__ = ["record"]
