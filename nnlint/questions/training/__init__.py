"""Questions about a training run: modes, gradients, steps, checkpoints."""
