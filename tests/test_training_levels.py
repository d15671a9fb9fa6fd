"""What does less harm than a rule's name says is reported at a lower level."""

from __future__ import annotations

import pytest
from test_fixtures import FIXTURES

from nnlint.finding import Level
from nnlint.testing import findings_of


def levels(rule: str, name: str) -> dict[int, Level]:
    """The levels of the findings of a rule in one of its fixtures, by row."""
    file = FIXTURES / rule / name
    found = findings_of([file], file.read_text(encoding="utf-8"))
    return {f.start.row: f.level for f in found if f.name == rule}


def test_a_misspelt_flag_of_a_tensor_without_gradient_is_advice() -> None:
    found = levels("requires-grad-typo", "bad_on_plain_tensors.py")
    assert sorted(found.values()) == [Level.ADVICE] * 2 + [Level.ERROR] * 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [("bad_distillation.py", Level.ADVICE), ("bad_dqn_masked.py", Level.WARNING)],
)
def test_a_target_of_a_network_that_no_optimizer_holds_is_advice(
    name: str, expected: Level
) -> None:
    assert set(levels("target-not-detached", name).values()) == {expected}


@pytest.mark.parametrize(
    ("rule", "name", "expected"),
    [
        ("missing-eval-mode", "bad_functions.py", Level.ERROR),
        ("train-mode-not-restored", "bad_class_trainer.py", Level.ERROR),
        ("train-mode-not-restored", "bad_functions.py", Level.WARNING),
    ],
)
def test_a_mode_that_matters_only_if_an_unknown_model_has_such_layers_is_a_warning(
    rule: str, name: str, expected: Level
) -> None:
    assert set(levels(rule, name).values()) == {expected}


def test_evaluation_that_no_name_tells_of_is_advice() -> None:
    found = levels("augmentation-in-eval", "bad_examples_scored.py")
    assert found == {7: Level.ADVICE, 8: Level.WARNING}


def test_a_scaler_in_the_fit_of_an_estimator_is_a_warning() -> None:
    found = levels("fit-before-split", "bad_estimator_scales_by_itself.py")
    assert list(found.values()) == [Level.WARNING, Level.ERROR]
