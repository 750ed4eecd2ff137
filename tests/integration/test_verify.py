# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay verify --triggers`: silent about what is as it was made, and naming what is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from layering.repo import Repo
from tests.integration.hosts import Host, command
from tests.integration.test_memory import memos, package, transaction_trigger

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

LIBRARY = {"/usr/lib64/libmine.so.1": b"mine"}
CACHE = "usr/etc/ld.so.cache"
DROP_IN = """\
[trigger]
paths = ["/usr/share/parts/*"]
tools = ["sh"]
arguments = ["-c", "cat /usr/share/parts/* > /usr/share/joined"]
reason = "joins them"
"""


def verified(host: Host, status: int, *words: str) -> dict[str, Any]:
    ended = host.overlay("--json", "verify", "--triggers", *words)
    assert ended.status == status, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    assert found["as_remembered"] is (status == 0)
    return found


def states(found: dict[str, Any]) -> dict[str, str]:
    return {each["label"]: each["state"] for each in found["scripts"]}


def refused(host: Host, *words: str) -> list[str]:
    ended = host.overlay("-q", "verify", "--triggers", *words)
    assert ended.status == 1
    assert ended.stdout == ""
    return ended.stderr.splitlines()


def tamper(host: Host, ref: str) -> None:
    """Puts another commit in a result's place, which is the same but for a byte of the cache."""
    repo = Repo.open(host.repo)
    commit = repo.commit_of(ref)
    said = commit.metadata
    values = {key: said.lookup_value(key, None) for key in map(str, said.keys())}
    metadata = {key: value for key, value in values.items() if value is not None}
    with repo.transaction():
        tree = repo.tree_of(ref)
        directory = tree
        for name in ("usr", "etc"):
            directory = directory.ensure_dir(name)[1]
        old = directory.lookup("ld.so.cache")[1]
        info, data = repo.file_info(old), b"".join(repo.file_chunks(old))
        new = repo.write_regular(
            data[:-1] + bytes([data[-1] ^ 1]),
            length=len(data),
            uid=info.uid,
            gid=info.gid,
            mode=info.mode,
            xattrs=info.xattrs,
        )
        directory.replace_file("ld.so.cache", new)
        made = repo.write_commit(
            tree=repo.write_tree(tree), subject="", timestamp=0, metadata=metadata
        )
        repo.set_ref(ref, made)


def test_what_was_made_is_as_remembered_and_nothing_is_left(host: Host, scratch: Path) -> None:
    script = transaction_trigger("/usr/share/parts", "cat > /usr/share/joined; echo said")
    mine = package(scratch, "mine", {"/usr/share/parts/x": b"x"}, script)
    host.change("install", package(scratch, "libmine", LIBRARY), mine, "jq")
    refs = command("ostree", "refs", f"--repo={host.repo}")
    objects, deployments = host.objects(), host.deployments()
    found = verified(host, 0)
    assert states(found) == {"ldconfig": "same", "%transfiletriggerin(mine-1-1.noarch)": "same"}
    assert found["paths"] == []
    assert command("ostree", "refs", f"--repo={host.repo}") == refs
    assert (host.objects(), host.deployments()) == (objects, deployments)
    assert host.leftovers() == []


def test_a_result_that_was_tampered_with_is_named(host: Host, scratch: Path) -> None:
    host.change("install", package(scratch, "libmine", LIBRARY))
    (ref,) = memos(host)
    tamper(host, ref)
    found = verified(host, 1)
    assert found["scripts"] == [
        {"label": "ldconfig", "state": "differs", "why": "", "paths": [f"/{CACHE}"]}
    ]
    assert found["paths"] == []
    ended = host.overlay("-q", "verify", "--triggers")
    assert ended.stdout.splitlines()[1:] == [
        "  differs           ldconfig",
        f"    /{CACHE}",
        "As deployed, and not as remembered.",
    ]


