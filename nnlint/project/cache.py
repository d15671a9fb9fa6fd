"""Findings remembered from the last run, and when they still hold."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nnlint import __version__
from nnlint.project.mentions import ASKED, Users, identity
from nnlint.project.modules import (
    ABSENT,
    PROJECT_MARKERS,
    SETTINGS,
    ProjectModules,
    signposts,
)
from nnlint.project.results import FileResult, pack, unpack
from nnlint.project.sources import ALL, SourceRoots
from nnlint.source.discovery import Roots
from nnlint.source.file import SourceError
from nnlint.source.reading import content_hash, read_bytes

FOLDER = ".nnlint_cache"
"""The folder that a cache makes for itself, and in which it touches only what it made."""
TAG = "CACHEDIR.TAG"
"""The file by which programs that make copies tell a cache, see https://bford.info/cachedir/."""
_TAG_TEXT = """\
Signature: 8a477f597d28d172789f06886806bc55
# This folder holds what nnlint remembers between runs. It may be removed at any time.
"""
_OWN = re.compile(r"results-[0-9a-f]{40}\.json|results-\w+\.part")
"""Names of the files that hold results, whole or about to be."""
KEPT = 8
"""Caches of other configurations, rules or folders that are kept, newest first."""
SETTLED = 2_000_000_000
"""Nanoseconds after which a file's time of change tells every later change."""

Stamp = tuple[int, int]
"""Time of change and size: a file with the same stamp is taken to be the same."""


@dataclass(slots=True)
class _Contents:
    """What the cache file holds, as JSON: data that can do no harm, whoever wrote it."""

    stamps: dict[str, tuple[Stamp, str]] = field(default_factory=dict)
    """Identity of the content that a file had at a stamp."""
    consulted: list[tuple[str, str]] = field(default_factory=list)
    """Files with content's identities that results depend on, each pair once."""
    results: dict[str, tuple[str, tuple[int, ...], Any]] = field(default_factory=dict)
    """By path: identity of the content, positions in `consulted`, the packed result."""
    answers: dict[str, Any] = field(default_factory=dict)
    """What was found out about all results together, by question and by what they were."""

    @classmethod
    def read(cls, raw: bytes) -> _Contents:
        """The contents of a cache file.

        Raises:
            ValueError, TypeError, RecursionError: it is something else.
        """
        stamps, consulted, results, answers = json.loads(raw)
        return cls(
            {p: ((int(time), int(size)), str(d)) for p, ((time, size), d) in stamps.items()},
            [(str(path), str(digest)) for path, digest in consulted],
            {p: (str(d), tuple(map(int, ns)), data) for p, (d, ns, data) in results.items()},
            dict(answers),
        )

    def written(self) -> bytes:
        """The bytes that `read` reads."""
        data = (self.stamps, self.consulted, self.results, self.answers)
        return json.dumps(data, separators=(",", ":")).encode("ascii")


