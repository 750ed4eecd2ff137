# SPDX-License-Identifier: LGPL-2.1-or-later
"""From a change of a tree to what runs over it."""

import pytest

from triggers import (
    CATALOG,
    FileTrigger,
    Invocation,
    KernelChange,
    PackageScripts,
    Phase,
    Plan,
    ScriptFlags,
    Scriptlet,
    Skipped,
    TreeChange,
    UnsupportedScriptletError,
    plan,
)

FOO = "foo-1-1.noarch"
SH = ("/bin/sh",)
T = Phase.TRANSFILETRIGGERIN


def everything(tool: str) -> bool:
    return True


def nothing(tool: str) -> bool:
    return False


def post(body: str | None = "echo hello", interpreter: tuple[str, ...] = SH) -> Scriptlet:
    return Scriptlet(package=FOO, phase=Phase.POST, interpreter=interpreter, body=body)


def foo(*files: str, scriptlets: tuple[Scriptlet, ...] = ()) -> PackageScripts:
    return PackageScripts(package=FOO, files=files, scriptlets=scriptlets)


def trigger(
    body: str, *prefixes: str, package: str = "base-1-1.noarch", phase: Phase = T
) -> FileTrigger:
    return FileTrigger(package=package, phase=phase, prefixes=prefixes, body=body)


def labels(invocations: tuple[Invocation, ...]) -> list[str]:
    return [each.label for each in invocations]


def skipped(made: Plan) -> dict[str, str]:
    return {each.label: each.reason for each in made.skipped}


def test_a_plain_binary_with_a_manual_page_triggers_nothing_and_the_plan_says_so() -> None:
    package = foo("/usr/bin/foo", "/usr/share/man/man1/foo.1.gz", "/usr/share/doc/foo/README")
    made = plan(TreeChange(added=(package,), tools=everything))
    assert made == Plan()
    assert made.why == ("nothing to run: no scriptlets, and no path that a trigger watches",)


def test_a_library_triggers_ldconfig_only() -> None:
    package = foo("/usr/lib64/libfoo.so.1", "/usr/lib64/libfoo.so.1.0")
    made = plan(TreeChange(added=(package,), tools=everything))
    assert made.before == ()
    row = next(each for each in CATALOG if each.name == "ldconfig")
    assert made.after == (
        Invocation(
            phase=Phase.BUILTIN,
            owner="ldconfig",
            label="ldconfig",
            interpreter=("ldconfig", "-i"),
            origin="built-in",
            memo=True,
            reads=row.reads,
            writes=row.writes,
            why="changed: /usr/lib64/libfoo.so.1 and 1 more",
        ),
    )


def test_a_removed_library_triggers_ldconfig_too() -> None:
    change = TreeChange(added=(), removed=(foo("/usr/lib64/libfoo.so.1"),), tools=everything)
    assert labels(plan(change).after) == ["ldconfig"]


def test_a_scriptlet_that_only_calls_ldconfig_gives_way_to_the_one_run() -> None:
    one = foo("/usr/lib64/libfoo.so.1", scriptlets=(post(None, ("/sbin/ldconfig",)),))
    two = PackageScripts(
        package="bar-1-1.noarch",
        files=("/usr/lib64/libbar.so.1",),
        scriptlets=(
            Scriptlet(
                package="bar-1-1.noarch",
                phase=Phase.POST,
                interpreter=SH,
                body="/usr/sbin/ldconfig\n",
            ),
        ),
    )
    made = plan(TreeChange(added=(one, two), tools=everything))
    assert labels(made.after) == ["ldconfig"]
    assert skipped(made) == {
        f"%post({FOO})": "the built-in ldconfig runs once for all",
        "%post(bar-1-1.noarch)": "the built-in ldconfig runs once for all",
    }


def test_a_scriptlet_that_calls_ldconfig_gets_its_run_even_without_a_library() -> None:
    made = plan(TreeChange(added=(foo(scriptlets=(post("ldconfig"),)),), tools=everything))
    (invocation,) = made.after
    assert (invocation.label, invocation.why) == ("ldconfig", f"asked for by %post({FOO})")


def test_a_missing_tool_is_said() -> None:
    made = plan(TreeChange(added=(foo("/usr/share/applications/a.desktop"),), tools=nothing))
    assert made.after == ()
    assert made.skipped == (
        Skipped(
            phase=Phase.BUILTIN,
            owner="update-desktop-database",
            label="update-desktop-database",
            reason="the tree has no update-desktop-database",
        ),
    )


