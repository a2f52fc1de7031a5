#!/bin/bash
# Makes the root file system of hosts and pods in $IMAGE: Debian, sshd, and SkyPilot's runtime ready
# in the home of the user that AWS images have. Runs as root in mount and pid namespaces of its own,
# so that no bind mount outlives it.
set -euo pipefail
. "$(dirname "$0")/debian.sh"
: "${UV:?}" "${UV_CACHE:?}" "${LOCK:?}" "${INIT:?}"

lay_down_debian
install -m 755 "$INIT" "$IMAGE/usr/sbin/host-init"
# SkyPilot reloads sshd and stops unattended upgrades by it; there is no systemd to ask.
install -m 755 /dev/stdin "$IMAGE/usr/local/bin/systemctl" <<'SHIM'
#!/bin/sh
case "$*" in *reload*ssh*) kill -HUP "$(cat /run/sshd.pid)" ;; esac
SHIM
# A pod's script only looks whether it is there, and else asks Debian for it: nothing is compiled here.
ln -s /bin/false "$IMAGE/usr/local/bin/gcc"
chroot "$IMAGE" bash -euc '
    useradd -m -s /bin/bash -u 1000 ubuntu
    echo "ubuntu ALL=(ALL) NOPASSWD:ALL" >/etc/sudoers.d/90-ubuntu
    chmod 440 /etc/sudoers.d/90-ubuntu
    mkdir -p /etc/systemd
    touch /etc/systemd/system.conf
    ssh-keygen -A
    install -d -m 700 -o ubuntu -g ubuntu /home/ubuntu/.ssh
    install -d -o ubuntu -g ubuntu /home/ubuntu/.local /home/ubuntu/.local/bin
'
install -m 755 "$UV" "$IMAGE/home/ubuntu/.local/bin/uv"

echo "SkyPilot's runtime" >&3
mkdir -p "$UV_CACHE"
mount --bind "$UV_CACHE" "$IMAGE/mnt"
install -m 644 "$LOCK" "$IMAGE/tmp/runtime.lock"
if [ -n "${UV_CONFIG_FILE:-}" ]; then
    install -m 644 "$UV_CONFIG_FILE" "$IMAGE/tmp/uv.toml"
    export UV_CONFIG_FILE=/tmp/uv.toml
fi
cp -L /etc/resolv.conf "$IMAGE/etc/resolv.conf"
export HOME=/home/ubuntu SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
export UV_CACHE_DIR=/mnt UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
chroot "$IMAGE" bash -euc '
    cd ~
    PATH=~/.local/bin:$PATH
    uv venv --quiet --seed --python /usr/bin/python3 skypilot-runtime
    uv pip install --quiet --python skypilot-runtime --require-hashes -r /tmp/runtime.lock
    uv venv --quiet --seed --relocatable --system-site-packages --python /usr/bin/python3 sky-user-env
    echo "compiled files" >&3
    python3 -m compileall -q -j 0 -x /tests/ skypilot-runtime/lib || true # some packages ship templates
    mkdir -p .sky .config/uv
    echo ~/skypilot-runtime/bin/python >.sky/python_path
    # SkyPilot installs its own wheel with uv on each host. Every dependency is there already:
    # without this uv looks for an index for minutes, as hosts have no internet.
    printf "offline = true\nno-index = true\nlink-mode = \"copy\"\n" >.config/uv/uv.toml
    chown -R ubuntu:ubuntu /home/ubuntu
    rm -f /tmp/runtime.lock /tmp/uv.toml
'
without_dns
