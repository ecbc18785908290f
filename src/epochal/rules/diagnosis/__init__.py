"""What a training's curves show: one file a family of faults, each rule from a `History` to a finding."""
