"""What a person shows a league on another machine: a folder with a certificate, its key and the authority's."""

from __future__ import annotations

from pathlib import Path

import grpc

from ..kernel.door import CA_FILE
from .errors import UsageError

#: Beside the credentials of the services of a run: one folder per person.
PEOPLE = "people"
PERSON_CERTIFICATE, PERSON_KEY = "me.pem", "me.key"


def channel_credentials(folder: Path) -> grpc.ChannelCredentials:
    """Raises UsageError for a folder that is not one of a person."""
    try:
        ca, key, certificate = (folder.joinpath(n).read_bytes() for n in (CA_FILE, PERSON_KEY, PERSON_CERTIFICATE))
    except OSError as error:
        raise UsageError(
            f"--credentials {folder}: {error.filename} cannot be read ({error.strerror}). "
            "`ludus nats config --person NAME:ROLE` writes such a folder."
        ) from error
    return grpc.ssl_channel_credentials(ca, key, certificate)
