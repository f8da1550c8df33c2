# Makes a class-data archive of the programs for the JDK that will run them: they start with their classes parsed and
# verified already (figures: docs/decisions/0007-class-data-archive.md). Sourced by scripts/build, never run.
# shellcheck shell=bash

# How long each of the programs may take to start here; they need one to three seconds.
ARCHIVE_PATIENCE_SECONDS=30

# make_archive LOG: an archive beside lib/. Fails without harm: the programs run without it. The JVM ignores one of another
# version or of other jars; launch.sh (are_fresh) leaves it aside when a jar is not the one that it was made of.
make_archive() {
  local log=$1 found java jar version work rc=0
  found=$(newest_java) || return 1
  java=${found#* } version=${found%% *}
  work=$(mktemp -d) || return 1
  rm -f "$CULVERT_LIB/../cds-$version.jsa"
  {
    train "$work" &&
    # Each list numbers its classes for itself, and the constant pools that it names are of one program only.
    sed '/^#/d;/^@cp/d;/source:/d;s/ id: [0-9]*$//' "$work"/*.classes | awk '!seen[$0]++' &&
    # What a run without privileges does not come to load: the TUN, the stack, the splices.
    for jar in "$CULVERT_LIB"/{tun-native,userspace-stack,client}-*.jar; do
      "$(dirname "$java")/jar" --list --file "$jar" | sed -n '/-info\.class$/d;s/\.class$//p'
    done
  } >"$work/all" 2>"$log" || rc=$?
  if [ $rc = 0 ]; then
    "$java" -Xshare:dump -XX:SharedClassListFile="$work/all" -XX:SharedArchiveFile="$CULVERT_LIB/../cds-$version.jsa" \
      -cp "$(class_path agent)" >>"$log" 2>&1 || rc=$?
  fi
  [ $rc = 0 ] || rm -f "$CULVERT_LIB/../cds-$version.jsa"
  rm -rf "$work"
  return $rc
}

# unpack_natives: the native libraries of this kind of machine out of the jars, into native/ beside lib/: not into /tmp at each
# start.
unpack_natives() {
  local native="$CULVERT_LIB/../native" work jar machine
  machine=$(uname -m)
  work=$(mktemp -d) || return 1
  rm -rf "$native"
  mkdir "$native"
  for jar in "$CULVERT_LIB"/{netty-*,jna-*}.jar; do
    (cd "$work" && jar xf "$jar" META-INF/native "com/sun/jna/linux-${machine/_/-}") || { rm -rf "$work" "$native"; return 1; }
  done
  find "$work" -name "*.so" \( -path "*/com/sun/jna/*" -o -name "*_$(netty_machine "$machine").so" \) -exec cp {} "$native" \;
  rm -rf "$work"
}

# netty_machine MACHINE: as Netty writes it.
netty_machine() { case $1 in aarch64) echo aarch_64 ;; *) echo "$1" ;; esac; }

# train DIRECTORY: runs the programs as they are run in earnest, on the loopback address, and leaves lists of what they loaded.
train() (
  dir=$1 gateway='' agent=''
  trap 'kill $gateway $agent 2>/dev/null || true; wait || true' EXIT
  url=wss://127.0.0.1
  token() { "$CULVERT_ROOT/scripts/token" "$@" --state "$dir/state" </dev/null >&2; }
  listed() {
    CULVERT_JAVA_OPTS="${CULVERT_JAVA_OPTS:-} -XX:DumpLoadedClassList=$dir/$1.classes" \
      exec "$CULVERT_ROOT/scripts/$1" "${@:2}" >"$dir/$1.log" 2>&1 </dev/null
  }
  token init --gateway $url:443 || exit 1
  (listed gateway --state "$dir/state" --listen 127.0.0.1:0) &
  gateway=$!
  url=$url:$(wait_for 's/^gateway: listening on .* port \([0-9]*\) .*/\1/p' "$dir/gateway.log") || exit 1
  token agent --gateway "$url" --name archive --routes 192.0.2.0/24 --out "$dir/agent.token" || exit 1
  (listed token client --state "$dir/state" --gateway "$url" --name archive --allow archive:192.0.2.0/24 --out "$dir/client.token") || exit 1
  (listed agent --token-file "$dir/agent.token") &
  agent=$!
  wait_for '/connected to/p' "$dir/agent.log" >&2 || exit 1
  # Ends as soon as it sees that this is no TUN.
  (listed client up --no-host-changes --state "$dir/client" --tun-fd 0 --token-file "$dir/client.token")
  # The lists are written when the programs end.
  kill "$gateway" "$agent" && wait
  for list in gateway token agent client; do
    [ -s "$dir/$list.classes" ] || { echo "no list of the classes of $list; it said:"; cat "$dir/$list.log"; exit 1; } >&2
  done
)

# wait_for SED-SCRIPT FILE: until it prints something, and prints that.
wait_for() {
  local end=$(($(date +%s) + ARCHIVE_PATIENCE_SECONDS)) found=''
  until found=$(sed -n "$1" "$2" 2>/dev/null) && [ -n "$found" ]; do
    [ "$(date +%s)" -lt "$end" ] || { echo "nothing to match $1 came in $2:"; cat "$2"; return 1; } >&2
    sleep 0.1
  done
  echo "$found"
}
