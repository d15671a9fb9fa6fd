"""The library data is well formed, consistent, and true of the PyTorch that is installed."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nnlint.semantics.axes.transfer import TRANSFERS
from nnlint.semantics.library import Entry, Library, load_library
from nnlint.semantics.library.signatures import (
    REQUIRED,
    UNKNOWN_DEFAULT,
    LibraryDataError,
    Parameter,
    read_signature,
)
from nnlint.semantics.library.tables import read_tables

KINDS = frozenset(
    """layer operation loss optimizer scheduler transform dataset loader sampler split seed draw
    generator trainer model context event container wrapper base constant estimator metric search
    clock listing launcher frame arrays""".split()
)
AXES = frozenset((*TRANSFERS, "view", "size", "data"))
EXPECTS = frozenset(("", "logits", "probabilities", "log_probabilities", "values"))
SPATIAL = frozenset(("conv", "conv_transpose", "pool", "dropout_channel"))

LIBRARY = load_library()
ENTRIES: tuple[Entry, ...] = tuple(
    entry for name in sorted(LIBRARY.names()) if (entry := LIBRARY.get(name)) is not None
)
ALIASES: dict[str, str] = dict(LIBRARY.aliases)


def complaints(entry: Entry) -> Iterator[str]:
    """What is malformed about an entry by itself."""
    if entry.kind not in KINDS:
        yield f"kind {entry.kind!r}"
    if entry.axes and entry.axes not in AXES:
        yield f"axes {entry.axes!r}"
    if entry.call not in ("", "class", "function"):
        yield f"call {entry.call!r}"
    if entry.expects not in EXPECTS:
        yield f"expects {entry.expects!r}"
    spatial = entry.family in SPATIAL and entry.name.startswith("torch.nn.")
    if spatial and entry.kind == "layer" and entry.dimensions not in (1, 2, 3):
        yield f"dimensions {entry.dimensions}"
    if entry.transparent and entry.activation:
        yield "both transparent and an activation"
    if entry.kind == "layer" and entry.call != "class":
        yield "a layer is a class"
    if entry.kind in ("layer", "operation") and not entry.family:
        yield "no family"
    named = (entry.split_parameter, entry.random_unless, *entry.transform_parameters)
    open_ended = any(p.kind == "mapping" for p in entry.signature)
    for name in filter(None, named):
        if entry.parameter(name) is None and not open_ended:
            yield f"no parameter {name!r}"
    doubled = [n for n, count in Counter(p.name for p in entry.signature).items() if count > 1]
    if doubled:
        yield f"parameter {doubled[0]!r} twice"


def test_every_entry_is_well_formed() -> None:
    found = [f"{entry.name}: {problem}" for entry in ENTRIES for problem in complaints(entry)]
    assert found == []


def test_breadth() -> None:
    assert len(ENTRIES) >= 900


def test_bases_and_returned_classes_are_known() -> None:
    for entry in ENTRIES:
        for name in (*entry.bases, *filter(None, [entry.returns])):
            assert LIBRARY.get(name) is not None, f"{entry.name} names {name}"


def test_aliases_lead_to_known_names() -> None:
    for alias, target in ALIASES.items():
        if alias.endswith("."):
            assert target.endswith("."), alias
        else:
            assert LIBRARY.get(alias) is not None, f"{alias} = {target}"


def test_aliases_hide_no_entry() -> None:
    assert LIBRARY.names().isdisjoint(ALIASES)


def test_each_tensor_method_has_one_meaning() -> None:
    names = Counter(e.name.rpartition(".")[2] for e in ENTRIES if e.method)
    assert [n for n, count in names.items() if count > 1] == []


def test_tensor_methods_take_the_tensor_first() -> None:
    for entry in ENTRIES:
        is_method = entry.method or entry.name.startswith("torch.Tensor.")
        if is_method and not entry.options.get("attribute"):
            assert entry.signature, entry.name
            assert entry.signature[0].default is REQUIRED, entry.name


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("torch.nn.modules.Linear", "torch.nn.Linear"),
        ("torch.nn.modules.conv.Conv2d", "torch.nn.Conv2d"),
        ("torch.optim.adamw.AdamW", "torch.optim.AdamW"),
        ("torch.concat", "torch.cat"),
        ("torch.utils.data.dataloader.DataLoader", "torch.utils.data.DataLoader"),
        ("torchvision.transforms.transforms.Compose", "torchvision.transforms.Compose"),
        ("pytorch_lightning.Trainer", "lightning.pytorch.Trainer"),
        ("pytorch_lightning.utilities.seed.seed_everything", "lightning.pytorch.seed_everything"),
        ("lightning.Trainer", "lightning.pytorch.Trainer"),
        ("torch.autocast", "torch.amp.autocast"),
        ("project.module.Linear", "project.module.Linear"),
    ],
)
def test_canonical_names(name: str, canonical: str) -> None:
    assert LIBRARY.canonical(name) == canonical


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("torch.nn.Softmax", {"family": "softmax", "activation": "softmax", "call": "class"}),
        ("torch.nn.functional.log_softmax", {"activation": "log_softmax", "call": "function"}),
        ("torch.nn.CrossEntropyLoss", {"kind": "loss", "expects": "logits"}),
        ("torch.nn.BCELoss", {"expects": "probabilities"}),
        ("torch.nn.functional.nll_loss", {"expects": "log_probabilities"}),
        ("torch.nn.Dropout", {"family": "dropout", "transparent": True}),
        ("torch.nn.Dropout2d", {"family": "dropout_channel", "dimensions": 2}),
        ("torch.nn.LSTM", {"axes": "rnn"}),
        ("torch.manual_seed", {"kind": "seed", "seeds": ("torch",)}),
        ("numpy.random.seed", {"seeds": ("numpy",)}),
        ("lightning.pytorch.seed_everything", {"seeds": ("torch", "numpy", "random")}),
        ("torch.optim.lr_scheduler.StepLR", {"kind": "scheduler", "schedule": "step"}),
        ("torchvision.transforms.RandomHorizontalFlip", {"random": True, "random_unless": "p"}),
        ("torchvision.transforms.Resize", {"kind": "transform", "random": False}),
        ("torchvision.datasets.CIFAR10", {"split_parameter": "train"}),
        ("sklearn.model_selection.train_test_split", {"kind": "split", "random": True}),
    ],
)
def test_facts(name: str, facts: dict[str, Any]) -> None:
    entry = LIBRARY.get(name)
    assert entry is not None
    assert {field: getattr(entry, field) for field in facts} == facts


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("view", "torch.Tensor.view"),
        ("permute", "torch.Tensor.permute"),
        ("softmax", "torch.softmax"),
        ("transpose", "torch.transpose"),
        ("relu_", "torch.relu"),
        ("zero_", "torch.Tensor.zero_"),
        ("masked_fill_", "torch.masked_fill"),
    ],
)
def test_tensor_method(method: str, name: str) -> None:
    entry = LIBRARY.tensor_method(method)
    assert entry is not None
    assert entry.name == name


def test_unknown_tensor_method() -> None:
    assert LIBRARY.tensor_method("forward") is None


def test_subclasses() -> None:
    assert LIBRARY.is_subclass("torch.optim.adam.Adam", "torch.optim.Optimizer")
    assert LIBRARY.is_subclass("torch.utils.data.Subset", "torch.utils.data.Dataset")
    assert not LIBRARY.is_subclass("torch.optim.Adam", "torch.utils.data.Dataset")
    assert not LIBRARY.is_subclass("project.Model", "torch.nn.Module")


def test_members_are_for_star_imports() -> None:
    members = LIBRARY.members("torch.nn")
    assert {"Linear", "Module", "CrossEntropyLoss"} <= members
    assert not any("." in member for member in members)


def test_a_library_reads_entries_when_asked() -> None:
    library = Library({"a.b": {"kind": "layer", "parameters": "x, y=2"}}, {"c.": "a."})
    entry = library.get("c.b")
    assert entry is not None
    assert entry.parameter("y") == Parameter("y", 2)
    assert entry.parameter("z") is None
    assert library.get("a.c") is None


def test_signatures() -> None:
    assert read_signature("") == ()
    assert read_signature("a, b=None, *c, d=0.5, e=unknown, **f") == (
        Parameter("a", REQUIRED),
        Parameter("b", None),
        Parameter("c", (), "variadic"),
        Parameter("d", 0.5, "keyword"),
        Parameter("e", UNKNOWN_DEFAULT, "keyword"),
        Parameter("f", {}, "mapping"),
    )


@pytest.mark.parametrize("text", ["a b", "a=1, b", "a: 0, lambda b"])
def test_bad_signatures(text: str) -> None:
    with pytest.raises(LibraryDataError):
        read_signature(text)


def resolve(name: str) -> Any:
    """The object called `name`, or None."""
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            found = getattr(found, part, None)
        return found
    return None


TORCH_ENTRIES = tuple(e for e in ENTRIES if e.name.startswith("torch."))


def skip_without_recent_torch() -> None:
    """The data describes a recent PyTorch; older ones lack some names."""
    torch = pytest.importorskip("torch")
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 9):
        pytest.skip("the data is checked against recent versions of PyTorch")


def test_names_exist_in_torch() -> None:
    skip_without_recent_torch()
    assert [e.name for e in TORCH_ENTRIES if resolve(e.name) is None] == []


def real_signature(entry: Entry) -> tuple[Parameter, ...] | None:
    """The signature that Python sees; None for C functions, `*args` wrappers and methods."""
    found = resolve(entry.name)
    if found is None or entry.kind == "base" or entry.name.startswith("torch.Tensor"):
        return None
    try:
        made_up = ("($self, object, /)", "($module, object, /)", "(object, /)")
        if getattr(found, "__text_signature__", None) in made_up:
            # from Python 3.13 on one is made up where there is none, whose names say nothing
            return None
        real = inspect.signature(found.__init__ if inspect.isclass(found) else found)
    except (TypeError, ValueError):
        return None
    parameters = list(real.parameters.values())
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return tuple(
        Parameter(p.name, REQUIRED if p.default is p.empty else p.default)
        for p in parameters[inspect.isclass(found) :]
        if p.kind is not p.VAR_KEYWORD
    )


def disagreements(entry: Entry, real: tuple[Parameter, ...]) -> Iterator[str]:
    """Where an entry's signature differs from the real one, which may have more at its end."""
    positional = [p.name for p in entry.signature if p.kind == "positional"]
    names = [p.name for p in real]
    if positional != names[: len(positional)]:
        yield f"{entry.name}: {positional} is {names}"
    defaults = {p.name: p.default for p in real}
    for parameter in entry.signature:
        if parameter.kind not in ("positional", "keyword"):
            continue
        if parameter.name not in defaults:
            yield f"{entry.name}: no {parameter.name}"
        elif parameter.default is not UNKNOWN_DEFAULT:
            default = defaults[parameter.name]
            if parameter.default != default:
                yield f"{entry.name}: {parameter.name}={parameter.default} is {default}"


