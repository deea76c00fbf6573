"""The cluster's own authority, and what it signs: one certificate for the API server, one for the administrator."""

import subprocess
from pathlib import Path

from shared.errors import InfrastructureError
from tests.cluster.places import CERTIFICATES, DOMAIN, HOST, KUBERNETES_SERVICE

AUTHORITY = CERTIFICATES / "ca.crt"
AUTHORITY_KEY = CERTIFICATES / "ca.key"
SERVER = CERTIFICATES / "apiserver.crt"
SERVER_KEY = CERTIFICATES / "apiserver.key"
# The administrator, as whom the cluster's own parts go too.
ADMIN = CERTIFICATES / "admin.crt"
ADMIN_KEY = CERTIFICATES / "admin.key"
TOKEN_KEY = CERTIFICATES / "service-accounts.key"

DAYS = "3650"
SERVICE_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{DOMAIN}")
NAMES = ",".join(
    [f"DNS:{name}" for name in ("localhost", *SERVICE_NAMES)]
    + [f"IP:{address}" for address in ("127.0.0.1", HOST, KUBERNETES_SERVICE)]
)


def make_certificates() -> None:
    """Make all of them anew; raises InfrastructureError when openssl cannot."""
    CERTIFICATES.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
    _certify(AUTHORITY, AUTHORITY_KEY, "/CN=kontinuous-cluster", authority)
    usage = ("basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature")
    server = (*usage, "extendedKeyUsage=serverAuth", f"subjectAltName={NAMES}")
    _certify(SERVER, SERVER_KEY, "/CN=kube-apiserver", server, signed=True)
    client = (*usage, "extendedKeyUsage=clientAuth")
    _certify(ADMIN, ADMIN_KEY, "/O=system:masters/CN=admin", client, signed=True)
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(TOKEN_KEY))


def _certify(certificate: Path, key: Path, subject: str, extensions: tuple[str, ...], signed: bool = False) -> None:
    signer = ("-CA", str(AUTHORITY), "-CAkey", str(AUTHORITY_KEY)) if signed else ()
    extras = [argument for extension in extensions for argument in ("-addext", extension)]
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
    files = ("-keyout", str(key), "-out", str(certificate))
    # Without a configuration of its own, openssl adds the extensions of the machine's to the given ones.
    _openssl("req", "-x509", "-config", "/dev/null", "-days", DAYS, "-subj", subject, *curve, *files, *signer, *extras)


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise InfrastructureError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
