"""`python -m ludus.kernel.probe PORT [PAGE]`: asks the service in the same container how it is; exit code 0 or 1.

For health checks that run a command. It speaks TLS where the service does, and looks at no certificate: who answers
on this container's own loopback is the service.
"""

from __future__ import annotations

import http.client
import ssl
import sys
from collections.abc import Sequence

TIMEOUT_SECONDS = 3.0


def main(argv: Sequence[str]) -> int:
    port, page = int(argv[0]), argv[1] if len(argv) > 1 else "healthz"
    problem = "nothing answers"
    for connection in (_encrypted(port), http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)):
        try:
            connection.request("GET", f"/{page}")
            answer = connection.getresponse()
            problem = answer.read().decode(errors="replace").strip()
            if answer.status == 200:
                return 0
            break
        except (OSError, http.client.HTTPException) as error:
            problem = str(error)
        finally:
            connection.close()
    print(problem, file=sys.stderr)
    return 1


def _encrypted(port: int) -> http.client.HTTPConnection:
    context = ssl._create_unverified_context()  # noqa: S323 loopback
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS, context=context)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
