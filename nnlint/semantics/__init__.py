"""From syntax to meaning: the one model of a program that every rule asks."""
