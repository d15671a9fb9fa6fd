"""Curves as SVG: axes that say what they show, titles that fit."""

from __future__ import annotations

from xml.etree import ElementTree

from nnlint.report.pictures import CELL, curve_svg, heat_map_svg
from nnlint.report.shades import BEFORE, OWN, SHADES, scale
from nnlint.verify.render import code_frame
from nnlint.verify.report import write_evidence
from nnlint.verify.session import ProbeResult
from nnlint.verify.targets import Target


def texts(svg: str) -> list[str]:
    return [e.text or "" for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("text")]


def test_decades_are_marked_and_long_titles_wrapped():
    rates = [(float(i), 0.1 * 0.1 ** (i // 30)) for i in range(91)]
    said = texts(curve_svg(rates, "a title " * 15, "learning rate", "epoch"))
    assert {"0.1", "0.01", "0.001", "0.0001", "epoch", "learning rate", "90"} <= set(said)
    assert all(len(text) <= 60 for text in said)


def test_steps_are_those_of_the_points():
    said = texts(curve_svg([(0.0, 2.0), (10.0, 1.0), (499.0, 0.0)], "loss", "loss", "step"))
    assert "499" in said and "step" in said


def test_one_point_and_a_constant():
    assert "<polyline" in curve_svg([(0.0, 0.0)], "t", "v", "epoch")
    assert "<polyline" in curve_svg([(0.0, 0.1), (1.0, 0.1)], "t", "v", "epoch")


LEAKING = [[0.5, 0.025, 0.0], [0.0, 0.4, 2.5], [0.0, 2e-5, 0.6]]


def fills(svg: str) -> list[str]:
    boxes = [e for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("rect")]
    return [b.get("fill") for b in boxes if b.get("width") == str(CELL)]


def test_entries_are_coloured_by_strength_and_the_diagonal_by_itself():
    cells = fills(heat_map_svg(LEAKING, "Net"))
    assert [cells[0], cells[4], cells[8]] == [OWN] * 3
    # the strongest, a hundredth of it, less than a hundred-thousandth
    assert [cells[5], cells[1], cells[7]] == [SHADES[5], SHADES[3], SHADES[0]]
    assert len({scale(v, 1.0) for v in (1.0, 0.6, 0.3, 0.1)}) == 4
    assert cells[2] == "#ffffff"


def test_earlier_steps_have_a_colour_of_their_own():
    steps = [[0.5, 0.0], [0.2, 0.4]]
    svg = heat_map_svg(steps, "Net", "step", causal=True)
    assert fills(svg) == [OWN, "#ffffff", BEFORE, OWN]
    assert {"an earlier step", "all zero above the diagonal"} <= set(texts(svg))


def test_the_scale_says_how_strong_a_colour_is():
    said = texts(heat_map_svg(LEAKING, "Net"))
    assert {"2.5", "0.25", "3e-05 or less", "the example itself", "exactly zero"} <= set(said)


def test_the_title_names_file_line_and_operation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text("x = 1\nout = h.view(n, -1)\n")
    place = {"filename": str(tmp_path / "model.py"), "row": 2, "end_row": 2}
    evidence = {
        "matrices": [{"mode": "eval", "matrix": LEAKING}],
        "culprit": {"place": place, "operation": "view", "kind": "scrambled"},
    }
    result = ProbeResult("batch-dependency", "INCONCLUSIVE", "", evidence)
    (written,) = write_evidence(tmp_path, Target("Net", file="model.py"), {}, result)[:1]
    said = texts(written.read_text())
    assert "Net: INCONCLUSIVE, eval mode" in said
    assert "model.py:2, view: out = h.view(n, -1)" in said


def test_a_culprit_is_shown_as_a_finding_is(tmp_path):
    file = tmp_path / "model.py"
    file.write_text("a = 1\n\nгруппа = x.view(n, -1)\n\n\n", encoding="utf-8")
    row = {"row": 3, "end_row": 3, "column": 16, "end_column": 29}
    place = {"filename": str(file), "module": "(Net)", **row}
    culprit = {"place": place, "operation": "view", "kind": "scramble", "shapes": [[2, 3], [3, 2]]}
    assert code_frame(culprit, name="model.py").split("\n") == [
        " --> model.py:3: scramble by view, in Net",
        "  |",
        "1 | a = 1",
        "2 |",
        "3 | группа = x.view(n, -1)",
        "  |          ^^^^^^^^^^^^^",
        "  |",
        "  = (2, 3) → (3, 2)",
    ]
    unknown = {**place, "column": 0, "end_column": 0, "filename": "gone.py"}
    assert len(code_frame({**culprit, "place": unknown}).split("\n")) == 2
