#!/bin/bash
# PID 1 of an emulated host: the little of a boot that sshd and SkyPilot need. bash reaps orphans.
mount -t proc proc /proc
mount -t sysfs -o ro sysfs /sys
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
DEVICES
mkdir -p /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts /dev/pts
ln -s pts/ptmx /dev/ptmx
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
mount -t tmpfs -o mode=1777,size=4g tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/sshd /run/lock
chmod 1777 /tmp
hostname "$HOST_NAME"
echo "$HOST_NAME" >/etc/hostname
printf '127.0.0.1 localhost\n%s %s\n' "$HOST_IP" "$HOST_NAME" >/etc/hosts
/usr/sbin/sshd -o UseDNS=no
while :; do
    sleep 3600 &
    wait $!
done
