"""Timelines: which events a program has, in which loops, branches and modes."""

from __future__ import annotations

import pytest
from program_text import analysed, main_program

from nnlint.semantics.timeline import Block, Event, loops_in, way_of_sample

HEAD = """
import copy
import torch
from torch import nn
net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loader = torch.utils.data.DataLoader(data)
"""
QUIET = ("build", "draw")


def outline(block: Block) -> str:
    """A timeline in one line: `loop(forward backward branch(arm(step) arm:continue()))`."""
    parts = []
    for child in block.children:
        if isinstance(child, Event):
            if child.kind not in QUIET:
                parts.append(child.kind)
            continue
        inner = outline(child)
        if not inner and child.kind not in ("arm", "loop"):
            continue
        name = child.kind + (f":{child.end}" if child.end != "next" else "")
        parts.append(inner if child.kind in ("call", "iteration") else f"{name}({inner})")
    return " ".join(p for p in parts if p)


def events_of(text: str, **others: str) -> str:
    return outline(main_program(HEAD + text, **others).timeline)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("for x in loader:\n    net(x).mean().backward()", "loop(forward backward)"),
        (
            "for i, x in enumerate(loader):\n    net(x).mean().backward()\n"
            "    if (i + 1) % 4 == 0:\n        optimizer.step()",
            "loop(forward backward branch(arm(step) arm()))",
        ),
        (
            "for x in loader:\n    if x is bad:\n        continue\n    net(x).mean().backward()",
            "loop(branch(arm:continue() arm()) forward backward)",
        ),
        ("while True:\n    optimizer.step()\n    break", "loop:break(step)"),
        (
            "try:\n    net(x)\nexcept RuntimeError:\n    optimizer.zero_grad()",
            "forward branch(arm() arm(zero_grad))",
        ),
        ("y = net(a) if flag else None", "branch(arm(forward) arm())"),
        ("for model in (net, net):\n    model.eval()", "loop(eval eval)"),
        ("for epoch in range(3):\n    optimizer.step()", "loop(step)"),
        ("[o.zero_grad() for o in [optimizer]]", "loop(zero_grad)"),
    ],
)
def test_blocks(body, expected):
    assert events_of(body) == expected


def test_closure_runs_before_the_step_it_is_given_to():
    body = (
        "def closure():\n    optimizer.zero_grad()\n    loss = net(x).mean()\n"
        "    loss.backward()\n    return loss\noptimizer.step(closure)"
    )
    assert events_of(body) == "zero_grad forward backward step"


def test_a_decorator_of_the_project_is_applied():
    body = (
        "def evaluating(function):\n    def wrapper(model, *rest):\n        model.eval()\n"
        "        return function(model, *rest)\n    return wrapper\n"
        "@evaluating\ndef validate(model, loader):\n    return model(loader)\n"
        "validate(net, loader)"
    )
    assert events_of(body) == "eval forward"


def test_a_decorated_method_keeps_its_self():
    body = (
        "def evaluating(method):\n    def wrapper(self, *rest):\n        self.net.eval()\n"
        "        return method(self, *rest)\n    return wrapper\n"
        "class Trainer:\n    def __init__(self, net):\n        self.net = net\n"
        "    @evaluating\n    def validate(self, x):\n        return self.net(x)\n"
        "Trainer(net).validate(x)"
    )
    assert events_of(body) == "eval forward"


def test_a_context_manager_class_enters_and_leaves():
    body = (
        "class Evaluating:\n    def __init__(self, model):\n        self.model = model\n"
        "    def __enter__(self):\n        self.model.eval()\n        return self\n"
        "    def __exit__(self, *error):\n        self.model.train()\n"
        "with Evaluating(net):\n    net(x)"
    )
    assert events_of(body) == "eval forward train"


def test_a_generator_context_manager_wraps_its_body():
    body = (
        "from contextlib import contextmanager\n"
        "@contextmanager\ndef evaluating(model):\n    model.eval()\n    try:\n        yield\n"
        "    finally:\n        model.train()\nwith evaluating(net):\n    net(x)"
    )
    assert events_of(body) == "eval forward train"


