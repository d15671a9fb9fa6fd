"""Steps of interpretation: what is given up, and what is not."""

from __future__ import annotations

import pytest
from program_text import analysed, main_program

from nnlint.questions.training.discarding import discarded_gradients
from nnlint.questions.training.gradients import uncleared_steps
from nnlint.questions.training.scheduler_steps import unstepped_schedulers
from nnlint.questions.training.stepping import empty_steps
from nnlint.semantics.analysis import Program
from nnlint.semantics.paths import Paths

LOSS = """
    import torch.nn.functional as F
    from torch import nn
    from base import Base


    class Net(Base):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(8, 2)

        def forward(self, x, y):
            return F.cross_entropy(self.head(x), y)
"""


def long_module(statements: int) -> str:
    body = "\n".join(f"        self.a{i} = nn.Linear({i}, {i})" for i in range(statements))
    return f"from torch import nn\n\nclass Base(nn.Module):\n    def __init__(self):\n{body}\n"


def operations_of(text: str, **others: str) -> dict[str, set[str]]:
    programs = analysed(text, **others).programs
    return {p.name: {o.entry.family for o in p.operations} for p in programs}


def test_a_long_call_into_another_module_does_not_hide_what_follows() -> None:
    program = next(p for p in analysed(LOSS, base=long_module(2_000)).programs if p.name == "Net")
    assert [o.entry.family for o in program.operations] == ["linear", "cross_entropy"]
    assert not program.complete


def test_a_short_call_into_another_module_is_interpreted_to_its_end() -> None:
    program = next(p for p in analysed(LOSS, base=long_module(20)).programs if p.name == "Net")
    assert [o.entry.family for o in program.operations] == ["linear", "cross_entropy"]
    assert program.complete


def test_what_is_given_up_leaves_no_trace_in_the_state() -> None:
    text = LOSS.replace("self.head(x)", "self.a0(x)")
    assert operations_of(text, base=long_module(20))["Net"] == {"linear", "cross_entropy"}
    assert operations_of(text, base=long_module(2_000))["Net"] == {"cross_entropy"}


def test_a_command_gets_the_steps_of_a_script() -> None:
    body = "\n".join(f"    nn.Linear({i}, {i})" for i in range(3_000))
    text = f"import click\nfrom torch import nn\n\n@click.command()\ndef main():\n{body}\n    nn.CrossEntropyLoss()\n"
    program = next(p for p in analysed(text).programs if p.name == "main")
    assert program.is_entry and program.complete


def test_view_of_one_of_two_tensors_is_not_endless():
    program = main_program(
        """
        import torch
        from torch import nn

        class D(nn.Module):
            def __init__(self, parallel):
                super().__init__()
                self.parallel = parallel
                self.main = nn.Sequential(nn.Conv2d(3, 1, 4))

            def forward(self, x):
                if self.parallel > 1:
                    output = nn.parallel.data_parallel(self.main, x, range(self.parallel))
                else:
                    output = self.main(x)
                return output.view(-1, 1).squeeze(1)

        D(int(input()))(torch.randn(8, 3, 4, 4))
        """
    )
    assert program.complete


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts have so few steps that the files here can be short."""
    monkeypatch.setattr("nnlint.semantics.analysis.MAIN_STEPS", 3_000)


ZOO = """
    import torch
    from torch import nn
    import zoo


    def main(loader, criterion):
        net = zoo.Zoo()
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 30)
        for epoch in range(90):
            for x, y in loader:
                {clear}
                loss = criterion(net(x), y)
                loss.backward()
                {step}
            {schedule}


    main(make_loader(), nn.CrossEntropyLoss())
