"""Changes to source text: each keeps every other character."""

from __future__ import annotations

import ast
import json
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlint.finding import ChangeKind, Edit, Position
from nnlint.rewriting import ChangeRefused, edits_of
from nnlint.rewriting import changes as edits
from nnlint.rewriting.imports import reference
from nnlint.rewriting.oracles import fault_outside
from nnlint.rewriting.transforming import CARRIED_OUT
from nnlint.semantics.values import Site
from nnlint.source.reading import read_source
from nnlint.source.rewrite import RewriteError, edited, replace_file, rewritten
from nnlint.syntax.module import parse_module


def parsed(text: str, name: str = "train.py"):
    raw = text.encode() if isinstance(text, str) else text
    return parse_module(read_source(Path(name), name, raw), "train", False)


def site(module, text: str, kind: type = ast.AST) -> Site:
    """The first and largest node that is written as `text`."""
    return next(
        Site(module, n)
        for n in ast.walk(module.tree)
        if isinstance(n, kind) and hasattr(n, "lineno") and module.text(n) == text
    )


def after(module, changes) -> str | None:
    """The module's text after changes."""
    if changes is None:
        return None
    try:
        made = edits_of(module.source, changes)
    except ChangeRefused:
        return None
    text = rewritten(module.source.raw, module.source.display, made).decode()
    ast.parse(text)
    return text


LOOP = """\
for x in y:
    # the forward pass
    loss = model(
        x,
    )  # a comment
    if loss:
        loss.backward()
    elif x:
        a = 1; b = 2
    for z in x: c = 3
@first
@second
def f():
    \"\"\"Documentation.\"\"\"
    return loss.sum()"""


class TestStatements:
    @pytest.mark.parametrize(
        ("node", "before", "behind"),
        [
            (
                "loss.backward()",
                "        new()\n        loss.backward()",
                "loss.backward()\n        new()",
            ),
            (
                "model",
                "    new()\n    # the forward pass\n    loss = model(",
                ")  # a comment\n    new()\n    if",
            ),
            ("y", "new()\nfor x in y:", "c = 3\nnew()\n@first"),
            ("loss.sum()", "    new()\n    return loss.sum()", None),
            ("a", "        new(); a = 1; b = 2", "        a = 1; new(); b = 2"),
            ("2", "        a = 1; new(); b = 2", "        a = 1; b = 2; new()"),
            ("3", "    for z in x: new(); c = 3", "    for z in x: c = 3; new()\n"),
            ("first", "new()\n@first", "loss.sum()\nnew()"),
        ],
    )
    def test_insert(self, node, before, behind):
        module = parsed(LOOP)
        at = site(module, node)
        inserted = after(module, edits.insert_before(at, "new()"))
        assert inserted is None if before is None else before in inserted
        inserted = after(module, edits.insert_after(at, "new()"))
        assert inserted is None if behind is None else behind in inserted

    def test_elif_is_no_place(self):
        module = parsed("if a:\n    pass\nelif b:\n    pass\n")
        assert after(module, edits.insert_before(site(module, "b"), "new()")) is None
        assert after(module, edits.insert_before(site(module, "a"), "new()")).startswith(
            "new()\nif"
        )

    @pytest.mark.parametrize("end", [";", " ;", " ;  # a note", "; c();"])
    def test_blocks_that_a_semicolon_ends(self, end):
        module = parsed(f"for a in x:\n    b(){end}\nd()\n")
        loop = next(n for n in ast.walk(module.tree) if isinstance(n, ast.For))
        changed = after(module, edits.wrap(Site(module, loop), "with new()"))
        assert changed == f"with new():\n    for a in x:\n        b(){end}\nd()\n"
        changed = after(module, edits.insert_after(Site(module, loop), "new()"))
        assert changed == f"for a in x:\n    b(){end}\nnew()\nd()\n"

    def test_several_lines(self):
        module = parsed("if a:\n\tb()\n")
        changed = after(module, edits.insert_before(site(module, "b()"), "with c:", "\td()"))
        assert changed == "if a:\n\twith c:\n\t\td()\n\tb()\n"

    @pytest.mark.parametrize(
        ("text", "node", "expected"),
        [
            ("a()\nb()\nc()\n", "b()", "a()\nc()\n"),
            ("a()\n\n# kept\nb(\n    1\n)\n\nc()\n", "b", "a()\n\n# kept\n\nc()\n"),
            ("a()\nb()  # goes\n", "b", None),
            ("a()\nb()", "b()", "a()"),
            ("if a:\n    b()\nc()\n", "b()", "if a:\n    pass\nc()\n"),
            ("b()\n", "b()", "pass\n"),
            ("a(); b()\n", "b()", "a()\n"),
            ("if a: b()\n", "b()", "if a: pass\n"),
            ("@d\ndef b():\n    pass\nc()\n", "d", "c()\n"),
            ("if x:\n    @d\n    def b():\n        pass\n", "d", "if x:\n    pass\n"),
        ],
    )
    def test_delete(self, text, node, expected):
        module = parsed(text)
        assert after(module, edits.delete_statement(site(module, node))) == expected


