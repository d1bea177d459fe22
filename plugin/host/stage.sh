# shellcheck shell=bash
# What plugin/install and plugin/deb share: the files of an installation.

# What stands in the units and in what they start for the program's directory.
readonly UNIT_PROGRAM=/opt/xnet

say() { printf 'xnet: %s\n' "$*"; }
die() { printf 'xnet: %s\n' "$*" >&2; exit 1; }

# stage_program SOURCE DIRECTORY NODE : the program with the packages that it needs, for everybody to read.
stage_program() {
  local source=$1 directory=$2 node=$3 modules from place
  [[ -e $source/dist/main.js ]] || die "$source is not built: run \"npm ci && npm run build\" there"
  modules=$("$node" "$source/plugin/host/list-modules.mjs" "$source")
  mkdir -p "$directory"
  cp -R "$source"/{bin,dist,docs,plugin,package.json,README.md,CHANGELOG.md,LICENSE} "$directory"
  while IFS=$'\t' read -r from place; do
    mkdir -p "$directory/$place"
    # What it has of its own in node_modules is listed where it is needed.
    tar -C "$from" --exclude=./node_modules -cf - . | tar -C "$directory/$place" -xf -
  done <<<"$modules"
  prune_modules "$directory/node_modules"
  chmod -R u=rwX,go=rX "$directory"
}

# What nobody reads at run time, a third of all; licenses stay. Nothing in there is run as a program.
prune_modules() {
  find "$1" -mindepth 1 \( -name '.*' -o -name obj.target -o -name '*.map' -o -name '*.ts' -o -name '*.[aoc]' -o -name '*.cc' \
    -o -name '*.h' -o -name README.md -o -name CHANGELOG.md \) -prune -exec rm -rf {} +
  find "$1" -type f -exec chmod a-x {} +
}

# stage_units SOURCE DIRECTORY PROGRAM NODE : the systemd units, for a program that will lie at PROGRAM.
stage_units() {
  local source=$1 directory=$2 program=$3 node=$4 unit
  mkdir -p "$directory/docker.service.d"
  for unit in xnet.service xnet.socket docker.service.d/xnet.conf; do
    sed -e "s|=$UNIT_PROGRAM/bin/xnet|=$node $program/bin/xnet|" -e "s|$UNIT_PROGRAM/|$program/|" \
      "$source/plugin/$unit" >"$directory/$unit"
    chmod 644 "$directory/$unit"
  done
}

# stage_command FILE PROGRAM NODE : the command xnet.
stage_command() {
  mkdir -p "${1%/*}"
  printf '#!/bin/sh\nexec %s %s/bin/xnet "$@"\n' "$3" "$2" >"$1"
  chmod 755 "$1"
}
