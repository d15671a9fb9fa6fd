"""What the checks of `nnlint audit` say of samples as loaders give them, and what they leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from nnlint.audit.auditing import Audit, Wishes, audit
from nnlint.audit.finding import AuditFinding
from nnlint.audit.parts import Kind, parts_of
from nnlint.audit.pixels import are_pixels
from nnlint.audit.samples import Batch, Column, Items, Roles, Sink, SplitInfo, Texts

Columns = dict[str, Column]


class Given:
    """A reader of samples that are there already."""

    def __init__(self, splits: Mapping[str, Columns], shuffled: bool | None = True) -> None:
        self.splits, self.shuffled = splits, shuffled

    def read(self, sink: Sink) -> None:
        """One batch for each split."""
        for split, columns in self.splits.items():
            count = max(
                len(c) if isinstance(c, np.ndarray) else len(c.values) for c in columns.values()
            )
            shuffled = self.shuffled if split == "train" else False
            sink.split(SplitInfo(split, count, shuffled, True, "loader"))
            sink.batch(Batch(split, columns, count, tuple(range(count))))


def audited(train: Columns, test: Columns | None = None, **wishes: Any) -> Audit:
    """The report of one split or two."""
    splits = {"train": train} | ({"test": test} if test else {})
    return audit("here", Given(splits, wishes.pop("shuffled", True)), Wishes(**wishes))


def found(report: Audit, kind: str) -> list[AuditFinding]:
    """The findings of a kind."""
    return [finding for finding in report.findings if finding.kind == kind]


def pictures(count: int = 60, seed: int = 0, channels: int = 3) -> np.ndarray:
    """Smooth pictures between 0 and 1, all different."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :16] / 16
    waves = generator.uniform(1, 9, (count, channels, 2, 1, 1))
    phase = generator.uniform(0, 6, (count, channels, 1, 1))
    return (0.5 + 0.5 * np.sin(waves[:, :, 0] * x + waves[:, :, 1] * y + phase)).astype(np.float32)


LABELS = np.arange(60) * 7 % 3


@pytest.mark.parametrize(
    ("columns", "kind", "label"),
    [
        ({"0": pictures(4), "1": LABELS[:4]}, Kind.IMAGE, "1"),
        ({"image": pictures(4).transpose(0, 2, 3, 1), "label": LABELS[:4]}, Kind.IMAGE, "label"),
        ({"0": np.zeros((4, 1, 16000), np.float32), "1": LABELS[:4]}, Kind.AUDIO, "1"),
        ({"0": np.zeros((4, 30)), "1": LABELS[:4]}, Kind.TABLE, "1"),
        ({"a": np.zeros(4), "b": np.ones(4), "target": np.ones(4)}, Kind.TABLE, "target"),
        ({"text": Texts(("a b c", "d e f")), "label": LABELS[:2]}, Kind.TEXT, "label"),
        (
            {
                "input_ids": np.arange(40).reshape(4, 10),
                "attention_mask": np.ones((4, 10), int),
                "labels": LABELS[:4],
            },
            Kind.IDS,
            "labels",
        ),
        ({"0": Items((np.arange(3), np.arange(5))), "1": LABELS[:2]}, Kind.IDS, "1"),
        ({"0": pictures(4), "1": np.eye(3)[LABELS[:4]]}, Kind.IMAGE, "1"),
    ],
)
def test_parts_are_told(columns: Columns, kind: Kind, label: str) -> None:
    parts = parts_of(columns, Roles())
    assert (parts.kind, parts.label) == (kind, label)


def test_masks_are_told_by_their_values() -> None:
    mask = np.zeros((4, 16, 16), np.int64)
    parts = parts_of({"0": pictures(4), "1": mask}, Roles())
    assert (parts.inputs, parts.mask, parts.label) == (("0",), "1", None)


