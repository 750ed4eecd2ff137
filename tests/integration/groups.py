# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which packages of the world are installed together, once by rpm and once as layers.

Every package that can be installed is in a group (`test_differential.py` checks it), and as few
groups as may be: each costs two trees. Apart are those that do not go together, and scriptlets that
would see the work of others.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Packages that are installed together."""

    packages: str
    tree: str = "base/minimal"
    verify: frozenset[str] = frozenset()  # what `rpm -V` says of ours and not of rpm's own


# Packages that rpm cannot install, and why; layers can.
ONLY_OURS = {
    "case-name-255": "rpm writes a file under a name that is nine bytes longer than its own, first",
    "case-unmerged-directories": "rpm finds that the base's package has links at these places",
}

GROUPS = {
    "tools": Group(
        packages="""strace htop jq tree libunwind8 libjq1 libonig5 memcached libevent-2.1-7
            redis redis-tools liblzf1 liblua5.4-0 dnsmasq-base libnetfilter-conntrack3
            libnfnetlink0 dejavu-fonts-extra""",
    ),
    "policy": Group(packages="policycoreutils selinux-policy-default selinux-utils"),
    "graphical": Group(
        packages="""mousepad galculator case-mime dictionaries-common emacsen-common
            hunspell-en-us libaspell15 libenchant-2-2 libgdbm-compat4 libgdbm6 libgspell-1-3
            libgspell-1-common libgtksourceview-4-0 libgtksourceview-4-common libhunspell-1.7-0
            libice6 libicu78 libmousepad0 libperl5.42 libquadmath0 libsm6
            libstartup-notification0 libtext-iconv-perl libx11-xcb1 libxcb-util1 libxfce4ui-2-0
            libxfce4ui-common libxfce4util-common libxfce4util7 libxfconf-0-3 perl
            perl-interpreter perl-modules-5.42 x11-common xfconf case-post-perl""",
        tree="base/workstation",
    ),
    "caches": Group(
        packages="""case-trigger-certificate case-trigger-dconf case-trigger-desktop
            case-trigger-font case-trigger-gio-module case-trigger-hwdb case-trigger-icon
            case-trigger-immodule case-trigger-info case-trigger-info-other
            case-trigger-kernel-module case-trigger-library case-trigger-library-directory
            case-trigger-mime case-trigger-program case-trigger-schema
            case-trigger-schema-override case-trigger-theme libjpeg62-turbo
            libwmf-0.2-7 libwmf-0.2-7-gtk libwmflite-0.2-7""",
        tree="base/workstation",
    ),
    "files": Group(
        packages="""case-abi-fixed case-abi-follows case-boot-efi case-boot-file case-boot-link
            case-caps case-caps-setuid case-config-in-usr case-config-missingok
            case-config-of-base case-deep case-directories-only case-empty case-etc case-etc-links
            case-etc-modes case-file-flags case-ghost case-ghost-made case-ghost-of-base
            case-ghost-real case-ghost-shared case-hardlinks case-hardlinks-caps
            case-hardlinks-partly case-hardlinks-places case-hardlinks-setuid
            case-identical-a case-identical-b case-link-directory case-link-long case-link-loop
            case-link-owner case-link-targets
            case-base-link-through case-links case-modes case-opt case-opt-fhs
            case-opt-link-into case-opt-owners case-opt-post case-opt-quotes case-opt-shared-a
            case-opt-shared-b case-opt-space case-opt-top case-prefix case-same-as-base
            case-setgid-directory case-setuid case-shared-directory case-shared-directory-other
            case-shared-link case-shared-link-other case-shared-owned case-shared-owned-other
            case-sizes case-unmerged-links case-unmerged-paths
            case-unowned-directories case-usr-local case-usr-local-links""",
        # What is directly in /opt is a link there; a link says its whole target; and what is for
        # /boot is in /usr/lib/ostree-boot.
        verify=frozenset(
            {
                "....L....    /opt/case-opt-top-file",
                "....L....    /opt/case-opt-top-link",
                "....L....    /usr/local/bin/case-local-true",
                "missing     /boot/case",
                "missing     /boot/case-link",
                "missing     /boot/case-link/image",
                "missing     /boot/case-link/image-1",
                "missing     /boot/case.img",
                "missing     /boot/case/inner",
                "missing     /boot/efi/EFI/case",
                "missing     /boot/efi/EFI/case/BOOTX64.CSV",
                "missing     /boot/efi/EFI/case/case.efi",
            }
        ),
    ),
    "state": Group(
        packages="""case-home case-mount-points case-name-var-long case-root-home case-run-file
            case-tmpfiles case-var-deep case-var-dirs case-var-empty-file
            case-var-file case-var-hardlinks case-var-links case-var-log case-var-many
            case-var-modes case-var-names case-var-old-names""",
    ),
    "names": Group(
        packages="""case-name-dash case-name-dots case-name-letters case-name-long
            case-name-markers case-name-quotes case-names case-conflict-b
            case-epoch case-plus+plus.and_more case-versions
            case-a-package-name-that-is-longer-than-nearly-all-of-those-that-distributions-have
            case-self-provides""",
    ),
    "payloads": Group(
        packages="""case-digest-md5 case-digest-sha512 case-many-files case-payload-bzip2
            case-payload-gzip case-payload-lzma case-payload-none case-payload-v6-gzip
            case-payload-v6-none case-payload-xz case-payload-zstd case-pyc-hash
            case-pyc-sourceless case-pyc-timestamp case-twenty-thousand case-v4-ghosts
            case-v4-hardlinks""",
        # Without the time of its source.
        verify=frozenset(
            {
                "..5......    /usr/lib/python3/dist-packages/__pycache__/"
                "case_pyc_timestamp.cpython-314.pyc",
            }
        ),
    ),
    "accounts": Group(
        packages="""case-group-pre case-groupmod case-owner-elsewhere case-post-passwd
            case-post-sysusers case-sysusers-group case-sysusers-ids case-sysusers-known
            case-sysusers-locked case-sysusers-member case-sysusers-range case-useradd-home
            case-useradd-post case-user-pre case-user-sysusers case-usermod-pre""",
    ),
    "scripts": Group(
        packages="""case-lua-execute case-lua-fails case-lua-post
            case-lua-posix case-lua-pre case-lua-rpm case-own-interpreter case-post
            case-post-bash case-post-daemon case-post-expand case-post-fails case-post-large
            case-post-ldconfig case-post-locale case-post-macro case-post-own-files
            case-post-program case-post-query case-post-rpmdb case-post-signal case-post-stderr
            case-post-stdin case-post-umask case-posttrans case-posttrans-fails case-pre
            case-pre-config case-pre-directory case-pre-file case-pre-unowned case-pretrans-lua
            case-pretrans-sh case-python-post case-removal-scripts case-rpm-state case-sandbox
            case-script-order case-verifyscript""",
        # What %pre wrote.
        verify=frozenset(
            {"S.5......    /usr/lib/case-pre-file", "S.5......  c /etc/case-pre-config"}
        ),
    ),
    "edits": Group(
        packages="""case-alternatives case-depmod case-post-appends case-post-chmods
            case-post-crontab case-post-deletes case-post-directory case-post-edits-base-etc
            case-post-edits-etc case-post-hardlinks case-post-hwdb case-post-links
            case-post-owners case-post-renames case-post-replaces case-post-run
            case-post-shells case-post-sysctl case-post-tmpfiles case-post-usr-local
            case-post-var case-post-var-edits case-post-var-owner case-post-xattr case-pre-var
            case-unit case-unit-enabled case-unit-instance case-unit-mask case-unit-reload
            case-unit-start case-unit-user""",
    ),
    "triggers": Group(
        packages="""case-conflict-a case-filetrigger case-filetrigger-base
            case-filetrigger-ignores case-filetrigger-lua case-filetrigger-priority
            case-filetrigger-several case-transfiletrigger case-transfiletrigger-base
            case-transfiletrigger-lua case-triggerin case-triggerin-base case-triggerin-layer
            case-triggerin-lua case-triggerin-python case-triggerin-self case-triggerin-several
            case-triggerin-version case-triggerin-virtual case-triggerprein case-triggers-fail
            case-triggers-removal case-watched-a case-watched-b tree""",
    ),
    "order": Group(
        packages="""case-cycle-a case-cycle-b case-cycle-three-a case-cycle-three-b
            case-cycle-three-c case-order-chain case-order-makes case-order-post case-order-pre
            case-order-tool case-order-with case-provider-a case-provider-b case-rich
            case-supplements case-weak greet-any jq""",
    ),
    "old": Group(packages="greet-old"),
    "new": Group(packages="greet-new libgreet"),
    "updates": Group(packages="htop jq case-abi-follows", tree="base/next"),
}
