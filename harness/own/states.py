"""What is saved of a training: the state of its parts, as values that can be read back safely.

A file that holds only tensors, numbers, texts and collections of them is read without running any
code (``torch.load`` with ``weights_only``).
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from harness.messages.errors import HarnessError

_ARRAY = "numpy array"
_PLAIN = (bool, int, float, str, type(None), torch.dtype, torch.device)


def state_of(name: str, part: Any) -> Any:
    """Return the state of a part: what has ``state_dict``, or a generator of random numbers.

    Args:
        name: what the part is called, for messages.
        part: a module, an optimizer, a schedule, or a generator of torch, numpy or random.

    Raises:
        HarnessError: it has no state that can be saved.
    """
    if isinstance(part, torch.Generator):
        return part.get_state()
    if isinstance(part, np.random.Generator):
        return _plain(name, part.bit_generator.state)
    if isinstance(part, random.Random):
        return part.getstate()
    if callable(getattr(part, "state_dict", None)) and hasattr(part, "load_state_dict"):
        return _plain(name, part.state_dict())
    raise HarnessError(
        "context.save and context.restore take parts with state_dict and load_state_dict, and "
        "generators of random numbers",
        f"{name}, a {type(part).__name__}",
        f"Leave out {name}=, or give it these two methods.",
    )


def set_state(part: Any, state: Any) -> None:
    """Put a part into a state that :func:`state_of` returned."""
    if isinstance(part, torch.Generator):
        part.set_state(state)
    elif isinstance(part, np.random.Generator):
        part.bit_generator.state = _whole(state)
    elif isinstance(part, random.Random):
        part.setstate(state)
    else:
        part.load_state_dict(_whole(state))


def modes_of(part: Any) -> list[bool]:
    """Return of each module of a network whether it is in training mode; nothing of other parts."""
    return [each.training for each in part.modules()] if isinstance(part, nn.Module) else []


def set_modes(part: Any, modes: Sequence[bool]) -> None:
    """Put each module of a network into the mode that :func:`modes_of` returned."""
    if isinstance(part, nn.Module):
        for module, mode in zip(part.modules(), modes, strict=True):
            module.training = mode


def random_states(device: str = "cpu") -> dict[str, Any]:
    """Return where the global generators are: of random, numpy, torch and a CUDA device.

    Args:
        device: torch's name of the device that a trial computes on.
    """
    states: dict[str, Any] = {
        "random": random.getstate(),
        "numpy": _plain("numpy", np.random.get_state(legacy=False)),  # noqa: NPY002
        "torch": torch.random.get_rng_state(),
    }
    if device.startswith("cuda"):
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_random_states(states: Mapping[str, Any], device: str = "cpu") -> None:
    """Set the global generators to what :func:`random_states` returned, maybe of another device."""
    random.setstate(states["random"])
    np.random.set_state(_whole(states["numpy"]))  # noqa: NPY002
    torch.random.set_rng_state(states["torch"])
    if "cuda" in states and device.startswith("cuda"):
        torch.cuda.set_rng_state(states["cuda"], device)


def _plain(name: str, value: Any) -> Any:
    """Return a state in which arrays and numbers of numpy are torch's and Python's.

    Raises:
        HarnessError: it holds something else.
    """
    if type(value) is np.ndarray and value.dtype.isnative and value.dtype.kind in "biuf":
        return {_ARRAY: torch.from_numpy(value.copy())}
    if isinstance(value, np.generic):
        return value.item()
    if type(value) in _PLAIN or isinstance(value, torch.Tensor):
        return value
    if isinstance(value, Mapping):
        made = {_plain(name, key): _plain(name, each) for key, each in value.items()}
        if type(value) is OrderedDict and all(made[key] is value[key] for key in value):
            return value  # as modules give it, with the versions of their parts
        return made
    if type(value) in (list, tuple, set, torch.Size):
        kind = tuple if type(value) is torch.Size else type(value)
        return kind([_plain(name, each) for each in value])
    raise HarnessError(
        "context.save takes states of tensors, arrays, numbers, texts and collections of them",
        f"a {type(value).__name__} in the state of {name}",
        f"Let the state_dict of {name} return numbers or tensors in its place.",
    )


def _whole(state: Any) -> Any:
    """Return a state with arrays of numpy again."""
    if isinstance(state, dict):
        if set(state) == {_ARRAY}:
            return state[_ARRAY].numpy()
        if type(state) is OrderedDict:
            return state
        return {key: _whole(each) for key, each in state.items()}
    if isinstance(state, list | tuple | set) and type(state) in (list, tuple, set):
        return type(state)(_whole(each) for each in state)
    return state
