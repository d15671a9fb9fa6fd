"""What the rules are called: known without importing them, and found out again after a change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nnlint import compiled, listing
from nnlint.config import Config, ConfigError, Selection
from nnlint.listing import every_name, listed_rules, pack_sources, selected_codes
from nnlint.registry import TOOL_RULES, load_rules


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the list is kept, instead of beside nnlint's own bytecode."""
    kept = tmp_path / "listing.rules"
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(compiled, "place_for", lambda source, suffix: kept)
    listing._listed.cache_clear()
    yield kept
    listing._listed.cache_clear()


def again() -> tuple[str, ...]:
    listing._listed.cache_clear()
    return tuple(rule.code for rule in listed_rules())


def no_rules() -> None:
    raise AssertionError("rules are imported")


def test_the_list_says_what_the_rules_say(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, sources = listed_rules(), pack_sources()
    monkeypatch.setattr(listing, "load_rules", no_rules)
    listing._listed.cache_clear()
    assert listed_rules() == first and pack_sources() == sources
    said = [(r.code, r.name, r.level, r.gather) for r in load_rules()]
    assert [(r.code, r.name, r.level, r.gather) for r in first] == said
    assert every_name()[: len(TOOL_RULES)] == TOOL_RULES
    assert {rule.source for rule in load_rules()} <= set(sources)


def test_a_changed_file_of_a_pack_makes_it_anew(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = again()
    monkeypatch.setattr(listing, "stamps_of", lambda files: (("changed.py", 1, 1),))
    asked: list[str] = []
    monkeypatch.setattr(listing, "load_rules", lambda: asked.append("") or load_rules())
    assert again() == known and len(asked) == 1
    assert again() == known and len(asked) == 1


def test_another_pack_makes_it_anew(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again()
    monkeypatch.setattr(listing, "_packs", lambda: (("other", "other", "1.0"),))
    asked: list[str] = []
    monkeypatch.setattr(listing, "load_rules", lambda: asked.append("") or load_rules())
    assert again() and len(asked) == 1


@pytest.mark.parametrize("content", [b"", b"broken", b"\x00" * 40])
def test_a_broken_list_is_none(place: Path, content: bytes) -> None:
    known = again()
    place.write_bytes(content)
    assert again() == known


def test_nothing_is_kept_where_python_may_not_write(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert again() and not place.exists()


def test_a_selector_that_means_no_rule() -> None:
    codes = selected_codes(Config(selection=Selection(select=("NN501",))))
    assert codes == ("NN501",)
    with pytest.raises(ConfigError, match="unknown rule selector"):
        selected_codes(Config(selection=Selection(select=("NN9999",))))


_ASK = """
import sys
from nnlint.cli import main
try:
    main()
except SystemExit:
    pass
print(sorted(name for name in sys.modules if name.startswith(("nnlint_rules", "nnlint.semantics"))))
"""


def test_a_run_in_which_nothing_changed_imports_no_rule(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import torch\n")
    os.utime(tmp_path / "train.py", (1, 1))
    ask = [sys.executable, "-c", _ASK, "check", "train.py"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": ""}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path / "bytecode")

    def run() -> str:
        done = subprocess.run(
            ask, cwd=tmp_path, capture_output=True, text=True, check=True, env=environment
        )
        return done.stdout.splitlines()[-1]

    assert "nnlint_rules" in run()
    assert run() == "[]"