def test_a_cache_goes_where_its_tool_went_with_what_fed_it() -> None:
    modules = "/usr/lib64/gtk-3.0/3.0.0/immodules"
    for path, caches in (
        (f"{modules}/im-a.so", (f"{modules}.cache",)),
        ("/usr/share/mime/packages/a.xml", None),  # the tool leaves more than a file
    ):
        change = TreeChange(added=(), removed=(foo(path),), tools=lambda tool: tool == "rm")
        found = [each.interpreter for each in plan(change).after]
        assert found == ([("rm", "-f", "--", *caches)] if caches else [])
    came = TreeChange(added=(foo(f"{modules}/im-a.so"),), tools=lambda tool: tool == "rm")
    assert plan(came).after == ()


def test_the_trees_own_trigger_does_the_work_of_a_built_in_one() -> None:
    schemas = trigger(
        "/usr/lib/glib/glib-compile-schemas /usr/share/glib-2.0/schemas 2>/dev/null || echo no",
        "/usr/share/glib-2.0/schemas",
    )
    change = TreeChange(
        added=(foo("/usr/share/glib-2.0/schemas/a.gschema.xml"),),
        base_file_triggers=(schemas,),
        tools=everything,
    )
    made = plan(change)
    assert labels(made.after) == ["%transfiletriggerin(base-1-1.noarch)"]
    assert made.after[0].stdin == b"/usr/share/glib-2.0/schemas/a.gschema.xml\n"
    assert skipped(made) == {"glib-compile-schemas": "%transfiletriggerin(base-1-1.noarch) does it"}


def test_a_trigger_that_a_new_package_brings_counts_as_well() -> None:
    body = "for x in y; do glib-compile-schemas /usr/share/glib-2.0/schemas; done"
    package = PackageScripts(
        package=FOO,
        files=("/usr/share/glib-2.0/schemas/a.gschema.xml",),
        file_triggers=(trigger(body, "/usr/share/glib-2.0/schemas", package=FOO),),
    )
    assert labels(plan(TreeChange(added=(package,), tools=everything)).after) == [
        f"%transfiletriggerin({FOO})"
    ]


def test_a_trigger_for_one_icon_theme_leaves_the_others_to_us() -> None:
    hicolor = trigger("for x in y; do gtk-update-icon-cache $x; done", "/usr/share/icons/hicolor")
    files = ("/usr/share/icons/hicolor/a.png", "/usr/share/icons/other/a.png")
    change = TreeChange(added=(foo(*files),), base_file_triggers=(hicolor,), tools=everything)
    assert labels(plan(change).after) == [
        "%transfiletriggerin(base-1-1.noarch)",
        "gtk-update-icon-cache other",
    ]


def test_a_trigger_that_merely_mentions_a_longer_name_does_not_count() -> None:
    other = trigger("update-desktop-database-plus /x", "/usr/share/applications")
    change = TreeChange(
        added=(foo("/usr/share/applications/a.desktop"),),
        base_file_triggers=(other,),
        tools=everything,
    )
    assert "update-desktop-database" in labels(plan(change).after)


def test_a_directory_that_is_called_as_a_tool_does_not_count() -> None:
    other = trigger("chmod 644 /etc/dconf/db/local; true", "/etc/dconf/db")
    change = TreeChange(
        added=(foo("/etc/dconf/db/local.d/a"),), base_file_triggers=(other,), tools=everything
    )
    assert "dconf local.d" in labels(plan(change).after)


@pytest.mark.parametrize(
    ("body", "prefixes", "files", "runs"),
    [
        # Packages' ldconfig triggers watch all of /usr/lib: no library, no run.
        ("/usr/sbin/ldconfig", ("/usr/lib", "/lib64"), ["/usr/lib/systemd/system/a.service"], []),
        ("/usr/sbin/ldconfig", ("/usr/lib", "/lib64"), ["/usr/lib64/liba.so.1"], ["ldconfig"]),
        (
            "update-mime-database -n /usr/share/mime &>/dev/null || :",
            ("/usr/share/mime",),
            ["/usr/share/mime/packages/a.xml"],
            ["update-mime-database"],
        ),
        # It watches something that our row does not know: it has to run itself.
        (
            "update-mime-database -n /usr/share/mime",
            ("/usr/share/mime", "/opt/mime"),
            ["/usr/share/mime/packages/a.xml"],
            ["%transfiletriggerin(base-1-1.noarch)"],
        ),
    ],
)
def test_a_trigger_that_only_calls_a_tool_gives_way_where_ours_does_better(
    body: str, prefixes: tuple[str, ...], files: list[str], runs: list[str]
) -> None:
    change = TreeChange(
        added=(foo(*files),), base_file_triggers=(trigger(body, *prefixes),), tools=everything
    )
    assert labels(plan(change).after) == runs


