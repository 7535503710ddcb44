"""A private certificate authority and what it signs: for NATS and gRPC where no other authority is at hand.

A person's or a service's certificate carries its role as the URI `ludus:role/<role>`; the server of the league reads
it from there. Needs the package `cryptography` (extra `cluster`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .files import write_atomically
from .nats_lock import write_secret
from .roles import ROLE_URI, RUN_URI

CA_DAYS, CERTIFICATE_DAYS = 3650, 397
#: Clocks of two machines may differ.
BACKDATED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path

    def exists(self) -> bool:
        return self.certificate.exists() and self.key.exists()


def authority(folder: Path, stem: str = "ca") -> Pair:
    """The authority kept in a folder; made when there is none."""
    pair = Pair(folder / f"{stem}.pem", folder / f"{stem}.key")
    if pair.exists():
        return pair
    key, name = ec.generate_private_key(ec.SECP256R1()), _name("Ludus private authority")
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    builder = _builder(name, name, key, CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return _write(pair, builder.sign(key, hashes.SHA256()), key)


def issue(
    ca: Pair,
    pair: Pair,
    name: str,
    hosts: Sequence[str] = (),
    role: str = "",
    run: str = "",
    days: int | None = None,
    peer: bool = False,
) -> Pair:
    """A certificate for a server (`hosts`), or for somebody with a role in a run. `days` below 0: expired.

    `peer`: a server that is a client of others of its kind.
    """
    signer = serialization.load_pem_private_key(ca.key.read_bytes(), password=None)
    issuer = x509.load_pem_x509_certificate(ca.certificate.read_bytes())
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    names = [_host(host) for host in hosts]
    uris = [f"{ROLE_URI}{role}"] if role else []
    uris += [f"{RUN_URI}{run}"] if run else []
    names += [x509.UniformResourceIdentifier(uri) for uri in uris]
    usage = [ExtendedKeyUsageOID.SERVER_AUTH] if hosts else []
    usage += [ExtendedKeyUsageOID.CLIENT_AUTH] if role or peer else []
    builder = _builder(_name(name), issuer.subject, key, CERTIFICATE_DAYS if days is None else days)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
    )
    return _write(pair, builder.sign(signer, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    end = datetime.now(UTC) + timedelta(days=days)
    start = min(datetime.now(UTC), end - timedelta(days=1)) - BACKDATED
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(pair: Pair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    pair.certificate.parent.mkdir(parents=True, exist_ok=True)
    pair.key.unlink(missing_ok=True)
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    write_secret(pair.key, key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    write_atomically(pair.certificate, certificate.public_bytes(encoding))
    return pair
