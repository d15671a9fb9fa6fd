"""Lengths of examples are drawn: what one of them does to the others shows, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nnlint.verify.runtime.construction.building import _given
from nnlint.verify.runtime.construction.fitting import fit_inputs
from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.probes import batch_dependency
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Options, Subject


class Sentences(nn.Module):
    """Sorts by length for a recurrent layer, and sorts back, or does not."""

    def __init__(self, back: bool):
        super().__init__()
        self.back = back
        self.words = nn.Embedding(31, 6)
        self.layer = nn.GRU(6, 5, batch_first=True)

    def forward(self, words, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(self.words(words[order]), lengths, batch_first=True)
        last = self.layer(packed)[1][-1]
        return last[order.argsort()] if self.back else last


class Frames(nn.Module):
    """Sorts the numbers of frames, and returns all states."""

    def __init__(self, back: bool):
        super().__init__()
        self.back = back
        self.layer = nn.LSTM(6, 5, batch_first=True)

    def forward(self, frames, frame_lengths):
        order = frame_lengths.argsort(descending=True)
        packed = pack_padded_sequence(frames[order], frame_lengths[order], batch_first=True)
        states = pad_packed_sequence(
            self.layer(packed)[0], batch_first=True, total_length=frames.shape[1]
        )[0]
        if not self.back:
            return states
        return torch.zeros_like(states).index_copy(0, order, states)


class Mean(nn.Module):
    """Divides by the longest, or by the length of each."""

    def __init__(self, back: bool):
        super().__init__()
        self.own, self.layer = back, nn.Linear(6, 5)

    def forward(self, x, x_len):
        there = torch.arange(x.shape[1])[None] < x_len[:, None]
        total = (self.layer(x) * there[..., None]).sum(1)
        return total / (x_len[:, None] if self.own else x_len.max())


@pytest.mark.parametrize("kind", [Sentences, Frames, Mean])
@pytest.mark.parametrize("back", [True, False])
def test_guessed_lengths(kind: type[nn.Module], back: bool):
    model = kind(back)
    subject = Subject(Runner(model), fit_inputs(model, {}), Options())
    lengths = subject.inputs.tensors[1][1]
    assert lengths.dtype == torch.int64 and int(lengths.min()) > 1
    answer = batch_dependency.run(subject)
    assert answer.status == ("REFUTED" if back else "CONFIRMED"), answer.summary


@pytest.mark.parametrize("back", [True, False])
def test_lengths_of_the_user_are_none_of_zero(back: bool):
    model = Sentences(back)
    shapes = [
        {"shape": [6, 9], "dtype": "int64", "high": 31},
        {"shape": [6], "dtype": "int64", "high": 3},
    ]
    inputs = _given(model, shapes)
    assert int(inputs.tensors[1][1].min()) == 1
    answer = batch_dependency.run(Subject(Runner(model), inputs, Options()))
    assert answer.status == ("REFUTED" if back else "CONFIRMED"), answer.summary


def test_the_same_examples_in_another_order():
    inputs = Inputs.of((torch.arange(5.0)[:, None].expand(5, 4).clone(), torch.arange(1, 6)))
    rolled = inputs.rolled()
    assert rolled.args[0][:, 0].tolist() == [4, 0, 1, 2, 3]
    assert rolled.args[1].tolist() == [5, 1, 2, 3, 4]
    words = Inputs.of((torch.randint(1, 9, (5, 7)),), highs={(0, 0): 9}).padded(0)
    assert words is not None and words.padding is not None
    again = words.rolled()
    assert again.padding is not None
    assert again.padding.lengths == (words.padding.lengths[-1], *words.padding.lengths[:-1])
    assert torch.equal(again.args[0], words.args[0].roll(1, 0))
