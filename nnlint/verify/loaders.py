"""Where data comes from, as people name it: `pkg.data:make_loader`, with arguments or without."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnlint.verify.targets import TargetError

LONGEST_SHARE = 0.4
"""Of the longest time for a probe: what a loader may take for its first batch."""


@dataclass(frozen=True, slots=True)
class Loader:
    """A function, class or variable that gives a loader or data set, and where it is."""

    text: str
    """As it is written on a command line."""
    title: str
    """As it is spoken of."""
    name: str
    """Dots lead into what it names."""
    file: str = ""
    module: str = ""
    within: str = ""
    """The function whose variable it is."""
    args: tuple[Any, ...] | None = None
    """None where no arguments are written down."""
    kwargs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    folders: tuple[str, ...] = ()
    """The folders from which paths of data may be seen, likeliest first."""

    @classmethod
    def of_program(cls, told: Mapping[str, Any]) -> Loader:
        """What a program was seen to take its batches from."""
        file, within = str(told["file"]), str(told.get("within") or "")
        name = str(told["name"])
        dotted = f"{within}.{name}" if within else name
        text = f"{os.path.relpath(file)}:{dotted}"
        title = str(told.get("title") or text)
        folders = (os.getcwd(), os.path.dirname(file))
        return cls(text, title, name, file=file, within=within, folders=folders)

    def called_with(self, kwargs: Mapping[str, Any]) -> Loader:
        """The same, called with further arguments by name."""
        return replace(self, args=self.args or (), kwargs={**self.kwargs, **kwargs})

    def as_job(self, seconds: float) -> dict[str, Any]:
        """The `loader` of a worker's job.

        Parameters:
            seconds: what it may take for its first batch, or for each.
        """
        job: dict[str, Any] = {
            "name": self.name,
            "title": self.title,
            "within": self.within,
            "folders": list(dict.fromkeys(self.folders or (os.getcwd(),))),
            "seconds": seconds,
        }
        job.update({"file": self.file} if self.file else {"module": self.module})
        if self.args is not None:
            job.update(args=list(self.args), kwargs=dict(self.kwargs))
        return job


def read_loader(text: str, folders: Sequence[str] = ()) -> Loader:
    """`pkg.data:make_loader`, `data.py:make("songs", 32)` or `train.py:main.train_loader`.

    Parameters:
        folders: where modules are looked for besides the current one.

    Raises:
        TargetError: it is none of these, the file is not there, or arguments are no literals.
    """
    place, separator, rest = text.partition(":")
    if not separator or not place:
        raise TargetError(f"`{text}` is neither pkg.module:function nor path/file.py:function")
    try:
        node = ast.parse(rest.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise TargetError(f"`{rest}` names no function, class or variable") from None
    args: tuple[Any, ...] | None = None
    kwargs: dict[str, Any] = {}
    if isinstance(node, ast.Call):
        try:
            args = tuple(ast.literal_eval(a) for a in node.args)
            kwargs = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg}
        except (ValueError, TypeError, SyntaxError):
            raise TargetError(f"the arguments of `{rest}` are no plain values") from None
        node = node.func
    name = ast.unparse(node)
    if not all(part.isidentifier() for part in name.split(".")):
        raise TargetError(f"`{rest}` names no function, class or variable")
    file = _file_of(place, folders)
    module = "" if file else place
    within = ""
    first, _, inner = name.partition(".")
    if file and args is None and inner and first in _functions(file):
        within, name = first, inner
    places = (".", *folders, os.path.dirname(file) or ".")
    seen_from = tuple(dict.fromkeys(os.path.abspath(folder) for folder in places))
    return Loader(text, f"`{text}`", name, file, module, within, args, kwargs, seen_from)


def _file_of(place: str, folders: Sequence[str]) -> str:
    """The file of a module or path; empty for a module that is not of the project.

    Raises:
        TargetError: there is no such file.
    """
    if place.endswith(".py"):
        if not Path(place).is_file():
            raise TargetError(f"{place} is no file")
        return os.path.abspath(place)
    if not all(part.isidentifier() for part in place.split(".")):
        raise TargetError(f"`{place}` is neither a module nor a .py file")
    relative = place.replace(".", os.sep)
    for folder in (".", "src", *folders):
        for candidate in (f"{relative}.py", os.path.join(relative, "__init__.py")):
            path = os.path.join(folder, candidate)
            if os.path.isfile(path):
                return os.path.abspath(path)
    return ""


def _functions(file: str) -> set[str]:
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
