"""Mutation operators: what a loss backpropagates through, and networks that learn from another."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from benchmarks.mutation.program import Operator, Program, Replacement, in_loop, last_name, receiver


def retain_graph(program: Program) -> Iterator[list[Replacement]]:
    calls = program.statements("backward")
    if len(calls) == 1 == len(program.calls("backward")) and in_loop(program, calls[0]):
        text = program.source(calls[0])
        if text.endswith(".backward()"):
            yield [(calls[0], text.replace(".backward()", ".backward(retain_graph=True)"))]


def keep_state(program: Program) -> Iterator[list[Replacement]]:
    """Drop `hidden = hidden.detach()`, `hidden = repackage_hidden(hidden)` and the like.

    All of one name in a function that trains: of a tuple or of a tensor, by what it is.
    """
    cuts: dict[tuple[int, str], list[Replacement]] = {}
    passes = program.statements("backward")
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Assign):
            continue
        name, text = program.source(node.targets[0]), program.source(node.value)
        state = name.lower().startswith(("h", "state")) and re.search(
            rf"\b{re.escape(name)}\b", text
        )
        function = program.function(node)
        if state and ("detach" in text or "repackage" in text or ".data" in text):
            if any(program.function(s) is function for s in passes):
                cuts.setdefault((id(function), name), []).append((node, "pass"))
    yield from cuts.values()


def keep_graph(program: Program) -> Iterator[list[Replacement]]:
    """Only where the loop that sums the losses also trains on each: a sum over the parts of one
    step is gone after it, and an evaluation with gradients is another mistake."""
    for node in ast.walk(program.tree):
        if isinstance(node, ast.AugAssign) and isinstance(node.value, ast.Call):
            func = node.value.func
            if (
                last_name(func) == "item"
                and "loss" in program.source(func)
                and program.has_gradients(node)
                and trains_in_its_loop(program, node)
            ):
                if isinstance(func, ast.Attribute):
                    yield [(node.value, program.source(func.value))]


def trains_in_its_loop(program: Program, node: ast.AST) -> bool:
    """Whether the innermost loop around a node computes gradients and steps."""
    loop = next((n for n in program.around(node) if isinstance(n, ast.For | ast.While)), None)
    called = {last_name(n.func) for n in ast.walk(loop) if isinstance(n, ast.Call)} if loop else ()
    return {"backward", "step"} <= set(called)


def train_through_target(program: Program) -> Iterator[list[Replacement]]:
    """A target with a discount is computed with gradients: no `no_grad`, no `detach`."""
    for node in ast.walk(program.tree):
        text = program.source(node) if isinstance(node, ast.With | ast.Assign) else ""
        if "gamma" not in text.lower() or not is_fresh(program, node):
            continue
        if not any(
            program.function(s) is program.function(node) for s in program.calls("backward")
        ):
            # what is no target by its name may be a reward that nothing goes back through
            if not re.search("target|expected|next", text, re.I):
                continue
        if isinstance(node, ast.With) and len(node.items) == 1:
            expression = node.items[0].context_expr
            if isinstance(expression, ast.Call) and last_name(expression.func) == "no_grad":
                yield [(expression, program.source(expression).replace("no_grad", "enable_grad"))]
        elif isinstance(node, ast.Assign):
            for call in ast.walk(node.value):
                if isinstance(call, ast.Call) and last_name(call.func) == "detach" and call.func:
                    assert isinstance(call.func, ast.Attribute)
                    yield [(call, program.source(call.func.value))]


def is_fresh(program: Program, node: ast.AST) -> bool:
    """Whether what a statement makes is made anew for each backward pass of its function.

    PyTorch raises where several passes go through a graph that was made once, before a loop.
    """
    function = program.function(node)
    passes = [c for c in program.calls("backward") if program.function(c) is function]
    own = [n for n in program.around(node) if isinstance(n, ast.For | ast.While)]
    loops = [n for c in passes for n in program.around(c) if isinstance(n, ast.For | ast.While)]
    return not passes or loops[:1] == own[:1]


def judge_without_detach(program: Program) -> Iterator[list[Replacement]]:
    """A discriminator is trained on samples that are not detached.

    Only where PyTorch raises nothing: samples that a backward pass has gone through are left
    alone, and the graph is kept where the generator's own pass follows.
    """
    for call in program.calls("detach"):
        owner = call.func.value if isinstance(call.func, ast.Attribute) else call
        text = program.source(owner)
        if not any(word in text.lower() for word in ("fake", "gen")):
            continue
        if not program.statements("step") or not program.has_gradients(call):
            continue
        function = program.function(call)
        backward = sorted(
            (s for s in program.statements("backward") if program.function(s) is function),
            key=lambda s: s.lineno,
        )
        names = {text, *buffered(program, function, text)}
        made = [
            n.lineno
            for n in ast.walk(function)
            if isinstance(n, ast.Assign)
            and program.source(n.targets[0]) in names
            and n.lineno < call.lineno
        ]
        after = [s for s in backward if s.lineno > call.lineno]
        if not after or (isinstance(owner, ast.Name) and not made):
            continue
        if made and any(min(made) < s.lineno < call.lineno for s in backward):
            continue
        plain = program.source(after[0]).endswith(".backward()")
        again = isinstance(owner, ast.Name) and is_judged_again(program, function, text, after[0])
        if again and plain:
            kept = program.source(after[0]).replace("()", "(retain_graph=True)")
            yield [(call, text), (after[0], kept)]
        elif not again:
            yield [(call, text)]


def buffered(program: Program, function: ast.AST, name: str) -> set[str]:
    """The samples that a buffer is given before it gives some back under another name."""
    return {
        program.source(argument)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and program.source(node.targets[0]) == name
        and isinstance(node.value, ast.Call)
        for argument in node.value.args
        if re.search("fake|gen", program.source(argument))
    }


def is_judged_again(program: Program, function: ast.AST, name: str, after: ast.stmt) -> bool:
    """Whether a later call takes the same samples, with their graph."""
    return any(
        isinstance(node, ast.Call)
        and node.lineno > after.lineno
        and any(program.source(argument) == name for argument in node.args)
        and program.has_gradients(node)
        for node in ast.walk(function)
    )


def share_target_network(program: Program) -> Iterator[list[Replacement]]:
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value.args:
            target = program.source(node.targets[0])
            if "target" in target.lower() and last_name(node.value.func) == "deepcopy":
                yield [(node.value, program.source(node.value.args[0]))]


def number_for_term(program: Program) -> Iterator[list[Replacement]]:
    """`loss = a + w * b` becomes `loss = a + w * b.item()`, for a loss that is backpropagated.

    Only for a term that the same function has computed from a call, with gradients, before.
    """
    passes = program.statements("backward")
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.BinOp):
            continue
        total, function = program.source(node.targets[0]), program.function(node)
        started = (program.source(receiver(s.value)) for s in passes)
        if total not in started or not isinstance(node.value.op, ast.Add):
            continue
        term = node.value.right
        if isinstance(term, ast.BinOp) and isinstance(term.op, ast.Mult):
            term = next((t for t in (term.right, term.left) if isinstance(t, ast.Name)), term)
        if isinstance(term, ast.Name) and is_computed(program, function, term):
            yield [(term, f"{term.id}.item()")]


def is_computed(program: Program, function: ast.AST, name: ast.Name) -> bool:
    """Whether a function assigns a name once, before it is read, to what a loss gives."""
    made = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and program.source(node.targets[0]) == name.id
    ]
    return (
        len(made) == 1
        and made[0].lineno < name.lineno
        and isinstance(made[0].value, ast.Call)
        and bool(re.search("loss|crit|mse|entropy|bce|l1", program.source(made[0].value), re.I))
        and program.has_gradients(made[0])
    )


def rewrap_loss(program: Program) -> Iterator[list[Replacement]]:
    """A new leaf is made of the loss before its backward pass."""
    if "import torch\n" not in program.text:
        return
    for statement in program.statements("backward"):
        loss = receiver(statement.value)
        if isinstance(loss, ast.Name) and program.source(statement).endswith(".backward()"):
            leaf = f"{loss.id} = torch.tensor({loss.id}, requires_grad=True)"
            indent = "\n" + " " * statement.col_offset
            yield [(statement, leaf + indent + program.source(statement))]


def value_of_parameter(program: Program) -> Iterator[list[Replacement]]:
    """The only use of a parameter of a module reads its `data`."""
    for cls in ast.walk(program.tree):
        if not isinstance(cls, ast.ClassDef):
            continue
        for node in ast.walk(cls):
            made = node.value if isinstance(node, ast.Assign) else None
            if not isinstance(made, ast.Call) or last_name(made.func) != "Parameter":
                continue
            name = program.source(node.targets[0])
            uses = [n for n in ast.walk(program.tree) if is_read(n, name)]
            trained = "requires_grad" not in program.source(made)
            if name.startswith("self.") and trained and len(uses) == 1:
                if program.has_gradients(uses[0]) and uses[0] in ast.walk(cls):
                    yield [(uses[0], f"{name}.data")]


def is_read(node: ast.AST, name: str) -> bool:
    """Whether a node reads an attribute of any object by the name of the given one."""
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and node.attr == name.rpartition(".")[2]
    )


def leave_batches_over(program: Program) -> Iterator[list[Replacement]]:
    """`(i + 1) % k == 0 or i + 1 == len(loader)` becomes its first half."""
    for node in ast.walk(program.tree):
        match node:
            case ast.If(test=ast.BoolOp(op=ast.Or(), values=[ast.Compare() as often, _]) as test):
                rounds = isinstance(often.left, ast.BinOp) and isinstance(often.left.op, ast.Mod)
                if rounds and ".step()" in program.source(node):
                    yield [(test, program.source(often))]
            case _:
                pass


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "graph-break": (number_for_term, rewrap_loss, value_of_parameter),
    "retain-graph-in-loop": (retain_graph,),
    "leftover-accumulation": (leave_batches_over,),
    "hidden-state-not-detached": (keep_state,),
    "loss-keeps-graph": (keep_graph,),
    "gan-detach": (judge_without_detach,),
    "target-network-alias": (share_target_network,),
    "target-not-detached": (train_through_target,),
}
