"""Hostile mutants of real files: each is a function of its number alone."""

from __future__ import annotations

import encodings.aliases
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LONGEST = 60
"""Rows of a real file that a mutant starts from, so that many fit into a minute."""
_TOKEN = re.compile(r"\w+|[ \t]+|\n|[^\w\s]")
LITERALS = (
    "1" + "0" * 399,
    "0x" + "f" * 4_500,
    "10 ** 20",
    "10 ** 10 ** 10",
    "1 << (1 << 40)",
    "'a' * 10 ** 10",
    "[0] * 10 ** 9",
    "range(10 ** 20)",
    "range(-10 ** 9, 10 ** 9)",
    "'%1000000000d' % 5",
    "f'{5:1000000000}'",
    "float('inf')",
    "float('nan')",
    "1e400",
    "-1e400",
    "1j",
    "0",
    "-1",
    "-3",
    "0.5",
    "1 / 0",
    "7 / 2",
    "None",
    "True",
    "...",
    "b'abc'",
    "''",
    "'" + "x" * 5_000 + "'",
    "'\\ud800'",
    "[]",
    "{}",
    "{[]: 1}",
    "(" * 60 + "1" + ")" * 60,
    "lambda: 0",
    "*a",
    "a if b else c",
    "(a := 1)",
    "not a",
    "slice(None, None, 0)",
    "len(range(2 ** 61))",
    "max(range(10 ** 9))",
    "round(5, -10 ** 9)",
    "int('9' * 5000)",
    "[a for a in a for a in a]",
)
"""What stands in the place of numbers, texts and names."""
DOUBLINGS = (
    "{0} = {0} + {0}",
    "{0} = {0} * {0}",
    "{0} = {0} ** {0}",
    "{0} = [{0}, {0}]",
    "{0} = ({0}, {0}, {0})",
    "{0} = {{'a': {0}, 'b': {0}}}",
    "{0} = {0} if a else [{0}]",
    "{0}.append({0})",
    "{0}.{0} = {0}",
    "{0} = {0}({0}, {0})",
    "{0} = {0}.view({0}, {0})",
    "{0} = nn.Sequential({0}, {0})",
    "{0} += {0} - {0} // {0}",
    "{0}['a'] = {0}",
    "{0} = f'{{{0}}}{{{0}}}'",
    "{0} = {0}.{0}",
    "{0} = torch.cat([{0}, {0}])",
    "{0} = {0}.unsqueeze(0)",
)
"""What is written forty times."""
LINES = (
    "del {0}",
    "global {0}",
    "nonlocal {0}",
    "return {0}",
    "yield {0}",
    "raise {0}",
    "async def {0}(*{0}, **k): await {0}",
    "class {0}({0}): pass",
    "class {0}(nn.Module, metaclass={0}): forward = {0}",
    "@{0}\n{1}def {0}({0}={0}): return {0}({0})",
    "from . import *",
    "from {0} import {0} as {0}",
    "import {0}.{0}.{0}",
    "match {0}:\n{1}    case [{0}, *_] | {{'a': {0}, **_}}: pass",
    "type {0}[{0}] = {0}[{0}]",
    "with {0} as {0}, {0}: {0}",
    "try: {0}\n{1}except* {0} as {0}: pass",
    "while {0}: {0}, *{0} = {0}",
    "for {0} in {0}: continue",
    "assert {0}, {0}",
    "print(*{0}, **{0})",
    "{0}: {0} = {0}",
    "# nnlint: ignore[{0}]",
    "# noqa: NN101, {0}",
    "%{0} ?",
)
"""Rows of all kinds of Python, and of none."""
CODECS = sorted({*encodings.aliases.aliases.values(), "undefined", "idna", "punycode", "rot13"})


@dataclass(frozen=True)
class Mutant:
    """One input: the bytes of a file, and how it was made."""

    number: int
    kind: str
    name: str
    content: bytes


