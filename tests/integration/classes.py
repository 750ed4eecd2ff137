# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a package may bring, class by class, and what becomes of it: the data of docs/fidelity.md.

`test_differential.py` and `test_refusals.py` hold the rows to it: classes that name no difference
are equal to rpm's work in every path, and packages of others, installed together, show just those
differences that their classes name.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.integration.groups import GROUPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """One kind of thing that packages bring."""

    what: str
    cases: str  # the packages that show it, by name
    becomes: str = ""  # empty: what rpm makes of it
    conventions: tuple[str, ...] = ()  # names of the conventions that the difference follows


STATE = ("tmpfiles", "factory")
ACCOUNTS = ("accounts", "account tools", "sysusers")

TOOLS = """dejavu-fonts-extra htop jq libjpeg62-turbo libjq1 libonig5 libunwind8 libwmf-0.2-7
    libwmf-0.2-7-gtk libwmflite-0.2-7 strace tree"""
DAEMONS = """dnsmasq-base libevent-2.1-7 liblua5.4-0 liblzf1 libnetfilter-conntrack3 libnfnetlink0
    memcached redis redis-tools"""
HAND_MADE = "greet-any greet-new greet-old libgreet perl-interpreter"

CHAPTERS: dict[str, tuple[Class, ...]] = {
    "Files": (
        Class(
            what="files, directories and links below /etc; %config of each kind",
            cases="""case-etc case-etc-links case-etc-modes case-config-in-usr
                case-config-missingok case-config-of-base""",
            becomes="/usr/etc in the tree, which a deployment's /etc is made from and merged with",
        ),
        Class(
            what="directories and links below /var and /run",
            cases="case-tmpfiles case-var-deep case-var-dirs case-var-links case-var-old-names",
            becomes="a line of tmpfiles.d with mode and owner",
            conventions=("tmpfiles",),
        ),
        Class(
            what="regular files below /var and /run",
            cases="""case-run-file case-var-empty-file case-var-file case-var-hardlinks
                case-var-log case-var-many case-var-modes case-var-names case-name-var-long""",
            becomes="a copy below /usr/share/factory, and a line of tmpfiles.d that copies it",
            conventions=STATE,
        ),
        Class(
            what="files in homes, and directories to mount on",
            cases="case-home case-mount-points case-root-home",
            becomes="as below /var and /run, where the base's links lead",
            conventions=STATE,
        ),
        Class(
            what="anything below /opt, with any name",
            cases="""case-opt case-opt-link-into case-opt-post case-opt-quotes
                case-opt-shared-a case-opt-shared-b case-opt-space case-opt-top""",
            becomes="/usr/lib/opt in the tree, and a line of tmpfiles.d that links /opt to it",
            conventions=("opt", "opt link", "link target", "tmpfiles"),
        ),
        Class(
            what="below /opt, of a user of the package's own",
            cases="case-opt-owners",
            becomes="the same there",
            conventions=("opt", "opt link", "tmpfiles", *ACCOUNTS),
        ),
        Class(
            what="below /opt with configuration in /etc/opt and state in /var/opt",
            cases="case-opt-fhs",
            becomes="each as its own place says",
            conventions=("opt", "opt link", *STATE),
        ),
        Class(
            what="below /usr/local",
            cases="case-usr-local case-usr-local-links",
            becomes="as below /var, where the base has /usr/local lead there",
            conventions=("link target", *STATE),
        ),
        Class(
            what="below /boot, the EFI system partition included",
            cases="case-boot-efi case-boot-file case-boot-link",
            becomes="/usr/lib/ostree-boot in the tree; a kernel beside its modules",
            conventions=("boot",),
        ),
        Class(
            what="below /bin, /sbin, /lib and /lib64",
            cases="case-unmerged-links case-unmerged-paths",
        ),
        Class(
            what="the directories /bin, /sbin and /lib themselves",
            cases="case-unmerged-directories",
            becomes="the base's links stay, where rpm finds a conflict",
        ),
        Class(
            what="files behind a link of the base to a directory",
            cases="case-base-link-through case-link-directory",
        ),
        Class(
            what="files behind a link of another layered package to a directory",
            cases="case-link-through",
            becomes="refused: one layer does not depend on what another one links",
        ),
        Class(
            what="links: dangling, long, with blanks, to themselves, out of the tree, owned",
            cases="case-link-long case-link-loop case-link-owner case-link-targets case-links",
        ),
        Class(
            what="%ghost: of nothing, of another package's file, made by a script",
            cases="case-ghost case-ghost-of-base case-ghost-real case-ghost-shared",
            conventions=("tmpfiles",),
        ),
        Class(
            what="hard links: across directories, set-user-ID, with capabilities, partly packaged",
            cases="""case-hardlinks case-hardlinks-caps case-hardlinks-partly
                case-hardlinks-setuid case-v4-hardlinks""",
        ),
        Class(
            what="hard links between /usr, /etc, /var and /opt",
            cases="case-hardlinks-places",
            becomes="a file at each place",
            conventions=("opt", "opt link", *STATE),
        ),
        Class(
            what="set-user-ID, set-group-ID, sticky and unusual modes",
            cases="case-modes case-setgid-directory case-setuid",
        ),
        Class(what="capabilities", cases="case-caps case-caps-setuid"),
        Class(
            what="directories that nobody lists, directories alone, deep ones",
            cases="case-deep case-directories-only case-unowned-directories",
        ),
        Class(
            what="names with blanks, quotes, dashes, dots, any letters, markers of other tools",
            cases="""case-name-dash case-name-dots case-name-letters case-name-long
                case-name-markers case-name-quotes case-names""",
        ),
        Class(
            what="names of 247 to 255 bytes",
            cases="case-name-255",
            becomes="a file, where rpm fails",
        ),
        Class(
            what="empty files, sparse files, three thousand and twenty thousand of them",
            cases="case-many-files case-sizes case-twenty-thousand",
        ),
        Class(
            what="Python byte code with the time of its source",
            cases="case-pyc-timestamp",
            becomes="the same with time 0, as its source has, so that Python uses it",
            conventions=("byte code",),
        ),
        Class(
            what="Python byte code with a hash of its source, or without source",
            cases="case-pyc-hash case-pyc-sourceless",
        ),
        Class(
            what="documentation, licences, translations, artifacts, files not to be verified",
            cases="case-file-flags",
        ),
        Class(what="relocatable packages", cases="case-prefix"),
        Class(what="packages without any file", cases="case-empty"),
        Class(
            what="every payload compression, package format and digest",
            cases="""case-digest-md5 case-digest-sha512 case-payload-bzip2 case-payload-gzip
                case-payload-lzma case-payload-none case-payload-v6-gzip case-payload-v6-none
                case-payload-xz case-payload-zstd case-v4-ghosts""",
        ),
        Class(
            what="/srv, directories of their own at the top of the system",
            cases="case-srv case-srv-link case-top-level",
            becomes="refused, unless the configuration allows the directory",
        ),
        Class(
            what="device nodes and pipes",
            cases="case-device-node case-pipe",
            becomes="refused, or left out with a warning on request",
        ),
        Class(what="names that are not UTF-8", cases="case-name-no-utf8", becomes="refused"),
        Class(
            what="capabilities of files below /var",
            cases="case-var-caps",
            becomes="refused",
        ),
    ),
    "Owners": (
        Class(
            what="users, groups, members and ranges of sysusers.d",
            cases="""case-sysusers-group case-sysusers-ids case-sysusers-known
                case-sysusers-locked case-sysusers-member case-sysusers-range
                case-user-sysusers""",
            becomes="the same; an id that is not fixed follows from the name",
            conventions=(*ACCOUNTS, *STATE),
        ),
        Class(
            what="users and groups by useradd, groupadd, usermod, groupmod in scriptlets",
            cases="""case-group-pre case-groupmod case-useradd-home case-useradd-post
                case-user-pre case-usermod-pre case-post-passwd case-post-sysusers""",
            becomes="the same; an id that is not fixed follows from the name",
            conventions=(*ACCOUNTS, *STATE),
        ),
        Class(
            what="files of a user whom another package brings",
            cases="case-owner-elsewhere",
            conventions=(),
        ),
        Class(
            what="users and groups that nobody makes, numbers for names",
            cases="case-numeric-owner case-unknown-group case-unknown-user",
            becomes="refused; rpm would give the files to root",
        ),
    ),
    "Conflicts": (
        Class(
            what="the same file, link or directory in two packages, or in the base",
            cases="""case-identical-a case-identical-b case-same-as-base case-shared-directory
                case-shared-directory-other case-shared-link case-shared-link-other
                case-shared-owned case-shared-owned-other""",
            conventions=("tmpfiles",),
        ),
        Class(
            what="a file with other content, mode, owner, type or target",
            cases="""case-conflict-mode case-conflict-mode-other case-conflict-owner
                case-conflict-owner-other case-conflict-target case-conflict-target-other
                case-conflict-type case-conflict-type-other case-conflict-unmerged
                case-conflict-unmerged-other case-conflict-var case-conflict-var-other
                case-conflict-a case-conflict-b""",
            becomes="refused, as by rpm",
        ),
        Class(
            what="a directory with another mode or owner",
            cases="""case-conflict-directory-mode case-conflict-directory-mode-other
                case-conflict-directory-owner case-conflict-directory-owner-other
                case-conflicts-base-directory""",
            becomes="refused, as by rpm",
        ),
        Class(
            what="the same file with another capability",
            cases="case-conflict-caps case-conflict-caps-other",
            becomes="refused: one of the two would be lost, as it is with rpm",
        ),
        Class(
            what="a file, link or directory that is something else in the base",
            cases="""case-base-link-directory case-conflicts-base-config case-conflicts-base-file
                case-conflicts-base-mode case-conflicts-base-owner case-conflicts-base-target
                case-conflicts-base-type case-directory-over-file case-file-over-directory
                case-file-over-link case-link-over-directory""",
            becomes="refused, as by rpm",
        ),
    ),
    "Scriptlets": (
        Class(what="%post, %posttrans", cases="case-post case-posttrans case-script-order"),
        Class(
            what="%pre",
            cases="case-pre",
            becomes="the same, with the package's own files already in place",
            conventions=("files first",),
        ),
        Class(
            what="%pretrans, in Lua and for the shell", cases="case-pretrans-lua case-pretrans-sh"
        ),
        Class(
            what="%preun, %postun, %preuntrans, %postuntrans, %verifyscript of what comes",
            cases="case-removal-scripts case-verifyscript",
        ),
        Class(
            what="interpreters: sh, bash, Python, Perl, a program, the package's own",
            cases="""case-own-interpreter case-post-bash case-post-perl case-post-program
                case-python-post""",
        ),
        Class(what="%post -p /sbin/ldconfig", cases="case-post-ldconfig"),
        Class(
            what="Lua, with rpm's and the posix library",
            cases="case-lua-execute case-lua-post case-lua-posix case-lua-pre case-lua-rpm",
        ),
        Class(
            what="bodies that rpm expands or fills in (-e, -q), macros, long ones",
            cases="case-post-expand case-post-large case-post-macro case-post-query",
        ),
        Class(
            what="failures of %post, %posttrans and triggers",
            cases="""case-lua-fails case-post-fails case-post-signal case-posttrans-fails
                case-triggers-fail""",
            becomes="the same; the warning stays in `status -v`",
        ),
        Class(
            what="failures of %pretrans, %pre and %triggerprein",
            cases="""case-pre-fails case-pre-lua-fails case-pretrans-fails
                case-triggerprein-fails""",
            becomes="nothing is installed; rpm leaves out the package and installs the others",
        ),
        Class(
            what="output, standard input, umask, language, processes left behind",
            cases="""case-post-daemon case-post-locale case-post-stderr case-post-stdin
                case-post-umask""",
        ),
        Class(
            what="what a scriptlet sees of the machine",
            cases="case-sandbox",
            becomes="less: it runs in a sandbox",
            conventions=("sandbox",),
        ),
        Class(
            what="questions to the package database",
            cases="case-post-rpmdb",
        ),
        Class(
            what="notes in /var/lib/rpm-state",
            cases="case-rpm-state",
            becomes="there for the scripts of one operation, and gone with it",
            conventions=("transient",),
        ),
        Class(
            what="changes to the package's own files, owners, modes, attributes",
            cases="""case-post-directory case-post-edits-etc case-post-hardlinks case-post-links
                case-post-owners case-post-own-files case-post-xattr""",
        ),
        Class(
            what="directories that %pre makes and the package then brings or fills",
            cases="case-pre-directory case-pre-unowned",
        ),
        Class(
            what="files that %pre writes and the package then brings",
            cases="case-pre-config case-pre-file",
            becomes="what %pre wrote: all files are in place before the first script runs",
            conventions=("files first",),
        ),
        Class(
            what="changes to files of the base, in /usr and /etc",
            cases="""case-post-appends case-post-chmods case-post-deletes
                case-post-edits-base-etc case-post-renames case-post-replaces case-post-shells""",
        ),
        Class(
            what="writes to /var",
            cases="""case-ghost-made case-post-crontab case-post-tmpfiles case-post-var-edits
                case-post-var-owner case-pre-var""",
            becomes="kept as the package's own files there, with a warning that names the script",
            conventions=STATE,
        ),
        Class(
            what="writes to /usr/local and /opt",
            cases="case-post-usr-local",
            becomes="the same, where such files of the package would lie",
            conventions=("opt", "opt link", *STATE),
        ),
        Class(
            what="writes to /run and /tmp",
            cases="case-post-run case-post-var",
            becomes="gone with the operation",
            conventions=("transient", *STATE),
        ),
        Class(
            what="systemctl enable, disable, preset, mask; units of users, templates",
            cases="""case-unit case-unit-enabled case-unit-instance case-unit-mask
                case-unit-user""",
        ),
        Class(
            what="systemctl start, restart, daemon-reload; settings of a running kernel",
            cases="case-post-sysctl case-unit-reload case-unit-start",
            becomes="nothing: no system runs in an image that is being made",
        ),
        Class(
            what="alternatives",
            cases="case-alternatives",
            becomes="the same; what they keep below /var as other writes to it",
            conventions=STATE,
        ),
        Class(what="depmod, the hardware database", cases="case-depmod case-post-hwdb"),
    ),
    "Triggers": (
        Class(
            what="%triggerprein and %triggerin: versions, several packages, Lua, Python",
            cases="""case-triggerin-base case-triggerin-layer case-triggerin-lua
                case-triggerin-python case-triggerin-self case-triggerin-several
                case-triggerin-version case-triggerin-virtual""",
        ),
        Class(
            what="%triggerprein, and several triggers that write to one file",
            cases="case-triggerin case-triggerprein",
        ),
        Class(
            what="%filetriggerin: of the base's files, several places, priorities, Lua",
            cases="""case-filetrigger-base case-filetrigger-ignores case-filetrigger-lua
                case-filetrigger-priority case-watched-a case-watched-b""",
        ),
        Class(
            what="%filetriggerin for the files of several packages",
            cases="case-filetrigger case-filetrigger-several",
        ),
        Class(
            what="%transfiletriggerin: priorities, Lua, of the base's files",
            cases="case-transfiletrigger case-transfiletrigger-base case-transfiletrigger-lua",
        ),
        Class(
            what="%triggerun, %triggerpostun and the file triggers for removals, of what comes",
            cases="case-triggers-removal",
        ),
        Class(
            what="the base's triggers and overlay's own: caches of libraries, icons, types",
            cases="""case-mime case-trigger-desktop case-trigger-icon case-trigger-library
                case-trigger-library-directory case-trigger-mime case-trigger-theme""",
        ),
        Class(
            what="the same: fonts, in a directory of their own",
            cases="case-trigger-font",
            becomes="a cache of that directory, which notes no time; rpm's is thrown away by the "
            "tool that made it",
            conventions=("font caches", "tag of font caches"),
        ),
        Class(
            what="the same: settings, modules of GIO, input methods",
            cases="""case-trigger-dconf case-trigger-gio-module case-trigger-immodule
                case-trigger-schema case-trigger-schema-override""",
        ),
        Class(
            what="the same: hardware, kernel modules, authorities, Info's directory",
            cases="""case-trigger-certificate case-trigger-hwdb case-trigger-info
                case-trigger-info-other case-trigger-kernel-module""",
        ),
        Class(what="files that no cache knows", cases="case-trigger-program"),
    ),
    "Dependencies": (
        Class(
            what="order: Requires(pre), Requires(post), OrderWithRequires, chains",
            cases="""case-order-chain case-order-makes case-order-post case-order-pre
                case-order-tool case-order-with""",
        ),
        Class(
            what="packages that need each other",
            cases="""case-cycle-a case-cycle-b case-cycle-three-a case-cycle-three-b
                case-cycle-three-c""",
        ),
        Class(
            what="rich and weak dependencies, several providers, old names",
            cases="""case-provider-a case-provider-b case-rich case-self-provides
                case-supplements case-weak""",
        ),
        Class(
            what="versions, epochs and names of every form",
            cases="""case-epoch case-plus+plus.and_more case-versions
                case-a-package-name-that-is-longer-than-nearly-all-of-those-that-distributions-have""",
        ),
        Class(
            what="what the base has to have, or newer than it",
            cases="case-abi-fixed case-abi-follows",
        ),
        Class(
            what="what nothing provides",
            cases="case-interpreter-missing case-requires-missing case-requires-newer-base",
            becomes="refused, as by rpm",
        ),
        Class(
            what="what would remove or replace a package of the base",
            cases="case-conflicts-tag case-obsoletes-base",
            becomes="refused: the base stays as it is",
        ),
    ),
    "SELinux": (
        Class(
            what="a policy",
            cases="policycoreutils selinux-policy-default selinux-utils",
            becomes="the same, and the whole tree labelled by it",
            conventions=("labels", *STATE),
        ),
    ),
    "Real packages": (
        Class(
            what="daemons of Debian, repackaged, with their users and what they need",
            cases=DAEMONS,
            becomes="as the classes above say",
            conventions=(*ACCOUNTS, "tmpfiles"),
        ),
        Class(
            what="desktop programs, libraries and languages of Debian, repackaged",
            cases=" ".join(
                name
                for name in dict.fromkeys(" ".join(g.packages for g in GROUPS.values()).split())
                if not name.startswith(("case-", "policy", "selinux-"))
                and name not in f"{DAEMONS} {TOOLS} {HAND_MADE}".split()
            ),
            becomes="as the classes above say",
            conventions=STATE,
        ),
        Class(
            what="command line tools, fonts and an image loader of Debian, repackaged", cases=TOOLS
        ),
        Class(
            what="hand-made: a library in two versions with its users, an interpreter alone",
            cases=HAND_MADE,
        ),
    ),
}


def conventions_of(packages: Iterable[str]) -> frozenset[str]:
    """Returns the names of the conventions that the classes of these packages name."""
    wanted = set(packages)
    return frozenset(
        name
        for chapter in CHAPTERS.values()
        for each in chapter
        if not wanted.isdisjoint(each.cases.split())
        for name in each.conventions
    )


def without_difference(packages: Iterable[str]) -> list[str]:
    """Returns those of the packages whose classes name no convention."""
    return [name for name in packages if not conventions_of([name])]
