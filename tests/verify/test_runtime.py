"""What runs in the user's interpreter: alone, on old Pythons, on devices that scatter."""

from __future__ import annotations

import ast
import functools
import random
from pathlib import Path

import pytest
import torch
from torch import nn

import nnlint.verify
from nnlint.verify.catalogue import DEFAULT, PROBES
from nnlint.verify.runtime import probes
from nnlint.verify.runtime.devices import NOISE_FACTOR, Device, choose
from nnlint.verify.runtime.inputs import Inputs, seed_all
from nnlint.verify.runtime.probes.variance_shift import ENOUGH, SEEDS
from nnlint.verify.runtime.running import Runner
from nnlint.verify.runtime.schedule import NoSchedule, step_schedule
from nnlint.verify.runtime.subject import Options, Subject
from nnlint.verify.runtime.trace import Node

FOLDER = Path(nnlint.verify.__file__).parent
FILES = [FOLDER / "worker.py", *sorted((FOLDER / "runtime").rglob("*.py"))]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_stands_alone_and_parses_on_python_3_9(file: Path):
    tree = ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 9))
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        assert not any(n.split(".")[0] in ("nnlint", "rich", "click", "numpy") for n in names)


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_states_its_criterion(name: str):
    module = probes.load(name)
    assert name == module.NAME
    assert "Source:" in module.__doc__ and (
        "Criterion" in module.__doc__ or "Measured" in module.__doc__
    )


def test_parent_and_worker_know_the_same_probes():
    assert set(PROBES) == set(probes.names()) and set(DEFAULT) < set(PROBES)


class Scattering(Device):
    """A device whose runs scatter, as CUDA's may."""

    def __init__(self, noise: float) -> None:
        super().__init__("cpu")
        self.noise = noise

    @property
    def exact(self) -> bool:
        return False

    def settings(self):
        return Device("cpu").settings()


class Noisy(nn.Module):
    def __init__(self, noise: float, leak: float) -> None:
        super().__init__()
        self.layer, self.noise, self.leak = nn.Linear(4, 3), noise, leak
        self.generator = torch.Generator().manual_seed(3)

    def forward(self, x):
        out = self.layer(x)
        scatter = (torch.rand(out.shape, generator=self.generator) - 0.5) * self.noise
        return out + scatter + self.leak * out.sum()


@pytest.mark.parametrize(("leak", "status"), [(0.0, "REFUTED"), (0.5, "CONFIRMED")])
def test_noise_of_a_device_is_no_leak(leak: float, status: str):
    torch.manual_seed(0)
    model = Noisy(1e-6, leak)
    subject = Subject(
        Runner(model, Scattering(1e-6)), Inputs.of((torch.randn(5, 4),)), Options(axis=0)
    )
    assert probes.load("batch-dependency").run(_shared(subject)).status == status


def _shared(subject: Subject) -> Subject:
    # a generator cannot be deep-copied, and the jittered copy may share it
    generator = subject.model.generator
    type(subject.model).__deepcopy__ = lambda self, memo: _rebuilt(self, generator)
    return subject


def _rebuilt(model: Noisy, generator: torch.Generator) -> Noisy:
    other = Noisy(model.noise, model.leak)
    other.load_state_dict(model.state_dict())
    other.generator = generator
    return other


def test_threshold_is_four_times_the_largest_noise():
    values = iter([0.0, 1.0, 3.0, 2.0])
    device = Scattering(0)
    assert device.threshold(lambda: next(values), lambda a, b: abs(a - b)) == NOISE_FACTOR * 3.0
    assert Device("cpu").threshold(lambda: 1 / 0, lambda a, b: 0.0) == 0.0


def test_a_device_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no cuda device"):
        choose("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert not choose("cuda").exact


def test_settings_of_cuda_are_put_back():
    before = torch.backends.cudnn.allow_tf32
    with Device("cuda").settings():
        assert not torch.backends.cudnn.allow_tf32
        assert torch.are_deterministic_algorithms_enabled()
    assert torch.backends.cudnn.allow_tf32 == before
    assert not torch.are_deterministic_algorithms_enabled()


def ask(name: str, model: nn.Module, *inputs, **options):
    subject = Subject(Runner(model), Inputs.of(inputs), Options(**options))
    return probes.load(name).run(subject)


X = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))


def test_unused_and_dead_parameters():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(6, 3), nn.Linear(6, 3)
            self.cut = nn.Linear(6, 3)
            self.gate = nn.Parameter(torch.zeros(()))

        def forward(self, x):
            return self.used(x) * (1 + self.gate) + self.cut(x) * 0

    answer = ask("dead-parameters", Net(), X)
    assert answer.evidence["unused"] == ["unused.weight", "unused.bias"]
    assert answer.evidence["dead"] == ["cut.weight", "cut.bias"]
    assert ask("dead-parameters", nn.Linear(6, 3), X).status == "REFUTED"


