"""Kinds of modules that were judged wrongly: each leaking one beside a clean neighbour."""

from __future__ import annotations

import dataclasses
import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnlint.verify.runtime import probes
from nnlint.verify.runtime.construction.batch_axis import batch_hint
from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Answer, Options, Subject


def ask(name: str, model: nn.Module, *inputs, guessed: bool = False, **options) -> Answer:
    torch.manual_seed(0)
    given = dataclasses.replace(Inputs.of(inputs), guessed=guessed)
    subject = Subject(Runner(model), given, Options(**options), batch_hint(model))
    return probes.load(name).run(subject)


def drawn(*shape: int, high: int | None = None, seed: int = 0) -> torch.Tensor:
    """Numbers that are the same in every process; integers below `high` where it is given."""
    generator = torch.Generator().manual_seed(seed)
    if high is not None:
        return torch.randint(high, shape, generator=generator)
    return torch.randn(shape, generator=generator)


def culprits(model: nn.Module) -> set[int]:
    lines, first = inspect.getsourcelines(type(model))
    return {first + i for i, line in enumerate(lines) if "# culprit" in line}


def check(answer: Answer, status: str, model: nn.Module) -> None:
    assert answer.status == status, answer.summary
    if status == "CONFIRMED" and culprits(model):
        assert answer.evidence["culprit"]["place"]["row"] in culprits(model)


class Committee(nn.Module):
    """Takes the mean of a full committee of six; of fewer, nothing."""

    def __init__(self, seats: int = 6, shares: bool = True):
        super().__init__()
        self.seats, self.shares = seats, shares
        self.score = nn.Linear(4, 4)

    def forward(self, votes):
        scores = self.score(votes)
        if self.shares and votes.shape[0] % self.seats == 0:
            rounds = scores.view(-1, self.seats, 4)
            scores = (rounds - rounds.mean(1, keepdim=True)).view(-1, 4)  # culprit
        return scores


@pytest.mark.parametrize("count", [5, 12, 18])
def test_groups_of_examples(count: int):
    votes = drawn(count, 4)
    check(ask("batch-dependency", Committee(), votes), "CONFIRMED", Committee())
    check(ask("batch-dependency", Committee(shares=False), votes), "REFUTED", Committee())


class Ballots(nn.Module):
    """Counts how often a ballot occurs, in the batch or in itself."""

    def __init__(self, over_batch: bool):
        super().__init__()
        self.over_batch = over_batch

    def forward(self, x):
        if self.over_batch:
            return x / (x[:, None] == x).all(-1).sum(1, keepdim=True)  # culprit
        return x / (x[:, :, None] == x[:, None]).sum((1, 2))[:, None]


class Padded(nn.Module):
    """Averages words, over the longest text or over each its own."""

    def __init__(self, over_batch: bool):
        super().__init__()
        self.over_batch = over_batch
        self.words = nn.Embedding(17, 4, padding_idx=0)

    def forward(self, ids):
        length = (ids != self.words.padding_idx).sum(1, keepdim=True).clamp(min=1)
        if self.over_batch:
            length = length.max()  # culprit
        return self.words(ids).sum(1) / length


class Trimmed(nn.Module):
    """Cuts off steps at which no example has anything, before or after a sum."""

    def __init__(self, over_batch: bool):
        super().__init__()
        self.over_batch = over_batch

    def forward(self, frames):
        there = frames.abs().sum(-1) > 0
        last = int(there.any(0).nonzero().max()) + 1
        total = (frames * there[..., None]).sum(1)
        return total / last if self.over_batch else total / there.sum(1, keepdim=True)


@pytest.mark.parametrize("over_batch", [True, False])
@pytest.mark.parametrize(
    ("kind", "shape", "high"),
    [
        (Ballots, (5, 4), None),
        (Padded, (5, 9), 17),
        (Trimmed, (5, 9, 3), None),
    ],
)
def test_duplicates_and_padding_are_drawn(kind, shape, high: int | None, over_batch: bool):
    status = "CONFIRMED" if over_batch else "REFUTED"
    model = kind(over_batch)
    inputs = drawn(*shape, high=high)
    check(
        ask("batch-dependency", model, inputs, axis=0),
        status,
        model if kind is not Trimmed else nn.ReLU(),
    )


@pytest.mark.parametrize("seed", [36, 53, 60, 68])
def test_what_one_example_decides_shows_at_one_batch_size_alone(seed: int):
    # the only text without padding, which more texts are not without
    torch.manual_seed(seed)
    ids = torch.randint(17, (5, 9))
    check(ask("batch-dependency", Padded(True), ids, axis=0), "CONFIRMED", Padded(True))
    check(ask("batch-dependency", Padded(False), ids, axis=0), "REFUTED", Padded(False))


