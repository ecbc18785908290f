"""What a race begins with: batch sizes, settings, and the seconds of its levels."""


import pytest

from epochal.records import Setting
from epochal.rules.race.start import beginning, level_below, marks_until, nearest_level, sizes, starters

PRESENT = Setting(batch_size=32, learning_rate=1e-3)


def at(batch_size, learning_rate):
    return Setting(batch_size=batch_size, learning_rate=learning_rate)


def test_batch_sizes_grow_fourfold_as_long_as_rows_and_memory_last():
    def faster(size):
        return 1 / size

    assert sizes(32, 60_000, None, faster) == (32, 128, 512, 2048, 8192, 32768)
    assert sizes(32, 2048, None, faster) == (32, 128, 512, 2048)       # as many as there are
    assert sizes(32, 2047, None, faster) == (32, 128, 512)
    assert sizes(32, 60_000, 511, faster) == (32, 128)
    assert sizes(32, 20, None, faster) == (20,)
    assert sizes(32, 60_000, 10, faster) == (32,)                      # the user's own stands, whatever was measured


def test_they_end_with_the_first_whose_rows_take_over_nine_tenths_of_the_time():
    assert sizes(32, 60_000, None, {32: 1.0, 128: 0.9, 512: 0.8101, 2048: 0.1}.get) == (32, 128, 512)
    assert sizes(32, 2048, None, {32: 1.0, 128: 0.9, 512: 0.81, 2048: 0.1}.get) == (32, 128, 512, 2048)


def test_where_rows_take_the_time_the_next_smaller_size_is_raced_too_if_it_is_hardly_slower():
    assert sizes(32, 60_000, None, {8: 1.5, 32: 1.0, 128: 0.91}.get) == (8, 32, 128)
    assert sizes(32, 60_000, None, {8: 1.51, 32: 1.0, 128: 0.91}.get) == (32, 128)
    assert sizes(32, 60_000, None, {8: 1.0, 32: 1.0, 128: 0.89, 512: 1.0}.get) == (32, 128, 512)      # a larger one gains speed
    assert sizes(32, 60_000, 64, {8: 1.0, 32: 1.0}.get) == (32,)                                      # no larger one was tried
    assert sizes(3, 60_000, None, {3: 1.0, 12: 1.0}.get) == (3, 12)
    assert starters(PRESENT, (8, 32, 128), "adam") == (PRESENT, at(32, 3.162e-3), at(8, 3.162e-4), at(128, 3.162e-3), at(128, 1e-3),
                                                       at(32, 3.162e-4))
    assert starters(PRESENT, (8, 32, 128), "adam", ("learning_rate",)) == (PRESENT, at(8, 1e-3), at(128, 1e-3))


@pytest.mark.parametrize(("optimizer", "ceilings", "floors"), [
    ("adam", (at(128, 3.162e-3), at(512, 1e-2)), (at(128, 1e-3), at(512, 3.162e-3))),         # 2 and 4 times the rate by √k
    ("sgd", (at(128, 1e-2), at(512, 3.162e-2)), (at(128, 3.162e-3), at(512, 1e-2)))])         # 4 and 16 times by k
def test_settings_start_around_the_rule_for_their_batch_size_the_most_promising_first(optimizer, ceilings, floors):
    found = starters(PRESENT, (32, 128, 512), optimizer)
    assert found == (PRESENT, at(32, 3.162e-3), *ceilings, *floors, at(32, 3.162e-4))


def test_a_schedule_is_kept_and_a_batch_beyond_the_rows_is_raced_as_all_of_them():
    falling = Setting(batch_size=5000, learning_rate=1e-3, schedule="CosineDecay")
    assert {s.schedule for s in starters(falling, (1000,), "adam")} == {"CosineDecay"}
    assert [s.batch_size for s in starters(falling, (1000,), "adam")] == [5000, 1000, 1000]


def test_levels_stand_at_powers_of_two_in_milliseconds():
    assert level_below(1.02) == pytest.approx(0.512)                   # 2⁹ ms; the next would be 1.024
    assert level_below(1.03) == pytest.approx(1.024)
    for i in range(21):
        level = 1e-3 * 2**i
        assert level_below(level) == pytest.approx(level)              # it is its own
        assert nearest_level(1.4 * level) == nearest_level(level / 1.4) == pytest.approx(level)     # up to √2 = 1.414 away
        assert nearest_level(1.43 * level) == pytest.approx(2 * level)


def test_a_run_is_looked_at_twice_before_the_first_level_and_at_every_doubling():
    assert marks_until(1.0, 1.0) == [0.25, 0.5, 1.0]
    assert marks_until(8.0, 1.0) == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
    assert marks_until(8.0, 2.0) == [0.5, 1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize(("seconds", "n_settings", "level"), [
    (17.5, 11, 0.512),       # 300 updates of 2 ms are 0.6 s; 11 settings and 6 fresh trainings: 17 × 0.512 = 8.70, half of 17.4
    (17.3, 11, 0.256),       # 150 updates: 0.3 s
    (8.8, 11, 0.256),        # 17 × 0.256 = 4.35, half of 8.70
    (8.6, 8, 0.128),         # 100 updates: 0.2 s
    (3.6, 8, 0.128),         # 14 × 0.128 = 1.79, half of 3.58
    (3.5, 7, 0.064),         # 60 updates: 0.12 s
    (1.7, 7, 0.064),         # 13 × 0.064 = 0.83, half of 1.66
    (1.6, 5, 0.064),         # 11 × 0.064 = 0.70, half of 1.41
    (1.3, 4, 0.064),         # 40 updates, 0.08 s: 10 × 0.064 = 0.64, half of 1.28
    (1.2, 4, 0.032),         # 25 updates, 0.05 s: 10 × 0.032 = 0.32, half of 0.64
    (0.6, 3, 0.016),         # 15 updates, 0.03 s: 9 × 0.016 = 0.14, half of 0.29
    (0.001, 2, 0.016)])      # nothing fits: the least
def test_a_race_begins_with_as_many_settings_and_updates_as_half_of_its_seconds_allow(seconds, n_settings, level):
    settings = tuple(at(32, 1e-3 * (1 + i)) for i in range(11))
    begun = beginning(settings, 2e-3, lambda setting, level: level, seconds)
    assert begun.settings == settings[:n_settings]
    assert begun.seconds == pytest.approx(level, rel=1e-3)


def test_what_a_setting_costs_here_counts_and_not_what_it_takes_on_the_clock():
    settings = tuple(at(32, 1e-3 * (1 + i)) for i in range(11))
    assert beginning(settings, 2e-3, lambda setting, level: level / 10, 1.75).seconds == pytest.approx(0.512)
