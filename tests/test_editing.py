"""One process that lints again and again while files are edited: it says what a fresh one says."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest

from nnlint.config import Config
from nnlint.engine import Linter

ROOT = Path(__file__).parent.parent
PROJECTS = [
    ROOT / "examples" / "bird_songs",
    ROOT / "benchmarks" / "editor" / "project",
    ROOT / "fixtures" / "mean-of-batch-means" / "bad_callers_elsewhere",
    ROOT / "fixtures" / "missing-seed" / "bad_project",
    ROOT / "fixtures" / "view-mixes-batch" / "bad_shared_mixer_in_package",
    ROOT / "fixtures" / "softmax-into-cross-entropy" / "bad_inherit",
]
STEPS = 8
COMMENTS = (
    "best",
    "inf",
    "the loss",
    "seed",
    "nnlint: ignore[NN101]",
    "nnlint: ignore",
    "x or 'y'",
)


class Editor:
    """Files that are edited at random, some on disk and some in a buffer alone."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.files = sorted(folder.rglob("*.py"))
        self.overlay: dict[str, bytes] = {}
        self.before: dict[Path, str] = {}
        self.done = ""

    def edit(self) -> None:
        """Change one file."""
        path = self.random.choice(self.files)
        text = self.overlay.get(str(path), path.read_bytes()).decode()
        kinds = [self.comment, self.comment, self.blank, self.behind, self.uncomment]
        kinds += [self.delete, self.double, self.rename, self.number, self.broken]
        kind = self.random.choice(kinds)
        self.done = f"{kind.__name__} {path.name}"
        rows = text.split("\n")
        if path in self.before:
            rows = self.before.pop(path).split("\n")
            self.done = f"mended {path.name}"
        elif kind == self.broken:
            self.before[path] = text
        changed = "\n".join(rows if self.done.startswith("mended") else kind(rows))
        if self.random.random() < 0.5:
            self.overlay[str(path)] = changed.encode()
        else:
            self.overlay.pop(str(path), None)
            path.write_text(changed)

    def at(self, rows: list[str]) -> int:
        return self.random.randrange(len(rows))

    def comment(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        words = re.findall(r"\w{3,}", "\n".join(rows)) or ["x"]
        said = self.random.choice((*COMMENTS, " ".join(self.random.choices(words, k=4))))
        return [*rows[:at], f"{' ' * self.random.choice((0, 4, 8))}# {said}", *rows[at:]]

    def blank(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        return [*rows[:at], *[""] * self.random.randint(1, 5), *rows[at:]]

    def behind(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        said = self.random.choice(COMMENTS)
        return [*rows[:at], f"{rows[at]}  # {said}" if rows[at].strip() else "", *rows[at + 1 :]]

    def uncomment(self, rows: list[str]) -> list[str]:
        return [row for row in rows if row.strip()[:1] not in ("#", "")]

    def delete(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        return rows[:at] + rows[at + 1 :]

    def double(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        return [*rows[:at], rows[at], *rows[at:]]

    def rename(self, rows: list[str]) -> list[str]:
        text = "\n".join(rows)
        name = self.random.choice(re.findall(r"\b[a-zA-Z_]\w+", text) or ["x"])
        return re.sub(rf"\b{name}\b", f"{name}_", text).split("\n")

    def number(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        return [*rows[:at], re.sub(r"\d+", "3", rows[at]), *rows[at + 1 :]]

    def broken(self, rows: list[str]) -> list[str]:
        at = self.at(rows)
        return [*rows[:at], "def (", *rows[at:]]


def linter() -> Linter:
    config = Config()
    return Linter(lambda folder: config, jobs=1)


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_random_edits(tmp_path: Path, project: Path, seed: int = 0, steps: int = STEPS) -> None:
    folder = tmp_path / "project"
    shutil.copytree(project, folder)
    (tmp_path / "pyproject.toml").touch()
    kept = linter()
    editor = Editor(folder, seed)
    done = []
    for _ in range(steps):
        found = kept.discover([str(folder)])
        mine = kept.run(found, dict(editor.overlay))
        fresh = linter().run(found, dict(editor.overlay))
        assert mine.findings == fresh.findings, (seed, done)
        assert dict(mine.passed) == dict(fresh.passed), (seed, done)
        assert mine.digests == fresh.digests
        editor.edit()
        done.append(editor.done)
