"""Follows a script's statements in their order, functions into their bodies, without running any of it."""

import ast

from .expressions import bind, look, with_loop
from .values import Story, Value
from .walk import DEEPEST, MOST_EVENTS, Scope, Walk, is_model_class, join, plain


def read_story(bodies: list[list[ast.stmt]]) -> Story:
    """The story of a script (one body) or a notebook (a body a cell, in order)."""
    walk, scope = Walk(enter=enter), Scope()
    for body in bodies:
        for statement in body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name):
                    walk.story.names.add(node.id)
                elif isinstance(node, ast.Attribute):
                    walk.story.names.add(node.attr)
        do(body, scope, walk)
    for value in list(scope.bound.values()):  # what nothing here calls, others call
        _enter_unused(value, walk)
    return walk.story


def _enter_unused(value, walk):
    if value.kind == "function" and id(value.definition) not in walk.entered:
        enter(value, (), {}, walk)
    if value.kind == "class":
        myself = walk.make("model" if is_model_class(value) else "instance", value.node, path=value.path, base=None)
        myself.definition = value.definition
        methods = [one for one in value.definition.body if isinstance(one, ast.FunctionDef)]
        for method in sorted(methods, key=lambda one: one.name != "__init__"):
            if id(method) not in walk.entered:
                bound = walk.make("function", method, definition=method, scope=value.scope, path=method.name, base=myself)
                enter(bound, (), {}, walk)


def enter(function: Value, arguments, keywords, walk: Walk) -> Value | None:
    """Read a function's body with what it is called with; what it returns, `None` where it is too deep."""
    definition = function.definition
    label = getattr(definition, "name", "<lambda>")
    if len(walk.inside) >= DEEPEST or walk.inside.count(label) > 1 or len(walk.story.events) >= MOST_EVENTS:
        return None
    walk.entered.add(id(definition))
    scope = Scope(function.scope)
    _bind_parameters(definition.args, function, list(arguments), dict(keywords), scope, walk)
    walk.inside += (label,)
    try:
        if isinstance(definition, ast.Lambda):
            return look(definition.body, scope, walk)
        walk.returned.append([])
        do(definition.body, scope, walk)
        results = walk.returned.pop()
    finally:
        walk.inside = walk.inside[:-1]
    walk.story.returned.update(map(id, results))
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own_nodes(definition)):
        return walk.make("call", definition, path="generator", parents=tuple(results), definition=definition)
    return join(results, definition, walk) if results else walk.make("constant", definition, constant=None)


def _own_nodes(definition):
    queue = list(definition.body)
    for node in queue:
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.AsyncFunctionDef):
            queue.extend(ast.iter_child_nodes(node))
    return queue


def _bind_parameters(wanted, function, arguments, keywords, scope, walk):
    names = [one.arg for one in (*wanted.posonlyargs, *wanted.args)]
    if function.base is not None:
        arguments.insert(0, function.base)
    defaults = dict(zip(names[len(names) - len(wanted.defaults) :], wanted.defaults, strict=True))
    defaults.update(
        {one.arg: given for one, given in zip(wanted.kwonlyargs, wanted.kw_defaults, strict=True) if given is not None}
    )
    for place, name in enumerate([*names, *(one.arg for one in wanted.kwonlyargs)]):
        if place < len(arguments) and place < len(names):
            value = arguments[place]
        elif name in keywords:
            value = keywords[name]
        elif name in defaults:
            value = look(defaults[name], scope, walk)
        else:
            value = walk.make("parameter", function.node, path=name, names=[name])
        scope.bound[name] = value
    for rest in (wanted.vararg, wanted.kwarg):
        if rest is not None:
            scope.bound[rest.arg] = walk.make("parameter", function.node, path=rest.arg)


def do(body, scope: Scope, walk: Walk) -> bool:
    """Read statements; whether the last of them leaves the block."""
    for statement in body:
        handler = _STATEMENTS.get(type(statement))
        if handler is not None and handler(statement, scope, walk):
            return True
    return False


def _expression(statement, scope, walk):
    look(statement.value, scope, walk)


def _assign(statement, scope, walk):
    value = look(statement.value, scope, walk)
    for target in statement.targets:
        bind(target, value, scope, walk)


