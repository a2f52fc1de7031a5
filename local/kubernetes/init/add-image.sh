#!/bin/bash
# add-image.sh ARCHIVE: gives containerd an image, and mounts the folders that its layers stand for.
#
# Each layer of the archive is one file, .layer, that holds the path of a folder. What containerd
# unpacks of it is hidden by that folder, read-only: nothing is copied, and nothing that containerd
# removes is removed there.
set -euo pipefail
ctr --address /run/containerd/containerd.sock --namespace k8s.io images import --snapshotter overlayfs "$1" >/dev/null
for mark in /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/*/fs/.layer; do
    [ -e "$mark" ] || continue
    folder=$(cat "$mark")
    mount --bind "$folder" "${mark%/.layer}"
    mount -o remount,bind,ro "${mark%/.layer}"
done
