"""Questions about dropout that does not follow `eval()`."""

from __future__ import annotations

import ast
import re

from nnlint.questions.model.dropout import OF_ANY_KIND, is_positive
from nnlint.questions.participants import is_model
from nnlint.semantics.conditions import words
from nnlint.semantics.values import (
    Built,
    Constant,
    Function,
    Instance,
    Operation,
    constant,
    options,
)
from nnlint.syntax.module import stands_in
from nnlint.syntax.statements import comments_beside, enclosing_statement

ATTENTION = "torch.nn.functional.scaled_dot_product_attention"
"""What drops attention weights at the rate that it is given, in whichever mode."""
_ON_PURPOSE = re.compile(
    r"\bmc|_mc|monte|bayes|uncertain|stochastic|ensemble|perturb|corrupt|nois|augment|drop_|mask"
    r"|always|train|loss|sampl|pre_?net",
    re.IGNORECASE,
)
"""Names of functions and classes that drop on purpose, or in training only. A pre-net drops in
synthesis, too (Shen et al., Natural TTS Synthesis by Conditioning WaveNet, 2018)."""
_SAID = re.compile(
    r"always (?:on|appl|activ|drop|us)|infer|evaluation|test time|synthesis|on purpose|deliberate",
    re.IGNORECASE,
)
"""Comments by which an author says that it is meant."""
_MODES = re.compile(r"train|eval|mode|infer|test|determin|sampl|\bmc|_mc", re.IGNORECASE)
"""Words of conditions that may tell training from evaluation."""


def is_always_on(dropout: Operation) -> bool:
    """Whether a module drops something whatever its mode: by a function that is not given it, or by
    a layer that is built where it is called, which is in training mode like all new ones."""
    owner, function = dropout.owner, dropout.function
    if not isinstance(owner, Instance) or not is_model(owner) or function is None:
        return False
    named = (function.name, owner.cls.node.name)
    if any(map(_ON_PURPOSE.search, named)) or _is_said(dropout) or _depends_on_mode(dropout):
        return False
    if dropout.entry.name == ATTENTION:
        return _drops_attention(dropout) and not _asks_for_mode(function)
    if dropout.entry.family not in OF_ANY_KIND:
        return False
    if dropout.layer is not None:
        return is_positive(dropout.layer.arguments.get("p")) and _is_new(dropout.layer, dropout)
    return (
        dropout.entry.parameter("training") is not None
        and "training" not in dropout.explicit
        and "**" not in dropout.arguments
        and constant(dropout.arguments.get("training")) is True
        and not _is_zero(dropout)
    )


def _is_said(dropout: Operation) -> bool:
    """Whether a comment in the rows of a dropout's statement, or above it, says that it is meant."""
    module = dropout.site.module
    placed = enclosing_statement(module, dropout.site.node)
    return placed is not None and any(
        map(_SAID.search, comments_beside(module, placed.node, above=1))
    )


def _is_zero(dropout: Operation) -> bool:
    """Whether a rate is known to be 0; where it is asked for around, a default of 0 is left."""
    rate = dropout.arguments.get("p")
    soft = not _is_asked_for(dropout)
    return rate is not None and any(constant(o, soft=soft) == 0 for o in options(rate))


def _is_asked_for(dropout: Operation) -> bool:
    """Whether a condition around a dropout speaks of its rate, as `if self.rate > 0` does."""
    call = dropout.site.node
    if not isinstance(call, ast.Call):
        return False
    given = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "p")]
    rates = {word for node in given for word in words(node)} - {"self"}
    return any(not rates.isdisjoint(words(c.site.node)) for c in dropout.conditions)


def _drops_attention(attention: Operation) -> bool:
    rate = attention.arguments.get("dropout_p")
    return "dropout_p" in attention.explicit and isinstance(rate, Constant) and is_positive(rate)


def _depends_on_mode(dropout: Operation) -> bool:
    """Whether a condition around a dropout may be about the mode."""
    return any(_MODES.search(word) for c in dropout.conditions for word in words(c.site.node))


def _is_new(layer: Built, dropout: Operation) -> bool:
    """Whether a layer is built by the function that calls it, and is put nowhere else."""
    function = dropout.function
    if (
        function is None
        or function.name == "__init__"
        or not function.scope.module is layer.site.module is dropout.site.module
    ):
        return False
    if not stands_in(layer.site.node, function.node):
        return False
    placed = enclosing_statement(layer.site.module, layer.site.node)
    match placed.node if placed else None:
        case ast.Assign(targets=[ast.Name()]) | ast.Return() | ast.Expr() | ast.AugAssign():
            pass
        case ast.Assign(value=ast.Call(func=called)) if called is layer.site.node:
            pass
        case _:
            return False
    return not _asks_for_mode(function)


def _asks_for_mode(function: Function) -> bool:
    return "training" in set(words(function.node))
