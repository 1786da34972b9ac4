"""Python programs in processes of their own that need not import torch again.

A program that a test starts spends most of its time on importing large libraries and this tree's modules. One server
for each test process imports them once, and each program is a fork of it with its own arguments, environment, folder,
streams and exit code. A program that finds another maskrec first, by its folder or PYTHONPATH, imports that one. A
test of imports starts an interpreter instead.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

LIBRARIES = (
    *("torch", "torch._dynamo", "torch.distributed.nn.functional", "torchvision", "timm.optim", "facenet_pytorch"),
    *("pandas", "cv2", "simplejpeg", "yaml", "pluggy", "packaging.requirements", "tomllib", "pydantic.dataclasses"),
    *("pydantic.json_schema", "pydantic.type_adapter", "typer.main", "rich.progress", "rich.table"),
    *("matplotlib.figure", "matplotlib.backends.backend_agg", "onnxruntime"),
)
PACKAGE = "maskrec"
PACKAGE_MODULES = ("cli.running", "cli.checking", "training.runner", "training.dry_run", "training.assemble")
ROOT = Path(__file__).parents[2]
SECONDS = 1800.0  # for one program

_server: subprocess.Popen[str] | None = None


class Program:
    """``python WORDS``, by ``-m``, ``-c`` or a file, that is running: what tests need of ``subprocess.Popen``.

    It leads a process group of its own, finds this tree's packages, and computes with one thread.
    """

    def __init__(self, words: Sequence[object], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self.args = [str(word) for word in words]
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self._files = {name: Path(self._folder.name) / name for name in ("out", "err", "code")}
        environment = {**(os.environ if env is None else env), "OMP_NUM_THREADS": "1"}
        search = [*filter(None, [environment.get("PYTHONPATH")]), str(ROOT)]
        environment["PYTHONPATH"] = os.pathsep.join(search)
        program = {"words": self.args, "cwd": str(cwd or Path.cwd()), "env": environment}
        program |= {name: str(file) for name, file in self._files.items()}
        server = _running()
        assert server.stdin is not None
        assert server.stdout is not None
        print(json.dumps(program), file=server.stdin, flush=True)
        self.pid = int(server.stdout.readline())

    def poll(self) -> int | None:
        """The exit code, or None; minus the signal's number where one ended it."""
        with contextlib.suppress(FileNotFoundError):
            return int(self._files["code"].read_text(encoding="ascii"))
        return None

    def send_signal(self, number: int) -> None:
        """To the program, if it is still running."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, for ``SECONDS`` where no other time is given.

        Raises:
            subprocess.TimeoutExpired: it is still running.
        """
        timeout = SECONDS if timeout is None else timeout
        ends = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > ends:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(0.005)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote to its standard output and error until its end."""
        try:
            self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.send_signal(signal.SIGKILL)
            raise
        return self._files["out"].read_text(encoding="utf-8"), self._files["err"].read_text(encoding="utf-8")


def run_python(
    words: Sequence[object], cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """As ``subprocess.run([sys.executable, *words])`` does it with its output captured."""
    return _completed(Program(words, cwd, env))


def run_ranks(
    world_size: int, words: Sequence[object], cwd: Path | None = None
) -> list[subprocess.CompletedProcess[str]]:
    """The same program in each process of one group, as torchrun starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    group |= dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), str(world_size))
    ranks = [{**os.environ, **group, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(world_size)]
    return [_completed(program) for program in [Program(words, cwd, env) for env in ranks]]


def _completed(program: Program) -> subprocess.CompletedProcess[str]:
    out, err = program.communicate()
    return subprocess.CompletedProcess(program.args, program.wait(), out, err)


def _running() -> subprocess.Popen[str]:
    """The server of this process, started at the first call."""
    global _server
    if _server is None or _server.poll() is not None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment.pop("PYTHONPATH", None)  # no module of a test's own may be among what is imported early
        _server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        atexit.register(_server.kill)
    return _server


def _serve() -> dict[str, str]:
    """Fork a process for each line of standard input; returns in the fork, with its program."""
    sys.path.pop(0)  # this folder
    sys.path.insert(0, str(ROOT))
    for name in (*LIBRARIES, *(f"{PACKAGE}.{module}" for module in PACKAGE_MODULES)):
        importlib.import_module(name)
    sys.path.pop(0)
    gc.freeze()  # what is never looked at again stays shared with the forks
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        program = json.loads(line)
        pid = os.fork()
        if pid == 0:
            answers.close()
            return program
        threading.Thread(target=_note_end, args=(pid, Path(program["code"])), daemon=True).start()
        print(pid, file=answers, flush=True)
    os._exit(0)


def _note_end(pid: int, file: Path) -> None:
    """Wait for a fork, and write its exit code."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(FileNotFoundError):  # nobody waits for it any more
        file.with_suffix(".part").write_text(str(code), encoding="ascii")
        file.with_suffix(".part").rename(file)


def _become(program: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Take the program's folder, environment and streams."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(program["cwd"])
    os.environ.clear()
    os.environ.update(environment)
    streams = [os.open(os.devnull, os.O_RDONLY)]
    streams += [os.open(program[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for name in ("out", "err")]
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    search = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:0] = [str(Path(entry).absolute()) for entry in search]


def _call(words: Sequence[str]) -> int:
    """Run the program in this process; its exit code."""
    first, *rest = words
    place = {"-m": str(Path.cwd()), "-c": ""}.get(first, str(Path(first).absolute().parent))
    sys.path.insert(0, place)
    _forget_another_tree()
    try:
        if first == "-m":
            sys.argv = rest
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        elif first == "-c":
            sys.argv = ["-c", *rest[1:]]
            exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.argv = [first, *rest]
            runpy.run_path(first, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _forget_another_tree() -> None:
    """Take back what was imported of this tree where the program's first maskrec is another one."""
    folders = (Path(entry, PACKAGE).absolute() for entry in sys.path)
    if next(filter(Path.is_dir, folders), None) != ROOT / PACKAGE:
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


def _end(code: int) -> NoReturn:
    """End as an interpreter does, less the taking apart of every module, which costs seconds in a fork."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    asked = _serve()
    _become(asked, asked.pop("env"))  # type: ignore[arg-type]
    _end(_call(asked["words"]))  # type: ignore[arg-type]
