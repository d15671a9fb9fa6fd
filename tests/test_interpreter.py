"""What the interpreter knows: names across modules, values, branches, loops, heaps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from program_text import analysed, main_program

from nnlint.semantics.axes.regroup import Kind
from nnlint.semantics.dataflow import activation, producers
from nnlint.semantics.interpreter.batches import begins_with_batch
from nnlint.semantics.values import (
    Built,
    Choice,
    Constant,
    Instance,
    Items,
    Operation,
    Parameters,
    Tensor,
    Unknown,
)


def built(program, name):
    """The first object of a library class that a program builds."""
    return next(
        e.subject
        for e in program.events("build")
        if isinstance(e.subject, Built) and e.subject.entry.name.endswith(f".{name}")
    )


def test_aliased_import_is_resolved():
    program = main_program("import torch.nn as anything\nlayer = anything.Linear(2, 3)")
    assert built(program, "Linear").arguments["out_features"].value == 3


def test_class_of_another_module_is_interpreted():
    program = main_program(
        "from model import Net\nnet = Net(7)",
        model="""
        from torch import nn
        class Net(nn.Module):
            def __init__(self, width):
                super().__init__()
                self.layer = nn.Linear(width, width * 2)
        """,
    )
    assert built(program, "Linear").arguments["out_features"].value == 14


def test_reexport_and_relative_import():
    program = main_program(
        "from package import build\nbuild()",
        package="from package.parts import build",
        **{"package.parts": "import torch\ndef build():\n    torch.manual_seed(0)"},
    )
    assert program.events("seed")


def test_star_import_of_a_project_module():
    program = main_program(
        "from tools import *\nfix()", tools="import torch\ndef fix():\n    torch.manual_seed(1)"
    )
    assert program.events("seed")


def test_parameter_default_is_soft():
    program = main_program("from torch import nn\ndef f(p=0.5):\n    return nn.Dropout(p)\nf()")
    rate = built(program, "Dropout").arguments["p"]
    assert isinstance(rate, Constant) and rate.soft and rate.value == 0.5


def test_argparse_default_is_soft():
    program = main_program(
        """
        import argparse, torch
        from torch import nn
        parser = argparse.ArgumentParser()
        parser.add_argument("--width", type=int, default=32)
        args = parser.parse_args()
        layer = nn.Linear(args.width, 1)
        """
    )
    width = built(program, "Linear").arguments["in_features"]
    assert width.value == 32 and width.soft


def test_dataclass_default_is_soft():
    program = main_program(
        """
        from dataclasses import dataclass
        from torch import nn
        @dataclass
        class Config:
            width: int = 16
        config = Config()
        layer = nn.Linear(config.width, 1)
        """
    )
    assert built(program, "Linear").arguments["in_features"].value == 16


def test_optimizer_knows_whose_parameters_it_holds():
    program = main_program(
        """
        import torch
        from torch import nn
        net = nn.Linear(1, 1)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        """
    )
    held = built(program, "SGD").arguments["params"]
    assert isinstance(held, Parameters) and held.models == (built(program, "Linear"),)


def test_list_built_in_a_loop_becomes_a_sequential():
    program = main_program(
        """
        from torch import nn
        layers = []
        for width in [1, 2, 3]:
            layers.append(nn.Linear(width, width))
        net = nn.Sequential(*layers)
        """
    )
    assert len(built(program, "Sequential").members) == 3


def test_both_arms_of_an_unknown_branch_are_joined():
    program = main_program(
        """
        import sys
        import torch.nn.functional as F
        def head(x, kind):
            if kind == sys.argv[1]:
                x = F.softmax(x, dim=1)
            return F.cross_entropy(x, x)
        head(object(), "a")
        """
    )
    loss = next(o for o in program.operations if o.entry.kind == "loss")
    assert activation(loss.inputs[0]) is None


def test_heap_writes_of_a_branch_do_not_leak_into_the_other():
    program = main_program(
        """
        import sys
        from torch import nn
        class Holder: pass
        holder = Holder()
        if sys.argv:
            holder.width = 1
            layer = nn.Linear(holder.width, 1)
        else:
            holder.width = 2
            layer = nn.Conv1d(holder.width, 1, 1)
        """
    )
    assert built(program, "Linear").arguments["in_features"].value == 1
    assert built(program, "Conv1d").arguments["in_channels"].value == 2


def test_decided_condition_takes_one_arm():
    program = main_program(
        "import torch\nFLAG = False\nif FLAG:\n    torch.manual_seed(0)\nelse:\n    pass"
    )
    assert not program.events("seed")


def test_softmax_is_seen_through_a_model_and_a_view():
    program = main_program(
        """
        import torch
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Sequential(nn.Linear(4, 2), nn.Softmax(dim=1))
            def forward(self, x):
                return self.body(x).view(-1, 2)
        loss = nn.CrossEntropyLoss()(Net()(torch.randn(3, 4)), torch.zeros(3))
        """
    )
    loss = next(o for o in program.operations if o.entry.kind == "loss")
    name, operation = activation(loss.inputs[0])
    assert name == "softmax" and isinstance(operation, Operation)


def test_inherited_forward_and_super_init():
    program = main_program(
        """
        import torch
        from torch import nn
        class Base(nn.Module):
            def __init__(self, width):
                super().__init__()
                self.layer = nn.Linear(width, 1)
            def forward(self, x):
                return self.layer(x)
        class Child(Base):
            def __init__(self):
                super().__init__(5)
        Child()(torch.randn(2, 5))
        """
    )
    assert [e.subject.cls.node.name for e in program.events("forward")] == ["Child"]
    assert any(o.entry.family == "linear" for o in program.operations)


def test_contextmanager_of_the_project_wraps_the_body():
    program = main_program(
        """
        import contextlib
        from torch import nn
        net = nn.Linear(1, 1)
        @contextlib.contextmanager
        def evaluating(model):
            model.eval()
            yield model
            model.train()
        with evaluating(net):
            net.zero_grad()
        """
    )
    assert [e.kind for e in program.events("eval", "zero_grad", "train")] == [
        "eval",
        "zero_grad",
        "train",
    ]


def test_no_grad_as_context_and_as_decorator():
    program = main_program(
        """
        import torch
        from torch import nn
        class Net(nn.Module):
            def forward(self, x):
                return x
        net = Net()
        @torch.no_grad()
        def first(x):
            return net(x)
        def second(x):
            with torch.inference_mode():
                return net(x)
        first(1); second(1); net(1)
        """
    )
    assert [e.grad for e in program.events("forward")] == [False, False, True]


def test_recursion_ends():
    program = main_program("def f(x):\n    return f(x)\nf(1)")
    assert program.complete


def test_endless_work_is_given_up():
    body = "\n".join(
        f"def f{i}():\n    f{i + 1}()\n    f{i + 1}()\n    f{i + 1}()" for i in range(11)
    )
    text = body + "\ndef f11():\n    x = [i for i in range(8)]\nf0()"
    assert not main_program(text).complete


def test_function_not_reached_from_the_body_is_a_root_of_its_own():
    analysis = analysed(
        """
        def train(model, optimizer, loader, criterion):
            for x, y in loader:
                criterion(model(x), y).backward()
                optimizer.step()
        """
    )
    assert [p.name for p in analysis.programs] == ["__main__", "train"]
    assert [e.kind for e in analysis.programs[1].events("backward", "step")] == ["backward", "step"]


def test_events_of_a_closure_given_to_step_are_seen():
    program = main_program(
        """
        import torch
        from torch import nn
        net = nn.Linear(1, 1)
        optimizer = torch.optim.LBFGS(net.parameters())
        def closure():
            optimizer.zero_grad()
            loss = net(torch.ones(1, 1)).sum()
            loss.backward()
            return loss
        for _ in range(10):
            optimizer.step(closure)
        """
    )
    assert {e.kind for e in program.events("step", "zero_grad", "backward")} == {
        "step",
        "zero_grad",
        "backward",
    }


def test_values_of_a_configuration_dictionary():
    program = main_program(
        "from torch import nn\nconfig = {'width': 3, 'deep': {'p': 0.1}}\n"
        "a = nn.Linear(config['width'], 1)\nb = nn.Dropout(config['deep']['p'])"
    )
    assert built(program, "Linear").arguments["in_features"].value == 3
    assert built(program, "Dropout").arguments["p"].value == 0.1


def test_instance_and_items_are_what_they_look_like():
    analysis = analysed("class A:\n    def __init__(self):\n        self.parts = [1, 2]\na = A()")
    (event,) = analysis.programs[0].events("build")
    assert isinstance(event.subject, Instance) and isinstance(event.subject.state["parts"], Items)


def test_producers_of_a_source_are_unknown():
    program = main_program(
        "import torch.nn.functional as F\ndef f(x):\n    return F.relu(x)\nf(open('x'))"
    )
    (relu,) = program.operations
    assert producers(relu.inputs[0]) is None


def test_a_list_that_grows_later_is_not_known_to_be_empty():
    program = main_program(
        """
        import torch
        from torch import nn

        class Agent:
            def __init__(self):
                self.net = nn.Linear(2, 2)
                self.optimizer = torch.optim.Adam(self.net.parameters())
                self.memory = []

            def put(self, item):
                self.memory.append(item)

            def learn(self):
                if len(self.memory) < 32:
                    return
                for state in self.memory:
                    self.net(state).mean().backward()
                self.optimizer.step()

        agent = Agent()
        while True:
            agent.put(torch.rand(2))
            agent.learn()
        """
    )
    assert program.events("backward") and program.events("step")


@pytest.mark.parametrize(
    "loop",
    [
        "count = 0\nfor x in loader:\n    count += 1\n    if count % 4 == 0:\n        optimizer.step()",
        "first = True\nfor x in loader:\n    if not first:\n        optimizer.step()\n    first = False",
    ],
)
def test_what_a_loop_assigns_is_known_in_its_first_round_only(loop):
    build = "import torch\noptimizer = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), 1.0)\n"
    assert main_program(build + loop).events("step")


def test_an_attribute_that_other_methods_assign_is_not_a_constant():
    program = main_program(
        """
        import torch

        class Trainer:
            def __init__(self, model):
                self.rounds = 0
                self.optimizer = torch.optim.SGD(model.parameters(), 1.0)

            def update(self):
                self.rounds += 1
                if self.rounds % 10 == 0:
                    self.optimizer.step()

        trainer = Trainer(torch.nn.Linear(1, 1))
        trainer.update()
        """
    )
    assert program.events("step")


def test_the_backward_pass_of_a_scaled_loss_of_unknown_origin():
    program = main_program(
        """
        import torch
        from elsewhere import model

        scaler = torch.amp.GradScaler()
        for x, y in loader:
            _, loss = model(x, y)
            scaler.scale(loss / 4).backward()
        """
    )
    assert program.events("backward")


def test_a_scheduler_of_unknown_class_is_told_by_its_name():
    program = main_program("from elsewhere import make\nlr_scheduler = make()\nlr_scheduler.step()")
    assert program.events("scheduler_step") and not program.events("step")


@pytest.mark.parametrize(
    "build, use",
    [
        ("nn.ModuleDict(dict(head=nn.Softmax(dim=1), body=nn.Linear(2, 2)))", "parts.head"),
        ("nn.ModuleDict({'head': nn.Softmax(dim=1)})", "parts['head']"),
        ("nn.ModuleDict([['head', nn.Softmax(dim=1)]])", "parts.head"),
        ("nn.Sequential(OrderedDict([('body', nn.ReLU()), ('head', nn.Softmax(1))]))", "parts[-1]"),
        ("nn.Sequential(OrderedDict(body=nn.ReLU(), head=nn.Softmax(1)))", "parts.head"),
        ("nn.ModuleDict()\nparts['head'] = nn.Softmax(1)", "parts['head']"),
    ],
)
def test_members_of_containers_by_name(build, use):
    text = "import torch\nfrom collections import OrderedDict\nfrom torch import nn\n"
    text += f"parts = {build}\nresult = {use}(torch.rand(2, 2))"
    analysis = analysed(text)
    assert any(o.entry.family == "softmax" for o in analysis.operations)


def test_a_size_taken_from_a_slice_of_an_option_stays_one_size():
    analysis = analysed(
        """
        from torch import nn

        class Decoder(nn.Module):
            def __init__(self, channels):
                super().__init__()
                self.width = channels[1:][::-1][0]
                self.conv = nn.Conv2d(self.width, self.width, 3, padding=1)

            def forward(self, x):
                b, _, h, w = x.shape
                rows = self.conv(x).flatten(2).transpose(1, 2)
                return rows.reshape(b, self.width, h, w)
        """
    )
    view = next(o.view for o in analysis.operations if o.entry.family == "reshape")
    assert view.kind is Kind.SCRAMBLES


OPTIONS = {
    "argparse": "import argparse\np = argparse.ArgumentParser()\n"
    "p.add_argument('--drop-rate', default=0.5)\nrate = p.parse_args().drop_rate",
    "argparse group": "import argparse\np = argparse.ArgumentParser()\ng = p.add_argument_group('m')\n"
    "g.add_argument('-d', '--drop', default=0.5)\nrate = vars(p.parse_args())['drop']",
    "argparse parents": "import argparse\nq = argparse.ArgumentParser(add_help=False)\n"
    "q.add_argument('--drop', default=0.5)\np = argparse.ArgumentParser(parents=[q])\n"
    "rate = p.parse_args().drop",
    "namespace": "from types import SimpleNamespace\nrate = SimpleNamespace(drop=0.5).drop",
    "easydict": "from easydict import EasyDict as edict\nrate = edict({'drop': 0.5}).drop",
    "class": "class Config:\n    drop = 0.5\nrate = Config.drop",
    "dictionary": "config = {'drop': 0.5}\nrate = config['drop']",
    "get": "config = {'drop': 0.5}\nrate = config.get('drop', 0.1)",
    "dataclass": "from dataclasses import dataclass\n@dataclass\nclass Config:\n    drop: float = 0.5\n"
    "rate = Config().drop",
    "click": "import click\n@click.command()\n@click.option('--drop', default=0.5)\ndef main(drop):\n"
    "    nn.Dropout(drop)\nmain()\nrate = 0.5",
    "typer": "import typer\ndef main(drop: float = typer.Option(0.5)):\n    nn.Dropout(drop)\nmain()\nrate = 0.5",
}


@pytest.mark.parametrize("text", OPTIONS.values(), ids=OPTIONS)
def test_option_is_a_soft_constant(text):
    program = main_program(f"from torch import nn\n{text}\nnn.Dropout(rate)")
    rate = built(program, "Dropout").arguments["p"]
    assert isinstance(rate, Constant) and rate.value == 0.5 and rate.soft


def test_an_option_that_is_declared_elsewhere_is_an_option():
    text = "import argparse\nfrom torch import nn\np = argparse.ArgumentParser()\ndeclare(p)\n"
    program = main_program(f"{text}nn.Dropout(p.parse_args().drop)")
    rate = built(program, "Dropout").arguments["p"]
    assert isinstance(rate, Unknown) and rate.origin == "option"


def test_what_only_prepares_an_error_is_not_interpreted():
    program = main_program(
        """
        import torch
        def option(name, known):
            if name in known:
                return torch.softmax(known[name], 1)
            for other in known:
                torch.sigmoid(other)
            raise ValueError(name)
        option("a", loaded)
        """
    )
    assert [o.entry.family for o in program.operations] == ["softmax"]


def test_a_script_that_ends_with_the_status_of_its_main():
    program = main_program(
        """
        import torch
        def main():
            torch.softmax(torch.rand(1, 1), 1)
        if __name__ == "__main__":
            print("start")
            raise SystemExit(main())
        """
    )
    assert program.operations[-1].entry.family == "softmax"


def test_a_view_in_the_condition_it_is_under():
    program = main_program(
        """
        import torch
        def area(boxes, flat=False):
            if flat and boxes.view(-1, flat).sum() > 0:
                return boxes.view(flat, -1)
            return boxes
        area(torch.rand(8, 4))
        """
    )
    assert program.complete


def test_attributes_and_items_named_like_what_the_analysis_notes():
    notes = (
        "size tensor model of test owner arguments receiver original callee called integer batch"
    )
    for name in notes.split():
        program = main_program(
            f"""
            import torch
            from settings import config
            x = torch.rand(4, 6)
            width = config["{name}"] * 2
            config.{name}.view(width, -1)
            x.view(config * 2, config.{name}, len(config.{name}), width, config["{name}"])
            """,
            settings="import os\nconfig = os.environ.load()",
        )
        assert program.complete


@pytest.mark.parametrize("leave", ["continue", "break"])
def test_what_is_set_where_a_round_is_left_counts_behind_the_loop(leave):
    text = f"""
        from torch import nn
        width = 8
        for size in some_sizes():
            if size > 3:
                width = 16
                {leave}
            print(size)
        layer = nn.Linear(2, width)
    """
    width = built(main_program(text), "Linear").arguments["out_features"]
    assert isinstance(width, Choice)
    assert {option.value for option in width.options} == {8, 16}


def test_layers_of_several_models_in_one_list_are_their_parameters():
    program = main_program(
        """
        from torch import nn, optim
        left, right = nn.Linear(1, 2), nn.Linear(2, 3)
        optim.SGD([*left.parameters(), *right.parameters()], lr=0.1)
        optim.Adam([*left.parameters(), *unknown], lr=0.1)
        """
    )
    held = built(program, "SGD").arguments["params"]
    assert isinstance(held, Parameters) and len(held.models) == 2
    assert not isinstance(built(program, "Adam").arguments["params"], Parameters)


@pytest.mark.parametrize("made", ["CN()", "CN().clone()", "defaults.clone()"])
def test_a_setting_that_an_arm_sets_may_have_its_value_from_before(made: str) -> None:
    text = f"""
        import torch
        from yacs.config import CfgNode as CN


        def run(model, args, defaults):
            config = {made}
            if args.eval:
                config.EVAL_MODE = True
            if config.EVAL_MODE:
                return
            torch.optim.SGD(model.parameters(), lr=0.1).step()
    """
    program = next(p for p in analysed(text).programs if p.name == "run")
    assert program.events("step")


def test_what_a_model_calls_with_nothing_is_no_forward_pass():
    program = main_program(
        """
        import argparse
        from torch import nn

        class Wrapped(nn.Module):
            def __init__(self, layer):
                super().__init__()
                self.layer = layer
            def forward(self, x):
                return self.layer(x)

        class Net(nn.Module):
            def __init__(self, kind):
                super().__init__()
                self.layers = [Wrapped(nn.Linear(2, 2))]
                if kind == "other":
                    self.layers = [nn.Linear(2, 2) for _ in range(3)]
            def reset(self):
                [layer.reset() for layer in self.layers]
            def refine(self, x):
                return [layer.refine(x) for layer in self.layers]

        parser = argparse.ArgumentParser()
        parser.add_argument("--kind")
        net = Net(parser.parse_args().kind)
        net.reset()
        net.refine(1)
        """
    )
    assert [e.site.text for e in program.events("forward")] == ["net.refine(1)"]


def test_a_name_that_nothing_binds_is_one_unknown_value():
    program = main_program(
        """
        import torch
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        def clear():
            net.zero_grad()
        clear()
        """
    )
    held = built(program, "SGD").arguments["params"]
    (clearing,) = program.events("zero_grad")
    assert held.models[0] is clearing.subject


NESTED = """
import torch
from torch import nn

