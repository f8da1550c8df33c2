# Starts one of Culvert's programs on the newest JDK found. Sourced by scripts/{client,agent,gateway,token}, never run.
# shellcheck shell=bash
set -euo pipefail

CULVERT_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
CULVERT_LIB=${CULVERT_LIB:-$CULVERT_ROOT/target/culvert/lib}
OLDEST_JAVA=17

# newest_java: prints "VERSION PATH" of the newest java, 17 or later. Reads each JDK's release file: starting them costs.
newest_java() {
  local home version best=0 path=
  for home in "${CULVERT_JAVA_HOME:-}" "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/java/* /opt/jdk* \
      "${HOME:-/nonexistent}"/.sdkman/candidates/java/* "${HOME:-/nonexistent}"/.jdks/* /Library/Java/JavaVirtualMachines/*/Contents/Home \
      "$(dirname "$(dirname "$(readlink -f "$(command -v java || echo /nonexistent/bin/java)")")")"; do
    [ -x "$home/bin/java" ] && [ -r "$home/release" ] || continue
    version=$(sed -n 's/^JAVA_VERSION="\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' "$home/release")
    if [ "${version:-0}" -gt "$best" ]; then best=$version path=$home/bin/java; fi
    # Somebody who names one means it.
    [ "$home" != "${CULVERT_JAVA_HOME:-}" ] || break
  done
  [ "$best" -ge "$OLDEST_JAVA" ] && echo "$best $path"
}

# class_path PROGRAM: prints what it needs of lib/. Makers of certificates (BouncyCastle) are large, nothing in a client or an
# agent uses them, and a class path is searched jar by jar; they come last, for the others' path to begin with the same.
class_path() {
  local jar path=() last=()
  for jar in "$CULVERT_LIB"/*.jar; do
    case ${jar##*/} in bc*) last+=("$jar") ;; *) path+=("$jar") ;; esac
  done
  case $1 in gateway | token) path+=(${last[@]+"${last[@]}"}) ;; esac
  local IFS=:
  echo "${path[*]}"
}

# is_fresh ARCHIVE: whether no jar is newer. JDK 25 runs classes out of an AOT cache that was made of other jars.
is_fresh() {
  local jar
  [ -s "$1" ] || return 1
  for jar in "$CULVERT_LIB"/*.jar; do [ ! "$jar" -nt "$1" ] || return 1; done
}

# launch PROGRAM MAIN-CLASS JVM-OPTIONS -- ARGUMENTS
launch() {
  local program=$1 main=$2 options=() found java
  shift 2
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  found=$(newest_java) || { echo "$program: no Java $OLDEST_JAVA or later found; install one (Debian: apt-get install openjdk-17-jre-headless) or set CULVERT_JAVA_HOME" >&2; exit 1; }
  java=${found#* } found=${found%% *}
  [ -e "$CULVERT_LIB/$program-0.1.0-SNAPSHOT.jar" ] || { echo "$program: not built yet; run $CULVERT_ROOT/scripts/build" >&2; exit 1; }
  options+=(-XX:+UseSerialGC -Xss512k -XX:+ExitOnOutOfMemoryError -Xlog:disable
    -Dlogback.configurationFile="$CULVERT_ROOT/scripts/lib/logback.xml" -Dfile.encoding=UTF-8
    # Netty gets direct memory that is not zeroed first, from pools: a fifth of the packet path's time otherwise.
    --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/jdk.internal.misc=ALL-UNNAMED
    -Dio.netty.tryReflectionSetAccessible=true -Dio.netty.allocator.type=pooled
    # Nobody records flights here; the events' classes cost a tenth of the start.
    -Dio.netty.jfr.enabled=false
    # Nor looks for leaked buffers: each 128th is wrapped for that, with a stack trace. The tests look at each.
    -Dio.netty.leakDetection.level=disabled
    # Archives are mapped where they were made for. Elsewhere each start writes to half of their pages: time, and memory that
    # processes could share.
    -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0)
  # What the compilers took goes back to the system (milliseconds between two looks; they themselves keep it for 5 s).
  [ "$found" -lt 22 ] || options+=(-XX:TrimNativeHeapInterval=5000)
  [ "$found" -lt 22 ] || options+=(--enable-native-access=ALL-UNNAMED)
  [ "$found" -lt 24 ] || options+=(--sun-misc-unsafe-memory-access=allow)
  [ ! -t 1 ] || options+=(-Dculvert.terminal=true)
  # One that does not fit (another JDK) is ignored, and -Xlog:disable keeps the JVM quiet about it.
  local archive="$CULVERT_LIB/../cds-$found.jsa" cache="$CULVERT_LIB/../aot-$found-$program.aot"
  if is_fresh "$cache"; then
    options+=(-XX:AOTCache="$cache")
  elif is_fresh "$archive" && [[ ${CULVERT_JAVA_OPTS:-} != *AOTCacheOutput* ]]; then
    options+=(-XX:SharedArchiveFile="$archive")
  fi
  # shellcheck disable=SC2086
  exec "$java" "${options[@]}" ${CULVERT_JAVA_OPTS:-} -cp "$(class_path "$program")" "$main" "$@"
}
