# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rows of the catalog for the system itself: accounts, kernel, hardware, certificates, manuals.

What lies in /etc is written into the tree's own. OSTree merges that into the host's file by file: a
host that has changed a source (a certificate of its own) has made the output itself as well, keeps
it, and has to make it again after an upgrade.
"""

from triggers.declared import DeclaredTrigger

SYSUSERS = DeclaredTrigger(
    name="systemd-sysusers",
    paths=("/usr/lib/sysusers.d/{file:*.conf}",),
    tools=("systemd-sysusers",),
    reads=("/usr/lib/sysusers.d/*", "/etc/sysusers.d/*", "/etc/passwd", "/etc/group"),
    writes=("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"),
    first=True,
    fatal=True,  # rpm, too, refuses a package whose users cannot be made
    reason=(
        "makes the users that own files and that %pre may ask for; only what the new files say, "
        "by their bare names, so that a file of the same name in /etc still overrides"
    ),
)

INITRAMFS = DeclaredTrigger(
    name="dracut",
    paths=(
        "/usr/lib/dracut/**",
        "/etc/dracut.conf",
        "/etc/dracut.conf.d/*.conf",
        "/usr/lib/firmware/(intel|amd)-ucode/**",
        "/usr/lib/modules/*/vmlinuz",
    ),
    tools=("dracut",),
    arguments=("--force", "--reproducible"),
    # Device nodes cannot be made in the sandbox; the kernel's own devtmpfs brings them.
    environment=(("DRACUT_NO_MKNOD", "1"), ("TMPDIR", "/tmp")),
    reads=(
        *("/usr/lib/dracut/**", "/etc/dracut.conf", "/etc/dracut.conf.d/*"),
        *("/usr/lib/firmware/**", "/usr/lib/modules/**"),
    ),
    writes=("/usr/lib/modules/**",),
    fatal=True,  # a tree with a new kernel does not boot without
    reason=(
        "the initramfs of the tree's one kernel, if dracut made the base's: microcode is loaded "
        "from it, and dracut's modules and configuration say what is in it. What else it copies, "
        "programs and libraries of the whole tree, only running it shows"
    ),
)

_ANCHORS = ("/usr/share/pki/ca-trust-source", "/etc/pki/ca-trust/source")
_DEBIANS = ("/usr/share/ca-certificates", "/usr/local/share/ca-certificates")
_INFO = "/usr/share/info"

SYSTEM: tuple[DeclaredTrigger, ...] = (
    DeclaredTrigger(
        name="depmod",
        paths=("/usr/lib/modules/{kernel}/**/*.ko(|.gz|.xz|.zst)",),
        tools=("depmod",),
        arguments=("{kernel}",),
        body="""\
directory=/usr/lib/modules/$2
[ -d "$directory" ] || exit 0
"$1" -a -- "$2" || exit
cd "$directory" || exit
[ ! -s modules.dep ] && [ ! -e modules.builtin ] && [ ! -e vmlinuz ] || exit 0
for name in alias builtin.alias dep devname softdep symbols builtin weakdep; do
    rm -f "modules.$name" "modules.$name.bin"
done
cd / && rmdir "$directory" 2> /dev/null || :
""",
        reads=("/usr/lib/modules/{kernel}/**", "/usr/lib/depmod.d/*", "/etc/depmod.d/*"),
        writes=("/usr/lib/modules/{kernel}/*",),
        reason=(
            "module dependencies of each kernel touched, in the order of modules.order; a kernel "
            "that went, and whose last module went, leaves no directory"
        ),
    ),
    DeclaredTrigger(
        name="systemd-hwdb",
        paths=("/(usr/lib|etc)/udev/hwdb.d/*.hwdb",),
        tools=("systemd-hwdb",),
        body='[ -e /etc/udev/hwdb.bin ] || exec "$1" update --usr\nexec "$1" update\n',
        reads=("/usr/lib/udev/hwdb.d/*", "/etc/udev/hwdb.d/*"),
        writes=("/usr/lib/udev/hwdb.bin", "/etc/udev/hwdb.bin"),
        supersedes=True,
        reason=(
            "the hardware database; below /usr unless the tree keeps it in /etc, which wins. "
            "Sorted by the tool, no time in its output, which it removes with the last source"
        ),
    ),
    DeclaredTrigger(
        name="ca-trust",
        paths=tuple(f"{each}/**" for each in _ANCHORS),
        but=tuple(f"{each}/README" for each in _ANCHORS),
        tools=("update-ca-trust",),
        arguments=("extract",),
        # Java's store has the time of each entry in it.
        environment=(("SOURCE_DATE_EPOCH", "0"),),
        reads=(
            *(f"{each}/**" for each in _ANCHORS),
            *("/usr/share/p11-kit/modules/*", "/etc/pkcs11/**"),
        ),
        writes=("/etc/pki/ca-trust/extracted/**", "/etc/pki/tls/certs/*"),
        reason=(
            "certificates that programs trust, Fedora's way, all formats; the tool empties the "
            "directory of hashed names itself"
        ),
    ),
    DeclaredTrigger(
        name="ca-certificates",
        paths=(
            *(f"{each}/**/*.crt" for each in _DEBIANS),
            *("/etc/ca-certificates.conf", "/etc/ca-certificates/update.d/*"),
        ),
        tools=("update-ca-certificates",),
        arguments=("--fresh",),
        reads=(
            *(f"{each}/**" for each in _DEBIANS),
            *("/etc/ca-certificates.conf", "/etc/ca-certificates/update.d/*", "/etc/ssl/certs/*"),
        ),
        writes=("/etc/ssl/certs/*",),
        reason=(
            "certificates that programs trust, Debian's way; --fresh, as links to certificates "
            "that went would stay. Sorted by the tool"
        ),
    ),
    DeclaredTrigger(
        name="install-info",
        paths=(f"{_INFO}/*",),
        but=(f"{_INFO}/dir", f"{_INFO}/dir.*", f"{_INFO}/*.(png|jpg|txt)"),
        tools=("install-info",),
        aliases=("fix-info-dir", "update-info-dir"),
        arguments=(_INFO,),
        body="""\
export LC_ALL=C
rm -f "$2/dir" "$2/dir.old"
for file in "$2"/*; do
    case ${file##*/} in
    '*' | *.info-[0-9]* | *.png | *.jpg | *.txt) ;;
    *) "$1" "$file" "$2/dir" || : ;;
    esac
done
""",
        reads=(f"{_INFO}/*",),
        writes=(f"{_INFO}/dir", f"{_INFO}/dir.old"),
        reason=(
            "the menu of Info manuals, from scratch and in the order of their names: entries stay "
            "in the order in which they are added, and a manual that went cannot say what its were"
        ),
    ),
)
