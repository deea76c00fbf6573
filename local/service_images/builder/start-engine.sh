#!/bin/sh
# Starts the Docker engine in a container, where no init has prepared what it expects. Arguments go to dockerd.
set -eu

# cgroup v2: a group that holds processes itself hands no controllers on to groups below it. So all move into one.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p /sys/fs/cgroup/engine
    while read -r process; do
        echo "$process" > /sys/fs/cgroup/engine/cgroup.procs || true # it has ended meanwhile
    done < /sys/fs/cgroup/cgroup.procs
    sed 's/^/+/; s/ / +/g' /sys/fs/cgroup/cgroup.controllers > /sys/fs/cgroup/cgroup.subtree_control
fi

# A kernel without nf_tables still has the older interface.
iptables --list --numeric > /dev/null 2>&1 || update-alternatives --quiet --set iptables /usr/sbin/iptables-legacy

# Containers of a build must not send larger packets than the pod can: an overlay network takes less than 1500 bytes.
device=$(awk '$2 == "00000000" { print $1; exit }' /proc/net/route)
mtu=$(cat "/sys/class/net/$device/mtu")

# Left by a container that was killed.
rm -f /var/run/docker.pid
exec tini -- dockerd "--mtu=$mtu" "$@"
