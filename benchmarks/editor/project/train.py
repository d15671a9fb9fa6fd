"""Train a network on photographs of leaves, evaluate it, and distil it into a smaller one."""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
from data import build_loaders, build_test_loader
from losses import build_loss, class_weights, distillation, mixed
from metrics import Confusion, Mean, top_k
from model import LeafNet, build_model
from schedules import Average, build_optimizer, build_schedule
from torch import nn
from torch.utils.tensorboard import SummaryWriter


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--test-table", type=Path)
    parser.add_argument("--output", type=Path, default=Path("runs"))
    parser.add_argument("--classes", type=int, default=184)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--optimizer", choices=["sgd", "adamw"], default="adamw")
    parser.add_argument("--schedule", choices=["cosine", "one_cycle"], default="cosine")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--warmup", type=int, default=500)
    parser.add_argument("--loss", choices=["smoothed", "focal"], default="smoothed")
    parser.add_argument("--smoothing", type=float, default=0.1)
    parser.add_argument("--mixup", type=float, default=0.2)
    parser.add_argument("--accumulate", type=int, default=2)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--average", type=float, default=0.999)
    parser.add_argument("--distil", action="store_true")
    parser.add_argument("--temperature", type=float, default=4.0)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--patience", type=int, default=10)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)


def mix(images, share):
    order = torch.randperm(images.size(0), device=images.device)
    return share * images + (1 - share) * images[order], order


class History:
    """What was measured, epoch by epoch, on disk and on a board."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.writer = SummaryWriter(self.folder)
        self.rows = []

    def add(self, epoch, **values):
        self.rows.append({"epoch": epoch, **values})
        for name, value in values.items():
            self.writer.add_scalar(name, value, epoch)

    def save(self):
        text = json.dumps(self.rows, indent=2)
        (self.folder / "history.json").write_text(text)

    def close(self):
        self.save()
        self.writer.close()


class Checkpoints:
    """The last state of a training run and its best one."""

    def __init__(self, folder, patience):
        self.folder = Path(folder)
        self.patience = patience
        self.best = 0.0
        self.waited = 0

    def state(self, model, optimizer, schedule, scaler, epoch):
        return {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "scaler": scaler.state_dict(),
            "epoch": epoch,
            "best": self.best,
        }

    def save(self, score, model, optimizer, schedule, scaler, epoch):
        better = score > self.best
        self.best = max(score, self.best)
        state = self.state(model, optimizer, schedule, scaler, epoch)
        torch.save(state, self.folder / "last.pt")
        if better:
            torch.save(state, self.folder / "best.pt")
            self.waited = 0
        else:
            self.waited += 1
        return self.waited >= self.patience

    def load(self, path, model, optimizer, schedule, scaler):
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        scaler.load_state_dict(state["scaler"])
        self.best = state["best"]
        return state["epoch"] + 1


def train_one_epoch(model, average, loader, criterion, optimizer, schedule, scaler, device, args):
    model.train()
    loss_mean, accuracy = Mean(), Mean()
    optimizer.zero_grad(set_to_none=True)
    for step, (images, species) in enumerate(loader):
        images = images.to(device, non_blocking=True)
        species = species.to(device, non_blocking=True)
        share = float(np.random.beta(args.mixup, args.mixup)) if args.mixup > 0 else 1.0
        with torch.autocast(device_type=device.type, dtype=torch.float16):
            if share < 1.0:
                blended, order = mix(images, share)
                logits = model(blended)
                loss = mixed(criterion, logits, species, species[order], share)
            else:
                logits = model(images)
                loss = criterion(logits, species)
        scaler.scale(loss / args.accumulate).backward()
        if (step + 1) % args.accumulate == 0:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), args.clip)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
            average.update(model)
        loss_mean.add(loss.item(), images.size(0))
        accuracy.add(top_k(logits.detach(), species, 1), images.size(0))
        if step % 100 == 0:
            print(f"{step:5d}/{len(loader)} loss {loss_mean.value:.4f} {accuracy.value:.3f}")
    return loss_mean.value, accuracy.value


@torch.no_grad()
def evaluate(model, loader, criterion, classes, device):
    model.eval()
    loss_mean, best_five = Mean(), Mean()
    confusion = Confusion(classes)
    for images, species in loader:
        images = images.to(device, non_blocking=True)
        species = species.to(device, non_blocking=True)
        logits = model(images)
        loss_mean.add(criterion(logits, species).item(), images.size(0))
        best_five.add(top_k(logits, species, 5), images.size(0))
        confusion.add(logits, species)
    return {
        "loss": loss_mean.value,
        "accuracy": confusion.accuracy(),
        "recall": confusion.recall(),
        "best_five": best_five.value,
    }


@torch.no_grad()
def predict(model, loader, device, flips=True):
    model.eval()
    rows = []
    for images, _, places in loader:
        images = images.to(device)
        scores = model(images).softmax(dim=1)
        if flips:
            scores = (scores + model(images.flip(-1)).softmax(dim=1)) / 2
        confidence, species = scores.max(dim=1)
        for place, guess, value in zip(
            places.tolist(), species.tolist(), confidence.tolist(), strict=True
        ):
            rows.append({"place": place, "species": guess, "confidence": value})
    return rows


def count_species(loader, classes):
    counts = torch.zeros(classes)
    for _, species in loader:
        counts += torch.bincount(species, minlength=classes)
    return counts


def train_student(teacher, train_loader, validation_loader, criterion, device, args):
    """A network of half the width that learns from what the teacher says."""
    student = LeafNet(args.classes, args.width // 2, dropout=0.0).to(device)
    optimizer = build_optimizer(args.optimizer, student, args.rate, args.decay)
    steps = len(train_loader) * args.epochs
    schedule = build_schedule(args.schedule, optimizer, args.rate, args.warmup, steps)
    history = History(args.output / "student")
    teacher.eval()
    best = 0.0
    for epoch in range(args.epochs):
        student.train()
        losses = Mean()
        for images, species in train_loader:
            images, species = images.to(device), species.to(device)
            with torch.no_grad():
                wanted = teacher(images)
            logits = student(images)
            hard = criterion(logits, species)
            soft = distillation(logits, wanted, args.temperature)
            loss = 0.3 * hard + 0.7 * soft
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(student.parameters(), args.clip)
            optimizer.step()
            schedule.step()
            losses.add(loss.item(), images.size(0))
        measured = evaluate(student, validation_loader, criterion, args.classes, device)
        history.add(epoch, student_loss=losses.value, **measured)
        if measured["accuracy"] > best:
            best = measured["accuracy"]
            torch.save({"model": student.state_dict()}, args.output / "student.pt")
    history.close()
    return student, best


def tune_head(model, train_loader, criterion, device, args):
    """Train the last layer alone, as after a change of the classes."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for parameter in model.head.parameters():
        parameter.requires_grad_(True)
    optimizer = torch.optim.SGD(model.head.parameters(), lr=0.1, momentum=0.9)
    model.eval()
    for epoch in range(3):
        losses = Mean()
        for images, species in train_loader:
            images, species = images.to(device), species.to(device)
            with torch.no_grad():
                features = model.features(images)
            loss = criterion(model.head(features), species)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.add(loss.item(), images.size(0))
        print(f"head {epoch}: {losses.value:.4f}")
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return model