def test_a_trigger_runs_itself_where_the_tree_lacks_our_tool() -> None:
    change = TreeChange(
        added=(foo("/usr/share/fonts/a.ttf"),),
        base_file_triggers=(trigger("fc-cache -s", "/usr/share/fonts"),),
        tools=nothing,
    )
    assert labels(plan(change).after) == ["%transfiletriggerin(base-1-1.noarch)"]


def test_users_are_made_before_pre_and_only_from_new_files() -> None:
    pre = Scriptlet(package=FOO, phase=Phase.PRE, interpreter=SH, body="true")
    pretrans = Scriptlet(package=FOO, phase=Phase.PRETRANS, interpreter=SH, body="true")
    package = foo(
        "/usr/lib/sysusers.d/zoo.conf", "/usr/lib/sysusers.d/bar.conf", scriptlets=(pre, pretrans)
    )
    systemd = trigger("systemd-sysusers", "/usr/lib/sysusers.d", package="systemd-1-1.noarch")
    change = TreeChange(added=(package,), base_file_triggers=(systemd,), tools=everything)
    made = plan(change)
    assert labels(made.before) == [f"%pretrans({FOO})", "systemd-sysusers", f"%pre({FOO})"]
    assert made.before[1].interpreter == ("systemd-sysusers", "bar.conf", "zoo.conf")
    assert [each.fatal for each in made.before] == [True, True, True]
    assert made.after == ()
    assert list(skipped(made)) == ["%transfiletriggerin(systemd-1-1.noarch)"]


def test_what_the_caller_has_to_say_about_users_is_read_first() -> None:
    package = foo("/usr/lib/sysusers.d/bar.conf")
    config = ("/run/sysusers.d/ids.conf",)
    made = plan(TreeChange(added=(package,), tools=everything, sysusers_config=config))
    (invocation,) = made.before
    assert invocation.interpreter == ("systemd-sysusers", "/run/sysusers.d/ids.conf", "bar.conf")


def test_users_that_packages_ask_for_without_a_file_are_made_after_those_of_files() -> None:
    pre = Scriptlet(package=FOO, phase=Phase.PRE, interpreter=SH, body="true")
    one = PackageScripts(package=FOO, scriptlets=(pre,), accounts=("u a -", "g b 7"))
    two = PackageScripts(package="bar-1-1.noarch", accounts=("g b 7", "m a b"))
    made = plan(TreeChange(added=(one, two), tools=everything, sysusers_config=("/run/i.conf",)))
    assert labels(made.before) == ["systemd-sysusers", f"%pre({FOO})"]
    assert made.before[0].interpreter == ("systemd-sysusers", "/run/i.conf", "-")
    assert made.before[0].stdin == b"u a -\ng b 7\nm a b\n"
    assert (made.before[0].fatal, made.before[0].why) == (True, f"asked for by {FOO}")
    filed = TreeChange(added=(one, foo("/usr/lib/sysusers.d/z.conf")), tools=everything)
    assert plan(filed).before[0].interpreter == ("systemd-sysusers", "z.conf", "-")
    without = plan(TreeChange(added=(two,), tools=nothing))
    assert (without.before, list(skipped(without))) == ((), ["systemd-sysusers"])


def test_no_users_are_made_for_files_that_went() -> None:
    change = TreeChange(added=(), removed=(foo("/usr/lib/sysusers.d/foo.conf"),), tools=everything)
    assert plan(change) == Plan()


