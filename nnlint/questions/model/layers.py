"""What behaves differently in training: dropout, batch norm, and models that have them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nnlint.semantics.analysis import Program
from nnlint.semantics.holding import parts
from nnlint.semantics.values import (
    IN_MODEL,
    IS_CALLED,
    Built,
    Choice,
    Constant,
    External,
    Function,
    Instance,
    Items,
    Maybe,
    Operation,
    Site,
    Table,
    Unknown,
    Value,
)

DROPOUTS = frozenset({"dropout", "dropout_channel", "alpha_dropout", "dropout_path"})
_NO_MODULES = frozenset({"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol"})
"""Bases that make a class no module."""
_RATES = ("p", "dropout", "drop_prob", "drop_rate", "attn_drop", "dropout_p")


@dataclass(frozen=True, slots=True)
class ModeDependence:
    """Whether a model computes something else in training than in evaluation."""

    site: Site | None
    """A layer that does, if one is known."""
    known: bool
    """Whether all layers of the model are known."""

    @property
    def is_free(self) -> bool:
        """Whether the model certainly computes the same in both modes."""
        return self.known and self.site is None


def place_of(operation: Operation) -> Site:
    """Where people see a layer: where it is called, or built when many are called there.

    `layer(x)` in a loop over a container applies one layer after the other.
    """
    layer = operation.layer
    return layer.site if layer and len(operation.twins.built_at) > 1 else operation.site


def is_tried_alone(operation: Operation) -> bool:
    """Whether a layer of a model is called from outside, as a loop that prints shapes does."""
    layer = operation.layer
    return layer is not None and not operation.modules and IN_MODEL in layer.state


def has_trained_weights(model: Built) -> bool:
    """Whether a library's model is built with weights that have been trained."""
    given = (model.arguments.get(name) for name in ("weights", "pretrained"))
    return bool(model.entry.options.get("pretrained")) or any(
        v is not None and not (isinstance(v, Constant) and not v.value) for v in given
    )


def mode_dependence(model: Value, program: Program, as_built: bool = False) -> ModeDependence:
    """How a model depends on its mode, through all of its parts.

    Parameters:
        program: what runs it, for `F.dropout` in a `forward`.
        as_built: whether the mode of no part has been set since it was built. Parts that are
            built in eval mode then stay in it, and compute what they compute in evaluation.
    """
    search = _Search(as_built)
    search.visit(model)
    dropouts = program.once(_functional_dropouts)
    if search.site is None:
        search.site = _functional_dropout(search.seen, dropouts)
    # what is there on some paths only proves nothing
    known = search.known and _functional_dropout(search.optional, dropouts) is None
    return ModeDependence(search.site, known)


class _Search:
    def __init__(self, as_built: bool = False) -> None:
        self.as_built = as_built
        self.seen: set[int] = set()
        self.optional: set[int] = set()
        """Parts that are there on some paths only."""
        self.site: Site | None = None
        self.known = True

    def visit(self, value: Value) -> None:
        """Look at a part of a model and at its own parts."""
        if id(value) in self.seen or self.site is not None:
            return
        self.seen.add(id(value))
        match value:
            case Built():
                self._built(value)
            case Instance():
                self.known = self.known and value.cls.known
            case Unknown():
                self.known = self.known and not value.state.get(IS_CALLED)
                return
            case Maybe(value=part):
                self._options((part,))
                return
            case Choice(options=options):
                self._options(options)
                return
            case Items() | Table():
                pass
            case _:
                return
        plain, replaced = _is_plain(value), _replaced_layer(value)
        for part in parts(value):
            # a module sets the mode of its modules, not what other objects hold
            if (plain or not _is_plain(part)) and part is not replaced:
                self.visit(part)

    def _options(self, options: Iterable[Value]) -> None:
        """Look at parts of which each is there on some paths only."""
        for option in options:
            search = _Search(self.as_built)
            search.visit(option)
            if isinstance(option, Unknown):
                # it may be a layer, whether or not it has been called
                search.known = False
            self.known = self.known and search.known and search.site is None
            self.optional |= search.seen | search.optional

    def _built(self, built: Built) -> None:
        if built.entry.kind == "model":
            facts = built.entry.options
            if self.as_built and facts.get("starts_in_eval"):
                return
            if facts.get("dropout") or facts.get("batch_norm"):
                self.site = built.site
            self.known = self.known and "dropout" in facts and "batch_norm" in facts
        elif built.entry.kind in ("layer", "container"):
            if depends_on_mode(built):
                self.site = built.site
            # more layers like those that are known depend on the mode as these do
            self.known = self.known and not (
                built.state.get("open") and not built.state.get("alike")
            )


def _replaced_layer(value: Value) -> Value | None:
    """The library layer that an object derives from, where it does something else instead."""
    own = value.cls.find("forward") if isinstance(value, Instance) else None
    if not isinstance(own, Function) or not isinstance(value, Instance):
        return None
    words = own.scope.module.words(own.node)
    return None if "super" in words.names else value.state.get("library")


def _is_plain(value: Value) -> bool:
    """Whether an object is of a class of the project that derives from nothing else."""
    match value:
        case Instance():
            return value.cls.known and not any(
                isinstance(base, External) and base.name not in _NO_MODULES
                for base in value.cls.ancestry()
            )
        case Choice():
            return all(map(_is_plain, value.options))
        case _:
            return False


def depends_on_mode(layer: Built) -> bool:
    """Whether a library layer itself behaves differently in training."""
    family, arguments = layer.entry.family, layer.arguments
    if family == "batch_norm" or layer.entry.options.get("statistics") == "instance":
        return _truth(arguments.get("track_running_stats"))
    if family == "rnn" and _number(arguments.get("num_layers")) == 1:
        return False
    if family in DROPOUTS or family in ("rnn", "attention", "transformer"):
        return any(_truth(arguments[name]) for name in _RATES if name in arguments)
    return layer.entry.activation == "rrelu"


def _truth(value: Value | None) -> bool:
    """Whether a rate or switch is on; an option counts as what it is by default."""
    return bool(value.value) if isinstance(value, Constant) else value is not None


def _number(value: Value | None) -> object:
    return value.value if isinstance(value, Constant) else None


def _functional_dropouts(program: Program) -> tuple[Operation, ...]:
    """The calls of `F.dropout` in a program, in whatever `forward`, that follow a mode."""
    return tuple(
        operation
        for operation in program.operations
        if operation.layer is None
        and operation.entry.family in DROPOUTS
        and follows_mode(operation)
    )


def _functional_dropout(owners: set[int], dropouts: Iterable[Operation]) -> Site | None:
    return next((o.site for o in dropouts if id(o.owner) in owners), None)


def follows_mode(dropout: Operation) -> bool:
    """Whether a dropout is on in one mode only: a layer, or a function that is given the mode of
    the module. Given a literal, or left to its default, it does the same in both."""
    if dropout.layer is not None:
        return True
    training = dropout.arguments.get("training")
    literal = isinstance(training, Constant) and training.site is not None
    return "training" in dropout.explicit and not literal


def batch_norm_of(model: Value, depth: int = 8) -> Site | None:
    """Where a model gets a batch norm with running statistics, if it is known to have one."""
    if isinstance(model, Built):
        if model.entry.kind == "model":
            return model.site if model.entry.options.get("batch_norm") else None
        if model.entry.family == "batch_norm":
            return model.site if _truth(model.arguments.get("track_running_stats")) else None
    if depth == 0 or not isinstance(model, Built | Instance | Items | Table):
        return None
    found = (batch_norm_of(part, depth - 1) for part in parts(model))
    return next((site for site in found if site is not None), None)
