"""What a kind of work is given to say how far it is."""

from typing import Protocol


class Reporter(Protocol):
    """Progress of one run. Not for several threads at once."""

    def stage(self, name: str, fraction: float) -> None:
        """Say what is being done and how much of the whole job lies behind, 0 to 1.

        Cheap enough for inner loops.

        Raises:
            JobCancelled: the owner asked for an end.
            JobError: the job is over its time limit.
            LeaseLost: this worker no longer holds the job.
            WorkerStopping: this worker is being shut down.
        """
