"""Calls of library APIs: objects are built, operations applied, events noted."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import reduce
from typing import Any

from nnlint.semantics.dataflow import shaped
from nnlint.semantics.draws import Drawing, only_outcome
from nnlint.semantics.interpreter.members import head_places
from nnlint.semantics.interpreter.objects import MODULE
from nnlint.semantics.interpreter.preferring import hand_on
from nnlint.semantics.interpreter.shapes import Shapes
from nnlint.semantics.interpreter.signatures import bind_signature, in_order, naming, with_defaults
from nnlint.semantics.library import BUILT_KINDS, Entry
from nnlint.semantics.values import (
    ARGUMENTS,
    BUILT_IN,
    CALLEE,
    DRAWING,
    IN_MODEL,
    MADE_BY,
    NONE,
    OPTIMISED,
    Built,
    Choice,
    Constant,
    Instance,
    Items,
    Join,
    Maybe,
    Operation,
    Parameters,
    Site,
    Table,
    Tensor,
    Twins,
    Unknown,
    Value,
    bare,
    choices_of,
    gap,
    held,
    is_gap,
    note_choice,
)
from nnlint.syntax.module import ModuleSyntax

_STEPS_OF_AN_OPTION = 4
"""What joining a layer that a container may hold costs, in steps."""
_STEPS_OF_A_MEMBER = 3
"""What calling a layer of a container costs: as many as the names in a call that is written."""
TOLD_KINDS = BUILT_KINDS - {"context", "base", "transform"}


class LibraryCalls(Shapes):
    """Interprets calls of library APIs by what their entries say."""

    def library_call(
        self, entry: Entry, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """The value of calling a library API by its entry."""
        bound = bind_signature(entry.signature, positional, keywords)
        of_two = entry.options.get("of_two")
        if of_two and isinstance(bound.get("dim"), Tensor):
            # `torch.min(a, b)` compares element by element, and has no axis
            pairwise = self.library.get(str(of_two))
            if pairwise is not None:
                return self.library_call(pairwise, positional, keywords, site)
        unless_two = entry.options.get("unless_two")
        if unless_two and len(positional) + len(keywords) != 3:
            # a tensor's `transpose` swaps two axes; an array's takes all of them in their new order
            of_array = self.library.get(str(unless_two))
            if of_array is not None:
                return self.library_call(of_array, positional, keywords, site)
        if entry.kind == "wrapper" or entry.family in ("wrap_module", "parallel"):
            return self._wrapped(entry, positional, keywords, site)
        if entry.kind == "seed":
            kind = "seed" if not entry.seeds or "torch" in entry.seeds else "other_seed"
            self.emit(kind, site, None, (*positional, *keywords.values()), entry.name)
            return Unknown(entry.name, "call")
        if entry.kind == "launcher":
            return self.launch(entry, bound, site)
        if entry.event:
            operands = in_order([p.name for p in entry.signature], positional, keywords)
            self.emit(entry.event, site, operands[0] if operands else None, operands, entry.name)
            return Unknown(entry.name, "call")
        if entry.kind == "transform" and not entry.builds:
            spread = [v for v in positional if isinstance(v, Items) and v.kind == "star"]
            return self.transform_now(entry, bound, site, spread)
        if entry.kind in BUILT_KINDS or entry.call == "class":
            return self._build(entry, bound, site)
        if entry.kind == "split":
            whole = in_order([p.name for p in entry.signature], positional, keywords)[:1]
            self.emit("split", site, whole[0] if whole else None, positional, entry.name)
            return self._parts(entry, bound, site)
        if entry.options.get("calls") and positional:
            first = int(entry.options.get("arguments_from", 1))
            given = positional[first : entry.options.get("arguments_to")]
            if not any(isinstance(v, Items) for v in given):
                return self.call(positional[0], given, {}, site)
        if entry.kind == "draw":
            return self.draw(entry.name, entry.family, None, positional, keywords, site)
        if entry.kind in ("operation", "loss"):
            return self.operate(entry, bound, site)
        if entry.kind == "search":
            given = in_order([p.name for p in entry.signature], positional, keywords)
            self.emit("search", site, None, given, entry.name)
        return Unknown(entry.name, "call", {ARGUMENTS: (*positional, *keywords.values())})

    def draw(
        self,
        name: str,
        source: Built | str,
        subject: Value | None,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """What is drawn at random: by a function, or by the method of a generator.

        Parameters:
            name: the qualified name of the function, or of that which draws as the method does.
            source: the generator, or the family of the global state.
        """
        operands = (*positional, *keywords.values())
        known = self.library.get(name)
        if known is not None:
            certain = only_outcome(name, bind_signature(known.signature, positional, keywords))
            if certain is not None:
                return certain
        told = name if subject is None else name.rpartition(".")[2]
        event = self.emit("draw", site, subject, operands, told)
        drawing = Drawing(source, self.sample_block, event)
        return Unknown(name, "draw", {ARGUMENTS: operands, DRAWING: drawing})

    def _wrapped(
        self, entry: Entry, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        wrapped = tuple(positional)
        if entry.family == "generator" and wrapped:
            self.emit("reseed", site, wrapped[0], (*wrapped[1:], *keywords.values()), entry.name)
            return wrapped[0]
        if not wrapped:
            wrapped = in_order([p.name for p in entry.signature], (), keywords)[:1]
        self.rewrap(wrapped)
        if entry.family == "parallel" and wrapped:
            self.emit("wrap", site, wrapped[0], wrapped, entry.name)
        if entry.options.get("all") and len(wrapped) != 1:
            return Items("tuple", {"items": wrapped})
        return wrapped[0] if wrapped else Unknown(entry.name, "call")

    def _parts(self, entry: Entry, bound: dict[str, Value], site: Site) -> Value:
        """The parts into which a dataset is split, each an object of its own."""
        part = self.library.get(entry.returns) if entry.returns else None
        lengths = bound.get("lengths")
        known = isinstance(lengths, Items) and not lengths.open
        count = len(lengths.items) if known and isinstance(lengths, Items) else 2
        whole = bound.get("dataset", NONE)
        if part is None:
            return Items("list", {"items": (Unknown("split", "split"),) * 2, "open": True})
        parts = tuple(
            Built(part, {"dataset": whole}, frozenset({"dataset"}), site, self.conditions)
            for _ in range(count)
        )
        return Items("parts", {"items": parts, "open": False}, site)

    def transform_now(
        self, entry: Entry, bound: dict[str, Value], site: Site, spread: Sequence[Value] = ()
    ) -> Value:
        """A function that transforms a sample at once; overridden where samples are followed."""
        return Unknown(entry.name, "call", {ARGUMENTS: tuple(bound.values())})

    def _gradients_are(self, mode: Value) -> bool | None:
        """A mode of gradients, given as such or as what `torch.is_grad_enabled()` said before."""
        asked = mode.producer if isinstance(mode, Tensor) else None
        if isinstance(asked, Operation) and asked.entry.name == "torch.is_grad_enabled":
            return asked.grad
        return self.truth(mode)[0]

    def _build(self, entry: Entry, bound: dict[str, Value], site: Site) -> Value:
        arguments = with_defaults(entry.signature, bound)
        if entry.kind == "optimizer" and isinstance(listed := arguments.get("params"), Items):
            # it copies the list: what becomes of that later, or is undone, is not its own
            arguments["params"] = Items(listed.kind, dict(listed.state), listed.site)
        built = Built(entry, arguments, frozenset(bound), site, self.conditions)
        self.built_states.append(built.state)
        self.builds.append(built)
        if self.modules:
            built.state[BUILT_IN] = self.modules
        if entry.family in GRADIENT_MODES:
            mode = self._gradients_are(arguments.get("mode", Constant(True)))
            built.state["grad"] = (
                mode
                if GRADIENT_MODES[entry.family]
                else (mode is False or entry.family == "enable_grad")
            )
        if entry.kind == "container" or entry.options.get("container"):
            self._fill(built, arguments)
        if entry.family == "sequential":
            self.waiting.append(built)
        if entry.kind == "optimizer" and isinstance(held := arguments.get("params"), Parameters):
            for model in held.models:
                if isinstance(model, Instance):
                    self.write(model.state, OPTIMISED, NONE)
        if "lr_lambda" in arguments:
            self._read_factor(built, arguments["lr_lambda"], site)
        if entry.kind in TOLD_KINDS or entry.kind == "loss" or entry.family == "arguments":
            self.emit("build", site, built, tuple(bound.values()), entry.name)
        if entry.kind in ("dataset", "loader"):
            self.sample_dataset(built)
        return built

    def _read_factor(self, built: Built, given: Value, site: Site) -> None:
        """What the function of a scheduler makes of the number of steps taken."""
        counter = Unknown("epoch", "loop")
        functions = given.items if isinstance(given, Items) else (given,)
        factors = tuple(self.call(f, (counter,), {}, site) for f in functions)
        built.state["counter"] = counter
        built.state["factor"] = (
            factors[0] if len(factors) == 1 else Items("list", {"items": factors})
        )

    def _fill(self, built: Built, arguments: dict[str, Value]) -> None:
        items: list[Value] = []
        names: dict[str, Value] = {}
        unknown = alike = False
        if built.entry.kind == "transform":
            first = next(iter(p.name for p in built.entry.signature), "")
            arguments = {k: v for k, v in arguments.items() if k == first}
        for value in arguments.values():
            hand_on(value, built)
            for condition in choices_of(value):
                note_choice(built, condition)
            given = value.in_order if isinstance(value, Items) else (value,)
            if isinstance(value, Items) and value.open:
                unknown, alike = unknown or not value.alike, True
            for item in given:
                plain = bare(item)
                if isinstance(plain, Table):
                    items += (v for k, v in plain.state.items() if k is not ...)
                    names.update((k, v) for k, v in plain.state.items() if isinstance(k, str))
                    unknown = unknown or ... in plain.state
                elif isinstance(plain, Items) and _named(plain)[0]:
                    items.append(_named(plain)[1])
                    names.update([_named(plain)])
                elif isinstance(plain, Items):
                    # OrderedDict([("name", layer), ...]) and lists given as one argument
                    pairs = [_named(v) for v in plain.in_order]
                    items += (member for _, member in pairs)
                    names.update(pair for pair in pairs if pair[0])
                    if plain.open:
                        unknown, alike = unknown or not plain.alike, True
                elif not isinstance(plain, Constant):
                    # what a list of modules is made of is many, a layer of a Sequential is one
                    many = isinstance(plain, Unknown) and built.entry.family != "sequential"
                    unknown = unknown or many or is_gap(plain)
                    items.append(gap() if many else item)
        built.state["items"] = followed = held(tuple(items), built)
        built.state["names"] = names
        unknown = unknown or len(followed) < len(items)
        built.state["open"], built.state["alike"] = unknown or alike, alike and not unknown

    def apply_layer(
        self, layer: Built, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """The value of calling a library layer, loss or container."""
        entry = layer.entry
        if entry.family == "sequential":
            return self._run_sequential(layer, positional, site)
        if entry.kind == "context":
            return positional[0] if positional else Unknown()
        operands = (*positional, *keywords.values())
        if entry.kind in ("layer", "loss"):
            if entry.kind == "layer":
                self.emit_forward(site, layer, operands)
            signature = entry.options.get(
                "call", "input, target, *" if entry.kind == "loss" else "input"
            )
            return self._call_layer(layer, str(signature), positional, keywords, site)
        if entry.kind == "model":
            self.emit_forward(site, layer, operands)
            head = self._replaced_head(layer)
            if head is not None:
                features = Unknown("features", "call", {ARGUMENTS: operands})
                with self.within_model(layer, site, positional, told=True), self.calling(layer):
                    return self.call(head, (features,), {}, site)
            return Unknown(entry.name, "call", {ARGUMENTS: operands, MADE_BY: layer})
        if entry.kind == "transform":
            return self.apply_transform(layer, positional, keywords, site)
        self.emit_opaque(site, layer, positional, keywords, entry.name)
        return Unknown(entry.name, "call", {ARGUMENTS: operands})

    def apply_transform(
        self, transform: Built, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """The value of applying a transform; overridden where samples are followed."""
        return Unknown(transform.entry.name, "call")

    def run_waiting(self, module: ModuleSyntax) -> None:
        """Run the sequences of `module` that nothing has run: each is a data path of its own.

        One whose layers are called one by one is left alone, for what happens between them
        is not known.
        """
        called: set[int] = set()
        operations = sequences = 0
        for layer in self.waiting[::-1]:
            if layer.site.module is not module:
                continue
            # what has been run since the last one
            called.update(id(o.layer) for o in self.operations[operations:])
            called.update(map(id, self.sequences_run[sequences:]))
            operations, sequences = len(self.operations), len(self.sequences_run)
            if called.isdisjoint(map(id, (layer, *layer.members))):
                with self.untold():
                    self._run_sequential(layer, (Unknown("input", "parameter"),), layer.site)

    def _replaced_head(self, model: Built) -> Value | None:
        """The layer that the program has put in place of a library model's last one."""
        for place in head_places(model.entry):
            head: Any = model
            for part in place:
                held: dict[Any, Any] = head.state if isinstance(head, (Built, Unknown)) else {}
                head = held.get(int(part) if part.isdecimal() else part)
                if isinstance(head, Instance) or (isinstance(head, Built) and head is not model):
                    return head
        return None

    def _run_sequential(self, layer: Built, positional: Sequence[Value], site: Site) -> Value:
        self.sequences_run.append(layer)
        self.emit_forward(site, layer, positional)
        value: Value = positional[0] if positional else Unknown()
        if layer.state.get("unordered"):
            return Unknown("sequential", "call")
        kinds = {m.entry.kind for m in layer.members if isinstance(m, Built)}
        block = self.inside("pipeline", site) if "transform" in kinds else nullcontext()
        with self.within_model(layer, site, positional, told=True), self.calling(layer), block as b:
            if b is not None:
                b.subject = layer
            for member in layer.members:
                value = self._run_member(member, value, site)
        return value

    def _run_member(self, member: Value, value: Value, site: Site) -> Value:
        """The value that one member of a container makes of `value`, placed where it is built."""
        match member:
            case Maybe():
                after = self._run_member(member.value, value, site)
                joined = self.join(self.tensor(value) or value, after)
            case Choice():
                taken = member.options[:4]
                self.tick(_STEPS_OF_AN_OPTION * len(taken))
                results = [self._run_member(option, value, site) for option in taken]
                joined = reduce(self.join, results)
            case _:
                self.tick(_STEPS_OF_A_MEMBER)
                where = member.site if isinstance(member, Built) else site
                return self.call(member, (value,), {}, where)
        return joined if isinstance(joined, Value) else Unknown()

    def _call_layer(
        self,
        layer: Built,
        signature: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        bound = dict(zip(naming(signature), positional, strict=False))
        bound.update(keywords)
        arguments = {**layer.arguments, **bound}
        explicit = layer.explicit.union(bound)
        if layer.entry.kind == "loss":
            self.emit("loss", site, layer, tuple(bound.values()), layer.entry.name)
        return self._operate(
            layer.entry, arguments, frozenset(explicit), tuple(bound.values()), site, layer
        )

    def operate(self, entry: Entry, bound: dict[str, Value], site: Site) -> Value:
        """Apply a function or method to its bound arguments."""
        arguments = with_defaults(entry.signature, bound)
        if entry.kind == "loss":
            self.emit("loss", site, None, tuple(bound.values()), entry.name)
        return self._operate(entry, arguments, frozenset(bound), tuple(bound.values()), site, None)

    def _operate(
        self,
        entry: Entry,
        arguments: dict[str, Value],
        explicit: frozenset[str],
        given: tuple[Value, ...],
        site: Site,
        layer: Built | None,
    ) -> Value:
        if entry.family == "identity" or (entry.family == "variable" and not _is_computed(given)):
            return given[0] if given else Unknown()
        inputs = self._tensor_inputs(given, entry.axes == "einsum")
        frame = self.frame
        owner = frame.owner
        operation = Operation(
            entry,
            arguments,
            explicit,
            site,
            inputs,
            layer,
            self.conditions,
            self.callers,
            frame.function,
            owner,
            None,
            self.grad,
            self._training(owner),
            modules=self.modules,
        )
        if entry.random:
            generator = arguments.get("generator")
            source = generator if isinstance(generator, Built) else "torch"
            operation.drawing = Drawing(source, self.sample_block)
        self.operations.append(operation)
        if layer is not None and self.modules:
            layer.state[IN_MODEL] = True
        if layer is not None or entry.axes == "view":
            operation.twins = self.twins.setdefault((site.key, self.tried_out is True), Twins())
            operation.twins.append(operation)
        result = self.output(operation, given)
        operation.result = result
        return result

    def _training(self, owner: Instance | None) -> bool | None:
        if owner is None or "training" not in owner.state:
            return None
        value = owner.state["training"]
        return value.value if isinstance(value, Constant) else None

    def _tensor_inputs(self, given: Sequence[Value], all_are: bool = False) -> tuple[Tensor, ...]:
        """The tensors among arguments.

        Parameters:
            all_are: whether each that is not known is one.
        """
        found: list[Tensor] = []
        for position, value in enumerate(given):
            if isinstance(value, Constant):
                continue
            if isinstance(value, Items):
                found += self._tensor_inputs(value.items, all_are)
            elif isinstance(value, Choice):
                tensors = tuple(t for t in map(self.tensor, value.options) if t is not None)
                found += (Tensor(Join(tensors)),) if len(tensors) > 1 else tensors
            elif isinstance(value, Maybe):
                found += self._tensor_inputs((value.value,))
            elif (
                isinstance(value, Tensor)
                or ((position == 0 or all_are) and isinstance(value, Unknown))
                or shaped(value) is not None
            ):
                tensor = self.tensor(value)
                if tensor is not None:
                    found.append(tensor)
        return tuple(found)


GRADIENT_MODES = {
    "no_grad": False,
    "inference_mode": False,
    "enable_grad": False,
    "set_grad_enabled": True,
}
"""Contexts that switch gradients, and whether their argument is the mode itself."""


def _is_computed(given: Sequence[Value]) -> bool:
    """Whether a tensor that is given is computed, and no data: of that `Variable(x)` makes a leaf."""
    match given[0] if given else None:
        case Tensor(producer=Operation() as made):
            return made.entry.family not in ("create", "tensor", "draw")
        case Tensor(producer=Join()):
            return True
        case Unknown() as value:
            return CALLEE in value.state
        case _:
            return False


def _named(value: Value) -> tuple[str, Value]:
    """The name and the member of `("name", member)`; no name for a bare member."""
    plain = bare(value)
    if isinstance(plain, Items) and len(plain.items) == 2:
        name = plain.items[0]
        if isinstance(name, Constant) and isinstance(name.value, str):
            return name.value, plain.items[1]
    return "", value


__all__ = ["MODULE", "LibraryCalls"]