class Mutants:
    """Mutants of some files.

    Parameters:
        texts: the contents of real files.
        seed: another seed makes other mutants.
    """

    def __init__(self, texts: Sequence[str], seed: int) -> None:
        self._texts = texts
        self._seed = seed

    def __call__(self, number: int) -> Mutant:
        """The mutant of a number, the same in every run."""
        chance = random.Random(f"{self._seed}:{number}")
        text = self._part(chance)
        kind = chance.choice(list(CHANGES))
        for _ in range(chance.choice((1, 1, 2, 5))):
            text = CHANGES[kind](chance, text, self._part(chance))
            if chance.random() < 0.3:
                kind = chance.choice(list(CHANGES))
        shape = chance.choices(list(SHAPES), [12, 1, 1, 1, 1, 2])[0]
        name = "mutant.ipynb" if shape == "notebook" else "mutant.py"
        return Mutant(number, f"{kind}, {shape}", name, SHAPES[shape](chance, text))

    def _part(self, chance: random.Random) -> str:
        """A real file, or its imports and a part of it, where it is long."""
        rows = chance.choice(self._texts).split("\n")
        if len(rows) <= LONGEST:
            return "\n".join(rows)
        start = chance.randrange(len(rows) - LONGEST)
        imports = [r for r in rows[:start] if r.startswith(("import ", "from "))]
        return "\n".join(imports + rows[start : start + LONGEST])


def _tokens(chance: random.Random, text: str, other: str) -> str:
    """Tokens left out, doubled, exchanged, or taken from another file."""
    tokens = _TOKEN.findall(text)
    for _ in range(chance.randint(1, 6)):
        if not tokens:
            break
        at, to = chance.randrange(len(tokens)), chance.randrange(len(tokens))
        match chance.randrange(4):
            case 0:
                del tokens[at]
            case 1:
                tokens.insert(to, tokens[at])
            case 2:
                tokens[at], tokens[to] = tokens[to], tokens[at]
            case _:
                tokens[at] = chance.choice(_TOKEN.findall(other) or [""])
    return "".join(tokens)


def _statements(chance: random.Random, text: str, other: str) -> str:
    """Rows of another file, with the indentation of the place they come to."""
    rows, others = text.split("\n"), other.split("\n")
    start = chance.randrange(len(others))
    taken = others[start : start + chance.randint(1, 12)]
    at = chance.randrange(len(rows) + 1)
    strip = min((len(r) - len(r.lstrip()) for r in taken if r.strip()), default=0)
    return "\n".join(rows[:at] + [_indent(rows, at) + r[strip:] for r in taken] + rows[at:])


def _literals(chance: random.Random, text: str, other: str) -> str:
    """Hostile literals in the place of numbers, texts and names."""
    pattern = chance.choice(
        (r"\b\d[\w.]*", r"\b\d[\w.]*", r"'[^'\n]*'|\"[^\"\n]*\"", r"\b[a-z]\w*\b")
    )
    places = list(re.finditer(pattern, text))
    for place in sorted(chance.sample(places, min(len(places), 3)), key=lambda m: -m.start()):
        text = text[: place.start()] + f"({chance.choice(LITERALS)})" + text[place.end() :]
    return text


def _doubled(chance: random.Random, text: str, other: str) -> str:
    """A statement that makes a name hold itself more often, forty times."""
    return _inserted(chance, text, chance.choice(DOUBLINGS), chance.choice((2, 12, 40)))


def _rows(chance: random.Random, text: str, other: str) -> str:
    """A row of a kind that is seldom seen."""
    return _inserted(chance, text, chance.choice(LINES), 1)


def _inserted(chance: random.Random, text: str, template: str, times: int) -> str:
    rows = text.split("\n")
    at = chance.randrange(len(rows) + 1)
    names = re.findall(r"\b[A-Za-z_]\w*\b", text) or ["x"]
    indent = _indent(rows, at)
    row = indent + template.format(chance.choice(names), indent)
    return "\n".join(rows[:at] + [row] * times + rows[at:])


