"""Why a worker stops working on a row before its end."""


class LeaseLost(Exception):
    """Another worker may hold the row by now: whatever this one does no longer counts."""


class WorkerStopping(Exception):
    """This worker is being shut down and gives its row back, unfinished."""
