"""`nnlint debug` shows what rules see, each fact with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnlint.cli import run

MODEL = """import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self, vocabulary, hidden=64):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, hidden)
        self.rnn = nn.GRU(hidden, hidden, batch_first=True)

    def forward(self, tokens):
        batch, steps = tokens.shape
        outputs, _ = self.rnn(self.embed(tokens))
        return outputs.reshape(batch * steps, -1)


def helper(left, right):
    return torch.matmul(left, right)
"""
TRAIN = """import torch
from model import Tagger
from torch.utils.data import DataLoader


def main(data):
    model = Tagger(500)
    loader = DataLoader(data, batch_size=8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for tokens, tags in loader:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(tokens), tags)
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main(None)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "train.py").write_text(TRAIN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def debug(capfd: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The lines that it prints."""
    assert run(["debug", *arguments]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    return out.splitlines()


def below(lines: list[str], head: str) -> list[str]:
    """The facts under a line of source."""
    at = next(i for i, line in enumerate(lines) if line.startswith(head))
    facts = []
    for line in lines[at + 1 :]:
        if not line.startswith("    "):
            break
        facts.append(" ".join(line.split()))
    return facts


def test_values_axes_and_operations_stand_under_their_line(project, capfd):
    lines = debug(capfd, "model.py")
    assert below(lines, "model.py:8: self.embed = nn.Embedding(vocabulary, hidden)") == [
        "builds 8:22 torch.nn.Embedding (kind layer, family embedding): "
        "num_embeddings=unknown `vocabulary`, from a parameter, embedding_dim=64 by default"
    ]
    assert below(lines, "model.py:13: outputs, _ = self.rnn(self.embed(tokens))")[:1] == [
        "operation 13:31 torch.nn.Embedding (kind layer, family embedding): "
        "(…) → (batch, steps, 64)"
    ]
    assert below(lines, "model.py:14: ") == [
        "operation 14:16 torch.Tensor.reshape (kind operation, family reshape): "
        "(batch, steps, hidden) → (batch·steps, hidden)"
    ]


def test_what_no_rule_asks_for_is_shown_too(project, capfd):
    [fact] = below(debug(capfd, "model.py"), "model.py:18: ")
    assert fact.startswith("operation 18:12 torch.matmul (kind operation, family matmul): ")


def test_programs_have_their_timeline(project, capfd):
    lines = debug(capfd, "train.py")
    told = below(lines, "program `__main__`: a person starts it, interpreted to its end, it trains")
    kinds = [line.split()[0] for line in told]
    assert kinds[-6:] == ["loop", "zero_grad", "forward", "loss", "backward", "step"]
    assert "loop train.py:10: for tokens, tags in loader" in told
    assert "zero_grad train.py:11: optimizer.zero_grad() · torch.optim.SGD" in told


def test_other_files_that_are_reached_are_told_apart(project, capfd):
    lines = debug(capfd, "train.py")
    assert any(line.startswith("model.py:9: self.rnn") for line in lines)


def test_a_pipe_gets_no_colour_and_a_terminal_does(project, capfd):
    assert not any("\x1b" in line for line in debug(capfd, "model.py"))
    assert any("\x1b[" in line for line in debug(capfd, "model.py", "--color", "always"))


def test_rows_of_local_folders_count(project, capfd):
    (project / "rules").mkdir()
    row = '"hub.Tower" = { kind = "layer", family = "tower", call = "class" }\n'
    (project / "rules/rows.toml").write_text(row)
    (project / "tower.py").write_text("from hub import Tower\nimport torch\n\ntower = Tower()\n")
    [fact] = below(debug(capfd, "tower.py", "--rules", "rules"), "tower.py:4: ")
    assert fact == "builds 4:9 hub.Tower (kind layer, family tower)"


@pytest.mark.parametrize(
    ("text", "told"),
    [("x = (\n", "bad.py:1: '(' was never closed"), ("x = '\0'\n", "bad.py:1: ")],
)
def test_a_file_that_cannot_be_parsed_is_one_line(project, capfd, text, told):
    (project / "bad.py").write_text(text)
    assert run(["debug", "bad.py"]) == 2
    out, err = capfd.readouterr()
    assert out == "" and told in err and len(err.splitlines()) == 1


def test_controls_in_a_file_are_not_obeyed(project, capfd):
    (project / "odd.py").write_text("import torch\nx = torch.zeros(3, names='\x1b[31m')\n")
    assert not any("\x1b" in line for line in debug(capfd, "odd.py"))
