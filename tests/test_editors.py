"""What docs/editors.md and the VS Code extension say of the server is so."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from nnlint import __version__
from nnlint.finding import Position, Stage
from nnlint.server.actions import FIX_ALL, FIX_ALL_KIND, VERIFY
from nnlint.server.settings import OF_CLIENTS, ClientSettings, read_settings
from nnlint.server.texts import Ruler, edits_between, lines_of

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
EXTENSION = ROOT / "editors" / "vscode"
MANIFEST = json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))
SETTINGS = {field.name for field in dataclasses.fields(ClientSettings)}


def test_the_page_names_every_setting_command_and_kind() -> None:
    table = PAGE.partition("| setting |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == SETTINGS
    assert all(f"`{name}`" in PAGE for name in (FIX_ALL, FIX_ALL_KIND, VERIFY))


def test_the_extension_has_the_settings_of_the_server() -> None:
    properties = MANIFEST["contributes"]["configuration"]["properties"]
    names = {name.removeprefix("nnlint.") for name in properties}
    assert names - OF_CLIENTS == SETTINGS
    stages = properties["nnlint.stage"]["enum"]
    assert stages == ["", *(stage.value for stage in Stage)]
    defaults = {name.removeprefix("nnlint."): p["default"] for name, p in properties.items()}
    assert read_settings(defaults) == (ClientSettings(), [])
    assert MANIFEST["version"] == __version__


def test_the_lock_file_of_the_extension_names_no_registry() -> None:
    lock = json.loads((EXTENSION / "package-lock.json").read_text(encoding="utf-8"))
    assert not any("resolved" in package for package in lock["packages"].values())


def test_settings_that_are_wrong_are_told_and_left_out() -> None:
    settings, faults = read_settings({"nnlint": {"stage": "later", "lint": "project", "stge": 1}})
    assert settings == ClientSettings(lint="project")
    assert len(faults) == 2 and "one of data, skeleton" in faults[0]
    assert "did you mean `stage`" in faults[1]
    assert read_settings(7)[1] == ["the settings of nnlint are no object"]


def test_lines_end_where_editors_end_them() -> None:
    assert lines_of("a\fb\r\nc\rd\n\x85e") == ["a\fb\r\n", "c\r", "d\n", "\x85e"]
    ruler = Ruler("é𝛼 = 1\n", "utf-16")
    place = ruler.place(Position(1, 3))
    assert (place.line, place.character) == (0, 3)
    assert Ruler("é𝛼 = 1\n", "utf-8").offset(place.__class__(0, 6)) == 2


def test_edits_touch_only_what_differs() -> None:
    before = "a\nloss = f(x)\nb\n"
    after = "a\nloss = f(x)  # nnlint: ignore[NN401]\nb\nc"
    first, second = edits_between(before, after, "utf-16")
    assert first.range.start.line == 1 and first.range.start.character == 11
    assert second.new_text == "c" and second.range.start.line == 3
    assert edits_between(before, before, "utf-16") == []
