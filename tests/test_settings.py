"""Where settings come from: files that extend others, a user's own, single ones of a command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from training_scripts import DECAY, MIXED, UNSEEDED

from nnlint.cli import run
from nnlint.config import ConfigError, load_config


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A project with three findings, away from settings of the machine."""
    monkeypatch.delenv("NNLINT_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    for name, text in (("a", UNSEEDED), ("b", MIXED), ("c", DECAY)):
        Path(f"{name}.py").write_text(text, encoding="utf-8")
    return project


def found(capfd, *arguments: str) -> list[str]:
    """The codes of what is reported, or the error."""
    status = run(["--no-cache", "--output-format", "concise", *arguments])
    out, err = capfd.readouterr()
    return [err.strip()] if status == 2 else re.findall(r": (NN\d+) ", out)


ALL = ["NN101", "NN301", "NN601"]


class TestExtend:
    def test_settings_come_on_top_of_others(self, capfd):
        Path("../base.toml").write_text(
            'ignore = ["NN1"]\nstage = "tune"\nextend-exclude = ["c.py"]\n'
        )
        Path("nnlint.toml").write_text('extend = "../base.toml"\n')
        assert found(capfd) == ["NN301"]
        Path("nnlint.toml").write_text('extend = "../base.toml"\nignore = []\nexclude = ["b.py"]\n')
        assert found(capfd) == ["NN101"]
        config = load_config(Path("nnlint.toml"))
        assert (config.stage.value, config.origin) == ("tune", "nnlint.toml")

    def test_paths_begin_where_they_are_written(self, capfd):
        Path("../base.toml").write_text('exclude = ["/project/a.py"]\nbaseline = "known.json"\n')
        Path("nnlint.toml").write_text(
            'extend = "../base.toml"\n[per-file-ignores]\n"b.py" = ["ALL"]'
        )
        run(["--no-cache", "--write-baseline", "../known.json", "c.py"])
        capfd.readouterr()
        assert found(capfd) == []

    def test_of_a_pyproject(self, capfd):
        Path("../pyproject.toml").write_text('[tool.nnlint]\nignore = ["NN1", "NN3"]\n')
        Path("pyproject.toml").write_text('[tool.nnlint]\nextend = "../pyproject.toml"\n')
        assert found(capfd) == ["NN601"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('extend = "gone.toml"', r"nnlint.toml: `extend`: there is no file .*gone.toml$"),
            (
                'extend = "nnlint.toml"',
                r"nnlint.toml: `extend` leads in a circle to .*nnlint.toml$",
            ),
            ("extend = 3", r"nnlint.toml: `extend` must be a string$"),
        ],
    )
    def test_what_cannot_be_extended_is_told(self, text, message):
        Path("nnlint.toml").write_text(text)
        with pytest.raises(ConfigError, match=message):
            load_config(Path("nnlint.toml"))


class TestLevels:
    def test_findings_have_the_level_that_is_set(self, capfd):
        Path("nnlint.toml").write_text('[levels]\n"missing-seed" = "error"\nNN3 = "advice"\n')
        assert run(["-n", "--output-format", "json"]) == 1
        told = {f["code"]: f["level"] for f in json.loads(capfd.readouterr().out)}
        assert told == {"NN101": "error", "NN301": "advice", "NN601": "advice"}
        assert found(capfd, "--select", "error") == ["NN101"]
        assert run(["-n", "-q", "--fail-on", "error", "b.py"]) == 0

    def test_what_is_pedantic_is_off(self, capfd):
        Path("nnlint.toml").write_text(
            '[levels]\nNN1 = "pedantic"\nNN101 = "advice"\nNN6 = "pedantic"'
        )
        assert found(capfd) == ["NN101", "NN301"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('[levels]\nNN999 = "error"', "unknown rule selector `NN999`"),
            ('[levels]\nNN101 = "eror"', "cannot be 'eror'; did you mean `error`?"),
            ('levels = "error"', "`levels` must be a table"),
        ],
    )
    def test_what_is_no_level_is_told(self, capfd, text, message):
        Path("nnlint.toml").write_text(text)
        assert message in found(capfd)[0]


class TestCommandLine:
    @pytest.mark.parametrize(
        ("options", "left"),
        [
            (["--config", "ignore = ['NN1']"], ["NN301", "NN601"]),
            (["--config", "exclude=['b.py', 'c.py']"], ["NN101"]),
            (["--config", "ignore=['NN1']", "--config", "stage='tune'"], ["NN301", "NN601"]),
            (["--config", "levels.NN6 = 'pedantic'"], ["NN101", "NN301"]),
            (["--config", "levels.NN6='pedantic'", "--config", "levels.NN1='pedantic'"], ["NN301"]),
            (["--config", "per-file-ignores.'b.py' = ['ALL']"], ["NN101", "NN601"]),
            (["--config", "ignore=['NN1']", "--ignore", "NN6"], ["NN301"]),
            (["--config", "other.toml", "--config", "ignore=[]"], ALL),
            (["--config", "other.toml"], ["NN101", "NN601"]),
            (["--extend-exclude", "a.py", "--exclude", "b.py"], ["NN601"]),
        ],
    )
    def test_single_settings(self, capfd, options, left):
        Path("other.toml").write_text('ignore = ["NN3"]\n')
        assert found(capfd, *options) == left

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--config", "ignore = NN1"], "`ignore = NN1` is no KEY=VALUE in TOML"),
            (["--config", "ingore = ['NN1']"], "--config: unknown key `ingore`; did you mean"),
            (["--config", "extend = 'x'"], "--config: `extend` is a setting of files"),
            (["--config", "a.toml", "--config", "b.toml"], "there can be one file, not a.toml and"),
        ],
    )
    def test_what_is_no_setting_is_told(self, capfd, options, message):
        (told,) = found(capfd, *options)
        assert message in told and "\n" not in told


class TestOfTheUser:
    def write(self, text: str) -> None:
        path = Path("../user/nnlint/nnlint.toml")
        path.parent.mkdir(parents=True)
        path.write_text(text)

    def test_they_count_where_the_project_has_none(self, capfd):
        self.write('ignore = ["NN1"]\nexclude = ["/c.py"]\n')
        assert found(capfd) == ["NN301"]
        assert found(capfd, "--isolated") == ALL
        Path("nnlint.toml").write_text("")
        assert found(capfd) == ALL

    def test_the_cache_stays_with_the_project(self, capfd):
        self.write('ignore = ["NN1"]\n')
        run(["-q"])
        assert Path(".nnlint_cache").is_dir()
        assert not list(Path("../user").rglob(".nnlint_cache"))

    def test_what_is_wrong_with_them_is_told(self, capfd):
        self.write("ingore = []\n")
        (told,) = found(capfd)
        assert "nnlint.toml: unknown key `ingore`" in told and "\n" not in told


def test_no_settings_of_the_user_are_looked_for_where_there_are_others():
    Path("nnlint.toml").write_text("")
    code = (
        "import sys; from nnlint.cli import run; run(['-q']); print('platformdirs' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert out.splitlines()[-1] == "False"
