"""Evidence for the bullets of the section "tune", one file each."""
