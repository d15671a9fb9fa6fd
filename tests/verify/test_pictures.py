"""Curves as SVG: axes that say what they show, titles that fit."""

from __future__ import annotations

from xml.etree import ElementTree

from nnlint.verify.pictures import curve_svg


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
