# Lays out an installation. Sourced by scripts/package, never run.
# shellcheck shell=bash

# stage DIRECTORY MACHINE VERSION CLASSES: bin/, lib/, native/ and share/ of what was built, for one kind of machine.
stage() {
  local to=$1 machine=$2 version=$3 classes=$4 jar name papers shell
  mkdir -p "$to"/{bin,lib,share/{man/man1,bash-completion/completions,zsh/site-functions,fish/vendor_completions.d,systemd,doc}}
  for jar in "$CULVERT_LIB"/*.jar; do
    case ${jar##*/} in
      *-linux-"$(netty_machine "$machine")".jar) ;;
      *-linux-*.jar | *-osx-*.jar | *-windows-*.jar) continue ;;
    esac
    # Without what an AOT cache needs, so that these are the same whatever the packing machine can make.
    [ ! -e "$CULVERT_LIB/../plain/${jar##*/}" ] || jar=$CULVERT_LIB/../plain/${jar##*/}
    cp "$jar" "$to/lib/"
  done
  cp scripts/lib/{launch.sh,archive.sh} "$CULVERT_PACKAGE/archive" "$to/lib/"
  cp "$classes" "$to/classes.list"
  unpack_natives "$machine" "$to/native"
  cp scripts/culvert "$to/bin/"
  for name in $PACKAGE_NAMES; do sed 's:/lib/launch.sh:/../lib/launch.sh:' "scripts/$name" >"$to/bin/$name"; done
  chmod 755 "$to"/bin/*
  for name in scripts/systemd/*; do sed 's:/opt/culvert/scripts:/usr/lib/culvert/bin:' "$name" >"$to/share/systemd/${name##*/}"; done
  cp LICENSE NOTICE README.md docs/*.md "$to/share/doc/"
  # Pages and completions are the programs' own.
  papers=$(mktemp -d)
  for name in $PACKAGE_NAMES; do "scripts/$name" man --into "$papers" & done
  for name in $PACKAGE_NAMES; do wait -n; done
  sed "s/@VERSION@/$version/" "$CULVERT_PACKAGE/culvert.1" >"$to/share/man/man1/culvert.1"
  cp "$papers"/*.1 "$to/share/man/man1/"
  (cd "$papers" && cat $PACKAGE_NAMES) | cat - "$CULVERT_PACKAGE/completion.bash" >"$to/share/bash-completion/completions/culvert"
  {
    echo "#compdef culvert $PACKAGE_NAMES"
    for name in $PACKAGE_NAMES; do cat "$papers/_$name"; done
    cat "$CULVERT_PACKAGE/completion.zsh"
  } >"$to/share/zsh/site-functions/_culvert"
  {
    for name in $PACKAGE_NAMES; do cat "$papers/$name.fish"; done
    cat "$CULVERT_PACKAGE/completion.fish"
  } >"$to/share/fish/vendor_completions.d/culvert.fish"
  rm -rf "$papers"
}
