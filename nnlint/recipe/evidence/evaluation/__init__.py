"""Evidence for the bullets of the section "evaluation", one file each."""
