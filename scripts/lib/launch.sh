# Starts one of Culvert's programs on the newest JDK found. Sourced by {client,agent,gateway,token}, never run.
# shellcheck shell=bash
set -euo pipefail

# Programs are started often, and each process that this script starts costs as much as reading a hundred classes. So functions
# that are used at each start leave what they found in REPLY and print nothing.

# In an installation this is lib/launch.sh: the jars are beside it and the programs in bin/. In the sources it is
# scripts/lib/launch.sh, the programs are in scripts/, and what was built is in target/culvert.
CULVERT_SHARE=$(readlink -f "${BASH_SOURCE[0]}")
CULVERT_SHARE=${CULVERT_SHARE%/*}
CULVERT_BIN=${CULVERT_SHARE%/*}
if [ -d "$CULVERT_BIN/bin" ]; then
  CULVERT_BIN=$CULVERT_BIN/bin
  CULVERT_LIB=${CULVERT_LIB:-$CULVERT_SHARE}
else
  CULVERT_LIB=${CULVERT_LIB:-${CULVERT_BIN%/*}/target/culvert/lib}
fi
OLDEST_JAVA=17

# newest_java: prints "VERSION PATH" of the newest java, 17 or later; else says on standard error what is wrong. Reads each JDK's
# release file: starting them costs.
newest_java() {
  local home passed='' homes=() versions=() best i
  if [ -n "${CULVERT_JAVA_HOME:-}" ]; then
    # Somebody who names one means it.
    java_version "$CULVERT_JAVA_HOME"
    if [ "$REPLY" -lt "$OLDEST_JAVA" ]; then
      echo "CULVERT_JAVA_HOME is $CULVERT_JAVA_HOME, where there is no Java $OLDEST_JAVA or later; correct it (it holds bin/java and release) or unset it" >&2
      return 1
    fi
    echo "$REPLY $CULVERT_JAVA_HOME/bin/java"
    return
  fi
  # An installation that brings its own was tried with that.
  home=$CULVERT_LIB/../runtime
  java_version "$home"
  if [ "$REPLY" != 0 ]; then
    echo "$REPLY $home/bin/java"
    return
  fi
  for home in "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/java/* /opt/jdk* \
      "${HOME:-/nonexistent}"/.sdkman/candidates/java/* "${HOME:-/nonexistent}"/.jdks/* /Library/Java/JavaVirtualMachines/*/Contents/Home; do
    java_version "$home"
    [ "$REPLY" -ge "$OLDEST_JAVA" ] || continue
    homes+=("$home") versions+=("$REPLY")
  done
  # The one in the path is most often one of these.
  home=$(command -v java || true)
  if [ -n "$home" ]; then
    home=$(readlink -f "$home")
    home=${home%/*/*}
    java_version "$home"
    [ "$REPLY" -lt "$OLDEST_JAVA" ] || { homes+=("$home"); versions+=("$REPLY"); }
  fi
  # From the newest down: whether others can change one takes longest to find out.
  while :; do
    best=
    for i in ${homes[@]+"${!homes[@]}"}; do
      [ -n "$best" ] && [ "${versions[i]}" -le "${versions[best]}" ] || best=$i
    done
    [ -n "$best" ] || break
    home=${homes[best]}
    # What is looked at is what is run: a link may lead elsewhere a moment later.
    [ "$EUID" != 0 ] || home=$(readlink -f "$home") || home=/nonexistent
    if [ "$EUID" != 0 ] || only_root_writes "$home"; then
      echo "${versions[best]} $home/bin/java"
      return
    fi
    passed=$home
    unset "homes[best]"
  done
  echo "no Java $OLDEST_JAVA or later found${passed:+ (but $passed, which others than root can change)}; install one (Debian: apt-get install openjdk-17-jre-headless) or set CULVERT_JAVA_HOME" >&2
  return 1
}

# java_version HOME: its version; 0 when there is none.
java_version() {
  local key value
  REPLY=0
  [ -f "$1/bin/java" ] && [ -x "$1/bin/java" ] && [ -r "$1/release" ] || return 0
  while IFS='=' read -r key value || [ -n "$key" ]; do
    if [ "$key" = JAVA_VERSION ]; then
      value=${value//\"/} value=${value#1.} value=${value%%[!0-9]*}
      # More digits than a version has are none, and no number to bash.
      [ -z "$value" ] || [ "${#value}" -gt 4 ] || REPLY=$value
      return
    fi
  done <"$1/release"
}

# only_root_writes HOME: whether nobody but root could have put something else into that JDK, its libraries as well as bin/java:
# root runs no program of another's.
only_root_writes() {
  local home java path owner mode parts=()
  home=$(readlink -f "$1") || return 1
  java=$home/bin/java
  if [ -L "$java" ] || [ -L "$home/bin" ]; then java=$(readlink -f "$java") || return 1; fi
  for path in "$home" "$java"; do
    parts+=("$path")
    while [ -n "$path" ]; do path=${path%/*}; parts+=("${path:-/}"); done
  done
  while read -r owner mode; do
    [ "$owner" = 0 ] && (((8#$mode & 8#022) == 0)) || return 1
  done < <(stat -c '%u %a' "${parts[@]}" || echo nobody)
  # Links are followed; what lies behind a dead one is nobody's.
  [ -z "$(find -L "$home" ! -type l \( ! -uid 0 -o -perm /022 \) -print -quit 2>&1)" ]
}

# class_path PROGRAM: what it needs of lib/. Makers of certificates (BouncyCastle) are large, nothing in a client or an
# agent uses them, and a class path is searched jar by jar; they come last, for the others' path to begin with the same. So does
# what speaks to a store on Redis. Before them is what writes metrics, of which mostly nothing is used.
# netty-tun is the driver for Windows, and left out.
class_path() {
  local jar path=() rare=() last=()
  for jar in "$CULVERT_LIB"/*.jar; do
    case ${jar##*/} in
      netty-tun-*) ;;
      bc* | store-redis-* | lettuce-* | redis-* | reacti* | reactor-* | netty-*-dns-*) last+=("$jar") ;;
      prometheus-*) rare+=("$jar") ;;
      *) path+=("$jar") ;;
    esac
  done
  path+=(${rare[@]+"${rare[@]}"})
  case $1 in gateway | token) path+=(${last[@]+"${last[@]}"}) ;; esac
  local IFS=:
  REPLY="${path[*]}"
}

