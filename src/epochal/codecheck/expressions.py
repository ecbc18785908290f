"""What an expression stands for: names, attributes, calls and comprehensions, followed without running them."""

import ast
import builtins

from .values import UNKNOWN, Loop, Value
from .walk import Scope, Walk, element, is_model_class, join, plain

_BUILTINS = frozenset(dir(builtins))
_MAKES_MODELS = frozenset({"load_model", "clone_model", "model_from_json", "model_from_config"})


def look(node, scope: Scope, walk: Walk) -> Value:
    """The value of an expression."""
    handler = _EXPRESSIONS.get(type(node))
    if handler is not None:
        return handler(node, scope, walk)
    parts = tuple(look(child, scope, walk) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
    return walk.make("operation", node, parents=parts, path=type(node).__name__)


def bind(target, value: Value, scope: Scope, walk: Walk) -> None:
    """What an assignment does to a name, an attribute, an entry, or several at once."""
    if isinstance(target, ast.Name):
        scope.bound[target.id] = value
        value.names.append(target.id)
        walk.story.assigned.append((target.id, value, walk.loops))
    elif isinstance(target, ast.Attribute):
        owner = look(target.value, scope, walk)
        owner.attributes[target.attr] = value
        value.names.append(target.attr)
        walk.tell("set", target.attr, target, value, receiver=owner, arguments=(value,))
    elif isinstance(target, ast.Subscript):
        owner, key = look(target.value, scope, walk), look(target.slice, scope, walk)
        owner.added.append(value)
        walk.tell("store", "[]", target, value, receiver=owner, arguments=(key, value))
    elif isinstance(target, ast.Tuple | ast.List):
        for place, one in enumerate(target.elts):
            if isinstance(one, ast.Starred):
                bind(one.value, walk.make("item", target, parents=(value,)), scope, walk)
                continue
            known = value.kind == "sequence" and len(value.parents) == len(target.elts) and not value.added
            part = value.parents[place] if known else walk.make("item", target, parents=(value,), path=str(place))
            if not known:
                part.marks.add(f"place {place}")
            bind(one, part, scope, walk)


def with_loop(node, pairs, scope, walk, body):
    """Read `body` once as what is repeated for every element."""
    number = len(walk.story.loops)
    walk.story.loops[number] = Loop(number, node, None, ())
    walk.loops += (number,)
    variables = []
    for target, over in pairs:
        one = element(over, target, walk)
        before = len(walk.story.assigned)
        bind(target, one, scope, walk)
        variables += [value for _, value, _ in walk.story.assigned[before:]]
    walk.story.loops[number] = Loop(number, node, pairs[0][1] if pairs else None, tuple(variables))
    result = body()
    walk.loops = walk.loops[:-1]
    return result


def _name(node, scope, walk):
    found = scope.find(node.id)
    if found is not None:
        return found
    if node.id not in _BUILTINS and walk.starred and node.id[:1].isupper():
        stem = next((stem for stem in walk.starred if stem.startswith("keras")), walk.starred[0])
        return walk.make("module", node, path=plain(f"{stem}.{node.id}"))
    return walk.make("module", node, path=node.id) if node.id in _BUILTINS else walk.make("unknown", node, names=[node.id])


def _attribute(node, scope, walk):
    owner = look(node.value, scope, walk)
    if owner.kind == "module":
        return walk.make("module", node, path=plain(f"{owner.path}.{node.attr}"))
    if node.attr in owner.attributes:
        return owner.attributes[node.attr]
    definition = owner.definition if owner.kind in ("instance", "model", "class") else None
    for method in definition.body if isinstance(definition, ast.ClassDef) else ():
        if isinstance(method, ast.FunctionDef) and method.name == node.attr:
            static = any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in method.decorator_list)
            return walk.make(
                "function",
                method,
                definition=method,
                scope=owner.scope,
                path=node.attr,
                base=None if static or owner.kind == "class" else owner,
            )
    if definition is not None and owner.scope is not None and owner.kind != "class":
        made = next(
            (one.attributes[node.attr] for one in owner.parents if one.kind == "class" and node.attr in one.attributes), None
        )
        if made is not None:
            return made
    return walk.make("attribute", node, path=node.attr, base=owner)


