"""The detectors of evidence, found by their names."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache

from nnlint.recipe.bullets import BULLETS
from nnlint.recipe.context import Context
from nnlint.recipe.model import Bullet, Evidence

Detector = Callable[[Context], Iterator[Evidence]]


class DetectorError(Exception):
    """A file of evidence belongs to no bullet, or holds no function of its name."""


@cache
def detectors() -> dict[Bullet, Detector]:
    """The function that looks for evidence of each bullet that has one.

    Raises:
        DetectorError: a file of evidence belongs to no bullet, or has no function of its name.
    """
    import nnlint.recipe.evidence as package

    bullets = {f"{b.section}.{b.name.replace('-', '_')}": b for b in BULLETS}
    found: dict[Bullet, Detector] = {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.ispkg:
            continue
        name = module.name.removeprefix(f"{package.__name__}.")
        function = getattr(importlib.import_module(module.name), name.rpartition(".")[2], None)
        if name not in bullets or not callable(function):
            raise DetectorError(f"{module.name} is no detector of a bullet of its name")
        found[bullets[name]] = function
    return found
