"""How a file is imported."""

from __future__ import annotations

from pathlib import Path


def import_of(filename: str) -> tuple[str, str]:
    """The folder to put on `sys.path` and the dotted module name of a file."""
    path = Path(filename).absolute()
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return str(folder), ".".join(parts)