# jar_times: name, size and time of each jar, which is what the JVM compares with those that an archive was made of; not so an
# AOT cache of JDK 25, which runs classes of other jars.
jar_times() { (cd "$CULVERT_LIB" && stat -c '%n %s %Y' ./*.jar) 2>/dev/null; }

# seal_archives: writes down which jars the archives were just made of.
seal_archives() {
  (cd "$CULVERT_LIB" && sha256sum ./*.jar) >"$CULVERT_LIB/../archives.sums"
  jar_times >"$CULVERT_LIB/../archives.jars"
}

# are_fresh: whether the archives were made of these very jars. A copy of the installation (cp -r) has them with new times: they
# are given the old ones again, by who may.
are_fresh() {
  local made now name size time
  [ -r "$CULVERT_LIB/../archives.jars" ] || return 1
  made=$(<"$CULVERT_LIB/../archives.jars")
  now=$(jar_times)
  [ "$now" != "$made" ] || return 0
  # Other names or sizes are other jars.
  [ "$(cut -d' ' -f1,2 <<<"$now")" = "$(cut -d' ' -f1,2 <<<"$made")" ] || return 1
  if [ ! -w "$CULVERT_LIB" ] || { [ "$EUID" != 0 ] && [ ! -O "$CULVERT_LIB" ]; }; then
    [ ! -t 2 ] || echo "culvert: this installation was copied and starts slower than it could, until root or its owner has run one of its programs where it can be written" >&2
    return 1
  fi
  (cd "$CULVERT_LIB" && sha256sum --status -c ../archives.sums) 2>/dev/null || return 1
  while read -r name size time; do touch -d "@$time" "$CULVERT_LIB/$name" 2>/dev/null || return 1; done <<<"$made"
}

# open_modules VERSION: OPENED becomes the JVM's options for what of its insides the programs use. An archive is made with the same.
open_modules() {
  # Netty gets direct memory that is not zeroed first, from pools: a fifth of the packet path's time otherwise.
  OPENED=(--add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/jdk.internal.misc=ALL-UNNAMED)
  [ "$1" -lt 22 ] || OPENED+=(--enable-native-access=ALL-UNNAMED)
}

# launch PROGRAM MAIN-CLASS KIND JVM-OPTIONS -- ARGUMENTS
#
# KIND is "long" for what runs on, "brief" for what answers and ends: that has nothing from the second compiler, nor from an AOT
# cache, with which the JVM loads all of the program's classes before it begins.
launch() {
  local program=$1 main=$2 kind=$3 options=() found java jars
  shift 3
  [ "$kind" = long ] || options=(-XX:TieredStopAtLevel=1)
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  found=$(newest_java 2>&1) || { echo "$program: $found" >&2; exit 1; }
  java=${found#* } found=${found%% *}
  jars=("$CULVERT_LIB/$program"-[0-9]*.jar)
  [ -e "${jars[0]}" ] || { echo "$program: not built yet; run $CULVERT_BIN/build" >&2; exit 1; }
  options+=(-XX:+UseSerialGC -Xss512k -XX:+ExitOnOutOfMemoryError -Xlog:disable
    # No file in /tmp for jps to look at: where it is full the JVM complains.
    -XX:+PerfDisableSharedMem
    -Dculvert.bin="$CULVERT_BIN"
    -Dfile.encoding=UTF-8
    -Dio.netty.tryReflectionSetAccessible=true -Dio.netty.allocator.type=pooled
    # Nobody records flights here; the events' classes cost a tenth of the start.
    -Dio.netty.jfr.enabled=false
    # Nor looks for leaked buffers: each 128th is wrapped for that, with a stack trace. The tests look at each.
    -Dio.netty.leakDetection.level=disabled
    # Archives are mapped where they were made for. Elsewhere each start writes to half of their pages: time, and memory that
    # processes could share.
    -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0)
  open_modules "$found"
  options+=("${OPENED[@]}")
  # What the compilers took goes back to the system (milliseconds between two looks; they themselves keep it for 5 s).
  [ "$found" -lt 22 ] || options+=(-XX:TrimNativeHeapInterval=5000)
  [ "$found" -lt 24 ] || options+=(--sun-misc-unsafe-memory-access=allow)
  [ ! -t 1 ] || [ "${TERM:-dumb}" = dumb ] || options+=(-Dculvert.terminal=true)
  # A JVM knows no letters beyond ASCII, in paths and arguments, where the locale has none.
  case ${LC_ALL:-${LC_CTYPE:-${LANG:-C}}} in
    C.UTF-8 | C.utf8) ;;
    C | POSIX) export LC_ALL=C.UTF-8 ;;
    *) case $(locale charmap 2>/dev/null) in '' | ANSI* | US-ASCII) export LC_ALL=C.UTF-8 ;; esac ;;
  esac
  # Native libraries lie unpacked here; without, JNA and Netty unpack them into the temporary directory, which may be full, or
  # mounted noexec.
  local native="$CULVERT_LIB/../native"
  [ ! -d "$native" ] || options+=(-Djava.library.path="$native" -Djna.boot.library.path="$native")
  # One that does not fit (another JDK) is ignored, and -Xlog:disable keeps the JVM quiet about it.
  local archive="$CULVERT_LIB/../cds-$found.jsa" cache="$CULVERT_LIB/../aot-$found-$program.aot" made=()
  if [ "$kind" = long ] && [ -s "$cache" ]; then
    made=(-XX:AOTCache="$cache")
  elif [ -s "$archive" ] && [[ ${CULVERT_JAVA_OPTS:-} != *AOTCacheOutput* ]]; then
    made=(-XX:SharedArchiveFile="$archive")
  fi
  [ "${#made[@]}" = 0 ] || ! are_fresh || options+=("${made[@]}")
  # In the place of one that is closed the JVM would open a file: to read from, or to print into.
  [ -e /dev/fd/0 ] || exec </dev/null
  [ -e /dev/fd/1 ] || exec 1</dev/null # so that what cannot be printed is an error
  [ -e /dev/fd/2 ] || exec 2>/dev/null
  # Without this bash ends in words of its own where java cannot be run: one for another kind of machine, or half of one.
  shopt -s execfail
  class_path "$program"
  # shellcheck disable=SC2086
  exec "$java" "${options[@]}" ${CULVERT_JAVA_OPTS:-} -cp "$REPLY" "$main" "$@" || true
  echo "$program: $java cannot be run on this machine: install Java $OLDEST_JAVA or later anew, or name another with CULVERT_JAVA_HOME" >&2
  exit 1
}
