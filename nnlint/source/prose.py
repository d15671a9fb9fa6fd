"""Whether what stands in a code cell is meant to be Python at all.

Tutorials keep in code cells what is only to be read: output, commands, configuration, and
sketches of code that leave something out.
"""

from __future__ import annotations

import ast
import re

_ELISION = frozenset({"...", "…", "[...]", "[…]", "# ...", "# …"})
_CODE = re.compile(
    r"(?:def|class|async)\s+\w+.*[(:]|(?:for|while|if|elif|with|except)\b.*:|(?:else|try|finally)\s*:"
    r"|(?:return|import|from|raise|assert|print|yield|del|global)\b(?=\s*[\w(\[{'\"-])|@[\w.]+"
    r"|[\w.]+(?:\[[^\]]*\])?(?:\s*,\s*[\w.]+)*\s*(?:[-+*/@|&]?=)(?!=)\s*\S|[\w.]+\(|[\])}]"
)
"""How lines of code begin, those of statements over several lines included."""
_BARE = (ast.Name, ast.Constant, ast.Tuple, ast.UnaryOp)


def is_python(text: str) -> bool:
    """Whether a cell that cannot be parsed is code with a mistake in it, as most of its lines
    show; one that leaves a part out with dots is a sketch."""
    lines = [line.strip() for line in text.split("\n")]
    if any(line in _ELISION for line in lines):
        return False
    told = [line for line in lines if line and not line.startswith("#")]
    return 2 * sum(map(_is_code, told)) >= len(told)


def _is_code(line: str) -> bool:
    try:
        statements = ast.parse(line).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return bool(_CODE.match(line))
    # one word, or a word and what it is like in a table or a log, is as well no code
    return not all(
        (isinstance(s, ast.Expr) and isinstance(s.value, _BARE))
        or (isinstance(s, ast.AnnAssign) and s.value is None)
        for s in statements
    )
