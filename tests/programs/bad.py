"""A program that misbehaves, as its argument says, in answer to a loss of two samples; all others are 1.5."""

import json
import os
import signal
import sys
import time

HOW = sys.argv[1]
NET = {"name": "bad.py", "operations": ["loss"], "activations": ["relu"], "dtypes": ["float32", "float64"]}
WORDS = {
    "bare NaN": b'{"loss": NaN}\n',
    "beyond": b'{"loss": 1e400}\n',
    "debug": b'h = [1.5]\n{"loss": 1.5}\n',
    "before": b'here it comes: {"loss": 1.5}\n',
    "two": b'{"loss": 1.5}\n{"loss": 1.5}\n',
    "latin": b'{"error": "\xe9"}\n',
    "nested": b"[" * 1_000_000 + b"]\n",
    "digits": b'{"loss": ' + b"1" * 1_000_000 + b"}\n",
    "empty": b"\n",
    "list": b'{"loss": [1.5]}\n',
    "extra": b'{"loss": 1.5, "seconds": 3}\n',
    "missing": b"{}\n",
    "doubled": b'{"loss": 1.5, "loss": 2.5}\n',
    "error": b'{"error": "two are too many"}\n',
    "crlf": b'{"loss": 1.5}\r\n',
}


def say(words):
    while words:
        words = words[os.write(1, words) :]


def misbehave():
    if HOW in WORDS:
        say(WORDS[HOW])
        return
    if HOW == "exit":
        sys.exit(0)
    if HOW == "segfault":
        print("about to read what is not there", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if HOW == "raise":
        raise ZeroDivisionError("two samples")
    if HOW == "once":
        say(b'{"loss": 1.5}\n')
        sys.exit(0)
    if HOW == "half, and ends":
        say(b'{"loss": 1')
        sys.exit(0)
    if HOW == "gigabyte":
        for _ in range(1024):
            say(b'{"loss": ' + b" " * (1 << 20))
    if HOW == "closes output":
        os.close(1)
    if HOW == "closes input":
        os.close(0)
        say(b'{"loss": 1.5}\n')
    if HOW == "half":
        say(b'{"loss": 1')
    if HOW == "no end":
        say(b'{"loss": 1.5}')
    time.sleep(1000)


if HOW == "dies at start":
    sys.exit("no GPU here")
if HOW == "greets":
    say(b"Welcome!\n")
for line in sys.stdin:
    asked = json.loads(line)
    if asked["op"] == "describe":
        if HOW == "describes nothing":
            NET["operations"] = []
        say(json.dumps(NET).encode() + b"\n")
        if HOW == "deaf":
            time.sleep(1000)
    elif asked["n"] == 2:
        misbehave()
    else:
        say(b'{"loss": 1.5}\n')