"""


def zoo(layers: int) -> str:
    """A module with a model that is long to construct, and with training code of its own."""
    body = "\n".join(f"        self.a{i} = nn.Linear({i}, {i})" for i in range(layers))
    train = "def train(net, optimizer, batch):\n    loss = net(batch).sum()\n    loss.backward()\n"
    model = f"class Zoo(nn.Module):\n    def __init__(self):\n        super().__init__()\n{body}\n"
    long = "".join(f"    nn.Linear({i}, {i})\n" for i in range(layers))
    look = f"def look(net, x):\n    x = nn.functional.dropout(x)\n{long}    return net(x)\n"
    return f"from torch import nn\n\n{model}\n{train}{long}    optimizer.zero_grad()\n\n{look}"


def loop_of(clear: str = "", step: str = "", schedule: str = "") -> Program:
    text = ZOO.format(clear=clear or "pass", step=step or "pass", schedule=schedule or "pass")
    program = next(p for p in analysed(text, zoo=zoo(1_000)).programs if p.name == "__main__")
    assert not program.complete
    return program


@pytest.mark.usefixtures("few_steps")
def test_a_loop_is_known_when_what_comes_before_it_was_given_up() -> None:
    step, clear = "optimizer.step()", "optimizer.zero_grad()"
    assert [s.step.site.text for s in uncleared_steps(loop_of(step=step))] == [step]
    assert not list(uncleared_steps(loop_of(clear, step)))
    assert [d.clear.site.text for d in discarded_gradients(loop_of(clear))] == [clear]
    assert not list(discarded_gradients(loop_of(clear, step)))
    assert [e.why for e in empty_steps(loop_of(step=f"{clear}; {step}"))] == ["cleared"]
    assert not list(empty_steps(loop_of(clear, step)))


@pytest.mark.usefixtures("few_steps")
def test_a_call_in_the_loop_that_was_given_up_may_do_anything() -> None:
    called = loop_of(step="zoo.train(net, optimizer, x); optimizer.step()")
    assert not list(uncleared_steps(called))
    assert not list(
        discarded_gradients(loop_of("optimizer.zero_grad()", "zoo.train(net, None, x)"))
    )


@pytest.mark.usefixtures("few_steps")
def test_a_call_in_the_loop_that_was_given_up_hides_nothing_if_it_cannot_train() -> None:
    for look in ("zoo.look(net, x)", "zoo.look(net, x); zoo.look(net, y)"):
        called = loop_of(step=f"{look}; optimizer.step()")
        assert [s.step.site.text for s in uncleared_steps(called)] == ["optimizer.step()"]
    given = loop_of(step="zoo.look(optimizer, x); optimizer.step()")
    assert not list(uncleared_steps(given))


@pytest.mark.usefixtures("few_steps")
def test_a_scheduler_that_is_built_after_what_was_given_up_is_followed() -> None:
    step = "optimizer.step()"
    assert [s.step.site.text for s in unstepped_schedulers(loop_of(step=step))] == [step]
    assert not list(unstepped_schedulers(loop_of(step=step, schedule="scheduler.step()")))
    given_up = "zoo.train(net, optimizer, x)"
    assert not list(unstepped_schedulers(loop_of(step=step, schedule=given_up)))


@pytest.mark.usefixtures("few_steps")
def test_a_branch_that_breaks_off_has_nothing_but_arms() -> None:
    calls = "\n".join(f"    nn.Linear({i}, {i})" for i in range(1_000))
    text = (
        f"from torch import nn\nimport sys\n\nif sys.argv:\n{calls}\nelse:\n    nn.Linear(1, 1)\n"
    )
    program = main_program(text)
    assert not program.complete and not program.timeline.known
    assert list(Paths(lambda event, state: state, {""}).follow(program.timeline)._arrivals)


HELPER = """
    from torch import nn
    from base import look_up


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            look_up("head")
            self.head = nn.Linear(8, 2)

        def forward(self, x, y):
            return nn.functional.cross_entropy(self.head(x), y)


    if __name__ == "__main__":
        look_up("head")
