# Makes a class-data archive of the programs for the JDK that will run them: they start with their classes parsed and
# verified already (figures: docs/decisions/0007-class-data-archive.md). Sourced by scripts/build and by an installation's
# lib/archive, never run.
# shellcheck shell=bash

# make_archive LIST LOG: an archive beside lib/ of the classes in a list. Fails without harm: the programs run without it. The JVM
# ignores one of another version or of other jars; launch.sh (are_fresh) leaves it aside when a jar is not the one that it was made
# of.
make_archive() {
  local list=$1 log=$2 found java version archive options
  found=$(newest_java) || return 1
  java=${found#* } version=${found%% *}
  archive=$CULVERT_LIB/../cds-$version.jsa
  rm -f "$archive"
  # Under another name first: a program that starts meanwhile must not map half of it.
  class_path agent
  open_modules "$version"
  options=("${OPENED[@]}")
  "$java" "${options[@]}" -Xshare:dump -XX:SharedClassListFile="$list" -XX:SharedArchiveFile="$archive.new" -cp "$REPLY" \
    >"$log" 2>&1 && mv "$archive.new" "$archive" && return
  rm -f "$archive.new"
  return 1
}

# unpack_natives [MACHINE [DIRECTORY]]: the native libraries of a kind of machine, this one's, out of the jars, into native/ beside
# lib/: not into /tmp at each start.
unpack_natives() {
  local machine=${1:-$(uname -m)} native=${2:-$CULVERT_LIB/../native} jna work jar
  jna=com/sun/jna/linux-${machine/_/-}
  work=$(mktemp -d) || return 1
  rm -rf "$native"
  mkdir "$native"
  for jar in "$CULVERT_LIB"/{netty-*-linux-"$(netty_machine "$machine")",jna-*}.jar; do
    (cd "$work" && jar xf "$jar" META-INF/native "$jna") || { rm -rf "$work" "$native"; return 1; }
  done
  find "$work" -name "*.so" \( -path "*/$jna/*" -o -name "*_$(netty_machine "$machine").so" \) -exec cp {} "$native" \;
  rm -rf "$work"
}

# netty_machine MACHINE: as Netty writes it.
netty_machine() { case $1 in aarch64) echo aarch_64 ;; *) echo "$1" ;; esac; }
