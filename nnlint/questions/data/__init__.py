"""Questions about the data: where it comes from, what is random in it, how it is split."""
