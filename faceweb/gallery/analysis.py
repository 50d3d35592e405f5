"""The face analyser of this process."""

import threading

from models.analysis import FaceAnalyser

_lock = threading.Lock()
_analyser: FaceAnalyser | None = None


def get_analyser() -> FaceAnalyser:
    """One analyser for all threads, made when it is first asked for."""
    global _analyser
    with _lock:
        if _analyser is None:
            # dlib takes seconds to import; a web process never looks for faces and need not wait.
            from models.analysis.dlib_analyser import DlibAnalyser

            _analyser = DlibAnalyser()
        return _analyser
