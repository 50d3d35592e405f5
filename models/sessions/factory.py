"""The one place that makes sessions: one per model per process, on the best hardware there is."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from pathlib import Path

from models.sessions.config import SessionConfig
from models.sessions.optimised import MIN_BYTES, optimised_session
from models.sessions.providers import CPU, ProviderUnavailable, choose_providers
from models.sessions.runtime import RawSession, make_session
from models.sessions.session import OutOfMemory, Session, is_out_of_memory

logger = logging.getLogger(__name__)


class SessionFailed(Exception):
    """The runtime cannot load a model; the text says why."""


class SessionFactory:
    """Makes sessions and keeps them.

    A process that was forked from one that held sessions starts with none: ONNX Runtime's threads
    do not survive a fork.
    """

    def __init__(self, config: SessionConfig) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._providers: list[str] | None = None
        _factories.add(self)

    def get(self, path: Path, digest: str) -> Session:
        """The session of the model at `path`, loaded.

        Threads that ask for one model at once wait for one load; other models do not wait.

        Args:
            path: a checked ONNX file.
            digest: its SHA-256, by which the session is known.

        Raises:
            SessionFailed: the runtime cannot load it.
            ProviderUnavailable: the operator asked for hardware that is not there.
            OutOfMemory: it does not fit on the device.
        """
        with self._lock:
            session = self._sessions.get(digest)
            if session is None:
                session = Session(
                    lambda: self._load(path, digest), label=digest[:12], relieve=self.release_idle
                )
                self._sessions[digest] = session
        session.get_inputs()
        return session

    def release_idle(self) -> None:
        """Free the memory of every session that is not running."""
        with self._lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            session.put_away()

    def providers(self) -> list[str]:
        """Execution providers in the order in which they are tried.

        Raises:
            ProviderUnavailable: the operator asked for one that is not there.
        """
        if self._providers is None:
            self._providers = choose_providers(self.config.providers)
        return self._providers

    def forget_inherited(self) -> None:
        """Start afresh in a child process, whose parent may have been half-way through `get`."""
        self._lock = threading.Lock()
        self._sessions = {}
        self._providers = None

    def _load(self, path: Path, digest: str) -> RawSession:
        try:
            return self._load_once(path, digest)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        self.release_idle()
        try:
            return self._load_once(path, digest)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemory(
                f"The device has too little memory to load the model {digest[:12]}."
            ) from error

    def _load_once(self, path: Path, digest: str) -> RawSession:
        providers = self.providers()
        cache_dir = self.config.cache_dir
        if providers == [CPU] and cache_dir is not None and path.stat().st_size >= MIN_BYTES:
            try:
                return optimised_session(path, digest, self.config, cache_dir)
            except Exception as error:
                logger.warning(
                    "model %s: loaded without its optimised copy: %s: %s",
                    digest[:12],
                    type(error).__name__,
                    error,
                )
        try:
            session = make_session(path, self.config, providers)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise SessionFailed(f"ONNX Runtime cannot load it ({type(error).__name__})") from error
        if session.get_providers()[0] != providers[0]:
            # The runtime falls back by itself when a library of the provider is missing.
            if self.config.providers:
                raise ProviderUnavailable(f"{providers[0]} was asked for and does not start")
            logger.warning("%s does not start; the model runs elsewhere", providers[0])
        return session


_factories: weakref.WeakSet[SessionFactory] = weakref.WeakSet()
_factory = SessionFactory(SessionConfig())


def _after_fork() -> None:
    for factory in _factories:
        factory.forget_inherited()


os.register_at_fork(after_in_child=_after_fork)


def configure(config: SessionConfig) -> None:
    """Say how this process makes sessions; those it has are let go."""
    global _factory
    _factory = SessionFactory(config)


def get_session(path: Path, digest: str) -> Session:
    """This process's session of the model at `path`: see `SessionFactory.get`."""
    return _factory.get(path, digest)