def _annotated(statement, scope, walk):
    if statement.value is not None:
        bind(statement.target, look(statement.value, scope, walk), scope, walk)


def _augmented(statement, scope, walk):
    before = look(statement.target, scope, walk)
    more = look(statement.value, scope, walk)
    kind = "sequence" if before.kind == "sequence" else "operation"
    value = walk.make(kind, statement, parents=(before, more), path=type(statement.op).__name__)
    if before.kind == "sequence":
        walk.tell("call", "extend", statement, before, receiver=before, arguments=(more,))
        before.added.append(more)
        return
    bind(statement.target, value, scope, walk)


def _if(statement, scope, walk):
    look(statement.test, scope, walk)
    walk.n_branches += 1
    number, before = walk.n_branches, dict(scope.bound)
    outcomes = []
    for way, body in enumerate((statement.body, statement.orelse)):
        scope.bound = dict(before)
        walk.branches += ((number, way),)
        left = do(body, scope, walk)
        walk.branches = walk.branches[:-1]
        outcomes.append((left, scope.bound))
    going_on = [bound for left, bound in outcomes if not left] or [before]
    scope.bound = _merged(going_on, statement, walk)
    return all(left for left, _ in outcomes)


def _merged(ways, node, walk):
    merged = dict(ways[0])
    for bound in ways[1:]:
        for name, value in bound.items():
            merged[name] = value if name not in merged or merged[name] is value else join([merged[name], value], node, walk)
    return merged


def _for(statement, scope, walk):
    over = look(statement.iter, scope, walk)
    with_loop(statement, [(statement.target, over)], scope, walk, lambda: do(statement.body, scope, walk))
    do(statement.orelse, scope, walk)


def _while(statement, scope, walk):
    look(statement.test, scope, walk)
    with_loop(statement, [], scope, walk, lambda: do(statement.body, scope, walk))


def _with(statement, scope, walk):
    for item in statement.items:
        value = look(item.context_expr, scope, walk)
        if item.optional_vars is not None:
            bind(item.optional_vars, value, scope, walk)
    return do(statement.body, scope, walk)


def _try(statement, scope, walk):
    do(statement.body, scope, walk)
    tried = dict(scope.bound)
    ways = [tried]
    for handler in statement.handlers:
        scope.bound = dict(tried)
        if not do(handler.body, scope, walk):
            ways.append(scope.bound)
    scope.bound = _merged(ways, statement, walk)
    do(statement.orelse, scope, walk)
    do(statement.finalbody, scope, walk)


def _return(statement, scope, walk):
    value = look(statement.value, scope, walk) if statement.value is not None else walk.make("constant", statement, constant=None)
    if walk.returned:
        walk.returned[-1].append(value)
        walk.tell("return", "return", statement, value, arguments=(value,))
    return True


def _leave(statement, scope, walk):
    return True


def _function(statement, scope, walk):
    scope.bound[statement.name] = walk.make(
        "function",
        statement,
        definition=statement,
        scope=scope,
        path=statement.name,
        parents=tuple(look(one, scope, walk) for one in statement.decorator_list),
    )


def _class(statement, scope, walk):
    inner = Scope(scope)
    value = walk.make(
        "class",
        statement,
        definition=statement,
        scope=scope,
        path=statement.name,
        parents=tuple(look(base, scope, walk) for base in statement.bases),
    )
    scope.bound[statement.name] = value
    do([one for one in statement.body if not isinstance(one, ast.FunctionDef)], inner, walk)
    value.attributes.update(inner.bound)


def _import(statement, scope, walk):
    for alias in statement.names:
        full = plain(alias.name)
        name = alias.asname or alias.name.split(".")[0]
        path = full if alias.asname or "." not in alias.name else alias.name.split(".")[0]
        scope.bound[name] = walk.make("module", statement, path=path)


def _import_from(statement, scope, walk):
    stem = ("." * statement.level) + (statement.module or "")
    for alias in statement.names:
        if alias.name == "*":
            walk.starred.append(plain(stem))
        else:
            scope.bound[alias.asname or alias.name] = walk.make("module", statement, path=plain(f"{stem}.{alias.name}"))


_STATEMENTS = {
    ast.Expr: _expression,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.Return: _return,
    ast.Raise: _leave,
    ast.Continue: _leave,
    ast.Break: _leave,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
}
