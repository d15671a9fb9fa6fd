"""Questions about learning rates over a run."""
