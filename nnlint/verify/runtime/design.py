"""What models do on purpose, told by their names and by what they raise themselves."""

from __future__ import annotations

import linecache
import os
import re
import traceback

import torch

_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_MIXES = re.compile(
    r"minibatch|mini_batch|contrastive|infonce|nt_?xent|batch_?std"
    r"|memory_?bank|message_?passing|(?-i:Graph(?!ic)|(?:^|_)graph(?:$|_))"
    r"|(?-i:GCN|GNN|GAT(?![a-z]))",
    re.IGNORECASE,
)
"""Names of modules that mix examples on purpose; rows of a graph are nodes, not examples."""
_MIXES_IN_TRAINING = re.compile(r"ghost|mixup|cutmix|batch_?norm(\dd)?$", re.IGNORECASE)
"""Names of what mixes examples to train better; in evaluation it keeps them apart."""
_RANDOM = re.compile(
    r"(?<!up)(?<!down)(?<!sub)(?<!over)sampl|repara|gumbel|(?<!de)nois[ey]|vae|diffus|langevin|posterior",
    re.IGNORECASE,
)
_ALWAYS_ON = re.compile(
    r"monte_?carlo|bayes|variational|uncertain|(?-i:MC(?![a-z])|(?:^|_)mc(?:$|_))", re.IGNORECASE
)
"""Names of models whose dropout stays on."""
_STATE = re.compile(r"cache|kv_|memory|hidden|state|queue|history|(?<![a-z])past", re.IGNORECASE)
_KEPT = re.compile(r"teacher|target|ema|momentum|reference|_ref$", re.IGNORECASE)


def mixes_by_design(cls: type, *functions: str, training: bool) -> bool:
    """Whether a class or a function is called after something that mixes examples.

    Parameters:
        training: whether it does so in train mode, in which more is meant to.
    """
    names = (cls.__name__, *functions)
    if training and any(_MIXES_IN_TRAINING.search(name) for name in names):
        return True
    return any(_MIXES.search(name) for name in names)


def draws_by_design(operation: str, code: str, *names: str) -> bool:
    """Whether an operation is meant to be random in evaluation.

    Parameters:
        code: the line that draws.
        names: of the class, the function and the module around it.
    """
    if any(_ALWAYS_ON.search(name) for name in names) or re.search(r"training\s*=\s*True", code):
        return True
    if "dropout" in operation or re.search(r"drop", code):
        # one that is always on is the commonest fault of this kind
        return False
    drawn = re.search(r"gumbel|distributions?\.|\.r?sample\(|multinomial", code)
    return bool(drawn) or any(_RANDOM.search(name) for name in names)


def keeps_state(name: str) -> bool:
    """Whether a buffer is called after what is kept from call to call."""
    return bool(_STATE.search(name))


def is_set_aside(name: str) -> bool:
    """Whether a part is called after one that is not trained with the rest: a teacher."""
    return bool(_KEPT.search(name))


def is_refusal(error: BaseException) -> bool:
    """Whether the model's own code raises an error in so many words, and not torch in it."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or frames[-1].filename.startswith(_TORCH):
        return False
    line = linecache.getline(frames[-1].filename, frames[-1].lineno or 0).strip()
    return line.startswith(("raise", "assert"))
