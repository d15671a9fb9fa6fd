"""Mutation operators: models, data and schedules."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from benchmarks.mutation.program import Operator, Program, Replacement, last_name


def flatten_everything(program: Program) -> Iterator[list[Replacement]]:
    for call in program.calls("flatten"):
        text = program.source(call)
        if "stack(" in text:
            # a grid of positions has no batch
            continue
        if text.endswith(", 1)") and text.startswith("torch.flatten("):
            yield [(call, text.replace(", 1)", ")"))]
        elif text.endswith(".flatten(1)"):
            yield [(call, text.replace(".flatten(1)", ".flatten()"))]


def forget_transpose(program: Program) -> Iterator[list[Replacement]]:
    """`x.view(B, T, h, d).transpose(1, 2)` becomes `x.view(B, h, T, d)`."""
    for call in program.calls("transpose"):
        inner = call.func.value if isinstance(call.func, ast.Attribute) else None
        numbers = [a.value for a in call.args if isinstance(a, ast.Constant)]
        if not (isinstance(inner, ast.Call) and last_name(inner.func) in ("view", "reshape")):
            continue
        if sorted(numbers) == [1, 2] and len(inner.args) == 4:
            a, b, c, d = (program.source(x) for x in inner.args)
            yield [(call, f"{program.source(inner.func)}({a}, {c}, {b}, {d})")]


def dropout_before_norm(program: Program) -> Iterator[list[Replacement]]:
    for call in program.calls("Sequential"):
        for before, layer in zip(call.args, call.args[1:], strict=False):
            if isinstance(layer, ast.Call) and last_name(layer.func) in (
                "BatchNorm1d",
                "BatchNorm2d",
            ):
                prefix = program.source(layer.func).rpartition(".")[0]
                if prefix:
                    yield [(before, f"{program.source(before)}, {prefix}.Dropout(0.5)")]


def throw_away(program: Program) -> Iterator[list[Replacement]]:
    """`x = x.squeeze(1)` becomes `x.squeeze(1)`, inside of blocks."""
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        target, call = node.targets[0], node.value
        if len(node.targets) != 1 or not isinstance(target, ast.Name) or not node.col_offset:
            continue
        if not isinstance(call.func, ast.Attribute) or last_name(call.func) not in _NEVER_IN_PLACE:
            continue
        if isinstance(call.func.value, ast.Name) and call.func.value.id == target.id:
            yield [(node, program.source(call))]


_NEVER_IN_PLACE = frozenset("squeeze unsqueeze clamp softmax masked_fill permute flatten".split())


def forget_mode(program: Program) -> Iterator[list[Replacement]]:
    """`F.dropout(x, 0.5, training=self.training)` loses its last argument."""
    for name in ("dropout", "dropout1d", "dropout2d", "dropout3d"):
        for call in program.calls(name):
            given = [k for k in call.keywords if k.arg == "training"]
            if given and program.source(given[0].value).endswith(".training"):
                kept = [program.source(a) for a in call.args]
                kept += [program.source(k) for k in call.keywords if k.arg != "training"]
                yield [(call, f"{program.source(call.func)}({', '.join(kept)})")]


def augment_evaluation(program: Program) -> Iterator[list[Replacement]]:
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            target = last_name(node.targets[0]).lower()
            if last_name(node.value.func) == "Compose" and ("val" in target or "test" in target):
                steps = node.value.args[0] if node.value.args else None
                if isinstance(steps, ast.List) and steps.elts:
                    first = steps.elts[0]
                    prefix = program.source(first).partition("(")[0].rpartition(".")[0]
                    name = f"{prefix}.RandomHorizontalFlip" if prefix else "RandomHorizontalFlip"
                    if prefix:
                        yield [(first, f"{name}(), {program.source(first)}")]


def copy_imagenet_schedule(program: Program) -> Iterator[list[Replacement]]:
    if "imagenet" in program.text.lower():
        return
    for call in program.calls("StepLR", "CosineAnnealingLR", "ExponentialLR"):
        prefix = program.source(call.func).rpartition(".")[0]
        if call.args and prefix:
            yield [(call, f"{prefix}.StepLR({program.source(call.args[0])}, 30)")]


def plain_container(program: Program) -> Iterator[list[Replacement]]:
    """`nn.ModuleList([...])` becomes the list that it is given, and `nn.ModuleDict` the dict."""
    for node in ast.walk(program.tree):
        value = node.value if isinstance(node, ast.Assign) else None
        if isinstance(value, ast.Call) and isinstance(node.targets[0], ast.Attribute):
            name = last_name(value.func)
            if f"{program.source(node.targets[0])}.add_module(" in program.text:
                # a list has no such method, and Python says so
                continue
            if name in ("ModuleList", "ModuleDict") and len(value.args) <= 1:
                empty = "[]" if name == "ModuleList" else "{}"
                yield [(value, program.source(value.args[0]) if value.args else empty)]


def parameter_moved(program: Program) -> Iterator[list[Replacement]]:
    for call in program.calls("Parameter"):
        text = program.source(call)
        if "requires_grad" not in text:
            yield [(call, f'{text}.to("cuda")')]


def buffer_as_attribute(program: Program) -> Iterator[list[Replacement]]:
    """`self.register_buffer("mask", mask)` becomes `self.mask = mask`."""
    for call in program.calls("register_buffer"):
        name = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else ""
        if isinstance(name, str) and name.isidentifier() and len(call.args) > 1:
            yield [(call, f"self.{name} = {program.source(call.args[1])}")]


def layer_in_forward(program: Program) -> Iterator[list[Replacement]]:
    """`self.fc = nn.Linear(64, 10)` and `self.fc(x)` become `nn.Linear(64, 10)(x)`."""
    for cls in (n for n in ast.walk(program.tree) if isinstance(n, ast.ClassDef)):
        methods = {n.name: n for n in cls.body if isinstance(n, ast.FunctionDef)}
        if not {"__init__", "forward"} <= methods.keys():
            continue
        for node in methods["__init__"].body:
            value = node.value if isinstance(node, ast.Assign) else None
            if not isinstance(value, ast.Call) or last_name(value.func) not in _DRAWN:
                continue
            given = [*value.args, *(k.value for k in value.keywords)]
            uses = [
                n
                for n in ast.walk(cls)
                if isinstance(n, ast.Attribute)
                and isinstance(n.ctx, ast.Load)
                and n.attr == last_name(node.targets[0])
            ]
            called = [
                n.func
                for n in ast.walk(methods["forward"])
                if isinstance(n, ast.Call) and n.func in uses
            ]
            if len(uses) == 1 and called and all(isinstance(g, ast.Constant) for g in given):
                yield [(node, "pass"), (uses[0], program.source(value))]


_DRAWN = frozenset("Linear Conv1d Conv2d Conv3d ConvTranspose2d Embedding LSTM GRU".split())


def softmax_over_examples(program: Program) -> Iterator[list[Replacement]]:
    """`F.softmax(x, dim=1)` and `dim=-1` become `dim=0`."""
    for call in program.calls("softmax", "log_softmax", "Softmax", "LogSoftmax"):
        given = [k.value for k in call.keywords if k.arg == "dim"] or call.args[-1:]
        if given and program.source(given[0]) in ("1", "-1"):
            yield [(given[0], "0")]


def forget_super_init(program: Program) -> Iterator[list[Replacement]]:
    """A constructor of a module loses `super().__init__()`, which takes nothing."""
    for call in program.statements("__init__"):
        inner = call.value
        if not isinstance(inner, ast.Call) or inner.args or inner.keywords:
            continue
        classes = [n for n in program.around(call) if isinstance(n, ast.ClassDef)]
        if classes and any(last_name(base) == "Module" for base in classes[0].bases):
            if program.source(inner.func).startswith("super("):
                yield [(call, "pass")]


def one_layer_for_all(program: Program) -> Iterator[list[Replacement]]:
    """`[Block(width) for _ in range(depth)]` becomes `[Block(width)] * depth`."""
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Call) or last_name(node.func) != "ModuleList":
            continue
        for made in node.args:
            match made:
                case ast.ListComp(
                    elt=ast.Call() as layer,
                    generators=[
                        ast.comprehension(
                            target=ast.Name(id=name),
                            iter=ast.Call(func=ast.Name(id="range"), args=[times]),
                            ifs=[],
                        )
                    ],
                ) if name not in program.source(layer):
                    yield [(made, f"[{program.source(layer)}] * ({program.source(times)})")]


def leave_out_layer(program: Program) -> Iterator[list[Replacement]]:
    """`x = self.norm(x)`, the only use of a layer with weights, is left out of `forward`."""
    for cls in (n for n in ast.walk(program.tree) if isinstance(n, ast.ClassDef)):
        layers = {
            last_name(n.targets[0])
            for n in ast.walk(cls)
            if isinstance(n, ast.Assign)
            and isinstance(n.value, ast.Call)
            and last_name(n.value.func) in _WEIGHTED
            and isinstance(n.targets[0], ast.Attribute)
        }
        for node in ast.walk(cls):
            match node:
                case ast.Assign(
                    targets=[ast.Name(id=name)],
                    value=ast.Call(
                        func=ast.Attribute(value=ast.Name(id="self"), attr=layer),
                        args=[ast.Name(id=given)],
                    ),
                ) if given == name and layer in layers:
                    if program.text.count(f".{layer}") == 2:
                        yield [(node, "pass")]


_WEIGHTED = _DRAWN | {"LayerNorm", "BatchNorm1d", "BatchNorm2d", "GroupNorm", "Sequential"}
_CAUSAL = ("tril", "triu", "is_causal", "subsequent", "causal")
_MASK_ARGUMENTS = frozenset("mask attn_mask src_mask tgt_mask is_causal tgt_is_causal".split())


def forget_causal_mask(program: Program) -> Iterator[list[Replacement]]:
    """Every `scores = scores.masked_fill(mask == 0, -inf)` of a file goes, and so do `is_causal`
    and masks that attention is given by name, where the file makes causal ones."""
    changed: list[Replacement] = []
    for node in ast.walk(program.tree) if any(w in program.text for w in _CAUSAL) else ():
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            if last_name(node.value.func) == "masked_fill" and len(node.targets) == 1:
                changed.append((node, "pass"))
        elif isinstance(node, ast.Call):
            given = [k for k in node.keywords if k.arg in _MASK_ARGUMENTS]
            if given and last_name(node.func) not in ("dict", "partial"):
                kept = [program.source(a) for a in node.args]
                kept += [program.source(k) for k in node.keywords if k not in given]
                changed.append((node, f"{program.source(node.func)}({', '.join(kept)})"))
    if changed:
        yield changed


def forget_memory_mask(program: Program) -> Iterator[list[Replacement]]:
    """What attends to a memory loses the mask of its padding: `memory_key_padding_mask` by name, or
    as the eighth argument of a transformer; `key_padding_mask` where the keys are not the queries
    and something else in the file has such a mask."""
    for node in ast.walk(program.tree):
        if not isinstance(node, ast.Call):
            continue
        given = [k for k in node.keywords if k.arg == "memory_key_padding_mask"]
        if not given and _is_crossed(program, node):
            given = [k for k in node.keywords if k.arg == "key_padding_mask"]
        if given and program.source(given[0].value) != "None":
            kept = [program.source(a) for a in node.args]
            kept += [program.source(k) for k in node.keywords if k not in given]
            yield [(node, f"{program.source(node.func)}({', '.join(kept)})")]
        elif len(node.args) == _WITH_MEMORY_MASK and "ransformer" in last_name(node.func):
            if re.search("pad|mask", program.source(node.args[-1])):
                yield [(node.args[-1], "None")]


_WITH_MEMORY_MASK = 8


def _is_crossed(program: Program, call: ast.Call) -> bool:
    """Whether attention looks at something else than what asks, beside an encoder with a mask."""
    named = {k.arg: program.source(k.value) for k in call.keywords if k.arg}
    query, key = [*(program.source(a) for a in call.args), "", ""][:2]
    query, key = named.get("query", query), named.get("key", key)
    memory = re.search("memory|enc|src|source|context", key)
    masks = program.text.count("key_padding_mask=")
    return bool(memory) and query.partition(".")[0] != key.partition(".")[0] and masks > 1


def turn_padding_mask(program: Program) -> Iterator[list[Replacement]]:
    """`(tokens != 0).unsqueeze(1).unsqueeze(2)` becomes `….unsqueeze(1).unsqueeze(3)`, and
    `(tokens == 0).unsqueeze(1)` becomes `….unsqueeze(2)`."""
    for outer in program.calls("unsqueeze"):
        text = program.source(outer)
        inner = outer.func.value if isinstance(outer.func, ast.Attribute) else None
        if text.endswith(".unsqueeze(1).unsqueeze(2)"):
            yield [(outer, text.removesuffix("(2)") + "(3)")]
        elif text.endswith(".unsqueeze(1)") and isinstance(inner, ast.Compare):
            yield [(outer, text.removesuffix("(1)") + "(2)")]


def activate_logits(program: Program) -> Iterator[list[Replacement]]:
    """`nn.Sequential(…, nn.Linear(64, 10))` gets a ReLU at its end, in files with a cross entropy."""
    if not any(
        name in program.text for name in ("CrossEntropyLoss", "cross_entropy", "WithLogits")
    ):
        return
    for call in program.calls("Sequential"):
        last = call.args[-1] if call.args else None
        if isinstance(last, ast.Call) and last_name(last.func) == "Linear":
            prefix = program.source(last.func).rpartition(".")[0]
            if prefix:
                yield [(last, f"{program.source(last)}, {prefix}.ReLU()")]


def uneven_heads(program: Program) -> Iterator[list[Replacement]]:
    """A known number of heads beside a known width becomes one that does not divide it: given to a
    layer of attention, or by name to what holds one."""
    if not any(f"{name}(" in program.text for name in _ATTENTION):
        return
    known = _numbers(program)
    changed = set[int]()
    for call in (n for n in ast.walk(program.tree) if isinstance(n, ast.Call)):
        named = {k.arg: k.value for k in call.keywords if k.arg}
        width = next((named[n] for n in _WIDTHS if n in named), None)
        heads = next((named[n] for n in _HEADS if n in named), None)
        if last_name(call.func) in _ATTENTION:
            width, heads = (
                given or n for given, n in zip((width, heads), _first_two(call), strict=True)
            )
        size, number = (_number_of(n, known) for n in (width, heads))
        if size and number and id(number) not in changed:
            changed.add(id(number))
            wide = int(str(size.value))
            yield [(number, str(next(n for n in range(3, 99) if wide % n)))]


_ATTENTION = tuple(
    "MultiheadAttention TransformerEncoderLayer TransformerDecoderLayer nn.Transformer "
    "Transformer".split()
)
_WIDTHS = tuple("d_model embed_dim hidden_dim hidden_size emb_size embed_size dim".split())
_HEADS = tuple("nhead num_heads n_heads nheads heads n_head".split())


def _first_two(call: ast.Call) -> list[ast.expr | None]:
    return [*call.args, None, None][:2]


def _numbers(program: Program) -> dict[str, list[ast.AST]]:
    """What is assigned to each name."""
    found: dict[str, list[ast.AST]] = {}
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                found.setdefault(program.source(target), []).append(node.value)
        elif isinstance(node, ast.arg):
            # an argument may be anything
            found.setdefault(node.arg, []).extend([node, node])
    return found


def _number_of(node: ast.AST | None, known: dict[str, list[ast.AST]]) -> ast.Constant | None:
    """The literal that a number comes from."""
    if isinstance(node, ast.Name) and len(known.get(node.id, [])) == 1:
        node = known[node.id][0]
    if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > _PAIR:
        return node
    return None


_PAIR = 2


def forget_batch_first(program: Program) -> Iterator[list[Replacement]]:
    for name in ("LSTM", "GRU", "RNN", "MultiheadAttention", "TransformerEncoderLayer"):
        for call in program.calls(name):
            told = [k for k in call.keywords if k.arg == "batch_first"]
            if told and program.source(told[0].value) == "True":
                yield [(told[0].value, "False")]


def scale_by_batch(program: Program) -> Iterator[list[Replacement]]:
    """`F.normalize(x, dim=1)` becomes `(x / x.norm())`."""
    for call in program.calls("normalize"):
        if call.args and isinstance(call.args[0], ast.Name) and len(call.args) < 3:
            name = program.source(call.args[0])
            yield [(call, f"({name} / {name}.norm())")]


def squeeze_everything(program: Program) -> Iterator[list[Replacement]]:
    """`x.squeeze(1)` becomes `x.squeeze()`, but of single examples and arrays, which have no batch."""
    for call in program.calls("squeeze"):
        holders = [n for n in program.around(call) if isinstance(n, ast.ClassDef)]
        methods = {m.name for h in holders for m in h.body if isinstance(m, ast.FunctionDef)}
        if "__getitem__" in methods or program.source(call).startswith(("np.", "numpy.")):
            continue
        given = [*call.args, *(k.value for k in call.keywords)]
        on_tensor = isinstance(call.func, ast.Attribute) and len(given) == 1
        if on_tensor and program.source(given[0]) in ("1", "-1", "2"):
            yield [(call, f"{program.source(call.func)}()")]


def lowest_layer(program: Program) -> Iterator[list[Replacement]]:
    """`hidden[-1]` becomes `hidden[0]`, where layers are stacked."""
    if not re.search(r"num_layers\s*=\s*[2-9]", program.text):
        return
    for node in ast.walk(program.tree):
        if isinstance(node, ast.Subscript) and program.source(node.slice) == "-1":
            if re.fullmatch(r"h_?n?|hidden|h_t|last|state", program.source(node.value)):
                yield [(node.slice, "0")]


OPERATORS: dict[str, tuple[Operator, ...]] = {
    "flatten-batch": (flatten_everything,),
    "view-mixes-batch": (forget_transpose,),
    "softmax-over-batch": (softmax_over_examples,),
    "missing-causal-mask": (forget_causal_mask,),
    "missing-memory-mask": (forget_memory_mask,),
    "padding-mask-axis": (turn_padding_mask,),
    "saturating-output": (activate_logits,),
    "heads-not-divisible": (uneven_heads,),
    "batch-reduction": (scale_by_batch,),
    "squeeze-without-dim": (squeeze_everything,),
    "hidden-state-index": (lowest_layer,),
    "batch-first-mismatch": (forget_batch_first,),
    "unregistered-module": (plain_container,),
    "unregistered-tensor": (parameter_moved, buffer_as_attribute),
    "layer-in-forward": (layer_in_forward,),
    "missing-super-init": (forget_super_init,),
    "shared-layer-copies": (one_layer_for_all,),
    "unused-module": (leave_out_layer,),
    "dropout-before-batchnorm": (dropout_before_norm,),
    "discarded-tensor-op": (throw_away,),
    "dropout-always-on": (forget_mode,),
    "augmentation-in-eval": (augment_evaluation,),
    "default-step-decay": (copy_imagenet_schedule,),
}
