"""What shows that a bullet of the recipe is done: one file for each, found by its name.

`evidence/<section>/<bullet>.py` holds one function of the bullet's name, with underscores for
hyphens. It gets the `Context` of one file and yields `Evidence`; it keeps no state, and asks
the semantic model, never the text.
"""
