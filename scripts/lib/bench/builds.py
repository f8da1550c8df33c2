"""Builds of Culvert to measure: this checkout's, or one of another revision in a directory of its own."""

import os
import pwd
import shlex
import subprocess
from dataclasses import dataclass

from lab import Failure, run

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
# Kept between runs, gone with `mvn clean` at the root.
OUTPUT = os.path.join(ROOT, "target", "bench")
BUILT = ".built"


@dataclass(frozen=True)
class Build:
    name: str  # for people: the revision, and whether the checkout has changes beyond it
    commit: str
    root: str


@dataclass(frozen=True)
class Jdk:
    version: str
    java: str
    release: str  # its number alone

    def archived(self, build):
        """Whether the launchers of a build have a class-data archive for it, without which programs start slower."""
        return os.path.exists(os.path.join(build.root, "target", "culvert", f"cds-{self.release}.jsa"))


def as_owner():
    """Under sudo the tree stays its owner's: the start of a command that does its work as them."""
    user = os.environ.get("SUDO_USER")
    if not user or user == "root" or os.stat(ROOT).st_uid != pwd.getpwnam(user).pw_uid:
        return []
    who = pwd.getpwnam(user)
    return ["setpriv", "--reuid", str(who.pw_uid), "--regid", str(who.pw_gid), "--init-groups", "env", f"HOME={who.pw_dir}"]


def make_output():
    run(*as_owner(), "mkdir", "-p", OUTPUT)


def _git(*arguments):
    return run(*as_owner(), "git", "-C", ROOT, "-c", f"safe.directory={ROOT}", *arguments).stdout.strip()


def _build(root, tell, jdk):
    tell(f"building {root} ...")
    log = os.path.join(root, "target", "bench-build.log")
    run(*as_owner(), "mkdir", "-p", os.path.dirname(log))
    environment = {**os.environ, **({"CULVERT_JAVA_HOME": jdk} if jdk else {})}
    with open(log, "w") as out:
        try:
            subprocess.run([*as_owner(), os.path.join(root, "scripts", "build")], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=True, env=environment)
        except subprocess.CalledProcessError as e:
            raise Failure(f"scripts/build in {root}: exit code {e.returncode}: {_first_error(log)}; all of its output is in {log}") from None


def _first_error(log):
    with open(log, errors="replace") as f:
        lines = [line.strip() for line in f]
    errors = [line for line in lines if "ERROR" in line and not line.endswith(":")]
    return (errors or lines or ["no output"])[0]


def _client_jar(root):
    lib = os.path.join(root, "target", "culvert", "lib")
    jars = [f for f in os.listdir(lib) if f.startswith("client-") and f.endswith(".jar")] if os.path.isdir(lib) else []
    return os.path.join(lib, jars[0]) if jars else None


def _stale(root):
    jar = _client_jar(root)
    if jar is None:
        return True
    # An unchanged jar keeps its time; scripts/build leaves a file of the time when it began.
    stamp = os.path.join(root, "target", "culvert", "built")
    built = os.path.getmtime(stamp if os.path.exists(stamp) else jar)
    newer = run("find", root, "-path", f"{root}/target", "-prune", "-o", "-type", "f", "(", "-path", "*/src/main/*", "-o", "-name", "pom.xml", ")",
                "-newermt", f"@{built}", "-print", "-quit", check=False)
    return bool(newer.stdout.strip())


def of_checkout(tell, jdk):
    try:
        commit = _git("rev-parse", "HEAD")
        changed = bool(_git("status", "--porcelain", "--untracked-files=no"))
        name = commit[:9] + ("+changes" if changed else "")
    except Failure:
        commit, name = "", "checkout"  # a copy without its history
    if _stale(ROOT):
        _build(ROOT, tell, jdk)
    return Build(name, commit, ROOT)


def of_revision(revision, tell, jdk):
    try:
        commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    except Failure:
        raise Failure(f"there is no revision '{revision}' in {ROOT}; a commit, a branch or a tag is wanted") from None
    root = os.path.join(OUTPUT, commit[:12])
    if not os.path.exists(os.path.join(root, BUILT)):
        # An archive, not a worktree: nothing in the repository to undo afterwards.
        git = f"git -C {shlex.quote(ROOT)} -c {shlex.quote('safe.directory=' + ROOT)} archive {commit}"
        quoted = shlex.quote(root)
        run(*as_owner(), "bash", "-c", f"set -o pipefail; rm -rf {quoted} && mkdir -p {quoted} && {git} | tar -x -C {quoted}")
        _build(root, tell, jdk)
        if _client_jar(root) is None:
            raise Failure(f"scripts/build of {revision} made no programs in {root}/target/culvert/lib; is it older than that directory?")
        run(*as_owner(), "touch", os.path.join(root, BUILT))
    return Build(commit[:9], commit, root)


def jdk_of(build, jdk):
    """What the launchers of a build will choose."""
    environment = {k: v for k, v in os.environ.items() if k != "CULVERT_JAVA_HOME"}
    if jdk:
        environment["CULVERT_JAVA_HOME"] = jdk
    found = run("bash", "-c", '. "$1/scripts/lib/launch.sh"; newest_java', "bash", build.root, check=False, env=environment).stdout.strip()
    if not found:
        raise Failure(f"no JDK of version 17 or later {'in ' + jdk if jdk else 'found'}; install one or name one with --jdk")
    release, java = found.split(" ", 1)
    said = run(java, "-version").stderr.strip().splitlines()
    return Jdk(said[1] if len(said) > 1 else said[0], java, release)
