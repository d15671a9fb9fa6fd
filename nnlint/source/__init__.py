"""From bytes to source text: discovery, decoding, notebooks, suppressions."""
