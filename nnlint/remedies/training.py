"""Changes that mend a program, with its own names, where it can be told what they do there.

Each returns None where it cannot.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from nnlint.questions.participants import receiver_text, spoken_name
from nnlint.questions.reproducibility.other_states import (
    SEEDS,
    drawn_from_states,
    unseeded_states,
)
from nnlint.questions.training.checkpoints import WrappedState
from nnlint.remedies.places import (
    Function,
    block_of,
    function_of,
    is_dotted,
    is_in,
    name_at,
    rebinds,
    stands_alone,
)
from nnlint.rewriting.changes import (
    Changes,
    call_method,
    insert_after,
    insert_before,
    move_before,
    move_behind,
    replace,
    set_keyword,
    source_text,
    together,
    wrap,
)
from nnlint.rewriting.imports import reference
from nnlint.semantics.analysis import Program
from nnlint.semantics.timeline import Block, Event
from nnlint.semantics.values import Built, Site
from nnlint.syntax.bindings import is_main_guard
from nnlint.syntax.statements import Placed, enclosing_statements
from nnlint.syntax.walking import walk


def seed_at_start(program: Program, first: Site) -> Changes:
    """Fix torch's seed where the program sets out to `first`, before anything that repeats, and
    before any tensor that is drawn."""
    place = _start(program, first)
    if place is None:
        return None
    if not program.events("launch"):
        # another process has a random state of its own
        beside = [s for s in _draws(program) if _scope_of(s) is _scope_of(place)]
        place = min([place, *beside], key=lambda site: site.module.span(site.node)[0])
    chain = enclosing_statements(place.module, place.node)
    inner = next((i for i, placed in enumerate(chain) if not _is_entered(placed.node)), None)
    if inner is None:
        return None
    start = Site(place.module, chain[inner].node)
    named = ["torch.manual_seed", *(SEEDS[family] for family in unseeded_states(program))]
    seeds = [reference(start, name) for name in named]
    lines = [f"{seed}(0)" for seed, _ in seeds]
    return together(*(imported for _, imported in seeds), insert_before(start, *lines))


def _draws(program: Program) -> Iterator[Site]:
    """The outermost places of the file that lead to draws from a global state."""
    for event in (*program.events("split"), *drawn_from_states(program)):
        start = next(iter((*event.callers, event.site)))
        if start.module is program.module:
            yield start
    for operation in program.operations:
        if operation.entry.random and operation.entry.family == "create":
            start = next(iter((*operation.callers, operation.site)))
            if "generator" not in operation.explicit and start.module is program.module:
                yield start


def _scope_of(site: Site) -> ast.stmt | None:
    """The innermost function that a place is in; None at the top of a file."""
    chain = enclosing_statements(site.module, site.node)
    return next((p.node for p in reversed(chain) if isinstance(p.node, Function)), None)


def _is_entered(statement: ast.stmt) -> bool:
    """Whether what follows happens inside: of the start of a script, or of a function."""
    guard = isinstance(statement, ast.If) and is_main_guard(statement.test)
    return guard or isinstance(statement, Function | ast.ClassDef)


def _start(program: Program, first: Site) -> Site | None:
    """The outermost place of the file that leads to `first` in the process that gets there."""
    launches = {event.site.key for event in program.events("launch")}
    ways = [(*event.callers, event.site) for event, _ in program.walk()]
    ways += [(*operation.callers, operation.site) for operation in program.operations]
    for chain in ways:
        if not any(site.key == first.key for site in chain):
            continue
        # another process has a random state of its own
        last = max((i for i, site in enumerate(chain) if site.key in launches), default=-1)
        start = chain[last + 1 :][:1]
        return start[0] if start and start[0].module is program.module else None
    return None


def detach(tensor: Site | None) -> Changes:
    """Cut an expression off from the gradients of what it is computed from."""
    if tensor is None:
        return None
    return call_method(tensor, "detach()")


def set_flags(flag: Site) -> Changes:
    """Set the gradient flags of a module's parameters, where an attribute of it is set."""
    placed = enclosing_statements(flag.module, flag.node)
    statement = placed[-1].node if placed else None
    if not isinstance(statement, ast.Assign) or statement.targets != [flag.node]:
        return None
    assert isinstance(flag.node, ast.Attribute)
    module = source_text(Site(flag.module, flag.node.value))
    value = source_text(Site(flag.module, statement.value))
    return replace(Site(flag.module, statement), f"{module}.requires_grad_({value})")


