"""Changes that mend a program: made where they are right, and nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from program_text import main_program, module_of

from nnlint.questions.reproducibility.seeding import random_start
from nnlint.remedies.loss import detach_added
from nnlint.remedies.training import clear_gradients, evaluate_in_eval_mode, seed_at_start
from nnlint.rewriting import edits_of
from nnlint.rewriting.changes import Changes
from nnlint.semantics.values import Site
from nnlint.source.file import SourceFile
from nnlint.source.rewrite import edited

HEAD = """import torch
from torch import nn

model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
"""


def applied(text: str, changes: Changes) -> str | None:
    """The text after changes."""
    if changes is None:
        return None
    source = SourceFile(Path("script.py"), "script.py", text, text.encode(), None)
    changed = edited(text, edits_of(source, changes))
    ast.parse(changed)
    return changed


class TestGradients:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (
                "    loss.backward()\n    optimizer.step()\n",
                "optimizer.zero_grad()\n    loss.backward()",
            ),
            (
                "    loss.backward()\n    if i % 2:\n        optimizer.step()\n",
                "optimizer.step()\n        optimizer.zero_grad()",
            ),
            (
                "    loss.backward()\n    o = optimizer\n    o.step()\n",
                "o.step()\n    o.zero_grad()",
            ),
            (
                "    loss.backward()\n    [optimizer][0].step()\n",
                None,
            ),
            (
                "    loss.backward(); optimizer.step()\n",
                "optimizer.zero_grad(); loss.backward(); optimizer.step()",
            ),
        ],
    )
    def test_where_they_are_cleared(self, body, expected):
        text = (
            HEAD + "for i, (x, y) in enumerate(loader):\n    loss = criterion(model(x), y)\n" + body
        )
        program = main_program(text)
        (step,) = program.events("step")
        changed = applied(text, clear_gradients(program, step))
        assert changed is None if expected is None else expected in changed


class TestEvalMode:
    def mended(self, text: str) -> str | None:
        program = main_program(text)
        forward = next(e for e in program.events("forward") if not e.grad)
        return applied(text, evaluate_in_eval_mode(program, [forward], trained=True))

    def test_around_the_loop_and_what_turns_gradients_off(self):
        text = HEAD + (
            "for epoch in range(3):\n"
            "    for x, y in train:\n"
            "        criterion(model(x), y).backward()\n"
            "        optimizer.step()\n"
            "    with torch.no_grad():\n"
            "        for x, y in test:\n"
            "            model(x)\n"
            "    print(epoch)\n"
        )
        assert "    model.eval()\n    with torch.no_grad():\n" in self.mended(
            text
        ) and "            model(x)\n    model.train()\n    print(epoch)" in self.mended(text)

    def test_code_that_also_trains_is_left_alone(self):
        text = HEAD + (
            "def run(data, train):\n"
            "    for x, y in data:\n"
            "        loss = criterion(model(x), y)\n"
            "        if train:\n"
            "            loss.backward()\n"
            "            optimizer.step()\n"
            "run(a, True)\n"
            "with torch.no_grad():\n"
            "    run(b, False)\n"
        )
        assert self.mended(text) is None

    @pytest.mark.parametrize(
        "body",
        [
            "        return model(x)\n",
            "        model = nets[x]\n        model(x)\n",
        ],
    )
    def test_where_it_cannot_be_told(self, body):
        text = HEAD + (
            "for x, y in train:\n"
            "    criterion(model(x), y).backward()\n"
            "    optimizer.step()\n"
            "@torch.no_grad()\n"
            "def score(model, data):\n"
            "    for x in data:\n" + body + "score(model, test)\n"
        )
        assert self.mended(text) is None


class TestDetach:
    @pytest.mark.parametrize(
        ("added", "expected"),
        [
            ("note(loss)", "note(loss.detach())"),
            ("note(self.entries)", None),
            ("self.losses.append(loss)", "self.losses.append(loss.detach())"),
        ],
    )
    def test_what_a_trainer_goes_back_from_and_nothing_else(self, added, expected):
        text = (
            "def training_step(self, batch):\n    loss = self.loss(batch)\n"
            f"    {added}\n    return loss\n"
        )
        module = module_of(text, "script")
        method = module.tree.body[0]
        call = Site(module, method.body[1].value)
        changed = applied(text, detach_added(call, Site(module, method)))
        assert changed == (expected and text.replace(added, expected))


class TestSeed:
    def mended(self, text: str, **others: str) -> str | None:
        program = main_program(text, **others)
        start = random_start(program)
        assert start is not None
        return applied(text, seed_at_start(program, start.site))

    def test_before_the_statement_that_leads_to_it(self):
        text = (
            "from torch import nn\nimport torch.optim\n\ndef build():\n    return nn.Linear(1, 1)\n\n"
            "def main():\n    net = build()\n    o = torch.optim.SGD(net.parameters(), lr=1)\n"
            "    for x in d:\n        net(x).backward()\n        o.step()\n\n"
            "if __name__ == '__main__':\n    print('start')\n    for seed in range(3):\n        main()\n"
        )
        assert "    print('start')\n    torch.manual_seed(0)\n    for seed" in self.mended(text)

    def test_with_the_import_that_it_needs(self):
        text = (
            "from torch import nn, optim\n\nnet = nn.Linear(1, 1)\n"
            "o = optim.SGD(net.parameters(), lr=1)\nfor x in d:\n    net(x).backward()\n    o.step()\n"
        )
        changed = self.mended(text)
        assert changed.startswith(
            "from torch import nn, optim\nimport torch\n\ntorch.manual_seed(0)\nnet = nn.Linear"
        )

    def test_in_the_process_that_gets_there(self):
        text = (
            "import torch\nimport torch.multiprocessing as mp\nfrom torch import nn\n\n"
            "def worker(rank):\n    setup(rank)\n    net = nn.Linear(1, 1)\n"
            "    o = torch.optim.SGD(net.parameters(), lr=1)\n"
            "    for x in d:\n        net(x).backward()\n        o.step()\n\n"
            "if __name__ == '__main__':\n    mp.spawn(worker, nprocs=2)\n"
        )
        assert "    setup(rank)\n    torch.manual_seed(0)\n    net =" in self.mended(text)

    def test_not_in_a_branch(self):
        text = (
            "import torch\nfrom torch import nn\n\nif path:\n    net = torch.load(path)\n"
            "else:\n    net = nn.Linear(1, 1)\no = torch.optim.SGD(net.parameters(), lr=1)\n"
            "for x in d:\n    net(x).backward()\n    o.step()\n"
        )
        assert "\n\ntorch.manual_seed(0)\nif path:" in self.mended(text)
