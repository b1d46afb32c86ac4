"""Docker images made from Debian's own packages, and containers of them. No image registry."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass

from tests.lab.apt import find_mirror
from tests.lab.netns import is_zombie, next_number
from tests.lab.shell import LabError, run

REPOSITORY = "port-linker-lab"
BUILD_S = 600  # one image takes 30 to 60 s with a near mirror
NAMES = re.compile(r"^pl-(\d+)-(\d+)-container$")
SOURCES = (
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d/*.sources",
    "/etc/apt/sources.list.d/*.list",
)


@dataclass(frozen=True)
class Recipe:
    """How an image is made; its tag carries a digest of this, so a change makes a new image."""

    suite: str
    packages: tuple[str, ...]

    @property
    def tag(self) -> str:
        """The image's name with its tag."""
        digest = hashlib.sha256(repr(self).encode()).hexdigest()[:12]
        return f"{REPOSITORY}:{self.suite}-{digest}"


PACKAGES = ("python3-minimal", "libpython3-stdlib", "openssh-server", "iproute2", "procps")
RECIPES = {
    "debian11": Recipe("bullseye", PACKAGES),  # Python 3.9
    "debian12": Recipe("bookworm", PACKAGES),  # Python 3.11
}


def why_not() -> str | None:
    """Return why containers cannot be made here, or None if they can."""
    if os.geteuid() != 0:
        return "making container images needs root (debootstrap)"
    for program in ("docker", "debootstrap"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    try:
        run("docker", "info", timeout_s=10)
    except LabError:
        return "the Docker daemon does not answer"
    if read_mirror() is None:
        return "apt's sources name no Debian archive"
    return None


def read_mirror() -> str | None:
    """Return the Debian archive that this machine uses."""
    texts = []
    for pattern in SOURCES:
        for path in sorted(glob.glob(pattern)):
            with open(path) as file:
                texts.append(file.read())
    return find_mirror(texts)


def has_image(recipe: Recipe) -> bool:
    """Whether the image is there."""
    return bool(run("docker", "images", "-q", recipe.tag).strip())


def ensure_image(name: str) -> str:
    """Return the tag of an image of RECIPES, made first if it is not there.

    Raises LabError if debootstrap or docker failed.
    """
    recipe = RECIPES[name]
    if not has_image(recipe):
        build_image(recipe)
    return recipe.tag


def build_image(recipe: Recipe) -> None:
    """Make an image: debootstrap, then docker import."""
    mirror = read_mirror()
    if mirror is None:
        raise LabError("apt's sources name no Debian archive")
    folder = tempfile.mkdtemp(prefix="port-linker-image-", dir="/var/tmp")
    try:
        include = f"--include={','.join(recipe.packages)}"
        words = ["debootstrap", "--variant=minbase", include, recipe.suite, folder, mirror]
        run(*words, timeout_s=BUILD_S)
        shutil.rmtree(os.path.join(folder, "var/cache/apt"), ignore_errors=True)
        shutil.rmtree(os.path.join(folder, "var/lib/apt/lists"), ignore_errors=True)
        with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as tar:
            words = ["docker", "import", "-", recipe.tag]
            done = subprocess.run(words, stdin=tar.stdout, capture_output=True, timeout=BUILD_S)
        if done.returncode != 0 or tar.returncode != 0:
            raise LabError(f"docker import: {done.stderr.decode(errors='replace')}")
    finally:
        run("umount", "-R", os.path.join(folder, "proc"), check=False)
        shutil.rmtree(folder, ignore_errors=True)


class Container:
    """A running container without a network of its own; `folder` is seen inside at its path."""

    def __init__(self, tag: str, folder: str) -> None:
        self.name = f"pl-{os.getpid()}-{next_number()}-container"
        shared = ["--volume", f"{folder}:{folder}", "--network", "none", "--init"]
        # IPv6 is off in a container without a network unless asked for.
        shared += ["--sysctl", "net.ipv6.conf.all.disable_ipv6=0"]
        run("docker", "run", "--detach", "--name", self.name, *shared, tag, "sleep", "infinity")
        self.pid = int(run("docker", "inspect", "-f", "{{.State.Pid}}", self.name))

    def command(self, *words: str) -> list[str]:
        """Return the command that runs these words inside as root."""
        return ["docker", "exec", "-i", self.name, *words]

    def run(self, *words: str, data: str | None = None) -> str:
        """Run a command inside to its end."""
        return run(*self.command(*words), data=data)

    def close(self) -> None:
        """Remove the container and what runs in it."""
        run("docker", "rm", "--force", self.name, check=False)


def remove_leftovers() -> list[str]:
    """Remove containers of lab processes that are dead; return their names."""
    gone = []
    for name in run("docker", "ps", "-a", "--format", "{{.Names}}", check=False).split():
        match = NAMES.match(name)
        if match and is_zombie(int(match[1])):
            run("docker", "rm", "--force", name, check=False)
            gone.append(name)
    return gone


if __name__ == "__main__":
    reason = why_not()
    if reason:
        print(f"no container images: {reason}")
    for image_name in [] if reason else RECIPES:
        print(f"container image {ensure_image(image_name)}")
