"""Which files test others."""

from __future__ import annotations

import ast

from nnlint.syntax.calls import last_name
from nnlint.syntax.module import ModuleSyntax


def is_test(module: ModuleSyntax) -> bool:
    """Whether a module holds tests of code: it lies in a package of tests or in what a package has
    for tests, is called a test and has something to test with, or holds cases of unittest.

    `test_x.py` and `x_test.py` may as well be the script that tests a trained model.
    """
    return module.once(_is_test, None)


def _is_test(module: ModuleSyntax, _: None) -> bool:
    *packages, last = module.name.split(".")
    if "tests" in packages or "testing" in packages[1:] or last in ("conftest", "tests"):
        return True
    classes = [node for node in module.tree.body if isinstance(node, ast.ClassDef)]
    if any(last_name(base) == "TestCase" for cls in classes for base in cls.bases):
        return True
    if not last.startswith("test_") and not last.endswith("_test"):
        return False
    return any(cls.name.startswith("Test") for cls in classes) or _has_test_function(module)


def _has_test_function(module: ModuleSyntax) -> bool:
    """Whether a function is there for a test runner: none of the file's calls gives it anything."""
    names = {
        node.name
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    }
    for node in module.nodes if names else ():
        if isinstance(node, ast.Call) and (node.args or node.keywords):
            names.discard(last_name(node.func) or "")
    return bool(names)
