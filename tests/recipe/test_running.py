"""`nnlint recipe --run`: real models and losses are run, and what they show is evidence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nnlint.cli import run as command
from nnlint.recipe import running
from nnlint.recipe.bullets import BULLETS
from nnlint.recipe.deciding import decide
from nnlint.recipe.measured import Curve, Measurement
from nnlint.recipe.model import Evidence, Status
from nnlint.recipe.report.curves import plot, sparkline

PROJECT = {
    "net.py": """
        import torch
        from torch import nn


        class Tagger(nn.Module):
            def __init__(self, features, classes):
                super().__init__()
                self.body = nn.Linear(features, 16)
                self.head = nn.Linear(16, classes)

            def forward(self, x):
                return torch.softmax(self.head(torch.relu(self.body(x))), dim=1)
        """,
    "samples.py": """
        import torch
        from torch.utils.data import DataLoader, TensorDataset


        def make_loader(size, features=6):
            y = (torch.arange(240) % 12 == 0).long() + (torch.arange(240) % 12 == 1).long() * 2
            x = torch.randn(240, features) + y[:, None]
            return DataLoader(TensorDataset(x, y), batch_size=size, shuffle=True)


        def broken():
            raise OSError("the disk is gone")
        """,
    "train.py": """
        import torch
        from torch import nn

        from net import Tagger
        from samples import make_loader


        def main():
            loader = make_loader(16)
            model = Tagger(6, 3)
            criterion = nn.CrossEntropyLoss()
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=30)
            for epoch in range(20):
                for x, y in loader:
                    optimizer.zero_grad()
                    criterion(model(x), y).backward()
                    optimizer.step()
                scheduler.step()


        if __name__ == "__main__":
            main()
        """,
}


def written(folder):
    import textwrap

    for name, text in PROJECT.items():
        (folder / name).write_text(textwrap.dedent(text))
    return folder


def run(capsys, *arguments):
    code = command(["recipe", "--run", "--quiet", *arguments])
    return code, capsys.readouterr()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """One run of the project, as JSON."""
    folder = written(tmp_path_factory.mktemp("project"))
    target = folder / "report.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        asked = ["--format", "json", "-o", str(target), "--verify-output", "pictures", "."]
        code = command(["recipe", "--run", "--quiet", *asked])
    assert code == 0
    pictures = {path.name for path in (folder / "pictures").glob("*.svg")}
    return {**json.loads(target.read_text()), "pictures": pictures}


def measured(report, bullet):
    (found,) = (b for b in report["bullets"] if b["bullet"] == bullet)
    ones = [e for e in found["evidence"] if e["measured"]]
    return found["status"], {(e["measured"]["target"], e["measured"]["probe"]): e for e in ones}


def test_the_models_are_run_on_the_loader_that_the_program_goes_over(report):
    (tagger,) = report["ran"]
    assert (tagger["name"], tagger["trained"]) == ("Tagger", "train.py:18")
    assert tagger["loss"] == "CrossEntropyLoss at train.py:18"
    assert tagger["loader"] == "`loader` in main() of train.py" and not tagger["problem"]
    assert tagger["batch"][0].startswith("[0] (16, 6) float32")
    assert tagger["built"].endswith("forward(batch[0]) against part 1 of the batch")


def test_what_is_measured_is_evidence_with_its_curve_and_a_command(report):
    status, found = measured(report, "loss-at-init")
    one = found["Tagger", "loss-at-init"]
    assert status == one["status"] == "contradicted"
    assert one["text"].startswith("measured: each row of the output is a probability over 3")
    assert (one["filename"], one["row"]) == ("net.py", 6)
    assert one["measured"]["on"] == "the first batch of `loader` in main() of train.py"
    assert one["measured"]["command"] == (
        "nnlint verify net.py:Tagger --probe loss-at-init --loss cross_entropy "
        "--loader train.py:main.loader"
    )
    status, found = measured(report, "overfit-one-batch")
    (curve, *_) = found["Tagger", "overfit"]["measured"]["curves"]
    assert (curve["vertical"], curve["horizontal"]) == ("loss", "step")
    first, last = curve["points"][0], curve["points"][-1]
    assert first[0] == 0 and last[1] < first[1]


def test_pictures_are_written(report):
    wanted = {"train-14-lr-schedule.svg", "Tagger-batch-dependency.svg"}
    assert wanted <= report["pictures"]
    assert any(name.startswith("Tagger-overfit-Adam") for name in report["pictures"])


def test_each_probe_speaks_about_its_bullet(report):
    status, found = measured(report, "good-init")
    bias = found["Tagger", "head-bias"]
    assert status == bias["status"] == "missing"
    assert "classes hold from 8.33% to 83.33% of 240 targets" in bias["text"]
    status, found = measured(report, "decay-defaults")
    assert status == "contradicted"
    ((_, schedule),) = found.items()
    assert schedule["measured"]["target"] == "train.py:14"
    assert schedule["measured"]["curves"][0]["points"][0] == [0.0, 0.001]
    status, found = measured(report, "chart-dependencies")
    assert status == "done"
    assert found["Tagger", "batch-dependency"]["measured"]["verdict"] == "REFUTED"
    # that one seed gives one run does not say that the program sets one
    status, found = measured(report, "fixed-seed")
    assert status == "missing"
    assert found["Tagger", "same-seed"]["measured"]["verdict"] == "REFUTED"


def test_a_loader_that_raises_costs_its_batch_only(tmp_path, monkeypatch, capsys):
    written(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "OF_MODELS", ("loss-at-init",))
    code, told = run(capsys, "--loader", "samples:broken", "train.py", "net.py")
    assert code == 0
    assert "! `samples:broken` raises OSError: the disk is gone (samples.py:13)" in told.out
    assert "loss-at-init: each row of the output is a probability" in told.out


def test_what_cannot_be_asked_for_is_said(tmp_path, monkeypatch, capsys):
    written(tmp_path)
    monkeypatch.chdir(tmp_path)
    code, told = run(capsys, "--loader", "samples", ".")
    assert code == 2 and "neither pkg.module:function" in told.err
    code = command(["recipe", "--loader", "samples:broken", "."])
    assert code == 2 and "--loader says what --run feeds" in capsys.readouterr().err


MEASUREMENT = Measurement("overfit", "Net", "REFUTED", "one batch is overfitted")
OVERFIT = next(b for b in BULLETS if b.name == "overfit-one-batch")
ONE = Evidence("net.py", 3, "", "measured: it does", Status.DONE, measured=MEASUREMENT)
FACTS = {"trains", "dataset"}


def test_what_is_measured_takes_back_nothing_that_the_source_contradicts():
    against = Evidence("train.py", 9, "", "the other way round", Status.CONTRADICTED)
    verdict = decide(OVERFIT, [ONE, against], [], FACTS, None)
    assert verdict.status is Status.CONTRADICTED and verdict.evidence == (against, ONE)
    source = Evidence("train.py", 9, "", "trains on one batch", Status.DONE)
    fault = replace(ONE, status=Status.CONTRADICTED)
    verdict = decide(OVERFIT, [source, fault], [], FACTS, None)
    assert verdict.status is Status.CONTRADICTED and verdict.evidence == (fault, source)


def test_what_running_cannot_tell_decides_nothing():
    open_ = replace(ONE, status=Status.CANT_TELL)
    verdict = decide(OVERFIT, [open_], [], FACTS, None)
    assert verdict.status is Status.MISSING and open_ in verdict.evidence
    assert decide(OVERFIT, [ONE, open_], [], FACTS, None).status is Status.DONE


def test_a_curve_is_drawn_in_a_line_and_in_rows():
    falling = Curve("loss", tuple((float(i), 2.0**-i) for i in range(64)))
    line = sparkline(falling)
    assert len(line) == 32 and line[0] == "█" and line[-1] == "▁"
    assert list(line) == sorted(line, reverse=True)
    rows = plot(falling)
    assert rows[0].startswith("       1 ┤•") and rows[-1].endswith("step")
    flat = Curve("loss", ((0.0, 1.0), (1.0, 1.0)))
    assert sparkline(flat) == "▁▁"
