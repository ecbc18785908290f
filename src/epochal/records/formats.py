"""Turns documents of older formats into the present one, before they become records."""

_TITLES_1 = {"memory": "largest batch that fits", "throughput": "hardware batch size B_hw = t0 / c",
             "noise_scale": "gradient noise scale", "critical_rate": "critical learning rate at the start",
             "prediction": "best batch size of predict", "untrained_loss": "validation loss before training",
             "critical_batch": "critical batch size B_crit", "step_time": "time of a step of fit at the reference",
             "engine": "time of a step and lane while measuring", "study": "trainings made",
             "time_optimal_batch": "estimated fastest batch size (within 10 % of the least time)"}
_VERDICTS_1 = {"EQUAL": "NOT_WORSE", "UNRESOLVED": "UNDECIDED"}


def upgraded(document, version):
    """The plain JSON of a record in the present format, from that of the format `version`; any error says that it is damaged."""
    return _from_1(document) if version == 1 else document


def _from_1(thing):
    """Format 1 kept the points of a reading as rows of numbers without names, and had other names for two verdicts."""
    if isinstance(thing, list):
        return [_from_1(one) for one in thing]
    if not isinstance(thing, dict):
        return thing
    changed = {name: _from_1(value) for name, value in thing.items() if name != "points"}
    if isinstance(thing.get("verdict"), str):
        changed["verdict"] = _VERDICTS_1.get(thing["verdict"], thing["verdict"])
    if "outcome" in thing and thing.get("name") in _TITLES_1:
        changed["title"] = _TITLES_1[thing["name"]]
    if "points" in thing:
        changed["points"] = [_point_of_1(str(thing.get("name")), *row) for row in thing["points"]]
    return changed


def _point_of_1(name, first, *others):
    """A point by the name of its reading; `"engine/32"` is the engine's reading of a study at batch size 32."""
    if name == "critical_rate":
        return {"learning_rate": first}
    fields = {"throughput": ("seconds", "low", "high"), "step_time": ("seconds", "low", "high"),
              "prediction": ("seconds_a_row", "low", "high"), "memory": ("peak_bytes",),
              "critical_batch": ("updates", "low", "high", "learning_rate", "share_arrived"),
              "engine": ("width", "seconds", "seconds_stepwise", "seconds_fused")}[name.partition("/")[0]]
    point = {"batch_size": int(first), **dict(zip(fields, others, strict=False))}  # a plan kept fewer figures of updates
    if "peak_bytes" in point:
        point["peak_bytes"] = round(point["peak_bytes"])
    if "width" in point:
        fused = point["seconds_fused"]
        point |= {"width": int(point["width"]), "mode": "fused" if point["seconds"] == fused else "stepwise",
                  "seconds_fused": None if fused == -1 else fused}
    return point
