"""Evidence for the bullets of the section "data", one file each."""
