# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where an operation starts, what it tells of a deployment, and what the solver is asked."""

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from layering import progress
from layering.errors import SysrootError
from layering.importer import cached_layer
from layering.metadata import LayerRecord, TreeMetadata
from layering.origin import LocalPackage, Origin
from layering.question import Question
from layering.repo import Repo
from layering.report import report_of
from layering.repositories import RepositoryOptions, sack_config
from layering.requests import Wanted
from layering.resolution import Resolution, resolved
from layering.sysroot import Sysroot
from layering.target import Target, load_target, nearest_checkout
from layering.workspace import Checkout
from solver import Source
from tests.rpms import File, Spec, build_rpm, make_repo
from tests.sysroots import REF, STATEROOT, TestSysroot, make_sysroot

pytestmark = pytest.mark.root


@pytest.fixture
def made(scratch: Path) -> TestSysroot:
    return make_sysroot(scratch / "sysroot", rpms=[build_rpm(scratch, "base-1-1.noarch")])


@pytest.fixture
def repository(scratch: Path) -> Path:
    directory = scratch / "repository"
    directory.mkdir()
    tool = {"/usr/bin/tool": File(content=b"tool", mode=0o755)}
    build_rpm(directory, "tool-1-1.noarch", Spec(files=tool))
    make_repo(directory)
    return directory


def target_of(made: TestSysroot) -> Target:
    return load_target(Sysroot.open(made.path), None, made.path.parent / "cache")


def commit_on(repo: Repo, base: str, tree: TreeMetadata) -> str:
    """A commit as a layering operation makes it: of the base's tree, the base its parent."""
    found = repo.commit_of(base)
    with repo.transaction():
        return repo.write_commit(
            tree=(found.root_tree, found.root_meta),
            parent=base,
            timestamp=found.timestamp + 1,
            metadata=replace(tree, layered=True).pack(),
        )


def deploy(made: TestSysroot, tree: TreeMetadata, origin: Origin) -> str:
    sysroot = Sysroot.open(made.path, writable=True)
    commit = commit_on(sysroot.repo, made.commit, tree)
    with sysroot.lock():
        sysroot.deploy(STATEROOT, commit, origin)
    return commit


def test_a_fresh_host_starts_from_its_only_deployment(made: TestSysroot) -> None:
    target = target_of(made)
    assert (target.stateroot, target.base_commit) == (STATEROOT, made.commit)
    assert target.pending == target.config
    assert target.etc == target.pending.path / "etc"
    assert target.tree == TreeMetadata()
    assert target.base.releasever == "1"


def test_a_layered_tree_starts_from_its_base_again(made: TestSysroot) -> None:
    record = LayerRecord(
        nevra="tool-1-1.noarch",
        digest="sha256:0",
        commit="0" * 64,
        repo="",
        reason="user",
        requested_by=("tool",),
    )
    origin = Origin.for_refspec(REF).with_requests(requested=("tool",))
    layered = deploy(made, TreeMetadata(layers=(record,), policy_version=1), origin)
    target = target_of(made)
    assert target.pending.checksum == layered
    assert (target.base_commit, target.tree.layers) == (made.commit, (record,))
    assert target.pending.origin.requested == ("tool",)


def test_a_stateroot_that_is_not_there_is_named_with_those_that_are(made: TestSysroot) -> None:
    with pytest.raises(SysrootError) as caught:
        load_target(Sysroot.open(made.path), "other", made.path.parent / "cache")
    assert str(caught.value) == f"no stateroot other, there is test: sysroot {made.path}"


def test_the_nearest_checkout_is_of_the_base_itself_or_else_on_it(made: TestSysroot) -> None:
    layered = deploy(made, TreeMetadata(), Origin.for_refspec(REF))
    deployments = Sysroot.open(made.path).deployments
    assert [each.checksum for each in deployments] == [layered, made.commit]
    assert nearest_checkout(deployments, made.commit) == Checkout(
        path=deployments[1].path, commit=made.commit
    )
    assert nearest_checkout(deployments[:1], made.commit) == Checkout(
        path=deployments[0].path, commit=layered
    )
    assert nearest_checkout(deployments, "f" * 64) is not None
    assert nearest_checkout((), made.commit) is None


