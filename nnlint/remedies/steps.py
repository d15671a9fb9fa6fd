"""Changes that put in what a training loop lacks: a step, or a backward pass before one.

Each returns None where more than one place, or more than one name, could be meant.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from nnlint.questions.participants import receiver_text, spoken_name
from nnlint.questions.training.discarding import Discarded, NeverStepped
from nnlint.questions.training.passes import goes_over_data
from nnlint.questions.training.rebuilding import starts_anew
from nnlint.questions.training.scaling import steps_through_scaler
from nnlint.questions.training.scheduler_order import unit_of
from nnlint.questions.training.scheduler_steps import UnsteppedScheduler
from nnlint.questions.training.stepping import EmptyStep
from nnlint.remedies.places import (
    block_of,
    is_dotted,
    name_at,
    rebinds,
    stands_alone,
    stores,
)
from nnlint.rewriting.changes import Changes, insert_after, insert_before, together
from nnlint.semantics.analysis import Program
from nnlint.semantics.conditions import words
from nnlint.semantics.timeline import Block, Event, innermost_loop, loops_around
from nnlint.semantics.values import Built, Constant, Site, constant
from nnlint.syntax.statements import enclosing_statements
from nnlint.syntax.walking import walk

_SCALED = ("scale", "unscale")
"""Events of a gradient scaler, through which an optimizer has to be stepped."""
_LOSS = re.compile(r"(?:^|[_.])(?:loss|cost)$", re.IGNORECASE)
"""How programs call a loss."""
_PLAIN = frozenset("item detach float".split())
"""Names in an expression whose value has no graph."""
_PER_BATCH = frozenset({"one_cycle", "linear_warmup", "cosine_warmup", "inverse_sqrt"})
"""Forms of schedules that are made to be stepped after each batch."""


def step_after_backward(program: Program, found: Discarded) -> Changes:
    """Step an optimizer behind the only backward pass of the loop that clears it."""
    backward, clear = found.backward, found.clear
    name = spoken_name(clear)
    if clear.subject is not found.optimizer:
        built = found.optimizer
        name = name_at(built.site, backward.site) if isinstance(built, Built) else ""
    return _step_behind(program, backward, clear, name)


def _step_behind(program: Program, backward: Event, clear: Event, name: str) -> Changes:
    own, other = block_of(backward.site), block_of(clear.site)
    if not name or not is_dotted(name) or own is None or other is None or own[0] is not other[0]:
        return None
    if not _is_only_backward(program, backward) or rebinds(own[0], name):
        return None
    # gradients are clipped before they are applied
    clips = _placed_in(own[0], program.events("clip"))
    last = max([own[1], *(n for n in clips if not own[1] < other[1] < n)])
    return insert_after(Site(backward.site.module, own[0][last]), f"{name}.step()")


def step_like_the_other(program: Program, found: NeverStepped) -> Changes:
    """Clear and step an optimizer where another one is, around the only backward pass."""
    backward = found.backward
    name = name_at(found.optimizer.site, backward.site)
    loop = _innermost(program, backward, "step")
    own = block_of(backward.site)
    if not name or loop is None or own is None or not _is_only_backward(program, backward):
        return None
    block, number = own
    clears = [e for e in loop.events("zero_grad") if _number(block, e.site) < number]
    if any(e.subject is found.optimizer and e not in clears for e in loop.events("zero_grad")):
        # cleared for a pass of its own, which is missing
        return None
    steps = [e for e in loop.events("step") if _number(block, e.site) > number]
    if len(steps) != 1 or not all(map(_is_statement, (*steps, *clears))):
        return None
    step = insert_after(steps[0].site, f"{name}.step()")
    if any(e.subject is found.optimizer for e in clears):
        return step
    if len(clears) != 1 or clears[0].subject is not steps[0].subject:
        return None
    return together(insert_after(clears[0].site, f"{name}.zero_grad()"), step)


def _is_statement(event: Event) -> bool:
    return stands_alone(event.site)


def _is_only_backward(program: Program, backward: Event) -> bool:
    """Whether a backward pass is the only one of its loop, without a scaler, and is a statement."""
    loop = _innermost(program, backward)
    around = program.events("backward") if loop is None else loop.events("backward")
    return (
        stands_alone(backward.site)
        and not program.events(*_SCALED)
        and {e.site.key for e in around} == {backward.site.key}
    )


def _innermost(program: Program, event: Event, *kinds: str) -> Block | None:
    blocks = next(blocks for other, blocks in program.walk() if other is event)
    return innermost_loop(blocks, *kinds)


def _number(block: Sequence[ast.stmt], site: Site) -> int:
    """The number of the statement of a block that a place is in; -1 where it is in none."""
    around = {id(p.node) for p in enclosing_statements(site.module, site.node)}
    return next((n for n, statement in enumerate(block) if id(statement) in around), -1)


def _placed_in(block: Sequence[ast.stmt], events: Sequence[Event]) -> list[int]:
    """The numbers of the statements of a block in which events happen."""
    return [n for e in events if (n := _number(block, e.site)) >= 0]


def backward_before_step(program: Program, found: EmptyStep) -> Changes:
    """Go back from the only loss that stands before an optimizer's step in its block."""
    step, clear = found.step, found.clear
    own = block_of(step.site)
    if own is None or clear is None or not stands_alone(step.site) or program.events("prepare"):
        return None
    block, number = own
    cleared = _number(block, clear.site)
    if cleared < 0:
        return None
    done = _placed_in(block[:number], program.events("step", "backward"))
    start = max(done, default=-1) + 1
    loss = _loss_in(program, step.site, block[start:number])
    if loss is None:
        return None
    name, statement = loss
    call = f"{name}.backward()"
    if steps_through_scaler(step):
        scaler = receiver_text(step.site)
        call = f"{scaler}.scale({name}).backward()"
        if not is_dotted(scaler):
            return None
    elif program.events(*_SCALED):
        return None
    # what is clipped and unscaled are gradients, too
    uses = _placed_in(block, program.events("clip", "unscale"))
    ready = max(start + block[start:number].index(statement), cleared if cleared < number else 0)
    first = min([number, *(n for n in uses if start <= n)])
    return insert_before(Site(step.site.module, block[first]), call) if ready < first else None