@pytest.mark.parametrize(
    ("call", "event"),
    [
        ("net.train()", "train"),
        ("net.train(False)", "eval"),
        ("net.train(mode=False)", "eval"),
        ("net.train(flag)", "mode"),
        ("nn.DataParallel(net).module.eval()", "wrap eval"),
        ("torch.compile(net)._orig_mod.eval()", "eval"),
    ],
)
def test_modes(call, event):
    assert events_of(call) == event


@pytest.mark.parametrize(
    ("statement", "event"),
    [
        ("for p in net.parameters():\n    p.grad = None", "loop(zero_grad)"),
        ("for p in net.parameters():\n    p.grad.zero_()", "loop(zero_grad)"),
        ("for p in net.parameters():\n    p.grad.data.zero_()", "loop(zero_grad)"),
        ("for p, g in zip(net.parameters(), gs):\n    p.grad = g", "loop(set_grad)"),
        ("net[0].weight.grad.zero_()", "zero_grad"),
    ],
)
def test_gradients_cleared_or_set_by_hand(statement, event):
    assert events_of(statement) == event


def test_a_choice_of_optimizers_steps_once():
    body = (
        "if args.adam:\n    opt = torch.optim.Adam(net.parameters())\n"
        "else:\n    opt = torch.optim.SGD(net.parameters())\nopt.zero_grad()\nopt.step()"
    )
    assert events_of(body) == "branch(arm() arm()) zero_grad step"


def test_an_optimizer_of_the_project_steps():
    body = (
        "class Mine(torch.optim.Optimizer):\n    def step(self):\n        pass\n"
        "mine = Mine(net.parameters(), {})\nmine.zero_grad()\nmine.step()"
    )
    assert events_of(body) == "zero_grad step"


def test_a_models_own_code_is_one_forward_pass():
    body = (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.body = nn.Sequential(nn.Linear(1, 1))\n"
        "    def forward(self, x):\n        return self.body(self.body(x))\n"
        "    def sample(self, x):\n        return self.body(x)\n"
        "    def init_hidden(self):\n        return torch.zeros(1)\n"
        "model = Net()\nmodel(x)\nmodel.sample(x)\nmodel.init_hidden()"
    )
    program = main_program(HEAD + body)
    passes = program.events("forward")
    assert [e.site.text for e in passes] == ["model(x)", "model.sample(x)"]
    assert passes[0].subject is passes[1].subject


@pytest.mark.parametrize(
    "launch",
    [
        "import torch.multiprocessing as mp\nmp.spawn(work, args=(net,), nprocs=2)",
        "from torch.multiprocessing import Process\nProcess(target=work, args=(0, net)).start()",
        "from accelerate import notebook_launcher\nnotebook_launcher(work, (0, net))",
        "import fire\nfire.Fire(work)",
        "import optuna\noptuna.create_study().optimize(work)",
        "from somewhere import launch\nlaunch(work)",
    ],
)
def test_functions_that_are_launched_run(launch):
    program = main_program(HEAD + "def work(rank, model):\n    optimizer.step()\n" + launch)
    assert len(program.events("step")) == 1


def test_a_copy_is_an_object_of_its_own():
    program = main_program(HEAD + "target = copy.deepcopy(net)\ntarget.eval()\nnet(x)")
    (evaluated,), (passed,) = program.events("eval"), program.events("forward")
    assert evaluated.subject is not passed.subject


def test_two_loops_over_one_unknown_list_meet_the_same_elements():
    program = main_program(
        "def run(optimizers):\n    for o in optimizers:\n        o.zero_grad()\n"
        "    for opt in optimizers:\n        opt.step()\nrun(load())"
    )
    (cleared,), (step,) = program.events("zero_grad"), program.events("step")
    assert cleared.subject is step.subject


