/** Who a host is: another machine that takes itself for it, and another underlay address. */
import { pick } from '../../support/random.js';
import { hasFault, hasQuorum, type Model } from '../model.js';
import type { Kind } from '../operation.js';
import type { World } from '../world.js';

/** As this machine's xnet was started, but with a state directory and sockets of its own: $1 is the host id. */
const START_COPY = `
  dir=$(mktemp -d /run/copy.XXXXXX); echo "$1" >$dir/host-id
  own="--state-dir $dir --socket $dir/plugin.sock --admin-socket $dir/admin.sock"
  $(tr '\\0' ' ' </proc/$(cat /run/lab/xnet.pid)/cmdline) $own >$dir/log 2>&1 &
  for try in $(seq 100); do
    said=$(xnet status --admin-socket $dir/admin.sock 2>&1)
    case $said in *"in use by another machine"*) break ;; esac
    sleep 0.2
  done
  kill $!; wait $!; rm -rf $dir
  case $said in *"in use by another machine"*) ;; *) echo "the copy was not refused: $said" >&2; exit 1 ;; esac`;

/** A cloned machine beside the host itself: it is refused, and nothing happens to anything. */
const copy: Kind = {
  name: 'copy-host',
  weight: 1,
  draw(model, random) {
    const isWell = (host: string) => !hasFault(model, host) && hasQuorum(model);
    const hosts = model.hosts.filter(isWell);
    const original = hosts.length > 1 ? pick(random, hosts) : undefined;
    if (original === undefined) return undefined;
    const host = pick(
      random,
      hosts.filter((each) => each !== original),
    );
    return {
      kind: 'copy-host',
      text: `start a copy of ${original} on ${host}`,
      owns: [`xnet on ${original}`, `xnet on ${host}`],
      uses: [original, host, 'faults', `cable of ${original}`, `cable of ${host}`],
      apply: () => undefined,
      perform: async ({ lab }) => {
        const id = await lab.in(original, 'cat', '/var/lib/xnet/host-id');
        await lab.in(host, 'sh', '-c', START_COPY, 'sh', id.trim());
      },
    };
  },
};

const renumber: Kind = {
  name: 'renumber',
  weight: 2,
  draw(model, random) {
    const hosts = model.hosts.filter((host) => !hasFault(model, host, 'parted'));
    if (hosts.length === 0) return undefined;
    const host = pick(random, hosts);
    return {
      kind: 'renumber',
      text: `give ${host} another underlay address`,
      owns: [host, `xnet on ${host}`, `cable of ${host}`],
      uses: ['faults'],
      apply: (after) => disturb(after, host),
      perform: (world) => exchangeAddress(world, host),
    };
  },
};

/** Its containers are not reached until all hosts have followed. */
function disturb(model: Model, host: string): void {
  for (const container of model.containers) if (container.host === host) container.settled = false;
}

/** Forth, and back the next time; a reboot brings the first one back. */
async function exchangeAddress({ lab }: World, host: string): Promise<void> {
  const first = await lab.ip(host);
  const second = first.replace(/\d+$/, (last) => String(Number(last) + 50));
  const route = `ip route replace default via ${await lab.outside()} dev eth0`;
  const exchange = (from: string, to: string) =>
    `ip addr del ${from}/24 dev eth0 && ip addr add ${to}/24 dev eth0 && ${route}`;
  const script = `if ip -o addr show dev eth0 | grep -q ' ${first}/'; then ${exchange(first, second)}; else ${exchange(second, first)}; fi`;
  await lab.in(host, 'sh', '-c', script);
}

export const IDENTITY_KINDS: readonly Kind[] = [copy, renumber];
