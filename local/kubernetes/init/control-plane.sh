#!/bin/bash
# The first program of the machine of the control plane: it starts the components and buries orphans.
set -euo pipefail
. /init/devices.sh
cd /etc/kubernetes
# These addresses are its own, so that it answers for them: kube-proxy sends on what comes there.
ip route add local "$LOAD_BALANCERS" dev lo
echo 1 >/proc/sys/net/ipv4/ip_forward
start etcd etcd --data-dir /var/lib/etcd --unsafe-no-fsync --snapshot-count 5000 --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380
# NodePorts above those of SkyServe's load balancers (30001 to 30020).
start kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 --advertise-address "$HOST_IP" \
    --secure-port 6443 --cert-dir /etc/kubernetes/pki --token-auth-file tokens.csv --authorization-mode RBAC \
    --service-cluster-ip-range "$SERVICES" --service-node-port-range 32000-32767 \
    --kubelet-preferred-address-types InternalIP --allow-privileged --enable-priority-and-fairness=false \
    --service-account-issuer https://kubernetes.default.svc --service-account-key-file service-accounts.key \
    --service-account-signing-key-file service-accounts.key --profiling=false \
    --audit-policy-file /init/audit.yaml --audit-log-path /logs/kubernetes-audit.log
until (: <>"/dev/tcp/$HOST_IP/6443") 2>/dev/null; do sleep 0.1; done
start kube-controller-manager kube-controller-manager --kubeconfig admin.conf --leader-elect=false \
    --use-service-account-credentials=false --service-account-private-key-file service-accounts.key \
    --root-ca-file pki/apiserver.crt --secure-port 0 --profiling=false
start kube-scheduler kube-scheduler --kubeconfig admin.conf --leader-elect=false --secure-port 0 --profiling=false
start_proxy control-plane
start dns dns --kubeconfig admin.conf --listen "$HOST_IP:53"
start load-balancer load-balancer --kubeconfig admin.conf --pool "$LOAD_BALANCERS"
start host-path-provisioner host-path-provisioner --kubeconfig admin.conf \
    --storage-class-provisioner embedded-cloud/host-path --folder /var/lib/volumes
until [ "$(kubectl --kubeconfig admin.conf get --raw /readyz 2>/dev/null)" = ok ]; do sleep 0.5; done
touch ready
wait
