"""Sums in which two examples are mixed."""

from __future__ import annotations

import ast

import pytest

from nnlint.semantics.interpreter.mixtures import mixture_of


def of_batch(text: str) -> bool | None:
    """Whether a sum mixes a batch with itself; None where it is no mixture."""
    node = ast.parse(text, mode="eval").body
    assert isinstance(node, ast.BinOp)
    found = mixture_of(node)
    return None if found is None else found.of_batch


@pytest.mark.parametrize(
    "text",
    [
        "lam * x + (1 - lam) * x[index]",
        "x * lam + x[index, :] * (1.0 - lam)",
        "(1 - w) * batch.x[p] + w * batch.x",
        "w * x + (1 - w) * x.flip(0)",
        "0.5 * x + 0.5 * x[p]",
    ],
)
def test_mixes_a_batch(text: str) -> None:
    assert of_batch(text) is True


def test_mixes_two_examples() -> None:
    assert of_batch("share * first + (1 - share) * second") is False


@pytest.mark.parametrize(
    "text",
    ["x + y", "lam * ce(out, a) + (1 - lam) * ce(out, b)", "a * x + b * y", "w * x + x[1:]"],
)
def test_is_no_mixture(text: str) -> None:
    assert of_batch(text) is None
