from nnlint.questions.training.target_networks import shared_networks
from nnlint.rule import Applicability, Context, Level, Programs, changes, reference, rule
from nnlint.semantics.analysis import Program


@rule(
    "NN528",
    level=Level.ERROR,
    recipe="set up the end-to-end skeleton: fixed targets",
    on=Programs(),
    fix=Applicability.SAFE,
)
def target_network_alias(program: Program, context: Context) -> None:
    """The target network is the online network itself.

    ## What it does
    Reports a target, momentum or averaged network that is assigned the network it is later
    updated from, instead of a copy.

    ## Why it hurts training
    There is one network with two names. Every step moves the target too, and copying or
    averaging does nothing: bootstrapped values chase themselves, and an averaged model is
    the last one.

    ## Example
    ```python
    import torch


    def build(policy, lr):
        target = policy  # want: target-network-alias
        optimizer = torch.optim.Adam(policy.parameters(), lr=lr)

        def sync():
            target.load_state_dict(policy.state_dict())

        sync()
        return target, optimizer, sync
    ```

    ## Use instead
    ```python
    import copy

    import torch


    def build(policy, lr):
        target = copy.deepcopy(policy)
        optimizer = torch.optim.Adam(policy.parameters(), lr=lr)

        def sync():
            target.load_state_dict(policy.state_dict())

        sync()
        return target, optimizer, sync
    ```

    ## When not to use it
    Copies and networks that are built anew are left alone.

    ## References
    - [Reinforcement learning (DQN) tutorial](https://docs.pytorch.org/tutorials/intermediate/reinforcement_q_learning.html)
    """
    for found in shared_networks(program):
        copying, imported = reference(found.shared, "copy.deepcopy")
        copied = f"{copying}({changes.source_text(found.shared)})"
        context.report(
            found.alias,
            f"`{found.alias.text}` is the same network as `{found.shared.text}`: every step "
            f"trains it too, and updating `{found.target}` from `{found.source}` does nothing",
            help=f"Make a copy: `{copied}`.",
            related=[(found.update, "updates the network from itself")],
            fix=(
                "Copy the network",
                changes.together(imported, changes.replace(found.shared, copied)),
            ),
        )
