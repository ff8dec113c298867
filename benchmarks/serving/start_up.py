"""How soon a server of the tiny model is ready, and how little it holds."""

from collections.abc import Iterable

from benchmarks.bar import Bar, Verdict
from benchmarks.serving.bench import Bench
from benchmarks.serving.usage import usage

TIME_BAR = Bar("B9 start", "lexical-tiny: seconds until ready", 1.5, "s")
MEMORY_BAR = Bar("B9 memory", "lexical-tiny: resident memory when ready", 160, "MB")


def start_up(bench: Bench) -> Iterable[Verdict]:
    """B9, each round a new process."""
    seconds, cpu_s, resident = [], [], []
    for number in range(bench.rounds):
        bench.tell(f"start, round {number + 1} of {bench.rounds}")
        with bench.server(bench.tiny) as server:
            seconds.append(server.ready_s)
            now = usage(server.pid)
            cpu_s.append(now.cpu_s)
            resident.append(now.resident / 1e6)
    yield TIME_BAR.judge(seconds, f"at best {min(cpu_s):.2f} s of CPU time")
    yield MEMORY_BAR.judge(resident)
