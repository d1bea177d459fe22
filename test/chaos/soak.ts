/**
 * Thousands of containers started and stopped on all hosts, as fast as is steady: what xnet holds afterwards must be
 * what it held after the first few hundred, and the store must hold nothing more.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { CREATE, runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { LeakCheck } from '../support/lab/leak-check.js';
import { eventually } from '../support/time/eventually.js';
import { compareResources, findGrowth, type Resources, readResources } from './resources.js';
import { labUntil } from './world.js';

/** Starts before what xnet holds is first read; it is read again each time that so many more were done. */
const WARM_UP = 500;

/** The memory at the end, of that after the warm-up. Docker and etcd may have a few connections more or less open. */
const GROWTH = { memory: 1.2, files: 8 };

/** What is under way has ended by then. */
const REST_MS = 10_000;

/** A released address rests for 60 s; and its lease ends at a step of etcd's. */
const RELEASED_MS = 120_000;

/** A host looks after its reserve once a second. */
const FILLED_MS = 5_000;

const HOSTS = 3;
const CLIENTS_A_HOST = 2;
/** Starts that one client does in one go, with so many containers. */
const BATCH = 60;
const CONTAINERS = 20;
const BATCH_TIMEOUT_MS = 600_000;
/** Of so many containers one asks a standing one of its network by name. */
const ASKING = 5;

/** Wide enough for the addresses that rest. */
const NETWORKS = { red: '10.90.0.0/20', blue: '10.91.0.0/20' };

type Say = (line: string) => void;

/** Rejects when a container does not start, does not reach the standing ones, or something has grown. */
export async function soak(starts: number, say: Say, signal: AbortSignal): Promise<void> {
  await using lab = await labUntil(signal, 'soak', { hosts: HOSTS });
  const leakCheck = await LeakCheck.of(lab);
  const keysAtStart = await lab.etcdKeys();
  await standUp(lab);
  const keysStanding = await keysAtRest(lab);
  const warm = await startMany(lab, WARM_UP, say);
  let end = warm;
  for (let done = WARM_UP; done < starts; done += WARM_UP) {
    end = await startMany(lab, Math.min(WARM_UP, starts - done), say);
    for (const line of compareResources(warm, end)) say(line);
  }
  await addressesAreReleased(lab, keysStanding);
  await leakCheck.cleanAndCheck();
  const keysAtEnd = await lab.etcdKeys();
  for (const line of compareResources(warm, end)) say(line);
  say(
    `keys in etcd: ${keysAtStart.length} at the start, ${keysStanding.length} with the networks, ${keysAtEnd.length} at the end`,
  );
  const wrong = findGrowth(warm, end, GROWTH);
  if (keysAtEnd.length !== keysAtStart.length) wrong.push('the number of keys is not what it was');
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
}

async function standUp(lab: Lab): Promise<void> {
  for (const [name, subnet] of Object.entries(NETWORKS)) {
    await lab.docker('h1', ...CREATE, '--subnet', subnet, name);
    for (const host of lab.hosts) await eventually(`${host} has ${name}`, () => hasNetwork(lab, host, name));
    for (const host of lab.hosts) await runContainer(lab, host, name, { name: `${name}-${host}` });
  }
}

async function hasNetwork(lab: Lab, host: string, name: string): Promise<boolean> {
  return (await lab.docker(host, 'network', 'ls', '-q', '-f', `name=^${name}$`)) !== '';
}

/** Resolves with what xnet holds when so many containers more have been started and stopped. */
async function startMany(lab: Lab, count: number, say: Say): Promise<Resources[]> {
  const started = performance.now();
  let left = count;
  const client = async (host: string) => {
    while (left > 0) {
      const batch = Math.min(BATCH, left);
      left -= batch;
      await startBatch(lab, host, batch);
      if (Math.floor((left + batch) / WARM_UP) !== Math.floor(left / WARM_UP))
        say(`${left} of ${count} left`);
    }
  };
  const clients = lab.hosts.flatMap((host) => Array.from({ length: CLIENTS_A_HOST }, () => client(host)));
  await Promise.all(clients);
  const seconds = (performance.now() - started) / 1000;
  say(
    `${count} containers started and stopped in ${Math.round(seconds)} s, ${(count / seconds).toFixed(1)} a second`,
  );
  await pause(REST_MS);
  return readResources(lab);
}

/**
 * Some containers on the networks in turn, each started several times: every time it has other endpoints and, mostly,
 * other addresses. Each ends by itself, with 0 when it reached whom it asked.
 */
const SCRIPT = `
  set -e; starts=$1 containers=$2 every=$3; shift 3
  made=""
  for i in $(seq "$containers"); do
    network=$1; shift; set -- "$@" "$network"
    command=true; [ $((i % every)) -ne 0 ] || command="ping -q -c 1 -i 0.2 -w 5 $network-h1"
    made="$made $(docker create --network "$network" tools $command)"
  done
  while [ "$starts" -gt 0 ]; do
    some=$(echo $made | cut -d ' ' -f "1-$starts")
    docker start $some >/dev/null
    codes=$(docker wait $some | sort -u | xargs)
    [ "$codes" = 0 ] || { echo "containers ended with $codes"; exit 1; }
    starts=$((starts - containers))
  done
  docker rm $made >/dev/null`;

async function startBatch(lab: Lab, host: string, starts: number): Promise<void> {
  const numbers = [starts, CONTAINERS, ASKING].map(String);
  await lab.run(['in', host, 'sh', '-c', SCRIPT, 'sh', ...numbers, ...Object.keys(NETWORKS)], {
    timeoutMs: BATCH_TIMEOUT_MS,
  });
}

/** When they are the same for longer than a host takes to fill its reserve of addresses. */
async function keysAtRest(lab: Lab): Promise<string[]> {
  let [keys, since] = [await lab.etcdKeys(), performance.now()];
  const isSo = async () => {
    const now = await lab.etcdKeys();
    if (now.join() !== keys.join()) [keys, since] = [now, performance.now()];
    return performance.now() - since > FILLED_MS;
  };
  await eventually('the keys of the networks stay the same', isSo);
  return keys;
}

/** They rest for a while. Each host holds some in reserve, of which those of the start need not be the same ones. */
async function addressesAreReleased(lab: Lab, before: readonly string[]): Promise<void> {
  let keys: readonly string[] = [];
  const isSo = async () => {
    keys = await lab.etcdKeys();
    return keys.length === before.length;
  };
  await eventually('released addresses rest no more', isSo, RELEASED_MS).catch((error: Error) => {
    const added = keys.filter((key) => !before.includes(key));
    const gone = before.filter((key) => !keys.includes(key));
    throw new Error(`${error.message}; keys there now: ${added.join(', ')}; gone: ${gone.join(', ')}`);
  });
}
