# What both quickstart and test/run need on a fresh Debian machine. Sourced by them, from the project's folder.
# Prints one line a step; the output of a step is shown only when it fails.

readonly PACKAGES=(ca-certificates iproute2 nftables iputils-ping procps jq openssl tcpdump socat bind9-dnsutils iptables systemd wireguard-go wireguard-tools)
# For the tests on a second kernel.
readonly EMULATOR_PACKAGES=(qemu-system-x86 busybox-static cpio kmod e2fsprogs)
readonly LEAST_NODE=20

# Bookworm's own Node.js is 18. Where the machine's is too old, this one is taken from the npm registry.
readonly NODE_MAJOR=24
readonly NODE_DIRECTORY=${XNET_LAB_CACHE:-/var/cache/xnet-lab}/node-$NODE_MAJOR

say() { printf '%s\n' "$@"; }

die() {
  printf 'xnet: %s\n' "$*" >&2
  exit 1
}

need_root() {
  [ "$(id -u)" -eq 0 ] || die "needs root (network namespaces, Docker engines): sudo $0"
}

# step TEXT COMMAND...: runs a long command under one line of progress.
step() {
  local text=$1 log started=$SECONDS
  shift
  log=$(mktemp)
  printf '%s ... ' "$text"
  if "$@" >"$log" 2>&1; then
    printf 'done (%d s)\n' $((SECONDS - started))
    rm -f "$log"
  else
    printf 'FAILED\n'
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
}

# install_packages [PACKAGE..]: what everything needs, and these.
install_packages() {
  local missing=() package
  for package in "${PACKAGES[@]}" "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  step "Installing ${missing[*]}" apt_install "${missing[@]}"
}

apt_install() {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

node_is_new_enough() {
  local major
  major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
  [ "${major:-0}" -ge "$LEAST_NODE" ] && command -v npm >/dev/null
}

# Leaves the machine's own Node.js alone: a newer one is only put on this script's PATH.
install_node() {
  node_is_new_enough && return
  command -v npm >/dev/null || step "Installing npm" apt_install nodejs npm
  node_is_new_enough && return
  [ -x "$NODE_DIRECTORY/bin/node" ] || step "Fetching Node.js $NODE_MAJOR" fetch_node
  export PATH=$NODE_DIRECTORY/bin:$PATH
  node_is_new_enough || die "Node.js $(node --version) is too old, $LEAST_NODE or newer is needed"
}

fetch_node() {
  local architecture directory
  case $(uname -m) in
    x86_64) architecture=x64 ;;
    aarch64) architecture=arm64 ;;
    *) die "no Node.js package for $(uname -m); install Node.js $LEAST_NODE or newer by hand" ;;
  esac
  directory=$(mktemp -d)
  (cd "$directory" && npm pack --silent "node-linux-$architecture@$NODE_MAJOR" && tar xzf ./*.tgz)
  mkdir -p "$NODE_DIRECTORY"
  cp -a "$directory/package/." "$NODE_DIRECTORY/"
  rm -rf "$directory"
}

# npm ends at Ctrl-C only when it is done; in the background it can be ended.
npm_ci() {
  npm ci --no-audit --no-fund &
  wait $!
}

# For a trap.
end_background() {
  local pids
  pids=$(jobs -p)
  # shellcheck disable=SC2086
  [ -z "$pids" ] || kill $pids 2>/dev/null || true
}

# Again only when package-lock.json has changed since.
install_modules() {
  local stamp=node_modules/.installed-from
  cmp -s package-lock.json "$stamp" && return
  step "Installing npm packages" npm_ci
  cp package-lock.json "$stamp"
}

# Only when something has changed since: programs that run now may be about to load what is there.
build() {
  if [ -e dist/main.js ] && [ -z "$(find src package.json esbuild.config.mjs -newer dist/main.js -print -quit)" ]; then return; fi
  step "Building" npm run --silent build
}

# count_results FILE: passed, failed and skipped tests of a jest JSON report. A suite that did not run counts as one failure.
count_results() {
  [ -s "$1" ] || { echo "0 1 0"; return; }
  jq -r '"\(.numPassedTests) \(.numFailedTests + .numRuntimeErrorTestSuites) \(.numPendingTests)"' "$1"
}

# list_failures FILE: each failed test of a jest JSON report with the beginning of why, without the stack; a suite that did not run too.
list_failures() {
  [ -s "$1" ] || return 0
  # shellcheck disable=SC2016
  jq -r --arg root "$PWD/" --argjson lines 16 '
    def is_word: test("^ *$|^ +at |^ *(expect\\(received|[-+] +(Expected|Received) )") | not;
    def indented: gsub("\u001b\\[[0-9;]*m"; "") | split("\n") | map(select(is_word)) | .[:$lines] | map("    " + .[:400]) | join("\n");
    .testResults[] | (.name | ltrimstr($root)) as $file
      | if .status == "failed" and (.assertionResults | length) == 0 then "  \($file)\n\(.message | indented)"
        else .assertionResults[] | select(.status == "failed")
          | "  \($file): \(.fullName)\n\(.failureMessages | join("\n") | indented)"
        end' "$1"
}

# name_failures: the lines of list_failures that are a test or a suite.
name_failures() {
  grep '^  [^ ]' || true
}

# list_skipped FILE: the files of a jest JSON report of which no test was begun.
list_skipped() {
  [ -s "$1" ] || return 0
  # shellcheck disable=SC2016
  jq -r --arg root "$PWD/" '.testResults[] | select((.assertionResults | length) > 0 and all(.assertionResults[]; .status == "pending"))
    | "  \(.name | ltrimstr($root))"' "$1"
}
