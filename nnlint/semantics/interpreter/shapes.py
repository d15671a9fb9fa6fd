"""Shapes: what an operation makes of the axes of its tensors, and what it tells of them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nnlint.semantics.axes import Axis, Shape, size_of
from nnlint.semantics.axes.defaults import Target
from nnlint.semantics.axes.regroup import (
    FAULTS,
    Kind,
    ViewResult,
    classify_view,
    target_shape,
)
from nnlint.semantics.axes.sizes import Size, Symbol, size
from nnlint.semantics.axes.transfer import transfer
from nnlint.semantics.axes.transfer.call import Call, UnknownShape
from nnlint.semantics.axes.transfer.joining import index_shape, some_part
from nnlint.semantics.axes.transfer.notation import misread, operand_axes
from nnlint.semantics.conditions import off_by_default, parts_of
from nnlint.semantics.dataflow import is_array
from nnlint.semantics.interpreter.batches import batch_of, begins_with_batch, settled
from nnlint.semantics.interpreter.data import data_shape
from nnlint.semantics.interpreter.outlines import outline
from nnlint.semantics.interpreter.relative_positions import is_padded, judge_shift
from nnlint.semantics.interpreter.statements import ANY
from nnlint.semantics.interpreter.undoing import judge_undone
from nnlint.semantics.interpreter.view_words import ViewWords
from nnlint.semantics.library import Entry
from nnlint.semantics.values import (
    AS_TENSOR,
    BATCH,
    ELEMENTS,
    NONE,
    TAKEN_FROM,
    TEST,
    TYPED,
    Arithmetic,
    Built,
    Constant,
    Extent,
    Items,
    Operation,
    ShapeOf,
    Site,
    Source,
    Tensor,
    Unknown,
    Value,
)
from nnlint.syntax.module import stands_in
from nnlint.syntax.walking import walk


class Shapes(ViewWords):
    """Gives tensors their symbolic shapes."""

    def output(self, operation: Operation, given: tuple[Value, ...]) -> Value:
        """The value of an operation: a tensor, or several, with their shapes."""
        entry = operation.entry
        if entry.axes == "size":
            return Unknown()
        if entry.axes == "einsum":
            self._refine_operands(operation)
        demanded = self._demanded(operation)
        if demanded is not None and operation.inputs:
            self._refine(operation.inputs[0], demanded)
        if entry.axes == "view":
            target = self.sizes.targets(given[1:]) or ()
            operation.view = self._view(operation, target)
            judge_undone(operation, target)
            shape = operation.view.shape if operation.view else None
            judge_shift(operation, target)
            return Tensor(operation, {"shape": shape})
        if entry.axes == "einops":
            operation.view = self._pattern(operation)
        if entry.axes == "linear" and operation.inputs:
            self._believe_width(operation)
        return self._wrap(operation, self._shape(operation))

    def _believe_width(self, operation: Operation) -> None:
        """Judge the view before a linear layer again when the layer says that it is narrower.

        `hidden` features of (layers · hidden) are all there are only with one layer.
        """
        tensor, given = operation.inputs[0], operation.arguments.get("in_features")
        view = tensor.producer
        while isinstance(view, Operation) and view.entry.axes == "same" and view.inputs:
            view = view.inputs[0].producer
        if not tensor.shape or given is None or not isinstance(view, Operation):
            return
        width = self.sizes.of(given)
        extra = None if width is None else size_of(tensor.shape[-1]).divided(width)
        if extra is None or not extra.symbols or extra.coefficient > 1:
            return
        if isinstance(view.view, ViewResult) and view.view.kind in FAULTS:
            single = {symbol: Size() for symbol in extra.symbols}
            narrow = _replaced(view.inputs[0].shape or (), single)
            sizes = [size_of(d).replaced(single) for d in view.view.shape or ()]
            view.view = classify_view(_without_ones(narrow), sizes, self.sizes.symbols)

    def _pattern(self, operation: Operation) -> ViewResult | None:
        """What an einops pattern takes its tensor to be, when that is wrong."""
        if not operation.inputs or operation.inputs[0].shape is None:
            return None
        try:
            read = misread(
                Call([operation.inputs[0].shape], self._options(operation), self.sizes.symbols)
            )
            return read and replace(read, names=self.names_here(operation.site))
        except UnknownShape:
            return None

    def _shape(self, operation: Operation) -> Any:
        entry = operation.entry
        if not entry.axes:
            return None
        if entry.axes == "data":
            return self._of_data(operation)
        if entry.axes == "repeat" and self._may_repeat_elements(operation):
            return None
        options = self._options(operation)
        shapes = [t.shape for t in operation.inputs]
        return transfer(entry.axes, shapes, options, self.sizes.symbols)

    def _may_repeat_elements(self, operation: Operation) -> bool:
        """Whether `x.repeat(4, 1)` may be that of an array, which takes a number and an axis."""
        counts = operation.arguments.get("repeats")
        if not isinstance(counts, Items) or len(counts.items) > 2:
            return False
        source = operation.inputs[0].producer
        given = source.of if isinstance(source, Source) else None
        if not isinstance(given, Unknown) or given.origin != "parameter" or self.modules:
            return is_array(operation.inputs[0])
        return given.state.get(TYPED) != "torch.Tensor"

    def _of_data(self, operation: Operation) -> Shape | None:
        """The shape of a tensor or array that is made of plain data."""
        entry = operation.entry
        first = entry.signature[0]
        data = operation.arguments.get(first.name)
        if first.kind == "variadic":
            # `FloatTensor(2, 3)` takes sizes, `FloatTensor([...])` data
            data = data.items[0] if isinstance(data, Items) and len(data.items) == 1 else None
            if not isinstance(data, (Items, Tensor)):
                return None
        return data_shape(data, single=entry.name.startswith("torch."))

    def _options(self, operation: Operation) -> dict[str, Any]:
        """The arguments of an operation as the axes layer takes them."""
        entry = operation.entry
        options = {k: self.sizes.plain(v) for k, v in operation.arguments.items()}
        options.update(entry.options)
        both = operation.arguments.get("bidirectional")
        if entry.axes == "rnn" and isinstance(both, Constant) and both.soft:
            # only a default: the directions may be two
            del options["bidirectional"]
        if entry.dimensions:
            options["dimensions"] = entry.dimensions
        if entry.axes in ("cat", "stack"):
            joined = operation.arguments.get("tensors", operation.arguments.get("arrays"))
            options["count"] = _count(joined)
        if entry.axes == "rnn" and operation.inputs and operation.inputs[0].state.get("packed"):
            options["batch_first"] = True
        return options

    def _view(self, operation: Operation, target: Sequence[Target]) -> ViewResult | None:
        """How a `view` or `reshape` regroups the axes of its input, if they are known."""
        if not target or not operation.inputs:
            return None
        source = operation.inputs[0].shape or outline(self, operation.inputs[0], target)
        if source is None or is_padded(operation.inputs[0]):
            return ViewResult(Kind.UNKNOWN, target_shape(target))
        overridden = self._overridden()
        ones = {symbol: Size() for symbol in self._ones()}
        if ones:
            source = _without_ones(_replaced(source, ones))
            target = [t.replaced(ones) if isinstance(t, Size) else t for t in target]
        symbols = self.sizes.symbols
        result = classify_view(source, target, symbols, overridden, self.tried_out is True)
        if result.kind in FAULTS and off_by_default(self.conditions):
            # the layers and sizes that led here may be those of the other choice
            return ViewResult(Kind.UNKNOWN, result.shape)
        if not {result.kind, result.suspected} & FAULTS:
            return result
        if same := self.sizes.equal:
            # what goes wrong only if two sizes differ that are said to be equal is right
            target = [t.replaced(same) if isinstance(t, Size) else t for t in target]
            if classify_view(_replaced(source, same), target, symbols).kind not in FAULTS:
                return ViewResult(Kind.UNKNOWN, result.shape)
        names, meant = self.names_here(operation.site), result.meant
        if meant is None:
            return replace(result, names=names)
        meant = replace(meant, array=is_array(operation.inputs[0]))
        return replace(result, meant=meant, remedy=self.remedy(operation.site, meant), names=names)

    def note_equal(self, left: Value, right: Value) -> None:
        """Note that two sizes are equal, as an `assert` or a guard that raises says."""
        for one, other in ((left, right), (right, left)):
            symbols, known = self._symbol_of(one), self.sizes.of(other)
            if symbols and known == Size():
                self.sizes.ones.update(symbols)
            elif symbols and known is not None:
                self.sizes.equal.update(dict.fromkeys(symbols, known))
                return

    def _ones(self) -> set[Symbol]:
        """Sizes that are 1 here: an `assert` says so, or a test around this place."""
        found = set(self.sizes.ones)
        for part in (part for condition in self.conditions for part in parts_of(condition)):
            test = part.test.state.get(TEST) if isinstance(part.test, Unknown) else None
            if part.taken and isinstance(test, Arithmetic) and test.operator == "==":
                left, right = test.operands
                if isinstance(right, Constant) and right.value == 1:
                    found |= self._symbol_of(left)
        return found

    def _symbol_of(self, value: Value) -> frozenset[Symbol]:
        """The symbol that a size is, if it is one."""
        known = self.sizes.of(value)
        symbols = frozenset(known.symbols) if known is not None else frozenset()
        return symbols if len(symbols) == 1 and known == size(*symbols) else frozenset()

    _asks_for_overridden = False

    def _overridden(self) -> frozenset[Symbol]:
        """Sizes that do not have their defaults here: a branch is only taken with others."""
        if self._asks_for_overridden:
            # a view in a test is under the same conditions
            return frozenset()
        function, module = self.frame.function, self.frame.scope.module
        found: set[Symbol] = set()
        self._asks_for_overridden = True
        try:
            with self.untold():
                for condition in self.conditions:
                    test = condition.site.node
                    if (
                        condition.soft
                        and function is not None
                        and isinstance(test, ast.expr)
                        and condition.site.module is module
                        and stands_in(test, function.node)
                        and self.truth(self.evaluate(test)) == (not condition.taken, True)
                    ):
                        found |= self._symbols_of(test)
        finally:
            self._asks_for_overridden = False
        return frozenset(found)

    def _symbols_of(self, test: ast.expr) -> set[Symbol]:
        """The sizes that a test is about."""
        found: set[Symbol] = set()
        for leaf in walk(test):
            if isinstance(leaf, (ast.Name, ast.Attribute)):
                whole = self.sizes.of(self.evaluate(leaf))
                found.update(whole.symbols if whole else ())
        return found

    def _demanded(self, operation: Operation) -> Sequence[tuple[str, str]] | None:
        """The axes that an operation wants its input to have: a role and the argument that
        gives the size, for each."""
        entry, arguments = operation.entry, operation.arguments
        if entry.axes in ("conv", "conv_transpose") or (
            entry.family == "batch_norm" and entry.dimensions > 1
        ):
            width = "num_features" if entry.family == "batch_norm" else "in_channels"
            spatial = (("time",), ("height", "width"), ("", "height", "width"))
            rest = [(role, "") for role in spatial[entry.dimensions - 1]]
            return [("batch", ""), ("channel", width), *rest]
        if entry.axes in ("pool", "adaptive_pool") and entry.dimensions > 1:
            return [("batch", ""), ("channel", "")] + [("", "")] * entry.dimensions
        if entry.axes == "rnn":
            first = arguments.get("batch_first")
            batch_first = isinstance(first, Constant) and first.value is True
            roles = ["batch", "time"] if batch_first else ["time", "batch"]
            return [(roles[0], ""), (roles[1], ""), ("channel", "input_size")]
        if entry.axes == "permute":
            dims = self.sizes.plain(arguments["dims"]) if "dims" in arguments else None
            if isinstance(dims, tuple) and len(dims) == 1 and isinstance(dims[0], tuple):
                dims = dims[0]
            if isinstance(dims, tuple) and len(dims) > 2:
                return [("batch" if dims[0] == 0 and i == 0 else "", "") for i in range(len(dims))]
        return None

    def _refine(self, tensor: Tensor, demanded: Sequence[tuple[str, str]]) -> None:
        """Give a tensor of unknown rank the axes that a layer demands of its input."""
        if tensor.shape is not None or not demanded:
            return
        producer = tensor.producer
        if isinstance(producer, Source):
            axes = [(role, self._argument(width)) for role, width in demanded]
            self.give_shape(tensor, axes)
        elif isinstance(producer, Operation) and producer.inputs:
            inner = self._demanded_before(producer, list(demanded))
            if inner is None:
                return
            self._refine(producer.inputs[0], inner)
            self.write(tensor.state, "shape", self._shape(producer))

    def _refine_operands(self, operation: Operation) -> None:
        """Give tensors of unknown rank the axes that an einsum's equation tells of."""
        shapes = [t.shape for t in operation.inputs]
        if None not in shapes:
            return
        call = Call(shapes, self._options(operation), self.sizes.symbols)
        for tensor, letters in zip(operation.inputs, operand_axes(call), strict=False):
            if tensor.shape is None and letters and isinstance(tensor.producer, Source):
                axes = [(letter, None if d is None else size_of(d)) for letter, d in letters]
                self.give_shape(tensor, [(_role_of_letter(letter), s) for letter, s in axes])

    def _demanded_before(
        self, operation: Operation, demanded: list[tuple[str, str]]
    ) -> list[tuple[str, str]] | None:
        """What an operation must be given for its result to have the demanded axes."""
        rank = len(demanded)
        places = [
            self.sizes.plain(operation.arguments.get(n, NONE)) for n in ("dim", "dim0", "dim1")
        ]
        at, first, second = (
            p % rank if type(p) is int and -rank <= p < rank else None for p in places
        )
        match operation.entry.axes:
            case "same":
                return demanded
            case "embedding":
                return demanded[:-1]
            case "linear":
                return [*demanded[:-1], ("channel", "")]
            case "unsqueeze" if at is not None:
                return [*demanded[:at], *demanded[at + 1 :]]
            case "transpose" if first is not None and second is not None:
                demanded[first], demanded[second] = demanded[second], demanded[first]
                return demanded
        return None

    def _argument(self, name: str) -> Size | None:
        value = self.operations[-1].arguments.get(name) if name else None
        return None if value is None else self.sizes.of(value)

    def give_shape(self, tensor: Tensor, axes: Sequence[tuple[str, Size | None]]) -> None:
        """Make a tensor of unknown shape have the given axes: a role and a size each.

        Sizes that the program has read already, as in `batch = x.size(0)`, stand.
        """
        shape = []
        for index, (role, given) in enumerate(axes):
            read = self.read_extent(tensor, index, len(axes))
            whole = read or given or size(Symbol())
            shape.append(() if whole == Size() else (Axis(whole, "", role),))
        self.write(tensor.state, "shape", tuple(shape))

    def _wrap(self, operation: Operation, shape: Any) -> Value:
        name = operation.entry.axes
        if name == "rnn":
            return self._recurrent(operation, shape)
        if name == "pack":
            return Tensor(operation, {"shape": shape, "packed": True})
        if isinstance(shape, list):
            return _tensors(operation, shape)
        pair = operation.entry.options.get("pair")
        if pair == "always" or (pair == "with_dim" and "dim" in operation.explicit):
            return _tensors(operation, [shape, shape])
        if name in ("attention", "unpack"):
            return _tensors(operation, [None, None])
        if name in ("chunk", "split", "tensor_split", "unbind"):
            return self._unknown_parts(operation)
        return Tensor(operation, {"shape": shape})

    def _unknown_parts(self, operation: Operation) -> Unknown:
        """The parts of a tensor, of which nobody knows how many there are."""
        every = Tensor(operation)
        parts = Unknown("parts", "call", {AS_TENSOR: every, ELEMENTS: every})
        whole = operation.inputs[0].shape if operation.inputs else None
        if whole is not None and operation.entry.axes != "unbind":
            try:
                call = Call([whole], self._options(operation), self.sizes.symbols)
                parts.state[ANY] = Tensor(operation, {"shape": some_part(call)})
            except UnknownShape:
                pass
        return parts

    def _recurrent(self, operation: Operation, shape: Any) -> Value:
        output, hidden = (None, None) if shape is None else shape
        packed = bool(operation.inputs and operation.inputs[0].state.get("packed"))
        first = Tensor(operation, {"shape": output, "packed": packed})
        if operation.entry.options.get("cell") == "lstm":
            states = _tensors(operation, [None, None] if hidden is None else list(hidden))
            return Items("tuple", {"items": (first, states)})
        return Items("tuple", {"items": (first, Tensor(operation, {"shape": hidden}))})

    def any_element(self, iterable: Value, target: ast.expr) -> Value:
        """Some element of a long or unknown iterable; batches of known data have shapes."""
        if isinstance(iterable, Built) and iterable.entry.kind == "loader":
            known: Value | None = iterable.state.get(BATCH)
            if known is None and (known := batch_of(iterable)) is not None:
                iterable.state[BATCH] = known
            if known is not None:
                return known
        return super().any_element(iterable, target)

    def tensor_property(self, tensor: Tensor, name: str, site: Site) -> Value:
        """`tensor.T`, `tensor.mT`: an operation like the method of the same meaning."""
        entry = self.library.tensor_method("mT" if name in ("mT", "mH") else "t")
        if entry is None:
            return Tensor(Source(name, site))
        if name in ("mT", "mH") or (tensor.shape is not None and len(tensor.shape) == 2):
            return self.library_call(entry, (tensor,), {}, site)
        result = Tensor(Source(name, site))
        if tensor.shape is not None:
            result.state["shape"] = tuple(reversed(tensor.shape))
        return result

    def extent(self, shape: ShapeOf, index: int) -> Value:
        """The size of one axis."""
        tensor = shape.tensor
        if tensor.shape is not None:
            window = tensor.shape[shape.start : shape.stop]
            if not -len(window) <= index < len(window):
                return Unknown()
            return Extent(size_of(window[index]))
        if index < 0 and shape.stop is not None:
            if shape.stop >= 0:
                return self.extent(ShapeOf(tensor), shape.stop + index)
            index += shape.stop
        at = shape.start + index if index >= 0 else index
        known: dict[int, Size] = tensor.state.setdefault("extents", {})
        if at not in known:
            known[at] = size(Symbol("", "batch" if at == 0 and begins_with_batch(tensor) else ""))
        return Extent(known[at])

    def read_extent(self, tensor: Tensor, index: int, rank: int) -> Size | None:
        """The size of an axis that the program has asked for before the rank was known."""
        known = settled(tensor.state.get("extents", {}))
        return known.get(index) or known.get(index - rank)

    def index_tensor(self, tensor: Tensor, index: Sequence[Value], node: ast.AST | None) -> Value:
        """`tensor[index]`."""
        shape = self._indexed(tensor.shape, index)
        if node is None:
            return Tensor(Source("item"), {"shape": shape, TAKEN_FROM: tensor})
        operation = Operation(
            INDEX,
            {},
            frozenset(),
            self.site(node),
            (tensor,),
            None,
            self.conditions,
            self.callers,
            self.frame.function,
            self.frame.owner,
            None,
            self.grad,
            None,
            modules=self.modules,
        )
        result = Tensor(operation, {"shape": shape})
        operation.result = result
        return result

    def _indexed(self, shape: Shape | None, index: Sequence[Value]) -> Shape | None:
        if shape is None:
            return None
        try:
            parts = [self.sizes.index(v) for v in index]
            return index_shape(shape, parts, self.sizes.symbols)
        except UnknownShape:
            return None


INDEX = Entry("torch.Tensor.__getitem__", kind="operation", family="index", transparent=True)


def _replaced(shape: Shape, sizes: dict[Symbol, Size]) -> Shape:
    return tuple(tuple(a._replace(size=a.size.replaced(sizes)) for a in d) for d in shape)


def _without_ones(shape: Shape) -> Shape:
    return tuple(tuple(a for a in d if a.size != Size()) for d in shape)


def _role_of_letter(letter: str) -> str:
    """The role of an axis that an equation calls so: only batches are always called alike."""
    return "batch" if letter == "b" else ""


def _count(tensors: Value | None) -> int | None:
    """How many tensors are joined, if that does not depend on the run."""
    if isinstance(tensors, Items) and not tensors.open and not tensors.grown:
        return len(tensors.items)
    return None


def _tensors(operation: Operation, shapes: Sequence[Shape | None]) -> Items:
    return Items("tuple", {"items": tuple(Tensor(operation, {"shape": s}) for s in shapes)})
