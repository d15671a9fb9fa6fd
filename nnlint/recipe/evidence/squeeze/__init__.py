"""Evidence for the bullets of the section "squeeze", one file each."""