def clear_gradients(program: Program, step: Event) -> Changes:
    """Clear the gradients that an optimizer follows, once for each of its steps."""
    name = spoken_name(step)
    call = f"{name}.zero_grad()"
    own = block_of(step.site)
    if own is None or not is_dotted(name):
        return None
    statements, number = own
    before: Site | None = None
    for event in program.events("backward", "step"):
        other = block_of(event.site)
        if event is step or other is None or other[0] is not statements or other[1] >= number:
            continue
        if event.kind == "step":
            before = None
        elif before is None:
            before = event.site
    if before is None:
        return insert_after(step.site, call)
    between = statements[_index(before) : number]
    return insert_after(step.site, call) if rebinds(between, name) else insert_before(before, call)


def move(statement: Site, *, before: Site | None = None, after: Site | None = None) -> Changes:
    """Move a call that is a statement of its own to before or behind another in its block."""
    target = before or after
    own, other = block_of(statement), block_of(target) if target else None
    if own is None or other is None or target is None or own[0] is not other[0]:
        return None
    if not stands_alone(statement):
        return None
    return move_behind(statement, target) if after else move_before(statement, target)


def _index(site: Site) -> int:
    found = block_of(site)
    return found[1] if found else 0


def evaluate_in_eval_mode(program: Program, forwards: Sequence[Event], trained: bool) -> Changes:
    """Put models into eval mode around an evaluation.

    Parameters:
        trained: whether they are trained too, and so have to go back into training mode.
    """
    names = [spoken_name(event) for event in forwards]
    region = _evaluation(program, forwards[0])
    if region is None or not all(is_dotted(name) for name in names):
        return None
    if any(function_of(event.site) is not function_of(region) for event in forwards):
        return None
    if _also_trains(program, region, forwards):
        return None
    node = region.node
    assert isinstance(node, ast.stmt)
    if any(rebinds([node], name) for name in names) or any(
        isinstance(inner, ast.Return) for inner in walk(node)
    ):
        return None
    before = insert_before(region, *(f"{name}.eval()" for name in names))
    if not trained:
        return before
    return together(before, insert_after(region, *(f"{name}.train()" for name in names)))


def train_in_train_mode(program: Program, mode: Event, forward: Event) -> Changes:
    """Put a model back into training mode before the loop that trains it.

    Parameters:
        mode: what puts it into eval mode, in the same outer loop.
        forward: a pass that trains it.
    """
    own = function_of(mode.site)
    chain = (*forward.callers, forward.site)
    # the name that the function which sets eval mode has for the model holds in all of it
    here = next((s for s in chain if is_in(s, mode.site, own)), None)
    name = spoken_name(forward if here is None else mode)
    if not is_dotted(name):
        return None
    site = here or forward.site
    places = {id(event): blocks for event, blocks in program.walk() if event in (mode, forward)}
    shared = {id(block) for block in places[id(mode)]}
    loops = [
        b.site
        for b in places[id(forward)]
        if b.kind == "loop" and id(b) not in shared and b.site and is_in(b.site, site)
    ]
    return insert_before(next(iter(loops), site), f"{name}.train()")


def _also_trains(program: Program, region: Site, forwards: Sequence[Event]) -> bool:
    """Whether the code that evaluates is run for training, too."""
    sites = {event.site.key for event in forwards}
    for event in program.events("forward", "backward", "step"):
        if event.kind == "forward":
            if event.grad and event.site.key in sites and event not in forwards:
                return True
        elif any(_holds(region, site) for site in (*event.callers, event.site)):
            return True
    return False


def _holds(region: Site, site: Site) -> bool:
    chain = enclosing_statements(site.module, site.node)
    return any(placed.node is region.node for placed in chain)