def _constant(node, scope, walk):
    return walk.make("constant", node, constant=node.value)


def _text(node, scope, walk):
    parts = [look(one.value, scope, walk) for one in node.values if isinstance(one, ast.FormattedValue)]
    words = "".join(one.value for one in node.values if isinstance(one, ast.Constant) and isinstance(one.value, str))
    return walk.make("text", node, parents=tuple(parts), path=words)


def _sequence(node, scope, walk):
    return walk.make(
        "sequence",
        node,
        path=type(node).__name__,
        parents=tuple(look(one.value if isinstance(one, ast.Starred) else one, scope, walk) for one in node.elts),
    )


def _dict(node, scope, walk):
    keywords, parts = {}, []
    for key, value in zip(node.keys, node.values, strict=True):
        found = look(value, scope, walk)
        name = look(key, scope, walk).constant if key is not None else None
        if isinstance(name, str):
            keywords[name] = found
        elif key is None:
            keywords.update(found.keywords)
        parts.append(found)
    return walk.make("dict", node, parents=tuple(parts), keywords=keywords)


def _subscript(node, scope, walk):
    owner, key = look(node.value, scope, walk), look(node.slice, scope, walk)
    if owner.kind == "dict" and isinstance(key.constant, str) and key.constant in owner.keywords:
        return owner.keywords[key.constant]
    if (
        owner.kind == "sequence"
        and isinstance(key.constant, int)
        and -len(owner.parents) <= key.constant < len(owner.parents)
        and not owner.added
    ):
        return owner.parents[key.constant]
    value = walk.make("item", node, parents=(owner,), keywords={"[]": key})
    if isinstance(key.constant, int) and not isinstance(key.constant, bool):
        value.marks.add(f"place {key.constant}")
    return value


def _operation(node, scope, walk):
    if isinstance(node, ast.BinOp):
        left, right = look(node.left, scope, walk), look(node.right, scope, walk)
        parts, name = (left, right), type(node.op).__name__
        if name == "Add" and all(one.kind == "sequence" for one in parts):
            return walk.make("operation", node, parents=parts, path="concatenate")
        known = _arithmetic(name, left.constant, right.constant)
    elif isinstance(node, ast.UnaryOp):
        operand = look(node.operand, scope, walk)
        parts, name, number = (operand,), type(node.op).__name__, operand.constant
        known = -number if name == "USub" and isinstance(number, int | float) else UNKNOWN
    else:
        parts, name, known = tuple(look(one, scope, walk) for one in node.values), type(node.op).__name__, UNKNOWN
    return walk.make("operation", node, parents=parts, path=name, constant=known)


