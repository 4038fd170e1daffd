"""What a step of one model costs in each mode: plain, and fused and compiled for many models.

``python tests/benchmarks/modes.py`` times the engines that train trials, on one CPU thread and on a
CUDA device where there is one: whole steps, with picking the batch and the optimizer.
"""

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from programs import LEARNING_RATES, PROGRAMS, choose
from saving import about, number, parser, save, table

from harness.cost.machine import hardware
from harness.engines.kinds import Engine
from harness.engines.modes import KINDS, PLAIN, Mode
from harness.engines.prepared import Member, make_ready
from harness.models import MLP
from harness.trainer.train import make_engine, set_up

NETWORKS = ("mlp-digits-64", "mlp-mnist-32", "cnn-digits-64", "residual20-digits-32")
MODELS = (1, 2, 8, 32, 64)
LEAST_BLOCKS = 5

CAPTION = """\
*µs* is the median over blocks of steps of one step's time divided by the models that take it at
once, *of plain* the same over the plain loop's; models differ in seed. *First step* is the time
until the first step is done: making the engine and, where compiled, compiling without a cache."""


def wait(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def blocks_of(engine: Engine, device: torch.device, steps: int, seconds: float) -> list[float]:
    """Return seconds per step of blocks of ``steps`` steps."""
    blocks: list[float] = []
    spent = 0.0
    while len(blocks) < LEAST_BLOCKS or spent < seconds:
        started = time.perf_counter()
        engine.epoch(0, steps)
        wait(device)
        spent += (taken := time.perf_counter() - started)
        blocks.append(taken / steps)
    return blocks


def timed(mode: Mode, members: Sequence[Member], seconds: float) -> dict[str, Any]:
    """Time a mode; what goes wrong becomes a note."""
    device = members[0].device
    kind = mode.kind + (", channels last" if mode.channels_last else "")
    row: dict[str, Any] = {"mode": kind, "models": mode.models, "note": ""}
    members = [each.laid_out(channels_last=mode.channels_last) for each in members]
    started = time.perf_counter()
    try:
        engine = make_engine(mode, members)
        engine.start()
        try:
            engine.epoch(0, 1)
            wait(device)
            row["first_step_seconds"] = time.perf_counter() - started
            steps = min(50, members[0].steps)
            engine.epoch(0, min(3, steps))
            blocks = [each / mode.models for each in blocks_of(engine, device, steps, seconds)]
        finally:
            engine.stop()
    except Exception as error:  # whatever torch says about a compiler, an operation or memory
        line = (str(error).strip().splitlines() or [""])[0]
        return {**row, "note": f"{type(error).__name__}: {line}"[:300]}
    low, median, high = statistics.quantiles(blocks, n=4)
    return row | {
        "seconds": median, "low": low, "high": high, "best": min(blocks), "blocks": len(blocks),
    }  # fmt: skip


def measured(
    name: str, device: torch.device, kinds: Sequence[str], models: Sequence[int], seconds: float
) -> list[dict[str, Any]]:
    """Time every mode of one program on one device, the plain loop first."""
    training = PROGRAMS[name].training(LEARNING_RATES[0])
    modes = [PLAIN]
    if not isinstance(training.model, MLP):
        modes.append(replace(PLAIN, channels_last=True))
        modes += [Mode("compiled", 1, channels_last=True)] if "compiled" in kinds else []
    modes += [Mode(kind, many) for kind in KINDS if kind in kinds and kind != "plain"
              for many in models]  # fmt: skip
    rows: list[dict[str, Any]] = []
    for mode in modes:
        torch._dynamo.reset()  # what one mode compiled must not speed up, or slow down, the next
        # networks of their own: steps change them
        members = [make_ready(training, seed, device) for seed in range(mode.models)]
        row = {"program": name, "device": str(device), **timed(mode, members, seconds)}
        plain = (rows[0] if rows else row).get("seconds")
        row["of_plain"] = row["seconds"] / plain if plain and "seconds" in row else None
        rows.append(row)
        shown = number(1e6 * row["seconds"]) if "seconds" in row else row["note"]
        print(f"{name}, {device}, {mode}: {shown} µs", flush=True)
        del members
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return rows


def main() -> None:
    """Time all modes and save the table, with nothing that an earlier run compiled."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        _main()


def _main() -> None:
    made = parser(__doc__)
    made.add_argument("--programs", nargs="+", default=list(NETWORKS), metavar="PROGRAM")
    made.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    made.add_argument("--models", nargs="+", type=int, help="1 2 8 32 64; 1 8 where quick")
    made.add_argument("--seconds", type=float, help="for each, at least (1; 0.2 where quick)")
    made.add_argument("--device", nargs="+", help="cpu, and cuda where there is one")
    arguments = made.parse_args()
    programs, notes = choose(arguments.programs)
    torch.set_num_threads(1)
    models = arguments.models or ((1, 8) if arguments.quick else MODELS)
    seconds = arguments.seconds or (0.2 if arguments.quick else 1.0)
    if "compiled" in arguments.kinds:
        torch.compile(torch.sin)(torch.ones(1))  # what compiling imports is not to be timed
    names = arguments.device or ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    where = about(names[-1])
    rows: list[dict[str, Any]] = []
    for name in names:
        device = torch.device(name)
        set_up(device)
        where[f"hardware_{name}"] = hardware(device)
        for program in programs:
            rows += measured(program, device, arguments.kinds, models, seconds)
    head = ("program", "device", "mode", "models", "µs", "quartiles", "of plain", "first step, s")
    body = [
        (row["program"], row["device"], row["mode"], row["models"],
         *_times(row), number(row["of_plain"]), number(row.get("first_step_seconds")))
        for row in rows
    ]  # fmt: skip
    notes += [
        f"{each['program']}, {each['device']}, {each['mode']}, {each['models']}: {each['note']}"
        for each in rows
        if each["note"]
    ]
    if "cuda" not in {torch.device(name).type for name in names}:
        notes.append("There was no CUDA device.")
    text = "\n\n".join([table(head, body), *[f"- {each}" for each in notes], CAPTION])
    data = {"rows": rows, "notes": notes}
    save(arguments.out, "modes", "A model's step in each mode", where, data, text)


def _times(row: dict[str, Any]) -> tuple[str, str]:
    if "seconds" not in row:
        return "–", "–"
    return (
        number(1e6 * row["seconds"]),
        f"{number(1e6 * row['low'])}–{number(1e6 * row['high'])}",
    )


if __name__ == "__main__":
    main()
