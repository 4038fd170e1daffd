"""What kind of machine this is: by name, and as one word to keep results apart by."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Mapping
from pathlib import Path

COUNTS = (
    "cpu", "flags", "cpus", "system", "python", "torch", "threads", "device", "gpu", "driver",
)  # fmt: skip
"""What makes two machines of another kind; all else that is known of them is only told."""

NONE = "none"


def here(device: str = "cpu", versions: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what this machine is, by name.

    Args:
        device: what is measured, such as ``cpu`` or ``cuda:0``.
        versions: of ``python`` and packages in the environment that is measured, where it is not
            this process's own.
    """
    own = {
        "cpu": _cpu("model name") or platform.processor() or platform.machine(),
        "flags": " ".join(sorted((_cpu("flags") or _cpu("Features")).split())),
        "cpus": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": _version("torch"),
        "threads": os.environ.get("OMP_NUM_THREADS", ""),
        "device": device,
        "gpu": NONE,
        "driver": NONE,
    }
    if device == "cpu":
        return own | _given(versions)
    try:
        import torch

        from harness.cost.machine import environment

        found = environment(torch.device(device))
        own |= {name: found[name] for name in ("torch", "threads")}
        if "driver" in found:
            own |= {"gpu": found["hardware"], "driver": found["driver"], "cuda": found["cuda"]}
    except (ImportError, RuntimeError):  # no torch here, or none that knows the device
        pass
    return own | _given(versions)


def _given(versions: Mapping[str, str] | None) -> dict[str, str]:
    given = versions or {}
    return {name: given[name] for name in ("python", "torch") if name in given}


def fingerprint(machine: Mapping[str, str]) -> str:
    """Return one word for a kind of machine: the same for two that are alike in :data:`COUNTS`.

    Of Python's version the first two numbers count: a patch changes no figure.
    """
    counted = "\n".join(f"{name}={_counted(machine, name)}" for name in COUNTS)
    return hashlib.sha256(counted.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Say in what two machines differ, by name: the first as it was, then the second."""
    out = []
    for name in COUNTS:
        first, second = _counted(one, name), _counted(other, name)
        if first == second:
            continue
        if name == "flags":
            gone = sorted({*first.split()} - {*second.split()})
            come = sorted({*second.split()} - {*first.split()})
            parts = [f"without {_few(gone)}"] * bool(gone) + [f"with {_few(come)}"] * bool(come)
            out.append(f"flags of the CPU ({', '.join(parts)})")
        else:
            out.append(f"{name} ({first or NONE} → {second or NONE})")
    return out


def _few(words: list[str]) -> str:
    return " ".join(words[:6]) + (" …" if len(words) > 6 else "")


def _counted(machine: Mapping[str, str], name: str) -> str:
    value = machine.get(name, "")
    return ".".join(value.split(".")[:2]) if name == "python" else value


def _cpu(name: str) -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.split(":")[0].strip() == name:
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return NONE