class TestArguments:
    @pytest.mark.parametrize(
        ("call", "expected"),
        [
            ("f()", "f(k=1)"),
            ("f( )", "f(k=1 )"),
            ("f(a)", "f(a, k=1)"),
            ("f(a,)", "f(a, k=1,)"),
            ("f((a))", "f((a), k=1)"),
            ("f(a, *b)", "f(a, *b, k=1)"),
            ("f(a)(b)", "f(a)(b, k=1)"),
            ("f(g(a, c), 'x)')", "f(g(a, c), 'x)', k=1)"),
            ("f(a, k=2)", "f(a, k=1)"),
            ("f(a, k=g(2), b=3)", "f(a, k=1, b=3)"),
            ("f(k=(2))", "f(k=(1))"),
            ("f(a, **b)", None),
            ("f(x for x in y)", None),
            ("f([x for x in y])", "f([x for x in y], k=1)"),
            ("f(\n    a,\n    b,\n)", "f(\n    a,\n    b,\n    k=1,\n)"),
            ("f(\n    a,\n    b\n)", "f(\n    a,\n    b,\n    k=1\n)"),
            ("f(\n    a,\n    b,  # note\n)", "f(\n    a,\n    b,  # note\n    k=1,\n)"),
            ("f(\n    a,\n    b  # note\n)", "f(\n    a,\n    b,  # note\n    k=1\n)"),
            ("f(a,\n  b)", "f(a,\n  b,\n  k=1)"),
            ("f(a, b\n)", "f(a, b, k=1\n)"),
            ("f(f'{a}, {b!r:>{w}}')", "f(f'{a}, {b!r:>{w}}', k=1)"),
            ("f(\n    # nothing\n)", "f(k=1\n    # nothing\n)"),
        ],
    )
    def test_set_keyword(self, call, expected):
        module = parsed(f"x = [{call}]  # end\n")
        found = after(module, edits.set_keyword(site(module, call, ast.Call), "k", "1"))
        assert found == (expected and f"x = [{expected}]  # end\n")

    @pytest.mark.parametrize(
        ("call", "expected"),
        [
            ("f(k=1)", "f()"),
            ("f(k=1,)", "f()"),
            ("f(a, k=1)", "f(a)"),
            ("f(a, k=(1), )", "f(a, )"),
            ("f(k=1, b=2)", "f(b=2)"),
            ("f((a), k=g(1, 2), **b)", "f((a), **b)"),
            ("f(a)", "f(a)"),
            ("f(\n    a,\n    k=1,\n    b=2,\n)", "f(\n    a,\n    b=2,\n)"),
            ("f(\n    a,\n    k=1,  # gone too\n)", None),
            ("f(\n    a,\n    k=1\n)", "f(\n    a,\n)"),
            ("f(a,  # note\n  k=1)", None),
            ("f(k=1,  # note\n  b=2)", None),
        ],
    )
    def test_remove_keyword(self, call, expected):
        module = parsed(f"x = {call}\n")
        changes = edits.remove_keyword(site(module, call, ast.Call), "k")
        assert after(module, changes) == (expected and f"x = {expected}\n")

    @pytest.mark.parametrize(
        ("container", "expected"),
        [
            ("[a, b, c]", "[a, c]"),
            ("[b, c]", "[c]"),
            ("[a, b]", "[a]"),
            ("[b]", "[]"),
            ("[a, (b), c]", "[a, c]"),
            ("(a, b, c)", "(a, c)"),
            ("(a, b)", None),
            ("a, b, c", "a, c"),
            ("{a, b}", "{a}"),
            ("f(a, b, c=1)", "f(a, c=1)"),
            ("[\n    a,\n    b,\n    c,\n]", "[\n    a,\n    c,\n]"),
            ("[\n    a,\n    b\n]", "[\n    a,\n]"),
            ("[\n    a,\n\n    # about b\n    b,\n]", None),
            ("[a,\n b, c]", "[a,\n c]"),
        ],
    )
    def test_remove_item(self, container, expected):
        module = parsed(f"x = {container}\n")
        item = site(module, "b", ast.Name)
        found = after(module, edits.remove_items(site(module, container), item))
        assert found == (expected and f"x = {expected}\n")

    @pytest.mark.parametrize(
        ("container", "gone", "expected"),
        [
            ("[a, b, c]", "ab", "[c]"),
            ("[a, b, c]", "bc", "[a]"),
            ("[a, b, c]", "ac", "[b]"),
            ("[a, b, c,]", "abc", "[]"),
            ("[a, b, c, d]", "bd", "[a, c]"),
            ("(a, b, c)", "ab", None),
            ("[\n    a,\n    b,\n    c,\n]", "bc", "[\n    a,\n]"),
            ("[\n    a,\n    b,  # b\n    c\n]", "ab", None),
            ("[a,\n b,\n c]", "bc", "[a]"),
        ],
    )
    def test_remove_items(self, container, gone, expected):
        module = parsed(f"x = {container}\n")
        items = [site(module, name, ast.Name) for name in gone]
        found = after(module, edits.remove_items(site(module, container), *items))
        assert found == (expected and f"x = {expected}\n")

    @pytest.mark.parametrize(
        ("call", "expected"),
        [
            ("f(a)", "a"),
            ("f(a + b)", "(a + b)"),
            ("f(a.b(c)[0])", "a.b(c)[0]"),
            ("f(a if b else c)", "(a if b else c)"),
            ("f(*a)", None),
            ("f(\n    a +\n    b\n)", "(a +\n    b)"),
        ],
    )
    def test_unwrap(self, call, expected):
        module = parsed(f"x = 2 * {call}\n")
        at = site(module, call, ast.Call)
        found = after(module, edits.unwrap(at, Site(module, at.node.args[0])))
        assert found == (expected and f"x = 2 * {expected}\n")

    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            ("x = f(-a)", "x = -a"),
            ("def g(): return f(a + b)", "def g(): return a + b"),
            ("g(f(-a), k=f(b))", "g(-a, k=f(b))"),
            ("g(k=f(a + b))", "g(k=a + b)"),
            ("x = [f(-a)]", "x = [-a]"),
            ("x = f(-a) ** 2", "x = (-a) ** 2"),
            ("x = f(a + b).c", "x = (a + b).c"),
            ("x = f(lambda: a)", "x = lambda: a"),
        ],
    )
    def test_unwrap_adds_parentheses_where_they_are_needed(self, statement, expected):
        module = parsed(f"{statement}\n")
        at = next(
            Site(module, n)
            for n in ast.walk(module.tree)
            if isinstance(n, ast.Call) and module.text(n.func) == "f"
        )
        found = after(module, edits.unwrap(at, Site(module, at.node.args[0])))
        assert found == f"{expected}\n"

    def test_a_name_over_rows_is_called(self):
        module = parsed("x = (\n    a\n    .b(c)\n)\n")
        name = site(module, "a\n    .b", ast.Attribute)
        found = after(module, edits.replace(name, f"{edits.source_text(name)}()"))
        assert ast.unparse(ast.parse(found)) == "x = a.b()(c)"

    def test_all_or_none(self):
        module = parsed("f(a); g(b)\n")
        one = edits.replace(site(module, "a"), "c")
        two = edits.replace(site(module, "b"), "d")
        assert after(module, edits.together(one, two)) == "f(c); g(d)\n"
        assert (
            after(module, edits.together(one, edits.insert_before(site(module, "b"), "x:"))) is None
        )
        assert edits.together(one, None) is None


