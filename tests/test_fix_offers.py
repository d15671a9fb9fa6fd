"""Where a fix is not offered, since more than one thing could be meant; and where it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nnlint_rules.training.requires_grad_typo import NAMES

from nnlint.config import Config, Selection
from nnlint.engine import Linter, lint
from nnlint.finding import Finding
from nnlint.fixing import fix, permits
from nnlint.offering import Offers

FIXTURES = Path(__file__).parent.parent / "fixtures"


def shown(path: Path, rule: str) -> list[Finding]:
    """The findings of a rule, each with its fix where it is shown with one."""
    config = Config(selection=Selection(select=(rule,)))
    found = lint([str(path)], config, jobs=1, use_cache=False).findings
    return Offers().shown(found, {})


@pytest.mark.parametrize(
    "name",
    [
        # it runs on features of the head, too
        "elementwise-dropout-on-conv/bad_shared_with_head.py",
        # the model is in a wrapper on some paths only
        "data-parallel-state/bad_conditional.py",
        # what is saved is loaded into the wrapper
        "data-parallel-state/bad_loaded_into_wrapper.py",
        # one of several optimizers is meant
        "missing-step/bad_choice_of_optimizers.py",
        "missing-step/bad_two_names.py",
        # there is another backward pass in the loop
        "missing-step/bad_gan_discriminator.py",
        "missing-step/bad_second_network.py",
        # its own backward pass is missing
        "missing-step/bad_discriminator_without_backward.py",
        # a scaled loss has another name
        "missing-backward/bad_amp.py",
        # the loss is computed in a closure, or in a loop of its own
        "missing-backward/bad_closure.py",
        "missing-backward/bad_micro_steps.py",
        # nothing clears the gradients
        "missing-backward/bad_script.py",
        # nothing adds the losses up
        "missing-backward/bad_two_losses_apart.py",
        # what gives the batches need not have a dataset
        "mean-of-batch-means/bad_unknown_iterator.py",
        # another loss needs what it leaves out
        "softmax-into-cross-entropy/bad_likelihood_beside.py",
        # it needs a metric
        "scheduler-never-stepped/bad_plateau_without_metric.py",
        # what its rounds are is not said
        "scheduler-never-stepped/bad_second_of_two.py",
        "scheduler-never-stepped/bad_policy_gradient.py",
        # the name stands for what was made of it since
        "scheduler-never-stepped/bad_accelerate.py",
        # each round may give it another rate
        "optimizer-in-loop/bad_per_epoch.py",
        "optimizer-in-loop/bad_rate_from_outside.py",
        # the loop is elsewhere
        "optimizer-in-loop/bad_in_called_function.py",
        # trained weights come with their number of classes
        "head-size-mismatch/bad_pretrained.py",
        "head-size-mismatch/bad_number_elsewhere.py",
        # the size is an argument
        "head-size-mismatch/bad_trainer_class.py",
        # the targets go into the model, or into a score
        "padding-in-loss/bad_class_collator.py",
        "padding-in-loss/bad_language_model.py",
        "padding-in-loss/bad_scored_too.py",
        # a comment speaks of what would go
        "retain-graph-in-loop/bad_positional_and_named.py",
    ],
)
def test_no_fix_where_more_than_one_thing_could_be_meant(name):
    findings = shown(FIXTURES / name, name.partition("/")[0])
    assert findings and not any(f.fix for f in findings)


TRAINING = """import torch
from torch import nn


def train(model, loader, epochs):
    torch.manual_seed(0)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = {schedule}
    for epoch in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        print(epoch, scheduler.get_last_lr())
