"""Where a trial ran: versions, device, threads."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from pathlib import Path

import numpy as np
import torch

import harness
from harness.messages.errors import HarnessError


def choose_device(wanted: str) -> torch.device:
    """Return the device asked for; ``auto`` is CUDA where there is any, else the CPU.

    Where there are several CUDA devices, ``cuda`` without a number stands for all of them.

    Raises:
        HarnessError: there is no such device.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and torch.cuda.device_count() > 1:
        return torch.device("cuda")
    there = ["cpu"] + [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        there.append("mps")
    name = "cuda:0" if wanted == "cuda" else wanted
    if name not in there:
        raise HarnessError(
            "--device must be a device of this machine",
            repr(wanted),
            "There is: " + ", ".join(["auto", *there]) + ".",
        )
    return torch.device(name)


def hardware(device: torch.device) -> str:
    """Return the name of the processor behind a device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def environment(device: torch.device) -> dict[str, str]:
    """Return what a trial's numbers may depend on beside its key."""
    found = {
        "harness": harness.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        **{name: _version(name) for name in ("torchvision", "scikit-learn", "pillow", "optuna")},
        "device": str(device),
        "hardware": hardware(device),
        "threads": str(torch.get_num_threads()),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": str(os.cpu_count()),
    }
    if device.type == "cuda":
        found |= {
            "cuda": str(torch.version.cuda),
            "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]
            "driver": _driver(),
        }
    return found


def _version(package: str) -> str:
    """Return a package's version without importing it, which would cost seconds."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _driver() -> str:
    try:
        text = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8")
    except OSError:
        return "unknown"
    found = re.search(r"\d+\.\d+(\.\d+)?", text)
    return found.group() if found else "unknown"