class TestReference:
    @pytest.mark.parametrize(
        ("head", "name", "added"),
        [
            ("import torch", "torch.manual_seed", ""),
            ("import torch as th", "th.manual_seed", ""),
            ("import torch.nn.functional", "torch.manual_seed", ""),
            ("import torch.nn as nn", "torch.manual_seed", "import torch"),
            ("from torch import manual_seed", "manual_seed", ""),
            ("from torch import manual_seed as fix", "fix", ""),
            ("from torch import nn", "torch.manual_seed", "import torch"),
            ("from torch import *", "torch.manual_seed", "import torch"),
            ("from .torch import manual_seed", "torch.manual_seed", "import torch"),
            ("torch = 3", "torch.manual_seed", None),
            ("import torch\ntorch = 3", "torch.manual_seed", None),
            ("import torch\nfor torch in (): pass", "torch.manual_seed", None),
            ("import torch\ndef g(torch): pass", "torch.manual_seed", ""),
            ("def torch(): pass", "torch.manual_seed", None),
        ],
    )
    def test_by_the_file_s_own_imports(self, head, name, added):
        module = parsed(f"{head}\n\n\ndef f(x):\n    return x\n")
        text, changes = reference(site(module, "return x"), "torch.manual_seed")
        assert text == name
        assert (changes is None) is (added is None)
        if added:
            assert after(module, changes).count(f"{added}\n") == 1

    def test_shadowed_where_it_is_used(self):
        module = parsed("import torch\n\n\ndef f(torch):\n    return torch\n")
        assert reference(site(module, "return torch"), "torch.relu")[1] is None

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (
                '"""Doc."""\nfrom __future__ import annotations\nimport os\n\nx()\n',
                "import os\nimport torch\n\nx()",
            ),
            ('"""Doc."""\nx()\n', '"""Doc."""\nimport torch\n\nx()'),
            ("x()\n", "import torch\n\nx()"),
            ("#!/usr/bin/python\n# licence\nx()\n", "# licence\nimport torch\n\nx()"),
            ("from a import (\n    b,\n)\nx()\n", ")\nimport torch\n\nx()"),
        ],
    )
    def test_where_an_import_goes(self, text, expected):
        module = parsed(text)
        _, changes = reference(site(module, "x()"), "torch.relu")
        assert expected in after(module, changes)


