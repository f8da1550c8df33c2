#!/usr/bin/env bash
# furnish.sh DIRECTORY PACKAGE... -- COMMAND...: runs a command on a machine that has these packages, as extract.sh has put them into DIRECTORY.
# It is this machine with mounts of its own: what is written to /etc, /usr, /var and /run there is in memory, and gone with the last program.
# In the network namespace that it is called in. Only as root.
set -euo pipefail

if [ "${CULVERT_FURNISHING:-}" != $$ ]; then
  CULVERT_FURNISHING=$$ exec unshare --mount --propagation private bash "$0" "$@"
fi
unset CULVERT_FURNISHING
directory=$(readlink -f "$1")
shift
packages=()
while [ "$1" != -- ]; do
  [ -d "$directory/$1" ] || { echo "furnish: $directory has no package $1" >&2; exit 1; }
  packages+=("$1")
  shift
done
shift

memory=$directory/.memory
mkdir -p "$memory"
mount -t tmpfs -o mode=755 furnished "$memory"
# ip-netns(8) has mounted files over some of /etc, which an overlay would not have.
while read -r mounted; do
  umount "$mounted"
done < <(awk '$5 ~ "^/etc/" { print $5 }' /proc/self/mountinfo | tac)
for top in etc usr var; do
  layers=/$top
  for package in "${packages[@]}"; do
    [ ! -d "$directory/$package/$top" ] || layers=$directory/$package/$top:$layers
  done
  mkdir "$memory/$top" "$memory/$top.work"
  mount -t overlay -o "lowerdir=$layers,upperdir=$memory/$top,workdir=$memory/$top.work" furnished "/$top"
done
mount -t tmpfs -o mode=755 furnished /run
rm -f /etc/resolv.conf
: >/etc/resolv.conf

# What the packages' own scripts do when they are installed, of that which matters without an init.
for package in "${packages[@]}"; do
  case $package in
    resolvconf)
      find /etc/resolvconf/update.d -type f ! -name libc -delete # those of programs that are here and do not run there
      mkdir -p /run/resolvconf/interface
      : >/run/resolvconf/enable-updates
      : >/run/resolvconf/postponed-update
      ln -sfn /run/resolvconf /etc/resolvconf/run
      ln -sfn /run/resolvconf/resolv.conf /etc/resolv.conf
      ;;
    openresolv) mkdir -p /run/resolvconf ;;
    systemd-resolved)
      getent passwd systemd-resolve >/dev/null || echo "systemd-resolve:x:992:992::/:/usr/sbin/nologin" >>/etc/passwd
      getent group systemd-resolve >/dev/null || echo "systemd-resolve:x:992:" >>/etc/group
      install -d -o systemd-resolve -g systemd-resolve /run/systemd/resolve
      ln -sfn ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
      ;;
    polkitd)
      getent passwd polkitd >/dev/null || echo "polkitd:x:990:990::/:/usr/sbin/nologin" >>/etc/passwd
      getent group polkitd >/dev/null || echo "polkitd:x:990:" >>/etc/group
      chown -R polkitd /etc/polkit-1/rules.d
      ;;
    libnss-resolve) sed -i 's/^hosts:.*/hosts: files resolve [!UNAVAIL=return] dns/' /etc/nsswitch.conf ;;
    dbus-daemon)
      mkdir -p /run/dbus
      cat >/run/dbus/system.conf <<'CONF'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_type="method_return"/>
    <allow send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="signal"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
  </policy>
</busconfig>
CONF
      ;;
  esac
done
exec "$@"
