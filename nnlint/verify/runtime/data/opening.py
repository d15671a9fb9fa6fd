"""From what names a loader to its splits: find it, call it, and set it up."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, Callable

from ..causes import cause_of
from ..construction.building import NotLoaded, file_of, load_target
from ..construction.missing import Missing
from ..inputs import seed_all
from .faults import NoData, told, within
from .splits import called, is_data_module, splits_of

Use = Callable[[dict[str, Any]], Any]


def opened(
    spec: Mapping[str, Any], seed: int, use: Use, only: str = "", what: str = "gave no batch"
) -> tuple[Any, str]:
    """What is made of the splits that a loader gives, and the folder that its paths are seen from.

    Parameters:
        spec: `file` or `module`, the `name` in it (dots lead into it), `within` of the function
            whose variable it is, `args` and `kwargs` where it is to be called with some,
            `folders` that paths may be seen from, likeliest first, its `title`, and the
            `seconds` that all of it may take.
        use: what to make of the splits, while paths are seen from that folder.
        only: the one split that is wanted, where others need not be made.
        what: what it did not do, when the time is up.

    Raises:
        NoData: it cannot be loaded, raises, hangs, or gives no data.
    """
    title = str(spec.get("title") or spec["name"])
    folders = [f for f in spec.get("folders") or () if os.path.isdir(f)] or [os.getcwd()]
    problem: BaseException | None = None
    with within(float(spec.get("seconds") or 0), f"{title} {what}"):
        for folder in folders:
            try:
                with inside(folder):
                    seed_all(seed)
                    given = spec.get("args"), spec.get("kwargs")
                    splits = splits_of(_found(spec, title), title, *given, only)
                    seed_all(seed)
                    return use(splits), folder
            except NoData:
                raise
            except (Exception, SystemExit) as error:
                if problem is None or isinstance(problem, FileNotFoundError):
                    problem = error
                if not isinstance(error, OSError):
                    break
                # its paths may be written as seen from another folder
    assert problem is not None
    raise NoData(f"{title} raises {told(problem)}") from problem


@contextlib.contextmanager
def inside(folder: str) -> Iterator[None]:
    """The user's folder as the current one: paths of data are written as seen from there."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _found(spec: Mapping[str, Any], title: str) -> Any:
    """What is named; dots lead from a module's own name into it."""
    first, *rest = str(spec["name"]).split(".")
    try:
        filename = spec.get("file") or file_of(str(spec["module"]))
        found = load_target(str(filename), first, within=str(spec.get("within") or ""))
    except NotLoaded as error:
        known = cause_of(str(error))
        raise NoData(f"{title} cannot be loaded: {known[1] if known else error}") from error
    if isinstance(found, Missing):
        raise NoData(f"{title} cannot be loaded: {found._reason}")
    for name in rest:
        found = called(found, title) if isinstance(found, type) else found
        if name == "train_dataloader" and is_data_module(found):
            # its data is there once it is set up
            return found
        if not hasattr(found, name):
            raise NoData(f"{title}: there is no `{name}`")
        found = getattr(found, name)
    return found