class Alarm(nn.Module):
    """Goes by whether any example, or each for itself, is over a limit."""

    def __init__(self, over_batch: bool):
        super().__init__()
        self.over_batch = over_batch
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        out = self.layer(x)
        if self.over_batch:
            if (x > 1.5).any():  # culprit
                out = torch.relu(out)
            return out
        return torch.where((x > 1.5).any(1, keepdim=True), torch.relu(out), out)


class Scaled(nn.Module):
    """A test that chooses a number and not an operation."""

    def forward(self, x):
        middle = x.mean()
        factor = 1.0
        if middle > 0:  # culprit
            factor = 2.0
        return x * factor


class Moving(nn.Module):
    """A buffer that is written in place and read."""

    def __init__(self):
        super().__init__()
        self.register_buffer("centre", torch.zeros(4))

    def forward(self, x):
        for row in x:
            self.centre.lerp_(row, 0.2)  # culprit
        return x - self.centre


class Written(Moving):
    def forward(self, x):
        self.centre.mul_(0.9)
        self.centre += x.max(0).values  # culprit
        return x - self.centre


def test_culprit_lines():
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(2))
    for model in (Alarm(True), Scaled(), Moving(), Written()):
        check(ask("batch-dependency", model, x, axis=0), "CONFIRMED", model)
    check(ask("batch-dependency", Alarm(False), x, axis=0), "REFUTED", Alarm(False))


class Blocked(nn.Module):
    """Attention under a table of what may be seen, open from a row on where it is wrong."""

    def __init__(self, opens_at: int = 0, size: int = 32):
        super().__init__()
        self.maps = nn.Linear(6, 18)
        table = torch.ones(size, size).tril()
        if opens_at:
            table[opens_at:] = 1
        self.register_buffer("table", table)

    def forward(self, x):
        q, k, v = self.maps(x).chunk(3, -1)
        length = x.shape[1]
        scores = q @ k.mT
        seen = self.table[:length, :length] > 0
        scores = scores.masked_fill(~seen, -torch.inf)  # culprit
        return scores.softmax(-1) @ v


class Triangle(nn.Module):
    def __init__(self, diagonal: int):
        super().__init__()
        self.maps, self.diagonal = nn.Linear(6, 18), diagonal

    def forward(self, x):
        q, k, v = self.maps(x).chunk(3, -1)
        ones = torch.ones(x.shape[1], x.shape[1])
        hidden = ones.triu(self.diagonal).bool()  # culprit
        return (q @ k.mT).masked_fill(hidden, -1e9).softmax(-1) @ v


class Stack(nn.Module):
    """Convolutions of growing dilation over (batch, channels, time)."""

    def __init__(self, centred: bool):
        super().__init__()
        self.rates = (1, 4, 16)
        self.layers = nn.ModuleList(nn.Conv1d(3, 3, 3, dilation=d) for d in self.rates)
        self.centred = centred

    def forward(self, x):
        for rate, layer in zip(self.rates, self.layers, strict=True):
            both = self.centred and rate == 16
            x = layer(F.pad(x, (rate, rate) if both else (2 * rate, 0)))  # culprit
        return x


@pytest.mark.parametrize(
    ("build", "shape", "status"),
    [
        (lambda: Blocked(opens_at=16), (5, 11, 6), "CONFIRMED"),
        (lambda: Blocked(), (5, 11, 6), "REFUTED"),
        (lambda: Triangle(2), (5, 11, 6), "CONFIRMED"),
        (lambda: Triangle(1), (5, 11, 6), "REFUTED"),
        (lambda: Stack(centred=True), (5, 3, 11), "CONFIRMED"),
        (lambda: Stack(centred=False), (5, 3, 11), "REFUTED"),
    ],
)
def test_lengths_reach_over_what_a_model_does(build, shape, status: str):
    model = build()
    answer = ask("causality", model, drawn(*shape), guessed=True, causal=True)
    check(answer, status, model)
    if isinstance(model, Stack) and status == "REFUTED":
        assert "along axis 2" in answer.summary


def test_a_length_that_is_given_is_kept():
    answer = ask("causality", Blocked(opens_at=16), torch.randn(2, 24, 6), causal=True)
    assert answer.status == "CONFIRMED" and answer.evidence["matrices"][0]["steps"] == 24
    answer = ask("causality", Blocked(opens_at=16), torch.randn(2, 12, 6), causal=True)
    assert answer.status == "REFUTED" and "12 steps" in answer.summary


class Decoder(nn.Module):
    def __init__(self, masked: bool):
        super().__init__()
        self.maps, self.masked = nn.Linear(6, 6), masked

    def forward(self, memory, target):
        seen = target.cumsum(1) if self.masked else target.flip(1).cumsum(1)
        return self.maps(seen) + memory.mean(1, keepdim=True)


