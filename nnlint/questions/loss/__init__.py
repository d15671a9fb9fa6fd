"""Questions about losses and scores: what goes into them, in which shape, in which order."""
