"""Lightning, Hugging Face, TensorBoard and MLflow beside the harness, each with the real package.

What is not installed is skipped, and says so: they are extras, and large.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from importlib.metadata import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import torch

from harness import Context, HarnessError
from harness.adapters.extras import EXTRAS, needed
from harness.adapters.logs import Logs
from harness.commands.options import how_words
from harness.own import apart
from harness.own.calling import call
from harness.own.saves import TrialFolder
from harness.own.stopping import Stopping
from harness.running.find import find
from harness.study.function import Function
from harness.trials.records import Record

# What packages of others warn of is no matter of ours.
pytestmark = pytest.mark.filterwarnings("ignore")

FORKS = pytest.mark.skipif(not apart.possible, reason="needs processes that end with their parent")
NAN = math.nan
EXAMPLES = Path(__file__).parents[1] / "studies" / "examples"

DONE = Record(
    study="wide", scale="quick", arm="width=8, kind=a/b", levels={"width": 8, "kind": "a/b"},
    seed=3, role="evaluate", tuned={"lr": 0.25}, key="0123456789abcdef", state="complete",
    metrics={"test_error": 0.125, "loss": 0.5},
    curves={"loss": (2.0, NAN, 0.5), "step": (500.0, 1000.0, 1500.0)},
    cost={"seconds": 2.0}, finished="2026-11-27T10:00:00+00:00",
)  # fmt: skip
FAILED = replace(DONE, state="failed", reason="out of memory", metrics={}, curves={})


# ---- packages that may not be there -------------------------------------------------------------


def test_the_harness_imports_none_of_them() -> None:
    script = (
        "import sys, harness, harness.own.context, harness.commands.cli, harness.adapters.logs\n"
        "print([each for each in ('lightning', 'pytorch_lightning', 'transformers', 'accelerate', "
        "'tensorboard', 'mlflow') if each in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_what_is_missing_is_one_line_that_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(HarnessError) as error:
        needed("lightning", "no_such_package.callbacks", "nor_this")
    assert str(error.value).endswith("pip install 'ablation-harness[lightning]'")
    assert "needs the package no_such_package" in str(error.value)
    assert (
        needed("lightning", "no_such_package.callbacks", "json.decoder").__name__ == "json.decoder"
    )
    (tmp_path / "half_there.py").write_text("import no_such_package\n")
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(ModuleNotFoundError, match="no_such_package"):
            needed("lightning", "half_there")  # it is installed, and is broken
    finally:
        sys.path.remove(str(tmp_path))


def test_a_study_that_lacks_a_package_of_an_extra_names_the_extra(
    tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    text = (
        '"""Does it?"""\nraise ModuleNotFoundError("No module named X", name="{}")\nstudy = None\n'
    )
    lines = {}
    for module in ("lightning", "transformers", "lightning.no_such", "no_such_package"):
        file = tmp_path / f"lacks_{module.replace('.', '_')}.py"
        file.write_text(text.format(module))
        lines[module] = refused("plan", str(file))
    assert "pip install 'ablation-harness[lightning]'" in lines["lightning"]
    assert "pip install 'ablation-harness[huggingface]'" in lines["transformers"]
    for module in ("lightning.no_such", "no_such_package"):  # no extra brings these
        assert "Mend that line." in lines[module]
        assert "pip install" not in lines[module]
    own = set(metadata("ablation-harness").get_all("Provides-Extra") or ())
    assert {*EXTRAS.values()} | {"bench", "test", "types"} == own, (
        "each extra, and none that is not there"
    )


def test_examples_are_found_by_name_unless_a_package_of_ones_own_has_it(
    here: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert find("examples.lightning_module") == "harness.studies.examples.lightning_module"
    assert len((EXAMPLES / "lightning_module.py").read_text(encoding="utf-8").splitlines()) <= 60
    assert "examples.lightning_module" in refused("plan", "examples.lightning_modul")
    (here / "examples").mkdir()
    (here / "examples" / "lightning_module.py").write_text("study = None\n")
    sys.modules.pop("examples", None)  # some package that is installed may have one, found above
    try:
        assert find("examples.lightning_module") == "examples.lightning_module"
    finally:
        sys.modules.pop("examples", None)


# ---- TensorBoard --------------------------------------------------------------------------------


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Read the values of a run as TensorBoard does."""
    reading = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    seen = reading.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    seen.Reload()
    return {
        tag: [(each.step, each.value) for each in seen.Scalars(tag)]
        for tag in seen.Tags()["scalars"]
    }