"""


def look_up(statements: int, told: str = "pass") -> str:
    body = "\n".join(f"    found = {i}" for i in range(statements))
    return f"import torch\n\ndef look_up(name):\n{body}\n    {told}\n    return found\n"


def test_helpers_elsewhere_that_say_nothing_to_a_rule_get_few_steps_except_in_scripts() -> None:
    def entered(base: str) -> dict[str, bool]:
        programs = analysed(HELPER, base=base).programs
        assert all(p.complete for p in programs)
        return {p.name: not p.events("opaque") for p in programs}

    assert entered(look_up(30)) == {"__main__": True, "Net": True}
    assert entered(look_up(300)) == {"__main__": True, "Net": False}
    assert entered(look_up(300, told="torch.softmax(name, 0)")) == {"__main__": True, "Net": True}


def test_a_long_decorator_leaves_the_function_as_it_is() -> None:
    text = """
        import torch.nn.functional as F
        from base import register

        @register
        def loss(x, y):
            return F.cross_entropy(x, y)

        loss(0, 1)
    """
    for statements, families in ((10, ["mse_loss"]), (300, ["cross_entropy"])):
        body = "\n".join(f"    a{i} = {i}" for i in range(statements))
        base = (
            f"import torch.nn.functional as F\n\ndef register(function):\n{body}\n"
            "    return lambda x, y: F.mse_loss(x, y)\n"
        )
        program = next(p for p in analysed(text, base=base).programs if p.name == "__main__")
        assert [o.entry.name.rpartition(".")[2] for o in program.operations] == families
        assert program.complete


def test_a_method_is_known_when_the_constructor_was_given_up() -> None:
    text = """
        import torch
        from base import Base


        class Trainer(Base):
            def __init__(self):
                super().__init__()

            def update(self, x, y):
                loss = self.criterion(self.net(x), y)
                loss.backward()
                self.optimizer.zero_grad()
                self.optimizer.step()
    """
    program = next(
        p for p in analysed(text, base=long_module(2_000)).programs if p.name == "Trainer"
    )
    assert not program.complete
    assert [e.why for e in empty_steps(program)] == ["cleared"]


EVALUATE = """
    import utils


    def evaluate(model, loader):
        model.eval()
        for x, y in utils.log_every(loader, 10):
            print(model(x))
"""


def log_every(statement: str) -> str:
    lines = "".join(f"    x{i} = {i} * freq + {i}\n" for i in range(400))
    return f"def log_every(iterable, freq):\n{lines}    {statement}\n    yield from iterable\n"


@pytest.mark.parametrize("statement", ["print(x1)", "iterable.model.zero_grad()"])
def test_a_long_helper_that_says_nothing_hides_nothing(statement: str) -> None:
    programs = analysed(EVALUATE, utils=log_every(statement)).programs
    program = next(p for p in programs if p.name == "evaluate")
    assert program.complete == (statement == "print(x1)")


TRAINER = """
    import torch


    class Trainer:
        def __init__(self, generator, judge):
            self.generator = generator
            self.judge = judge
            self.optimizer = torch.optim.Adam(judge.parameters(), lr=1e-4)

        def train(self, loader, epochs):
            for epoch in range(epochs):
                self.train_epoch(loader)

        def train_epoch(self, loader):
            for images in loader:
                self.optimizer.zero_grad()
                fakes = self.generator(torch.rand(8, 16)).detach()
                judged = self.judge(fakes).mean() - self.judge(images).mean()
                judged.backward()
                self.optimizer.step()
"""
PREPARES = """
    from torch import nn
    from trainer import Trainer


    def trained(loader):
        trainer = Trainer(nn.Linear(16, 64), nn.Linear(64, 1))
        trainer.train(loader, epochs=4)
        return trainer
"""


@pytest.mark.parametrize("steps", range(20, 120, 4))
def test_a_method_that_is_given_up_says_what_its_class_says(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnlint.semantics.interpreter.abroad.HELPER_STEPS", steps)
    for program in analysed(PREPARES, trainer=TRAINER).programs:
        assert not list(discarded_gradients(program))