def find_rate(model, loader, criterion, device, lowest=1e-6, highest=1.0, steps=100):
    """The loss at rates that grow from step to step, to choose one by eye."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lowest)
    factor = (highest / lowest) ** (1 / steps)
    model.train()
    seen = []
    for step, (images, species) in enumerate(loader):
        if step == steps:
            break
        images, species = images.to(device), species.to(device)
        optimizer.zero_grad()
        loss = criterion(model(images), species)
        loss.backward()
        optimizer.step()
        seen.append((optimizer.param_groups[0]["lr"], loss.item()))
        for group in optimizer.param_groups:
            group["lr"] *= factor
    return seen


def describe(model):
    total = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return f"{total / 1e6:.1f} M parameters, {trained / 1e6:.1f} M of them trained"


def measure_speed(model, size, device, rounds=20):
    model.eval()
    images = torch.randn(8, 3, size, size, device=device)
    with torch.no_grad():
        for _ in range(3):
            model(images)
        if device.type == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(rounds):
            model(images)
        if device.type == "cuda":
            torch.cuda.synchronize()
    return rounds * 8 / (time.perf_counter() - started)


def write_predictions(rows, path):
    lines = ["place,species,confidence"]
    lines += [f"{r['place']},{r['species']},{r['confidence']:.4f}" for r in rows]
    Path(path).write_text("\n".join(lines) + "\n")


def main():
    args = parse_arguments()
    seed_everything(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train_loader, validation_loader = build_loaders(
        args.folder, args.table, args.size, args.batch_size, args.workers, args.seed
    )
    model = build_model(args.classes, args.width, args.dropout).to(device)
    print(describe(model))
    average = Average(model, args.average)
    weights = class_weights(count_species(train_loader, args.classes)).to(device)
    criterion = build_loss(args.loss, args.smoothing, weights).to(device)
    optimizer = build_optimizer(args.optimizer, model, args.rate, args.decay)
    steps = len(train_loader) // args.accumulate * args.epochs
    schedule = build_schedule(args.schedule, optimizer, args.rate, args.warmup, steps)
    scaler = torch.amp.GradScaler(device.type)
    history = History(args.output)
    checkpoints = Checkpoints(args.output, args.patience)
    first = 0
    if args.resume is not None:
        first = checkpoints.load(args.resume, model, optimizer, schedule, scaler)
    for epoch in range(first, args.epochs):
        started = time.time()
        loss, accuracy = train_one_epoch(
            model,
            average,
            train_loader,
            criterion,
            optimizer,
            schedule,
            scaler,
            device,
            args,
        )
        measured = evaluate(average.model, validation_loader, criterion, args.classes, device)
        history.add(
            epoch,
            train_loss=loss,
            train_accuracy=accuracy,
            seconds=time.time() - started,
            **measured,
        )
        history.save()
        print(f"epoch {epoch}: {loss:.4f} {accuracy:.3f} {measured['accuracy']:.3f}")
        if checkpoints.save(measured["accuracy"], model, optimizer, schedule, scaler, epoch):
            print("no better for long: stopped")
            break
    history.close()
    print(f"{measure_speed(average.model, args.size, device):.0f} images a second")
    if args.distil:
        student, best = train_student(
            average.model, train_loader, validation_loader, criterion, device, args
        )
        print(f"student: {best:.3f}, {describe(student)}")
    if args.test_table is not None:
        loader = build_test_loader(
            args.folder, args.test_table, args.size, args.batch_size, args.workers
        )
        write_predictions(predict(average.model, loader, device), args.output / "test.csv")


if __name__ == "__main__":
    main()
