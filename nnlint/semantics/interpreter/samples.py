"""What happens to one sample on its way out of a dataset: items, transforms, random draws.

A sample is interpreted once where its dataset is built, aside from the timeline: the block
of events is kept in the dataset's state. Transforms that a program applies itself, such as
those on batches in the training loop, are events of the timeline.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from nnlint.semantics.draws import Drawing, depends_on_draw, drawings
from nnlint.semantics.interpreter.blocks import OutOfBudget
from nnlint.semantics.interpreter.library_calls import LibraryCalls
from nnlint.semantics.interpreter.mixtures import MIXTURE, mixture_of
from nnlint.semantics.library import Entry
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.transforms import never_acts
from nnlint.semantics.values import (
    ARGUMENTS,
    IS_INTEGER,
    NONE,
    RECEIVER,
    SAMPLE,
    SAMPLED,
    STORED_IN,
    BoundMethod,
    Built,
    Choice,
    Condition,
    Constant,
    Function,
    Instance,
    Items,
    Maybe,
    Partial,
    Site,
    Tensor,
    Unknown,
    Value,
    options,
)

STEPS = 4_000
"""Steps of interpretation for one sample."""
DATASET = "torch.utils.data.Dataset"
LAZY_TRANSFORMS = frozenset({"set_transform", "with_transform"})
"""Methods of a Hugging Face dataset whose function is applied to every sample anew."""
GROWS = frozenset({"append", "extend", "insert"})
"""Methods by which a list becomes longer."""
IMAGE_METHODS = frozenset({"transpose", "rotate", "crop", "filter"})
_TRANSFORM = re.compile(r"transform|augment|preproc", re.IGNORECASE)


class Samples(LibraryCalls):
    """Follows samples through datasets and transforms."""

    def sample_dataset(self, dataset: Value) -> None:
        """Interpret what happens to one sample of a dataset, aside from the timeline."""
        if isinstance(dataset, Instance):
            self._sample_instance(dataset)
        elif isinstance(dataset, Built) and dataset.entry.kind == "loader":
            collate = dataset.arguments.get("collate_fn")
            if isinstance(collate, (Function, Instance, Partial, BoundMethod)):
                self._sample(dataset, dataset.site, [(collate, (Unknown("batch"),))])
        elif isinstance(dataset, Built) and dataset.entry.kind == "dataset":
            names = dataset.entry.transform_parameters or ("transform",)
            given = [dataset.state.get(n, dataset.arguments.get(n)) for n in names]
            sample = Unknown("sample", "item")
            calls = [(v, (sample,)) for v in given if v is not None and _is_callable(v)]
            self._sample(dataset, dataset.site, calls)

    def sample_unknown(self, result: Unknown, keywords: dict[str, Value], site: Site) -> None:
        """Look at a call of something unresolved as at one that may build a dataset."""
        given = [v for k, v in keywords.items() if _TRANSFORM.search(k) and _is_transform(v)]
        if given:
            self._sample(result, site, [(v, (Unknown("sample", "item"),)) for v in given])
            self.emit("build", site, result, tuple(keywords.values()), result.name)

    def _sample_instance(self, dataset: Instance) -> None:
        derives = self.objects.derives(dataset.cls, DATASET)
        item = dataset.cls.find("__getitem__")
        site = dataset.site
        if site is None or not (derives or (item and dataset.cls.find("__len__"))):
            return
        name = "__getitem__" if isinstance(item, Function) else "__iter__"
        method = dataset.cls.find(name)
        library = dataset.state.get("library")
        known = isinstance(method, Function) and id(method.node) in self.interpreted
        if known and isinstance(site.node, ast.ClassDef):
            # the program builds objects of this class: one of unknown arguments adds nothing
            return
        if isinstance(method, Function):
            given = (Unknown("index", "loop", {IS_INTEGER: True}),) if name == "__getitem__" else ()
            self._sample(dataset, site, [(BoundMethod(dataset, name, method), given)])
        elif isinstance(library, Built):
            self.sample_dataset(library)
            if SAMPLE in library.state:
                dataset.state[SAMPLE] = library.state[SAMPLE]

    def _sample(
        self, holder: Built | Instance | Unknown, site: Site, calls: list[tuple[Any, Any]]
    ) -> None:
        """Interpret calls in a block of their own, and undo what they do to the state."""
        if not calls:
            return
        outer = (self.block, self.conditions, self.callers, self.limit, self.model_call)
        depth, mark = len(self.frames), len(self.journal)
        block = self.block = Block("sample", site)
        around, self.sample_block = self.sample_block, block
        # a transform may be set later than its dataset is built, and under other conditions
        known = () if isinstance(holder, Unknown) else holder.conditions
        self.conditions = tuple(c for c in self.conditions if c not in known)
        self.callers, self.model_call = (), None
        self.limit = min(self.limit, self.steps + STEPS)
        sampled: Value | None = None
        try:
            for function, given in calls:
                sampled = self.call(function, given, {}, site)
        except OutOfBudget:
            # what a sample goes through first is known all the same
            pass
        finally:
            del self.frames[depth:]
            self.rollback(mark)
            self.block, self.conditions, self.callers, self.limit, self.model_call = outer
            self.sample_block = around
        holder.state[SAMPLE] = block
        holder.state[SAMPLED] = sampled

    def apply_transform(
        self, transform: Built, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """Apply a transform object to a sample; a container applies its members in order."""
        given = (*positional, *keywords.values())
        sample: Value = given[0] if given else Unknown("sample")
        if not transform.entry.options.get("container"):
            self.emit("transform", site, transform, given, transform.entry.name)
            return _result(transform.entry, given)
        if never_acts(transform):
            return sample
        with self.inside("pipeline", site) as block:
            block.subject = transform
            if transform.entry.random:
                self.emit("transform", site, transform, given, transform.entry.name)
            for member in transform.members:
                sample = self._apply_member(transform, member, sample)
        return sample

    def _apply_member(self, container: Built, member: Value, sample: Value) -> Value:
        bare = member
        why: tuple[Condition, ...] = ()
        if isinstance(member, Maybe):
            bare = member.value
            why = member.reasons or (Condition(container.site, True, True),)
        site = bare.site if isinstance(bare, (Built, Instance)) and bare.site else container.site
        with ExitStack() as stack:
            for condition in why:
                stack.enter_context(self.under(condition))
            after = self.call(bare, (sample,), {}, site)
        return after if not isinstance(after, Constant) else sample

    def transform_now(
        self, entry: Entry, bound: dict[str, Value], site: Site, spread: Sequence[Value] = ()
    ) -> Value:
        """A function that transforms a sample at once.

        Parameters:
            spread: what is passed as `*arguments`.
        """
        given = (*bound.values(), *spread)
        done = Built(entry, bound, frozenset(bound), site, self.conditions)
        self.emit("transform", site, done, given, entry.name)
        return _result(entry, given)

    def operate(self, entry: Entry, bound: dict[str, Value], site: Site) -> Value:
        """Apply an operation; one that mirrors a sample by chance is a transform of it."""
        if entry.options.get("mirrors") and self._is_drawn(tuple(bound.values())[1:]):
            self.transform_now(entry, bound, site)
        return super().operate(entry, bound, site)

    def call_instance(
        self,
        instance: Instance,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """`instance(...)`; an object that a sample passes through is a pipeline."""
        if not self.sampling or self.objects.is_module(instance):
            return super().call_instance(instance, positional, keywords, site)
        with self.inside("pipeline", site) as block:
            block.subject = instance
            return super().call_instance(instance, positional, keywords, site)

    def unknown_call(
        self, callee: Value, positional: Sequence[Value], keywords: dict[str, Value], site: Site
    ) -> Value:
        """A call of something unresolved: methods of images and of datasets are known by name."""
        receiver = callee.state.get(RECEIVER) if isinstance(callee, Unknown) else None
        if isinstance(receiver, Unknown) and isinstance(callee, Unknown):
            name = callee.name.rpartition(".")[2]
            entry = self.library.get(f"PIL.Image.Image.{name}") if name in IMAGE_METHODS else None
            if entry is not None and self._is_drawn((*positional, *keywords.values())):
                names = [p.name for p in entry.signature]
                given = (receiver, *positional)
                # with more arguments it is a method of something else
                if len(given) <= len(names):
                    bound = dict(zip(names, given, strict=False))
                    return self.transform_now(entry, {**bound, **keywords}, site)
        return super().unknown_call(callee, positional, keywords, site)

    def _is_drawn(self, operands: Sequence[Value]) -> bool:
        """Whether a random draw decides about a call, or goes into it."""
        return any(depends_on_draw(v) for v in operands) or any(
            depends_on_draw(c.test) for c in self.conditions
        )

    def duck_call(
        self,
        receiver: Value,
        name: str,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        site: Site,
    ) -> Value:
        """A method call on a value of unknown class; a dataset may be given its transform."""
        given = next(iter((*positional, *keywords.values())), None)
        if name in GROWS and given is not None:
            self.note_written(receiver, given, site.node, name)
        if name not in LAZY_TRANSFORMS or given is None or not _is_callable(given):
            return super().duck_call(receiver, name, positional, keywords, site)
        holder = receiver if isinstance(receiver, (Built, Unknown)) else Unknown(name)
        self._sample(holder, site, [(given, (Unknown("examples", "item"),))])
        self.emit("build", site, holder, (given,), name)
        return holder

    def note_written(self, receiver: Value, value: Value, node: ast.AST, how: str) -> None:
        """Something is written into on the way of a sample: it may be what is stored."""
        if not self.sampling or not isinstance(receiver, (Tensor, Unknown, Items)):
            return
        where = node.slice if isinstance(node, ast.Subscript) else None
        parts = where.elts if isinstance(where, ast.Tuple) else [where]
        slices = [part for part in parts if isinstance(part, ast.Slice)]
        ends = [end for part in slices for end in (part.lower, part.upper) if end is not None]
        bounds = [self.evaluate(end) for end in ends]
        self.emit("overwrite", self.site(node), receiver, (value, *bounds), how)

    def note_mixture(self, node: ast.BinOp) -> None:
        """A weighted sum of examples whose weight or partner is drawn is a transform of them; in a
        model's own code it is a matter of the model."""
        mixed = mixture_of(node)
        if mixed is None or self.model_call is not None or not (mixed.of_batch or self.sampling):
            return
        weight = self.evaluate(mixed.weight)
        partner = NONE if mixed.partner is None else self.evaluate(mixed.partner)
        drawn = [*drawings(weight), *drawings(partner)]
        if not drawn or (not mixed.of_batch and not depends_on_draw(weight)):
            return
        if any(self._mixes_by(child, drawn) for child in self.block.children):
            # its labels are mixed as the examples are
            return
        strengths = [v for d in drawings(weight) if d.event for v in d.event.operands]
        first = self.evaluate(mixed.first)
        given: dict[str, Value] = {"first": first, "weight": weight, "partner": partner}
        given["probability"] = Items("tuple", {"items": tuple(strengths)})
        with ExitStack() as stack:
            # an option that decides whether there is a weight decides about the mixture
            for condition in (c for d in drawn if d.event for c in d.event.conditions):
                if condition not in self.conditions:
                    stack.enter_context(self.under(condition))
            self.transform_now(MIXTURE, given, self.site(node))

    def _mixes_by(self, done: Event | Block, drawn: list[Drawing]) -> bool:
        """Whether something is a mixture by one of some draws."""
        if not isinstance(done, Event) or done.name != MIXTURE.name:
            return False
        before = [d for operand in done.operands for d in drawings(operand)]
        return any(drawing is other for drawing in drawn for other in before)

    def item(self, receiver: Value, node: ast.Subscript) -> Value:
        """`receiver[...]`: items of datasets, and flips written as slices."""
        if isinstance(receiver, Instance):
            method = receiver.cls.find("__getitem__")
            if isinstance(method, Function):
                key = self.evaluate(node.slice)
                bound = BoundMethod(receiver, "__getitem__", method)
                return self.call(bound, (key,), {}, self.site(node))
        if isinstance(receiver, Built) and receiver.entry.kind == "dataset":
            key = self.evaluate(node.slice)
            if isinstance(key, Constant) and isinstance(key.value, str):
                split = Unknown(f"dataset.{key.value}", "item", {STORED_IN: receiver})
                part: Value = receiver.state.setdefault(key.value, split)
                return part
        if _reverses(node.slice) and self._is_drawn(()):
            entry = self.library.get("numpy.flip")
            if entry is not None:
                return self.transform_now(entry, {"m": receiver}, self.site(node))
        return super().item(receiver, node)


def _result(entry: Entry, given: tuple[Value, ...]) -> Unknown:
    """The transformed sample."""
    return Unknown(entry.name, "call", {ARGUMENTS: given})


def _is_callable(value: Value) -> bool:
    return isinstance(value, Built | Instance | Function | BoundMethod | Partial | Choice)


def _is_transform(value: Value) -> bool:
    """Whether a value is a transform of a library, or one of several."""
    return any(isinstance(v, Built) and v.entry.kind == "transform" for v in options(value))


def _reverses(index: ast.expr) -> bool:
    """Whether an index reverses rows or columns: `[:, ::-1]`, but not `[:, :, ::-1]`, colours."""
    parts = index.elts[:2] if isinstance(index, ast.Tuple) else []
    for part in parts:
        if not isinstance(part, ast.Slice):
            return False
        step = part.step if isinstance(part, ast.Slice) else None
        if isinstance(step, ast.UnaryOp) and isinstance(step.op, ast.USub):
            return True
    return False
