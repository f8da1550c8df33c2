# Finds the programs that the demo and the tests use, and installs the missing ones where that is possible.
# Sourced by scripts/{demo,test,bench}, never run.
# shellcheck shell=bash

# What each script runs, as PROGRAM:DEBIAN-PACKAGE, or FILE:DEBIAN-PACKAGE. The only list.
BUILD_TOOLS="javac:default-jdk-headless mvn:maven"
DEMO_TOOLS="openssl:openssl ip:iproute2 ping:iputils-ping curl:curl python3:python3 dnsmasq:dnsmasq-base dig:bind9-dnsutils
  setpriv:util-linux sysctl:procps flock:util-linux"
TEST_TOOLS="$DEMO_TOOLS iperf3:iperf3 nginx:nginx-light sshd:openssh-server ssh:openssh-client ssh-keygen:openssh-client
  nmap:nmap socat:socat traceroute:traceroute mtr:mtr-tiny tc:iproute2 nft:nftables ss:iproute2 pebble:pebble named:bind9
  unbound:unbound apt-get:apt
  chromium:chromium node:nodejs redis-server:redis-server wrk:wrk tshark:tshark
  promtool:prometheus squid:squid tinyproxy:tinyproxy microsocks:microsocks zsh:zsh fish:fish
  gcc:gcc /usr/include/stdio.h:libc6-dev /usr/share/mingw-w64/include/netioapi.h:mingw-w64-common /usr/x86_64-w64-mingw32/lib/libiphlpapi.a:mingw-w64-x86-64-dev systemd-analyze:systemd man:man-db dpkg-deb:dpkg /usr/lib/python3/dist-packages/grpc:python3-grpcio"
BENCH_TOOLS="ip:iproute2 tc:iproute2 ss:iproute2 ping:iputils-ping sysctl:procps setpriv:util-linux python3:python3
  iperf3:iperf3 nginx:nginx-light wrk:wrk h2load:nghttp2-client openssl:openssl git:git tar:tar"

# The services that these packages install; none of them runs by our doing.
DAEMONS="prometheus.service nginx.service ssh.service named.service unbound.service redis-server.service squid.service tinyproxy.service microsocks.service"

# sbin is not in every user's path.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# has TOOL: a program in the path, or a file.
has() {
  case $1 in /*) [ -e "$1" ] ;; *) command -v "$1" >/dev/null ;; esac
}

# missing_packages TOOLS...: prints the packages of the tools that are not here.
missing_packages() {
  local entry packages=
  for entry in "$@"; do
    has "${entry%%:*}" || packages="$packages ${entry#*:}"
  done
  echo $packages | tr ' ' '\n' | sort -u | tr '\n' ' '
}

# missing_tools TOOLS...: prints the tools that are not here.
missing_tools() {
  local entry tools=
  for entry in "$@"; do
    has "${entry%%:*}" || tools="$tools ${entry%%:*}"
  done
  echo $tools
}

# need_tools SCRIPT TOOLS...: returns when all are here; as root on Debian it installs the others, else it ends the script.
need_tools() {
  local script=$1 packages tools
  shift
  tools=$(missing_tools "$@")
  [ -n "$tools" ] || return 0
  packages=$(missing_packages "$@")
  packages=${packages% }
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "$script: missing: $tools. Install them (Debian: sudo apt-get install $packages) and run this again." >&2
    exit 1
  fi
  echo "$script: missing: $tools; installing $packages"
  install_packages "$script" $packages
  tools=$(missing_tools "$@")
  [ -z "$tools" ] || { echo "$script: still missing after installing $packages: $tools" >&2; exit 1; }
}

# install_packages SCRIPT PACKAGES...: without recommends, and without starting a daemon now or at the next boot.
install_packages() {
  local script=$1 policy=/usr/sbin/policy-rc.d own= log failed= unit before
  shift
  # invoke-rc.d asks policy-rc.d; 101 is "do not".
  if [ ! -e "$policy" ]; then
    own=1
    printf '#!/bin/sh\n# Made by Culvert while it installs packages; safe to delete.\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  elif "$policy" nginx start >/dev/null 2>&1; [ $? != 101 ]; then
    echo "$script: $policy lets packages start daemons; install these yourself: apt-get install $*" >&2
    exit 1
  fi
  before=$(unit_states)
  log=$(mktemp)
  { DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install "$@"; } >"$log" 2>&1 </dev/null || failed=1
  [ -z "$own" ] || rm -f "$policy"
  if [ -n "$failed" ]; then
    tail -5 "$log" >&2
    rm -f "$log"
    echo "$script: apt-get could not install $*; install them and run this again" >&2
    exit 1
  fi
  rm -f "$log"
  for unit in $DAEMONS; do
    case $before in *" $unit "*) ;; *) systemctl disable --quiet "$unit" >/dev/null 2>&1 || true ;; esac
  done
}

# unit_states: the daemons that were installed before we came, each between blanks: theirs, not ours to disable.
unit_states() {
  local unit
  for unit in $DAEMONS; do
    [ ! -e "/lib/systemd/system/$unit" ] || printf ' %s ' "$unit"
  done
}
