"""What pages for a browser are made with: nothing is loaded, nothing is obeyed."""

from __future__ import annotations

import difflib
import re
from html import unescape

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from nnlint.finding import Position
from nnlint.report import pages
from nnlint.report.frame import Mark

HOSTILE = "<img src=x onerror=alert(1)> \x1b[31m \u202e \ud800 \" ' {{ 7 * 7 }}"
CODE = 'def loss(x):\n    """<b>"""\n    return softmax(x)  # why\n'


@pytest.fixture
def template(monkeypatch, tmp_path):
    """Write a template beside the others' copies."""
    for file in pages.TEMPLATES.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(pages, "TEMPLATES", tmp_path)
    pages._environment.cache_clear()
    yield lambda text: (tmp_path / "one.html.jinja").write_text(text, encoding="utf-8")
    pages._environment.cache_clear()


def test_a_page_needs_nothing_and_obeys_nothing(template):
    template(
        '{% extends "base.html.jinja" %}{% from "parts.html.jinja" import chip, bars, notes %}'
        "{% block title %}{{ x }}{% endblock %}{% block body %}{{ x | prose }}{{ chip(x) }}"
        '{{ bars([(x, 2), ("a", 1)]) }}{{ notes([(x, x)]) }}<i title="{{ x }}">{{ code }}</i>'
        "{{ plot }}{% endblock %}"
    )
    plot = pages.line_plot({HOSTILE: [(0, 1), (1, 2)], "b": [(0, 1)]}, HOSTILE, HOSTILE, HOSTILE)
    page = pages.render("one.html.jinja", x=HOSTILE, code=pages.highlighted(HOSTILE), plot=plot)
    assert "<img" not in page and "onerror=alert(1)&gt;" in page and "{{ 7 * 7 }}" in page
    assert not set("\x1b\u202e\ud800") & set(page) and r"\u202e" in page
    assert not re.search(r'<[^>]*(?:src|href)="(?!#|data:)', page)
    assert "script-src 'none'" in unescape(page) and "<script" not in page
    page.encode("utf-8")


def test_a_script_is_allowed_by_what_it_is(template):
    template('{% extends "base.html.jinja" %}')
    (pages.TEMPLATES / "one.js").write_text("document.title = '<b>&';", encoding="utf-8")
    page = pages.render("one.html.jinja", scripts=["one.js"])
    assert "<script>document.title = '<b>&';</script>" in page
    policy = unescape(page.split('content="')[1])
    assert "script-src 'sha256-" in policy and "default-src 'none'" in policy


def test_what_is_not_there_is_an_error(template):
    with pytest.raises(TemplateNotFound):
        pages.render("nowhere.html.jinja")
    template('{% extends "base.html.jinja" %}{% block body %}{{ missing }}{% endblock %}')
    with pytest.raises(UndefinedError):
        pages.render("one.html.jinja")


def test_code_has_numbers_colours_and_marks():
    shown = pages.highlighted(
        CODE, 10, [Mark(Position(12, 12), Position(12, 22), "it", "^", ""), 10]
    )
    assert [int(n) for n in re.findall(r'class="row">(\d+) ', shown)] == [10, 11, 12]
    assert '<span class="sd">&quot;&quot;&quot;' not in shown and "&lt;b&gt;" in shown
    assert '<mark class="primary">softmax(x)</mark>' in shown and '<span class="label">it' in shown
    assert '<mark class="primary"><span class="k">def</span>' in shown
    assert "unnumbered" in pages.highlighted("a: 1", 0, language="no such language")


def test_rows_that_are_apart_have_a_gap_between_them():
    lines = [f"x{n} = {n}" for n in range(1, 40)]
    marks = [
        Mark(Position(3, 1), Position(5, 3), "", "^", ""),
        Mark(Position(30, 1), Position(30, 4), "there", "-", ""),
    ]
    shown = pages.code_frame(lines, marks, {2, 3})
    assert [int(n) for n in re.findall(r'class="row">\s*(\d+) ', shown)] == [2, 3, 30]
    assert shown.count("gap") == 1 and '<mark class="secondary">' in shown
    assert pages.code_frame(lines, [], {77}) == ""
    long = pages.code_frame(
        ["y = " + "a" * 9000], [Mark(Position(1, 1), Position(1, 2), "", "^", "")], ()
    )
    assert "…" in long and len(long) < 1000


def test_a_diff_keeps_its_lines():
    lines = difflib.unified_diff(["a\n", "b\n"], ["a\n", "<c>\n"], "m.py", "m.py")
    shown = pages.difference(lines)
    assert '<span class="removed">-b</span>' in shown
    assert '<span class="added">+&lt;c&gt;</span>' in shown


@pytest.mark.parametrize(
    ("points", "drawn"),
    [
        ([], "No number"),
        ([(0, float("nan")), (1, float("inf"))], "No number"),
        ([(0, 2.0)], "<circle"),
        ([(0, 1.0), (1, 1.0)], "<polyline"),
        ([(n, 10.0**-n) for n in range(12)], "1e-09"),
        ([(n, 1.0 + n % 7) for n in range(5000)], "<polyline"),
        ([(0, 1e300), (1, -1e300), (2, 0.0)], "<polyline"),
    ],
)
def test_any_numbers_can_be_drawn(points, drawn):
    shown = pages.line_plot({"loss": points}, "Loss", "step", "loss", levels={"chance": 2.3})
    assert drawn in shown and len(shown) < 12_000
    assert "nan" not in shown and "inf" not in shown


def test_a_gap_in_a_curve_is_left_out():
    shown = pages.line_plot(
        {"a": [(0, 1), (1, 2), (2, float("nan")), (3, 1), (4, 2)]}, "A", "x", "y"
    )
    assert shown.count("<polyline") == 2


def test_only_addresses_of_the_web_are_linked_to():
    assert pages.web("https://a.org/x") and not pages.web("javascript:alert(1)")
