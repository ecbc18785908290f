"""Several programs at one time: they share the memory, and no thread disturbs another's numbers."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from epochal import engine
from epochal.engine import fused
from epochal.engine.programs import _PROGRAMS, epoch_program

pytest.importorskip("jax")
from engine.rigs_of_jax import Springs
from engine.ways import way


def test_the_width_is_halved_until_as_many_programs_fit_as_run_at_one_time():
    needed = fused.program_bytes(fused.compile_epoch(Springs(np.ones(16)), 4, 8))
    rig = Springs(np.ones(16), capacity=int(2 * needed / 0.8))
    assert epoch_program(rig, 4, 8, n_at_once=1)[1] == 8
    assert epoch_program(Springs(np.ones(16), capacity=int(2 * needed / 0.8)), 4, 8, n_at_once=4)[1] < 8


def test_many_threads_compile_one_program_once():
    rig = Springs(np.ones(16))
    with ThreadPoolExecutor(8) as pool:
        programs = list(pool.map(lambda _: epoch_program(rig, 4, 2)[0], range(8)))
    assert len({id(program) for program in programs}) == 1
    assert len(_PROGRAMS[rig]) == 1


def test_groups_trained_at_one_time_have_the_numbers_of_groups_trained_in_turn():
    rig = Springs(np.linspace(0, 1, 16), np.random.default_rng(0).normal(size=(16, 3)), noise=0.1)
    how = way("fused", 2)
    groups = [[engine.Lane(seed, rate) for rate in (0.1, 0.3)] for seed in range(12)]

    def train(lanes):
        return engine.train(rig, lanes, engine.Batches(4, 5), how=how)

    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(train, groups))
    for mine, theirs in zip(at_once, map(train, groups), strict=True):
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a.train_loss, b.train_loss)
            np.testing.assert_array_equal(a.figures, b.figures)


def test_preparing_leaves_nothing_to_compile():
    rig = Springs(np.ones(16))
    engine.prepare(rig, 4, 2)
    traces = rig.traces
    how = engine.measure_mode(rig, 4, 2, widths=(2,))
    engine.train(rig, [engine.Lane(0, 0.1), engine.Lane(1, 0.1)], engine.Batches(4, 2), how=how)
    assert len(_PROGRAMS[rig]) == 1
    assert rig.traces == traces
