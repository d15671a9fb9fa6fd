"""Questions about what differs from run to run."""