class Cache:
    """What each file's check found, keyed by everything the outcome depends on.

    Paths are absolute.

    Parameters:
        folder: where the cache has its own folder between runs; None keeps it in memory only.
        fingerprint: identity of the rules, settings and engine; see `fingerprint`.
        src: globs of further folders that imports start from.
    """

    def __init__(self, folder: Path | None, fingerprint: str, src: Sequence[str] = ()) -> None:
        own = folder / FOLDER if folder and not refusal(folder) else None
        self._file = own / f"results-{fingerprint}.json" if own else None
        self._changed = False
        self._overlay: Mapping[str, bytes] = {}
        self._src = src
        self._sources = SourceRoots(src)
        self._users = Users(ProjectModules())
        self._around: dict[str, Stamp | None] = {}
        """What tells of a change among the files that are around those of a folder."""
        self._stamps: dict[str, Stamp] = {}
        self._digests: dict[str, str] = {}
        self._holds: dict[int, bool] = {}
        self._tried: dict[str, tuple[str, tuple[int, ...], Any]] = {}
        """Results under an overlay: they are of no use to the next run."""
        self._unpacked: dict[str, tuple[object, Callable[[str], str], FileResult]] = {}
        """What was made last of the entry of a file, for whom."""
        self._contents = _Contents()
        if self._file is not None:
            try:
                self._contents = _Contents.read(_read(self._file))
            except (OSError, ValueError, TypeError, AttributeError, RecursionError):
                # a cache that cannot be read is no cache
                self._changed = True
        self._numbers = {pair: i for i, pair in enumerate(self._contents.consulted)}

    def look_again(self, overlay: Mapping[str, bytes], roots: Roots) -> None:
        """Forget what files held, and take the content of some as given from now on.

        Parameters:
            roots: what is linted.
        """
        self._overlay = overlay
        self._users = Users(ProjectModules(roots, overlay))
        self._sources = SourceRoots(self._src)
        self._around.clear()
        self._stamps.clear()
        self._digests.clear()
        self._holds.clear()

    def get(self, path: str, display: Callable[[str], str]) -> FileResult | None:
        """The remembered result of a file, if it still holds.

        Parameters:
            display: the name that the user knows a file by.
        """
        entries = [self._tried.get(path), self._contents.results.get(path)]
        entry = next((e for e in entries if e and self.identity(path) == e[0]), None)
        if entry is None:
            # known before the file is read, so that a change in between is not missed
            self._stamp(path)
            return None
        try:
            holds = all(map(self._still_holds, entry[1]))
            return self._unpack(path, entry, display) if holds else None
        except (LookupError, ValueError, TypeError):
            return None

    def known(self, path: str) -> FileResult | None:
        """What is remembered of a file, with the files it depends on and absolute paths."""
        return self._whole(self._contents.results.get(path))

    def last(self, path: str) -> FileResult | None:
        """What was found last in a file, holding or not, as `known` gives it."""
        try:
            return self._whole(self._tried.get(path) or self._contents.results.get(path))
        except (LookupError, ValueError, TypeError):
            return None

    def identity(self, path: str) -> str:
        """The identity of what a file or folder holds now, as results rest on it.

        A file is read only when its stamp is not a known one.
        """
        known = self._digests.get(path)
        if known is None:
            known = self._digests[path] = self._find_digest(path)
        return known

    def _whole(self, entry: tuple[str, tuple[int, ...], Any] | None) -> FileResult | None:
        """The result of an entry, with all that is kept with it.

        Raises:
            LookupError, ValueError, TypeError: it is none.
        """
        if entry is None:
            return None
        digest, numbers, data = entry
        consulted = dict(self._contents.consulted[number] for number in numbers)
        return replace(unpack(data, str), digest=digest, consulted=consulted)

    def _unpack(
        self, path: str, entry: tuple[str, tuple[int, ...], Any], display: Callable[[str], str]
    ) -> FileResult:
        """The result of an entry, made once for runs that follow one another.

        Raises:
            LookupError, ValueError, TypeError: it is none.
        """
        known = self._unpacked.get(path)
        if known is None or known[0] is not entry or known[1] != display:
            result = replace(unpack(entry[2], display), digest=entry[0])
            known = self._unpacked[path] = entry, display, result
        return known[2]

    def put(self, path: str, result: FileResult) -> None:
        """Remember the result of a file, with the files it depends on."""
        if not result.digest:
            return
        consulted = result.consulted or {}
        numbers = tuple(self._number(pair) for pair in consulted.items() if pair[0] != path)
        entry = result.digest, numbers, pack(result)
        if self._overlay:
            self._tried[path] = entry
            return
        self._contents.results[path] = entry
        self._remember_stamp(path, result.digest)
        self._changed = True

    def answer(self, question: str, names: Iterable[str], find: Callable[[], Any]) -> Any:
        """What follows from the results of files together, found out once and remembered.

        Parameters:
            names: their paths; all are known to hold.
            find: finds the answer, as JSON.
        """
        digest = hashlib.sha1(question.encode(), usedforsecurity=False)
        for path in names:
            known, numbers, _ = self._contents.results.get(path, (ABSENT, (), None))
            consulted = [self._contents.consulted[number] for number in numbers]
            digest.update(repr((path, known, consulted)).encode("utf-8", "surrogatepass"))
        key = digest.hexdigest()
        if key not in self._contents.answers:
            self._contents.answers = {key: find()}
            self._changed = True
        return self._contents.answers[key]

    def _number(self, pair: tuple[str, str]) -> int:
        number = self._numbers.get(pair)
        if number is None:
            number = self._numbers[pair] = len(self._contents.consulted)
            self._contents.consulted.append(pair)
        return number

    def _still_holds(self, number: int) -> bool:
        known = self._holds.get(number)
        if known is None:
            path, digest = self._contents.consulted[number]
            known = self._holds[number] = self.identity(path) == digest
        return known

    def _find_digest(self, path: str) -> str:
        overlaid = self._overlay.get(path)
        if overlaid is not None:
            return content_hash(overlaid)
        if path.endswith(os.sep):
            return signposts(path)
        if path.endswith(ALL):
            return self._sources.identity(path.removesuffix(ALL))
        if ASKED in path:
            return self._find_users(path)
        if path.endswith(SETTINGS):
            # imported where a result rests on such files
            from nnlint.project.configurations import settings_identity

            return settings_identity(path.removesuffix(SETTINGS))
        stamp = self._stamp(path)
        if stamp is None:
            return ABSENT
        remembered = self._contents.stamps.get(path)
        if remembered is not None and remembered[0] == stamp:
            return remembered[1]
        try:
            digest = content_hash(read_bytes(Path(path)))
        except OSError:
            return ABSENT
        except SourceError:
            return "unreadable"
        self._remember_stamp(path, digest)
        return digest

    def _find_users(self, asked: str) -> str:
        """Identity of which files mention a name; they are searched only after one has changed."""
        path, _, name = asked.rpartition(ASKED)
        folder = os.path.dirname(path)
        if folder not in self._around:
            self._around[folder] = self._stamp_of_all(self._users.candidates(path))
        stamp, remembered = self._around[folder], self._contents.stamps.get(asked)
        if stamp is not None and remembered is not None and remembered[0] == stamp:
            return remembered[1]
        found = identity(path, self._users.files(path, name))
        if stamp is not None:
            self._changed = True
            self._contents.stamps[asked] = stamp, found
        return found

    def _stamp_of_all(self, files: Iterable[str]) -> Stamp | None:
        """One for many files; None where one may change without changing its own."""
        stamps = sorted((file, *(self._stamp(file) or (0, 0))) for file in files)
        newest = max((changed for _, changed, _ in stamps), default=0)
        if self._overlay or newest >= time.time_ns() - SETTLED:
            return None
        digest = hashlib.sha1(repr(stamps).encode("utf-8", "surrogatepass"), usedforsecurity=False)
        return int.from_bytes(digest.digest()[:7], "big"), len(stamps)

    def _stamp(self, path: str) -> Stamp | None:
        stamp = self._stamps.get(path)
        if stamp is None:
            try:
                status = os.stat(path)
            except OSError:
                return None
            stamp = self._stamps[path] = status.st_mtime_ns, status.st_size
        return stamp

    def _remember_stamp(self, path: str, digest: str) -> None:
        stamp = self._stamps.get(path)
        if path in self._overlay:
            return
        if stamp is not None and stamp[0] < time.time_ns() - SETTLED:
            self._changed = True
            self._contents.stamps[path] = stamp, digest

    def save(self) -> None:
        """Write the cache at once or not at all; a folder that cannot be written is no error."""
        if not self._changed or self._file is None:
            return
        try:
            _write(self._file, self._pruned().written())
        except (OSError, ValueError, LookupError, TypeError):
            return
        self._changed = False

    def _pruned(self) -> _Contents:
        """The contents without files that are gone and what only they depended on."""
        old = self._contents
        stamps = old.stamps.items()
        kept = _Contents({p: s for p, s in stamps if self._stamp(p.partition(ASKED)[0])})
        numbers: dict[int, int] = {}
        for path, (digest, consulted, result) in old.results.items():
            if self._stamp(path):
                for number in consulted:
                    numbers.setdefault(number, len(numbers))
                renumbered = tuple(numbers[n] for n in consulted)
                kept.results[path] = digest, renumbered, result
        kept.answers = old.answers
        kept.consulted = [old.consulted[number] for number in numbers]
        return kept


