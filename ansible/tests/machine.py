"""A Debian machine with its own systemd and nothing but a loopback network: what the roles are applied to.

debootstrap makes its root file system once; it runs in namespaces. Nothing on the real machine changes, nothing is
mounted where others see it, and all of it is gone when its first process is. The machine never sees a network: the
packages that the roles install lie in the image.
"""

import fcntl
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
DEBIAN = "trixie"
INSTALLED = "ca-certificates,dbus,iproute2,openssh-server,python3,python3-apt,sudo,systemd,systemd-sysv"
# The files that the roles install, and node_exporter, which reads the canary's metrics.
INSTALLABLE = (
    "logrotate,nginx,postgresql,prometheus-node-exporter,python3-psycopg2,python3-venv"
)
# The directory in which pip finds packages inside the machine.
WHEELS = "var/cache/wheels"
# The machine's public address: one from a range reserved for documentation.
ADDRESS = "198.51.100.1"
# The names of the machine, for itself and its network.
HOSTS = f"127.0.0.1 localhost machine\n::1 localhost\n{ADDRESS} chat.test matrix.test\n"
# An upper limit for every step, on a machine that may be busy.
PATIENCE = 120


class Failed(Exception):
    """What failed, in one line, and where the rest is."""


def run(what, log, *command, check=True, **options):
    """Runs a program with its output in a log, and says whether it succeeded."""
    with open(log, "wb") as output:
        options = {"stdin": subprocess.DEVNULL, **options}
        status = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, **options
        )
    if check and status.returncode:
        raise Failed(f"{what} failed: {last_lines(log, 8)}; all of it: {log}")
    return status.returncode == 0


def last_lines(log, count):
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join([line for line in lines if line.strip()][-count:])


def wait_until(condition, seconds=PATIENCE):
    """Waits until a condition holds, and says whether it does."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds


def write(root, path, content):
    """Writes a file that everyone may read, and the directories above it."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)


