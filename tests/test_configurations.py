"""What programs find in the configuration files that they name."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from nnlint.project.configurations import LARGEST, Configurations
from nnlint.project.modules import ProjectModules
from nnlint.semantics.analysis import analyse
from nnlint.semantics.interpreter.builtin_calls import Interpreter
from nnlint.semantics.library import load_library
from nnlint.semantics.values import Built, Constant, Settings, Unknown, Value
from nnlint.source.discovery import Roots


def seeds(folder: Path, script: str, **files: str) -> list[Any]:
    """What `torch.manual_seed` is given in a script beside some files, with its places."""
    found = [e.operands[0] for e in run(folder, script, files).events("seed")]
    return [told(value) for value in found]


def told(value: Value) -> Any:
    if not isinstance(value, Constant):
        return ...
    site = value.site
    if site is None or site.module.source.display.endswith(".py"):
        return value.value
    return (
        value.value,
        f"{Path(site.module.source.display).name}:{site.module.span(site.node)[0][0]}",
    )


def run(folder: Path, script: str, files: dict[str, str]) -> Any:
    (folder / "pyproject.toml").write_text("")
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    path = folder / "train.py"
    path.write_text(textwrap.dedent(script))
    modules = ProjectModules(Roots.of([str(folder)]))
    modules.start()
    machine = Interpreter(load_library(), modules.load)
    machine.read_settings = Configurations(modules).read
    module = modules.parse(str(path))
    return analyse(module, modules.load, machine).programs[0]


@pytest.mark.parametrize(
    "read",
    [
        'yaml.safe_load(open("conf/a.yaml"))',
        'yaml.load(open("conf/a.yaml").read(), Loader=yaml.FullLoader)',
        'yaml.safe_load(Path("conf/a.yaml").read_text())',
        'yaml.safe_load((Path(__file__).parent / "conf" / "a.yaml").open())',
        'yaml.safe_load(open(Path(__file__).resolve().parent / "conf" / "a.yaml"))',
        'yaml.safe_load(open(os.path.join(os.path.dirname(__file__), "conf/a.yaml")))',
        'OmegaConf.load("conf/a.yaml")',
        'json.load(open("conf/a.json"))',
        'json.loads(Path("conf/a.json").read_text())',
        'tomllib.load(open("conf/a.toml", "rb"))',
    ],
)
def test_a_named_file_is_read_with_the_places_of_its_keys(tmp_path: Path, read: str) -> None:
    script = f"""
        import json, os, tomllib, torch, yaml
        from omegaconf import OmegaConf
        from pathlib import Path
        cfg = {read}
        torch.manual_seed(cfg["run"]["seed"])
    """
    files = {
        "conf/a.yaml": "lr: 1\nrun:\n  seed: 42\n",
        "conf/a.json": '{"lr": 1,\n "run": {\n\t"seed": 42}}',
        "conf/a.toml": "lr = 1\n[run]\nseed = 42\n",
    }
    suffix = next(s for s in ("yaml", "json", "toml") if f"a.{s}" in read)
    assert seeds(tmp_path, script, **files) == [(42, f"a.{suffix}:3")]


def test_the_path_may_be_an_options_default(tmp_path: Path) -> None:
    script = """
        import argparse, torch, yaml
        parser = argparse.ArgumentParser()
        parser.add_argument("--config", default="a.yaml")
        args = parser.parse_args()
        with open(args.config) as stream:
            cfg = argparse.Namespace(**yaml.safe_load(stream))
        torch.manual_seed(cfg.seed)
    """
    assert seeds(tmp_path, script, **{"a.yaml": "seed: 7\n"}) == [(7, "a.yaml:1")]


def test_argparse_takes_its_defaults_from_a_file(tmp_path: Path) -> None:
    script = """
        import argparse, json, torch
        parser = argparse.ArgumentParser()
        parser.add_argument("--seed", type=int)
        with open("defaults.json") as stream:
            parser.set_defaults(**json.load(stream))
        torch.manual_seed(parser.parse_args().seed)
    """
    assert seeds(tmp_path, script, **{"defaults.json": '{\n  "seed": 3}'}) == [
        (3, "defaults.json:2")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "seed: [",
        "&a [*a, *a]",
        "seed: !!python/object/apply:os.system ['touch owned']",
        "seed: !secret 1",
        "[" * 3_000,
        "seed: 1\n" + "#" * LARGEST,
        "seed: 1\n---\nseed: 2\n",
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n"
            for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        )
        + "seed: *i",
        "\x00",
        "",
        "just words",
    ],
)
def test_what_is_no_plain_setting_is_unknown(tmp_path: Path, text: str) -> None:
    script = """
        import torch, yaml
        cfg = yaml.safe_load(open("a.yaml"))
        torch.manual_seed(cfg["seed"])
    """
    assert seeds(tmp_path, script, **{"a.yaml": text}) == [...]
    assert not (tmp_path / "owned").exists()


def test_files_outside_of_the_project_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("seed: 1\n")
    (tmp_path / "inner").mkdir()
    script = f"""
        import torch, yaml
        torch.manual_seed(yaml.safe_load(open("../a.yaml"))["seed"])
        torch.manual_seed(yaml.safe_load(open("{tmp_path}/a.yaml"))["seed"])
        torch.manual_seed(yaml.safe_load(open("missing.yaml"))["seed"])
    """
    assert seeds(tmp_path / "inner", script) == [..., ..., ...]


def test_null_is_none_and_bases_are_merged(tmp_path: Path) -> None:
    script = """
        import torch, yaml
        cfg = yaml.safe_load(open("a.yaml"))
        for name in ("plain", "merged"):
            torch.manual_seed(cfg[name]["seed"])
        torch.manual_seed(cfg["plain"]["lr"])
    """
    text = """\
        base: &base
          seed: 1
          lr: 1e-4
        plain: {<<: *base, seed: null}
        merged:
          <<: *base
    """
    assert seeds(tmp_path, script, **{"a.yaml": text}) == [
        (None, "a.yaml:4"),
        (1, "a.yaml:2"),
        # PyYAML takes it for text
        ("1e-4", "a.yaml:3"),
    ]


HYDRA = """
    import hydra, torch
    from torch import nn

    @hydra.main(version_base=None, config_path="conf", config_name="config")
    def main(cfg):
        torch.manual_seed(cfg.seed)
        torch.manual_seed(cfg.model.width)
        torch.manual_seed(cfg.trainer.max_epochs)
        torch.manual_seed(cfg.must)
        torch.manual_seed(cfg.nowhere)
        net = nn.Linear(3, 3)
        hydra.utils.instantiate(cfg.optimizer, params=net.parameters())
        hydra.utils.instantiate(cfg.optimizer, _partial_=True)(params=net.parameters())

    if __name__ == "__main__":
        main()