def block():
    return nn.Sequential(nn.Sequential(nn.Linear(8, 8), nn.ReLU()), nn.Sequential(nn.ReLU()))

model = nn.Sequential(nn.Sequential(block(), block()), block())
"""


@pytest.mark.parametrize(
    "use",
    [
        "",
        "model(torch.randn(4, 8))",
        "x = torch.randn(4, 8)\nfor part in model:\n    x = part(x)",
        "x = torch.randn(4, 8)\nfor part in model[:1]:\n    x = part(x)\nx = model[1](x)",
    ],
)
def test_layers_of_nested_sequences_are_run_once(use):
    program = main_program(NESTED + use)
    assert len(program.operations) - ("randn" in use) == 9
    assert len({id(operation.layer) for operation in program.operations if operation.layer}) == 9


def test_what_nothing_runs_is_a_path_of_its_own_beside_what_is_run():
    program = main_program(f"{NESTED}other = nn.Sequential(block(), nn.Tanh())\nmodel(x)")
    assert [op.entry.name for op in program.operations].count("torch.nn.Tanh") == 1
    assert len(program.operations) == 9 + 4


def test_element_of_a_list_of_any_length_keeps_its_rank():
    text = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.convs = nn.ModuleList([nn.Conv2d(3, 8, 3) for _ in range(n)])

        def forward(self, x, i):
            maps = [conv(x) for conv in self.convs]
            return nn.functional.relu(maps[-1]) + nn.functional.relu(maps[i])

    def run(n, x, i):
        return Net(n)(x, i)

    run(*torch.load("given.pt"))
    """
    program = main_program(text)
    given = [o.inputs[0].shape for o in program.operations if o.entry.family == "activation"]
    assert [len(shape) for shape in given] == [4, 4]
    assert all(shape[0][0].meaning == "batch" for shape in given)


def test_layers_in_pairs_are_unpacked():
    text = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.pairs = nn.ModuleList([])
            for _ in range(n):
                self.pairs.append(nn.ModuleList([nn.Linear(4, 4), nn.LayerNorm(4)]))

        def forward(self, x):
            for linear, norm in self.pairs:
                x = norm(linear(x))
            return x

    def run(n, x):
        return Net(n)(x)

    run(*torch.load("given.pt"))
    """
    program = main_program(text)
    assert {o.entry.family for o in program.operations} == {"linear", "norm"}


def test_what_is_picked_from_nothing_known_may_begin_with_the_batch():
    program = main_program("import torch\nplaces = torch.nonzero(torch.randn(3, 2))")
    picked = next(o for o in program.operations if o.entry.name == "torch.nonzero")
    assert begins_with_batch(Tensor(replace(picked, inputs=()), {}))
