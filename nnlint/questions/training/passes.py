"""Forward passes, told apart: those that train a model, and those that evaluate it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nnlint.questions.data.splits import role_of_name
from nnlint.questions.participants import differentiates_itself, spoken_name, steps_optimizer
from nnlint.questions.training.backpropagation import trained_places
from nnlint.questions.training.measuring import scored_passes
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import words
from nnlint.semantics.dataflow import makers, tensor_of
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Arithmetic, Built, Tensor, Value, options
from nnlint.syntax.calls import called_name
from nnlint.syntax.module import stands_in
from nnlint.syntax.statements import enclosing_statements, runs_once
from nnlint.syntax.walking import walk

_EVALUATES = re.compile(
    r"evaluat|validat|\bvali\b|infer(?!no)|predict|translat|accuracy|get_acc|metric|benchmark_on",
    re.I,
)
_TRAINS = re.compile(r"train|fit\b|pretrain|finetune|fine_tune|learn", re.I)
_OVER_DATA = re.compile(
    r"load|batch|data|iter|\bdl\b|_dl\b|dl_|corpus|examples|samples|images", re.I
)
PLAIN_DECORATOR = re.compile(
    r"static|classmethod|property|compile|command|option|argument|main|wraps|hydra|script|"
    r"overrid|record|time|log|typecheck|jaxtyp|abstract|register|task|app|cli|cache|executable_batch",
    re.IGNORECASE,
)
"""Decorators that leave what a function does, and whether gradients are recorded, as it is."""
_ENVIRONMENT = re.compile(r"env(?:s|ironment|ironments)?(?:_|\d|$)|gym|game|simulat|world", re.I)
"""How programs call what an agent acts in, which is stepped as an optimizer is."""
_ON_PURPOSE = re.compile(
    r"\bmc|_mc|monte|uncertain|bayes|stochastic|bn_|_bn|batch_?norm|calib|statistic|warm|adapt|"
    r"ensembl|self_train|pseudo|noise",
    re.I,
)
"""Names of passes that are meant to run in training mode."""
_TAKES_STEP = re.compile(
    r"train|step|optimi|backward|learn|update_(?:param|weight|model)|fit", re.I
)
"""Names of unresolved calls that may train a model."""
_ADAPTS = re.compile(r"^(?:inner_?)?adapt(?:_|$)|^inner_(?:step|update|loop)|^fast_adapt", re.I)
"""Names of what takes a few steps for the task at hand."""


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """A forward pass of a model in a program."""

    event: Event
    role: str
    """`train`: its gradients train; `eval`: it evaluates; `other`: it runs in training mode on
    purpose, as Monte-Carlo dropout does; empty when none of these is known."""
    named: bool
    """Whether a name says that it evaluates: of the function, the loop or the data."""
    region: tuple[Block, ...]
    """The loops and functions around it in which no training happens, innermost first."""
    entry: Block | None
    """The function or method, entered on its own, in which it is; None in a whole program."""
    batches: Block | None
    """The innermost loop around it that goes over data and trains."""
    scored: bool
    """Whether a score is computed from what comes out, or a loss of which only the number is used."""

    @property
    def on_made_up_data(self) -> bool:
        """Whether it runs on random or constant tensors, as benchmarks and exports do."""
        first = self.event.operands[0] if self.event.operands else None
        made = makers(first) if isinstance(first, Tensor) else None
        return bool(made) and all(o.entry.axes in ("create", "like") for o in made or ())

    @property
    def only_builds_layers(self) -> bool:
        """Whether it runs on the first batch alone and nothing reads what comes out, as lazy layers
        are built: `for x, _ in loader: net(x); break`."""
        module, node = self.event.site.module, self.event.site.node
        around = [placed.node for placed in enclosing_statements(module, node)]
        if not around or not isinstance(around[-1], ast.Expr) or around[-1].value is not node:
            return False
        loop = next((n for n in around[::-1] if isinstance(n, ast.For)), None)
        return loop is not None and runs_once(loop)


def passes(program: Program) -> tuple[Pass, ...]:
    """Every forward pass of a program, in order."""
    return program.once(_passes)


def _passes(program: Program) -> tuple[Pass, ...]:
    trains = _Training(program)
    return tuple(
        _classify(event, blocks, trains)
        for event, blocks in program.walk()
        if event.kind == "forward" and not differentiates_itself(event.site)
    )


class _Training:
    """Remembers in which blocks training happens, and which adapt a model to a task."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._known: dict[int, bool] = {}
        self._adapts: dict[int, bool] = {}

    def inside(self, block: Block) -> bool:
        """Whether gradients are computed or steps taken somewhere in a block."""
        known = self._known.get(id(block))
        if known is None:
            known = any(
                _trains(child) if isinstance(child, Event) else self.inside(child)
                for child in block.children
            )
            self._known[id(block)] = known
        return known

    def is_for_input(self, event: Event) -> bool:
        """Whether the gradient of what a model is given is asked for, as for an attack or a map of
        what matters: nothing is trained by it."""
        read = self._program.once(_read_gradients)
        return bool(read) and any(
            id(tensor_of(option) or option) in read
            for operand in event.operands
            for option in (options(operand) if operand is not None else ())
        )

    def is_scored(self, event: Event) -> bool:
        """Whether a score is computed from what comes out of a pass."""
        return id(event) in self._program.once(scored_passes)

    def only_measures(self, event: Event, scopes: list[Block], apart: list[Block]) -> bool:
        """Whether a pass evaluates by what happens, whatever it is called: a score is computed from
        what comes out, nothing trains around it, and it is of no batch that is trained on."""
        if not self.is_scored(event):
            return False
        loops = [b for b in apart if b.kind == "loop"]
        if not loops:
            return self._measures_whole_set(event, scopes)
        # what is given an output with its gradients, and called so, may train on it
        return not event.grad or (
            not any(b.events("returned_loss") for b in apart)
            and loops[-1].known
            and not any(_may_train(e) for e in loops[-1].events("opaque"))
            and not any(b.kind in ("call", "entry") and _TRAINS.search(b.name) for b in apart)
        )

    def _measures_whole_set(self, event: Event, scopes: list[Block]) -> bool:
        """Whether a pass over all examples at once, in no loop over batches, is not trained on."""
        program = self._program
        trained = program.once(trained_places)
        if not trained or event.site.key in trained or any(b.kind == "entry" for b in scopes):
            return False
        if any(b.kind == "loop" and goes_over_data(b) for b in scopes):
            return False
        given = _given(event)
        return bool(given) and not any(
            given & _given(other)
            for other in program.events("forward")
            if other.site.key in trained
        )

    def adapts(self, block: Block) -> bool:
        """Whether an evaluation adapts a model to its task first, as meta-learning does."""
        known = self._adapts.get(id(block))
        if known is None:
            names = (event.name.rpartition(".")[2] for event in block.events("opaque"))
            known = self._adapts[id(block)] = any(map(_ADAPTS.search, names))
        return known


