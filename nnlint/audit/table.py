"""What is kept of a data set: a few numbers and a small vector of each sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nnlint.audit.parts import Kind, Parts
from nnlint.audit.samples import Array, Column, Problem, Roles, SplitInfo

if TYPE_CHECKING:
    from nnlint.audit.labelling import Judgement
    from nnlint.audit.neighbours import Neighbours

LOWEST, HIGHEST, MEAN, SPREAD, NOT_NUMBERS, INFINITE = range(6)
"""Columns of `Part.numbers`."""


@dataclass(slots=True)
class Channels:
    """Numbers of each channel, or of each feature of a table, over all samples."""

    count: Array
    mean: Array
    squares: Array
    """Sums of squared differences from the mean."""
    lowest: Array
    highest: Array
    not_numbers: Array
    infinite: Array

    @property
    def spread(self) -> Array:
        """Standard deviations."""
        spread: Array = np.sqrt(self.squares / np.maximum(self.count, 1))
        return spread


@dataclass(slots=True)
class Masks:
    """What is kept of the masks of a segmentation."""

    sizes: list[tuple[int, ...]]
    image_sizes: list[tuple[int, ...]]
    values: list[tuple[int, ...]]
    """The different values of each mask, the lowest and highest few of them."""
    small: Array
    """Masks of 32 by 32, for comparing them with the pictures."""
    small_images: Array


@dataclass(slots=True)
class Part:
    """The samples of one split."""

    info: SplitInfo
    count: int
    indices: Array
    digests: Array
    """A hash of each sample's input; equal inputs have equal ones."""
    numbers: Array
    """Lowest, highest, mean and spread of each sample's input; its NaNs and infinities."""
    vectors: Array
    """What stands for each input where inputs are compared."""
    labels: Array | None = None
    """Numbers of classes, or of a regression; NaN where there is none."""
    label_is_class: bool = False
    groups: Array | None = None
    times: Array | None = None
    names: list[str] | None = None
    hashes: Array | None = None
    """Perceptual hashes of pictures."""
    thumbs: Array | None = None
    shapes: list[str] = field(default_factory=list)
    """Shape and type of each input, in words."""
    texts: list[str] | None = None
    masks: Masks | None = None
    channels: Channels | None = None
    first: dict[str, Column] = field(default_factory=dict)
    """The first batch, as it comes."""
    stopped: str = ""
    """Why not all of it was read: `limit` or `time`."""
    repeats: int = 0
    """Samples that came more than once by their place, as a sampler with replacement draws them."""

    @property
    def name(self) -> str:
        """The split's name."""
        return self.info.name

    def place(self, row: int) -> int:
        """A sample's place in its data set."""
        return int(self.indices[row])

    @property
    def is_training(self) -> bool:
        """Whether the split is for training, by its name."""
        return self.name.lower().startswith(("train", "data", "all", "fit"))

    @property
    def is_evaluation(self) -> bool:
        """Whether the split is for evaluation, by its name."""
        return self.name.lower().startswith(("val", "test", "dev", "eval", "holdout", "predict"))


@dataclass
class Collected:
    """A data set as the checks see it."""

    parts: Parts
    splits: list[Part]
    roles: Roles
    classes: tuple[str, ...] = ()
    """Names of classes by their numbers, where labels are classes."""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    features: tuple[str, ...] = ()
    """Names of a table's features."""
    head: int | None = None
    """How many classes the model's head has, where that was told."""
    meant: str | None = None
    """What inputs are meant to be: standard, unit, symmetric or bytes."""
    seed: int = 0

    @property
    def kind(self) -> Kind:
        """What the inputs are."""
        return self.parts.kind

    @cached_property
    def offsets(self) -> list[int]:
        """Where each split begins when all are put one after the other."""
        ends = np.cumsum([0, *(p.count for p in self.splits)])
        return [int(e) for e in ends]

    def at(self, row: int) -> tuple[int, int]:
        """The split of a row of all samples, and its row there."""
        split = int(np.searchsorted(self.offsets, row, side="right")) - 1
        return split, row - self.offsets[split]

    @cached_property
    def neighbours(self) -> Neighbours:
        """Which samples are close to which, over all splits."""
        from nnlint.audit.neighbours import Neighbours

        return Neighbours.of(self)

    @cached_property
    def judgement(self) -> Judgement:
        """What a simple model, and cleanlab, make of labels and inputs."""
        from nnlint.audit.labelling import Judgement

        return Judgement.of(self)

    def joined(self, field_: str) -> Array | None:
        """One field of all splits, one after the other; None where one lacks it."""
        parts = [getattr(p, field_) for p in self.splits]
        if not parts or any(p is None for p in parts):
            return None
        return np.concatenate(parts)
