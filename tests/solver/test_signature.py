# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signatures, with keys made here: a repository's own keys count, another's do not."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from solver import Goal, SignatureError, VerifiedRpm
from tests.solver.worlds import World

HINT = "add the signer's key to gpgkey= of the repository if you trust it"


@dataclass(frozen=True, slots=True)
class Keys:
    """A GnuPG home with two keys, and their armoured public halves."""

    home: Path

    def public(self, name: str) -> Path:
        return self.home / f"{name}.asc"

    def id_of(self, name: str) -> str:
        listed = self._run("gpg", "--with-colons", "--list-keys", name)
        found = re.search(r"^pub:(?:[^:]*:){3}([0-9A-F]{16}):", listed, re.MULTILINE)
        assert found is not None
        return found[1].lower()

    def sign(self, rpm: Path, name: str) -> None:
        self._run("rpmsign", "--addsign", "--define", f"_openpgp_sign_id {name}", str(rpm))

    def make(self, name: str, algorithm: str) -> None:
        options = ["--batch", "--quiet", "--passphrase", ""]
        self._run("gpg", *options, "--quick-generate-key", name, algorithm, "sign", "never")
        self.public(name).write_text(self._run("gpg", "--armor", "--export", name))

    def _run(self, *command: str) -> str:
        environment = {"PATH": "/usr/sbin:/usr/bin", "GNUPGHOME": str(self.home)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return done.stdout


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    # A socket's path must be short, and GnuPG puts its agent's socket into its home.
    home = Path(tempfile.mkdtemp(prefix="gpg-", dir="/tmp"))
    try:
        made = Keys(home)
        made.make("ours", "rsa2048")
        made.make("theirs", "ed25519")
        yield made
    finally:
        stop = ["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"]
        subprocess.run(stop, check=False, env={"PATH": os.environ["PATH"]})
        shutil.rmtree(home, ignore_errors=True)


class SignedWorld:
    """A tree with its repositories' files, their keys in /etc/pki, and signed packages."""

    def __init__(self, world: World, keys: Keys) -> None:
        self.world = world
        self.keys = keys
        self.etc = world.directory / "tree" / "etc"
        (self.etc / "yum.repos.d").mkdir(parents=True)
        (self.etc / "pki").mkdir()

    def repo(self, repo_id: str, package: str, *, signer: str = "", options: str) -> None:
        directory = self.world.repo(repo_id, package)
        if signer:
            self.keys.sign(directory / f"{package}.rpm", signer)
            self.world.repo(repo_id)
            self.keys.sign(directory / f"{package}.rpm", signer)
        subprocess.run(["createrepo_c", "-q", "--no-database", str(directory)], check=True)
        text = f"[{repo_id}]\nname={repo_id}\nbaseurl=file://{directory}\n{options}\n"
        (self.etc / "yum.repos.d" / f"{repo_id}.repo").write_text(text, encoding="utf-8")

    def key(self, name: str) -> str:
        """Puts a public key into the tree and returns the `gpgkey=` line for it."""
        shutil.copy(self.keys.public(name), self.etc / "pki" / name)
        return f"gpgkey=file:///etc/pki/{name}"

    def fetch(self, *specs: str, **options: Any) -> tuple[VerifiedRpm, ...]:
        settings: dict[str, Any] = {
            "repo_dirs": (self.etc / "yum.repos.d",),
            "repos_from_path": (),
            **options,
        }
        with self.world.sack(**settings) as sack:
            return sack.download(sack.resolve(Goal(install=specs)).packages)


@pytest.fixture
def signed(world: World, keys: Keys) -> SignedWorld:
    return SignedWorld(world, keys)


def test_a_package_signed_by_its_repositorys_key_is_good(signed: SignedWorld) -> None:
    both = f"{signed.key('theirs')}\n  {signed.key('ours').removeprefix('gpgkey=')}"
    signed.repo("r", "app-1-1.noarch", signer="ours", options=f"gpgcheck=1\n{both}")
    (rpm,) = signed.fetch("app")
    assert rpm.path.name == "app-1-1.noarch.rpm"


@pytest.mark.parametrize("etc", ["etc", "usr/etc"])
@pytest.mark.parametrize("key", ["etc/pki/one", "usr/share/keys/one"])
def test_keys_are_looked_for_in_the_tree_of_the_repo_file(
    signed: SignedWorld, etc: str, key: str
) -> None:
    tree = signed.world.directory / "tree"
    place = tree / (f"{etc}/pki/one" if key.startswith("etc") else key)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(signed.keys.public("ours"), place)
    signed.repo("r", "app-1-1.noarch", signer="ours", options=f"gpgcheck=1\ngpgkey=file:///{key}")
    directory = tree / etc / "yum.repos.d"
    directory.mkdir(parents=True, exist_ok=True)
    (signed.etc / "yum.repos.d" / "r.repo").replace(directory / "r.repo")
    assert len(signed.fetch("app", repo_dirs=(directory,))) == 1


def test_an_unsigned_package_is_refused(signed: SignedWorld) -> None:
    signed.repo("r", "app-1-1.noarch", options=f"gpgcheck=1\n{signed.key('ours')}")
    with pytest.raises(SignatureError) as caught:
        signed.fetch("app")
    known = f"{signed.keys.id_of('ours')} (file://{signed.etc}/pki/ours)"
    assert str(caught.value) == (
        "refused app-1-1.noarch from repository 'r': it is not signed; "
        f"the repository has keys {known}"
    )
    assert caught.value.__notes__ == [HINT]


def test_another_repositorys_key_does_not_count(signed: SignedWorld) -> None:
    # The first package is good: its key is in use by the time the second one is looked at.
    signed.repo("a", "a-1-1.noarch", signer="ours", options=f"gpgcheck=1\n{signed.key('ours')}")
    signed.repo("b", "app-1-1.noarch", signer="ours", options=f"gpgcheck=1\n{signed.key('theirs')}")
    with pytest.raises(SignatureError) as caught:
        signed.fetch("a", "app")
    known = f"{signed.keys.id_of('theirs')} (file://{signed.etc}/pki/theirs)"
    assert str(caught.value) == (
        "refused app-1-1.noarch from repository 'b': its signature is by none of the keys; "
        f"the repository has keys {known}"
    )


def test_a_repository_without_keys_says_so(signed: SignedWorld) -> None:
    signed.repo("r", "app-1-1.noarch", signer="ours", options="gpgcheck=1")
    with pytest.raises(SignatureError, match="the repository has no key"):
        signed.fetch("app")


def test_the_bases_own_keyring_counts(signed: SignedWorld) -> None:
    signed.world.base("bash-5-1.x86_64")
    command = ["rpmkeys", "--dbpath", str(database_of(signed.world))]
    subprocess.run([*command, "--import", str(signed.keys.public("ours"))], check=True)
    signed.repo("r", "app-1-1.noarch", signer="ours", options="gpgcheck=1")
    assert len(signed.fetch("app")) == 1


def test_a_key_that_is_missing_is_named(signed: SignedWorld) -> None:
    options = "gpgcheck=1\ngpgkey=file:///etc/pki/no-such-key"
    signed.repo("r", "app-1-1.noarch", signer="ours", options=options)
    with pytest.raises(SignatureError) as caught:
        signed.fetch("app")
    assert str(caught.value).startswith(
        "refused app-1-1.noarch from repository 'r': key file:///etc/pki/no-such-key "
        "cannot be read: "
    )


def test_nothing_is_checked_where_the_repository_does_not_ask(signed: SignedWorld) -> None:
    signed.repo("r", "app-1-1.noarch", options="gpgcheck=0")
    assert len(signed.fetch("app")) == 1


def test_an_option_can_ask_for_it(signed: SignedWorld) -> None:
    signed.repo("r", "app-1-1.noarch", options=f"gpgcheck=0\n{signed.key('ours')}")
    with pytest.raises(SignatureError):
        signed.fetch("app", setopts=(("r.gpgcheck", "1"),))


def test_the_configuration_can_ask_for_it_for_local_files(signed: SignedWorld) -> None:
    path = signed.world.file("app-1-1.noarch")
    with signed.world.sack(setopts=(("localpkg_gpgcheck", "1"),)) as sack:
        packages = sack.resolve(Goal(local=(path,))).packages
        with pytest.raises(SignatureError, match="it is not signed"):
            sack.download(packages)


def test_signed_metadata_is_accepted_with_the_repositorys_key_alone(signed: SignedWorld) -> None:
    options = f"gpgcheck=0\nrepo_gpgcheck=1\n{signed.key('ours')}"
    signed.repo("r", "app-1-1.noarch", options=options)
    repomd = signed.world.directory / "repos" / "r" / "repodata" / "repomd.xml"
    with pytest.raises(Exception, match="cannot load repository 'r'"):
        signed.fetch("app")
    for name, works in (("theirs", False), ("ours", True)):
        repomd.with_suffix(".xml.asc").unlink(missing_ok=True)
        signed.keys._run("gpg", "--batch", "-u", name, "--detach-sign", "--armor", str(repomd))
        if works:
            assert len(signed.fetch("app")) == 1
        else:
            with pytest.raises(Exception, match="cannot load repository 'r'"):
                signed.fetch("app")


def database_of(world: World) -> Path:
    (database,) = world.root.rglob("rpmdb.sqlite")
    return database.parent
