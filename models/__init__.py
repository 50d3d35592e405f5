"""Neural networks and the vision under them: numpy arrays in, numpy arrays out.

Nothing here knows of a database, a request or a queue. Images are uint8 arrays of shape
(H, W, 3) in BGR order, coordinates are pixels with x to the right and y down.
"""

import os

# ONNX Runtime reports to its maker from the moment it is loaded, and what its interface offers
# afterwards does not stop that. Whatever imports it imports this package first.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
