"""A study in TensorBoard: what its own reader finds is what was trained."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from report.report_studies import STUDY

from epochal.report import log_to_tensorboard
from epochal.report.study.tables import epoch_series

pytestmark = pytest.mark.needs("tensorboard")


def reader(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return found


def hparams(folder, tag):
    from tensorboard.plugins.hparams import plugin_data_pb2

    return plugin_data_pb2.HParamsPluginData.FromString(reader(folder).SummaryMetadata(f"_hparams_/{tag}").plugin_data.content)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return log_to_tensorboard(STUDY, tmp_path_factory.mktemp("logs") / "study")


def test_there_is_a_run_a_training_named_after_it(runs):
    assert [run.name for run in runs][:3] == [
        "0-screen-batch-16-rate-0.1-seed-5", "1-screen-batch-64-rate-0.3333-seed-5", f"2-confirm-batch-16-rate-0.1-seed-{2**62}"]
    assert len(runs) == len(STUDY.curves)
    assert all(len(list(run.iterdir())) == 1 for run in runs)


def test_every_series_is_read_back_by_epoch(runs):
    for run, curve in zip(runs, STUDY.curves, strict=True):
        found, series = reader(run), epoch_series(STUDY, curve)
        assert set(found.Tags()["scalars"]) == set(series) | ({"best_val_loss"} if curve.n_epochs else set())
        for name, values in series.items():
            events = found.Scalars(name)
            assert [event.step for event in events] == list(range(1, len(values) + 1))
            np.testing.assert_array_equal([event.value for event in events], np.float32(values))
        if curve.n_epochs:
            (best,) = found.Scalars("best_val_loss")
            assert (best.step, best.value) == (2, np.float32(min(curve.validation_loss)))
    assert {"train_loss", "val_loss", "val_accuracy", "test_loss"} <= set(reader(runs[2]).Tags()["scalars"])


def test_the_epochs_lie_within_the_seconds_of_the_training(runs):
    times = [event.wall_time for event in reader(runs[2]).Scalars("val_loss")]
    np.testing.assert_allclose(np.diff(times), STUDY.curves[2].seconds / 3, atol=1e-3)


def test_every_run_has_its_hyperparameters_and_how_it_ended(runs):
    from tensorboard.plugins.hparams import api_pb2

    start = hparams(runs[4], "session_start_info").session_start_info.hparams
    assert {name: start[name].number_value for name in ("batch_size", "learning_rate", "seed", "updates_per_epoch")} == {
        "batch_size": 64, "learning_rate": 1 / 3, "seed": 2.0**62, "updates_per_epoch": 7}
    assert (start["stage"].string_value, start["schedule"].string_value) == ("confirm", "constant")
    ends = [hparams(run, "session_end_info").session_end_info.status for run in runs]
    assert Counter(ends) == {api_pb2.STATUS_SUCCESS: 5, api_pb2.STATUS_FAILURE: 1}
    assert ends[1] == api_pb2.STATUS_FAILURE
    experiment = hparams(runs[0].parent, "experiment").experiment
    assert {info.name for info in experiment.hparam_infos} == set(start)
    assert [info.name.tag for info in experiment.metric_infos] == ["best_val_loss", "val_loss", "val_accuracy"]


def test_the_hparams_page_of_tensorboard_lists_every_training(runs):
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    events = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(runs[0].parent)).Reload()
    page = backend_context.Context(base_plugin.TBContext(
        data_provider=data_provider.MultiplexerDataProvider(events, str(runs[0].parent)), logdir=str(runs[0].parent)))
    context = RequestContext()
    request = api_pb2.ListSessionGroupsRequest(
        start_index=0, slice_size=100, allowed_statuses=[api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING])
    experiment = page.experiment_from_metadata(
        context, "", False, page.hparams_metadata(context, ""), page.hparams_from_data_provider(context, "", 100))
    answer = list_session_groups.Handler(context, page, "", request).run()
    assert len(experiment.hparam_infos) == 6
    assert answer.total_size == len(STUDY.curves)
    best = {group.sessions[0].name: value.value for group in answer.session_groups for value in group.metric_values
            if value.name.tag == "best_val_loss"}
    assert best["4-confirm-batch-64-rate-0.3333-seed-" + str(2**62)] == pytest.approx(0.3)
    assert len(best) == 5


def test_a_second_writing_replaces_the_first(tmp_path):
    runs = log_to_tensorboard(STUDY, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert log_to_tensorboard(STUDY, tmp_path) == runs
    assert sorted(tmp_path.rglob("*")) == before
    assert len(reader(runs[2]).Scalars("val_loss")) == 3


def test_a_study_without_trainings_is_no_mistake(tmp_path):
    assert log_to_tensorboard(replace(STUDY, curves=()), tmp_path) == ()


def test_neither_tensorflow_nor_pytorch_is_imported(tmp_path):
    lines = (f"import sys; sys.path[:0] = {sys.path!r}; from report.report_studies import STUDY; "
             f"from epochal.report import log_to_tensorboard; log_to_tensorboard(STUDY, {str(tmp_path)!r}); "
             "print([name for name in ('tensorflow', 'torch', 'keras', 'jax') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
