"""The same script in another hand: other names, everything in a function, keywords in place of positions."""

import ast
import builtins
import copy

_NAMES = {
    "model": "net1",
    "net": "mdl",
    "history": "log_of_fit",
    "x_train": "X_tr",
    "y_train": "Y_tr",
    "x_test": "X_te",
    "y_test": "Y_te",
    "X_train": "trainX",
    "X_test": "testX",
    "y": "labels_all",
    "X": "data_all",
    "x": "feats",
    "scaler": "sc1",
    "results": "found_for",
    "clf": "estimator",
    "early": "cb",
    "stop": "stopper",
    "x_val": "devX",
    "y_val": "devY",
    "features": "cols",
    "order": "perm",
}


def restyled(tree, style):
    """A copy of a module in one of four styles; 0 is as it is."""
    tree = copy.deepcopy(tree)
    if style in (1, 3):
        tree = _rename(tree)
    if style in (2, 3):
        tree = _in_a_function(tree)
    if style in (1, 2):
        tree = _KeywordsOfFit().visit(tree)
    return ast.fix_missing_locations(tree)


def _rename(tree):
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    args = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    free = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | set(dir(builtins))
    change = {before: after for before, after in _NAMES.items() if before in stored and before not in args and after not in free}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in change:
            node.id = change[node.id]
    return tree


def _in_a_function(tree):
    """All but imports, functions and classes into a function that is called; only where no function reads a global of theirs."""
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    flat = [one for one in tree.body if not isinstance(one, kept)]
    stored = {node.id for one in flat for node in ast.walk(one) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    read = {
        node.id
        for one in tree.body
        if isinstance(one, ast.FunctionDef | ast.ClassDef)
        for node in ast.walk(one)
        if isinstance(node, ast.Name)
    }
    if stored & read or any(isinstance(one, ast.If) for one in flat):
        return tree
    run = ast.parse("def run_everything():\n    pass").body[0]
    run.body = flat
    tree.body = [*(one for one in tree.body if isinstance(one, kept)), run, *ast.parse("run_everything()").body]
    return tree


class _KeywordsOfFit(ast.NodeTransformer):
    """`model.fit(x, y)` becomes `model.fit(x=x, y=y)`."""

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "fit" and any(one.arg == "epochs" for one in node.keywords):
            named = [ast.keyword(name, value) for name, value in zip(("x", "y"), node.args, strict=False)]
            node.args, node.keywords = node.args[2:], [*named, *node.keywords]
        return node