def test_unregistered_parameters():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = {"first": [nn.Linear(6, 6)]}

    class Table(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.zeros(3)

    assert "layers['first'][0]" in ask("unregistered-parameters", Listed(), X).summary
    assert "neither parameter nor buffer" in ask("unregistered-parameters", Table(), X).summary
    assert ask("unregistered-parameters", nn.LSTM(6, 2), X).status == "REFUTED"


def test_batch_of_one():
    class Squeezed(nn.Module):
        def forward(self, x):
            return x.sum(1, keepdim=True).unsqueeze(2).squeeze()

    answer = ask("batch-of-one", Squeezed(), X)
    assert (
        answer.status == "CONFIRMED" and "(5,) for five examples and () for one" in answer.summary
    )
    assert ask("batch-of-one", nn.Linear(6, 2), X).status == "REFUTED"


def test_variance_shift():
    torch.manual_seed(0)
    shifted = nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 8), nn.BatchNorm1d(8))
    fine = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5))
    assert ask("variance-shift", shifted, X).status == "CONFIRMED"
    assert ask("variance-shift", fine, X).status == "REFUTED"


def test_variance_shift_asks_on_where_it_is_close():
    torch.manual_seed(0)
    runs = []
    for chance in (0.5, 0.1, 0.01):
        model = nn.Sequential(nn.Dropout(chance), nn.Linear(6, 8), nn.BatchNorm1d(8))
        model.register_forward_pre_hook(lambda *_, chance=chance: runs.append(chance))
        ask("variance-shift", model, X)
    assert [runs.count(c) for c in (0.5, 0.1, 0.01)] == [2 * ENOUGH, 2 * SEEDS, 2 * ENOUGH]


def test_seeds_reach_every_generator_of_the_cpu():
    def drawn():
        return torch.rand(2).tolist(), torch.randn(2).tolist(), random.random()

    seed_all(3)
    first = drawn()
    seed_all(3)
    again = drawn()
    torch.manual_seed(3)
    assert again == first
    assert torch.rand(2).tolist() == first[0]


def test_labels_count_what_is_no_number_as_equal():
    nan = float("nan")
    node = Node(0, torch.tensor([nan, 1.0, nan, 2.0]), [])
    node.mark(torch.tensor([nan, 1.0, nan, 2.0]), 0)
    assert node.label is None
    node.mark(torch.tensor([nan, 1.0, 3.0, 2.5]), 1)
    node.mark(torch.tensor([nan, nan, nan, 2.5]), 2)
    assert node.label is not None and node.label.tolist() == [0, 4, 2, 6]


def test_mode_dependence():
    plain = nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8))
    assert ask("mode-dependence", plain, X).status == "REFUTED"
    assert ask("mode-dependence", nn.Sequential(plain, nn.Dropout(0.5)), X).status == "CONFIRMED"


def test_input_baseline():
    torch.manual_seed(0)
    good = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 3))
    assert ask("input-baseline", good, X, loss="cross_entropy").status == "REFUTED"

    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.zeros(3))

        def forward(self, x):
            return self.bias + 0 * x[:, :3]

    assert ask("input-baseline", Blind(), X, loss="mse").status != "REFUTED"


def test_loss_shape():
    class Own(nn.Module):
        def forward(self, x, y):
            return nn.functional.mse_loss(x[:, :1], y)

    answer = ask("loss-shape", Own(), X, torch.randn(8))
    assert answer.status == "CONFIRMED" and "(8, 1) against (8,)" in answer.summary
    finding = {"name": "loss-broadcast"}
    assert ask("loss-shape", nn.Linear(6, 1), X, finding=finding).status == "CONFIRMED"
    assert ask("loss-shape", nn.Linear(6, 2), X, finding=finding).status == "REFUTED"


def test_receptive_field():
    answer = ask("receptive-field", nn.Conv1d(2, 2, 5, padding=2), torch.randn(2, 2, 32))
    assert answer.evidence["boxes"]["input 0"] == [[2, 2], [5, 32]]