def edit(start: tuple[int, int], end: tuple[int, int], content: str, cell=None) -> Edit:
    return Edit(Position(*start), Position(*end), content, cell)


class TestBytes:
    @pytest.mark.parametrize(
        "text",
        [
            b"a = 1\nb = 2\nc = 3\n",
            b"a = 1\r\nb = 2\r\nc = 3\r\n",
            b"a = 1\rb = 2\rc = 3\r",
            b"\xef\xbb\xbfa = 1\nb = 2\nc = 3",
            b"\xef\xbb\xbfa = 1\r\nb = 2\r\nc = 3",
            b"a = 1\n\tb = 2 \t\nc = '\xc3\xa9\xf0\x9f\x98\x80'\n\n\n",
            b"# coding: latin-1\nb = 2\nc = '\xe9'\n",
            b"# coding: shift_jis\nb = 2\nc = '\x93\xfa\x96{'\n",
        ],
    )
    def test_every_other_byte_is_kept(self, text):
        changed = rewritten(
            text, "a.py", [edit((2, 1), (2, 1), "new\n"), edit((3, 3), (3, 4), "==")]
        )
        end = b"\r\n" if b"\r\n" in text else b"\r" if b"\r" in text else b"\n"
        first, _, rest = text.partition(end)
        second, _, third = rest.partition(end)
        assert changed == first + end + b"new" + end + second + end + third.replace(b"=", b"==", 1)
        assert rewritten(text, "a.py", []) == text

    def test_what_the_encoding_lacks(self):
        with pytest.raises(RewriteError):
            rewritten(b"# coding: ascii\nx = 1\n", "a.py", [edit((2, 1), (2, 2), "\xe9")])

    @pytest.mark.parametrize(
        "wrong",
        [
            [edit((9, 1), (9, 1), "x")],
            [edit((1, 99), (1, 99), "x")],
            [edit((1, 0), (1, 1), "x")],
            [edit((1, 1), (1, 4), "x"), edit((1, 3), (1, 5), "y")],
            [edit((2, 1), (1, 1), "x")],
        ],
    )
    def test_edits_that_cannot_be_made(self, wrong):
        with pytest.raises(RewriteError):
            rewritten(b"a = 1\nb = 2\n", "a.py", wrong)

    @given(st.text(alphabet="ab\n\r\t\xe9", max_size=40), st.data())
    def test_any_single_edit(self, text, data):
        lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
        row = data.draw(st.integers(1, len(lines)))
        column = data.draw(st.integers(1, len(lines[row - 1]) + 1))
        changed = edited(text, [edit((row, column), (row, column), "XYZ")])
        assert changed.replace("XYZ", "") == text
        before = changed.partition("XYZ")[0].replace("\r\n", "\n").replace("\r", "\n")
        # a line end may have been torn apart only where the text had none
        assert before.count("\n") == row - 1
        assert len(before.rpartition("\n")[2]) == column - 1


NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Title \u00e9\n", "text"]},
        {
            "cell_type": "code",
            "execution_count": 1,
            "metadata": {},
            "outputs": [{"name": "stdout", "output_type": "stream", "text": ["\u2713\n"]}],
            "source": ["%matplotlib inline\n", "import torch\n", "x = 1"],
        },
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": "y = 2",
        },
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": ["z = 3"],
        },
    ],
    "metadata": {"kernelspec": {"language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


class TestNotebooks:
    @pytest.mark.parametrize(
        "options",
        [
            {"indent": 1, "ensure_ascii": False},
            {"indent": 1},
            {"indent": 4, "ensure_ascii": False},
            {"indent": "\t"},
            {},
            {"separators": (",", ":")},
        ],
    )
    @pytest.mark.parametrize("end", ["\n", "", "\n\n"])
    def test_layout_is_kept(self, options, end):
        def written(notebook) -> bytes:
            return (json.dumps(notebook, **options) + end).encode()

        changed = rewritten(
            written(NOTEBOOK),
            "a.ipynb",
            [
                edit((3, 1), (3, 1), "torch.manual_seed(0)\n", 2),
                edit((3, 6), (3, 6), "\nw = '\u00e9'", 2),
                edit((1, 5), (1, 6), "5", 3),
            ],
        )
        expected = json.loads(json.dumps(NOTEBOOK))
        expected["cells"][1]["source"] = [
            "%matplotlib inline\n",
            "import torch\n",
            "torch.manual_seed(0)\n",
            "x = 1\n",
            "w = '\u00e9'",
        ]
        expected["cells"][2]["source"] = "y = 5"
        assert changed == written(expected)

    def test_of_one_line(self):
        raw = (json.dumps(NOTEBOOK, indent=1) + "\n").encode()
        changed = rewritten(raw, "a.ipynb", [edit((1, 1), (1, 1), "w = 0\n", 4)])
        expected = json.loads(json.dumps(NOTEBOOK))
        expected["cells"][3]["source"] = ["w = 0\n", "z = 3"]
        assert changed == (json.dumps(expected, indent=1) + "\n").encode()

    def test_of_the_old_format(self):
        cell = {"cell_type": "code", "input": ["x = 1\n", "y = 2"], "collapsed": False}
        raw = json.dumps({"nbformat": 3, "worksheets": [{"cells": [cell]}]}, indent=1).encode()
        changed = rewritten(raw, "a.ipynb", [edit((2, 5), (2, 6), "3", 1)])
        assert changed == raw.replace(b"y = 2", b"y = 3")

    def test_lines_of_ipython_syntax_are_not_touched(self):
        raw = json.dumps(NOTEBOOK).encode()
        module = parsed(raw, "a.ipynb")
        (blanked,) = module.source.blanked
        at = Site(module, module.tree.body[0])
        assert module.lines[blanked - 1] == "pass"
        with pytest.raises(ChangeRefused):
            edits_of(module.source, edits.replace(at, "x"))
        assert edits_of(module.source, edits.insert_after(at, "x = 1"))

    def test_cells_that_are_not_there(self):
        raw = json.dumps(NOTEBOOK).encode()
        for number in (9, 1):
            with pytest.raises(RewriteError):
                rewritten(raw, "a.ipynb", [edit((7, 1), (7, 1), "x", number)])

    def test_statements_behind_the_last_row_of_a_cell(self):
        for text, cell in (("x = 1", 1), ("y = 2", 2), ("z = 3", 3)):
            module = parsed(json.dumps(NOTEBOOK).encode(), "a.ipynb")
            made = edits_of(module.source, edits.insert_after(site(module, text), "w = 4"))
            changed = json.loads(rewritten(module.source.raw, "a.ipynb", made))
            assert "".join(changed["cells"][cell]["source"]).endswith(f"{text}\nw = 4")

    def test_delete_the_only_statement_of_a_cell(self):
        module = parsed(json.dumps(NOTEBOOK).encode(), "a.ipynb")
        changes = edits.delete_statement(site(module, "y = 2"))
        made = edits_of(module.source, changes)
        changed = json.loads(rewritten(module.source.raw, "a.ipynb", made))
        assert [c["source"] for c in changed["cells"][2:]] == ["", ["z = 3"]]


class TestFaultOutside:
    TEXT = "import a\n\n\ndef f():\n    return 1\n\n\n@a.b\ndef g():\n    return 2\n"

    def fault(self, old: str, new: str) -> str:
        return fault_outside(self.TEXT, self.TEXT.replace(old, new), range(2, 8))

    def test_other_statements_move_with_their_decorators(self):
        assert self.fault("return 1", "x = 1\n    return x") == ""

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            ("return 1\n", 'return """\n', "the result is no Python"),
            ("    return 1\n\n\n", "    return (\n", "the result is no Python"),
            ("    return 1\n\n\n", "    return 1; \\\n", "the result is no Python"),
            ("return 2", "return 3", "more would change"),
            ("@a.b\n", "", "more would change"),
            ("import a", "import b", "more would change"),
        ],
    )
    def test_what_stands_elsewhere_stays(self, old, new, reason):
        assert self.fault(old, new).startswith(reason)


