# Installs the package into a root of its own, over this machine's, uses it there, installs it again, and purges it. Run in a mount
# namespace and the network namespace of a client: package.sh DEB TOKEN-FILE URL. Each step's output follows its name.
set -euo pipefail
deb=$1 token=$2 url=$3
top=$(mktemp -d)
mount -t tmpfs none "$top"
mkdir "$top"/{upper,work,root}
mount -t overlay -o "lowerdir=/,upperdir=$top/upper,workdir=$top/work" none "$top/root"
for of in dev proc sys; do mount --rbind "/$of" "$top/root/$of"; done
mount -t tmpfs none "$top/root/run"
cp "$deb" "$top/root/root/culvert.deb"
cp "$token" "$top/root/root/laptop.token"
here() { echo "== $1"; shift; chroot "$top/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive HOME=/root "$@"; }

# Somebody else's: what is not a link of ours stays.
printf '#!/bin/sh\n' >"$top/root/usr/bin/token"
# Of what the installation would leave.
touch "$top/before"
here install apt-get -qq -y -o Dpkg::Use-Pty=0 install /root/culvert.deb 2>&1
here names sh -c 'for n in culvert client agent gateway token; do readlink -f /usr/bin/$n; done'
here versions sh -c 'culvert --version; client --version; culvert agent --version'
here manual sh -c 'man -l -Tascii /usr/share/man/man1/client.1.gz | head -n 4; gzip -dc /usr/share/man/man1/culvert.1.gz | head -n 1'
here archive sh -c 'ls /usr/lib/culvert | grep -c "^cds-.*jsa$"'
here files sh -c 'dpkg -V culvert; find /usr/lib/culvert ! -type l -perm /022'
here units sh -c 'systemctl --root=/ --no-pager list-unit-files "culvert-*" --no-legend | cut -d" " -f1; grep culvert /etc/group'
here verify sh -c 'systemd-analyze verify /usr/lib/systemd/system/culvert-*.service 2>&1 | grep culvert || true'
for unit in gateway agent client; do
  here exposure sh -c "systemd-analyze security --offline=yes --no-pager --threshold=20 /usr/lib/systemd/system/culvert-$unit.service >/dev/null 2>&1 && echo $unit is fine || echo $unit is open"
done
here complete bash -c '. /usr/share/bash-completion/completions/culvert; COMP_LINE="culvert agent sta" COMP_POINT=17; COMP_WORDS=(culvert agent sta) COMP_CWORD=2; _culvert; echo "${COMPREPLY[*]}"
  COMP_LINE="culvert sta" COMP_POINT=11; COMP_WORDS=(culvert sta) COMP_CWORD=1; _culvert; echo "${COMPREPLY[*]}"'
here before sh -c 'ip -br addr; ip route; ip -6 route'
here login client login /root/laptop.token
here up client up --detach
here fetch curl -s -m 20 -o /dev/null -w '%{http_code}\n' "$url"
here again dpkg -i /root/culvert.deb
here status culvert status --json
here fetch curl -s -m 20 -o /dev/null -w '%{http_code}\n' "$url"
here purge dpkg --purge culvert 2>&1
here after sh -c 'ip -br addr; ip route; ip -6 route'
rm "$top"/root/root/{culvert.deb,laptop.token}
echo "== left"
# Neither dpkg's own notes, nor what this machine has of an installation and the purge has taken.
(cd "$top/upper" && find . ! -type d ! -type c -newer ../before ! -path './var/lib/dpkg/*' ! -path './var/log/*' \
  ! -path './var/cache/*' ! -path './var/lib/apt/*' ! -path './etc/group*' ! -path './etc/gshadow*' ! -path './etc/.*.lock' \
  ! -path './tmp/*' && find . -name '*culvert*' ! -type c ! -path './tmp/*')
grep culvert "$top/root/etc/group" || true
cat "$top/root/usr/bin/token"
