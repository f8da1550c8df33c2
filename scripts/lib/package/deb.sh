# Makes a .deb of a staged installation. Sourced by scripts/package, never run.
# shellcheck shell=bash

# The names beside culvert, for machines where no other package has them.
PACKAGE_NAMES="client agent gateway token"

# debian_version: of a version of Maven's. What is before a release sorts before it.
debian_version() { echo "${1/-/\~}"; }

# stage_root INSTALLATION ROOT: puts the staged installation where a distribution has such: programs in /usr/bin, all else of ours
# in /usr/lib/culvert, pages, completions and units in their places.
stage_root() {
  local from=$1 root=$2 page name
  mkdir -p "$root"/usr/{bin,lib/{culvert,systemd/system,sysusers.d},share/{man/man1,doc/culvert,bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d}}
  cp -a "$from"/{bin,lib,native,classes.list} "$root/usr/lib/culvert/"
  ln -s ../lib/culvert/bin/culvert "$root/usr/bin/culvert"
  for page in "$from"/share/man/man1/*.1; do
    gzip -9n <"$page" >"$root/usr/share/man/man1/${page##*/}.gz"
  done
  for name in culvert $PACKAGE_NAMES; do
    [ "$name" = culvert ] || ln -s culvert "$root/usr/share/bash-completion/completions/culvert-$name"
  done
  cp "$from/share/bash-completion/completions/culvert" "$root/usr/share/bash-completion/completions/"
  cp "$from/share/zsh/site-functions/_culvert" "$root/usr/share/zsh/vendor-completions/"
  cp "$from/share/fish/vendor_completions.d/culvert.fish" "$root/usr/share/fish/vendor_completions.d/"
  cp "$from"/share/systemd/*.service "$root/usr/lib/systemd/system/"
  # The one that needs nobody's decision: it does nothing where there is nothing to repair.
  mkdir "$root/usr/lib/systemd/system/multi-user.target.wants"
  ln -s ../culvert-repair.service "$root/usr/lib/systemd/system/multi-user.target.wants/"
  cp "$from/share/systemd/culvert.sysusers" "$root/usr/lib/sysusers.d/culvert.conf"
  mkdir -p "$root/usr/share/polkit-1/rules.d"
  cp "$from/share/systemd/culvert.rules" "$root/usr/share/polkit-1/rules.d/"
  cp -r "$from/share/doc/." "$root/usr/share/doc/culvert/"
}

# make_deb INSTALLATION ARCHITECTURE VERSION FILE
make_deb() {
  local from=$1 architecture=$2 version work root script
  version=$(debian_version "$3")
  work=$(mktemp -d)
  root=$work/root
  stage_root "$from" "$root"
  # Debian has licences of its own, and one format for what it has not.
  rm "$root/usr/share/doc/culvert/LICENSE"
  cp "$CULVERT_PACKAGE/debian/copyright" "$root/usr/share/doc/culvert/"
  {
    echo "culvert ($version) unstable; urgency=medium"
    echo
    echo "  * Version $3."
    echo
    echo " -- $PACKAGE_MAINTAINER  $(LC_ALL=C date -Ru -d "@$SOURCE_DATE_EPOCH")"
  } | gzip -9n >"$root/usr/share/doc/culvert/changelog.gz"
  mkdir -p "$root/usr/share/lintian/overrides" "$root/DEBIAN"
  cp "$CULVERT_PACKAGE/debian/lintian-overrides" "$root/usr/share/lintian/overrides/culvert"
  for script in postinst prerm postrm; do
    sed "s/@NAMES@/$PACKAGE_NAMES/" "$CULVERT_PACKAGE/debian/$script" >"$root/DEBIAN/$script"
    chmod 755 "$root/DEBIAN/$script"
  done
  cp "$CULVERT_PACKAGE/debian/triggers" "$root/DEBIAN/"
  sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@MAINTAINER@/$PACKAGE_MAINTAINER/
    s/@SIZE@/$(du -k -s --apparent-size "$root/usr" | cut -f1)/" "$CULVERT_PACKAGE/debian/control" >"$root/DEBIAN/control"
  (cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
  chmod -R u=rwX,go=rX "$root"
  find "$root" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
  # Jars are packed already: xz would take a minute for a hundredth less.
  dpkg-deb --root-owner-group -Zgzip -z6 --build "$root" "$4" >/dev/null
  rm -rf "$work"
}
