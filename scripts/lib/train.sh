# Finds out which classes the programs use, for a class-data archive (archive.sh). Sourced by scripts/build, never run.
# shellcheck shell=bash

# How long each of the programs may take to start here; they need one to three seconds, and many times that where much else runs.
TRAIN_PATIENCE_SECONDS=120

# list_classes LOG: writes classes.list beside lib/, what the programs load, a class a line. Fails without harm.
list_classes() {
  local log=$1 list="$CULVERT_LIB/../classes.list" found java jar work rc=0
  found=$(newest_java) || return 1
  java=${found#* }
  work=$(mktemp -d) || return 1
  {
    train "$work" &&
    # Each list numbers its classes for itself, and the constant pools and forms that it names are of one program, on one JDK.
    sed '/^#/d;/^@cp/d;/^@lambda-form/d;/source:/d;s/ id: [0-9]*$//' "$work"/*.classes &&
    # What a run without privileges does not come to load: the TUN, the stack, the splices.
    for jar in "$CULVERT_LIB"/{tun-native,userspace-stack,client}-*.jar; do
      "$(dirname "$java")/jar" --list --file "$jar" | sed -n '/-info\.class$/d;s/\.class$//p'
    done
  } 2>"$log" >"$work/all" || rc=$?
  [ $rc != 0 ] || LC_ALL=C sort -u "$work/all" >"$list"
  rm -rf "$work"
  return $rc
}

# train DIRECTORY: runs the programs as they are run in earnest, on the loopback address, and leaves lists of what they loaded.
train() (
  dir=$1 gateway='' agent=''
  trap 'kill $gateway $agent 2>/dev/null || true; wait || true' EXIT
  url=wss://127.0.0.1
  token() { "$CULVERT_BIN/token" "$@" --state "$dir/state" </dev/null >&2; }
  listed() {
    CULVERT_JAVA_OPTS="${CULVERT_JAVA_OPTS:-} -XX:DumpLoadedClassList=$dir/$1.classes" \
      exec "$CULVERT_BIN/$1" "${@:2}" >"$dir/$1.log" 2>&1 </dev/null
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
  local end=$(($(date +%s) + TRAIN_PATIENCE_SECONDS)) found=''
  until found=$(sed -n "$1" "$2" 2>/dev/null) && [ -n "$found" ]; do
    [ "$(date +%s)" -lt "$end" ] || { echo "nothing to match $1 came in $2:"; cat "$2"; return 1; } >&2
    sleep 0.1
  done
  echo "$found"
}
