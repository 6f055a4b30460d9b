"""How the shipped model was made: where its comments come from, what taught it, and what it was compared with.

Nothing here is part of the wheel or the image, and no shipped package imports it; it builds
on ``model`` and ``model.training``.
README.md lists the commands.
"""
