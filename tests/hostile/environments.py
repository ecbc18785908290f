"""Hostile environments for the command line, each as what a shell does around a command, and how the command may end there."""

from dataclasses import dataclass, field

FINE, REFUSED, EITHER, STOPPED = {0}, {2}, {0, 2}, {130}


@dataclass(frozen=True)
class Environment:
    """What surrounds the commands; every text is for bash, and may name `$HERE`, the folder that the commands are run in."""

    name: str
    before: str = ""      # run first, in the same shell
    after: str = ""       # behind the command: redirections, a pipe
    variables: dict = field(default_factory=dict)
    model: str = ""       # the body of a function that builds the model, or of `call` of a layer in it, by `layer`
    layer: str = ""
    out: str = "$HERE/out"
    data: str = "$HERE/rows.csv"
    beside: str = ""      # what is done to the command while it runs; it is process $PID
    plan: frozenset = frozenset(FINE)    # how `plan` may end,
    other: frozenset = frozenset(FINE)   # and `fit` or `predict`
    needs: str = ""       # what the runner must be able to do: "mount"
    keeps: bool = True    # whether files that were there must be whole afterwards


def env(name, *, plan=FINE, other=None, **how):
    return Environment(name, plan=frozenset(plan), other=frozenset(plan if other is None else other), **how)


def _tmpfs(place, options):
    return f'mkdir -p "{place}"; mount -t tmpfs -o {options} tmpfs "{place}"'


_DIES = {"no memory": "raise MemoryError", "an exit": "import os; os._exit(0)", "an exit with 3": "import os; os._exit(3)",
         "an abort": "import os; os.abort()", "a kill": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
         "a segmentation fault": "import ctypes; ctypes.string_at(0)"}
_RAISES = {"a value": "raise ValueError('no such value')", "a key": "raise KeyError('k')", "a division": "1 / 0",
           "an exit": "raise SystemExit(5)", "no end of recursion": "return self.call(x)", "nothing to say": "raise Exception",
           "a whole book": "raise RuntimeError('page\\n' * 100_000)", "a stop": "raise StopIteration",
           "an error that cannot be told": "class E(Exception):\n            __str__ = None\n        raise E"}
_PIPED = "; exit ${PIPESTATUS[0]}"

