"""The test kit for rules fails where it should, and says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnlint.testing import cases, check, check_page, wanted

VIEW = """from torch import nn


class Encoder(nn.Module):
    def forward(self, x):
        B, T, C = x.shape
        return x.view(T, B, C){marker}
"""
FIXED = VIEW.replace("view(T, B, C){marker}", "transpose(0, 1){marker}")
HOUSE = '''from nnlint.rule import Calls, Context, Level, rule


@rule("ACME001", level=Level.ADVICE, on=Calls(family="l1"))
def no_l1(loss, context: Context) -> None:
    """No absolute errors.

    ## Example
    ```python
    import torch.nn.functional as F

    print(F.l1_loss(0, 1)){example}
    ```

    ## Use instead
    ```python
    import torch.nn.functional as F

    print(F.{instead}(0, 1))
    ```
    """
    context.report(loss.site, "it is absolute")
'''


def fixture(folder: Path, text: str, name: str = "model.py") -> Path:
    """A fixture of one file."""
    file = folder / name
    file.write_text(text)
    return file


def failure(*arguments, **options) -> str:
    """What a check says that fails."""
    with pytest.raises(AssertionError) as caught:
        check(*arguments, **options)
    return str(caught.value)


def test_what_is_wanted_and_nothing_else(tmp_path):
    check(fixture(tmp_path, VIEW.format(marker="  # want: view-mixes-batch")))
    check(fixture(tmp_path, VIEW.format(marker="\n        # want^: view-mixes-batch")))


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ("", "model.py:7: view-mixes-batch is reported and not wanted: `x.view(T, B, C)`"),
        ("\n# want: view-mixes-batch", "model.py:8: view-mixes-batch is wanted and not reported"),
        ("  # want: missing-seed", "model.py:7: missing-seed is wanted and not reported"),
        ("  # want: view-mixes-batch; view-mixes-batch", "view-mixes-batch is wanted and not"),
        ('  # want: view-mixes-batch "softmax"', "no message of view-mixes-batch says 'softmax'"),
        ("  # want: View Mixes", "model.py:7: malformed marker"),
    ],
)
def test_what_differs_is_told_with_its_row(tmp_path, marker, told):
    assert told in failure(fixture(tmp_path, VIEW.format(marker=marker)))


def test_a_part_of_the_message_may_be_wanted(tmp_path):
    check(fixture(tmp_path, VIEW.format(marker='  # want: view-mixes-batch "x.view(T, B, C)"')))


def test_a_fix_is_compared_with_what_it_should_be(tmp_path, monkeypatch):
    file = fixture(tmp_path, VIEW.format(marker="  # want: view-mixes-batch"))
    right = FIXED.format(marker="  # want: view-mixes-batch")
    fixture(tmp_path, right, "model.fixed.py")
    check(file)
    monkeypatch.chdir(tmp_path)
    check(file.name)
    fixture(tmp_path, right.replace("transpose", "swapaxes"), "model.fixed.py")
    message = failure(file)
    assert "-        return x.swapaxes(0, 1)" in message
    assert "+        return x.transpose(0, 1)" in message


def test_a_folder_is_one_case_and_its_name_tells_the_rule(tmp_path):
    inner = tmp_path / "view-mixes-batch" / "project"
    inner.mkdir(parents=True)
    fixture(inner, VIEW.format(marker="  # want: view-mixes-batch"))
    fixture(inner, "import model\n", "use.py")
    fixture(inner, "x = 1\n", "model.fixed.py")
    fixture(inner.parent, "x = 1\n", "other.fixed.py")
    [case] = cases(tmp_path)
    assert (str(case), case.rule) == ("view-mixes-batch/project", "view-mixes-batch")
    assert [file.name for file in case.files] == ["model.py", "use.py"]


def test_no_fixtures_are_no_success(tmp_path):
    with pytest.raises(ValueError, match="holds no fixtures"):
        cases(tmp_path)


def test_rules_and_the_stage_are_chosen(tmp_path):
    text = "import torch\n\ntorch.manual_seed(0)\nx = torch.nn.functional.l1_loss(0, 1){}\n"
    file = fixture(tmp_path, text.format("  # want: no-l1"))
    rules = tmp_path / "rules"
    rules.mkdir()
    fixture(rules, HOUSE.format(example="  # want: no-l1", instead="mse_loss"), "no_l1.py")
    check(file, rules=[rules], select=["ACME"])
    assert "no-l1 is wanted and not reported" in failure(file)
    assert "wanted and not reported" in failure(file, rules=[rules], select=["NN"])
    check_page("no-l1", rules=[rules], select=["ACME"])
    with pytest.raises(AssertionError, match="there is no rule no-l1"):
        check_page("no-l1")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"example": ""}, "no-l1: Example: the markers are in the wrong place"),
        ({"instead": "l1_loss"}, "no-l1 is reported and not wanted"),
        ({"example": "  # want: other"}, "other is wanted and not reported"),
    ],
)
def test_a_page_with_wrong_examples_fails(tmp_path, change, told):
    right = {"example": "  # want: no-l1", "instead": "mse_loss"}
    fixture(tmp_path, HOUSE.format(**{**right, **change}), "no_l1.py")
    with pytest.raises(AssertionError, match=told):
        check_page("no-l1", rules=[tmp_path], select=["ACME"])


def test_a_row_may_want_two_findings():
    asked = wanted("x = 1  # want: one-rule; other-rule\n", "a.py")
    assert asked.places == {("a.py", 1, "one-rule"): 1, ("a.py", 1, "other-rule"): 1}
