"""One run over several machines: shards whose results are merged, and a cluster of Dask."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nnlint.cli import run
from nnlint.config import ConfigError
from nnlint.sharding import Shard

LOOP = """\
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from {module} import loss_of

model = nn.Linear(4, {classes})
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
data = TensorDataset(torch.ones(80, 4), torch.ones(80))
for x, y in DataLoader(data, batch_size=8):
    loss = loss_of(model(x), y)
    loss.backward()
    optimizer.step()
"""
LOSS = """\
import torch.nn.functional as F


def loss_of(output, y):
    return F.cross_entropy(F.softmax(output, dim=1), y)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Scripts that lead to findings in modules of other shards, some of them suppressed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    for number in range(6):
        script = LOOP.format(module=f"losses_{5 - number}", classes=number + 2)
        (tmp_path / f"train_{number}.py").write_text(script)
        loss = LOSS
        if number % 2:
            loss = LOSS.replace("y)\n", "y)  # nnlint: ignore[softmax-into-cross-entropy]\n")
        (tmp_path / f"losses_{number}.py").write_text(loss + "\n" * number)
    (tmp_path / "unused.py").write_text("import torch  # nnlint: ignore[missing-seed]\n")
    return tmp_path


def lint(*arguments: str) -> int:
    return run(["check", "--no-cache", *arguments])


def report(*arguments: str, form: str = "json") -> bytes:
    assert lint("--output-format", form, "-o", "report", *arguments, ".") == 1
    return Path("report").read_bytes()


def in_shards(of: int) -> list[str]:
    for number in range(1, of + 1):
        lint("--shard", f"{number}/{of}", "--write-results", f"results-{number}.txt", "-q", ".")
    return [part for n in range(1, of + 1) for part in ("--merge", f"results-{n}.txt")]


def test_every_file_is_in_one_shard(project: Path) -> None:
    files = sorted(path.name for path in project.glob("*.py"))
    for of in (1, 2, 3, 8, 40):
        parts = [Shard(number, of).part(reversed(files)) for number in range(1, of + 1)]
        assert [name for part in parts for name in part] == files
        sizes = [sum(os.stat(name).st_size for name in part) for part in parts]
        assert max(sizes) - min(sizes) <= 2 * max(os.stat(name).st_size for name in files)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "a/b", "1/3 ", "-1/3"])
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(ConfigError, match="is not NUMBER/OF"):
        Shard.of_text(text)


@pytest.mark.parametrize("form", ["json", "sarif", "github", "full"])
def test_merged_shards_report_what_one_run_does(project: Path, form: str) -> None:
    whole = report(form=form)
    assert b"missing-zero-grad" in whole and b"unused-suppression" in whole
    assert report(*in_shards(3), form=form) == whole


def test_merging_lints_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, merged = report(form="github"), in_shards(2)

    def fail(*arguments: object) -> None:
        raise AssertionError("a file is linted")

    monkeypatch.setattr("nnlint.checking.check_file", fail)
    assert report(*merged, form="github") == whole


def test_shards_together_tell_every_place(project: Path) -> None:
    def places(text: bytes) -> set[tuple[str, str, int]]:
        found = json.loads(text)
        return {(f["code"], f["filename"], f["location"]["row"]) for f in found}

    # told once, and beside the others, when all is known
    whole = places(report("--ignore", "NN004"))
    parts = [places(report("--ignore", "NN004", "--shard", f"{n}/3")) for n in (1, 2, 3)]
    assert whole <= set.union(*parts)
    assert {code for code, *_ in set.union(*parts)} == {code for code, *_ in whole}


def test_what_has_changed_meanwhile_is_linted(project: Path) -> None:
    merged = in_shards(2)
    (project / "losses_4.py").write_text(LOSS.replace("F.softmax(output, dim=1)", "output"))
    assert report(*merged) == report()


def test_results_of_other_settings_are_of_no_use(project: Path) -> None:
    lint("--select", "NN501", "--write-results", "results.txt", "-q", ".")
    assert report("--merge", "results.txt") == report()


def test_results_hold_in_another_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = report(form="github")
    in_shards(2)
    other = project / "elsewhere"
    other.mkdir()
    for path in project.glob("*.*"):
        path.rename(other / path.name)
    monkeypatch.chdir(other)
    monkeypatch.setattr("nnlint.checking.check_file", None)
    merged = ("--merge", "results-1.txt", "--merge", "results-2.txt")
    assert report(*merged, form="github") == whole


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"nnlint": "0", "results": {}}', "[" * 9000])
def test_a_file_without_results(
    project: Path, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    (project / "results.txt").write_text(text)
    assert lint("--merge", "results.txt", ".") == 2
    error = capfd.readouterr().err
    assert error.startswith("error: results.txt: ") and error.count("\n") == 1
    assert lint("--merge", "gone.txt", ".") == 2
    assert "gone.txt: No such file" in capfd.readouterr().err


@pytest.mark.parametrize("option", ["--fix", "--fix-only", "--diff", "--statistics", "--verify"])
def test_what_needs_all_files(
    project: Path, capfd: pytest.CaptureFixture[str], option: str
) -> None:
    assert lint("--shard", "1/2", option, ".") == 2
    assert f"{option} needs all files" in capfd.readouterr().err


@pytest.mark.parametrize("address", ["dask:/x", "ray://h:1", "dask://", "localhost:8786"])
def test_what_is_no_cluster(project: Path, capfd: pytest.CaptureFixture[str], address: str) -> None:
    assert lint("--executor", address, ".") == 2
    assert "is not dask://HOST:PORT" in capfd.readouterr().err


CLUSTER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, *[w.pid for w in cluster.workers.values()], flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("killed", [False, True], ids=["all live", "one is killed"])
def test_a_cluster_finds_the_same(project: Path, tmp_path_factory, killed: bool) -> None:
    pytest.importorskip("distributed")
    for number in range(30):
        # enough files that the cluster is still at work when a worker is killed
        (project / f"more_{number}.py").write_text(LOOP.format(module="losses_0", classes=3))
    whole = report("--jobs", "1")
    elsewhere = tmp_path_factory.mktemp("cluster")
    (elsewhere / "cluster.py").write_text(CLUSTER)
    cluster = subprocess.Popen(
        [sys.executable, "cluster.py"],
        cwd=elsewhere,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert cluster.stdout is not None
        address, *workers = cluster.stdout.readline().split()
        ask = ["--no-cache", "--output-format", "json", "-o", "spread", ".", "--executor"]
        linting = subprocess.Popen(
            [sys.executable, "-m", "nnlint", "check", *ask, address.replace("tcp://", "dask://")],
            stderr=subprocess.DEVNULL,
        )
        if killed:
            time.sleep(1)
            os.kill(int(workers[0]), signal.SIGKILL)
        assert linting.wait(120) == 1
        assert (project / "spread").read_bytes() == whole
    finally:
        cluster.kill()
        cluster.wait()
