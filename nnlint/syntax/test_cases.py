"""Which files test others."""

from __future__ import annotations

import ast

from nnlint.syntax.calls import last_name
from nnlint.syntax.module import ModuleSyntax


def is_test(module: ModuleSyntax) -> bool:
    """Whether a module is a test by its name, lies in a package of tests or in what a package has
    for tests, or holds cases of unittest.

    `x_test.py` is one if it has something to test with: it may as well be the script that
    tests a model.
    """
    return module.once(_is_test, None)


def _is_test(module: ModuleSyntax, _: None) -> bool:
    *packages, last = module.name.split(".")
    if (
        "tests" in packages
        or "testing" in packages[1:]
        or last in ("conftest", "tests")
        or last.startswith("test_")
    ):
        return True
    named = last.endswith("_test")
    for node in module.tree.body:
        if named and isinstance(node, ast.FunctionDef | ast.ClassDef):
            if node.name.lower().startswith("test"):
                return True
        if isinstance(node, ast.ClassDef) and any(last_name(b) == "TestCase" for b in node.bases):
            return True
    return False