def test_signatures_agree_with_torch() -> None:
    skip_without_recent_torch()
    real = [(e, s) for e in TORCH_ENTRIES if (s := real_signature(e)) is not None]
    assert len(real) > 300
    assert [problem for e, s in real for problem in disagreements(e, s)] == []


def overloads() -> dict[str, list[list[str]]]:
    """Parameter names of every overload of torch's C functions, from its type stubs."""
    torch = pytest.importorskip("torch")
    stub = Path(torch.__file__).parent / "_C" / "_VariableFunctions.pyi"
    found: dict[str, list[list[str]]] = {}
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            a = node.args
            every = (*a.posonlyargs, *a.args, *filter(None, [a.vararg]), *a.kwonlyargs)
            found.setdefault(node.name, []).append([p.arg for p in every])
    return found


def fits(entry: Entry, overload: list[str]) -> bool:
    """Whether what an overload shares with an entry has the same order."""
    mine = [p.name for p in entry.signature if p.kind == "positional"]
    shared = [n for n in mine if n in overload]
    return shared == [n for n in overload if n in mine] and len(shared) >= min(2, len(mine))


def test_signatures_agree_with_type_stubs() -> None:
    skip_without_recent_torch()
    stubs = {f"torch.{name}": known for name, known in overloads().items()}
    # The stubs name the second parameter of tensor_split after each overload.
    del stubs["torch.tensor_split"]
    entries = [e for e in TORCH_ENTRIES if e.name in stubs and real_signature(e) is None]
    assert len(entries) > 200
    unknown = {
        e.name: names
        for e in entries
        if (names := {p.name for p in e.signature} - {n for o in stubs[e.name] for n in o})
    }
    assert unknown == {}
    assert [e.name for e in entries if not any(fits(e, o) for o in stubs[e.name])] == []


