# shellcheck shell=bash
# Every host has a group of its own in each cgroup hierarchy and sees it as the root (cgroup namespace), so that the
# engines' "/docker" groups do not clash. The groups hang below the caller's own group, so that its limits go on to
# hold. cgroup v2 allows no processes in a group that hands controllers on: there they hang below the root, and the
# host's processes sit in a group "init" of the host's.

cgroup_is_v2() { [[ -e /sys/fs/cgroup/cgroup.controllers ]]; }

# The lab's directory in each hierarchy, one a line.
cgroup_find_bases() {
  local controllers path
  if cgroup_is_v2; then
    echo "/sys/fs/cgroup/xnet-lab/$LAB"
    return
  fi
  while IFS=: read -r _ controllers path; do
    controllers=${controllers#name=} controllers=${controllers:-unified}
    [[ ! -d /sys/fs/cgroup/$controllers ]] || echo "/sys/fs/cgroup/$controllers${path%/}/xnet-lab/$LAB"
  done </proc/self/cgroup
}

# v1 cpusets start empty and v2 groups without controllers: a new group takes over what its parent has.
cgroup_make_dir() {
  local dir=$1 file controller
  [[ ! -d $dir ]] || return 0
  mkdir "$dir" 2>/dev/null || [[ -d $dir ]]
  if cgroup_is_v2; then
    for controller in $(<"$dir/cgroup.controllers"); do echo "+$controller" >"$dir/cgroup.subtree_control" || true; done
  else
    for file in cpuset.cpus cpuset.mems; do
      if [[ -e $dir/$file ]]; then cat "${dir%/*}/$file" >"$dir/$file"; fi
    done
  fi
}

cgroup_setup() {
  local base
  cgroup_find_bases >"$RUN/cgroups"
  while read -r base; do
    cgroup_make_dir "${base%/*}"
    cgroup_make_dir "$base"
  done <"$RUN/cgroups"
}

cgroup_make() {
  local base
  while read -r base; do
    cgroup_make_dir "$base/$1"
    if cgroup_is_v2; then mkdir -p "$base/$1/init"; fi
  done <"$RUN/cgroups"
}

# Puts the calling (sub)shell into the host's groups.
cgroup_join() {
  local base
  while read -r base; do
    if cgroup_is_v2; then base+=/$1/init; else base+=/$1; fi
    echo "$BASHPID" >"$base/cgroup.procs"
  done <"$RUN/cgroups"
}

cgroup_remove_below() {
  local dir
  [[ -e $RUN/cgroups ]] || return 0
  while read -r dir; do
    dir+=${1:+/$1}
    [[ ! -d $dir ]] || find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null || return 1
  done <"$RUN/cgroups"
}

# Removes a host's groups, or the whole lab's without a host. A group can go only after its last process has.
cgroup_remove() {
  wait_until "$HUNG" cgroup_remove_below "${1:-}" || die "cannot remove the cgroups of lab '$LAB' (see $RUN/cgroups): something still runs in them"
  [[ -z ${1:-} && -e $RUN/cgroups ]] || return 0
  local base
  while read -r base; do rmdir "${base%/*}" 2>/dev/null || true; done <"$RUN/cgroups"
}
