"""Dashboards into a running Grafana, by its API. Address and token come from the environment only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import CommandError, UsageError
from .boards import boards

URL, TOKEN = "GRAFANA_URL", "GRAFANA_TOKEN"
FOLDER = "Ludus"


def push(environment: Mapping[str, str]) -> list[str]:
    """Create the folder if it is missing, write every dashboard over its older self; returns their addresses."""
    url, token = environment.get(URL, "").rstrip("/"), environment.get(TOKEN, "")
    if not url:
        raise UsageError(f"set {URL} to the address of Grafana (http://localhost:3000) and {TOKEN} to a token of it")
    from grafana_client import GrafanaApi
    from grafana_client.client import GrafanaException

    try:
        api = GrafanaApi.from_url(url, credential=_credential(token))
        uid = _folder(api)
        return [f"{url}{_address(api, board.json(), uid)}" for board in boards()]
    except GrafanaException as error:
        raise CommandError(f"Grafana at {url} refuses: {error}") from error
    except OSError as error:
        raise CommandError(f"Grafana at {url} does not answer: {error}") from error


def _credential(token: str) -> Any:
    from grafana_client import TokenAuth

    return TokenAuth(token) if token else None


def _folder(api: Any) -> str:
    for folder in api.folder.get_all_folders():
        if folder["title"] == FOLDER:
            return str(folder["uid"])
    return str(api.folder.create_folder(FOLDER)["uid"])


def _address(api: Any, dashboard: dict[str, Any], folder_uid: str) -> str:
    answer = api.dashboard.update_dashboard({"dashboard": dashboard, "folderUid": folder_uid, "overwrite": True})
    return str(answer.get("url", ""))
