"""Evidence for the bullets of the section "regularize", one file each."""
