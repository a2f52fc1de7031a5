#!/bin/bash
# The first program of a node: it starts containerd, the kubelet and kube-proxy, and buries orphans.
set -euo pipefail
. /init/devices.sh
# The kubelet sets these for the whole machine unless it finds them set.
mkdir -p /run/sysctls
while read -r name value; do
    echo "$value" >"/run/sysctls/${name//\//-}"
    mount --bind "/run/sysctls/${name//\//-}" "/proc/sys/$name"
done <<'SYSCTLS'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
SYSCTLS
# The hierarchies of control groups, in which the node's own group is the root.
hierarchies=$(cut -d: -f2 /proc/self/cgroup | grep . || true)
if [ -z "$hierarchies" ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mkdir -p /sys/fs/cgroup/init
    while read -r pid; do echo "$pid" >/sys/fs/cgroup/init/cgroup.procs || true; done </sys/fs/cgroup/cgroup.procs
    sed 's/^/+/; s/ / +/g' /sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
else
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    for controllers in $hierarchies; do
        mkdir "/sys/fs/cgroup/${controllers#name=}"
        case $controllers in name=*) options=none,$controllers ;; *) options=$controllers ;; esac
        mount -t cgroup -o "$options" cgroup "/sys/fs/cgroup/${controllers#name=}"
    done
fi
# The node answers for its pods in the network of the machines, and at once.
for setting in ip_forward=1 conf/eth0/proxy_arp=1 neigh/eth0/proxy_delay=0; do
    echo "${setting#*=}" >"/proc/sys/net/ipv4/${setting%=*}"
done
mkdir -p /etc/cni/net.d
cat >/etc/cni/net.d/10-bridge.conflist <<CONFIG
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "/run/ipam", "ranges": [[{"subnet": "$PODS"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
CONFIG
cat >/etc/containerd.toml <<'CONFIG'
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "embedded-cloud/pause:1"
disable_apparmor = true
restrict_oom_score_adj = true # without CAP_SYS_RESOURCE a process may not lower it
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "/etc/cni/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "/usr/sbin/runc"
SystemdCgroup = false
CONFIG
start containerd containerd --config /etc/containerd.toml
until ctr --address /run/containerd/containerd.sock version >/dev/null 2>&1; do sleep 0.1; done
for archive in /pod-images/*.tar; do bash /init/add-image.sh "$archive"; done
start_proxy "$HOST_NAME"
start kubelet kubelet --kubeconfig /etc/kubernetes/admin.conf --hostname-override "$HOST_NAME" --node-ip "$HOST_IP" \
    --root-dir /var/lib/kubelet --cert-dir /var/lib/kubelet/pki --container-runtime-endpoint unix:///run/containerd/containerd.sock \
    --pretend-cores "$CORES" --pretend-memory "$MEMORY" --max-pods "$MOST_PODS" \
    --node-labels "$LABELS" ${TAINTS:+--register-with-taints "$TAINTS"} \
    --anonymous-auth --authorization-mode AlwaysAllow --authentication-token-webhook=false \
    --cgroup-driver cgroupfs --fail-swap-on=false --make-iptables-util-chains=false --resolv-conf= \
    --cluster-dns "$DNS" --cluster-domain cluster.local \
    --eviction-hard 'memory.available<50Mi' --image-gc-high-threshold 100 \
    --node-status-update-frequency 4s --runtime-request-timeout 10m --serialize-image-pulls=false \
    --volume-plugin-dir /var/lib/kubelet/volume-plugins
wait
