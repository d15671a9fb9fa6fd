"""Local rules: the files of a folder, imported as a package that no other code can meet.

The folder is not put on `sys.path`, where a `types.py` in it would be everybody's `types`.
Rules share code by relative imports: `from .helpers import ...`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

_SPEAKS_OF_RULES = re.compile(rb"\bnnlint\b")
"""What is in every file with a rule; scripts beside the rules are not run."""
_NO_RULES = re.compile(r"test_.*|.*_test|conftest|setup")


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
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        name = info.name.rpartition(".")[2]
        spec = importlib.util.find_spec(info.name)
        source = Path(spec.origin) if spec and spec.origin else None
        if info.ispkg or (
            source is not None
            and not _NO_RULES.fullmatch(name)
            and _SPEAKS_OF_RULES.search(source.read_bytes())
        ):
            yield importlib.import_module(info.name)


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
