"""Which hardware runs the networks."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import onnxruntime as ort

from models.sessions.config import SessionConfig

TENSORRT: Final = "TensorrtExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
CPU: Final = "CPUExecutionProvider"

_SHORT_NAMES: Final = {"tensorrt": TENSORRT, "cuda": CUDA, "cpu": CPU}
_CGROUP_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")

Provider = tuple[str, dict[str, Any]]


class ProviderUnavailable(Exception):
    """An execution provider that was asked for by name cannot be had; the text says why."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A device that the CUDA driver shows to this process.

    Attributes:
        index: its number within ``CUDA_VISIBLE_DEVICES``.
        name: the vendor's name.
        memory_mb: all of its memory.
    """

    index: int
    name: str
    memory_mb: int


def choose_providers(
    wanted: Sequence[str],
    *,
    available: Sequence[str] | None = None,
    gpus: Sequence[Gpu] | None = None,
    has_tensorrt: bool | None = None,
) -> list[str]:
    """Execution providers in the order in which they are to be tried.

    Args:
        wanted: what the operator asked for; empty for TensorRT, then CUDA, then CPU, as far as
            runtime, driver and libraries are there.
        available: what the runtime was built with; asked of it when None.
        gpus: the devices; asked of the driver when None.
        has_tensorrt: whether its libraries are installed; looked up when None.

    Returns:
        Full names; the CPU is always last.

    Raises:
        ProviderUnavailable: `wanted` names one that is not there.
    """
    available = ort.get_available_providers() if available is None else available
    if wanted:
        names = [_SHORT_NAMES.get(name.lower(), name) for name in wanted]
        for name in names:
            if name not in available:
                raise ProviderUnavailable(
                    f"this onnxruntime has no {name}; it has {', '.join(available)}"
                )
            if name in {CUDA, TENSORRT} and not (list_gpus() if gpus is None else gpus):
                raise ProviderUnavailable(f"{name} was asked for, but there is no GPU")
    else:
        names = []
        if CUDA in available and (list_gpus() if gpus is None else gpus):
            # onnxruntime-gpu lists TensorRT even where its libraries are not installed.
            installed = tensorrt_installed() if has_tensorrt is None else has_tensorrt
            if TENSORRT in available and installed:
                names.append(TENSORRT)
            names.append(CUDA)
    return [*(name for name in names if name != CPU), CPU]


def provider_options(name: str, config: SessionConfig) -> dict[str, Any]:
    """Options of one provider, as ONNX Runtime's documentation of it names them."""
    limit = config.gpu_memory_limit_mb * 1024 * 1024
    if name == CUDA:
        options: dict[str, Any] = {
            # Growing by what is asked for, not by doubling: several models share one card.
            "arena_extend_strategy": "kSameAsRequested",
            # A search by trying out would be repeated for every new batch size.
            "cudnn_conv_algo_search": "HEURISTIC",
        }
        return {**options, "gpu_mem_limit": limit} if limit else options
    if name == TENSORRT:
        options = {"trt_max_workspace_size": limit} if limit else {}
        if config.cache_dir is not None:
            folder = config.cache_dir / "tensorrt"
            folder.mkdir(parents=True, exist_ok=True)
            options |= {
                "trt_engine_cache_enable": True,
                "trt_engine_cache_path": str(folder),
                "trt_timing_cache_enable": True,
                "trt_timing_cache_path": str(folder),
            }
        return options
    return {}


def list_gpus() -> list[Gpu]:
    """The devices of the CUDA driver, empty where there is none.

    It starts the driver in this process, which must therefore not be forked any more if the GPU
    is to be used.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return []
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return []
    return [_gpu(driver, index) for index in range(count.value)]


def _gpu(driver: ctypes.CDLL, index: int) -> Gpu:
    device = ctypes.c_int()
    name = ctypes.create_string_buffer(128)
    memory = ctypes.c_size_t()
    driver.cuDeviceGet(ctypes.byref(device), index)
    driver.cuDeviceGetName(name, len(name), device)
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    return Gpu(index, name.value.decode(errors="replace"), memory.value // (1024 * 1024))


def tensorrt_installed() -> bool:
    """Whether TensorRT's libraries can be found."""
    return find_spec("tensorrt_libs") is not None or ctypes.util.find_library("nvinfer") is not None


def usable_cpus() -> int:
    """Processors this process may use: its affinity, and a container's quota."""
    cpus = len(os.sched_getaffinity(0))
    try:
        quota, period = _CGROUP_QUOTA.read_text(encoding="ascii").split()
        return min(cpus, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cpus