def test_pruning_keeps_early_exits():
    text = "for x in loader:\n    print(x)\n    if bad(x):\n        continue\n    optimizer.step()"
    timeline = analysed(HEAD + text).programs[0].timeline
    kept = timeline.only(lambda event: event.kind == "step")
    assert outline(kept) == "loop(branch(arm:continue() arm()) step)"


def test_a_module_first_read_in_a_branch_stays_known_after_it():
    program = main_program(
        "if input():\n    from model import build\nelse:\n    from model import build\n"
        "net = build()\nnet(x)",
        model="import torch.nn as nn\ndef build():\n    return nn.Linear(1, 1)\n",
    )
    (passed,) = program.events("forward")
    assert passed.subject.entry.name == "torch.nn.Linear"


@pytest.mark.parametrize(
    "line, event",
    [
        ("scaler.scale(loss).backward()", "scale backward"),
        ("scaler.unscale_(optimizer)", "unscale"),
        ("scaler.step(optimizer)", "step"),
        ("scaler.update()", "update"),
        ("meter.update(loss)", ""),
        ("engine.clip_grad_norm_(model.parameters(), 1.0)", "clip"),
    ],
)
def test_scalers_and_engines_are_known_by_their_methods(line: str, event: str) -> None:
    text = f"""
def train(model, optimizer, scaler, engine, meter, loss):
    loss.backward()
    {line}
"""
    (program,) = [p for p in analysed(text).programs if p.name == "train"]
    assert outline(program.timeline) == f"entry({' '.join(['backward', event]).strip()})"
    if event == "step":
        (step,) = program.events("step")
        assert getattr(step.subject, "name", "") == "optimizer"


def test_an_argument_that_may_be_left_out_is_one_object() -> None:
    text = """
def train(model, loss, optimizer=None):
    if optimizer is not None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
    (program,) = [p for p in analysed(text).programs if p.name == "train"]
    (clear,), (step,) = program.events("zero_grad"), program.events("step")
    assert clear.subject is step.subject


def test_events_under_autocast() -> None:
    text = """
with torch.autocast("cuda"):
    loss = net(x).sum()
with torch.autocast("cuda", enabled=False):
    loss.backward()
"""
    program = main_program(HEAD + text)
    assert [e.autocast for e in program.events("forward", "backward")] == [True, False]


def test_a_finished_block_looks_for_events_once_and_one_that_grows_every_time():
    program = main_program(
        "import torch\noptimizer = torch.optim.Adam([x])\nfor b in c:\n    optimizer.step()"
    )
    (event,) = program.events("step")
    block = Block("root", children=[Block("loop", children=[event])])
    assert block.events("step") == [event] and block.events("step") is not block.events("step")
    block.finish()
    assert block.events("step") == [event] and block.events("step") is block.events("step")


def test_gradients_that_are_looked_at():
    assert events_of("for p in net.parameters():\n    print(p.grad.norm())") == "loop(read_grad)"
    body = "for p in net.parameters():\n    if p.grad is not None:\n        p.grad.zero_()"
    assert "read_grad" not in events_of(body)


def test_the_loops_inside_of_a_block_come_before_those_inside_of_them():
    program = main_program(
        "for epoch in epochs:\n    for batch in batches:\n        pass\nif x:\n    for y in ys:\n        pass"
    )
    found = [getattr(loop.site.node.iter, "id", "") for loop in loops_in(program.timeline)]
    assert found == ["epochs", "batches", "ys"]


def test_the_way_of_a_sample_is_known_of_data_sets_and_of_nothing_else():
    program = main_program(
        "from torch import nn\nfrom torchvision import datasets, transforms\n"
        "data = datasets.CIFAR10('data', transform=transforms.RandomHorizontalFlip())\n"
        "net = nn.Linear(4, 1)"
    )
    data, net = (next(b for b in program.builds if b.entry.kind == k) for k in ("dataset", "layer"))
    way = way_of_sample(data)
    assert way is not None and way.events("transform")
    assert way_of_sample(net) is None and way_of_sample(None) is None