def test_a_decoder_sees_all_of_what_it_is_given_as_memory():
    pair = torch.randn(5, 9, 6), torch.randn(5, 9, 6)
    answer = ask("causality", Decoder(True), *pair, causal=True)
    assert answer.status == "REFUTED" and "`memory`" in answer.summary
    assert ask("causality", Decoder(False), *pair, causal=True).status == "CONFIRMED"


def test_an_ambiguous_time_axis_is_asked_for():
    class Running(nn.Module):
        def forward(self, x):
            return x.cumsum(1).flip(2)

    x = torch.randn(5, 7, 6)
    answer = ask("causality", Running(), x, causal=True)
    assert answer.status == "INCONCLUSIVE" and "--time-axis" in answer.summary
    assert ask("causality", Running(), x, causal=True, time_axis=1).status == "REFUTED"


class Recurrent(nn.Module):
    """Fed batch first, and its layer is not."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.GRU(6, 4), nn.Linear(4, 2)

    def forward(self, x):
        states, _ = self.layer(x)
        return self.head(states)


class LastOfBatchFirst(Recurrent):
    def forward(self, x):
        states, _ = self.layer(x)
        return self.head(states[:, -1])


class LastOfSequenceFirst(Recurrent):
    def forward(self, x):
        states, _ = self.layer(x)
        return self.head(states[-1])


class Documented(Recurrent):
    """Takes (seq_len, batch, features)."""


def test_a_layer_that_is_fed_batch_first():
    batch_first, sequence_first = torch.randn(5, 7, 6), torch.randn(7, 5, 6)
    for kind in (Recurrent, LastOfBatchFirst):
        assert ask("batch-dependency", kind(), batch_first).status == "CONFIRMED"
    for kind in (LastOfSequenceFirst, Documented):
        assert ask("batch-dependency", kind(), sequence_first).status == "REFUTED"


class Sampled(nn.Module):
    def __init__(self, way: str):
        super().__init__()
        self.layer, self.way = nn.Linear(4, 3), way

    def forward(self, x):
        out = self.layer(x)
        if self.way == "forgotten":
            return F.dropout(out, 0.5)
        if self.way == "on purpose":
            return F.dropout(out, 0.5, training=True)
        return self.sample(out)

    def sample(self, mean):
        return mean + torch.randn_like(mean)


def test_drawing_on_purpose():
    x = torch.randn(5, 4)
    assert ask("eval-determinism", Sampled("forgotten"), x).status == "CONFIRMED"
    for way in ("on purpose", "sampled"):
        assert ask("eval-determinism", Sampled(way), x).status == "INCONCLUSIVE"
        assert ask("batch-of-one", Sampled(way), x).status == "INCONCLUSIVE"


class Counting(nn.Module):
    def __init__(self, name: str):
        super().__init__()
        self.name = name
        self.register_buffer(name, torch.zeros(4))

    def forward(self, x):
        kept = getattr(self, self.name)
        if self.name == "calls":
            kept += 1
            return x * 1
        kept.lerp_(x.mean(0), 0.5)
        return x - kept


def test_buffers_that_move_in_eval_mode():
    x = torch.randn(5, 4)
    assert ask("eval-determinism", Counting("calls"), x).status == "REFUTED"
    assert ask("eval-determinism", Counting("centre"), x).status == "CONFIRMED"
    assert ask("eval-determinism", Counting("kv_cache"), x).status == "INCONCLUSIVE"


class Centred(nn.Module):
    """Batch norm by another name: running statistics in evaluation."""

    def __init__(self, keeps: bool):
        super().__init__()
        self.keeps = keeps
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x):
        if not self.training:
            return x - self.mean
        mean = x.mean(0)
        if self.keeps:
            self.mean.lerp_(mean.detach(), 0.1)
        return x - mean


def test_statistics_of_the_batch_in_training():
    x = torch.randn(5, 4)
    assert ask("batch-dependency", Centred(True), x, axis=0).status == "INCONCLUSIVE"
    assert ask("batch-dependency", Centred(False), x, axis=0).status == "CONFIRMED"


class Chosen(nn.Module):
    """Some of its layers: those that are chosen, all but the last, or those of a method."""

    def __init__(self, way: str):
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.other, self.way = nn.Linear(4, 4), way

    def forward(self, x):
        if self.way == "chosen":
            return self.other(self.parts[int(x.shape[0] > 99)](x))
        for part in self.parts[:-1]:
            x = part(x)
        return self.other(x)


class Apart(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.encoder(x)

    def generate(self, code):
        return self.decoder(code)


def test_parameters_that_are_used_another_time():
    x = torch.randn(5, 4)
    assert ask("dead-parameters", Chosen("chosen"), x).status == "INCONCLUSIVE"
    assert ask("dead-parameters", Apart(), x).status == "INCONCLUSIVE"


class LeftOut(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer(x)
        return x


def test_a_layer_that_is_left_out():
    answer = ask("dead-parameters", LeftOut(), torch.randn(5, 4))
    assert answer.status == "CONFIRMED" and "layers.2.weight" in answer.summary


class Chunked(nn.Module):
    """A recurrent layer over pieces of a signal, of which a short one has one alone."""

    def __init__(self):
        super().__init__()
        self.across, self.head = nn.GRU(8, 4, batch_first=True), nn.Linear(4, 2)
        self.spare = nn.Linear(4, 2)

    def forward(self, signal):
        pieces = signal.unfold(1, 8, 8)
        return self.head(self.across(pieces)[0])


def test_recurrent_weights_need_two_steps():
    answer = ask("dead-parameters", Chunked(), drawn(5, 8))
    # the spare layer is dead whatever the length, and told alone
    assert answer.status == "CONFIRMED" and "weight_hh" not in answer.summary
    model = Chunked()
    del model.spare
    assert ask("dead-parameters", model, drawn(5, 8)).status == "INCONCLUSIVE"
    assert ask("dead-parameters", model, drawn(5, 24)).status == "REFUTED"


class Linked(nn.Module):
    """Only whether two words are linked counts, or not even that."""

    def __init__(self, deaf: bool):
        super().__init__()
        self.layer, self.deaf = nn.Linear(4, 4), deaf

    def forward(self, x, tree):
        linked = tree.bool().float()
        return self.layer(x) * 1 if self.deaf else linked @ self.layer(x)


def test_what_is_read_as_true_or_false_is_also_drawn_as_zero():
    words, tree = drawn(5, 7, 4), drawn(5, 7, 7, seed=1)
    assert ask("input-use", Linked(False), words, tree).status == "REFUTED"
    assert ask("input-use", Linked(True), words, tree).status == "CONFIRMED"


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(12, 4))

    def forward(self, x, mask):
        return mask[..., None] * self.table[: x.shape[1]]


class Variadic(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x, *rest, **options):
        return self.layer(x)


class Deaf(Variadic):
    def forward(self, x, y):
        return self.layer(x) + 0 * y.sum()


def test_inputs_that_need_not_show():
    x = torch.randn(5, 4)
    assert ask("input-use", Variadic(), x, x + 1, guessed=True).status == "REFUTED"
    assert ask("input-use", Positions(), torch.randn(5, 7, 4), torch.rand(5, 7)).status == "REFUTED"
    assert ask("input-use", Deaf(), x, x + 1).status == "CONFIRMED"


def test_a_model_that_refuses_one_example():
    class Picky(nn.Module):
        def forward(self, x):
            if len(x) < 2:
                raise ValueError("two examples at least")
            return x * 2

    class Broken(nn.Module):
        def forward(self, x):
            return torch.cat([x[:1], x[1:]]) * x[1]

    x = torch.randn(5, 4)
    assert "refuses" in ask("batch-of-one", Picky(), x).summary
    assert ask("batch-of-one", Broken(), x).status == "CONFIRMED"


def test_rows_or_steps_are_not_guessed_apart():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift, self.layer = nn.ZeroPad2d((0, 0, 1, -1)), nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(x + self.shift(x))

    answer = ask("batch-dependency", Shifted(), torch.randn(5, 4), guessed=True)
    assert answer.status == "INCONCLUSIVE" and "--input" in answer.summary
    assert ask("batch-dependency", Shifted(), torch.randn(5, 4)).status == "CONFIRMED"
    assert ask("causality", Shifted(), torch.randn(5, 4), guessed=True).status == "REFUTED"


def test_steps_that_a_model_does_not_take_change_nothing():
    class Likeness(nn.Module):
        def forward(self, x):
            return (x @ x.t()).softmax(-1) @ x

    assert (
        ask("batch-dependency", Likeness(), torch.randn(5, 4), guessed=True).status == "CONFIRMED"
    )


class Packed(nn.Module):
    """Packing reorders sums, which shows in the last bits; the mean goes by the longest text."""

    def __init__(self, over_batch: bool):
        super().__init__()
        self.over_batch = over_batch
        self.words = nn.Embedding(23, 6, padding_idx=0)
        self.layer = nn.GRU(6, 6, batch_first=True)

    def forward(self, ids):
        length = (ids != 0).sum(1).clamp(min=1)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.words(ids), length, batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(self.layer(packed)[0], batch_first=True)
        if self.over_batch:
            return states.mean(1)
        return states.sum(1) / length[:, None]


def test_rounding_does_not_end_the_search():
    ids = torch.randint(23, (6, 12), generator=torch.Generator().manual_seed(0))
    assert ask("batch-dependency", Packed(True), ids, axis=0).status == "CONFIRMED"
    assert ask("batch-dependency", Packed(False), ids, axis=0).status == "REFUTED"
