"""Which models programs train, with which loss and on what, told by what happens to them."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from nnlint.project.modules import ProjectModules
from nnlint.source.discovery import Roots
from nnlint.verify.trained import Trained, find_trained

HEAD = """
    import torch
    from torch import nn
    from torch.nn import functional as F
    from torch.utils.data import DataLoader


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(10, 5)

        def forward(self, x, y=None):
            out = self.line(x)
            return out if y is None else F.cross_entropy(out, y)


    def dice(prediction, target):
        return 1 - (prediction * target).sum() / (prediction + target).sum()

"""
PLAIN = """
    def main(dataset):
        loader = DataLoader(dataset, batch_size=8)
        net = Net()
        optimizer = torch.optim.Adam(net.parameters())
        {before}
        for epoch in range(3):
            for {batch} in {over}:
                optimizer.zero_grad()
                {inside}
                loss.backward()
                optimizer.step()
"""


def trained(tmp_path: Path, text: str) -> list[Trained]:
    file = tmp_path / "train.py"
    file.write_text(textwrap.dedent(HEAD) + textwrap.dedent(text))
    return find_trained([str(file)], ProjectModules(Roots.of([str(file)]))).models


def plain(tmp_path: Path, inside: str, over="loader", batch="x, y", before="pass") -> Trained:
    text = PLAIN.format(inside=inside, over=over, batch=batch, before=before)
    (model,) = trained(tmp_path, text)
    assert model.name == "Net" and model.target is not None
    assert model.loader is not None
    assert (model.loader["name"], model.loader["within"]) == ("loader", "main")
    return model


@pytest.mark.parametrize(
    ("inside", "before", "name", "args"),
    [
        ("loss = F.cross_entropy(net(x), y)", "pass", "torch.nn.functional.cross_entropy", {}),
        ("loss = criterion(net(x), y)", "criterion = nn.MSELoss()", "torch.nn.MSELoss", {}),
        (
            "loss = criterion(net(x), y) / 4",
            "criterion = nn.CrossEntropyLoss(label_smoothing=0.1)",
            "torch.nn.CrossEntropyLoss",
            {"label_smoothing": 0.1},
        ),
        (
            "loss = F.cross_entropy(net(x.float().to('cpu')).view(-1, 5), y.view(-1))",
            "pass",
            "torch.nn.functional.cross_entropy",
            {},
        ),
    ],
)
def test_the_loss_is_the_one_that_is_minimised(tmp_path, inside, before, name, args):
    model = plain(tmp_path, inside, before=before)
    assert model.criterion is not None and model.criterion["call"] == {"name": name}
    assert model.criterion["args"] == args
    assert model.loss and not model.prepared and not model.by_itself


@pytest.mark.parametrize("over", ["loader", "enumerate(loader)"])
def test_the_loader_is_what_the_loop_goes_over(tmp_path, over):
    batch = "x, y" if over == "loader" else "i, (x, y)"
    plain(tmp_path, "loss = F.cross_entropy(net(x), y)", over, batch)


def test_a_criterion_of_the_project_is_called_as_it_is(tmp_path):
    model = plain(tmp_path, "loss = dice(net(x), y)")
    assert model.criterion is not None and model.criterion["call"]["name"] == "dice"
    assert not model.loss


def test_a_model_may_compute_its_loss_itself(tmp_path):
    model = plain(tmp_path, "loss = net(x, y)")
    assert model.by_itself and model.criterion is None and model.loss == "cross_entropy"


@pytest.mark.parametrize(
    "inside",
    [
        "loss = F.cross_entropy(net(x / 255), y)",
        "loss = F.cross_entropy(net(x.transpose(1, 2)), y)",
        "loss = F.cross_entropy(net(x), y - 1)",
    ],
)
def test_what_is_done_to_a_batch_before_is_noticed(tmp_path, inside):
    assert plain(tmp_path, inside).prepared.endswith("train.py:30")


@pytest.mark.parametrize(
    "inside",
    [
        "loss = F.nll_loss(F.log_softmax(net(x), dim=1), y)",
        "loss = F.binary_cross_entropy(torch.sigmoid(net(x)), y)",
        "loss = F.cross_entropy(net(x), y) + F.mse_loss(net(x), y)",
    ],
)
def test_a_loss_of_something_else_than_the_output_is_none(tmp_path, inside):
    model = plain(tmp_path, inside)
    assert model.criterion is None and not model.loss and model.told


def test_a_model_that_no_optimizer_steps_on_is_not_trained(tmp_path):
    text = PLAIN.format(
        before="teacher = Net()",
        inside="loss = F.mse_loss(net(x), teacher(x))",
        over="loader",
        batch="x, y",
    )
    models = trained(tmp_path, text.replace("net = Net()", "net = nn.Linear(10, 5)"))
    assert [m.name for m in models] == ["net"]


def test_a_lightning_module_and_its_data_are_found_where_it_is_fitted(tmp_path):
    models = trained(
        tmp_path,
        """
        import lightning as L


        class Module(L.LightningModule):
            def __init__(self):
                super().__init__()
                self.net = Net()

            def training_step(self, batch, batch_idx):
                x, y = batch
                return F.cross_entropy(self.net(x), y)

            def configure_optimizers(self):
                return torch.optim.Adam(self.parameters())


        class Data(L.LightningDataModule):
            def train_dataloader(self):
                return DataLoader([], batch_size=8)


        if __name__ == "__main__":
            data = Data()
            L.Trainer().fit(Module(), datamodule=data)
        """,
    )
    (model,) = (m for m in models if m.name == "Module")
    assert model.by_itself and model.loss == "cross_entropy"
    assert model.loader is not None and model.loader["name"] == "data"


def test_a_script_that_only_calls_what_trains_knows_the_model(tmp_path):
    text = textwrap.dedent(HEAD) + textwrap.dedent(
        """
        def fit_all(net, loader):
            optimizer = torch.optim.Adam(net.parameters())
            for x, y in loader:
                optimizer.zero_grad()
                F.cross_entropy(net(x), y).backward()
                optimizer.step()
        """
    )
    (tmp_path / "steps.py").write_text(text)
    script = tmp_path / "main.py"
    script.write_text(
        "from torch.utils.data import DataLoader\n\nfrom steps import Net, fit_all\n\n"
        "batches = DataLoader([], batch_size=8)\nfit_all(Net(), batches)\n"
    )
    files = [str(script), str(tmp_path / "steps.py")]
    (model,) = find_trained(files, ProjectModules(Roots.of(files))).models
    assert model.name == "Net" and model.loader is not None
    assert (model.loader["name"], model.loader["within"]) == ("batches", "")