def _evaluation(program: Program, forward: Event) -> Site | None:
    """The statement that evaluates: the outermost loop around a pass in which nothing trains."""
    site = forward.site
    loops: list[Block] = []
    for event, blocks in program.walk():
        if event is forward:
            for block in reversed(blocks):
                if block.kind == "loop" and block.events("backward", "step"):
                    break
                if block.kind == "loop":
                    loops.append(block)
            break
    here = [b.site for b in loops if b.site and b.site.module is site.module]
    chain = enclosing_statements(site.module, site.node)
    nodes = {id(s.node) for s in here if function_of(s) is function_of(site)}
    inner = next((i for i, placed in enumerate(chain) if id(placed.node) in nodes), len(chain) - 1)
    if inner < 0:
        return None
    # the mode is set before gradients are turned off, as is usual
    while inner and _is_only_statement(chain[inner - 1], chain[inner]):
        inner -= 1
    return Site(site.module, chain[inner].node)


def _is_only_statement(outer: Placed, inner: Placed) -> bool:
    return isinstance(outer.node, ast.With) and outer.node.body[0] is inner.node


def without_gradients(part: Site) -> Changes:
    """Run a loop or another statement with gradients off."""
    no_grad, imported = reference(part, "torch.no_grad")
    return together(imported, wrap(part, f"with {no_grad}()"))


def move_after(step: Event, first: Event, loop: Block) -> Changes:
    """Move a step behind another one: right behind it, or to the end of the loop's body."""
    own, other = block_of(step.site), block_of(first.site)
    body = getattr(loop.site.node, "body", None) if loop.site else None
    if own is None or other is None or step.site.module is not first.site.module:
        return None
    if other[0] is own[0]:
        return _move(step.site, first.site)
    return _move(step.site, Site(step.site.module, body[-1])) if own[0] is body else None


def move_into_loop(step: Event, first: Event, loop: Block) -> Changes:
    """Move a step into a loop, right behind another one."""
    return _move(step.site, first.site)


def move_out_of_loop(step: Event, first: Event, loop: Block) -> Changes:
    """Move a step to right behind a loop."""
    return None if loop.site is None else _move(step.site, loop.site)


def _move(site: Site, behind: Site) -> Changes:
    """Move a statement that is only a call behind another one of its function."""
    movable = stands_alone(site) and is_in(site, behind)
    return move_behind(site, behind) if movable else None


def detach_behind(forward: Event, statement: Site, names: Sequence[str]) -> Changes:
    """Detach the state that a statement gets from a pass; None where it may be a tuple."""
    model = forward.subject
    rnn = model.entry.name.rpartition(".")[2] if isinstance(model, Built) else ""
    if len(names) > 1 or rnn in ("GRU", "RNN"):
        lines = [f"{name} = {name}.detach()" for name in names]
    elif rnn == "LSTM":
        lines = [f"{name} = tuple(s.detach() for s in {name})" for name in names]
    else:
        return None
    return insert_after(statement, *lines)


def save_what_is_wrapped(found: WrappedState) -> Changes:
    """Save the state of the model in a wrapper; None where the wrapper may load what is saved."""
    state, model = found.state, found.model
    receiver = getattr(getattr(state.node, "func", None), "value", None)
    if receiver is None or name_at(found.wrapped, state) != model:
        return None
    for node in state.module.nodes:
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "load_state_dict":
            load = Site(state.module, node)
            before = is_in(load, found.wrapped) and load.key < found.wrapped.key
            if receiver_text(load) == model and not before:
                return None
    return replace(Site(state.module, receiver), f"{model}.module")


def seed_too(seed: Event, family: str) -> Changes:
    """Seed another global state behind a call that seeds torch's, with the same seed."""
    call = seed.site.node
    if not (isinstance(call, ast.Call) and len(call.args) == 1 and not call.keywords):
        return None
    if not stands_alone(seed.site) or isinstance(call.args[0], ast.Starred):
        return None
    name, imported = reference(seed.site, SEEDS[family])
    number = source_text(Site(seed.site.module, call.args[0]))
    return together(imported, insert_after(seed.site, f"{name}({number})"))


def switch_off(setting: Site) -> Changes:
    """Set to False what an assignment, or an argument of a trainer, switches on."""
    if isinstance(setting.node, ast.Call):
        return set_keyword(setting, "benchmark", "False")
    placed = enclosing_statements(setting.module, setting.node)
    statement = placed[-1].node if placed else None
    if not isinstance(statement, ast.Assign) or statement.targets != [setting.node]:
        return None
    return replace(Site(setting.module, statement.value), "False")