def accepts(loss: Any, left: Any, right: Any) -> bool:
    """Whether the loss takes tensors of different shapes."""
    try:
        loss(left, right)
    except (RuntimeError, TypeError, ValueError):
        return False
    return True


def test_losses_broadcast_as_the_data_says() -> None:
    torch = pytest.importorskip("torch")
    column, row = torch.full((4, 1), 0.5), torch.full((4,), 0.5)
    for entry in TORCH_ENTRIES:
        if entry.kind == "loss" and entry.name.startswith("torch.nn.functional."):
            taken = accepts(resolve(entry.name), column, row)
            assert taken == entry.options.get("broadcasts", False), entry.name


CLASSES = {
    name: tuple(bases)
    for tables in read_tables().values()
    for name, bases in tables.get("classes", {}).items()
}
PLAIN = ("builtins.", "typing.", "abc.", "collections.abc.", "torch._C.")
"""What every class derives from, or what is no class to be asked for."""


def test_bases_of_classes_are_as_the_library_has_them() -> None:
    skip_without_recent_torch()

    def canonical(cls: type) -> str:
        return LIBRARY.canonical(f"{cls.__module__}.{cls.__qualname__}")

    shown = [cls for name in CLASSES if inspect.isclass(cls := resolve(name))]
    # private bases have no other name than that of the module they are written in
    real = {canonical(base): base for cls in shown for base in cls.__mro__}
    for name, bases in CLASSES.items():
        above = [canonical(base) for base in real[name].__bases__]
        known = [base.removesuffix("?") for base in bases]
        assert known == [base for base in above if not base.startswith(PLAIN)], name


@pytest.mark.parametrize(
    ("name", "base", "answer"),
    [
        ("torch.optim.lr_scheduler.ReduceLROnPlateau", "torch.optim.lr_scheduler.StepLR", False),
        ("torch.optim.lr_scheduler.StepLR", "torch.optim.lr_scheduler._LRScheduler", None),
        ("torch.optim.AdamW", "torch.optim.Adam", None),
        ("torch.optim.AdamW", "torch.optim.Optimizer", True),
        ("torch.nn.Conv2d", "torch.nn.modules.conv._ConvNd", True),
        ("torch.nn.Conv2d", "torch.nn.Linear", False),
        ("torch.nn.Linear", "builtins.dict", False),
        ("torch.nn.Linear", "torch.nn.DataParallel", None),
        ("timm.optim.Lion", "torch.optim.Adam", None),
    ],
)
def test_kin(name: str, base: str, answer: bool | None) -> None:
    assert LIBRARY.derives(name, base) is answer