def test_ldconfig_precedes_the_transactions_file_triggers_and_follows_posttrans() -> None:
    posttrans = Scriptlet(package=FOO, phase=Phase.POSTTRANS, interpreter=SH, body="true")
    package = foo(
        "/usr/lib64/libfoo.so.1", "/usr/share/applications/a.desktop", scriptlets=(posttrans,)
    )
    change = TreeChange(
        added=(package,), base_file_triggers=(trigger("true", "/usr"),), tools=everything
    )
    assert labels(plan(change).after) == [
        f"%posttrans({FOO})",
        "ldconfig",
        "%transfiletriggerin(base-1-1.noarch)",
        "update-desktop-database",
    ]


@pytest.mark.parametrize("noscripts", ["foo", FOO, "*"])
def test_scripts_of_a_package_can_be_turned_off(noscripts: str) -> None:
    package = PackageScripts(
        package=FOO,
        files=("/usr/share/x/a",),
        scriptlets=(post(),),
        file_triggers=(trigger("true", "/usr/share/x", package=FOO),),
    )
    base = trigger("true", "/usr/share/x")
    change = TreeChange(added=(package,), base_file_triggers=(base,), tools=everything)
    made = plan(change, noscripts=frozenset({noscripts}))
    assert labels(made.after) == ["%transfiletriggerin(base-1-1.noarch)"]
    assert skipped(made) == {
        f"%post({FOO})": "scripts of this package are turned off",
        f"%transfiletriggerin({FOO})": "scripts of this package are turned off",
    }


def test_each_line_of_why_names_a_script_and_its_cause() -> None:
    change = TreeChange(
        added=(foo("/usr/share/man/man1/a.1", scriptlets=(post(),)),),
        base_file_triggers=(trigger("mandb", "/usr/share/man", package="man-db-1-1.noarch"),),
        tools=everything,
    )
    assert plan(change).why == (
        f"%post({FOO}): {FOO} is new",
        "%transfiletriggerin(man-db-1-1.noarch) is skipped: its index lies in /var; the host's own"
        " timer makes it",
    )


@pytest.mark.parametrize(
    ("scriptlet", "what"),
    [
        (post("x()", ("<lua>",)), "it is Lua, and the tree has neither rpmlua nor rpm"),
        (
            Scriptlet(
                package=FOO,
                phase=Phase.POST,
                interpreter=SH,
                body="%{name}",
                flags=ScriptFlags.QFORMAT,
            ),
            "rpm has to write its body out (-e, -q), and the tree has none",
        ),
    ],
)
def test_what_cannot_run_as_rpm_would_run_it_is_refused(scriptlet: Scriptlet, what: str) -> None:
    with pytest.raises(UnsupportedScriptletError) as caught:
        plan(TreeChange(added=(foo(scriptlets=(scriptlet,)),), tools=nothing))
    assert str(caught.value) == f"scriptlet cannot be run, {what}, %post({FOO})"


def test_a_refused_scriptlet_is_no_matter_once_it_is_turned_off() -> None:
    change = TreeChange(added=(foo(scriptlets=(post("x()", ("<lua>",)),)),), tools=nothing)
    assert plan(change, noscripts=frozenset({"foo"})).after == ()


def test_the_same_change_gives_the_same_plan() -> None:
    def change() -> TreeChange:
        files = ("/usr/share/icons/b/x", "/usr/share/icons/a/x", "/usr/lib64/libx.so")
        return TreeChange(added=(foo(*files, scriptlets=(post(),)),), tools=everything)

    assert plan(change()) == plan(change())


KERNEL = KernelChange(version="6.1-1", arguments=("--no-hostonly", "--add", "ostree"))
DRACUT = (
    *("dracut", "--force", "--reproducible", "--kver", "6.1-1", "--no-hostonly"),
    *("--add", "ostree", "/usr/lib/modules/6.1-1/initramfs.img"),
)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/dracut.conf.d/x.conf",
        "/etc/dracut.conf",
        "/usr/lib/dracut/modules.d/90x/module-setup.sh",
        "/usr/lib/dracut/dracut.conf.d/x.conf",
        "/usr/lib/firmware/intel-ucode/06-01-01",
        "/usr/lib/firmware/amd-ucode/microcode_amd.bin",
        "/usr/lib/modules/6.1-1/vmlinuz",
    ],
)
def test_the_initramfs_is_made_anew_last_of_all(path: str) -> None:
    package = foo(path, "/usr/lib/modules/6.1-1/extra/x.ko", "/usr/share/icons/a/x")
    made = plan(TreeChange(added=(package,), tools=everything, kernel=KERNEL))
    assert labels(made.after) == ["depmod 6.1-1", "gtk-update-icon-cache a", "dracut 6.1-1"]
    last = made.after[-1]
    assert (last.interpreter, last.fatal, last.why) == (DRACUT, True, f"changed: {path}")


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/modules/6.1-1/extra/x.ko",
        "/usr/lib/firmware/iwlwifi.ucode",
        "/etc/dracut.conf.d/README",
        "/usr/share/dracut",
    ],
)
def test_what_says_nothing_of_the_initramfs_leaves_it_alone(path: str) -> None:
    made = plan(TreeChange(added=(foo(path),), tools=everything, kernel=KERNEL))
    assert not [label for label in labels(made.after) if "dracut" in label]