"""
CONF = {
    "conf/config.yaml": """\
        # primary
        defaults:
          - _self_
          - optimizer: adam
          - model: small
          - override hydra/launcher: joblib
          - optional local: default
          - experiment: null
          - trainer/long@trainer
        seed: 1
        must: ???
        model:
          width: 2
    """,
    "conf/optimizer/adam.yaml": "_target_: torch.optim.Adam\nlr: 3e-4\nweight_decay: ${decay}\n",
    "conf/model/small.yaml": "# @package _global_\nmodel:\n  width: ${seed}\ndecay: 0.1\nseed: 5\n",
    "conf/trainer/long.yaml": "max_epochs: 9\n",
}


def test_hydra_composes_the_defaults(tmp_path: Path) -> None:
    found = run(tmp_path, HYDRA, CONF)
    given = [told(e.operands[0]) for e in found.events("seed")]
    assert given == [(5, "small.yaml:5"), (5, "small.yaml:5"), (9, "long.yaml:1"), ..., ...]
    optimizers = [b for b in found.builds if b.entry.kind == "optimizer"]
    assert [b.entry.name for b in optimizers] == ["torch.optim.Adam"] * 2
    assert told(optimizers[1].arguments["lr"]) == (3e-4, "adam.yaml:2")
    assert told(optimizers[1].arguments["weight_decay"]) == (0.1, "small.yaml:4")


def test_what_the_primary_configuration_says_last_stands(tmp_path: Path) -> None:
    files = {**CONF, "conf/config.yaml": CONF["conf/config.yaml"].replace("- _self_\n", "\n")}
    found = run(tmp_path, HYDRA, files)
    assert told(found.events("seed")[0].operands[0]) == (1, "config.yaml:10")


def test_hydra_makes_objects_of_the_project_and_of_lists(tmp_path: Path) -> None:
    script = """
        import torch
        from torch import nn
        from hydra.utils import instantiate
        from omegaconf import OmegaConf

        class Net(nn.Module):
            def __init__(self, drop, head):
                super().__init__()
                self.drop = nn.Dropout(drop)

        net = instantiate(OmegaConf.load("a.yaml").net)
    """
    text = "net:\n  _target_: train.Net\n  drop: 0.3\n  head: {_target_: torch.nn.Linear, in_features: 2}\n"
    found = run(tmp_path, script, {"a.yaml": text})
    built = {b.entry.name: b for b in found.builds}
    assert told(built["torch.nn.Dropout"].arguments["p"]) == (0.3, "a.yaml:3")
    assert "torch.nn.Linear" in built


def test_hugging_faces_parser_makes_arguments(tmp_path: Path) -> None:
    script = """
        from dataclasses import dataclass
        from transformers import HfArgumentParser, TrainingArguments
        import torch

        @dataclass
        class ModelArguments:
            seed: int = 3

        parser = HfArgumentParser((ModelArguments, TrainingArguments))
        model_args, training_args = parser.parse_args_into_dataclasses()
        torch.manual_seed(model_args.seed)
        model_args, training_args = parser.parse_json_file("a.json")
        torch.manual_seed(model_args.seed)
    """
    found = run(tmp_path, script, {"a.json": '{"seed": 4,\n"weight_decay": 0.1}'})
    assert [told(e.operands[0]) for e in found.events("seed")] == [3, (4, "a.json:1")]
    made = [b for b in found.builds if b.entry.name == "transformers.TrainingArguments"]
    assert [b.arguments.get("weight_decay") is not None for b in made][1]


def test_settings_are_defaults_only(tmp_path: Path) -> None:
    files = {"a.yaml": "decay: true\n"}
    script = """
        import torch, yaml
        cfg = yaml.safe_load(open("a.yaml"))
        if cfg["decay"]:
            torch.manual_seed(1)
    """
    (event,) = run(tmp_path, script, files).events("seed")
    assert event.conditions[0].soft


def test_linting_reads_no_configuration_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("seed: 1\n")
    (tmp_path / "train.py").write_text("import torch, yaml\nyaml.safe_load(open('a.yaml'))\n")
    code = (
        "import sys; from nnlint.cli import main\n"
        "try: main()\n"
        "finally: assert 'yaml' not in sys.modules, 'yaml is loaded'\n"
    )
    command = [sys.executable, "-c", code, "check", "--no-cache", "--isolated", "train.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "yaml is loaded" not in done.stderr, done.stderr


def test_what_is_read_counts_for_the_outcome(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("seed: 1\n")
    (tmp_path / "train.py").write_text("")
    modules = ProjectModules(Roots.of([str(tmp_path)]))
    modules.start()
    files = Configurations(modules)
    value = files.read("a.yaml", "yaml", modules.parse(str(tmp_path / "train.py")))
    assert isinstance(value, Settings) and not isinstance(value, (Unknown, Built))
    assert str(tmp_path / "a.yaml") in modules.consulted


def test_options_of_an_imported_parser_have_their_defaults(tmp_path: Path) -> None:
    options = """
        import argparse
        parser = argparse.ArgumentParser()
        parser.add_argument("--seed", type=int, default=9)
        args = parser.parse_args()
    """
    script = """
        import torch
        from options import args
        torch.manual_seed(args.seed)
    """
    assert seeds(tmp_path, script, **{"options.py": options}) == [9]


def test_files_of_installed_packages_hide_no_search(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    for number in range(300):
        package = tmp_path / "node_modules" / f"package{number}"
        package.mkdir(parents=True)
        (package / "ci.yml").write_text("method: grid\n")
    below = tmp_path / "runs" / "here" / "sweeps"
    below.mkdir(parents=True)
    (below / "all.yaml").write_text("method: grid\n")
    (tmp_path / "train.py").write_text("")
    modules = ProjectModules(Roots.of([str(tmp_path)]))
    modules.start()
    found = Configurations(modules).sweeps(modules.parse(str(tmp_path / "train.py")))
    assert [Path(s.site.module.source.path).name for s in found if s.site] == ["all.yaml"]
