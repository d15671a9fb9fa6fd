"""Steps of interpretation: what is given up, and what is not."""

from __future__ import annotations

from program_text import analysed, main_program

LOSS = """
    import torch.nn.functional as F
    from torch import nn
    from base import Base


    class Net(Base):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(8, 2)

        def forward(self, x, y):
            return F.cross_entropy(self.head(x), y)
"""


def long_module(statements: int) -> str:
    body = "\n".join(f"        self.a{i} = nn.Linear({i}, {i})" for i in range(statements))
    return f"from torch import nn\n\nclass Base(nn.Module):\n    def __init__(self):\n{body}\n"


def operations_of(text: str, **others: str) -> dict[str, set[str]]:
    programs = analysed(text, **others).programs
    return {p.name: {o.entry.family for o in p.operations} for p in programs}


def test_a_long_call_into_another_module_does_not_hide_what_follows() -> None:
    program = next(p for p in analysed(LOSS, base=long_module(2_000)).programs if p.name == "Net")
    assert [o.entry.family for o in program.operations] == ["linear", "cross_entropy"]
    assert not program.complete


def test_a_short_call_into_another_module_is_interpreted_to_its_end() -> None:
    program = next(p for p in analysed(LOSS, base=long_module(20)).programs if p.name == "Net")
    assert [o.entry.family for o in program.operations] == ["linear", "cross_entropy"]
    assert program.complete


def test_what_is_given_up_leaves_no_trace_in_the_state() -> None:
    text = LOSS.replace("self.head(x)", "self.a0(x)")
    assert operations_of(text, base=long_module(20))["Net"] == {"linear", "cross_entropy"}
    assert operations_of(text, base=long_module(2_000))["Net"] == {"cross_entropy"}


def test_a_command_gets_the_steps_of_a_script() -> None:
    body = "\n".join(f"    nn.Linear({i}, {i})" for i in range(3_000))
    text = f"import click\nfrom torch import nn\n\n@click.command()\ndef main():\n{body}\n    nn.CrossEntropyLoss()\n"
    program = next(p for p in analysed(text).programs if p.name == "main")
    assert program.is_entry and program.complete


def test_view_of_one_of_two_tensors_is_not_endless():
    program = main_program(
        """
        import torch
        from torch import nn

        class D(nn.Module):
            def __init__(self, parallel):
                super().__init__()
                self.parallel = parallel
                self.main = nn.Sequential(nn.Conv2d(3, 1, 4))

            def forward(self, x):
                if self.parallel > 1:
                    output = nn.parallel.data_parallel(self.main, x, range(self.parallel))
                else:
                    output = self.main(x)
                return output.view(-1, 1).squeeze(1)

        D(int(input()))(torch.randn(8, 3, 4, 4))
        """
    )
    assert program.complete