class TestReplacingFiles:
    def test_permissions_and_links_are_kept(self, tmp_path):
        target = tmp_path / "real" / "train.py"
        target.parent.mkdir()
        target.write_bytes(b"old")
        target.chmod(0o750)
        link = tmp_path / "train.py"
        link.symlink_to(target)
        replace_file(link, b"old", b"new")
        assert link.is_symlink() and target.read_bytes() == b"new"
        assert target.stat().st_mode & 0o7777 == 0o750
        assert [p.name for p in target.parent.iterdir()] == ["train.py"]

    def test_what_changed_in_the_meantime_is_left_alone(self, tmp_path):
        file = tmp_path / "train.py"
        file.write_bytes(b"edited")
        with pytest.raises(RewriteError, match="in the meantime"):
            replace_file(file, b"old", b"new")
        assert file.read_bytes() == b"edited"

    def test_all_or_nothing(self, tmp_path, monkeypatch):
        file = tmp_path / "train.py"
        file.write_bytes(b"old")

        def fail(*arguments):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", fail)
        with pytest.raises(OSError, match="No space"):
            replace_file(file, b"old", b"new")
        assert file.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_text_of_a_node_is_as_written():
    module = parsed(textwrap.dedent(LOOP))
    assert (
        edits.source_text(site(module, "model(\n        x,\n    )")) == "model(\n        x,\n    )"
    )


