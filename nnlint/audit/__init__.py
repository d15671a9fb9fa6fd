"""Data sets → what is wrong with them: duplicates, leaks, labels, normalisation, broken samples.

Needs the extra `audit`. Nothing here runs the user's code; `readers/programs.py` has the
verifier's worker do that.
"""
