"""`nnlint recipe` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nnlint.cli import run
from nnlint.recipe.bullets import BULLETS, SECTIONS

SONGS = str(Path(__file__).parents[2] / "examples" / "bird_songs")


def test_each_bullet_has_a_status_and_what_is_open_has_a_next_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["recipe", SONGS, "--format", "json", "-q"]) == 0
    bullets = json.loads(capsys.readouterr().out)["bullets"]
    assert [(b["section"], b["bullet"]) for b in bullets] == [(b.section, b.name) for b in BULLETS]
    assert all(b["next"] for b in bullets if b["status"] in ("missing", "contradicted"))
    assert all(b["evidence"] for b in bullets if b["status"] in ("done", "contradicted"))


def test_the_page_fits_a_screen_and_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipe", SONGS, "-q"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 50
    assert all(len(line) <= 100 for line in lines)
    assert [line for line in lines if line in SECTIONS.values()] == list(SECTIONS.values())


@pytest.mark.parametrize(("option", "status"), [([], 0), (["--fail-on", "contradicted"], 1)])
def test_exit_status_is_as_asked(
    option: list[str], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    assert run(["recipe", SONGS, "-q", "--format", "markdown", "-o", str(page), *option]) == status
    assert page.read_text("utf-8").count("\n## ") == len(SECTIONS)


def test_what_cannot_be_read_is_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.py").write_text("def f(:")
    assert run(["recipe", str(tmp_path), "-q"]) == 0
    assert "not looked at:" in capsys.readouterr().out
    assert run(["recipe", str(tmp_path / "nothing"), "-q"]) == 2
    assert "no such file or directory" in capsys.readouterr().err
