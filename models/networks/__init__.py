"""One module per kind of network: what goes in, what comes out, and the arithmetic between.

A network class takes uint8 BGR images and gives uint8 BGR images, masks or vectors. The session
that runs the graph is handed to it, so any runtime that answers
:class:`models.networks.base.Session` will do.
"""
