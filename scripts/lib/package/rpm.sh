# Makes an .rpm of a staged installation. Sourced by scripts/package, never run.
# shellcheck shell=bash

# make_rpm INSTALLATION MACHINE VERSION FILE
make_rpm() {
  local from=$1 machine=$2 version work made
  version=$(debian_version "$3")
  work=$(mktemp -d)
  stage_root "$from" "$work/root"
  mkdir -p "$work/root/usr/share/zsh/site-functions"
  mv "$work"/root/usr/share/zsh/vendor-completions/* "$work/root/usr/share/zsh/site-functions/"
  rmdir "$work/root/usr/share/zsh/vendor-completions"
  chmod -R u=rwX,go=rX "$work/root"
  find "$work/root" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
  sed "s/@VERSION@/$version/; s/@NAMES@/$PACKAGE_NAMES/; s/@MAINTAINER@/$PACKAGE_MAINTAINER/
    s/@DATE@/$(LC_ALL=C date -ud "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y')/" "$CULVERT_PACKAGE/rpm/culvert.spec" >"$work/culvert.spec"
  # What rpmbuild would do to files, and say of this machine, makes them others here than elsewhere.
  rpmbuild -bb --quiet --target "$machine-linux" --buildroot "$work/buildroot" --define "_topdir $work/top" --define "staged $work/root" \
    --define '_buildhost localhost' --define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1' \
    --define '_build_id_links none' --define '__os_install_post %{nil}' --define 'debug_package %{nil}' \
    --define '_binary_payload w6.gzdio' "$work/culvert.spec" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }
  made=("$work"/top/RPMS/*/*.rpm)
  cp "${made[0]}" "$4"
  rm -rf "$work"
}