def test_a_tree_without_an_initramfs_of_dracuts_gets_none() -> None:
    change = TreeChange(added=(foo("/etc/dracut.conf.d/x.conf"),), tools=everything)
    assert plan(change) == Plan()


def test_a_tree_that_loses_dracut_keeps_its_initramfs() -> None:
    change = TreeChange(added=(foo("/etc/dracut.conf.d/x.conf"),), tools=nothing, kernel=KERNEL)
    made = plan(change)
    assert made.after == ()
    assert skipped(made) == {"dracut": "the tree has no dracut"}


def test_the_traces_of_a_removed_package_are_repaired() -> None:
    gone = foo("/usr/lib64/libfoo.so.1", "/usr/share/icons/a/x", "/etc/dracut.conf.d/x.conf")
    made = plan(TreeChange(added=(), removed=(gone,), tools=everything, kernel=KERNEL))
    assert labels(made.after) == ["ldconfig", "gtk-update-icon-cache a", "dracut 6.1-1"]


def test_a_replaced_package_is_cleaned_up_after_as_by_rpm() -> None:
    def scripts(nevra: str) -> tuple[Scriptlet, ...]:
        phases = (Phase.PREUNTRANS, Phase.PREUN, Phase.POSTUN, Phase.POSTUNTRANS)
        return tuple(
            Scriptlet(package=nevra, phase=phase, interpreter=SH, body="true") for phase in phases
        )

    old, new = "foo-1-1.noarch", "foo-2-1.noarch"
    change = TreeChange(
        added=(PackageScripts(package=new, scriptlets=scripts(new)),),
        removed=(PackageScripts(package=old, scriptlets=scripts(old), replaced_by=new),),
        base_versions={"foo": ("1-1",)},
        tools=nothing,
    )
    made = plan(change)
    assert [(each.label, each.args) for each in made.after] == [
        (f"%postun({old})", ("1",)),
        (f"%postuntrans({old})", ("1",)),
    ]
    reason = "rpm runs it while the files that go are there; the tree no longer has them"
    assert skipped(made) == {f"%preuntrans({old})": reason, f"%preun({old})": reason}


def test_a_query_of_a_package_that_went_cannot_be_answered() -> None:
    script = Scriptlet(
        package=FOO,
        phase=Phase.POSTUN,
        interpreter=SH,
        body="echo %{name}",
        flags=ScriptFlags.QFORMAT,
    )
    made = plan(TreeChange(added=(), removed=(foo(scriptlets=(script,)),), tools=everything))
    assert made.after == ()
    assert list(skipped(made).values()) == [
        "its body is a query of its package (-q), which the tree no longer has"
    ]


def test_rpms_own_words_are_left_to_the_runner() -> None:
    flags = ScriptFlags.EXPAND | ScriptFlags.QFORMAT
    script = Scriptlet(package=FOO, phase=Phase.POST, interpreter=SH, body="%{x}", flags=flags)
    (invocation,) = plan(TreeChange(added=(foo(scriptlets=(script,)),), tools=everything)).after
    assert (invocation.body, invocation.expand, invocation.query) == ("%{x}", True, FOO)


def test_a_ghost_sets_off_triggers_of_packages_and_no_built_in_one() -> None:
    path = "/usr/share/applications/ghost.desktop"
    package = PackageScripts(package=FOO, files=(path,), ghosts=frozenset({path}))
    base = trigger("true", "/usr/share/applications")
    change = TreeChange(added=(package,), base_file_triggers=(base,), tools=everything)
    (invocation,) = plan(change).after
    assert (invocation.owner, invocation.stdin) == (base.package, f"{path}\n".encode())
