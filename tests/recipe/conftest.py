"""The projects are there to be read, not to be run."""

collect_ignore = ["projects", "whole"]
