# The devices and file systems of a machine of the cluster; sourced by the first program of each.
export PATH=/opt/kubernetes:$PATH
hostname "$HOST_NAME"
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755,size=1m tmpfs /dev
while IFS=: read -r device major minor; do
    mknod -m 666 "/dev/$device" c "$major" "$minor"
done <<'DEVICES'
null:1:3
zero:1:5
full:1:7
random:1:8
urandom:1:9
tty:5:0
kmsg:1:11
DEVICES
mkdir -p /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts /dev/pts
ln -s pts/ptmx /dev/ptmx
ln -s /proc/self/fd /dev/fd
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
printf '127.0.0.1 localhost\n%s %s\n' "$HOST_IP" "$HOST_NAME" >/etc/hosts
: >/etc/resolv.conf
# kube-proxy turns cluster IPs into addresses of pods before they leave; where nothing leads to, a
# connection would fail before that.
ip route add "$SERVICES" dev eth0

# start NAME COMMAND...: runs it in the background, again whenever it ends, with a log of its own among
# those of the cloud. Some end when the API server is slow to answer.
start() {
    local name=$1
    shift
    while :; do
        "$@" >>"/logs/$HOST_NAME-$name.log" 2>&1 </dev/null || true
        sleep 1
    done &
    echo "$(date +%T.%N | cut -c1-12) started $name"
}

# start_proxy NODE: kube-proxy without iptables, which a kernel may lack, and without sysctls of the
# whole machine.
start_proxy() {
    start kube-proxy kube-proxy --kubeconfig /etc/kubernetes/admin.conf --proxy-mode nftables \
        --hostname-override "$1" --cluster-cidr "$ALL_PODS" --conntrack-max-per-core 0 \
        --conntrack-tcp-timeout-established 0s --conntrack-tcp-timeout-close-wait 0s
}
