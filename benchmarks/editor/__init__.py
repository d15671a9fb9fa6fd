"""What an edit costs in a process that goes on: a project of six files to measure it on."""
