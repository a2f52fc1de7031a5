#!/bin/bash
# Makes the root file system of a Kubernetes node in $IMAGE: Debian with containerd. Runs as root in
# mount and pid namespaces of its own.
set -euo pipefail
. "$(dirname "$0")/debian.sh"

lay_down_debian
