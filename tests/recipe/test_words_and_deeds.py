"""Two whole projects: one does what the recipe says in words of its own, one only has the words."""

from __future__ import annotations

import textwrap
from pathlib import Path

from nnlint.config import Config, Selection
from nnlint.engine import Linter
from nnlint.recipe.bullets import codes
from nnlint.recipe.model import RecipeReport, Status
from nnlint.recipe.walking import walk_recipe

LATER = ("overfit", "regularize", "tune", "squeeze")
DEEDS = {
    "numbers.json": '{"pace": 3e-4, "shrink": 0.05, "skip": 0.25, "rounds": 4, "chunk": 24}',
    "shapes.py": """
        from torch import nn
        from torchvision.models import convnext_tiny


        class Beholder(nn.Module):
            def __init__(self, kinds, skip):
                super().__init__()
                self.eye = convnext_tiny(weights="DEFAULT")
                self.thin = nn.AlphaDropout(skip)
                self.say = nn.Linear(1000, kinds)

            def forward(self, views):
                return self.say(self.thin(self.eye(views)))
    """,
    "work.py": """
        import json

        import numpy as np
        import optuna
        import torch
        from torch import nn
        from torch.utils.data import ConcatDataset, DataLoader
        from torchvision import datasets, transforms as T

        from shapes import Beholder

        with open("numbers.json") as stream:
            told = json.load(stream)
        turned = T.Compose([T.RandomVerticalFlip(), T.ToTensor()])
        fields = ConcatDataset([
            datasets.ImageFolder("north", turned), datasets.ImageFolder("south", turned)
        ])
        fresh = datasets.ImageFolder("apart", T.ToTensor())


        def blurred_together(views, kinds):
            part = float(np.random.beta(0.3, 0.3))
            order = torch.randperm(len(views))
            return part * views + (1 - part) * views[order], kinds, kinds[order], part


        def distance(beholder):
            beholder.eval()
            away = 0
            with torch.no_grad():
                for views, kinds in DataLoader(fresh, batch_size=64):
                    away += (beholder(views).argmax(1) != kinds).sum().item()
            beholder.train()
            return away / len(fresh)


        def raise_one(pace):
            beholder = Beholder(7, told["skip"])
            mover = torch.optim.AdamW(beholder.parameters(), lr=pace, weight_decay=told["shrink"])
            nearest, since = 1.0, 0
            for turn in range(200):
                for views, kinds in DataLoader(fields, batch_size=told["chunk"], shuffle=True):
                    views, one, other, part = blurred_together(views, kinds)
                    said = beholder(views)
                    off = part * nn.functional.cross_entropy(said, one)
                    off = off + (1 - part) * nn.functional.cross_entropy(said, other)
                    mover.zero_grad()
                    off.backward()
                    mover.step()
                now = distance(beholder)
                if now < nearest:
                    nearest, since = now, 0
                else:
                    since += 1
                if since == told["rounds"]:
                    break
            return beholder, nearest


        def one_go(go):
            return raise_one(go.suggest_float("lr", 1e-5, 1e-2, log=True))[1]


        goes = optuna.create_study()
        goes.optimize(one_go, n_trials=12)
        first, second = raise_one(told["pace"])[0], raise_one(told["pace"])[0]
        with torch.no_grad():
            for views, _ in DataLoader(fresh, batch_size=64):
                together = first(views).softmax(1) + second(views).softmax(1)
                print(together.argmax(1))
    """,
}
DONE = {
    *("known-model", "adam", "decay-defaults", "more-data", "augmentation"),
    *("creative-augmentation", "pretrain", "supervised", "smaller-batch", "drop", "weight-decay"),
    *("early-stopping", "random-search", "few-parameters", "ensembles"),
}
WORDS = {
    "train.py": '''
        """Fine-tunes a pretrained ResNet50 with Adam, weight decay, dropout, early stopping,
        data augmentation (RandomHorizontalFlip, MixUp, CutMix), random search over the learning
        rate with Optuna, and an ensemble distilled into one model."""
        import optuna
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset
        from torchvision import models, transforms

        WEIGHT_DECAY = 0.05
        EARLY_STOPPING = PATIENCE = 5
        DROPOUT = 0.5
        PRETRAINED = True
        augmentation = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor()])


        class EarlyStopping:
            def __init__(self, patience):
                self.patience, self.best, self.counter = patience, None, 0
                self.early_stop = False

            def __call__(self, loss):
                if self.best is None or loss < self.best:
                    self.best, self.counter = loss, 0
                else:
                    self.counter += 1
                    self.early_stop = self.counter >= self.patience


        def resnet50_pretrained():
            return models.resnet50(weights="DEFAULT")


        def mixup(x, y, lam=0.5):
            order = torch.randperm(len(x))
            return lam * x + (1 - lam) * x[order], y[order]


        def objective(trial):
            return trial.suggest_float("lr", 1e-5, 1e-1)


        def ensemble(members, x):
            return torch.stack([member(x) for member in members]).mean(0)


        class ResNet(nn.Module):
            def __init__(self, dropout=0.0, pretrained=False):
                super().__init__()
                self.dropout = nn.Dropout(dropout)
                self.regularizer = nn.Dropout(DROPOUT)
                self.fc = nn.Linear(30, 3)

            def forward(self, x):
                return self.fc(self.dropout(x))


        def main(early_stopping=None, mixup_alpha=0.0):
            model = ResNet()
            adam = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0)
            scheduler = torch.optim.lr_scheduler.StepLR(adam, step_size=11, gamma=0.3)
            loader = DataLoader(TensorDataset(torch.load("x.pt")), batch_size=256, shuffle=True)
            stopper = EarlyStopping(PATIENCE)
            for epoch in range(40):
                for (x,) in loader:
                    if mixup_alpha > 0:
                        x, _ = mixup(x, x, mixup_alpha)
                    adam.zero_grad()
                    loss = model(x).pow(2).mean()
                    loss.backward()
                    adam.step()
                scheduler.step()
                if early_stopping is not None and early_stopping < loss:
                    break


        main()
    ''',
}


def walked(folder: Path, files: dict[str, str]) -> RecipeReport:
    for name, text in files.items():
        (folder / name).write_text(textwrap.dedent(text).lstrip("\n"))
    config = Config(selection=Selection(select=tuple(sorted(codes()))))
    linter = Linter(lambda _: config, jobs=1, cache_dir=None, follows_edits=False)
    found = linter.discover([str(folder)])
    return walk_recipe([str(folder)], found, linter.run(found).findings, config)


def statuses(report: RecipeReport, status: Status) -> set[str]:
    return {
        verdict.bullet.name
        for verdict in report.verdicts
        if verdict.status is status and verdict.bullet.section in LATER
    }


def test_deeds_are_seen_whatever_they_are_called(tmp_path: Path) -> None:
    report = walked(tmp_path, DEEDS)
    assert statuses(report, Status.DONE) == DONE
    assert not statuses(report, Status.CONTRADICTED)


def test_words_are_no_deeds(tmp_path: Path) -> None:
    report = walked(tmp_path, WORDS)
    assert not statuses(report, Status.DONE)
    assert not statuses(report, Status.CONTRADICTED)
