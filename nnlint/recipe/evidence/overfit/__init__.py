"""Evidence for the bullets of the section "overfit", one file each."""
