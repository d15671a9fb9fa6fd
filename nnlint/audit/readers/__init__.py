"""Where samples come from: programs, folders of pictures, tables, Arrow files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from nnlint.audit.samples import AuditError, Reader, Roles

TABLES = (".csv", ".tsv", ".parquet", ".pq", ".txt")
SPLIT_NAMES = frozenset(
    {"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval", "holdout"}
)


def reader_for(targets: Sequence[str], roles: Roles, limit: int) -> Reader:
    """What reads files and folders.

    Raises:
        AuditError: there is nothing of the name, or nothing in it that can be read.
    """
    paths = [Path(target) for target in targets]
    for path in paths:
        if not path.exists():
            raise AuditError(
                f"`{path}` is neither a file nor a folder, nor pkg.module:function or "
                "path/file.py:function"
            )
    if all(path.is_file() for path in paths):
        return _tables([(split_of(path), path) for path in paths], roles, limit)
    if len(paths) > 1:
        raise AuditError("several targets are tables, as in `nnlint audit train.csv test.csv`")
    return _folder(paths[0], roles, limit)


def _folder(folder: Path, roles: Roles, limit: int) -> Reader:
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        from nnlint.audit.readers.arrow import ArrowReader

        return ArrowReader(_arrow_splits(folder), limit)
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in TABLES[:-1] and p.is_file())
    from nnlint.audit.readers.pictures import PictureReader, has_pictures

    if has_pictures(folder):
        return PictureReader(folder, roles, limit)
    if found:
        return _tables([(split_of(path), path) for path in found], roles, limit)
    if any(folder.glob("*.arrow")):
        from nnlint.audit.readers.arrow import ArrowReader

        return ArrowReader({"data": folder}, limit)
    raise AuditError(
        f"{folder} holds no pictures, no CSV or Parquet, and no data set of Hugging Face"
    )


def _arrow_splits(folder: Path) -> dict[str, Path]:
    try:
        listed = json.loads((folder / "dataset_dict.json").read_text(encoding="utf-8"))
        return {str(s): folder / str(s) for s in listed["splits"]}
    except FileNotFoundError:
        return {"data": folder}
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise AuditError(f"{folder / 'dataset_dict.json'} cannot be read: {error}") from None


def _tables(files: list[tuple[str, Path]], roles: Roles, limit: int) -> Reader:
    from nnlint.audit.readers.tables import TableReader

    for _, path in files:
        if path.suffix.lower() not in TABLES:
            raise AuditError(f"{path} is none of {', '.join(TABLES)}")
    return TableReader(files, roles, limit)


def split_of(path: Path) -> str:
    """The split that a file is of, by its name: `train-00000-of-00002.parquet` is of `train`."""
    words = path.stem.lower().replace("_", "-").replace(".", "-").split("-")
    named = [word for word in words if word in SPLIT_NAMES]
    if named:
        return named[0]
    parents = [part for part in path.parts[:-1] if part.lower() in SPLIT_NAMES]
    return parents[-1].lower() if parents else "data"