def test_sound_data_is_silent() -> None:
    report = audited({"0": pictures(), "1": LABELS}, {"0": pictures(30, 1), "1": LABELS[:30]})
    assert report.findings == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda x: x * 255 // 1, "as bytes, 0 to 255"),
        (lambda x: x / 255, "divided by 255 twice"),
        (lambda x: (x - 0.5) / 0.25, ""),
        (lambda x: ((x - 0.5) / 0.35 - 0.5) / 0.2, "normalised with constants of other data"),
        (lambda x: (x * 255 - 0.5) / 0.25, "normalised on another scale"),
        (lambda x: x - 3, "normalised with constants of other data"),
    ],
)
def test_normalisation(change: Any, told: str) -> None:
    report = audited(
        {"0": change(pictures()).astype(np.float32), "1": LABELS}, select=("normalization",)
    )
    messages = [f.message for f in found(report, "normalization")]
    assert len(messages) == bool(told)
    assert not told or told in messages[0] or "normalised" in messages[0]


def test_what_is_meant_is_compared() -> None:
    unit = pictures()
    for meant, inputs, count in (
        ("unit", unit, 0),
        ("unit", 2 * unit - 1, 1),
        ("symmetric", 2 * unit - 1, 0),
        ("symmetric", unit, 1),
        ("standard", (unit - unit.mean()) / unit.std(), 0),
        ("standard", unit, 1),
        ("bytes", unit, 1),
    ):
        report = audited({"0": inputs, "1": LABELS}, meant=meant, select=("normalization",))
        assert len(found(report, "normalization")) == count, meant


def test_splits_on_different_scales_are_told() -> None:
    test = (pictures(30, 1) - 0.5) / 0.1
    report = audited(
        {"0": pictures(), "1": LABELS}, {"0": test, "1": LABELS[:30]}, select=("normalization",)
    )
    assert [f.split for f in found(report, "normalization")] == ["test"]


def test_one_picture_on_another_scale_is_told() -> None:
    inputs = pictures()
    inputs[17] *= 255
    [finding] = found(audited({"0": inputs, "1": LABELS}, select=("out-of-range",)), "out-of-range")
    assert finding.examples == (17,)


def test_a_channel_that_never_changes() -> None:
    inputs = pictures()
    inputs[:, 2] = 0.5
    [finding] = found(
        audited({"0": inputs, "1": LABELS}, select=("constant-input",)), "constant-input"
    )
    assert (finding.column, finding.split) == ("2", "train")


def test_border_pixels_are_no_constant_features() -> None:
    from sklearn.datasets import load_breast_cancer, load_digits

    digits = load_digits()
    assert are_pixels(digits.data) and not are_pixels(load_breast_cancer().data)
    assert not are_pixels(np.random.default_rng(0).normal(0, 1, (200, 64)))
    report = audited(
        {"0": digits.data[:300], "1": digits.target[:300]},
        select=(
            "constant-input",
            "normalization",
        ),
    )
    assert not found(report, "constant-input") and not found(report, "normalization")


@pytest.mark.parametrize(("values", "count"), [([1, 2, 3], 1), ([0, 1, 2], 0), ([0, 1, -100], 0)])
def test_labels_count_from_zero(values: list[int], count: int) -> None:
    labels = np.array(values)[LABELS]
    assert (
        len(found(audited({"0": pictures(), "1": labels}, select=("label-range",)), "label-range"))
        == count
    )


def test_a_class_that_only_the_test_has() -> None:
    test = {"0": pictures(30, 1), "1": np.append(LABELS[:29], 5)}
    report = audited({"0": pictures(), "1": LABELS}, test, select=("label-range",))
    assert [(f.split, f.examples) for f in found(report, "label-range")] == [("test", (29,))]


def test_labels_out_of_step_are_told() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 200)
    rows = generator.normal(0, 0.3, (200, 6)) + np.eye(6)[labels] * 5
    right = audited({"0": rows, "1": labels}, select=("misordered-pairs",))
    late = audited({"0": rows, "1": np.roll(labels, 1)}, select=("misordered-pairs",))
    assert not found(right, "misordered-pairs")
    assert [f.level.value for f in found(late, "misordered-pairs")] == ["error"]