def _read_gradients(program: Program) -> frozenset[int]:
    """The identities of the tensors whose gradients a program reads."""
    read = (event.subject for event in program.events("read_grad"))
    return frozenset(id(tensor_of(value) or value) for value in read)


def _trains(event: Event) -> bool:
    """Whether an event is one of training: a step is, unless an environment takes it."""
    return event.kind == "backward" or (event.kind == "step" and not is_environment(event))


def _given(event: Event) -> set[int]:
    """The identities of what a model is given, as a tensor where it is one."""
    return {id(tensor_of(value) or value) for value in event.operands}


def _may_train(event: Event) -> bool:
    """Whether an unresolved call is called as what trains on an output that it is given."""
    return bool(_TAKES_STEP.search(event.name.rpartition(".")[2]))


def is_environment(step: Event) -> bool:
    """Whether what is stepped is what an agent acts in, and no optimizer."""
    return not steps_optimizer(step) and bool(_ENVIRONMENT.search(spoken_name(step)))


def _classify(event: Event, blocks: tuple[Block, ...], trains: _Training) -> Pass:
    scopes = [b for b in _around(event, blocks) if b.kind in ("loop", "iteration", "call", "entry")]
    apart = _apart(scopes, trains)
    loop = next((b for b in apart if b.kind == "loop"), None)
    names = [*_argument_words(event.site.node), *(n for b in apart for n in _names_of(b))]
    named = _role(names) == "eval"
    if trains.only_measures(event, scopes, apart):
        evaluates = True
    elif not apart and scopes:
        # in the midst of training: only its data can say that it evaluates
        evaluates = named and not event.grad
    elif _is_trained_on(event, scopes[: len(scopes) - len(apart)]):
        evaluates = False
    else:
        over_data = loop is not None and goes_over_data(loop)
        evaluates = named or (_role(names) == "" and not event.grad and over_data)
    trains_here = bool(scopes) and event.grad and not apart and not evaluates
    on_purpose = any(_ON_PURPOSE.search(name) for name in names) or any(
        map(trains.adapts, apart[-1:])
    )
    on_purpose = on_purpose or (not event.grad and _asks_again(event, apart))
    if not trains_here and on_purpose:
        role = "other"
    elif evaluates:
        role = "eval"
    elif event.grad and len(apart) < len(scopes):
        role = "other" if trains.is_for_input(event) else "train"
    else:
        role = ""
    entry = next((b for b in blocks if b.kind == "entry"), None)
    around = reversed(scopes[: len(scopes) - len(apart)])
    batches = next((b for b in around if b.kind == "loop" and goes_over_data(b)), None)
    return Pass(event, role, named, tuple(apart), entry, batches, trains.is_scored(event))


