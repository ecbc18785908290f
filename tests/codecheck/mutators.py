"""Puts one fault of a known kind into a clean script: each function takes a module and yields changed copies of it."""

import ast
import copy

_NOT_TIME = ("sine_lstm",)


def mutants(name, tree):
    """`(kind, form, module)` for every way in which one fault can be put into a clean script."""
    for kind, mutator in MUTATORS.items():
        for form, changed in mutator(name, tree):
            yield kind, form, ast.fix_missing_locations(changed)


def blocks(tree):
    """Every list of statements, with the node that holds it."""
    for node in ast.walk(tree):
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield node, block


def calls_in(node, *names):
    return [one for one in ast.walk(node) if isinstance(one, ast.Call) and _called(one) in names]


def _called(call):
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _keyword(call, name):
    return next((one for one in call.keywords if one.arg == name), None)


def _code(text):
    return ast.parse(text).body


def _expression(text):
    return ast.parse(text, mode="eval").body


def _text(node):
    return ast.unparse(node)


def _each(tree, find):
    """A fresh copy of the tree for each thing that `find` lists in it."""
    for place in range(len(find(tree))):
        changed = copy.deepcopy(tree)
        yield place, changed, find(changed)[place]


def _fits_with(statement_of):
    """Finds `(block, place, call)` of trainings."""

    def find(tree):
        return [
            (block, place, call)
            for _, block in blocks(tree)
            for place, statement in enumerate(block)
            if isinstance(statement, ast.Expr | ast.Assign | ast.Return)
            for call in calls_in(statement, "fit")
            if statement_of(call)
        ]

    return find


def _trains(call):
    return bool(_keyword(call, "epochs"))


def _on_arrays(call):
    return _trains(call) and len(call.args) == 2


def reuse(name, tree):
    """The model is made before the loop, once."""

    def loops(of):
        return [
            (block, place, loop, inner, at)
            for _, block in blocks(of)
            for place, loop in enumerate(block)
            if isinstance(loop, ast.For) and _outermost(loop, of)
            for inner, at in _makings(loop)
        ]

    for place, changed, (block, at, loop, inner, start) in _each(tree, loops):
        hoisted, free = _making(inner, start, loop)
        if free:
            del inner[start : start + len(hoisted)]
            block[at:at] = hoisted
            yield f"hoisted {place}", changed
    for place, changed, (block, at, call) in _each(
        tree, _fits_with(lambda call: _keyword(call, "batch_size") and _on_arrays(call) and not _keyword(call, "initial_epoch"))
    ):
        if isinstance(block[at], ast.Assign) and not _in_a_loop(changed, block):
            again = copy.deepcopy(block[at])
            target = _text(again.targets[0])
            if not target.isidentifier():
                continue
            again.targets = [ast.Name("second_" + target, ast.Store())]
            _keyword(calls_in(again, "fit")[0], "batch_size").value = ast.Constant(5)
            shown = _code(f"print({target}.history['loss'], second_{target}.history['loss'])")
            block[at + 1 : at + 1] = [again, *shown]
            yield f"again {place}", changed


def _outermost(loop, tree):
    return not any(loop is not other and isinstance(other, ast.For) and loop in list(ast.walk(other)) for other in ast.walk(tree))


def _makings(loop):
    """Where in a loop a model is assigned that is then fitted there."""
    fitted = {call.func.value.id for call in calls_in(loop, "fit") if isinstance(call.func.value, ast.Name) and _trains(call)}
    return [
        (block, place)
        for _, block in blocks(loop)
        for place, statement in enumerate(block)
        if isinstance(statement, ast.Assign)
        and _text(statement.targets[0]) in fitted
        and isinstance(statement.value, ast.Call)
        and _called(statement.value) not in ("fit",)
    ]


