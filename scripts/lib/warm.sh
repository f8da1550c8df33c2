# Makes an AOT cache (JEP 483, 514, 515) for each of the three long-running programs, from a training run that moves real
# traffic: they start with their classes linked, and the JVM knows from the first second which methods are hot (figures:
# docs/decisions/0008-aot-cache.md). Needs JDK 25 or later, root and network namespaces. Sourced by scripts/build, never run.
# shellcheck shell=bash

WARM_PREFIX=cv-warm-$$- # two builds at once have namespaces of their own
WARM_PATIENCE_SECONDS=60

# can_warm: whether this machine can.
can_warm() {
  local found
  found=$(newest_java) || return 1
  [ "${found%% *}" -ge 25 ] && [ "$(id -u)" = 0 ] && [ -c /dev/net/tun ] || return 1
  command -v ip >/dev/null && command -v python3 >/dev/null
}

# modernise: gives picocli, compiled for Java 5, the form that AOT caches take, and that any JVM verifies sooner. Before anything looks
# at the jars. Needs JDK 24 or later; nothing is done without.
modernise() {
  local found jar plain
  found=$(newest_java) || return 1
  [ "${found%% *}" -ge 24 ] && [ -x "$(dirname "${found#* }")/javac" ] || return 0
  mkdir -p "$CULVERT_LIB/../plain" || return 1
  for jar in "$CULVERT_LIB"/picocli-*.jar; do
    plain=$CULVERT_LIB/../plain/${jar##*/} # for packages
    # Another than the plain one has it already.
    if [ -e "$plain" ] && ! cmp -s "$jar" "$plain"; then continue; fi
    cp -p "$jar" "$plain" && "${found#* }" "$CULVERT_SHARE/StackMaps.java" "$jar" || return 1
  done
}

# make_warm LOG: aot-VERSION-PROGRAM.aot beside lib/. Fails without harm: the class-data archive is used instead.
make_warm() (
  log=$1 found=$(newest_java) work=$(mktemp -d) pids=()
  version=${found%% *}
  clean() {
    kill -TERM ${pids[@]+"${pids[@]}"} 2>/dev/null || true
    wait || true
    for role in client gateway agent; do ip netns del "$WARM_PREFIX$role" 2>/dev/null || true; done
    rm -rf "$work"
  }
  trap clean EXIT
  exec >"$log" 2>&1 </dev/null
  rm -f "$CULVERT_LIB/../aot-$version-"*
  # What a build that was killed has left. $$ is the script's own process.
  for stale in $(ip netns list | grep -oE '^cv-warm-[0-9]+-[a-z]+' || true); do
    owner=${stale#cv-warm-}
    [ -d "/proc/${owner%%-*}" ] || ip netns del "$stale" 2>/dev/null || true
  done
  for role in client gateway agent; do
    ip netns add "$WARM_PREFIX$role" && ip -n "$WARM_PREFIX$role" link set lo up || exit 1
  done
  warm_wire client 198.18.1.2/24 gateway 198.18.1.1/24 wan0 || exit 1
  warm_wire agent 198.18.2.2/24 gateway 198.18.2.1/24 wan1 || exit 1
  ip -n "${WARM_PREFIX}agent" addr add 198.18.3.1/32 dev lo
  # Agents ping without privileges where this allows it, which it does not by default.
  ip netns exec "${WARM_PREFIX}agent" sh -c 'echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range' || exit 1
  token() { "$CULVERT_BIN/token" "$@" --state "$work/state"; }
  token init --gateway wss://198.18.1.1:8443 &&
    token agent --gateway wss://198.18.2.1:8443 --name warm --routes 198.18.3.1/32 --out "$work/agent.token" &&
    token client --name warm --allow warm:198.18.3.1/32 --out "$work/client.token" || exit 1
  # start ROLE PROGRAM ARGUMENTS...
  start() {
    CULVERT_JAVA_OPTS="-XX:AOTCacheOutput=$CULVERT_LIB/../aot-$version-$2.aot" \
      ip netns exec "$WARM_PREFIX$1" "$CULVERT_BIN/$2" "${@:3}" >"$work/$2.log" 2>&1 &
    pids+=($!)
  }
  start gateway gateway --state "$work/state" --listen :8443
  warm_until "$work/gateway.log" 'listening on' || exit 1
  start agent agent --token-file "$work/agent.token"
  warm_until "$work/agent.log" 'connected to' || exit 1
  start client client up --token-file "$work/client.token" --state "$work/journal"
  warm_until "$work/client.log" 'routes: ' || exit 1
  ip netns exec "${WARM_PREFIX}agent" python3 "$CULVERT_SHARE/warm.py" serve 198.18.3.1 &
  pids+=($!)
  ip netns exec "${WARM_PREFIX}client" timeout "$WARM_PATIENCE_SECONDS" \
    python3 "$CULVERT_SHARE/warm.py" use 198.18.3.1 || exit 1
  # The caches are written when the programs end.
  kill -TERM "${pids[@]}"
  wait || true
  pids=()
  for program in gateway agent client; do
    [ -s "$CULVERT_LIB/../aot-$version-$program.aot" ] || { cat "$work/$program.log"; exit 1; }
  done
)

# warm_wire ROLE-A ADDRESS-A ROLE-B ADDRESS-B DEVICE: a cable.
warm_wire() {
  ip -n "$WARM_PREFIX$1" link add "$5" type veth peer name "$5" netns "$WARM_PREFIX$3" &&
    ip -n "$WARM_PREFIX$1" addr add "$2" dev "$5" && ip -n "$WARM_PREFIX$3" addr add "$4" dev "$5" &&
    ip -n "$WARM_PREFIX$1" link set "$5" up && ip -n "$WARM_PREFIX$3" link set "$5" up
}

# warm_until FILE TEXT: waits for the text.
warm_until() {
  local end=$(($(date +%s) + WARM_PATIENCE_SECONDS))
  until grep -qs "$2" "$1"; do
    [ "$(date +%s)" -lt "$end" ] || { cat "$1"; return 1; }
    sleep 0.2
  done
}
