"""Tests of what class an object is of: `isinstance`, `type(x) is`, class names, `case Class():`.

They are decided where the class is known for certain, in either direction. An object that is
wrapped for several devices, is taken for what an annotation says, or stands for the instances of
a class and of all that derive from it is of no certain class.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nnlint.semantics.library import Entry, Library
from nnlint.semantics.values import (
    REWRAPPED,
    TEST,
    Arithmetic,
    BoundMethod,
    Built,
    Choice,
    Class,
    Constant,
    External,
    Function,
    Instance,
    Items,
    Operation,
    Site,
    Table,
    Tensor,
    Unknown,
    Value,
    constant,
)

Handler = Callable[[Any, Sequence[Value], dict[str, Value], Site], Value]
_TENSOR = "torch.Tensor"
_WRITTEN: dict[type[ast.AST], type] = {
    ast.List: list,
    ast.ListComp: list,
    ast.Tuple: tuple,
    ast.Dict: dict,
    ast.Set: set,
}
"""What is written so is of this class."""
_NUMBERS = frozenset({"builtins.int", "builtins.float", "builtins.bool"})
_CONTAINERS = frozenset(
    f"{module}.{name}"
    for module in ("collections.abc", "typing")
    for name in "Iterable Iterator Collection Container Sequence Sized Mapping Set".split()
)
"""Classes that no number is of."""
_UNSURE_BASES = ("typing.", "abc.")
"""Classes of these modules may take others for their instances."""


def class_of(value: Value, library: Library) -> Value | None:
    """The very class of an object, None where it is not certain."""
    match value:
        case Constant(value=plain) if not value.soft and hasattr(builtins, type(plain).__name__):
            return External(f"builtins.{type(plain).__name__}")
        case Built() if REWRAPPED not in value.state and value.entry.call == "class":
            return External(value.entry.name) if library.is_class(value.entry.name) else None
        case Instance() if REWRAPPED not in value.state and _is_exact(value):
            return value.cls
        case Items(site=Site(node=node)) | Table(site=Site(node=node)) if type(node) in _WRITTEN:
            return External(f"builtins.{_WRITTEN[type(node)].__name__}")
        case _:
            return None


def _is_exact(instance: Instance) -> bool:
    """Whether an instance is made by a call of its class, and not of what may derive from it."""
    call = instance.site.node if instance.site else None
    return isinstance(call, ast.Call) and getattr(call.func, "id", "") != "cls"


def is_instance(value: Value, kinds: Value, library: Library) -> bool | None:
    """Whether `isinstance(value, kinds)` holds; None where that is not known."""
    if isinstance(value, Choice):
        return _agreed(is_instance(option, kinds, library) for option in value.options)
    return _any(_is_one(value, kind, library) for kind in _alternatives(kinds))


def is_subclass(cls: Value, kinds: Value, library: Library) -> bool | None:
    """Whether `issubclass(cls, kinds)` holds; None where that is not known."""
    return _any(_derives(cls, kind, library) for kind in _alternatives(kinds))


def same_class(left: Value, right: Value, library: Library) -> bool | None:
    """Whether two classes are one; None where either is not known to be a class."""
    if not (_is_class(left, library) and _is_class(right, library)):
        return None
    if isinstance(left, External) and isinstance(right, External):
        return left.name == right.name
    return left is right


def class_name(cls: Value, library: Library) -> str | None:
    """What `cls.__name__` is, where that is known."""
    if isinstance(cls, Class):
        return cls.node.name
    if isinstance(cls, External) and library.is_class(cls.name):
        return cls.name.rpartition(".")[2]
    return None


def has_attribute(value: Value, name: str, library: Library) -> bool | None:
    """Whether `hasattr(value, name)` holds; None where that is not known."""
    match value:
        case Choice():
            return _agreed(has_attribute(option, name, library) for option in value.options)
        case Constant():
            return hasattr(value.value, name)
        case Instance():
            return True if name in value.state or value.cls.find(name) is not None else None
        case Built() if _has_event(value.entry, name, library):
            return True
        case _:
            return None


def _has_event(entry: Entry, name: str, library: Library) -> bool:
    """Whether a library class has a method that is an event, of its own or of a base."""
    bases = [base for n in entry.bases if (base := library.get(n)) is not None]
    return name in entry.event_methods or any(_has_event(b, name, library) for b in bases)


def _alternatives(kinds: Value) -> list[Value]:
    """The classes of a tuple or of `A | B`."""
    if isinstance(kinds, Items) and not kinds.open:
        return [kind for item in kinds.items for kind in _alternatives(item)]
    if isinstance(kinds, Arithmetic) and kinds.operator == "|":
        return [kind for operand in kinds.operands for kind in _alternatives(operand)]
    return [kinds]


def _is_one(value: Value, kind: Value, library: Library) -> bool | None:
    cls = class_of(value, library)
    if cls is not None:
        return _derives(cls, kind, library)
    if not isinstance(kind, (Class, External)):
        return None
    if isinstance(value, Constant):
        return _is_plain(value.value, kind, library)
    if isinstance(value, Instance) and REWRAPPED not in value.state:
        # of the class or of one that derives from it
        return True if _derives(value.cls, kind, library) else None
    if isinstance(value, Tensor):
        return _is_tensor(value, kind, library)
    if isinstance(value, (Function, BoundMethod)):
        if isinstance(kind, Class) or kind.name.startswith("builtins."):
            return None
        return False if library.is_class(kind.name) else None
    return None


def _is_plain(value: object, kind: Class | External, library: Library) -> bool | None:
    """Whether a literal, or what was folded from literals, is of a class."""
    if isinstance(kind, Class):
        return None if _may_adopt(kind) else False
    named = getattr(builtins, kind.name.removeprefix("builtins."), None)
    if isinstance(named, type) and kind.name.startswith("builtins."):
        return isinstance(value, named)
    if isinstance(value, int | float) and kind.name in _CONTAINERS:
        return False
    return False if library.is_class(kind.name) else None


def _is_tensor(tensor: Tensor, kind: Class | External, library: Library) -> bool | None:
    """Whether what a layer or a function of PyTorch has computed is of a class."""
    made = tensor.producer
    if isinstance(kind, Class) or not isinstance(made, Operation):
        return None
    if made.layer is None and not made.entry.name.startswith("torch.nn.functional."):
        return None
    if kind.name == _TENSOR:
        return True
    is_other = kind.name != "builtins.object" and library.derives(kind.name, _TENSOR) is not True
    return False if is_other and library.is_class(kind.name) else None


def _derives(cls: Value, kind: Value, library: Library) -> bool | None:
    """Whether one class is another or derives from it."""
    if isinstance(kind, External) and kind.name == "builtins.object":
        return True
    if isinstance(cls, External) and isinstance(kind, External):
        return _kin(cls.name, kind.name, library)
    if isinstance(cls, External) and isinstance(kind, Class):
        return None if _may_adopt(kind) or not library.is_class(cls.name) else False
    if not isinstance(cls, Class) or not isinstance(kind, (Class, External)):
        return None
    if isinstance(kind, Class) and kind in cls.ancestry():
        return True
    answers: set[bool | None] = {False if cls.known else None}
    if isinstance(kind, Class):
        return False if cls.known and not _may_adopt(kind) else None
    assert isinstance(kind, External)
    answers |= {_kin(a.name, kind.name, library) for a in cls.ancestry() if isinstance(a, External)}
    if not library.is_class(kind.name):
        answers.add(None)
    return _any(answers)


def _kin(name: str, base: str, library: Library) -> bool | None:
    if name.startswith("builtins.") and base.startswith("builtins."):
        left, right = (getattr(builtins, n.partition(".")[2], None) for n in (name, base))
        if isinstance(left, type) and isinstance(right, type):
            return issubclass(left, right)
    if name in _NUMBERS and base in _CONTAINERS:
        return False
    if name.startswith("builtins.") and library.is_class(name):
        return False if library.is_class(base) else None
    return library.derives(name, base)


def _may_adopt(kind: Class) -> bool:
    """Whether a class may take objects of others for its instances, as protocols do."""
    outside = [a.name for a in kind.ancestry() if isinstance(a, External)]
    keywords = [k.arg for k in kind.node.keywords]
    return any(name.startswith(_UNSURE_BASES) for name in outside) or "metaclass" in keywords


def _is_class(value: Value, library: Library) -> bool:
    return isinstance(value, Class) or (
        isinstance(value, External) and library.is_class(value.name)
    )


def _any(answers: Iterable[bool | None]) -> bool | None:
    found = set(answers)
    return True if True in found else None if None in found else False


def _agreed(answers: Iterable[bool | None]) -> bool | None:
    found = set(answers)
    return found.pop() if len(found) == 1 else None


def _outcome(truth: bool | None, tested: Value, operands: Sequence[Value]) -> Value:
    """The value of a test: what is a default only may be of another class where it is set."""
    if truth is None:
        return Unknown(origin="test", state={TEST: Arithmetic("is a", tuple(operands))})
    return Constant(truth, isinstance(tested, Constant) and tested.soft)


def _isinstance(
    machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
) -> Value:
    if len(positional) != 2:
        return Unknown(origin="call")
    truth = is_instance(positional[0], positional[1], machine.library)
    return _outcome(truth, positional[0], positional)


def _issubclass(
    machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
) -> Value:
    if len(positional) != 2:
        return Unknown(origin="call")
    truth = is_subclass(positional[0], positional[1], machine.library)
    return _outcome(truth, positional[0], positional)


def _hasattr(
    machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
) -> Value:
    name = str(constant(positional[1], "", soft=False)) if len(positional) == 2 else ""
    truth = has_attribute(positional[0], name, machine.library) if name else None
    return _outcome(truth, positional[0], positional) if positional else Unknown(origin="call")


def _type(
    machine: Any, positional: Sequence[Value], keywords: dict[str, Value], site: Site
) -> Value:
    cls = class_of(positional[0], machine.library) if len(positional) == 1 else None
    return cls or Unknown(origin="call")


TYPE_HANDLERS: dict[str, Handler] = {
    "builtins.isinstance": _isinstance,
    "builtins.issubclass": _issubclass,
    "builtins.hasattr": _hasattr,
    "builtins.type": _type,
}