def _loss_in(
    program: Program, step: Site, statements: Sequence[ast.stmt]
) -> tuple[str, ast.stmt] | None:
    """The loss that all others of some statements go into, and the statement that computes it."""
    losses = {id(e.site.node) for e in program.events("loss")}
    assigned = list(_assignments(statements))
    found = [
        (name, statement, value)
        for name, statement, value in assigned
        if _LOSS.search(name) or any(id(node) in losses for node in walk(value))
    ]
    if not found:
        return None
    name, last, value = found[-1]
    rest = [(n, later) for n, _, later in assigned if n != name]
    apart = any(
        other != name and not any(_goes_on_from(v, other) for _, _, v in found[number + 1 :])
        for number, (other, _, _) in enumerate(found)
    )
    if apart or any(_goes_on_from(later, name) for _, later in rest):
        return None
    if len(stores(statements, name)) != sum(n == name for n, _, _ in assigned):
        # a branch or loop may set it too
        return None
    numbers = {n for n, _, part in assigned if not _PLAIN.isdisjoint(words(part))}
    if (
        name in numbers
        or not numbers.isdisjoint(words(value))
        or isinstance(value, ast.List | ast.ListComp | ast.Dict | ast.Constant)
    ):
        return None
    inside = {id(node) for n, _, part in found if n == name for node in walk(part)}
    events = [e for e, _ in program.walk() if id(e.site.node) in inside]
    operations = [o for o in program.operations if id(o.site.node) in inside]
    if not all(e.grad for e in events) or not all(o.grad for o in operations):
        return None
    single = all(constant(o.arguments.get("reduction")) != "none" for o in operations)
    return (name, last) if single and is_dotted(name) else None