def image(cache, logs, requirements):
    """Makes sure of the image. `requirements` are Python packages, locked by hash, that roles install."""
    root = cache / f"debian-{DEBIAN}"
    stamp = root.with_suffix(".complete")
    recipe = f"{INSTALLED}\n{INSTALLABLE}\n{requirements.read_text()}"
    with open(cache / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == recipe:
            return root
        stamp.unlink(missing_ok=True)
        log = logs / "image.log"
        network = "(is the network up?)"
        run("removing an image", log, "rm", "-rf", root)
        debootstrap = ["debootstrap", "--variant=minbase", f"--include={INSTALLED}"]
        run(f"making a Debian {network}", log, *debootstrap, DEBIAN, root)
        download = ["install", "-y", "--download-only", "--no-install-recommends"]
        for args in (["update"], download + INSTALLABLE.split(",")):
            run(
                f"fetching packages {network}", log, "chroot", root, "apt-get", *args
            )
        ask = "import sys; print('%d.%d' % sys.version_info[:2])"
        python = subprocess.check_output(
            ["chroot", root, "python3", "-c", ask], text=True
        ).strip()
        pip = (
            "-m pip download --quiet --disable-pip-version-check --no-input --no-deps --require-hashes "
            "--only-binary=:all: --implementation=cp --abi=abi3 --abi=none --platform=any"
        ).split()
        pip += [f"--python-version={python}", f"--abi=cp{python.replace('.', '')}"]
        for platform in ("manylinux_2_28", "manylinux_2_17", "manylinux2014"):
            pip.append(f"--platform={platform}_{os.uname().machine}")
        pip += ["--dest", root / WHEELS, "--requirement", requirements]
        run(f"fetching Synapse {network}", log, sys.executable, *pip)
        write(
            root,
            "etc/pip.conf",
            f"[global]\nno-index = true\nfind-links = /{WHEELS}\n",
        )
        # Data in memory gains nothing from waiting for a disk.
        write(root, "etc/dpkg/dpkg.cfg.d/no-sync", "force-unsafe-io\n")
        stamp.write_text(recipe)
    return root


class Machine:
    """A running machine, whose files are those of the image and, over them, those in `seed`."""

    def __init__(self, image, seed, logs):
        self.ssh_key = logs / "ssh-key"
        key = ["-q", "-t", "ed25519", "-N", "", "-f", self.ssh_key]
        run("making an SSH key", logs / "ssh-key.log", "ssh-keygen", *key)
        public = self.ssh_key.with_suffix(".pub").read_text()
        write(seed, "root/.ssh/authorized_keys", public)
        for path in ("root", "root/.ssh"):
            (seed / path).chmod(0o700)
        write(seed, "etc/hosts", HOSTS)
        write(seed, "etc/hostname", "machine\n")
        # The package lists never get newer in this machine.
        write(seed, "var/lib/apt/periodic/update-success-stamp", "")
        self.hosts = logs / "hosts"
        self.hosts.write_text(HOSTS)
        self.cgroup = f"support-chat-{os.getpid()}"
        self.log = logs / "boot.log"
        # The kernel ends the machine when this process dies, for whatever reason.
        start = ["setpriv", "--pdeathsig=KILL", "unshare", "--mount", "sh"]
        start += [HERE / "start.sh", self.cgroup, HERE / "boot.sh"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*start, image, seed, ADDRESS],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.pid = ""
        if not wait_until(self._is_up):
            self.stop()
            raise Failed(f"the machine does not boot: see {self.log}")

    def _is_up(self):
        if self.process.poll() is not None:
            raise Failed(f"the machine ended: {last_lines(self.log, 8)}")
        parent = self.process.pid
        children = pathlib.Path(f"/proc/{parent}/task/{parent}/children")
        self.pid = children.read_text().strip()
        try:
            name = pathlib.Path(f"/proc/{self.pid}/comm").read_text().strip()
        except OSError:
            return False
        # Until systemd is running, nsenter cannot enter the machine.
        is_active = self.inside("systemctl", "is-active", "ssh.service")
        return name == "systemd" and not subprocess.call(
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **is_active
        )

    def inside(self, *command):
        """How subprocess runs a command in the machine. Nothing of this process's environment goes with it."""
        return {
            "args": ["nsenter", "--target", self.pid, "--all", *command],
            "env": {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            "stdin": subprocess.DEVNULL,
        }

    def beside(self, *command):
        """A command on the real machine's files, but in the machine's network, and knowing its names."""
        mount = 'mount --bind "$0" /etc/hosts && exec "$@"'
        net = f"--net=/proc/{self.pid}/ns/net"
        enter = ["nsenter", net, "unshare", "--mount", "sh", "-c", mount, self.hosts]
        return [*enter, *command]

    def ask(self, *command):
        """What a command in the machine prints; it must succeed."""
        inside = self.inside(*command)
        result = subprocess.run(capture_output=True, text=True, **inside)
        if result.returncode:
            said = result.stdout + result.stderr
            raise Failed(f"{' '.join(command)} failed in the machine: {said}")
        return result.stdout

    def run(self, what, log, *command, **options):
        """Runs a command in the machine with its output in a log."""
        inside = self.inside(*command)
        return run(what, log, *inside.pop("args"), **{**inside, **options})

    def http(self, method, url, token="", body=None):
        """The answer to a request from inside the machine: the status, and the body when it is JSON."""
        script = (HERE / "request.py").read_text()
        body = "" if body is None else json.dumps(body)
        answer = self.ask("python3", "-c", script, method, url, token, body)
        status, _, text = answer.partition("\n")
        try:
            return int(status), json.loads(text)
        except ValueError:
            return int(status), None

    def stop(self):
        """Ends it: with the first process of its namespaces, everything in them ends."""
        self.process.kill()
        self.process.wait()
        end = ["unshare", "--mount", "sh", HERE / "end.sh", self.cgroup]
        if not wait_until(
            lambda: not subprocess.call(end, stderr=subprocess.DEVNULL), 10
        ):
            print(f"the control group {self.cgroup} is left behind", file=sys.stderr)
