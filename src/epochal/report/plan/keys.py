"""How each setting of a plan looks in every picture: colour and marker by batch size, yours dashed and a star."""

from collections import defaultdict

from ..pictures.chart import SizeStyle
from .rows import is_present, is_recommended, label_of

_DASHES = ("solid", "dot", "dashdot", "longdash")
_VARIANTS = ("", "-open", "-dot", "-open-dot")


def style_of(plan):
    """Colour and marker of every batch size that was trained with."""
    return SizeStyle({one.setting.batch_size for one in (*plan.arms, *plan.evidence.curves, *plan.evidence.runs)})


def arm_keys(plan):
    """`{setting: Key}` of the arms."""
    return setting_keys(plan, [arm.setting for arm in plan.arms])


def setting_keys(plan, settings):
    """`{setting: Key}`, in the order of the settings.

    The user's own setting is a dashed line and a star. Among others of one batch size the recommended one comes first, and the
    rest differ from it by the dash and the variant of the marker.
    """
    keys, style, n_before = {}, style_of(plan), defaultdict(int)
    for setting in sorted(settings, key=lambda setting: not is_recommended(plan, setting)):
        size, place, yours = setting.batch_size, n_before[setting.batch_size], is_present(plan, setting)
        dash, symbol = ("dash", "star") if yours else (_DASHES[place % 4], style.symbol(size) + _VARIANTS[place % 4])
        keys[setting] = style.key(size, label_of(plan, setting), dash=dash, symbol=symbol)
        n_before[size] += not yours
    return {setting: keys[setting] for setting in settings}
