"""Selection of rules, configuration files, patterns and the settings that come of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnlint.config import (
    Config,
    ConfigError,
    ConfigFiles,
    Selection,
    anchored,
    find_config,
    load_config,
    read_config,
)
from nnlint.finding import Level, Stage
from nnlint.registry import ToolRule, every_rule, select_rules
from nnlint.selection import check_selectors, is_selected

ERROR = ToolRule("NN301", "view-mixes-batch", Level.ERROR, "")
ADVICE = ToolRule("NN312", "elementwise-dropout-on-conv", Level.ADVICE, "")
PEDANTIC = ToolRule("NN524", "no-evaluation", Level.PEDANTIC, "")


def chosen(file: Selection = Selection(), line: Selection = Selection()) -> list[str]:
    config = Config(selection=file, command_line=line)
    return [r.code for r in (ERROR, ADVICE, PEDANTIC) if is_selected(config, r)]


@pytest.mark.parametrize(
    ("selection", "codes"),
    [
        (Selection(), ["NN301", "NN312"]),
        (Selection(select=("ALL",)), ["NN301", "NN312", "NN524"]),
        (Selection(select=("all",)), ["NN301", "NN312", "NN524"]),
        (Selection(select=("NN3",)), ["NN301", "NN312"]),
        (Selection(select=("nn30",)), ["NN301"]),
        (Selection(select=("View-Mixes-Batch",)), ["NN301"]),
        (Selection(select=("error", "pedantic")), ["NN301", "NN524"]),
        (Selection(select=()), []),
        (Selection(extend_select=("NN524",)), ["NN301", "NN312", "NN524"]),
        (Selection(extend_select=("NN5",)), ["NN301", "NN312", "NN524"]),
        (Selection(ignore=("NN3",)), []),
        (Selection(ignore=("advice",)), ["NN301"]),
        # the more specific selector wins, whichever way round
        (Selection(select=("NN3",), ignore=("NN31",)), ["NN301"]),
        (Selection(select=("NN312",), ignore=("NN3",)), ["NN312"]),
        (Selection(select=("ALL",), ignore=("error",)), ["NN312", "NN524"]),
        (Selection(select=("NN3",), ignore=("error",)), ["NN301", "NN312"]),
        (Selection(select=("error",), ignore=("ALL",)), ["NN301"]),
        (Selection(extend_select=("NN301",), ignore=("NN3",)), ["NN301"]),
        # ignore wins a draw
        (Selection(select=("NN301",), ignore=("view-mixes-batch",)), []),
    ],
)
def test_selectors(selection, codes):
    assert chosen(selection) == codes
    assert chosen(line=selection) == codes


@pytest.mark.parametrize(
    ("file", "line", "codes"),
    [
        (Selection(select=("NN301",)), Selection(ignore=("NN3",)), []),
        (Selection(ignore=("NN301",)), Selection(extend_select=("NN301",)), ["NN301", "NN312"]),
        (Selection(ignore=("NN301",)), Selection(select=("error",)), ["NN301"]),
        (Selection(select=("ALL",)), Selection(select=("advice",)), ["NN312"]),
        (Selection(select=("ALL",)), Selection(ignore=("advice",)), ["NN301", "NN524"]),
    ],
)
def test_command_line_wins_over_the_file(file, line, codes):
    assert chosen(file, line) == codes


@pytest.mark.parametrize(
    ("selector", "hint"),
    [
        ("mising-seed", "`missing-seed`"),
        ("NN101x", "`NN101`"),
        ("warnig", "`warning`"),
        ("AL", "`ALL`"),
    ],
)
def test_unknown_selector_has_a_hint(selector, hint):
    with pytest.raises(ConfigError, match=f"`{selector}`; did you mean {hint}"):
        check_selectors(Config(selection=Selection(ignore=(selector,))), every_rule())


def test_selectors_of_files_are_checked_too():
    with pytest.raises(ConfigError, match="NN9"):
        select_rules(Config(per_file_ignores=(("a.py", ("NN9",)),)))


def test_codes_and_names_of_rules_differ():
    rules = every_rule()
    assert len({r.code for r in rules}) == len({r.name for r in rules}) == len(rules)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"selct": []}, "nnlint.toml: unknown key `selct`; did you mean `select`"),
        ({"stage": "skeletn"}, "did you mean `skeleton`"),
        ({"fail-on": "everything"}, "one of error, warning, advice, never"),
        ({"output-format": "jsn"}, "did you mean `json`"),
        ({"select": "NN1"}, "`select` must be a list of strings"),
        ({"ignore": [1]}, "`ignore` must be a list of strings"),
        ({"exclude": {}}, "`exclude` must be a list of strings"),
        ({"respect-gitignore": 1}, "`respect-gitignore` must be true or false"),
        ({"per-file-ignores": []}, "`per-file-ignores` must be a table"),
        ({"per-file-ignores": {"a.py": "NN1"}}, "`a.py` must be a list of strings"),
        ({"baseline": 3}, "`baseline` must be a string"),
        ({"verify": []}, "`verify` must be a table"),
        ({"origin": "x"}, "unknown key `origin`"),
    ],
)
def test_bad_values(table, message):
    with pytest.raises(ConfigError, match=message):
        read_config(table, "nnlint.toml")


def test_every_key(tmp_path):
    (tmp_path / "nnlint.toml").write_text(
        'select = ["NN3"]\nextend-select = ["NN101"]\nignore = ["NN301"]\nexclude = ["old", "a/b"]\n'
        'respect-gitignore = false\nstage = "tune"\nfail-on = "error"\noutput-format = "json"\n'
        'baseline = "known.json"\n[per-file-ignores]\n"tests/*" = ["NN1"]\n'
        '[verify."m:Net"]\nwidth = 3\n'
    )
    base = tmp_path.as_posix()
    assert load_config(tmp_path / "nnlint.toml") == Config(
        selection=Selection(("NN3",), ("NN101",), ("NN301",)),
        exclude=(f"{base}/**/old", f"{base}/a/b"),
        respect_gitignore=False,
        stage=Stage.TUNE,
        fail_on="error",
        output_format="json",
        baseline=f"{base}/known.json",
        per_file_ignores=((f"{base}/tests/*", ("NN1",)),),
        verify=(("m:Net", {"width": 3}),),
        origin=str(tmp_path / "nnlint.toml"),
    )


def test_nearest_file_wins(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.nnlint]\n")
    inner = tmp_path / "pkg" / "deep"
    inner.mkdir(parents=True)
    assert find_config(inner) == tmp_path / "pyproject.toml"
    (tmp_path / "pkg/pyproject.toml").write_text('[tool.ruff]\n[project]\nname = "nnlint-user"\n')
    assert find_config(inner) == tmp_path / "pyproject.toml"
    (tmp_path / "pkg/nnlint.toml").write_text("")
    assert find_config(inner) == tmp_path / "pkg/nnlint.toml"


def test_broken_file_of_other_tools_is_none_of_our_business(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.ruff\n")
    assert find_config(tmp_path) is None


@pytest.mark.parametrize(
    ("content", "message", "row"),
    [
        (b"[tool.nnlint]\nselect = ]\n", "no valid TOML", 2),
        (b"[tool.nnlint]\nname = '\xff'\n", "no valid TOML", 1),
        (b"[tool]\nnnlint = 3\n", "`tool.nnlint` must be a table", 1),
    ],
)
def test_broken_file(tmp_path, content, message, row):
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        find_config(tmp_path)
    assert caught.value.row == row
    assert str(tmp_path / "pyproject.toml") in str(caught.value)


def test_each_folder_has_the_nearest_configuration(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "c").mkdir()
    (tmp_path / "nnlint.toml").write_text('stage = "tune"\n')
    (tmp_path / "a/nnlint.toml").write_text('stage = "data"\n')
    (tmp_path / "c/nnlint.toml").write_text("stagee = 1\n")
    files = ConfigFiles()
    assert files.start(tmp_path).stage is Stage.TUNE
    assert files.of(tmp_path / "a/b").stage is files.of(tmp_path / "a").stage is Stage.DATA
    assert files.of(tmp_path / "c").stage is Stage.TUNE
    assert list(files.problems) == [str(tmp_path / "c/nnlint.toml")]


def test_start_needs_a_usable_file(tmp_path):
    (tmp_path / "nnlint.toml").write_text("stagee = 1\n")
    with pytest.raises(ConfigError, match="did you mean `stage`"):
        ConfigFiles().start(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "bare", "expected"),
    [
        ("old", True, "/pro [[]x]/**/old"),
        ("old/", True, "/pro [[]x]/**/old/"),
        ("old", False, "old"),
        ("/old", False, "/pro [[]x]/old"),
        ("a/*.py", False, "/pro [[]x]/a/*.py"),
        ("!a/b", False, "!/pro [[]x]/a/b"),
    ],
)
def test_patterns_are_bound_to_their_folder(pattern, bare, expected):
    from pathspec import PathSpec

    found = anchored(pattern, Path("/pro [x]"), bare)
    assert found == expected.replace("[[]", "\\[").replace("x]", "x\\]")
    PathSpec.from_lines("gitignore", [found])
