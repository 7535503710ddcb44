"""The part of the command line that looks at a run from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

POSTMORTEM = """What the processes of a run left behind: who died when and of what, the last records, numbers and stacks
of each, who hangs and where. Printed, and put with everything it is drawn from into an archive to pass on.

It reads files, so it works without the stack, for runs that died, hang or go on. Neither weights nor passwords are in
the archive.

examples:
  ludus postmortem                                 the newest run
  ludus postmortem duel-1 --output duel.tar.gz
  kill -USR1 PID; ludus postmortem duel-1          where is that process at this moment? (PID: ludus status)
"""
DASHBOARDS = """Dashboards for Grafana (overview, learner, league, health and rollbacks, infrastructure), drawn from the
table of metrics. `ludus dashboard`, without s, is something else: the reports of all runs in the browser.

  write DIR   dashboards as JSON, and the files that Grafana, Prometheus and Alertmanager are started with
  push        into a running Grafana; $GRAFANA_URL and $GRAFANA_TOKEN say which

The supervisor keeps targets.json in the home up to date: the processes that Prometheus has to scrape.

examples:
  ludus dashboards write observability --prometheus-url http://localhost:9090
  prometheus --config.file=observability/prometheus.yml
  GRAFANA_URL=http://localhost:3000 GRAFANA_TOKEN=glsa_... ludus dashboards push
"""


def add_observe(add: Any, run: Any) -> None:
    """`add` makes commands that share the common options, `run` lets a command name one."""
    post = add(
        "postmortem", "postmortem:postmortem", "who died or hangs, of what, with stacks; as an archive", POSTMORTEM
    )
    run(post)
    post.add_argument("--output", type=Path, metavar="FILE", help="the .tar.gz (default: in the run's folder)")
    boards = add("dashboards", "dashboards:dashboards", "dashboards for Grafana, from the table of metrics", DASHBOARDS)
    boards.add_argument("what", choices=("write", "push"), metavar="WHAT", help="write or push")
    boards.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="where to write")
    text = "where Grafana finds Prometheus (default %(default)s)"
    boards.add_argument("--prometheus-url", default="http://localhost:9090", metavar="URL", help=text)
    text = "where Prometheus finds Alertmanager (default %(default)s)"
    boards.add_argument("--alertmanager", default="localhost:9093", metavar="HOST:PORT", help=text)
    text = "where Alertmanager finds the league; its HTTP port stands in `ludus status` (default %(default)s)"
    boards.add_argument("--league-url", default="http://localhost:9400", metavar="URL", help=text)
    text = "where Grafana sees the folder `dashboards` (default: where it is written)"
    boards.add_argument("--inside", metavar="PATH", help=text)