def _making(block, start, loop):
    """The statements that make a model, up to compile; and whether they can stand before the loop."""
    model = _text(block[start].targets[0])
    taken = [block[start]]
    depends = {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
    for statement in block[start + 1 :]:
        is_compile = isinstance(statement, ast.Expr) and _text(statement).startswith(f"{model}.compile")
        uses = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)} & depends
        if (
            not (isinstance(statement, ast.Expr) and _text(statement).startswith(f"{model}."))
            or (is_compile and uses)
            or (".fit(" in _text(statement))
        ):
            break
        taken.append(statement)
    used = {node.id for statement in taken for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return taken, not used & (depends | {"seed", "name"})


def _in_a_loop(tree, block):
    return any(
        isinstance(node, ast.For | ast.FunctionDef) and block is not node and any(inner is block for _, inner in blocks(node))
        for node in ast.walk(tree)
    )


def restart(name, tree):
    """The weights are not given back."""
    for place, changed, (block, at) in _each(
        tree,
        lambda of: [
            (block, at)
            for node, block in blocks(of)
            for at, statement in enumerate(block)
            if isinstance(node, ast.For) and isinstance(statement, ast.Expr) and _text(statement).startswith("net.set_weights")
        ],
    ):
        del block[at]
        yield f"not given back {place}", changed


def in_order(name, tree):
    """Rows are put in order before `validation_split` takes the last of them."""
    split = _fits_with(
        lambda call: (
            _keyword(call, "validation_split")
            and _on_arrays(call)
            and not isinstance(call.args[0], ast.List)
            and all(isinstance(one, ast.Name) for one in call.args)
            and _text(call.args[0]) != _text(call.args[1])
        )
    )
    for place, changed, (block, at, call) in _each(tree, split):
        x, y = map(_text, call.args)
        forms = [
            f"{x}, {y} = {x}[{y}.ravel().argsort()], {y}[{y}.ravel().argsort()]",
            f"import numpy\nin_order = numpy.argsort({y}, axis=0).ravel()\n{x} = {x}[in_order]\n{y} = {y}[in_order]",
        ]
        if len(forms) > place % 2:
            block[at:at] = _code(forms[place % 2])
        yield f"argsort {place}", changed
    for place, changed, (block, at) in _each(
        tree,
        lambda of: [
            (block, at)
            for _, block in blocks(of)
            for at, statement in enumerate(block)
            if isinstance(statement, ast.Assign) and "order" in _text(statement.value) and isinstance(statement.value, ast.Tuple)
        ],
    ):
        del block[at]
        yield f"not mixed {place}", changed
    for place, changed, (block, at, call) in _each(
        tree,
        _fits_with(
            lambda call: _keyword(call, "validation_split") and len(call.args) == 2 and ".to_numpy" in _text(call.args[0])
        ),
    ):
        frame = _text(call.args[0]).split("[")[0]
        block[at:at] = _code(f"{frame} = {frame}.sort_values('target')")
        yield f"sort_values {place}", changed
    for place, changed, (block, at) in _each(
        tree,
        lambda of: [
            (block, at)
            for _, block in blocks(of)
            for at, statement in enumerate(block)
            if isinstance(statement, ast.Assign)
            and "shuffle(" in _text(statement.value)
            and "random_state" in _text(statement.value)
            and "split" in _text(of)
        ],
    ):
        x, y = (_text(one) for one in block[at].targets[0].elts)
        block[at : at + 1] = _code(f"rows = sorted(range(len({y})), key=lambda row: {y}[row])\n{x}, {y} = {x}[rows], {y}[rows]")
        yield f"sorted {place}", changed


def test_chooses(name, tree):
    """The test rows are validation rows of a training that stops early."""
    judged = _judged_rows(tree)
    stops = _fits_with(lambda call: _trains(call) and "top" in _text(call) + _stops(tree) and _keyword(call, "callbacks"))
    if judged:
        for place, changed, (_, _, call) in _each(tree, stops):
            _hold_out(call, judged)
            yield f"stops by them {place}", changed
    for place, changed, call in _each(tree, lambda of: [call for call in calls_in(of, "search")]):
        _hold_out(call, judged)
        yield f"searches by them {place}", changed
    if judged:
        fits = _fits_with(
            lambda call: _on_arrays(call) and not _keyword(call, "callbacks") and not _keyword(call, "initial_epoch")
        )
        for place, changed, (_, _, call) in _each(tree, fits):
            if not any(isinstance(node, ast.For) for node in ast.walk(changed)):
                _hold_out(call, judged)
                call.keywords.append(
                    ast.keyword(
                        "callbacks",
                        _expression("[__import__('keras').callbacks.EarlyStopping(patience=1, restore_best_weights=True)]"),
                    )
                )
                changed.body[1:1] = _code("from keras.callbacks import EarlyStopping as Stop")
                _keyword(call, "callbacks").value = _expression("[Stop(patience=1, restore_best_weights=True)]")
                yield f"stops anew {place}", changed


def _stops(tree):
    return "top" if "EarlyStopping" in _text(tree) else ""


def _judged_rows(tree):
    for call in calls_in(tree, "evaluate"):
        if len(call.args) >= 2 and "e" in _text(call.args[0]) and ("te" in _text(call.args[0]).lower()):
            return tuple(map(_text, call.args[:2]))
    return None


def _hold_out(call, rows):
    call.keywords = [one for one in call.keywords if one.arg not in ("validation_split", "validation_data")]
    call.keywords.append(ast.keyword("validation_data", _expression(f"({rows[0]}, {rows[1]})")))


_LEARNERS = [
    "from sklearn.preprocessing import StandardScaler\n{x} = StandardScaler().fit_transform({x})",
    "from sklearn.preprocessing import MinMaxScaler as Scaler\nwhole = Scaler()\nwhole.fit({x})\n{x} = whole.transform({x})",
    "import sklearn.decomposition\n{x} = sklearn.decomposition.PCA(n_components={x}.shape[1]).fit_transform({x})",
    "from sklearn import preprocessing as prep\nranks = prep.QuantileTransformer(n_quantiles=20)\n{x} = ranks.fit_transform({x})",
    "from sklearn.preprocessing import RobustScaler\nfitted = RobustScaler().fit({x})\n{x} = fitted.transform({x})",
]


def fits_before(name, tree):
    """Something is fitted on all rows, and then they are split."""

    def splits(of):
        return [
            (block, at, call)
            for _, block in blocks(of)
            for at, statement in enumerate(block)
            if isinstance(statement, ast.Assign)
            for call in calls_in(statement, "train_test_split", "tts")
            if isinstance(call.args[0], ast.Name)
            and "image" not in _text(call.args[0])
            and "picture" not in _text(call.args[0])
            and _text(call.args[0]) not in ("x_rest", "x_all", "X_tr", "wines")
        ]

    for place, changed, (block, at, call) in _each(tree, splits):
        for form in {(len(name) + place) % len(_LEARNERS), (len(name) + place + 2) % len(_LEARNERS)}:
            again = copy.deepcopy(changed)
            block, at, call = splits(again)[place]
            block[at:at] = _code(_LEARNERS[form].format(x=_text(call.args[0])))
            yield f"learner {form}, {place}", again


def last_weights(name, tree):
    """`restore_best_weights` is missing, or off."""
    stops = lambda of: [call for call in calls_in(of, "EarlyStopping") if _keyword(call, "restore_best_weights")]  # noqa: E731
    for place, changed, call in _each(tree, stops):
        if len(name) % 2:
            _keyword(call, "restore_best_weights").value = ast.Constant(False)
        else:
            call.keywords.remove(_keyword(call, "restore_best_weights"))
        yield f"last weights {place}", changed


def _batches(call):
    return _trains(call) and len(call.args) == 1


def batch_size(name, tree):
    """A batch size beside what cuts its own batches."""
    for place, changed, (_, _, call) in _each(tree, _fits_with(_batches)):
        call.keywords.insert(0, ast.keyword("batch_size", ast.Constant(64)))
        yield f"beside batches {place}", changed
    for place, changed, call in _each(tree, lambda of: [one for one in calls_in(of, "evaluate") if len(one.args) == 1]):
        call.keywords.insert(0, ast.keyword("batch_size", _expression("2 ** 7")))
        yield f"judged {place}", changed


def drop_rows(name, tree):
    """`steps_per_epoch`, rounded down or a number."""
    if "load_weights" in _text(tree):
        return
    forms = ("len({x}) // 32", "{x}.shape[0] // 64", "int(len({x}) / 50)", "3")
    for place, changed, (_, _, call) in _each(
        tree, _fits_with(lambda call: _on_arrays(call) and isinstance(call.args[0], ast.Name))
    ):
        form = forms[(len(name) + place) % 4].format(x=_text(call.args[0]))
        call.keywords = [one for one in call.keywords if one.arg not in ("validation_split", "callbacks")]
        call.keywords.insert(0, ast.keyword("steps_per_epoch", _expression(form)))
        if "validation_split" in _text(tree) and ("val_" in _text(tree)):
            continue
        yield f"array {form}", changed
    for place, changed, (_, _, call) in _each(
        tree, _fits_with(lambda call: _batches(call) and not _keyword(call, "steps_per_epoch"))
    ):
        call.keywords.append(ast.keyword("steps_per_epoch", ast.Constant(4)))
        yield f"batches {place}", changed


def keep_order(name, tree):
    """`shuffle=False` in a training of several epochs."""
    if name.startswith(_NOT_TIME):
        return
    for place, changed, (_, _, call) in _each(tree, _fits_with(lambda call: _trains(call) and len(call.args) == 2)):
        if _text(_keyword(call, "epochs").value) == "1":
            continue
        call.keywords = [one for one in call.keywords if one.arg != "shuffle"]
        call.keywords.append(ast.keyword("shuffle", ast.Constant(False)))
        yield f"kept {place}", changed


def one_seed(name, tree):
    """Without the repeats; or a best one is taken of what was only shown."""
    for place, changed, (block, at, loop) in _each(
        tree,
        lambda of: [
            (block, at, one)
            for _, block in blocks(of)
            for at, one in enumerate(block)
            if isinstance(one, ast.For) and _text(one.target) == "seed" and calls_in(one, "fit")
        ],
    ):
        block[at : at + 1] = [*_code("only = 0"), *_renamed(loop.body, "seed", "only")]
        yield f"no repeats {place}", changed
    for place, changed, loop in _each(
        tree, lambda of: [one for one in ast.walk(of) if isinstance(one, ast.For) and _text(one.target) == "(width, seed)"]
    ):
        loop.target = ast.Name("width", ast.Store())
        loop.iter = _expression("[4, 16]")
        loop.body = _renamed(loop.body, "seed", "0")
        yield f"no seeds {place}", changed
    for store, lines in (
        ("curves", "winner = min(curves, key=lambda one: min(curves[one]))\nprint(winner)"),
        ("table", "print(min(table, key=lambda row: row[1]))"),
        ("table", "print(sorted(table, key=lambda row: row[1])[0])"),
        ("histories", "best = max(histories, key=lambda b: max(histories[b].history['val_accuracy']))\nprint(best)"),
    ):
        if any(isinstance(node, ast.Name) and node.id == store and isinstance(node.ctx, ast.Store) for node in ast.walk(tree)):
            changed = copy.deepcopy(tree)
            changed.body += _code(lines)
            yield f"best of {store}: {lines[:6]}", changed


def _renamed(body, before, after):
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id == before:
                node.id = after
    return body


def from_history(name, tree):
    """What the training history says last takes the place of a judgement on other rows."""

    def judged(of):
        return [
            (block, at)
            for _, block in blocks(of)
            for at, statement in enumerate(block)
            if isinstance(statement, ast.Expr | ast.Assign) and calls_in(statement, "evaluate")
        ]

    if len(judged(tree)) != 1 or "val_accuracy'" in _text(tree) or "val_loss']" in _text(tree) or "accuracy" not in _text(tree):
        return
    for place, changed, (_, _, call) in _each(tree, _fits_with(_on_arrays)):
        if sum(1 for _ in calls_in(changed, "fit") if _trains(_)) != 1:
            return
        for block, at, one in _fits_with(_on_arrays)(changed):
            whole = block[at]
            if isinstance(whole, ast.Expr):
                block[at] = ast.Assign([ast.Name("log", ast.Store())], one, lineno=0)
            log = _text(block[at].targets[0])
        block, at = judged(changed)[0]
        forms = [
            f"print('accuracy:', {log}.history['accuracy'][-1])",
            f"reached = {log}.history['accuracy'][-1]\nprint(f'The model reaches {{reached:.3f}}')",
            f"print('accuracy: %.2f' % max({log}.history['accuracy']))",
        ]
        following = [] if isinstance(block[at], ast.Expr) else [one for one in block[at + 1 :] if "print" not in _text(one)]
        if isinstance(changed.body[-1], ast.If) or "self" in log or isinstance(block[at], ast.Return):
            return
        block[at:] = [*_code(forms[len(name) % 3]), *following]
        yield f"history {len(name) % 3}, {place}", changed


def accumulate(name, tree):
    """Gradients are accumulated in a model with batch-norm."""
    if "BatchNormalization" in _text(tree):
        for place, changed, call in _each(tree, lambda of: calls_in(of, "Adam", "SGD", "AdamW")):
            call.keywords.append(ast.keyword("gradient_accumulation_steps", ast.Constant(4)))
            yield f"accumulated {place}", changed
    elif "gradient_accumulation_steps" in _text(tree):
        for place, changed, call in _each(tree, lambda of: calls_in(of, "GroupNormalization")):
            call.func.attr, call.args = "BatchNormalization", []
            yield f"normalised {place}", changed


def _reused(name, tree):
    yield from reuse(name, tree)
    yield from restart(name, tree)


MUTATORS = {
    "model-reused": _reused,
    "ordered-split": in_order,
    "test-selects": test_chooses,
    "fitted-before-split": fits_before,
    "last-weights-kept": last_weights,
    "batch-size-ignored": batch_size,
    "rows-dropped": drop_rows,
    "not-shuffled": keep_order,
    "one-seed": one_seed,
    "training-metric-as-result": from_history,
    "accumulated-batch-norm": accumulate,
}