def _asks_again(event: Event, apart: list[Block]) -> bool:
    """Whether a model is asked the same several times, in a loop that counts and makes nothing of what
    it is given: the answers differ in training mode alone, and how much is what is looked for."""
    loop = next((b.site.node for b in apart if b.kind == "loop" and b.site is not None), None)
    call = event.site.node
    if not isinstance(loop, ast.For) or called_name(loop.iter) not in ("range", "trange"):
        return False
    if not isinstance(call, ast.Call) or not stands_in(call, loop):
        return False
    given = {n.id for part in call.args for n in walk(part) if isinstance(n, ast.Name)}
    made = {n.id for n in walk(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return bool(given) and given.isdisjoint(made)


def _is_trained_on(event: Event, scopes: list[Block]) -> bool:
    """Whether a backward pass can be of no other forward pass: its loop has no other with
    gradients, though the function that it is in is called as if it evaluated."""
    loop = next((b for b in reversed(scopes) if b.kind == "loop"), None)
    if loop is None or not event.grad or not loop.events("backward"):
        return False
    runs = [e for e in loop.events("forward") if e.grad]
    return all(e.subject is event.subject and e.site.key == event.site.key for e in runs)


def _around(event: Event, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """The blocks around a pass: a model's method that only is the pass is none of them."""
    for number, block in enumerate(blocks):
        if block.kind == "call" and block.site is not None and block.site.key == event.site.key:
            own = blocks[number:]
            goes_on = any(b.kind == "loop" and goes_over_data(b) for b in own)
            told = _role([name for b in own for name in _names_of(b)])
            return blocks if goes_on or told else blocks[:number]
    return blocks


def _apart(scopes: list[Block], trains: _Training) -> list[Block]:
    """The scopes around a place in which no training happens, innermost first."""
    apart: list[Block] = []
    for block in reversed(scopes):
        if trains.inside(block):
            break
        apart.append(block)
    return apart


def _role(names: list[str]) -> str:
    """The first role that one of several names tells, from the inside out."""
    for name in names:
        role = role_of_name(name)
        if role:
            return role
        evaluates, trains = bool(_EVALUATES.search(name)), bool(_TRAINS.search(name))
        if evaluates != trains:
            return "eval" if evaluates else "train"
    return ""


def _names_of(block: Block) -> Iterator[str]:
    if block.kind in ("call", "entry"):
        yield block.name
    elif block.kind == "loop" and block.site is not None:
        iterable = _iterable(block)
        if iterable is not None:
            yield from words(iterable)


def _argument_words(node: ast.AST) -> Iterator[str]:
    """The names and strings in the arguments of a call."""
    if isinstance(node, ast.Call):
        for part in [*node.args, *(k.value for k in node.keywords)]:
            yield from words(part)


def goes_over_data(loop: Block) -> bool:
    """Whether a loop goes over batches or examples, by what it is or what it is called."""
    if _is_data(loop.subject):
        return True
    iterable = _iterable(loop)
    return iterable is not None and any(_OVER_DATA.search(w) for w in words(iterable))


def _iterable(loop: Block) -> ast.expr | None:
    """What a loop or comprehension is written to go over."""
    node = loop.site.node if loop.site else None
    # the loop of a comprehension is placed at what it goes over
    return node if isinstance(node, ast.expr) else getattr(node, "iter", None)


def _is_data(value: Value | None) -> bool:
    if isinstance(value, Arithmetic):
        return any(_is_data(operand) for operand in value.operands)
    return isinstance(value, Built) and value.entry.kind in ("loader", "dataset")