def board(folder: Path) -> Any:
    pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")
    return importlib.import_module("harness.adapters.tensorboard").Writer(str(folder))


def test_tensorboard_shows_curves_at_their_steps_and_metrics(tmp_path: Path) -> None:
    board(tmp_path).log(DONE)
    (file,) = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert file.parent == tmp_path / "wide-quick/width=8,_kind=a_b/evaluate-seed3-01234567"
    assert scalars(file.parent) == {
        "curve/loss": [(500, 2.0), (1500, 0.5)],
        "test_error": [(1500, 0.125)],
        "loss": [(1500, 0.5)],
    }


def test_tensorboard_has_a_trial_once_however_often_it_is_written(tmp_path: Path) -> None:
    def files() -> dict[Path, bytes]:
        return {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}

    board(tmp_path).log(FAILED)
    (name,) = files()
    assert ".failed." in name.name
    for _ in range(2):
        board(tmp_path).log(DONE)  # it was run again
    (file,) = before = files()
    assert ".complete." in file.name
    file.unlink()
    board(tmp_path).log(DONE)
    assert files() == before, "what is written follows from the record alone"


def test_tensorboard_shows_levels_and_metrics_side_by_side(tmp_path: Path) -> None:
    """By what its tab HParams itself calls."""
    for seed in range(2):
        board(tmp_path).log(replace(DONE, seed=seed, key=f"{seed}" * 16))
    board(tmp_path).log(replace(FAILED, seed=2, key="2" * 16))
    processing = "tensorboard.backend.event_processing"
    events = importlib.import_module(f"{processing}.plugin_event_multiplexer").EventMultiplexer()
    events.AddRunsFromDirectory(str(tmp_path))
    events.Reload()
    provider = importlib.import_module(f"{processing}.data_provider").MultiplexerDataProvider(
        events, str(tmp_path)
    )
    plugins = importlib.import_module("tensorboard.plugins.base_plugin")
    hparams = importlib.import_module("tensorboard.plugins.hparams.backend_context")
    context = hparams.Context(plugins.TBContext(data_provider=provider))
    asked = importlib.import_module("tensorboard.context").RequestContext()
    found = context.experiment_from_metadata(
        asked, "", True, context.hparams_metadata(asked, ""), []
    )
    names = {each.name: [value.string_value or value.number_value for value in
                         each.domain_discrete.values] for each in found.hparam_infos}  # fmt: skip
    assert set(names) >= {"kind", "seed"}
    assert {each.name.tag for each in found.metric_infos} == {"curve/loss", "test_error", "loss"}
    sessions = importlib.import_module("tensorboard.plugins.hparams.list_session_groups")
    api = importlib.import_module("tensorboard.plugins.hparams.api_pb2")
    wanted = api.ListSessionGroupsRequest(
        start_index=0, slice_size=10, include_metrics=True,
        allowed_statuses=[api.STATUS_SUCCESS, api.STATUS_FAILURE],
        col_params=[api.ColParams(metric=each.name) for each in found.metric_infos],
    )  # fmt: skip
    rows = sessions.Handler(asked, context, "", wanted).run().session_groups
    assert len(rows) == 3
    row = next(each for each in rows if each.hparams["seed"].number_value == 1)
    assert row.hparams["width"].number_value == 8
    assert row.hparams["kind"].string_value == "a/b"
    assert row.hparams["lr"].number_value == 0.25
    values = {each.name.tag: each.value for each in row.metric_values}
    assert values["test_error"] == 0.125


# ---- MLflow -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An SQLite file of MLflow, whose tables are made once: that takes a while."""
    pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


def flow(where: str) -> Any:
    return importlib.import_module("harness.adapters.mlflow").Writer(where)


