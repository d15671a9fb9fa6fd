"""Evidence for the bullets of the section "skeleton", one file each."""