def test_a_statement_is_wrapped():
    module = parsed("def f(xs):\n    for x in xs:\n\n        g(x)  # each\n    return 1\n")
    changes = edits.wrap(site(module, "g(x)"), "with a()")
    assert after(module, changes) == (
        "def f(xs):\n    for x in xs:\n\n        with a():\n            g(x)  # each\n    return 1\n"
    )
    loop = next(n for n in ast.walk(module.tree) if isinstance(n, ast.For))
    assert after(module, edits.wrap(Site(module, loop), "with a()")) == (
        "def f(xs):\n    with a():\n        for x in xs:\n\n            g(x)  # each\n    return 1\n"
    )


def test_a_text_over_several_lines_is_not_indented():
    module = parsed('for x in xs:\n    print("""a\nb""")\n')
    loop = next(n for n in ast.walk(module.tree) if isinstance(n, ast.For))
    assert after(module, edits.wrap(Site(module, loop), "with a()")) == (
        'with a():\n    for x in xs:\n        print("""a\nb""")\n'
    )


@pytest.mark.parametrize(
    ("text", "moved", "behind", "result"),
    [
        ("f()\ng()\nh()\n", "f()", "g()", "g()\nf()\nh()\n"),
        ("for x in y:\n    f()\n    g()\n", "g()", None, "for x in y:\n    f()\ng()\n"),
        ("for x in y:\n    f()\n    g()\nh()\n", "f()", None, "for x in y:\n    g()\nf()\nh()\n"),
        ("for x in y:\n    f()\ng()\n", "g()", "f()", "for x in y:\n    f()\n    g()\n"),
        ("for x in y:\n    f()\n", "f()", None, None),
        ("f()  # f\na(); g()  # g\nh()\n", "f()", "g()", "a(); g()  # g\nf()  # f\nh()\n"),
        ("f()  # f\ng(); h()\n", "f()", "g()", None),
    ],
)
def test_a_statement_is_moved_behind_another(text, moved, behind, result):
    module = parsed(text)
    loop = next((n for n in ast.walk(module.tree) if isinstance(n, ast.For)), None)
    other = site(module, behind) if behind else Site(module, loop)
    assert after(module, edits.move_behind(site(module, moved), other)) == result


@pytest.mark.parametrize(
    ("text", "first", "result"),
    [
        ("with a():\n    f()\n    g()\n    h()\n", "g()", "with a():\n    f()\ng()\nh()\n"),
        (
            "if x:\n    with a():\n        f()\n\n        g(\n            1,\n        )\n",
            "g(\n            1,\n        )",
            "if x:\n    with a():\n        f()\n\n    g(\n        1,\n    )\n",
        ),
        ("with a():\n    f()\n", "f()", None),
        (
            'with a():\n    f()\n    g("""x\n    y""")\n',
            'g("""x\n    y""")',
            'with a():\n    f()\ng("""x\n    y""")\n',
        ),
    ],
)
def test_the_end_of_a_block_is_taken_out_of_it(text, first, result):
    module = parsed(text)
    outer = next(n for n in ast.walk(module.tree) if isinstance(n, ast.With))
    assert after(module, edits.take_out_of(site(module, first), Site(module, outer))) == result


class TestKindsOfChanges:
    def test_each_is_carried_out(self):
        assert set(CARRIED_OUT) == set(ChangeKind)

    def test_a_misspelt_one_is_none(self):
        with pytest.raises(ValueError, match="insert_befor"):
            ChangeKind("insert_befor")