def test_the_order_of_an_evaluation_is_its_own_affair() -> None:
    labels = np.sort(LABELS)
    columns = {"0": pictures(), "1": labels}
    unshuffled = audit(
        "here",
        Given({"train": columns, "test": {**columns, "0": pictures(60, 1)}}, False),
        Wishes(select=("sorted-order",)),
    )
    assert [f.split for f in found(unshuffled, "sorted-order")] == ["train"]
    assert not found(audited(columns, select=("sorted-order",)), "sorted-order")


def test_imbalance_has_two_levels() -> None:
    for rare, level in ((2, "advice"), (30, None)):
        labels = np.zeros(60, int)
        labels[:rare] = 1
        report = audited({"0": pictures(), "1": labels}, select=("class-imbalance",))
        told = [f.level.value for f in found(report, "class-imbalance")]
        assert told == ([level] if level else [])


def test_equal_inputs_with_different_labels() -> None:
    inputs = pictures()
    inputs[9] = inputs[4]
    report = audited({"0": inputs, "1": LABELS}, select=("conflicting-labels",))
    assert [f.pairs for f in found(report, "conflicting-labels")] == [((4, 9),)]


def test_a_picture_brighter_or_smaller_is_nearly_the_same() -> None:
    inputs = pictures()
    other = inputs * 0.8 + 0.1
    both = np.concatenate([inputs, other[5:7]])
    report = audited({"0": both, "1": np.append(LABELS, LABELS[5:7])}, select=("near-duplicates",))
    assert [set(f.pairs) for f in found(report, "near-duplicates")] == [{(5, 60), (6, 61)}]


def test_texts_that_are_nearly_the_same() -> None:
    generator = np.random.default_rng(0)
    words = [f"word{n}" for n in range(400)]
    texts = [" ".join(generator.choice(words, 30)) for _ in range(60)]
    texts += [texts[3] + " indeed", texts[8].replace(" ", "  ", 3)]
    report = audited(
        {"text": Texts(tuple(texts)), "label": np.arange(62) % 2}, select=("near-duplicates",)
    )
    [finding] = found(report, "near-duplicates")
    assert set(finding.pairs) == {(3, 60), (8, 61)}


def test_sounds() -> None:
    generator = np.random.default_rng(0)
    time = np.arange(4000) / 8000
    waves = np.stack(
        [
            np.sin(2 * np.pi * f * time) + generator.normal(0, 0.1, 4000)
            for f in generator.uniform(100, 3000, 40)
        ]
    ).astype(np.float32)
    waves[30] = waves[2]
    waves[31] = 0
    report = audited(
        {"wave": waves, "label": np.arange(40) % 2},
        select=(
            "constant-input",
            "exact-duplicates",
        ),
    )
    assert [f.pairs for f in found(report, "exact-duplicates")] == [((2, 30),)]
    assert [f.examples for f in found(report, "constant-input")] == [(31,)]


def test_samples_that_are_drawn_again_count_once() -> None:
    class Again(Given):
        def read(self, sink: Sink) -> None:
            sink.split(SplitInfo("train", 60, True, True, "loader"))
            for rows in (np.arange(60), np.arange(10)):
                columns = {"0": pictures()[rows], "1": LABELS[rows]}
                sink.batch(Batch("train", columns, len(rows), tuple(rows.tolist())))

    report = audit("here", Again({}), Wishes())
    assert report.findings == []
    assert any("10 samples again" in note for note in report.notes)


def test_the_limit_holds_and_is_told() -> None:
    report = audited({"0": pictures(), "1": LABELS}, limit=25)
    assert report.data is not None and report.data.splits[0].count == 25
    assert any("25 of 60 samples" in note for note in report.notes)
