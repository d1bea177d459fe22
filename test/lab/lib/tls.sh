# shellcheck shell=bash
# Certificates for `lab up --etcd-tls`: one authority, one certificate for all etcd members, one for their clients.
# They lie in every host in /etc/xnet/tls.

TLS_DIR=/etc/xnet/tls

tls_is_on() { [[ -d $RUN/tls ]]; }
etcd_scheme() { if tls_is_on; then echo https; else echo http; fi; }

tls_make() {
  local dir=$RUN/tls i names=DNS:localhost,IP:127.0.0.1
  for i in 1 2 3; do names+=,DNS:etcd$i,IP:$(host_ip "etcd$i"); done
  mkdir -p "$dir"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj "/CN=lab $LAB" \
    -keyout "$dir/ca-key.pem" -out "$dir/ca.pem" 2>/dev/null
  tls_sign "$dir/server" "/CN=etcd" "subjectAltName=$names"
  tls_sign "$dir/client" "/CN=xnet" "extendedKeyUsage=clientAuth"
}

tls_sign() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$2" -keyout "$1-key.pem" 2>/dev/null |
    openssl x509 -req -days 90 -CA "$RUN/tls/ca.pem" -CAkey "$RUN/tls/ca-key.pem" -CAcreateserial -extfile <(echo "$3") \
      -out "$1.pem" 2>/dev/null
}

# Before the host boots, into the layer that will be on top.
tls_install() {
  tls_is_on || return 0
  mkdir -p "$DISK/$1/upper$TLS_DIR"
  cp "$RUN"/tls/{ca,client,client-key,server,server-key}.pem "$DISK/$1/upper$TLS_DIR/"
}

tls_etcd_args() {
  ! tls_is_on || echo --client-cert-auth --trusted-ca-file "$TLS_DIR/ca.pem" --cert-file "$TLS_DIR/server.pem" --key-file "$TLS_DIR/server-key.pem"
}
tls_etcdctl_args() { ! tls_is_on || echo --cacert "$TLS_DIR/ca.pem" --cert "$TLS_DIR/client.pem" --key "$TLS_DIR/client-key.pem"; }
tls_xnet_args() { ! tls_is_on || echo --etcd-ca "$TLS_DIR/ca.pem" --etcd-cert "$TLS_DIR/client.pem" --etcd-key "$TLS_DIR/client-key.pem"; }
