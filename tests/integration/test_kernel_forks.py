"""A process that speaks gRPC may fork: the child lives until it becomes another program."""

from __future__ import annotations

import subprocess
import sys

FORKS = 40

PROGRAM = f"""
import os, sys, time
import ludus
import grpc
from concurrent.futures import ThreadPoolExecutor

server = grpc.server(ThreadPoolExecutor(1))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc.insecure_channel(f"127.0.0.1:{{port}}")
grpc.channel_ready_future(channel).result(10)
ends = []
for _ in range({FORKS}):
    child = os.fork()
    if child == 0:
        os.closerange(3, 256)  # as subprocess does with preexec_fn
        time.sleep(0.01)
        os._exit(0)
    ends.append(os.waitpid(child, 0)[1])
print(sum(end != 0 for end in ends), flush=True)
os._exit(0)
"""


def test_forked_children_are_not_aborted_by_grpc() -> None:
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert answer.stdout.strip() == "0", answer.stderr[-2000:]
