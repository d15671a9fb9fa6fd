"""Tests of what class an object is of are decided where the class is known, and only there."""

from __future__ import annotations

import pytest
from program_text import analysed, main_program

HEAD = """
import collections.abc
import typing
import torch
from torch import nn, optim
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR, LRScheduler
from torch.utils.data import Dataset, DataLoader, IterableDataset

class Base: pass
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(2, 2)
class Deep(Net): pass
class Songs(Dataset):
    def __len__(self): return 1
    def __getitem__(self, i): return i

net, deep, songs = Net(), Deep(), Songs()
linear, conv, norm = nn.Linear(2, 2), nn.Conv2d(1, 1, 1), nn.BatchNorm1d(2)
sgd = optim.SGD(net.parameters(), lr=0.1)
adamw = optim.AdamW(net.parameters(), lr=0.1)
plateau, steps = ReduceLROnPlateau(sgd), StepLR(sgd, 3)
loader = DataLoader(songs)
"""


def taken(test):
    """Which arms of `if test` are run."""
    text = f"{HEAD}\nif {test}:\n    torch.manual_seed(1)\nelse:\n    torch.manual_seed(2)\n"
    return [event.operands[0].value for event in main_program(text).events("seed")]


@pytest.mark.parametrize(
    "test",
    [
        "isinstance(plateau, ReduceLROnPlateau)",
        "isinstance(plateau, optim.lr_scheduler.ReduceLROnPlateau)",
        "isinstance(plateau, (StepLR, ReduceLROnPlateau))",
        "isinstance(plateau, StepLR | ReduceLROnPlateau)",
        "not isinstance(steps, ReduceLROnPlateau)",
        "type(plateau) is ReduceLROnPlateau",
        "type(plateau) == ReduceLROnPlateau",
        "type(steps) != ReduceLROnPlateau",
        "type(steps) in (StepLR, ReduceLROnPlateau)",
        "plateau.__class__ is ReduceLROnPlateau",
        "type(plateau).__name__ == 'ReduceLROnPlateau'",
        "plateau.__class__.__name__ == 'ReduceLROnPlateau'",
        "'Plateau' in type(plateau).__name__",
        "type(steps).__name__.startswith('Step')",
        "issubclass(type(plateau), ReduceLROnPlateau)",
        "isinstance(linear, nn.Linear) and not isinstance(conv, nn.Linear)",
        "isinstance(norm, nn.modules.batchnorm._BatchNorm)",
        "isinstance(conv, nn.Module)",
        "isinstance(sgd, optim.Optimizer)",
        "isinstance(adamw, optim.Optimizer)",
        "isinstance(deep, Net)",
        "isinstance(deep, nn.Module)",
        "not isinstance(net, Deep)",
        "not isinstance(net, nn.Linear)",
        "not isinstance(net, Base)",
        "isinstance(songs, Dataset)",
        "not isinstance(songs, (IterableDataset, DataLoader))",
        "isinstance(net.body, nn.Linear)",
        "not isinstance(3, collections.abc.Iterable) and not isinstance(0.5, typing.Sequence)",
        "isinstance(3, int) and isinstance('a', (str, bytes)) and not isinstance(None, dict)",
        "isinstance([net], list) and not isinstance((1, 2), list)",
        "isinstance(linear(torch.ones(1, 2)), torch.Tensor)",
        "not isinstance(linear(torch.ones(1, 2)), (tuple, list, dict))",
        "hasattr(plateau, 'step') and hasattr(net, 'body') and not hasattr(None, 'body')",
        "isinstance(sgd, object)",
    ],
)
def test_tests_that_hold(test):
    assert taken(test) == [1]
    assert taken(f"not ({test})") == [2]


@pytest.mark.parametrize(
    "test",
    [
        # in older versions of PyTorch it is none, and AdamW no Adam
        "isinstance(plateau, LRScheduler)",
        "isinstance(adamw, optim.Adam)",
        # what is wrapped goes on under its own name
        "isinstance(nn.DataParallel(net), nn.DataParallel)",
        "isinstance(nn.DataParallel(net), Net)",
        "isinstance(torch.compile(net), Net)",
        "isinstance(net, nn.DataParallel)",
        "isinstance(given, ReduceLROnPlateau)",
        "isinstance(plateau, given)",
        "isinstance(plateau, (StepLR, given))",
        "isinstance(given(linear), torch.Tensor)",
        "hasattr(net, 'module')",
    ],
)
def test_tests_that_may_end_either_way(test):
    assert taken(test) == [1, 2]


def test_what_an_annotation_says_may_be_of_a_derived_class():
    found = analysed(
        """
        import torch
        from torch import nn
        from parts import Special
        class Net(nn.Module):
            def extend(self):
                loss = self(torch.ones(1))
                if isinstance(self, Special):
                    loss.backward()
                else:
                    loss.sum().backward()
        """,
        parts="class Special: pass",
    )
    assert [len(p.events("backward")) for p in found.programs] == [0, 2]


CHOSEN = HEAD + (
    "import sys\n"
    "if sys.argv[1] == 'a':\n    chosen = ReduceLROnPlateau(sgd)\n"
    "else:\n    chosen = StepLR(sgd, 3)\n"
)


def stepped(lines):
    """For each step of the chosen scheduler the names of the classes that it can be of."""
    body = "".join(f"    {line}\n" for line in lines.strip().splitlines())
    program = main_program(f"{CHOSEN}for epoch in range(90):\n{body}")
    options = [
        getattr(e.subject, "options", (e.subject,)) for e in program.events("scheduler_step")
    ]
    return [[o.entry.name.rpartition(".")[2] for o in several] for several in options]


BOTH = [["ReduceLROnPlateau"], ["StepLR"]]


@pytest.mark.parametrize(
    "lines",
    [
        "if isinstance(chosen, ReduceLROnPlateau):\n    chosen.step(1)\nelse:\n    chosen.step()",
        "if type(chosen).__name__ == 'ReduceLROnPlateau':\n    chosen.step(1)\n"
        "elif chosen is not None:\n    chosen.step()",
        "chosen.step(1) if isinstance(chosen, ReduceLROnPlateau) else chosen.step()",
        "if isinstance(chosen, ReduceLROnPlateau):\n    chosen.step(1)\n    continue\nchosen.step()",
        "match chosen:\n    case ReduceLROnPlateau():\n        chosen.step(1)\n"
        "    case _:\n        chosen.step()",
        "match chosen:\n    case ReduceLROnPlateau() as s:\n        s.step(1)\n"
        "    case StepLR() as s:\n        s.step()",
    ],
)
def test_each_arm_sees_what_it_is_for(lines):
    assert stepped(lines) == BOTH


def test_behind_the_arms_it_is_either_again():
    lines = "if isinstance(chosen, StepLR):\n    pass\nelse:\n    epoch = 1\nchosen.step()"
    assert stepped(lines) == [["ReduceLROnPlateau", "StepLR"]]


def test_what_an_arm_puts_in_its_place_stays():
    lines = "if isinstance(chosen, StepLR):\n    chosen = plateau\nchosen.step()"
    assert stepped(lines)[0][0] == "ReduceLROnPlateau"
    assert stepped("chosen = plateau\n" + lines) == [["ReduceLROnPlateau"]]


def test_an_assertion_narrows_what_follows():
    assert stepped("assert isinstance(chosen, StepLR)\nchosen.step()") == [["StepLR"]]
