# What the scripts of the root file systems share; they source it.
# Descriptor 3 takes a line for each step.
exec 3>&"${PROGRESS:?}"
: "${IMAGE:?}" "${MIRROR:?}" "${RELEASE:?}" "${PACKAGES:?}"

# Lays Debian with $PACKAGES down in $IMAGE, without documentation, translations and apt's caches.
lay_down_debian() {
    local unsafe=$IMAGE/etc/dpkg/dpkg.cfg.d/unsafe-io
    echo "Debian $RELEASE" >&3
    mkdir -p "${unsafe%/*}"
    echo force-unsafe-io >"$unsafe" # a build that breaks off is removed: nothing has to be synced
    debootstrap --variant=minbase --include="$PACKAGES" "$RELEASE" "$IMAGE" "$MIRROR"
    rm -rf "$unsafe" "$IMAGE"/var/cache/apt/* "$IMAGE"/var/lib/apt/lists/* \
        "$IMAGE"/usr/share/{doc,info,locale,man}/*
    # A machine behind a registry proxy trusts that proxy's certificate: so must the image.
    cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$IMAGE/etc/ssl/certs/ca-certificates.crt"
    without_dns
}

# Leaves the image no DNS: a look-up fails at once and never hangs.
without_dns() {
    : >"$IMAGE/etc/resolv.conf"
}