def _read(file: Path) -> bytes:
    if not stat.S_ISREG(os.lstat(file).st_mode):
        raise OSError(f"{file} is no regular file")
    return file.read_bytes()


def _write(file: Path, data: bytes) -> None:
    folder = file.parent
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in ((TAG, _TAG_TEXT), (".gitignore", "*\n")):
        # neither over a file nor through a link that is there
        with (
            contextlib.suppress(FileExistsError),
            open(folder / name, "x", encoding="utf-8") as new,
        ):
            new.write(text)
    handle, name = tempfile.mkstemp(dir=folder, prefix="results-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as part:
            part.write(data)
        os.replace(name, file)
    except OSError:
        os.unlink(name)
        raise
    whole = [path for path in _own_files(folder) if path.suffix == ".json"]
    for old in sorted(whole, key=lambda path: os.lstat(path).st_mtime)[:-KEPT]:
        old.unlink()


def _own_files(folder: Path) -> list[Path]:
    """The results that a cache wrote into its folder; links and folders are none of them."""
    return [
        Path(entry)
        for entry in os.scandir(folder)
        if _OWN.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
    ]


def refusal(folder: Path) -> str:
    """Why a cache is not kept in a folder; empty when it can be."""
    own = folder / FOLDER
    try:
        status = os.lstat(own)
    except OSError:
        # it is made when it is needed, if it can be
        return ""
    if stat.S_ISLNK(status.st_mode):
        return f"{own} is a link"
    if not stat.S_ISDIR(status.st_mode):
        return f"{own} is no folder"
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        return f"{own} belongs to somebody else"
    return ""


def remove(folder: Path) -> bool:
    """Remove the cache in a folder; whether there was one. What others put there stays.

    Raises:
        OSError: it cannot be removed.
    """
    own = folder / FOLDER
    if refusal(folder) or not os.path.lexists(own / TAG):
        return False
    for file in (*_own_files(own), own / TAG, own / ".gitignore"):
        file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        own.rmdir()
    return True


def home_of(start: Path, origin: str | None) -> Path:
    """The folder that the cache of a run lies in: the top of the project.

    Parameters:
        start: the folder that the run starts at.
        origin: the configuration file that was found from there.
    """
    if origin:
        return Path(origin).absolute().parent
    for folder in (start, *start.parents):
        if any((folder / marker).exists() for marker in PROJECT_MARKERS):
            return folder
    return start


def fingerprint(*settings: object, sources: Iterable[str]) -> str:
    """Identity of the tool itself with its settings.

    Parameters:
        settings: what the outcome of a check depends on besides files.
        sources: files of the rules; the engine's own are always part of it.
    """
    digest = hashlib.sha1(usedforsecurity=False)
    digest.update(f"{__version__} {sys.version_info[:3]} {settings!r}".encode())
    engine = Path(__file__).resolve().parent.parent
    own = (
        os.path.join(folder, name)
        for folder, _, names in os.walk(engine)
        for name in names
        if name.endswith((".py", ".toml"))
    )
    for source in sorted({*sources, *own}):
        try:
            status = os.stat(source)
        except OSError:
            continue
        digest.update(f"{source!r} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()