def runs(where: str, study: str) -> list[Any]:
    client = importlib.import_module("mlflow").MlflowClient(tracking_uri=where)
    experiment = client.get_experiment_by_name(f"{study}/quick")
    return list(client.search_runs([experiment.experiment_id]))


@pytest.mark.slow
def test_mlflow_has_a_run_for_each_trial_once(server: str) -> None:
    record = replace(DONE, study="one", metrics={**DONE.metrics, "strange=name": 1.0})
    for _ in range(2):
        writer = flow(server)
        for _ in range(2):
            writer.log(record)
    (run,) = runs(server, "one")
    assert run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time == 2000
    assert run.data.params == {"width": "8", "kind": "a/b", "lr": "0.25"}
    assert run.data.metrics == {
        "test_error": 0.125, "loss": 0.5, "curve/loss": 0.5, "strange_name": 1.0
    }  # fmt: skip
    tags = {name: run.data.tags[f"harness.{name}"] for name in ("key", "role", "seed", "state")}
    assert tags == {"key": DONE.key, "role": "evaluate", "seed": "3", "state": "complete"}
    client = importlib.import_module("mlflow").MlflowClient(tracking_uri=server)
    history = client.get_metric_history(run.info.run_id, "curve/loss")
    assert [(each.step, each.value) for each in history] == [(500, 2.0), (1500, 0.5)]
    flow(server).log(replace(FAILED, study="one"))
    assert sorted(each.info.status for each in runs(server, "one")) == ["FAILED", "FINISHED"]


def test_mlflow_takes_long_curves(server: str) -> None:
    count = 2500
    curves = {"loss": tuple(map(float, range(count)))}
    flow(server).log(replace(DONE, study="long", curves=curves))
    (run,) = runs(server, "long")
    client = importlib.import_module("mlflow").MlflowClient(tracking_uri=server)
    history = client.get_metric_history(run.info.run_id, "curve/loss")
    assert [each.step for each in history] == list(range(1, count + 1))


