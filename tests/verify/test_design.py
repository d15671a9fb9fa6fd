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
    ("kind", "nodes", "edges"),
    [
        (CitationGCN, (5, 6), True),
        (CitationGCN, (5, 3, 6), True),
        (GraphOfRows, (5, 6), False),
    ],
)
def test_the_nodes_of_one_graph_mix_by_design(
    kind: type[nn.Module], nodes: tuple[int, ...], edges: bool
):
    inputs = (torch.randn(nodes), *([torch.randint(5, (2, 9))] * edges))
    answer: Answer = batch_dependency.run(subject(kind(), *inputs))
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
        if self.way == "scaled":
            return x + x.exp() * torch.randn_like(x)
        return x + torch.randn_like(x)


@pytest.mark.parametrize(
    ("way", "status"),
    [
        ("shuffled", "CONFIRMED"),
        ("first", "CONFIRMED"),
        ("sorted", "CONFIRMED"),
        ("negatives", "INCONCLUSIVE"),
        ("drawn", "CONFIRMED"),
        ("scaled", "INCONCLUSIVE"),
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


class ContrastiveHead(nn.Module):
    """Embeddings, or how each agrees with its positive among all others."""

    def __init__(self, way: str):
        super().__init__()
        self.way, self.project = way, nn.Linear(6, 8)

    def forward(self, x):
        z = self.project(x)
        if self.way == "centred":
            return z - z.mean(0)
        if self.way == "scaled":
            return nn.functional.normalize(z, dim=0)
        if self.way == "apart":
            return nn.functional.normalize(z, dim=1)
        return (z @ z.T).log_softmax(1).diagonal()


class InfoNCE(ContrastiveHead):
    """Both views in one batch, or each by itself."""

    def forward(self, x):
        z = self.project(x)
        if self.way == "pairs":
            both = torch.cat([z, -z])
            return (both @ both.T).logsumexp(1)[: len(x)]
        return super().forward(x)


class MinibatchEncoder(ContrastiveHead):
    """Pieces of a batch one after the other, or how far its examples lie apart."""

    def forward(self, x):
        if self.way == "pairs":
            z = self.project(x)
            near = (z[:, None] - z[None]).abs().sum(-1).neg().exp().sum(1, keepdim=True)
            return torch.cat([z, near], 1)
        if self.way == "apart":
            return torch.cat([self.project(piece) for piece in x.split(2)])
        return super().forward(x)


class StdDev(nn.Module):
    def forward(self, x):
        spread = x.std(0).mean().expand(len(x), 1)
        return torch.cat([x, spread], 1)


class BatchStdDiscriminator(nn.Module):
    """Tells its last layer how varied the batch is, or by mistake divides by all of it."""

    def __init__(self, way: str):
        super().__init__()
        self.way, self.spread, self.last = way, StdDev(), nn.Linear(7, 1)

    def forward(self, x):
        if self.way == "pairs":
            return self.last(self.spread(x))
        x = torch.cat([x, x[:, :1]], 1)
        return self.last(x.softmax(1 if self.way == "apart" else 0))


class MemoryBankReader(nn.Module):
    """Reads a bank of features, which it fills before where it is told to."""

    def __init__(self, way: str):
        super().__init__()
        self.way = way
        self.register_buffer("bank", torch.randn(9, 6))

    def forward(self, x):
        if self.way == "pairs":
            self.bank = torch.cat([x.detach(), self.bank])[:9]
        if self.way in ("centred", "scaled"):
            x = x - x.mean(0)
        return (x @ self.bank.T).softmax(1) @ self.bank


KINDS = (ContrastiveHead, InfoNCE, MinibatchEncoder, BatchStdDiscriminator, MemoryBankReader)
STATUS = {
    "centred": "CONFIRMED",
    "scaled": "CONFIRMED",
    "apart": "REFUTED",
    "pairs": "INCONCLUSIVE",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", STATUS)
def test_what_mixes_by_design_does_what_its_name_says(kind: type[nn.Module], way: str):
    answer = batch_dependency.run(subject(kind(way), torch.randn(5, 6)))
    assert answer.status == STATUS[way], answer.summary
    if way == "pairs":
        assert "by design" in answer.summary


class NoisyLayer(nn.Module):
    """Noise of a learned or of a fixed size, in evaluation too."""

    def __init__(self, way: str):
        super().__init__()
        self.way, self.sigma, self.layer = way, nn.Parameter(torch.ones(6)), nn.Linear(6, 6)

    def forward(self, x):
        noise = torch.randn_like(x)
        if self.way == "fixed":
            return self.layer(x + 0.1 * noise)
        if self.way == "some":
            return self.layer(x * (noise > 0))
        if self.way == "fed":
            return x + self.layer(noise)
        return x + self.sigma * noise


class SmallVAE(NoisyLayer):
    def forward(self, x):
        if self.way in ("fixed", "fed"):
            return super().forward(x)
        if self.way == "some":
            return self.layer(x[:, torch.randperm(6)])
        mean, spread = self.layer(x).chunk(2, 1)
        return mean + torch.randn_like(mean) * (0.5 * spread).exp()


class DiffusionPrior(NoisyLayer):
    def forward(self, x):
        if self.way == "scaled":
            share = torch.linspace(0.1, 0.9, 5)[torch.randint(5, (len(x), 1))]
            return self.layer(share.sqrt() * x + (1 - share).sqrt() * torch.randn_like(x))
        return super().forward(x)


@pytest.mark.parametrize("kind", [NoisyLayer, SmallVAE, DiffusionPrior])
@pytest.mark.parametrize(
    ("way", "status"),
    [
        ("fixed", "CONFIRMED"),
        ("some", "CONFIRMED"),
        ("fed", "INCONCLUSIVE"),
        ("scaled", "INCONCLUSIVE"),
    ],
)
def test_what_is_drawn_by_design_is_scaled_or_fed_to_a_layer(
    kind: type[nn.Module], way: str, status: str
):
    answer = eval_determinism.run(subject(kind(way), torch.randn(5, 6)))
    assert answer.status == status, answer.summary


class BinaryUnits(nn.Module):
    """Units that are on by chance: as they say, or all alike."""

    def __init__(self, way: str):
        super().__init__()
        self.way, self.layer = way, nn.Linear(6, 6)

    def sample_hidden(self, x):
        chance = torch.sigmoid(self.layer(x))
        if self.way == "sign":
            return torch.relu(torch.sign(chance - torch.rand_like(chance)))
        if self.way == "compared":
            return (torch.rand_like(chance) < chance).float()
        if self.way == "fixed":
            return chance * (torch.rand_like(chance) < 0.5)
        return chance + 0.1 * torch.rand_like(chance)

    def forward(self, x):
        return self.sample_hidden(x)


class GumbelGate(BinaryUnits):
    def forward(self, x):
        if self.way != "sign":
            return super().forward(x)
        score = self.layer(x)
        return (score - (-torch.rand_like(score).log()).log()).softmax(-1)


class PosteriorHead(BinaryUnits):
    def reparameterize(self, mean):
        return mean + (0.5 * mean).exp() * torch.randn_like(mean)

    def forward(self, x):
        return self.reparameterize(self.layer(x)) if self.way == "sign" else super().forward(x)


class MonteCarloHead(BinaryUnits):
    """Dropout that stays on, or numbers added to the data."""

    def forward(self, x):
        if self.way == "sign":
            return self.layer(nn.functional.dropout(x, 0.3))
        if self.way == "fixed":
            return self.layer(x[:, torch.randperm(6)])
        return super().forward(x)


@pytest.mark.parametrize("kind", [BinaryUnits, GumbelGate, PosteriorHead, MonteCarloHead])
@pytest.mark.parametrize(
    ("way", "status"),
    [
        ("sign", "INCONCLUSIVE"),
        ("compared", "INCONCLUSIVE"),
        ("fixed", "CONFIRMED"),
        ("added", "CONFIRMED"),
    ],
)
def test_a_draw_takes_its_chances_from_the_model(kind: type[nn.Module], way: str, status: str):
    answer = eval_determinism.run(subject(kind(way), torch.randn(5, 6)))
    assert answer.status == status, answer.summary


class GhostBatchNorm(nn.Module):
    """Normalises parts of a batch, and evaluation by what was kept of them, or not at all."""

    def __init__(self, way: str):
        super().__init__()
        self.way, self.usual = way, torch.zeros(6) if way == "kept" else 0.0

    def forward(self, x):
        if not self.training:
            return x - self.usual
        parts = [part - part.mean(0) for part in x.chunk(2)]
        if self.way == "kept":
            self.usual = 0.9 * self.usual + 0.1 * x.mean(0).detach()
        return torch.cat(parts)


class GhostNorm(nn.Module):
    """Keeps what it needs in a layer that it holds."""

    def __init__(self, way: str):
        super().__init__()
        self.way, self.inner = way, nn.BatchNorm1d(6)

    def forward(self, x):
        if not self.training:
            return self.inner(x)
        if self.way == "kept":
            self.inner(x)
        return (x - x.mean(0)) / x.std(0)


class GhostBottleneck(nn.Module):
    """Cheap features beside others; called after them, and nothing else."""

    def __init__(self, way: str):
        super().__init__()
        self.way, self.main, self.cheap = way, nn.Linear(6, 6), nn.Linear(6, 6)
        self.mixer = MixupNet("kept") if way == "kept" else None

    def forward(self, x):
        x = self.main(x)
        if self.training and self.mixer is None:
            x = x * torch.sigmoid(x.mean(0))
        return torch.cat([x, self.cheap(x)], 1) if self.mixer is None else self.mixer(x)


class MixupNet(nn.Module):
    """Trains on pairs of examples, or by mistake on what the whole batch is."""

    def __init__(self, way: str):
        super().__init__()
        self.way, self.layer = way, nn.Linear(6, 4)

    def forward(self, x):
        if self.training and self.way == "kept":
            x = 0.7 * x + 0.3 * x[torch.randperm(len(x))]
        elif self.training:
            x = x / x.abs().amax()
        return self.layer(x)


class CutMixNet(MixupNet):
    def forward(self, x):
        if self.training and self.way == "kept":
            x = torch.cat([x.flip(0)[:, :3], x[:, 3:]], 1)
        elif self.training:
            x = x - x.sum(0)
        return self.layer(x)


TRAINED = (GhostBatchNorm, GhostNorm, GhostBottleneck, MixupNet, CutMixNet)


@pytest.mark.parametrize("kind", TRAINED)
@pytest.mark.parametrize("way", ["kept", "lost"])
def test_what_mixes_in_training_by_design_does_what_its_name_says(kind: type[nn.Module], way: str):
    answer = batch_dependency.run(subject(kind(way), torch.randn(6, 6)))
    # what is a batch norm in all but its class is not asked about
    meant = "REFUTED" if kind is GhostBatchNorm else "INCONCLUSIVE"
    assert answer.status == (meant if way == "kept" else "CONFIRMED"), answer.summary
    assert "train mode only" in answer.summary or way == "kept"
