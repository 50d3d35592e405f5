"""Neural networks and the vision under them: numpy arrays in, numpy arrays out.

Nothing here knows of a database, a request or a queue. Images are uint8 arrays of shape
(H, W, 3) in BGR order, coordinates are pixels with x to the right and y down.
"""