def _arithmetic(name, left, right):
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < 1e12 for one in (left, right)):
        return UNKNOWN
    if name in ("Div", "FloorDiv", "Mod"):
        if right == 0:
            return UNKNOWN
        return {"Div": left / right, "FloorDiv": left // right, "Mod": left % right}[name]
    return {"Add": left + right, "Sub": left - right, "Mult": left * right}.get(name, UNKNOWN)


def _compare(node, scope, walk):
    parts = tuple(look(one, scope, walk) for one in (node.left, *node.comparators))
    return walk.tell(
        "compare", type(node.ops[0]).__name__, node, walk.make("operation", node, parents=parts, path="Compare"), arguments=parts
    )


def _choice(node, scope, walk):
    look(node.test, scope, walk)
    return join([look(node.body, scope, walk), look(node.orelse, scope, walk)], node, walk)


def _lambda(node, scope, walk):
    return walk.make("function", node, definition=node, scope=scope, path="<lambda>")


def _comprehension(node, scope, walk):
    inner = Scope(scope)

    def run(generators):
        if not generators:
            if isinstance(node, ast.DictComp):
                return (look(node.key, inner, walk), look(node.value, inner, walk))
            return (look(node.elt, inner, walk),)
        first, *rest = generators
        over = look(first.iter, inner, walk)

        def body():
            for test in first.ifs:
                look(test, inner, walk)
            return run(rest)

        return with_loop(node, [(first.target, over)], inner, walk, body)

    if isinstance(node, ast.DictComp):
        key, value = run(node.generators)
        made = walk.make("dict", node, parents=(value,))
        walk.tell("store", "[]", node, value, receiver=made, arguments=(key, value))
        made.marks.add("comprehension")
        return made
    made = walk.make("operation", node, parents=run(node.generators), path="comprehension")
    made.marks.add("comprehension")
    return made


def _named(node, scope, walk):
    value = look(node.value, scope, walk)
    bind(node.target, value, scope, walk)
    return value


def _inner(node, scope, walk):
    return look(node.value, scope, walk) if node.value is not None else walk.make("constant", node, constant=None)


def _call(node, scope, walk):
    function = look(node.func, scope, walk)
    arguments = [look(one.value if isinstance(one, ast.Starred) else one, scope, walk) for one in node.args]
    keywords = {}
    for keyword in node.keywords:
        value = look(keyword.value, scope, walk)
        if keyword.arg is None:
            keywords.update(value.keywords if value.kind == "dict" or value.last == "dict" else {})
        else:
            keywords[keyword.arg] = value
    receiver = function.base if function.kind == "attribute" else None
    if function.kind == "function":
        result = walk.enter(function, arguments, keywords, walk) or walk.make("unknown", node)
        return walk.tell(
            "call", function.path, node, result, receiver=function.base or function, arguments=arguments, keywords=keywords
        )
    name = function.last or type(node.func).__name__
    result = walk.make("call", node, path=function.path, parents=tuple(arguments), keywords=keywords, base=receiver)
    if function.kind == "class":
        _construct(function, result, arguments, keywords, walk)
    elif function.path.startswith("keras.") and _is_model(function, arguments, keywords):
        result.kind = "model"
    if receiver is not None:
        _in_place(name, receiver, arguments)
    if name == "shuffle" and arguments and not function.path.startswith(("sklearn.", "keras.", "tensorflow.")):
        arguments[0].marks.add("shuffled")  # numpy's, and random's, change what they are given
    return walk.tell("call", name, node, result, receiver=receiver or function, arguments=arguments, keywords=keywords)


def _is_model(function, arguments, keywords):
    last = function.last
    return (
        last in ("Sequential", "Functional")
        or last in _MAKES_MODELS
        or "keras.applications." in function.path + "."
        or (last == "Model" and (arguments or keywords))
    )


def _construct(function, result, arguments, keywords, walk):
    result.kind = "model" if is_model_class(function) else "instance"
    result.path, result.definition, result.scope = function.path, function.definition, function.scope
    result.parents = (function, *result.parents)
    method = next((one for one in function.definition.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)
    if method is not None:
        bound = walk.make("function", method, definition=method, scope=function.scope, path="__init__", base=result)
        walk.enter(bound, arguments, keywords, walk)


def _in_place(name, receiver, arguments):
    if name in ("append", "add", "extend", "insert", "update"):
        receiver.added.extend(arguments)
        if receiver.kind == "item" and receiver.parents:
            receiver.parents[0].added.extend(arguments)  # scores[size].append(...)
    elif name == "sort" and receiver.kind != "module":
        receiver.marks.add("sorted")


_EXPRESSIONS = {
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Constant: _constant,
    ast.JoinedStr: _text,
    ast.List: _sequence,
    ast.Tuple: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.Subscript: _subscript,
    ast.BinOp: _operation,
    ast.UnaryOp: _operation,
    ast.BoolOp: _operation,
    ast.Compare: _compare,
    ast.IfExp: _choice,
    ast.Lambda: _lambda,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.NamedExpr: _named,
    ast.Call: _call,
    ast.Await: _inner,
    ast.Starred: _inner,
    ast.Yield: _inner,
    ast.YieldFrom: _inner,
}
