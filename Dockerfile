# The file system of the managed plugin; plugin/build makes the plugin of it.
# BASE: Debian with Node.js 20 or later; glibc, for the native packages that the lock file names.
ARG BASE=node:24-bookworm-slim
FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends iproute2 nftables wireguard-go wireguard-tools
WORKDIR /opt/xnet
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build && plugin/collect /rootfs

FROM scratch
COPY --from=build /rootfs /
ENTRYPOINT ["/opt/xnet/entrypoint"]