def test_requests_that_no_layer_answers_are_inactive(made: TestSysroot) -> None:
    local = LocalPackage(digest="a" * 64, nevra="local-1-1.noarch")
    record = LayerRecord(
        nevra="tool-1-1.noarch",
        digest="sha256:0",
        commit="0" * 64,
        repo="",
        reason="user",
        requested_by=("spanner",),
    )
    origin = Origin.for_refspec(REF).with_requests(
        requested=("bash", "spanner"), requested_local=(local,)
    )
    deploy(made, TreeMetadata(layers=(record,), policy_version=1), origin)
    sysroot = Sysroot.open(made.path)
    found = [report_of(sysroot.repo, deployment) for deployment in sysroot.deployments]
    assert [(each.inactive, each.layers) for each in found] == [
        (("bash", "local-1-1.noarch"), (record,)),
        ((), ()),
    ]


def test_of_rpm_ostrees_trees_nobody_knows_what_is_inactive(made: TestSysroot) -> None:
    origin = Origin.for_refspec(REF).with_requests(requested=("bash",))
    deploy(made, TreeMetadata(policy_version=0), origin)
    sysroot = Sysroot.open(made.path)
    assert report_of(sysroot.repo, sysroot.deployments[0]).inactive == ()


def test_the_solver_reads_the_targets_configuration_and_nothing_of_this_machine(
    made: TestSysroot,
) -> None:
    target = target_of(made)
    config = sack_config(target, RepositoryOptions(), Path("/cache"))
    assert config.repo_dirs == (target.etc / "yum.repos.d",)
    assert config.vars_dirs == (target.etc / "dnf/vars",)
    assert (config.dnf_conf, config.releasever) == (None, "1")
    assert config.installroot == target.base.installroot
    assert (config.load_repositories, config.need_filelists) == (True, False)
    (target.etc / "dnf").mkdir()
    (target.etc / "dnf/dnf.conf").touch()
    options = RepositoryOptions(
        enable=("a",), disable=("b",), from_path=(("c", "/c"),), releasever="9", refresh=True
    )
    config = sack_config(target, options, Path("/cache"), ["x", "/usr/bin/y"])
    assert config.dnf_conf == target.etc / "dnf/dnf.conf"
    assert (config.enable_repos, config.disable_repos) == (("a",), ("b",))
    assert (config.repos_from_path, config.releasever, config.refresh) == (
        (("c", "/c"),),
        "9",
        True,
    )
    assert config.need_filelists


def test_a_layer_of_an_earlier_importer_serves_on(made: TestSysroot, repository: Path) -> None:
    target = target_of(made)
    repo = Sysroot.open(made.path).repo
    question = Question(wanted=Wanted(requested=("tool",), requested_local=()))
    options = RepositoryOptions(from_path=(("tests", str(repository)),))
    cache = made.path.parent / "cache"

    def ask(target: Target, options: RepositoryOptions) -> AbstractContextManager[Resolution]:
        return resolved(repo, target, question, options, cache, progress.silent)

    with ask(target, options) as found:
        (layer,) = found.fetch(progress.silent)
    record = LayerRecord(
        nevra="tool-1-1.noarch",
        digest=layer.digest,
        commit=layer.commit,
        repo="",
        reason="user",
        requested_by=("tool",),
    )
    with repo.transaction():
        # As if its name had the key of another importer.
        repo.set_ref(layer.ref, None)
        repo.set_ref(f"{layer.ref}-earlier", layer.commit)
    assert cached_layer(repo, layer.nevra, layer.digest, target.base.layout) is None
    later = replace(target, tree=TreeMetadata(layers=(record,), policy_version=1))
    question = replace(question, needs_repositories=False)
    with ask(later, RepositoryOptions()) as found:
        (package,) = found.transaction.packages
        assert package.source is Source.LAYER
        assert [each.commit for each in found.fetch(progress.silent)] == [layer.commit]
    # One that was made for another layout of the base is of no use here.
    base = replace(later.base, layout=replace(later.base.layout, opt=b"/usr/lib/opt"))
    with ask(replace(later, base=base), options) as found:
        (package,) = found.transaction.packages
        assert package.source is Source.REPOSITORY
