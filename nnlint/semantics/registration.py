"""What a module holds as its submodules, and what only in plain lists, tuples, sets and tables.

`nn.Module.__setattr__` registers modules that are assigned to attributes, and not what is inside
of a container that is no module: `parameters()`, `to`, `eval` and `state_dict` pass over those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from nnlint.semantics.holding import covers, parts
from nnlint.semantics.library import load_library
from nnlint.semantics.records import record
from nnlint.semantics.telling import DRAWN_FAMILIES
from nnlint.semantics.values import (
    ARGUMENTS,
    GIVEN_WEIGHTS,
    Built,
    Choice,
    Constant,
    External,
    Instance,
    Items,
    Maybe,
    Operation,
    Parameters,
    Table,
    Tensor,
    Unknown,
    Value,
)

_MODULE = "torch.nn.Module"
_MODULE_KINDS = frozenset({"layer", "container", "model", "loss"})
_WEIGHTED = re.compile(
    r"Linear|Conv|Norm\d|LayerNorm|GroupNorm|Embedding|LSTM|GRU|RNN|PReLU|"
    r"^Bilinear$|Multihead|^Transformer"
)
_AFFINE = ("affine", "elementwise_affine")
"""Arguments without which a normalisation has no weights."""
_DEEPEST = 4
"""Lists in lists that are looked through for modules."""


@record(frozen=True, eq=False)
class Hidden:
    """A module that another one keeps in a plain container, and so not as a submodule."""

    module: Value
    owner: Instance
    attribute: str
    holder: Items | Table
    """The outermost container: what the attribute is."""


def is_module(value: Value | None) -> bool:
    """Whether a value is certainly an `nn.Module`, of a library or of the project."""
    match value:
        case Built():
            return value.entry.kind in _MODULE_KINDS
        case Instance():
            bases = [a.name for a in value.cls.ancestry() if isinstance(a, External)]
            return any(load_library().is_subclass(base, _MODULE) for base in bases)
        case _:
            return False


def is_parameter(value: object) -> bool:
    """Whether a value is a tensor that the program makes an `nn.Parameter`."""
    return (
        isinstance(value, Tensor)
        and isinstance(value.producer, Operation)
        and value.producer.entry.family == "parameter"
    )


def alternatives(value: Value) -> Iterator[Value]:
    """What a value may be, whatever path is taken."""
    match value:
        case Choice():
            for option in value.options:
                yield from alternatives(option)
        case Maybe():
            yield from alternatives(value.value)
        case _:
            yield value


def submodules(module: Value) -> Iterator[Value]:
    """The modules that a module has registered itself, on whatever path."""
    if isinstance(module, Instance | Built):
        for part in parts(module):
            yield from (value for value in alternatives(part) if is_module(value))


def registered_in(modules: Iterable[Value]) -> set[int]:
    """The identities of the modules given, and of all that is registered in them at any depth."""
    return {id(module) for module in with_submodules(modules)}


def with_submodules(modules: Iterable[Value]) -> list[Value]:
    """The modules given, and all that is registered in them at any depth, each once."""
    found = {id(module): module for module in modules}
    waiting = list(found.values())
    for module in waiting:
        for inner in submodules(module):
            if id(inner) not in found:
                found[id(inner)] = inner
                waiting.append(inner)
    return waiting


def hidden_in(owner: Instance) -> Iterator[Hidden]:
    """The modules that the plain containers among a module's attributes hold."""
    for name, value in owner.state.items():
        for container in alternatives(value) if isinstance(value, Value) else ():
            if isinstance(name, str) and isinstance(container, Items | Table):
                for inner in _contents(container):
                    yield Hidden(inner, owner, name, container)


def _contents(container: Value, depth: int = _DEEPEST) -> Iterator[Value]:
    """The modules in a plain container, and in plain containers inside of it."""
    for part in parts(container) if depth else ():
        for value in alternatives(part):
            if isinstance(value, Items | Table):
                yield from _contents(value, depth - 1)
            elif is_module(value):
                yield value


def may_hold_elsewhere(value: Value, module: Value) -> bool:
    """Whether something else than a known module may have registered a module: an object of an
    unknown class, or the result of a call that nobody can look into."""
    match value:
        case Unknown():
            return any(covers(given, module) for given in value.state.get(ARGUMENTS, ()))
        case Instance():
            return not value.cls.known and covers(value, module)
        case Parameters():
            return any(model is module for model in value.models)
        case _:
            return False


def is_given_weights(value: Value, depth: int = 8) -> bool:
    """Whether weights of a module, or of a part of it, are put there as another network, or an
    optimizer that is learned, has computed them."""
    if isinstance(value, Built | Instance) and GIVEN_WEIGHTS in value.state:
        return True
    return depth > 0 and any(is_given_weights(part, depth - 1) for part in parts(value))


def _is_off(value: Value | None) -> bool:
    """Whether an option is given and may be off."""
    return value is not None and not (isinstance(value, Constant) and value.value)


def has_weights(value: Value, depth: int = 8, besides: Sequence[Value] = ()) -> bool:
    """Whether a module certainly has parameters, and no computed tensors in their place.

    Parameters:
        besides: modules whose parameters do not count.
    """
    if depth == 0 or is_given_weights(value) or any(covers(other, value) for other in besides):
        return False
    if isinstance(value, Choice):
        return all(has_weights(option, depth - 1, besides) for option in value.options)
    if isinstance(value, Built) and value.entry.kind == "layer":
        named = bool(_WEIGHTED.search(value.entry.name.rpartition(".")[2]))
        return named and not any(map(_is_off, map(value.arguments.get, _AFFINE)))
    if isinstance(value, Built) and value.entry.kind == "model":
        return True
    if isinstance(value, Instance) and any(map(_is_trained, value.state.values())):
        return True
    return any(has_weights(part, depth - 1, besides) for part in parts(value))


def _is_trained(value: object) -> bool:
    """Whether a value is a parameter that asks for gradients."""
    if not isinstance(value, Tensor) or not is_parameter(value):
        return False
    asks = (
        value.producer.arguments.get("requires_grad")
        if isinstance(value.producer, Operation)
        else None
    )
    return isinstance(asks, Constant) and asks.value is True


def draws_weights(value: Value, depth: int = 8) -> bool:
    """Whether a module certainly has weights that are drawn at random when it is built."""
    if depth == 0 or is_given_weights(value):
        return False
    if isinstance(value, Choice):
        return all(draws_weights(option, depth - 1) for option in value.options)
    if isinstance(value, Built) and value.entry.kind == "layer":
        return value.entry.family in DRAWN_FAMILIES and has_weights(value)
    return any(draws_weights(part, depth - 1) for part in parts(value))