def _nested(chance: random.Random, text: str, other: str) -> str:
    """Rows inside many blocks, or an expression inside many others."""
    if chance.random() < 0.5:
        opening, closing = chance.choice(
            (
                ("(", ")"),
                ("[", "]"),
                ("f(", ")"),
                ("{0: ", "}"),
                ("not ", ""),
                ("-", ""),
                ("x + ", ""),
            )
        )
        depth = chance.choice((5, 50, 90, 300))
        return re.sub(
            r"(?<== )\S.*", lambda m: opening * depth + m[0] + closing * depth, text, count=1
        )
    block = chance.choice(
        ("if a:", "for a in b:", "while a:", "with a:", "def f(a):", "try:", "class A:", "else:")
    )
    rows, depth = text.split("\n"), chance.choice((3, 15, 40))
    opened = [" " * i + block for i in range(depth)]
    return "\n".join(opened + [" " * depth + row for row in rows])


def _cut(chance: random.Random, text: str, other: str) -> str:
    """The beginning of a file, and perhaps the end of another."""
    start = text[: chance.randrange(len(text) + 1)]
    return start + (other[chance.randrange(len(other) + 1) :] if chance.random() < 0.5 else "")


def _indent(rows: Sequence[str], at: int) -> str:
    row = next((r for r in [*rows[at:], *reversed(rows[:at])] if r.strip()), "")
    return row[: len(row) - len(row.lstrip())]


def _plain(chance: random.Random, text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _flipped(chance: random.Random, text: str) -> bytes:
    """Bytes changed, left out, or NUL."""
    raw = bytearray(_plain(chance, text))
    for _ in range(chance.randint(1, 4)):
        if raw:
            raw[chance.randrange(len(raw))] = chance.choice((0, 13, 12, 26, chance.randrange(256)))
    return bytes(raw)


def _cookie(chance: random.Random, text: str) -> bytes:
    """A coding cookie, in whose encoding the text is or is not."""
    codec = chance.choice(CODECS)
    text = f"# -*- coding: {codec} -*-\n{text}"
    if chance.random() < 0.5:
        try:
            return text.encode(codec, "ignore")
        except (LookupError, UnicodeError, ValueError):
            pass
    return _plain(chance, text)


def _marked(chance: random.Random, text: str) -> bytes:
    """A byte order mark, or several."""
    marks = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\xef\xbb\xbf" * 2)
    return chance.choice(marks) + _plain(chance, text)


def _line_ends(chance: random.Random, text: str) -> bytes:
    """Other ends of rows."""
    ends = ("\r", "\r\n", "\x0c\n", "\\\n", " \t\n", "\x85", "\u2028")
    return _plain(chance, text.replace("\n", chance.choice(ends)))


def _notebook(chance: random.Random, text: str) -> bytes:
    """The rows as the cells of a notebook, which is mangled in half of all cases."""
    rows, cells = text.splitlines(keepends=True), []
    while rows:
        count = chance.randint(1, 12)
        kind = chance.choices(["code", "markdown", "raw"], [8, 1, 1])[0]
        source = rows[:count] if chance.random() < 0.7 else "".join(rows[:count])
        cells.append({"cell_type": kind, "metadata": {}, "source": source, "outputs": []})
        del rows[:count]
    whole = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    if chance.random() < 0.3:
        target = chance.choice([whole, *cells])
        target[chance.choice(list(target))] = chance.choice(
            (None, 1e400, 10**400, [], {}, "x", [1, None], [[]], True)
        )
    written = (
        json.dumps(whole) if chance.random() < 0.9 else json.dumps(whole).replace("4", "9" * 5_000)
    )
    return _tokens(chance, written, text).encode() if chance.random() < 0.3 else written.encode()


CHANGES: dict[str, Callable[[random.Random, str, str], str]] = {
    "tokens": _tokens,
    "statements": _statements,
    "literals": _literals,
    "doubled": _doubled,
    "rows": _rows,
    "nested": _nested,
    "cut": _cut,
}
SHAPES: dict[str, Callable[[random.Random, str], bytes]] = {
    "plain": _plain,
    "bytes": _flipped,
    "cookie": _cookie,
    "mark": _marked,
    "line ends": _line_ends,
    "notebook": _notebook,
}
