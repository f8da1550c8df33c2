#!/usr/bin/env bash
# extract.sh DIRECTORY PACKAGE...: has the files of Debian's packages in DIRECTORY/PACKAGE, without installing them: that would take over a
# machine's resolver, or two of them exclude each other. What is there already is left as it is. As furnish.sh wants them.
set -euo pipefail

directory=$1
shift
mkdir -p "$directory"
exec 9>"$directory/.lock"
flock 9
missing=()
for package in "$@"; do
  [ -d "$directory/$package" ] || missing+=("$package")
done
[ ${#missing[@]} != 0 ] || exit 0
command -v apt-get >/dev/null || { echo "extract: missing: files of Debian's packages ${missing[*]}, and there is no apt-get here that could bring them" >&2; exit 1; }
work=$(mktemp -d "$directory/.new-XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
download() { (cd "$work" && apt-get -qq download "${missing[@]}"); }
{ download || { apt-get -qq update && download; }; } >"$work/log" 2>&1 </dev/null || {
  tail -3 "$work/log" >&2
  echo "extract: missing: files of Debian's packages ${missing[*]}; apt-get could not bring them" >&2
  exit 1
}
for package in "${missing[@]}"; do
  dpkg -x "$work/${package}_"*.deb "$work/$package"
  # Where this system's /lib is /usr/lib a directory of that name would hide all that is in it.
  for top in bin sbin lib; do
    if [ -d "$work/$package/$top" ] && [ -L "/$top" ]; then
      mkdir -p "$work/$package/usr/$top"
      cp -a "$work/$package/$top/." "$work/$package/usr/$top/"
      rm -r "${work:?}/$package/$top"
    fi
  done
  mv "$work/$package" "$directory/$package"
done
