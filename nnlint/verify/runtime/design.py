"""What models do on purpose, told by what happens in them, what they take and raise; by names last."""

from __future__ import annotations

import dataclasses
import linecache
import os
import re
import traceback

import torch

from .draws import ADDED, CENTRED, CHOOSES
from .inputs import Inputs, is_integer

_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_COMPARES = re.compile(r"mini_?batch|contrastive|infonce|nt_?xent", re.IGNORECASE)
"""Names of what compares all examples with all."""
_SPREAD = re.compile(r"batch_?std|std_?dev", re.IGNORECASE)
"""Names of what tells a network how far the examples of a batch lie apart."""
_STATISTIC = re.compile(r"^_?(std|var|mean|sub|sum|linalg_vector_norm)")
"""Operations that such a statistic begins with."""
_MEMORY = re.compile(r"memory_?bank", re.IGNORECASE)
"""Names of what keeps examples for calls to come."""
_GRAPH = re.compile(
    r"message_?passing|(?-i:Graph(?!ic)|(?:^|_)graph(?:$|_))|(?-i:GCN|GNN|GAT(?![a-z]))",
    re.IGNORECASE,
)
"""Names of modules of graphs; the rows of one graph are nodes, not examples."""
_BLENDS = re.compile(r"mixup|cutmix", re.IGNORECASE)
"""Names of what trains on two examples at once; in evaluation it keeps them apart."""
_TAKES_OTHERS = re.compile(r"^_?(index|gather|take|flip|roll|sort|slice|select|cat|chunk|split)")
"""Operations that put another example in the place of each."""
_NORMALISES = re.compile(r"ghost|batch_?norm(\dd)?$", re.IGNORECASE)
"""Names of what normalises by the batch in training, or by parts of it."""
_RANDOM = re.compile(r"repara|gumbel|langevin|posterior", re.IGNORECASE)
"""Names of what draws from a distribution, by its size, a mean or scores."""
_SCALES = re.compile(r"(?<!de)nois[ey]|vae|diffus", re.IGNORECASE)
"""Names of models in which numbers are drawn, and scaled or fed to layers."""
_SAMPLE = re.compile(r"(?<!up)(?<!down)(?<!sub)(?<!over)(?<!grid_)sampl", re.IGNORECASE)
"""Names of what draws from a distribution, and of what takes some of many."""
_POSITIONS = re.compile(r"randint|randperm|random_\b")
"""Operations that draw positions."""
_AS_POSITIONS = re.compile(r"argsort|topk|\.long\(|\.int\(|randperm|randint")
"""What makes positions of random numbers in one line."""
_DRAWN_POSITIONS = re.compile(
    r"neg(?:ative|_|s\b)|nois[ey]|diffus|time_?steps?|num_steps", re.IGNORECASE
)
"""What is drawn by its position on purpose: negatives, and the steps of a diffusion."""
_ALWAYS_ON = re.compile(
    r"monte_?carlo|bayes|variational|uncertain|(?-i:MC(?![a-z])|(?:^|_)mc(?:$|_))", re.IGNORECASE
)
"""Names of models whose dropout stays on."""
_STATE = re.compile(r"cache|kv_|memory|hidden|state|queue|history|(?<![a-z])past", re.IGNORECASE)
_KEPT = re.compile(r"teacher|target|ema|momentum|reference|_ref$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Mixture:
    """What happens where examples begin to mix."""

    operation: str
    shapes: list[list[int]]
    """Of what the operation reads and makes."""
    count: int
    """The number of examples."""
    kept: bool = False
    """Whether the part keeps something of them for calls to come."""
    own: bool = True
    """Whether it happens in the project's code, and not within a layer of torch."""

    @property
    def compares(self) -> bool:
        """Whether there is a table of all examples by all, or of several rows for each."""
        return self.own and any(_is_table(shape, self.count) for shape in self.shapes)


def _is_table(shape: list[int], count: int) -> bool:
    sizes = [n for n in shape if n % count == 0 and n >= count]
    return any(sizes.count(n) > 1 for n in sizes)


def mixes_by_design(
    cls: type, *functions: str, inputs: Inputs, training: bool, mixture: Mixture | None = None
) -> bool:
    """Whether examples are meant to mix, as a name says and as what happens bears out.

    Parameters:
        cls, functions: the class and the functions whose names count.
        inputs: what the model takes; one that is called after graphs has nodes for rows where
            it takes one graph, and examples where it takes a batch of them.
        training: whether it does so in train mode, in which more is meant to.
        mixture: what happens; where it is not known, the name decides.
    """
    names = (cls.__name__, *functions)
    if any(_bears_out(name, mixture, training) for name in names):
        return True
    return any(_GRAPH.search(name) for name in names) and _is_one_graph(inputs)


def _bears_out(name: str, mixture: Mixture | None, training: bool) -> bool:
    """Whether a name says that examples mix, and what happens is what it speaks of."""
    in_training = (_BLENDS, _NORMALISES) if training else ()
    if mixture is None:
        return any(said.search(name) for said in (_COMPARES, _SPREAD, _MEMORY, *in_training))
    if training and _BLENDS.search(name) and _TAKES_OTHERS.search(mixture.operation):
        return True
    if training and _NORMALISES.search(name) and mixture.kept:
        # what evaluation reads in place of the batch; without it, it has nothing
        return bool(_STATISTIC.search(mixture.operation) or "norm" in mixture.operation)
    if _SPREAD.search(name) and _STATISTIC.search(mixture.operation):
        return True
    if _MEMORY.search(name) and (mixture.kept or mixture.compares):
        return True
    return bool(_COMPARES.search(name)) and mixture.compares


def _is_one_graph(inputs: Inputs) -> bool:
    """Whether inputs are one graph: its edges, a matrix over all rows, or no axis but features."""
    tensors = [tensor for _, tensor in inputs.tensors]
    if any(is_integer(t) and t.dim() == 2 and t.shape[0] == 2 for t in tensors):
        return True
    if any(tuple(t.shape) == (inputs.count, inputs.count) for t in tensors):
        return True
    return all(t.dim() <= 2 for t in tensors)


def draws_by_design(operation: str, code: str, *names: str, use: str = "") -> bool:
    """Whether an operation is meant to be random in evaluation.

    Parameters:
        code: the line that draws.
        names: of the class, the function and the module around it.
        use: what happens to the numbers, as `locate_random` tells it; empty where it is not
            known.
    """
    if re.search(r"training\s*=\s*True", code):
        return True
    # to take some of many at random is no draw from a distribution: what is left out changes
    positions = _POSITIONS.search(operation) or _AS_POSITIONS.search(code)
    if any(_ALWAYS_ON.search(name) for name in names):
        # noise of a fixed size tells nothing of what a model is sure of
        if not positions and use not in (ADDED, CENTRED):
            return True
    if "dropout" in operation or re.search(r"drop", code):
        # one that is always on is the commonest fault of this kind
        return False
    if re.search(r"gumbel|distributions?\.|\.r?sample\(|multinomial", code):
        return True
    if positions:
        named = (_RANDOM, _SCALES, _SAMPLE)
        spoken = any(said.search(name) for said in named for name in names)
        return spoken and any(_DRAWN_POSITIONS.search(text) for text in (code, *names))
    # normal noise of a fixed size is what some add to a mean, and Gumbel's is a logarithm
    is_noise = "norm" in operation or "randn" in operation or "log" in code
    if any(_RANDOM.search(name) for name in names):
        return use != CHOOSES and (use not in (ADDED, CENTRED) or is_noise)
    if use in (ADDED, CHOOSES):
        return False
    if any(_SAMPLE.search(name) for name in names):
        return use != CENTRED or is_noise
    return use != CENTRED and any(_SCALES.search(name) for name in names)


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
