# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls of tools by which packages ask for what a row of the catalog does, or for nothing.

A table. The forms are those of packages, as their guidelines have or had them:
https://docs.fedoraproject.org/en-US/packaging-guidelines/Scriptlets/
"""

from dataclasses import dataclass

_OPTIONS = r"(?: -[\w-]+)*"
_LIBDIR = r"(?P<libdir>lib[^/ ]*(?:/[^/ ]+-linux-[^/ ]+)?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One known call. Named groups of `words` are what the row captures."""

    tool: str  # a regular expression of the name, like all that follows
    words: str = ""  # of all that comes after it, with single spaces
    row: str = ""  # the row that does it; "": nobody has to
    captures: tuple[tuple[str, str], ...] = ()  # what the words do not say
    reason: str


FORMS: tuple[Form, ...] = (
    Form(
        tool="ldconfig",
        words=r"(?: -X)?",
        row="ldconfig",
        reason="the call of the library packages of two decades; -X only spares links",
    ),
    Form(
        tool="depmod",
        words=r"(?: -(?:a|A|aeF \S+))? (?P<kernel>[\w.+~][\w.+~-]*)",
        row="depmod",
        reason="packages of kernel modules, by the kernel's version",
    ),
    Form(
        tool="systemd-hwdb",
        words=r" update(?: --usr)?",
        row="systemd-hwdb",
        reason="the row knows whether the tree keeps it in /usr or in /etc",
    ),
    Form(
        tool="udevadm",
        words=r" hwdb --update(?: --usr)?",
        row="systemd-hwdb",
        reason="as systemd-hwdb was called before it had a name",
    ),
    Form(
        tool="glib-compile-schemas",
        words=r"(?: --(?:quiet|allow-any-name))* /usr/share/glib-2\.0/schemas/?",
        row="glib-compile-schemas",
        reason="settings schemas, Fedora's guidelines up to 24",
    ),
    Form(
        tool="gio-querymodules(?:-(?:32|64))?",
        words=rf" /usr/{_LIBDIR}/gio/modules/?",
        row="gio-querymodules",
        reason="GIO modules, Fedora's guidelines up to 24",
    ),
    *(
        Form(
            tool=f"{tool}-{bits}",
            words=" --update-cache",
            row=row,
            captures=(("libdir", libdir),),
            reason="the name says whose modules",
        )
        for row, tool in (
            ("gdk-pixbuf-query-loaders", "gdk-pixbuf-query-loaders"),
            ("gtk-query-immodules", r"gtk-query-immodules-3\.0"),
            ("gtk2-query-immodules", r"gtk-query-immodules-2\.0"),
        )
        for bits, libdir in ((64, "lib64"), (32, "lib"))
    ),
    Form(
        tool=rf"/usr/{_LIBDIR}/gdk-pixbuf-2\.0/gdk-pixbuf-query-loaders",
        words=" --update-cache",
        row="gdk-pixbuf-query-loaders",
        reason="Debian's place for the tool says whose modules",
    ),
    Form(
        tool=rf"/usr/{_LIBDIR}/libgtk-3-0(?:t64)?/gtk-query-immodules-3\.0",
        words=" --update-cache",
        row="gtk-query-immodules",
        reason="Debian's place for the tool says whose modules",
    ),
    Form(
        tool="update-mime-database",
        words=r"(?: -[nV]+)* /usr/share/mime/?",
        row="update-mime-database",
        reason="MIME types, Fedora's guidelines up to 23; -n goes by times, which mean nothing",
    ),
    Form(
        tool="update-desktop-database",
        words=rf"{_OPTIONS}(?: /usr/share/applications/?)?",
        row="update-desktop-database",
        reason="programs for MIME types, Fedora's guidelines up to 24",
    ),
    Form(
        tool="gtk(?:4|3)?-update-icon-cache(?:-3\\.0)?",
        words=rf"{_OPTIONS} /usr/share/icons/(?P<theme>[^/ ]+)/?{_OPTIONS}",
        row="gtk-update-icon-cache",
        reason="icons of one theme, Fedora's guidelines up to 25; of all themes is not recognised",
    ),
    Form(
        tool="fc-cache",
        words=rf"{_OPTIONS}(?: /usr/share/fonts(?:/[^ ]*)?)*",
        row="fontconfig",
        reason="font packages; that of one directory is that of all, which are made anew",
    ),
    Form(
        tool="install-info",
        words=(
            r"(?: --(?:delete|remove|quiet|silent))*"
            r"(?: --info-dir[= ]/usr/share/info(?:/dir)?)?"
            r" /usr/share/info/[^ /]+(?: /usr/share/info/dir)?"
        ),
        row="install-info",
        reason=(
            "Info manuals, Fedora's guidelines up to 27; one that says what its entry is "
            "(--entry) is not recognised"
        ),
    ),
    Form(
        tool="update-ca-trust",
        words="(?: extract)?",
        row="ca-trust",
        reason="packages of certificates, and p11-kit's own",
    ),
    Form(
        tool="update-ca-certificates",
        words="(?: (?:--fresh|-f))?",
        row="ca-certificates",
        reason="packages of certificates",
    ),
    Form(
        tool="systemctl",
        words=(
            r"(?: --(?:system|user|global|quiet|no-block|no-reload))*"
            r" (?:daemon-reload|daemon-reexec)"
        ),
        reason="the service manager that runs here is not the tree's",
    ),
    Form(
        tool="systemctl",
        words=(
            r"(?: --(?:system|quiet|no-block))* (?:start|stop|kill|(?:try-|cond)?restart|reload"
            r"|(?:try-)?reload-or-(?:try-)?restart)(?: [\w@.:-]+)+"
        ),
        reason="services do not run while a tree is made; what enables or presets them is a change",
    ),
    Form(
        tool="systemd-update-helper",
        words=r" mark-(?:restart|reload)-(?:system|user)-units(?: [\w@.:-]+)+",
        reason="notes for a running service manager what to restart (%systemd_postun_with_restart)",
    ),
    Form(
        tool="udevadm",
        words=(
            r" (?:control --reload(?:-rules)?|settle(?: --timeout=\d+)?"
            r"|trigger(?: --?[\w-]+(?:=[\w*-]+)?)*)"
        ),
        reason="udev does not run while a tree is made (%udev_rules_update)",
    ),
    Form(
        tool="appstreamcli",
        words=r" refresh-cache(?: --force)?",
        reason="its cache lies in /var; the catalog's row says who makes it",
    ),
    Form(
        tool="mandb",
        words=r"(?: -[qcp]+| --quiet)*",
        reason="its index lies in /var; the catalog's row says who makes it",
    ),
    Form(
        tool="journalctl",
        words=" --update-catalog",
        reason="its output lies in /var; the catalog's row says who makes it",
    ),
)
