"""CSV and Parquet files: columns as they are, splits by file or by a column that says so."""

from __future__ import annotations

import codecs
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from nnlint.audit.finding import few, plural
from nnlint.audit.readers import SPLIT_NAMES
from nnlint.audit.samples import AuditError, Batch, Column, Problem, Roles, Sink, SplitInfo, Texts
from nnlint.text import hint_or_choice

_CHUNK = 4096
_SPLIT_COLUMN = re.compile(r"^(split|subset|partition|set|fold|dataset|usage)$", re.IGNORECASE)
_LABEL = re.compile(
    r"^(labels?|targets?|y|class|class_?(id|name|label)?|category|diagnosis|species|outcome)$",
    re.IGNORECASE,
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # the mark of UTF-16 begins that of UTF-32
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
_DECIMAL = re.compile(r"\s*[-+]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?([eE][-+]?\d+)?\s*")
"""A number as written where the comma stands before its decimals."""
_BAD_LINE = re.compile(r"Skipping line (\d+): (.*)")


class TableReader:
    """Reads tables up to the limit of rows of each split."""

    def __init__(self, files: list[tuple[str, Path]], roles: Roles, limit: int) -> None:
        self.files, self.limit, self.asked = files, limit, roles

    def read(self, sink: Sink) -> None:
        """Read all files; one that cannot be read is told, and the others are read.

        Raises:
            AuditError: none can be read, or a column that was named is not there.
        """
        tables: dict[str, list[Any]] = {}
        problems: list[Problem] = []
        for split, path in self.files:
            try:
                frame = _frame(path, split, self.limit, sink)
            except AuditError as error:
                problems.append(Problem(split, str(error), names=(path.name,)))
                continue
            tables.setdefault(split, []).append(frame)
        if not tables:
            raise AuditError("; ".join(p.message for p in problems))
        for problem in problems:
            sink.problem(problem)
        self._send(tables, sink)

    def _send(self, tables: dict[str, list[Any]], sink: Sink) -> None:
        import pandas

        frames = {s: pandas.concat(f, ignore_index=True) for s, f in tables.items()}
        whole = pandas.concat(list(frames.values()), ignore_index=True)
        names = [str(name) for name in whole.columns]
        whole.columns = names
        for asked in (self.asked.label, self.asked.group, self.asked.time):
            if asked is not None and asked not in names:
                raise AuditError(f"there is no column `{asked}`{hint_or_choice(asked, names)}")
        _same_columns(frames, sink)
        label = self.asked.label or next((n for n in names if _LABEL.match(n.strip())), None)
        sink.roles(Roles(label=label, without_label=label is None))
        if label is None:
            sink.note("no column looks like the label: `--label COLUMN` names it")
        columns = _columns(whole)
        owner = np.repeat(list(frames), [len(f) for f in frames.values()])
        place = np.concatenate([np.arange(len(f)) for f in frames.values()])
        divided = next((n for n in names if _SPLIT_COLUMN.match(n) and _divides(whole[n])), None)
        if divided is not None and len(frames) == 1:
            owner = whole[divided].astype(str).to_numpy()
            del columns[divided]
            place = np.arange(len(whole))
        for split in dict.fromkeys(owner.tolist()):
            rows = np.flatnonzero(owner == split)
            sink.split(SplitInfo(str(split), len(rows), source="table"))
            for start in range(0, len(rows), _CHUNK):
                chosen = rows[start : start + _CHUNK]
                shown = {name: _cut(column, chosen) for name, column in columns.items()}
                indices = tuple(place[chosen].tolist())
                if not sink.batch(Batch(str(split), shown, len(chosen), indices)):
                    break


def _same_columns(frames: dict[str, Any], sink: Sink) -> None:
    first, *others = frames
    for other in others:
        ours, theirs = set(map(str, frames[first].columns)), set(map(str, frames[other].columns))
        if ours != theirs:
            lacking = sorted(ours ^ theirs)
            sink.problem(
                Problem(
                    other,
                    f"`{other}` and `{first}` do not have the same columns: {few(lacking)}",
                    kind="odd-shapes",
                )
            )


def _divides(column: Any) -> bool:
    values = {str(v).lower() for v in column.dropna().unique()[:20]}
    return len(values) > 1 and values <= SPLIT_NAMES


def _columns(frame: Any) -> dict[str, Column]:
    """Columns as numbers where they are numbers, else as texts."""
    import pandas

    found: dict[str, Column] = {}
    for name in frame.columns:
        series = frame[name]
        if pandas.api.types.is_numeric_dtype(series) or pandas.api.types.is_bool_dtype(series):
            whole = pandas.api.types.is_integer_dtype(series) and not series.isna().any()
            whole = whole or (pandas.api.types.is_bool_dtype(series) and not series.isna().any())
            found[name] = series.to_numpy(
                np.int64 if whole else np.float64, na_value=0 if whole else np.nan
            )
        else:
            told = series.astype(object).where(series.notna(), None)
            found[name] = Texts(tuple(None if v is None else str(v) for v in told))
    return found


def _cut(column: Column, rows: Any) -> Column:
    if isinstance(column, Texts):
        return Texts(tuple(column.values[row] for row in rows))
    assert isinstance(column, np.ndarray)
    return np.asarray(column[rows])


def _frame(path: Path, split: str, limit: int, sink: Sink) -> Any:
    """The rows of a file.

    Raises:
        AuditError: it is no table, or has no row.
    """
    read = _parquet if path.suffix.lower() in (".parquet", ".pq") else _csv
    try:
        frame = read(path, split, limit, sink)
    except AuditError:
        raise
    except MemoryError:
        raise
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        raise AuditError(f"{path.name} cannot be read as a table: {told}") from None
    if not len(frame):
        raise AuditError(f"{path.name} has no rows")
    if len(frame) >= limit:
        sink.note(f"of {path.name} the first {limit:,} rows were read (--limit)")
    return frame


def _parquet(path: Path, split: str, limit: int, sink: Sink) -> Any:
    import pandas
    import pyarrow.parquet

    frames, count = [], 0
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(_CHUNK):
            frames.append(batch.to_pandas())
            count += len(frames[-1])
            if count >= limit:
                break
    return pandas.concat(frames, ignore_index=True)[:limit] if frames else pandas.DataFrame()


def _csv(path: Path, split: str, limit: int, sink: Sink) -> Any:
    import pandas

    encoding, problem = _encoding(path)
    if problem:
        sink.problem(Problem(split, f"{path.name} {problem}", names=(path.name,), grave=False))
    with path.open(encoding=encoding, errors="replace") as file:
        first = file.readline()
    separator = _separator(first)
    named = not _is_row(first, separator)
    if not named:
        sink.note(f"{path.name} has no names of columns: its first line is data")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = pandas.read_csv(
            path,
            encoding=encoding,
            encoding_errors="replace",
            sep=separator,
            header="infer" if named else None,
            on_bad_lines="warn",
            nrows=limit,
            low_memory=False,
            skipinitialspace=True,
        )
    if not named:
        frame.columns = [f"column {number + 1}" for number in frame.columns]
    if separator != ",":
        _read_decimals(frame)
    bad = [found for w in caught for found in _BAD_LINE.findall(str(w.message))]
    if bad:
        lines = [line for line, _ in bad]
        number = plural(len(lines), "line")
        sink.problem(
            Problem(
                split,
                f"{path.name}: {number} cannot be read (line {few(lines)}): {bad[0][1]}",
                names=(path.name,),
            )
        )
    return frame


def _is_row(line: str, separator: str) -> bool:
    """Whether a first line has numbers where names of columns would be."""
    fields = [field.strip().strip('"') for field in line.strip().split(separator)]
    # whole numbers alone may be names, such as years
    return all(map(_NUMBER.fullmatch, fields)) and any("." in field for field in fields)


def _read_decimals(frame: Any) -> None:
    """Make numbers of columns whose decimals stand behind a comma."""
    import pandas

    for name in frame.columns:
        series = frame[name]
        if not isinstance(series, pandas.Series) or pandas.api.types.is_numeric_dtype(series):
            continue
        told = [v for v in series.dropna() if isinstance(v, str)]
        if any("," in v for v in told) and all(map(_DECIMAL.fullmatch, told)):
            plain = series.str.strip().str.replace(".", "", regex=False)
            frame[name] = pandas.to_numeric(plain.str.replace(",", ".", regex=False))


def _separator(first: str) -> str:
    """What stands between the fields of a first line."""
    counts = {sep: first.count(sep) for sep in ",;\t|"}
    return max(counts, key=lambda sep: counts[sep])


def _encoding(path: Path) -> tuple[str, str]:
    """The encoding of a file, and what to tell where that is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    row = 1
    with path.open("rb") as file:
        start = file.read(4)
        for mark, name in _MARKS:
            if start.startswith(mark):
                return name, "" if name == "utf-8-sig" else f"is in {name.upper()}, not in UTF-8"
        plain = _without_mark(start + file.read(2**10))
        if plain:
            return plain, f"is in {plain.upper()} without a mark that says so, not in UTF-8"
        file.seek(0)
        while chunk := file.read(2**20):
            if b"\0" in chunk:
                raise AuditError(f"{path.name} is no text: it holds zero bytes")
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                row += chunk[: max(0, error.start)].count(b"\n")
                told = f"is not UTF-8 (byte 0x{error.object[error.start]:02x} near line {row})"
                return "cp1252", f"{told}: read as Windows-1252, in which some letters may be wrong"
            row += chunk.count(b"\n")
    return "utf-8", ""


def _without_mark(start: bytes) -> str:
    """UTF-16 without its mark, by where the zero bytes of Latin letters are; else nothing."""
    even, odd = start[::2], start[1::2]
    if len(odd) >= 8 and odd.count(0) > 0.7 * len(odd) and not even.count(0):
        return "utf-16-le"
    if len(odd) >= 8 and even.count(0) > 0.7 * len(even) and not odd.count(0):
        return "utf-16-be"
    return ""
