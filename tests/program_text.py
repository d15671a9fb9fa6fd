"""Programs given as text, analysed without touching the disk."""

from __future__ import annotations

import textwrap
from pathlib import Path

from nnlint.semantics.analysis import Analysis, Program, analyse
from nnlint.source.file import SourceFile
from nnlint.syntax.module import ModuleSyntax, parse_module


def module_of(text: str, name: str = "train") -> ModuleSyntax:
    """A parsed module of the given text."""
    text = textwrap.dedent(text)
    path = Path(f"{name}.py")
    source = SourceFile(path=path, display=str(path), text=text, raw=text.encode(), cells=None)
    return parse_module(source, name, is_package=False)


def analysed(text: str, **others: str) -> Analysis:
    """The analysis of `text`, with other modules of the project given by name."""
    modules = {name: module_of(body, name) for name, body in others.items()}
    return analyse(module_of(text), lambda name, importer: modules.get(name))


def main_program(text: str, **others: str) -> Program:
    """What happens when `text` is run as a script."""
    return analysed(text, **others).programs[0]