def test_a_run_that_was_cut_off_is_written_anew(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = replace(DONE, study="cut")
    writer = flow(server)

    def die(*_words: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(writer._client), "set_terminated", die)
        with pytest.raises(KeyboardInterrupt):
            writer.log(record)
    assert [each.info.status for each in runs(server, "cut")] == ["RUNNING"]
    flow(server).log(record)
    assert [each.info.status for each in runs(server, "cut")] == ["FINISHED"]


@pytest.fixture
def silent() -> Iterator[tuple[str, list[socket.socket]]]:
    """A server that takes connections and never answers; its address, and who has come."""
    came: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as waiting:

        def take() -> None:
            with contextlib.suppress(OSError):  # closed: the test is over
                while True:
                    came.append(waiting.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{waiting.getsockname()[1]}", came
        waiting.shutdown(socket.SHUT_RDWR)
    thread.join()
    for each in came:
        each.close()


def test_mlflow_is_not_waited_for_long_and_the_environment_is_as_it_was(
    silent: tuple[str, list[socket.socket]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
    adapter = importlib.import_module("harness.adapters.mlflow")
    where, came = silent
    assert adapter._SETTINGS["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "10"
    names = [name for name in os.environ if name.startswith("MLFLOW_")]
    for name in names:
        monkeypatch.delenv(name)
    monkeypatch.setitem(adapter._SETTINGS, "MLFLOW_HTTP_REQUEST_TIMEOUT", "1")  # not to wait here
    before = dict(os.environ)
    lines: list[str] = []
    logs = Logs([f"mlflow={where}"], lines.append)
    for key in "ab":
        logs([replace(DONE, key=key * 16)])
        assert len(came) == 2, "once, and once more; not again for the next trial"
    logs([DONE], last=True)
    assert len(came) == 4
    assert [f"--log mlflow={where} failed" in line for line in lines] == [True, True]
    assert "ReadTimeoutError" in lines[0]
    assert "Retrying" not in caplog.text
    assert dict(os.environ) == before
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with adapter._set():
        found = [os.environ[f"MLFLOW_HTTP_REQUEST_{name}"] for name in ("TIMEOUT", "MAX_RETRIES")]
    assert found == ["1", "0"], "what the environment says comes before"


def test_mlflow_does_not_wait_for_ever_for_another_process(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = importlib.import_module("harness.adapters.mlflow")
    assert 10 < adapter.LOCKED < 60
    monkeypatch.setattr(adapter, "LOCKED", 0.1)
    other, lines = flow(server), []
    with other._lock:
        Logs([f"mlflow={server}"], lines.append)([replace(DONE, study="locked")])
    (line,) = lines
    assert "failed: Timeout: The file lock" in line


def log_there(where: str, record: Record) -> None:
    flow(where).log(record)


@FORKS
@pytest.mark.slow
def test_processes_that_write_at_a_time_write_a_trial_once(server: str) -> None:
    records = [replace(DONE, study="both", key=f"{place}" * 16) for place in range(3)]
    flow(server).log(records[0])
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for done in [pool.submit(log_there, server, each) for each in records * 2]:
            done.result()
    assert len(runs(server, "both")) == 3


# ---- trainers of others -------------------------------------------------------------------------

END = (2, 1)
"""The epoch, and the step in it, in which a training is killed."""


def attempt(
    train: Callable[..., Mapping[str, float]], arguments: Mapping[str, Any], folder: Path,
    scale: Mapping[str, Any],
) -> Any:  # fmt: skip
    """Train a trial in a process of its own, in a folder that it may have begun in before."""

    def do(stopping: Stopping) -> object:
        torch.set_num_threads(1)
        place = TrialFolder(folder, "key")
        context = Context(3, "cpu", scale, choosing=False, folder=place, stopping=stopping)
        called = call(Function(train, arguments, scale), context, ())
        return None if called.stopped else asdict(called)

    ended = apart.apart(do, folder / "log.txt", 120)
    if isinstance(ended.said, dict):
        assert not ended.said["reason"], ended.said["reason"]
        return tuple(repr(sorted(ended.said[part].items())) for part in ("metrics", "curves"))
    assert not ended.reason.startswith("it took longer"), (folder / "log.txt").read_text()
    return "stopped" if ended.stopped else ended.reason


def lightning() -> tuple[Any, Any]:
    pytest.importorskip("lightning", reason="the extra `lightning` is not installed")
    return (
        importlib.import_module("harness.studies.examples.lightning_module"),
        importlib.import_module("harness.adapters.lightning"),
    )


@FORKS
@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_lightning_goes_on_from_its_last_epoch_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign: signal.Signals
) -> None:
    """Of a network with dropout, on batches in random order."""
    example, adapter = lightning()
    arguments, scale = {"dropout": 0.3, "lr": 0.01}, {"epochs": 5}
    whole = attempt(example.train, arguments, tmp_path / "whole", scale)
    metrics, curves = whole
    assert "test_error" in metrics
    assert "validation_loss" in curves
    assert "nan" not in curves

    def end(_self: object, trainer: Any, _module: object, _batch: object, index: int) -> None:
        if (trainer.current_epoch, index) == END:
            os.kill(os.getpid(), sign)

    with monkeypatch.context() as patch:
        patch.setattr(adapter.Reporting, "on_train_batch_start", end)
        said = attempt(example.train, arguments, tmp_path / "cut", scale)
    assert said == "stopped" if sign == signal.SIGTERM else "SIGKILL" in said
    assert (tmp_path / "cut" / "key" / "files" / "last.ckpt").is_file()
    with monkeypatch.context() as patch:
        patch.setattr(
            adapter.Reporting, "on_train_batch_start",
            lambda _self, trainer, *_: trainer.current_epoch >= END[0] or os._exit(3),
        )  # fmt: skip
        assert attempt(example.train, arguments, tmp_path / "cut", scale) == whole


def test_lightning_reports_each_epoch_with_what_was_logged_in_it(tmp_path: Path) -> None:
    """Not the validation that it begins with, nor what a validation gave some epochs ago."""
    example, adapter = lightning()

    class Net(example.Net):  # type: ignore[name-defined, misc]
        def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
            loss: torch.Tensor = super().training_step(batch, index)
            self.log("train_loss", loss, on_step=False, on_epoch=True)
            self.log("train_epoch", float(self.current_epoch), on_step=False, on_epoch=True)
            return loss

    context = Context(0, "cpu", {}, choosing=False, folder=TrialFolder(tmp_path, "key"))
    rows = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.rand(40, 64), torch.zeros(40, dtype=torch.long)), 20
    )
    arguments = adapter.trainer_arguments(context, max_epochs=4, check_val_every_n_epoch=2)
    example.Trainer(**arguments).fit(Net(0.0, 0.1), rows, rows)
    curves = context.curves()
    assert curves["train_epoch"] == [0, 1, 2, 3]
    assert [math.isnan(value) for value in curves["train_loss"]] == [False] * 4
    assert [math.isnan(value) for value in curves["validation_loss"]] == [True, False, True, False]
    assert adapter.last_checkpoint(context) == str(context.folder / "last.ckpt")


def fitted(example: Any, adapter: Any, folder: Path, epochs: int, **more: Any) -> Context:
    """Train a module that logs at the very end of each epoch, from where it was left."""

    class Net(example.Net):  # type: ignore[name-defined, misc]
        def on_train_epoch_end(self) -> None:
            self.log("hundreds", 100.0 * self.current_epoch)

    context = Context(0, "cpu", {}, choosing=False, folder=TrialFolder(folder, "key"))
    draw = torch.Generator().manual_seed(1)
    rows = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(
            torch.rand(40, 64, generator=draw), torch.zeros(40, dtype=torch.long)
        ), 20, shuffle=True,
    )  # fmt: skip
    torch.manual_seed(0)
    module = Net(0.5, 0.1)
    arguments = adapter.trainer_arguments(context, max_epochs=epochs, **more)
    trainer = example.Trainer(**arguments)
    trainer.fit(module, rows, rows, ckpt_path=adapter.last_checkpoint(context))
    assert trainer.checkpoint_callback.best_model_path == str(context.folder / "last.ckpt")
    return context


def test_lightning_reports_in_its_epoch_what_a_module_logs_at_the_end_of_it(
    tmp_path: Path,
) -> None:
    example, adapter = lightning()
    context = fitted(example, adapter, tmp_path / "whole", 3)
    assert context.curves()["hundreds"] == [0, 100, 200]
    for epochs in (2, 3):  # the second goes on from what the first has saved
        cut = fitted(example, adapter, tmp_path / "cut", epochs)
    assert cut.curves() == context.curves()


def test_lightnings_reporting_alone_is_refused(tmp_path: Path) -> None:
    """It would report nothing."""
    example, adapter = lightning()
    context = Context(0, "cpu", {}, choosing=False, folder=TrialFolder(tmp_path, "key"))
    arguments = adapter.trainer_arguments(context, max_epochs=1)
    arguments["callbacks"] = arguments["callbacks"][:1]
    trainer = example.Trainer(**arguments)
    with pytest.raises(HarnessError, match="must stand beside"):
        trainer.fit(example.Net(0.0, 0.1), torch.utils.data.DataLoader([0]))


def halve(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def test_half_a_checkpoint_of_lightning_is_not_gone_on_from(tmp_path: Path) -> None:
    example, adapter = lightning()
    context = fitted(example, adapter, tmp_path / "cut", 2)
    last = context.folder / "last.ckpt"
    assert [each.name for each in context.folder.iterdir()] == ["last.ckpt"]
    halve(last)
    assert adapter.last_checkpoint(context) is None
    whole = fitted(example, adapter, tmp_path / "whole", 3)
    assert fitted(example, adapter, tmp_path / "cut", 3).curves() == whole.curves()


def test_a_kill_while_lightning_saves_leaves_the_epoch_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example, adapter = lightning()
    last = tmp_path / "cut" / "key" / "files" / "last.ckpt"
    base = adapter.Saving.__mro__[1]
    save, saved = base.on_train_epoch_end, []

    def half(self: Any, trainer: Any, module: Any) -> None:
        save(self, trainer, module)
        saved.append(trainer.current_epoch)
        if trainer.current_epoch == 1:
            halve(last)
            raise OSError("no space left")

    for _ in range(2):  # killed at the same place again, it loses no more
        with monkeypatch.context() as patch:
            patch.setattr(base, "on_train_epoch_end", half)
            with pytest.raises(OSError, match="no space left"):
                fitted(example, adapter, tmp_path / "cut", 3)
    assert saved == [0, 1, 1]
    whole = fitted(example, adapter, tmp_path / "whole", 3)
    assert fitted(example, adapter, tmp_path / "cut", 3).curves() == whole.curves()
    assert [each.name for each in last.parent.iterdir()] == ["last.ckpt"]


def test_lightning_on_several_devices_is_refused(tmp_path: Path) -> None:
    _, adapter = lightning()
    context = Context(0, "cuda:1", {}, choosing=False, folder=TrialFolder(tmp_path, "key"))
    assert adapter.last_checkpoint(context) is None
    arguments = adapter.trainer_arguments(context, callbacks=["mine"], logger="mine")
    assert arguments["devices"] == [1]
    assert (arguments["accelerator"], arguments["logger"]) == ("gpu", "mine")
    assert arguments["callbacks"][1] == "mine"
    two = type("Trainer", (), {"world_size": 2})
    with pytest.raises(HarnessError, match="must use one device; got a Trainer on 2"):
        arguments["callbacks"][0].setup(two, None, "fit")


def face() -> Any:
    pytest.importorskip("transformers", reason="the extra `huggingface` is not installed")
    pytest.importorskip("accelerate", reason="the extra `huggingface` is not installed")
    return importlib.import_module("harness.adapters.huggingface")


def classify(context: Context, layers: int, end: int = 0, sign: int = 0) -> dict[str, float]:
    """Train a tiny BERT, made here, to tell whether a sum is odd."""
    adapter, others = face(), importlib.import_module("transformers")
    others.logging.set_verbosity_error()
    draw = torch.Generator().manual_seed(context.seed_for("data"))
    tokens = torch.randint(5, 50, (60, 8), generator=draw)
    rows = [{"input_ids": each, "labels": each.sum() % 2} for each in tokens]
    config = others.BertConfig(
        vocab_size=50, hidden_size=8, num_hidden_layers=layers, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=8,
    )  # fmt: skip

    class Ending(others.TrainerCallback):  # type: ignore[name-defined, misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_more: Any) -> None:
            if state.global_step == end:
                os.kill(os.getpid(), sign)

    arguments = adapter.training_arguments(
        context, num_train_epochs=4, per_device_train_batch_size=10, eval_strategy="epoch",
        logging_strategy="epoch",
    )  # fmt: skip
    trainer = others.Trainer(
        others.BertForSequenceClassification(config), arguments, train_dataset=rows[:40],
        eval_dataset=rows[40:], callbacks=[adapter.Reporting(context), Ending()],
    )  # fmt: skip
    trainer.train(resume_from_checkpoint=adapter.last_checkpoint(context))
    return {"eval_loss": trainer.evaluate()["eval_loss"]}


@FORKS
@pytest.mark.slow
def test_hugging_face_goes_on_from_its_last_epoch_with_the_same_bits(tmp_path: Path) -> None:
    """Of a network with dropout, on batches in random order; one point is one step."""
    face()
    whole = attempt(classify, {"layers": 1}, tmp_path / "whole", {})
    assert "('step', [4.0, 8.0, 12.0, 16.0])" in whole[1]
    for name in ("'loss'", "'eval_loss'", "'learning_rate'"):
        assert name in whole[1]
    for name in ("nan", "runtime", "per_second", "epoch", "train_loss"):
        assert name not in whole[1]
    for sign, said in ((signal.SIGKILL, "SIGKILL"), (signal.SIGTERM, "stopped")):
        folder = tmp_path / said
        arguments = {"layers": 1, "end": 10, "sign": sign}
        assert said in attempt(classify, arguments, folder, {})
        saved = folder / "key" / "files"
        newest = "checkpoint-12" if said == "stopped" else "checkpoint-8"
        assert (saved / newest / "trainer_state.json").is_file()
        half = saved / "checkpoint-14"  # as a kill leaves one
        half.mkdir()
        (half / "trainer_state.json").write_text('{"epoch"')
        assert attempt(classify, {"layers": 1}, folder, {}) == whole


def test_times_of_hugging_face_are_in_no_curve(tmp_path: Path) -> None:
    """Of an evaluation before the training, too, which times how a model is prepared."""
    adapter, others = face(), importlib.import_module("transformers")
    context = Context(0, "cpu", {}, choosing=False, folder=TrialFolder(tmp_path, "key"))
    rows = [{"input_ids": torch.tensor([each, 5]), "labels": each % 2} for each in range(6, 10)]
    config = others.BertConfig(
        vocab_size=10, hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=4, max_position_embeddings=2,
    )  # fmt: skip
    trainer = others.Trainer(
        others.BertForSequenceClassification(config),
        adapter.training_arguments(context, num_train_epochs=2, eval_strategy="epoch"),
        train_dataset=rows, eval_dataset=rows, callbacks=[adapter.Reporting(context)],
        compute_metrics=lambda _found: {"lead_time": 3.0},
    )  # fmt: skip
    assert "eval_model_preparation_time" in trainer.evaluate()
    trainer.train()
    assert set(context.curves()) == {"eval_loss", "eval_lead_time"}
    assert context.curves()["eval_lead_time"] == [3, 3, 3]


def test_hugging_face_on_several_devices_is_refused(tmp_path: Path) -> None:
    adapter = face()
    context = Context(0, "cpu", {}, choosing=False, folder=TrialFolder(tmp_path, "key"))
    made = adapter.training_arguments(context, save_steps=5, seed=3)
    assert (made.seed, made.data_seed) == (3, context.seed_for("order"))
    assert (made.save_strategy, made.use_cpu, made.report_to) == ("steps", True, [])
    two = type("Arguments", (), {"world_size": 1, "n_gpu": 2})
    with pytest.raises(HarnessError, match="must use one device; got a Trainer on 2"):
        adapter.Reporting(context).on_train_begin(two, None, None)


# ---- --log --------------------------------------------------------------------------------------


class Broken:
    """A writer that fails at the second trial, and goes on doing so unless it is mended."""

    tries = 0
    mended = False

    def __init__(self, _where: str) -> None: ...

    def log(self, record: Record) -> None:
        Broken.tries += 1
        if Broken.tries > 1 and not Broken.mended:
            raise OSError("no space left on https://me:geheim@there/x")


@pytest.mark.parametrize("mended", [False, True])
def test_a_writer_that_fails_is_one_line_is_tried_at_the_end_and_the_others_go_on(
    mended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand = io.StringIO()
    monkeypatch.setattr(Broken, "tries", 0)
    monkeypatch.setattr(Broken, "mended", False)
    monkeypatch.setitem(sys.modules, "broken_writer", sys.modules[__name__])
    monkeypatch.setattr(sys.modules[__name__], "Writer", Broken, raising=False)
    kinds = {"broken": ("broken_writer", "broken=X"), "list": ("list_writer", "list=X")}
    monkeypatch.setattr("harness.adapters.logs.KINDS", kinds)
    kept: list[str] = []

    class Keeping:
        def __init__(self, _where: str) -> None: ...

        def log(self, record: Record) -> None:
            kept.append(record.key)

    monkeypatch.setitem(sys.modules, "list_writer", type("Module", (), {"Writer": Keeping}))  # type: ignore[arg-type]
    logs = Logs(("broken=https://me:geheim@there", "list=y"), lambda line: print(line, file=stand))
    records = [replace(DONE, key=str(place)) for place in range(3)]
    for _ in range(2):
        logs([*records, replace(DONE, state="running", key="still")])
    assert kept == ["0", "1", "2"] * 2
    (line,) = stand.getvalue().splitlines()
    assert line.startswith("--log broken=https://me:***@there failed: OSError: no space left")
    assert line.endswith("It is tried once more when the study has been run.")
    assert "geheim" not in line
    assert Broken.tries == 2
    Broken.mended = mended
    logs(records, last=True)
    assert Broken.tries == (5 if mended else 3), "all of them, once more"
    for last in (False, True):  # of the next study of the same run
        logs(records, last=last)
    assert Broken.tries == (11 if mended else 3)
    if not mended:
        _, line = stand.getvalue().splitlines()
        assert line.startswith("--log broken=https://me:***@there failed, and is told no more")
        assert "OSError: no space left" in line
        assert "geheim" not in line


def test_of_a_trial_that_was_run_again_the_newest_record_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are in a ledger; written one after the other, each would replace the other for ever."""
    written: list[str] = []
    board(tmp_path)
    monkeypatch.setattr(
        "harness.adapters.tensorboard._written", lambda record: written.append(record.state) or b""
    )
    later = replace(DONE, finished="2026-11-27T11:00:00+00:00")
    running = replace(DONE, state="running", finished="", metrics={}, curves={})
    logs = Logs([f"tensorboard={tmp_path}"], pytest.fail)
    logs([FAILED])
    for records in ([FAILED, later], [later, FAILED], [FAILED, later, running]):
        logs(records)
    assert written == ["failed", "complete"]
    assert [each.name.split(".")[-2] for each in tmp_path.rglob("events*")] == ["complete"]


@pytest.mark.parametrize("asked", ["wandb=x", "tensorboard", "tensorboard=", "=x"])
def test_what_cannot_be_written_to_is_told_before_anything_is_run(
    asked: str, refused: Callable[..., str]
) -> None:
    line = refused("run", "tests/tiny_study.py", "--log", asked)
    assert "--log must be tensorboard=FOLDER or mlflow=sqlite:///mlflow.db" in line


def test_commands_that_go_on_log_there_too_but_for_passwords() -> None:
    log = ("tensorboard=a b", "mlflow=https://me:geheim@there")
    assert how_words("auto", 0, no_profile=False, log=log) == ["--log", "tensorboard=a b"]


OWN = '''
"""Does it?"""
from pathlib import Path
from harness import Context, Factor, Higher, Metric, Scale, Study


def train(context: Context, width: int) -> dict[str, float]:
    with Path("seen").open("a") as file:
        print(len([*Path("tb").rglob("events*")]), file=file)
    if width == 2 and context.seed == 2:
        raise ValueError("not this one")
    for step in (10, 20):
        context.report(step, error=width / step)
    return {"error": float(width + context.seed)}


study = Study(
    name="own", question="Does it?", factors=(Factor("width", (1, 2)),), train=train,
    objective="error", metrics=(Metric("error", better="lower"),), scales={"quick": Scale(seeds=5)},
    claims=(Higher("It is.", metric="error", higher={"width": 2}, lower={"width": 1}, by=0.5),),
)
'''


@pytest.mark.slow
def test_each_trial_is_logged_when_it_ends_and_what_is_missing_later(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard", reason="the extra `tensorboard` is not installed")
    (tmp_path / "own.py").write_text(OWN)
    words = ("run", "own.py", "--workers", "1", "--no-profile", "--quiet")
    command(*words, "--seeds", "1")

    def files() -> list[str]:
        return sorted(each.name for each in (tmp_path / "tb").rglob("events*"))

    command(*words, "--log", "tensorboard=tb")
    seen = [int(each) for each in (tmp_path / "seen").read_text().split()]
    assert any(0 < count < 10 for count in seen), "while others are still to be run"
    assert len(files()) == 10, "those of the first run are among them"
    assert sum(".failed." in each for each in files()) == 1
    before = files()
    command("export", "own.py", "--log", "tensorboard=tb")
    assert files() == before
    done = command("export", "own.py", "--curves")
    header, first, *_ = done.stdout.splitlines()
    assert header.split(",")[-2:] == ["step", "metric_error"]
    assert "epoch" not in header
    assert first.split(",")[-2] == "10"
    (folder,) = (tmp_path / "tb" / "own-quick" / "width=2").glob("*seed0*")
    assert scalars(folder) == {
        "curve/error": [(10, pytest.approx(0.2)), (20, pytest.approx(0.1))],
        "error": [(20, 2.0)],
    }