def test_schedules():
    plan = {"expression": "StepLR(optimizer, 30)", "lr": 0.1, "epochs": 200, "names": {}}
    plan["imports"] = {"StepLR": "torch.optim.lr_scheduler.StepLR"}
    rates, _ = step_schedule(plan)
    assert rates[29] == 0.1 and rates[30] == pytest.approx(0.01) and len(rates) == 200
    judge = probes.load("lr-schedule").judge
    assert "1/1000 of its start from epoch 90" in judge(rates).summary
    assert judge(rates[:60]).status == "REFUTED"
    assert "never changes" in judge(rates[:30]).summary
    hand = {"expression": "args.lr * 0.1 ** (epoch // 30)", "variable": "epoch", "lr": 0.1}
    rates, _ = step_schedule({**hand, "epochs": 90, "names": {"args.lr": 0.2}})
    assert rates[0] == 0.2 and rates[89] == pytest.approx(0.002)
    with pytest.raises(NoSchedule, match="metric"):
        plateau = "lr_scheduler.ReduceLROnPlateau(optimizer)"
        step_schedule({**plan, "expression": plateau})


def test_rounding_is_told_from_a_leak():
    class Ordered(nn.Module):
        """Adds in an order that depends on the batch, which changes the last bits only."""

        def forward(self, x):
            first = bool(x[0, 0] > 0)
            parts = [x[:, i] * 0.1 for i in range(6)]
            return torch.stack([sum(parts if first else parts[::-1])], 1)

    answer = ask("batch-dependency", Ordered(), X, axis=0)
    assert answer.status == "REFUTED"
    assert "double precision" in answer.evidence["conditions"]["rounding"]


def test_sequence_first_is_left_open_unless_the_source_says():
    rnn = nn.GRU(4, 3)
    answer = ask("batch-dependency", rnn, torch.randn(6, 5, 4))
    assert answer.status == "INCONCLUSIVE" and "sequence first" in answer.summary
    subject = Subject(Runner(rnn), Inputs.of((torch.randn(6, 5, 4),)), Options(), batch_hint=0)
    assert probes.load("batch-dependency").run(subject).status == "CONFIRMED"
    subject = Subject(Runner(rnn), Inputs.of((torch.randn(6, 5, 4),)), Options(), batch_hint=1)
    assert probes.load("batch-dependency").run(subject).status == "REFUTED"


def test_unseeded_constructions_differ():
    model = nn.Linear(6, 2)
    assert ask("determinism", model, X).status == "INCONCLUSIVE"
    subject = Subject(Runner(model), Inputs.of((X,)), Options(), again=lambda: nn.Linear(6, 2))
    answer = probes.load("determinism").run(subject)
    assert answer.status == "CONFIRMED" and "differ in 2 of 2 tensors" in answer.summary

    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(6))

        def forward(self, x):
            return x * self.scale

    subject = Subject(Runner(Fixed()), Inputs.of((X,)), Options(), again=Fixed)
    answer = probes.load("determinism").run(subject)
    assert answer.status == "INCONCLUSIVE" and "agree in all of 1" in answer.summary


def test_tensors_that_a_module_moves_itself_are_no_fault():
    class Metric(nn.Module):
        def __init__(self):
            super().__init__()
            self.default = torch.zeros(3)

        def _apply(self, *args, **kwargs):
            self.default = self.default.clone()
            return super()._apply(*args, **kwargs)

        def forward(self, x):
            return x

    assert ask("unregistered-parameters", Metric(), X).status == "REFUTED"


def test_weights_that_closures_and_partials_carry_are_found():
    class Carries(nn.Module):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def forward(self, x):
            return self.function(x)

    hidden, frozen = nn.Linear(6, 2), nn.Linear(6, 2).requires_grad_(False)
    for function in (lambda x: hidden(x), functools.partial(torch.mul, hidden.weight[0])):
        answer = ask("unregistered-parameters", Carries(function), X)
        assert answer.status == "CONFIRMED"
    answer = ask("unregistered-parameters", Carries(lambda x: frozen(x)), X)
    assert "stays on the CPU" in answer.summary and not answer.evidence["trained"]


def test_inputs_that_help_a_little_are_no_fault():
    # softmax applied twice bounds the loss from below, whatever the inputs are
    model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 3), nn.Softmax(1))
    answer = ask("input-baseline", model, X, loss="cross_entropy")
    assert answer.status != "CONFIRMED"

    class Blind(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(6, 10)

        def forward(self, x):
            return self.net(1e-9 * x)

    assert ask("input-baseline", Blind(), X, loss="cross_entropy").status == "CONFIRMED"


def test_arguments_that_were_none_are_named():
    class Masked(nn.Module):
        def forward(self, x, mask):
            return x if mask is None else x * mask

    subject = Subject(Runner(Masked()), Inputs.of((X, None)), Options())
    answer = probes.load("input-use").run(subject)
    assert answer.status == "REFUTED" and "being None here: mask" in answer.summary
