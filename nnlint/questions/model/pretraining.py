"""Questions about pretrained weights: which models do without, though they see natural images?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.model.layers import has_trained_weights
from nnlint.questions.participants import held_models
from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import covers
from nnlint.semantics.values import Built, Constant

_NATURAL = frozenset(
    f"torchvision.datasets.{name}"
    for name in (
        "Flowers102 OxfordIIITPet Caltech101 Caltech256 StanfordCars FGVCAircraft DTD STL10 Food101 "
        "SUN397 Country211"
    ).split()
)
"""Data sets of photographs that are too small to learn to see from."""
_ON_PURPOSE = re.compile(
    r"scratch|simclr|moco|byol|dino|barlow|self[-_ ]?sup|\bssl|random(?:ly)?[-_ ]?init|pre[-_ ]?train(?!ed)|"
    r"distill|student|prun(?:e|ing)|federat",
    re.IGNORECASE,
)
"""Words of programs that begin with random weights on purpose, or bring others."""


@dataclass(frozen=True, slots=True, eq=False)
class FromScratch:
    """A library's model with random weights, and the photographs that it is trained on."""

    model: Built
    data: Built


def untrained_backbones(program: Program) -> Iterator[FromScratch]:
    """Models of vision libraries that are built without weights for a small set of photographs."""
    if not program.trains or program.events("load"):
        return
    data = next((b for b in program.builds if b.entry.name in _NATURAL), None)
    if data is None or _says_why(program):
        return
    trained = [m for e in program.events("step") for m in held_models(e.subject) or ()]
    trained += [value for e in program.events("fit") for value in e.operands]
    for model in program.builds:
        if _is_backbone(model) and not has_trained_weights(model):
            if any(covers(value, model) for value in trained):
                yield FromScratch(model, data)


def _is_backbone(model: Built) -> bool:
    if model.entry.kind != "model" or model.entry.family not in ("classifier", "factory"):
        return False
    if not model.entry.name.startswith(("torchvision.models.", "timm.create_model")):
        return False
    # an option may ask for the weights
    given = (model.arguments.get(name) for name in ("weights", "pretrained"))
    settled = all(v is None or (isinstance(v, Constant) and not v.soft) for v in given)
    return settled and not model.explicit & {"kwargs", "config", "checkpoint_path"}


def _says_why(program: Program) -> bool:
    """Whether the file says so, in a name or in its own words."""
    return bool(_ON_PURPOSE.search(program.module.source.text))
