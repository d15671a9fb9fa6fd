"""Local rules: the files of a folder, imported as a package that no other code can meet.

The folder is not put on `sys.path`, where a `types.py` in it would be everybody's `types`.
Rules share code by relative imports: `from .helpers import ...`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

_IMPORTS_NNLINT = re.compile(rb"^[ \t]*(?:from|import)[ \t]+nnlint\b", re.MULTILINE)
"""What is in every file with a rule; scripts beside the rules are not run."""
_NO_RULES = re.compile(r"test_.*|.*_test|tests?|fixtures|conftest|setup")
"""Files and folders beside rules that speak of them."""


def package_of(folder: str) -> str:
    """The name of the package that a folder of rules is imported as."""
    digest = hashlib.sha1(folder.encode("utf-8", "surrogateescape"), usedforsecurity=False)
    return f"nnlint_local_rules_{digest.hexdigest()[:12]}"


def local_files(folder: str) -> Iterator[Path]:
    """The files that the rules of a folder may consist of, those below packages in it included."""
    for path in sorted(Path(folder).iterdir()):
        if path.suffix == ".py":
            yield path
        elif (path / "__init__.py").is_file():
            yield from path.rglob("*.py")


def local_modules(folder: str) -> Iterator[ModuleType]:
    """The modules of a folder that may hold rules.

    Parameters:
        folder: its absolute path.

    Raises:
        Exception: whatever importing one raises.
    """
    package = _package(folder)
    yield package
    for file in local_files(folder):
        *above, name = file.relative_to(folder).with_suffix("").parts
        parts = above if name == "__init__" else [*above, name]
        is_module = all(p.isidentifier() and not _NO_RULES.fullmatch(p) for p in parts)
        if parts and is_module and _IMPORTS_NNLINT.search(file.read_bytes()):
            yield importlib.import_module(".".join([package.__name__, *parts]))


def _package(folder: str) -> ModuleType:
    name = package_of(folder)
    if name in sys.modules:
        return sys.modules[name]
    own = Path(folder) / "__init__.py"
    if own.is_file():
        spec = importlib.util.spec_from_file_location(
            name, own, submodule_search_locations=[folder]
        )
        assert spec is not None and spec.loader is not None
        package = importlib.util.module_from_spec(spec)
        sys.modules[name] = package
        try:
            spec.loader.exec_module(package)
        except BaseException:
            del sys.modules[name]
            raise
    else:
        package = ModuleType(name)
        package.__path__ = [folder]
        sys.modules[name] = package
    return package