def test_a_tree_made_of_a_result_that_was_tampered_with_is_told_by_path_and_trigger(
    host: Host, scratch: Path
) -> None:
    host.change("install", package(scratch, "libmine", LIBRARY))
    tamper(host, memos(host)[0])
    host.change("install", package(scratch, "other", {"/usr/share/other": b""}))
    found = verified(host, 1)
    assert states(found) == {"ldconfig": "differs"}
    assert found["paths"] == [{"path": f"/{CACHE}", "kind": "modified", "writers": ["ldconfig"]}]
    assert states(verified(host, 1, "1")) == {"ldconfig": "differs"}


def test_a_forgotten_result_differs_from_nothing(host: Host, scratch: Path) -> None:
    host.change("install", package(scratch, "libmine", LIBRARY))
    command("ostree", "refs", f"--repo={host.repo}", "--delete", "overlay/memo")
    assert states(verified(host, 0)) == {"ldconfig": "unknown"}
    assert memos(host) == []


def test_what_cannot_be_remembered_is_said_with_its_reason(host: Host, scratch: Path) -> None:
    script = transaction_trigger("/usr/share/parts", "echo x > /var/lib/mine")
    host.change("install", package(scratch, "mine", {"/usr/share/parts/x": b"x"}, script))
    (found,) = verified(host, 0)["scripts"]
    assert (found["state"], found["why"]) == ("not-kept", "it wrote /var/lib/mine")


def test_overrides_allowances_and_skipped_scripts_are_those_of_the_tree(
    host: Host, scratch: Path
) -> None:
    bad = package(scratch, "bad", {"/usr/share/bad": b""}, "%post\necho x > /usr/share/x\n")
    host.change("install", "--noscripts=bad", bad)
    host.change("override", "remove", "less")
    settings = host.checkout() / "etc/overlay/overlay.toml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text('[scripts]\nskip = ["glibc-common:*"]\n')
    host.change("install", package(scratch, "libmine", LIBRARY))
    settings.write_text("")
    assert verified(host, 0)["paths"] == []


def test_a_base_has_nothing_to_be_made_again(host: Host) -> None:
    assert verified(host, 0)["scripts"] == []


def test_a_layer_that_is_gone_is_named_and_can_be_had_again(host: Host) -> None:
    host.change("install", "jq")
    layer = "overlay/layer/jq"
    command("ostree", "refs", f"--repo={host.repo}", "--delete", layer)
    command("ostree", "prune", f"--repo={host.repo}", "--refs-only")
    tree = host.checksum()[:12]
    assert refused(host) == [
        f"error: no longer in the repository: layer jq-1.8.2-1.x86_64 of tree {tree}",
        "hint: 'overlay upgrade' gets layers of the pending tree from their repositories",
    ]
    assert host.overlay("upgrade").status == 0
    assert states(verified(host, 0)) == {"ldconfig": "same"}


def test_a_drop_in_of_the_host_counts_as_it_was(host: Host, scratch: Path) -> None:
    place = host.checkout() / "etc/overlay/triggers.d/joined.toml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(DROP_IN)
    host.change("install", package(scratch, "mine", {"/usr/share/parts/x": b"x"}))
    assert states(verified(host, 0)) == {"joined": "same"}
    after = host.checkout() / "etc/overlay/triggers.d/joined.toml"
    after.write_text(DROP_IN.replace("joins", "puts together"))
    assert states(verified(host, 0)) == {"joined": "same"}  # the deployment before still has it
    place.unlink()
    assert refused(host) == [
        "error: another or gone since it counted: /etc/overlay/triggers.d/joined.toml"
        f" for tree {host.checksum()[:12]}",
        "hint: only its digest is recorded: put back what it was, or change packages",
    ]


def test_verify_wants_to_be_told_what(host: Host) -> None:
    ended = host.overlay("verify")
    assert ended.status == 2
    assert "say what to verify: --triggers" in ended.stderr