"""
LR = "torch.optim.lr_scheduler"


@pytest.mark.parametrize(
    ("schedule", "indent"),
    [
        (f"{LR}.CosineAnnealingLR(optimizer, epochs)", 8),
        (f"{LR}.StepLR(optimizer, step_size=epochs // 4)", 8),
        (f"{LR}.MultiStepLR(optimizer, [int(0.5 * epochs), int(0.9 * epochs)])", None),
        (f"{LR}.MultiStepLR(optimizer, [epochs // 2, epochs - 10])", 8),
        (f"{LR}.StepLR(optimizer, 10, gamma=0.1)", 8),
        (f"{LR}.StepLR(optimizer, 1000, gamma=0.1)", None),
        (f"{LR}.ExponentialLR(optimizer, 0.9)", 8),
        (f"{LR}.ExponentialLR(optimizer, 0.9999)", None),
        (f"{LR}.CosineAnnealingLR(optimizer, epochs * len(loader))", 12),
        (f"{LR}.OneCycleLR(optimizer, 0.1, epochs=epochs, steps_per_epoch=len(loader))", 12),
        (f"{LR}.OneCycleLR(optimizer, 0.1, total_steps=epochs)", 8),
        (f"{LR}.CosineAnnealingLR(optimizer, steps)", None),
    ],
)
def test_a_schedule_is_stepped_where_its_length_says(tmp_path, schedule, indent):
    path = tmp_path / "train.py"
    text = TRAINING.format(schedule=schedule)
    path.write_text(text)
    assert (after(path, "NN516") or "").count("scheduler.step()") == (indent is not None)
    if indent is not None:
        made = f"\n{' ' * indent}scheduler.step()\n"
        assert after(path, "NN516") == text.replace(
            "            optimizer.step()\n", f"            optimizer.step(){made}"
        )


def test_schedules_of_one_optimizer_have_to_be_put_together(tmp_path):
    path = tmp_path / "train.py"
    first = f"{LR}.LinearLR(optimizer, total_iters=epochs)"
    second = f"{LR}.CosineAnnealingLR(optimizer, epochs)"
    path.write_text(TRAINING.format(schedule=f"{first}\n    cosine = {second}\n    print(cosine)"))
    assert after(path, "NN516") is None


def after(path: Path, *rules: str) -> str | None:
    """A file after the fixes of some rules; None where none is made."""
    config = Config(selection=Selection(select=rules))
    linter = Linter(lambda folder: config, jobs=1)
    outcome = fix(linter, linter.discover([str(path)]), {}, permits(True))
    assert not outcome.dropped
    made = outcome.contents.get(str(path))
    return None if made is None else made.decode()


def test_a_class_that_layers_are_told_by_is_kept(tmp_path):
    path = tmp_path / "model.py"
    text = (FIXTURES / "elementwise-dropout-on-conv/bad_unet.py").read_text()
    path.write_text(text)
    assert after(path, "NN312") == text.replace("nn.Dropout(", "nn.Dropout3d(")
    path.write_text(
        text + "\n\ndef switch_on(model):\n    for part in model.modules():\n"
        "        if isinstance(part, nn.Dropout):\n            part.train()\n"
    )
    assert after(path, "NN312") is None


LOSSES = """import torch
from torch import nn


def train(model, loader):
    torch.manual_seed(0)
    criterion = nn.CrossEntropyLoss({reduction})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for x, y in loader:
        optimizer.zero_grad()
        scores, more = model(x)
        loss = criterion(scores, y)
        {second}
        # not too far
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
"""


@pytest.mark.parametrize(
    ("reduction", "second", "name"),
    [
        ("", "loss += 0.3 * criterion(more, y)", "loss"),
        ("", "loss = loss + 0.3 * criterion(more, y)", "loss"),
        ("", "print(loss.item())", "loss"),
        ("", "shown = loss.item()", "loss"),
        ("", "total = loss + criterion(more, y)", "total"),
        ("", "scaled = loss / 4", None),
        ("", "if len(x) > 1: loss = loss + criterion(more, y)", None),
        ("", "mean = loss.item(); loss = mean", None),
        ("reduction='none'", "pass", None),
    ],
)
def test_the_backward_pass_goes_from_the_whole_loss(tmp_path, reduction, second, name):
    path = tmp_path / "train.py"
    text = LOSSES.format(reduction=reduction, second=second)
    path.write_text(text)
    expected = text.replace("        # not", f"        {name}.backward()\n        # not")
    assert after(path, "NN503") == (expected if name else None)


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("backward(retain_graph=True)", "backward()"),
        ("backward(\n            retain_graph=True,\n        )", "backward()"),
        ("backward(\n            None,\n            retain_graph=True,\n        )", None),
        ("backward(None, retain_graph=True, inputs=None)", "backward(None, inputs=None)"),
    ],
)
def test_a_graph_is_let_go_in_any_layout(tmp_path, call, result):
    path = tmp_path / "train.py"
    text = LOSSES.format(reduction="", second=f"loss.{call}")
    path.write_text(text)
    result = result or "backward(\n            None,\n        )"
    assert after(path, "NN512") == text.replace(call, result)


def test_a_flag_is_mended_in_each_of_several_targets(tmp_path):
    path = tmp_path / "freeze.py"
    path.write_text(
        "import torch\n\n\ndef freeze(model):\n    for p in model.parameters():\n"
        "        p.require_grad = p.requires_grads = False\n"
        "    model.fc.bias.requires_gard, rest = True, 1\n    return rest\n"
    )
    text = after(path, "NN526")
    assert text == re.sub(
        r"require_grad\b|requires_grads|requires_gard", "requires_grad", path.read_text()
    )


@pytest.mark.parametrize(
    ("text", "looked_at"),
    [
        ("p.requires_grad = False", False),
        ("p.requires_grad_(False)", False),
        ("if p.requires_grad and p.grad is not None:", False),
        ("x = torch.zeros(1, requires_grad=True)", False),
        ("p.require_grad = False", True),
        ("p.requires_grad_ = False", True),
        ("p.requires_gradient = False", True),
    ],
)
def test_only_files_with_a_misspelt_flag_are_parsed_for_it(text, looked_at):
    assert bool(NAMES.search(text)) is looked_at
