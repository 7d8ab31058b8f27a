"""Programs of a release of Debian, without installing them: `python -m tests.debian trixie kubectl FOLDER`."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_TIMEOUT_S = 300


class NotAvailable(Exception):
    """Raised when something cannot be fetched on this machine; the message is the reason."""


def unpack(release: str, package: str, folder: Path) -> None:
    """Unpack a package of a release with all that it needs, down to the C library and its loader.

    Raises NotAvailable, and CalledProcessError if a command fails.
    """
    if not shutil.which("apt-get") or not Path(_KEYRING).exists():
        raise NotAvailable(f"it is fetched from Debian's archive, with apt-get and {_KEYRING}")
    with tempfile.TemporaryDirectory() as place:
        for name in ("lists/partial", "archives/partial"):
            (Path(place) / name).mkdir(parents=True)
        sources = Path(place) / "sources.list"
        sources.write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {release} main\n")
        options = [f"Dir::Etc::SourceList={sources}", "Dir::Etc::SourceParts=/dev/null", f"Dir::Cache={place}"]
        options += [f"Dir::State::Lists={place}/lists", "Dir::State::Status=/dev/null", "APT::Sandbox::User=root"]
        apt = ["apt-get", "-qq", *(f"-o{option}" for option in options)]
        run(*apt, "update")
        run(*apt, "install", "--yes", "--no-install-recommends", "--download-only", package)
        for archive in Path(place).glob("archives/*.deb"):
            run("dpkg-deb", "-x", str(archive), str(folder))


def run(*command: str) -> str:
    """The output of a command; raises CalledProcessError if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True)
    return done.stdout.strip()


def _mirror() -> str:
    """The mirror of Debian's archive that this machine uses."""
    addresses = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").split()
    mirrors = [address for address in addresses if address.rstrip("/").endswith("/debian")]
    if not mirrors:
        raise NotAvailable("apt-get on this machine has no mirror of Debian")
    return mirrors[0]


if __name__ == "__main__":
    try:
        unpack(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    except (NotAvailable, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"{sys.argv[2]} is not available: {getattr(error, 'stderr', None) or error}")
