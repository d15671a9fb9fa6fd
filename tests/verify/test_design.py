"""What a model does on purpose is told by what it takes and draws, never by a name alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nnlint.verify.runtime.inputs import Inputs
from nnlint.verify.runtime.probes import batch_dependency, batch_of_one, eval_determinism
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.subject import Answer, Options, Subject


def subject(model: nn.Module, *inputs: torch.Tensor) -> Subject:
    torch.manual_seed(0)
    return Subject(Runner(model), Inputs.of(inputs), Options())


class MoleculeGraphNet(nn.Module):
    """Sends what atoms hold along bonds, divided by the bonds of each molecule or of all."""

    def __init__(self, over_batch: bool):
        super().__init__()
        self.over_batch = over_batch
        self.send = nn.Linear(6, 6)

    def forward(self, atoms, bonds):
        total = bonds.sum() if self.over_batch else bonds.sum((1, 2), keepdim=True)
        return (bonds / total) @ self.send(atoms)


class SceneGNN(nn.Module):
    """Subtracts the mean of the objects, of all scenes or of each."""

    def __init__(self, over_batch: bool):
        super().__init__()
        self.over_batch = over_batch
        self.read = nn.Linear(6, 4)

    def forward(self, objects, relations):
        axes = (0, 1) if self.over_batch else (1,)
        return relations @ self.read(objects - objects.mean(axes, keepdim=True))


class Traffic(nn.Module):
    """A part that is called after graphs mixes days."""

    def __init__(self, over_batch: bool):
        super().__init__()
        self.graph_layer = GraphLayer(over_batch)

    def forward(self, sensors, roads):
        return self.graph_layer(sensors, roads)


class GraphLayer(nn.Module):
    def __init__(self, over_batch: bool):
        super().__init__()
        self.over_batch = over_batch

    def forward(self, nodes, roads):
        return (roads @ nodes).softmax(0 if self.over_batch else 1)


@pytest.mark.parametrize("kind", [MoleculeGraphNet, SceneGNN, Traffic])
@pytest.mark.parametrize("over_batch", [True, False])
def test_a_batch_of_graphs_has_examples(kind: type[nn.Module], over_batch: bool):
    graphs = torch.randn(5, 9, 6), torch.rand(5, 9, 9)
    answer = batch_dependency.run(subject(kind(over_batch), *graphs))
    assert answer.status == ("CONFIRMED" if over_batch else "REFUTED"), answer.summary
    if over_batch:
        assert batch_of_one.run(subject(kind(over_batch), *graphs)).status == "CONFIRMED"


class CitationGCN(nn.Module):
    """One graph by its edges: its rows are nodes."""

    def forward(self, x, edge_index):
        return x.index_add(0, edge_index[0] % len(x), x[edge_index[1] % len(x)])


class GraphOfRows(nn.Module):
    """One graph of the nodes that are there."""

    def forward(self, x):
        return (x @ x.T).softmax(1) @ x


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        (CitationGCN(), (torch.randn(5, 6), torch.randint(5, (2, 9)))),
        (CitationGCN(), (torch.randn(5, 3, 6), torch.randint(5, (2, 9)))),
        (GraphOfRows(), (torch.randn(5, 6),)),
    ],
)
def test_the_nodes_of_one_graph_mix_by_design(model: nn.Module, inputs: tuple[torch.Tensor, ...]):
    answer: Answer = batch_dependency.run(subject(model, *inputs))
    assert answer.status == "INCONCLUSIVE" and "by design" in answer.summary, answer.summary


class PatchSampler(nn.Module):
    """Takes some of the patches, or draws from what they say."""

    def __init__(self, way: str):
        super().__init__()
        self.way = way

    def forward(self, x):
        if self.way == "shuffled":
            return x[:, torch.randperm(x.shape[1])[:4]]
        if self.way == "first":
            return x[:, torch.randint(x.shape[1], (1,))]
        if self.way == "sorted":
            return x[:, torch.rand(x.shape[1]).argsort()[:4]]
        if self.way == "negatives":
            return x - x[:, torch.randint(x.shape[1], (x.shape[1],))].mul(1.0)  # negatives
        return x + torch.randn_like(x)


@pytest.mark.parametrize(
    ("way", "status"),
    [
        ("shuffled", "CONFIRMED"),
        ("first", "CONFIRMED"),
        ("sorted", "CONFIRMED"),
        ("negatives", "INCONCLUSIVE"),
        ("drawn", "INCONCLUSIVE"),
    ],
)
def test_to_take_some_at_random_is_no_draw_from_a_distribution(way: str, status: str):
    answer = eval_determinism.run(subject(PatchSampler(way), torch.randn(5, 8)))
    assert answer.status == status, answer.summary


def test_an_axis_that_is_not_taken_keeps_the_answer(monkeypatch: pytest.MonkeyPatch):
    asked = batch_dependency._along

    def along(given: Subject, axis: int) -> Answer:
        if axis == 1:
            raise RuntimeError("expected seven columns")
        return asked(given, axis)

    monkeypatch.setattr(batch_dependency, "_along", along)
    answer = batch_dependency.run(subject(nn.GRU(6, 4), torch.randn(5, 7, 6)))
    assert answer.status == "CONFIRMED", answer.summary