STREAMS = [
    env("standard output closed", after=">&-"), env("standard error closed", after="2>&-"),
    env("both closed", after=">&- 2>&-"), env("standard input closed", after="<&-"), env("all three closed", after="<&- >&- 2>&-"),
    env("output to a full device", after=">/dev/full", plan=REFUSED, other=REFUSED),
    env("errors to a full device", after="2>/dev/full"),
    env("both to a full device", after=">/dev/full 2>&1", plan=REFUSED, other=REFUSED),
    env("JSON to a full device", after="--json >/dev/full", plan=REFUSED, other=REFUSED),
    env("a reader of one line", after="| head -1" + _PIPED), env("a reader of 22 lines", after="| head -22" + _PIPED),
    env("no reader at all", after="| true" + _PIPED), env("one reader of both, of 3 lines", after="2>&1 | head -3" + _PIPED),
    env("a reader of JSON's first line", after="--json | head -1" + _PIPED),
    env("a reader of one line of errors", after="2> >(head -1 >/dev/null)"),
    *(env(f"a terminal of {encoding}", variables={"PYTHONIOENCODING": encoding})
      for encoding in ("ascii", "ascii:strict", "latin-1", "cp1252", "cp437", "koi8-r", "shift_jis", "utf-16", "utf-8:strict")),
    env("JSON in ASCII", after="--json", variables={"PYTHONIOENCODING": "ascii"}),
    *(env(f"the locale {name}", variables={"LC_ALL": name}) for name in ("C", "POSIX", "xx_YY.nothing", "tr_TR.ISO-8859-9")),
    env("a locale of ASCII, not mended by Python", variables={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
]
TERMINALS = [env(f"a terminal: {name}", variables=variables, before="TERMINAL=1") for name, variables in {
    "as usual": {"TERM": "xterm-256color"}, "dumb": {"TERM": "dumb"}, "unknown": {"TERM": "nonsense"},
    "without a name": {"TERM": ""},
    "of ASCII": {"PYTHONIOENCODING": "ascii"}, "of latin-1": {"PYTHONIOENCODING": "latin-1"}, "20 columns": {"COLUMNS": "20"},
    "1 column": {"COLUMNS": "1"}, "columns that are no number": {"COLUMNS": "many"}, "without colour": {"NO_COLOR": "1"},
    "dumb and ASCII": {"TERM": "dumb", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}}.items()] + [
    env("colours forced upon a file", variables={"FORCE_COLOR": "1"}), env("a file that is said to be a terminal",
                                                                           variables={"TTY_COMPATIBLE": "1"})]
HOMES = [
    env("no home", before="unset HOME"), env("a home that is missing", variables={"HOME": "/nowhere"}),
    env("a home that is a device", variables={"HOME": "/dev/null"}),
    env("a home that is a file", variables={"HOME": "$HERE/rows.csv"}),
    env("a home that may not be written", before='mkdir home; chmod 555 home; export HOME="$HERE/home"'),
    env("a home of bytes that are no text", before="export HOME=$HERE/$'h\\xff\\xfe'; mkdir -p \"$HOME\""),
    env("a cache that is a file", variables={"XDG_CACHE_HOME": "$HERE/rows.csv"}),
    env("a cache that may not be written", before='mkdir c; chmod 555 c; export XDG_CACHE_HOME="$HERE/c"'),
    env("a cache by a relative name", variables={"XDG_CACHE_HOME": "cache"}),
    env("a cache of folders that are files", before='mkdir -p c/epochal; touch c/epochal/{programs,unfinished,predict,fit}; '
                                                    'export XDG_CACHE_HOME="$HERE/c"'),
    env("a cache on a full disk", before=_tmpfs("$HERE/c", "size=4k") + '; export XDG_CACHE_HOME="$HERE/c"', needs="mount"),
    env("Keras' folder is a file", variables={"KERAS_HOME": "$HERE/rows.csv"}),
    env("Keras' settings are damaged", before='mkdir k; echo "{" > k/keras.json; export KERAS_HOME="$HERE/k"', plan=EITHER),
    env("a place for temporary files that is missing", variables={"TMPDIR": "/nowhere"}),
    env("a place for temporary files that is full", before=_tmpfs("$HERE/t", "size=4k") + '; export TMPDIR="$HERE/t"',
        needs="mount", other=EITHER),
    env("JAX's own cache is a file", variables={"JAX_COMPILATION_CACHE_DIR": "$HERE/rows.csv"}, plan=EITHER),
]
PLACES = [
    env("a folder that may not be written", before='chmod 555 "$HERE/out"', plan=REFUSED),
    env("a folder on a full disk", before=_tmpfs("$HERE/full", "size=4k"), out="$HERE/full", plan=REFUSED, other=EITHER,
        needs="mount"),  # sixty predictions have room there
    env("a folder on a disk without room for another file", before=_tmpfs("$HERE/full", "nr_inodes=1"), out="$HERE/full",
        plan=REFUSED, needs="mount"),
    env("a folder on a read-only disk", before=_tmpfs("$HERE/full", "ro"), out="$HERE/full", plan=REFUSED, needs="mount"),
    env("a file in the folder's place", out="$HERE/rows.csv", plan=REFUSED),
    env("a link to nowhere", before='ln -s "$HERE/nowhere/at/all" "$HERE/link"', out="$HERE/link", plan=EITHER),
    env("a link to itself", before='ln -s loop "$HERE/loop"', out="$HERE/loop", plan=REFUSED),
    env("a folder deep down", out="$HERE/a/b/c/d"), env("a name that is too long", out="$HERE/" + "n" * 300, plan=REFUSED),
    env("a name of many kinds", out="$HERE/o ü [b] %s {x} ' \\$"),
    env("a name of two lines", before="OUT=$'two\\nlines'", out="$OUT"),
    env("a name of bytes that are no text", before="OUT=$'b\\xff'", out="$OUT"),
    env("plan.json and model.keras are folders", before='rm -f out/*; mkdir -p out/plan.json out/model.keras out/p.csv',
        plan=REFUSED, keeps=False),
    env("the report is a folder", before="mkdir out/report.html", plan=REFUSED, other=FINE),
    env("the lock is a folder", before="mkdir out/.plan.json.lock out/.model.keras.lock", plan=REFUSED, other=EITHER),
    env("the current folder is gone", before='mkdir gone; cd gone; rmdir "$HERE/gone"', plan=EITHER),
    env("the data may not be read", before="cp rows.csv shut.csv; chmod 000 shut.csv", data="$HERE/shut.csv", plan=REFUSED),
    env("the data are a folder", before="mkdir d.csv", data="$HERE/d.csv", plan=REFUSED),
    env("the data are nothing", before="ln -s /dev/null n.csv", data="$HERE/n.csv", plan=REFUSED),
]
LIMITS = [
    *(env(f"{megabytes} MB of addresses", before=f"ulimit -v {megabytes * 1024}", plan=EITHER)
      for megabytes in (100, 300, 600, 1000, 1500, 2500)),
    *(env(f"{n} open files", before=f"ulimit -n {n}", plan=EITHER) for n in (8, 20, 40, 80)),
    *(env(f"files of {n} kB at most", before=f"ulimit -f {n}", plan=EITHER) for n in (0, 16)),
    env("2 s of processor time", before="ulimit -t 2", plan=EITHER), env("a stack of 128 kB", before="ulimit -s 128", plan=EITHER),
    env("no core", before="taskset -c 0 true 2>/dev/null; ulimit -c 0"),
]
MODELS = [
    *(env(f"a layer that raises {name}", layer=body, plan=REFUSED) for name, body in _RAISES.items()),
    *(env(f"a layer that ends the process by {name}", layer=body, plan=REFUSED) for name, body in _DIES.items()),
    *(env(f"a function that ends the process by {name}", model=body, plan=REFUSED) for name, body in list(_DIES.items())[1:4]),
    env("a function that raises", model="raise OSError(28, 'No space left on device')", plan=REFUSED),
    env("a layer that answers nan", layer="return x * float('nan')", plan=REFUSED),
    env("a layer that answers inf", layer="return x * float('inf')", plan=REFUSED),
    env("a layer that answers another shape", layer="return x[:, :1]", plan=EITHER),
    env("a layer that closes what is printed to", layer="import os; os.close(1); return x", plan=EITHER),
    env("a layer that hangs, and Ctrl-C", layer="import time; time.sleep(600)", plan=STOPPED,
        beside="sleep 6; kill -INT $PID; sleep 1; kill -INT $PID; sleep 1; kill -INT $PID"),
    env("a layer that hangs, and SIGTERM", layer="while True: pass", plan=STOPPED,
        beside="sleep 6; kill $PID; sleep 1; kill $PID; sleep 1; kill $PID"),
]
VARIABLES = [env(f"{name}={value}", variables={name: value}, plan=plan) for name, value, plan in (
    ("JAX_PLATFORMS", "cuda", REFUSED), ("JAX_PLATFORMS", "tpu", REFUSED), ("JAX_PLATFORMS", "nonsense", REFUSED),
    ("KERAS_BACKEND", "nonsense", REFUSED), ("XLA_FLAGS", "--no_such_flag=1", REFUSED), ("JAX_ENABLE_X64", "1", FINE),
    ("JAX_DISABLE_JIT", "1", EITHER), ("PYTHONWARNINGS", "error", EITHER), ("PYTHONOPTIMIZE", "2", FINE),
    ("PYTHONDEVMODE", "1", FINE), ("PYTHONFAULTHANDLER", "1", FINE), ("TZ", "nonsense", FINE), ("OMP_NUM_THREADS", "x", FINE))]
SIGNALS = [
    *(env(f"Ctrl-C after {seconds} s", beside=f"sleep {seconds}; kill -INT $PID", plan=STOPPED | FINE)
      for seconds in (0.5, 1, 2, 4, 6, 8)),
    env("Ctrl-C ten times a second", beside="sleep 1; while kill -INT $PID; do sleep 0.1; done", plan=STOPPED),
    env("SIGTERM after 4 s", beside="sleep 4; kill $PID", plan=STOPPED | FINE),
    env("Ctrl-C that is ignored", before="trap '' INT", beside="sleep 2; kill -INT $PID"),
    env("Ctrl-Z for two seconds", beside="sleep 2; kill -TSTP $PID; sleep 2; kill -CONT $PID"),
    env("the working process is killed", beside="sleep 4; pkill -KILL -P $PID", plan=EITHER),
]
COMPANY = [env("another plan and another fit in the same place", beside="TWICE", plan=FINE)]

EVERY = [*STREAMS, *TERMINALS, *HOMES, *PLACES, *LIMITS, *MODELS, *VARIABLES, *SIGNALS, *COMPANY]
