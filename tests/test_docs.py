"""docs/architecture.md speaks of modules that exist, and leaves out none of the layers."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LAYERS = TEXT.partition("```\nnnlint/\n")[2].partition("```")[0]
FOLDERS = [ROOT / name for name in (".", "nnlint", "nnlint/semantics", "examples/bird_songs")]


def test_files_that_are_named_exist() -> None:
    named = re.findall(r"`([\w./]+\.(?:py|toml|md))`", TEXT)
    assert len(named) > 8
    assert [n for n in named if not any((folder / n).exists() for folder in FOLDERS)] == []


def test_every_layer_is_named() -> None:
    named = set(re.findall(r"^  (\w+)(?:/|\.py) ", LAYERS, re.MULTILINE))
    modules = [path for path in (ROOT / "nnlint").iterdir() if path.suffix in ("", ".py")]
    there = {path.stem for path in modules if not path.stem.startswith("_")}
    assert there == named, "docs/architecture.md lists the modules of nnlint/"
