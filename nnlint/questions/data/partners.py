"""Which names stand for inputs, and which for the targets that belong to them."""

from __future__ import annotations

import ast

from nnlint.questions.data.splits import role_of_name, words_of

_INPUTS = frozenset(
    """x xs input inputs image images img imgs im ims feature features feat feats data sample samples
    text texts sentence sentences sequence sequences seqs picture pictures pic pics photo photos doc
    docs document documents frame frames signal signals audio wav wavs question questions review
    reviews points spectrogram spectrograms volume volumes scan scans tweet tweets example
    examples inp inps rgb""".split()
)
_TARGETS = frozenset(
    """y ys label labels lbl lbls target targets tgt class classes mask masks msk msks answer answers
    gt gts truth truths annotation annotations annot annots ann anns tag tags segmentation
    segmentations seg segs box boxes bbox bboxes keypoint keypoints landmark landmarks caption
    captions depth depths trimap trimaps density densities""".split()
)
_SPATIAL = frozenset(
    """mask masks msk msks segmentation segmentations seg segs segmap segmaps box boxes bbox bboxes
    keypoint keypoints landmark landmarks depth depths trimap trimaps density annotation annotations
    label labels gt gts truth lbl lbls target targets y ys""".split()
)
_FILLERS = frozenset(
    "path paths file files filename filenames name names list lst all dir fn fns".split()
)
"""Words that say in which form something is there."""


def name_of(node: ast.AST) -> str:
    """What an expression is called: its variable, attribute or key; empty for all else."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as key)):
            return key
        case _:
            return ""


def is_input_with_target(first: str, second: str) -> bool:
    """Whether two names say that one stands for inputs and the other for their targets:
    `train_x` and `train_y`, `images` and `labels`."""
    words, others = set(words_of(first)) - _FILLERS, set(words_of(second)) - _FILLERS
    if role_of_name(first) != role_of_name(second):
        return False
    return _belongs(words, others) or _belongs(others, words)


def _belongs(inputs: set[str], targets: set[str]) -> bool:
    told = not inputs.isdisjoint(_INPUTS) and inputs.isdisjoint(_TARGETS)
    if not told or targets.isdisjoint(_TARGETS):
        return False
    rest, other = (words - _INPUTS - _TARGETS for words in (inputs, targets))
    return rest == other or (min(len(rest), len(other)) == 0 and len(rest | other) == 1)


def is_spatial_target(name: str) -> bool:
    """Whether a name says that something lies over an image: a mask, boxes, key points."""
    return not _SPATIAL.isdisjoint(words_of(name))


def is_input(name: str) -> bool:
    """Whether a name says that something is what a model is given, and no target."""
    words = set(words_of(name))
    return not words.isdisjoint(_INPUTS) and words.isdisjoint(_TARGETS)


_WORSE = frozenset(
    "noisy noise noised hazy foggy haze rainy rain blur blurry blurred lr low lq degraded corrupted distorted "
    "compressed dark sketch edges partial".split()
)
_BETTER = frozenset("clean clear hr high hq sharp gt original bright norain target".split())
"""Words for what is to be restored, and for what it was."""


def is_restored_from(better: str, worse: str) -> bool:
    """Whether two names say that one is the better picture of what the other one is."""
    return not set(words_of(better)).isdisjoint(_BETTER) and not set(words_of(worse)).isdisjoint(
        _WORSE
    )


def belong_together(first: str, second: str) -> bool:
    """Whether two names say that elements at one position belong to each other: inputs and their
    targets, worse and better pictures of one thing."""
    if is_input_with_target(first, second):
        return True
    if role_of_name(first) != role_of_name(second):
        return False
    return is_restored_from(first, second) or is_restored_from(second, first)
