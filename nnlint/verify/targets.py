"""What to verify, by name: a class or factory, and the file or module that defines it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


class TargetError(Exception):
    """A target cannot be read; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A class or factory, by the file or the module that defines it."""

    name: str
    file: str = ""
    module: str = ""
    certain: bool = True
    """Whether it is the class that a finding is about, and not only likely so."""
    within: str = ""
    """The function of the file in which it is a variable."""

    @property
    def title(self) -> str:
        """As the user writes it."""
        return f"{self.file or self.module}:{self.name}"

    def as_job(self) -> dict[str, Any]:
        """The `target` of a worker's job."""
        if self.file:
            file = str(Path(self.file).absolute())
            return {"file": file, "name": self.name, "within": self.within}
        return {"module": self.module, "name": self.name}


def read_target(text: str) -> Target:
    """`pkg.model:Net` or `path/to/model.py:Net`.

    Raises:
        TargetError: it is neither, or the file is not there.
    """
    place, separator, name = text.rpartition(":")
    if not separator or not name.isidentifier() or not place:
        raise TargetError(f"`{text}` is neither pkg.module:Class nor path/file.py:Class")
    if place.endswith(".py"):
        if not Path(place).is_file():
            raise TargetError(f"{place} is no file")
        return Target(name, file=place)
    if not all(part.isidentifier() for part in place.split(".")):
        raise TargetError(f"`{place}` is neither a module nor a .py file")
    return Target(name, module=place)