def _assignments(statements: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.stmt, ast.expr]]:
    """What statements assign in any case: a name, the statement, and the value."""
    for statement in statements:
        if isinstance(statement, ast.With):
            yield from ((n, statement, v) for n, _, v in _assignments(statement.body))
        elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            yield from ((ast.unparse(part), statement, statement.value) for part in parts)
        elif isinstance(statement, ast.AugAssign):
            yield ast.unparse(statement.target), statement, statement.value


def _goes_on_from(value: ast.expr, name: str) -> bool:
    """Whether a value is computed from another, graph and all."""
    read = (n for n in walk(value) if isinstance(n, ast.Name | ast.Attribute))
    return any(ast.unparse(n) == name for n in read) and _PLAIN.isdisjoint(words(value))


def step_schedule(program: Program, found: UnsteppedScheduler) -> Changes:
    """Step a scheduler once for each round of the loop whose rounds it counts."""
    scheduler, step = found.scheduler, found.step
    if scheduler.entry.schedule == "plateau" or _has_several(program, scheduler):
        return None
    blocks = next(blocks for event, blocks in program.walk() if event is step)
    loops = loops_around(blocks)
    if not loops or not goes_over_data(loops[-1]) or len(loops) > 2 or starts_anew(loops[0]):
        return None
    steps = [e for e in program.events("step") if e.subject is step.subject]
    if {e.site.key for e in steps} != {step.site.key}:
        return None
    unit = unit_of(scheduler)
    if not unit:
        unit = "batch" if scheduler.entry.schedule in _PER_BATCH else _unit(scheduler, loops[0])
    if unit == "batch":
        name = name_at(scheduler.site, step.site)
        bare = bool(name) and stands_alone(step.site)
        return insert_after(step.site, f"{name}.step()") if bare else None
    if not unit or len(loops) < 2 or loops[0].site is None:
        return None
    trains = _statement_in(loops[0].site, (*step.callers, step.site))
    if trains is None or isinstance(trains.node, ast.If | ast.Try | ast.Match):
        return None
    name = name_at(scheduler.site, trains)
    return insert_after(trains, f"{name}.step()") if name else None


def _has_several(program: Program, scheduler: Built) -> bool:
    """Whether an optimizer has other schedulers, which have to be put together with this one."""
    optimizer = scheduler.arguments.get("optimizer")
    built = (e.subject for e in program.events("build") if isinstance(e.subject, Built))
    return any(b.arguments.get("optimizer") is optimizer for b in built if b is not scheduler)


def _unit(scheduler: Built, loop: Block) -> str:
    """`epoch` where all that a schedule is counted by is how often a loop goes round."""
    header = getattr(loop.site.node if loop.site else None, "iter", None)
    call = scheduler.site.node
    if header is None or not isinstance(call, ast.Call):
        return ""
    rounds = set(words(header))
    named = [k.value for k in call.keywords if k.arg != "optimizer"]
    counts = [set(words(given)) for given in (*call.args[1:], *named)]
    if any(said - rounds for said in counts):
        return ""
    if any(counts):
        return "epoch"
    length = scheduler.arguments.get("T_max") or scheduler.arguments.get("total_iters")
    known = loop.subject.value if isinstance(loop.subject, Constant) else None
    return "epoch" if isinstance(known, range) and len(known) == constant(length) else ""


def _statement_in(loop: Site, places: Sequence[Site]) -> Site | None:
    """The statement of a loop's body that the first of several places in it stands in."""
    body = getattr(loop.node, "body", ())
    for place in places:
        number = _number(body, place) if place.module is loop.module else -1
        if number >= 0:
            return Site(loop.module, body[number])
    return None
