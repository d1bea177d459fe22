import { expect } from '@jest/globals';
import { createSharedNetwork } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';

const PER_HOST = 60;
const HOSTS = ['h1', 'h2'];
/** A neighbour on the host, the same place on the other host, and one in between. */
const SPREAD = [1, PER_HOST, 97];

/** Starts containers, ten at a time. */
function startMany(lab: Lab, host: string): Promise<string> {
  const start = `docker run -d --name c-{} --network crowd busybox sleep 1d`;
  return lab.run(['in', host, 'sh', '-c', `seq ${PER_HOST} | xargs -P 10 -I{} ${start}`], {
    timeoutMs: 180_000,
  });
}

async function addressesOn(lab: Lab, host: string): Promise<string[]> {
  const template = '{{range .Containers}}{{.IPv4Address}} {{end}}';
  const text = await lab.docker(host, 'network', 'inspect', '-f', template, 'crowd');
  return text
    .trim()
    .split(/\s+/)
    .map((address) => address.replace('/24', ''));
}

/**
 * Every container of the host pings three others; "address > address" for each that was not reached. Not all others: the
 * kernel keeps at most 1024 neighbours (gc_thresh3) for all containers of all hosts on this machine together.
 */
async function findUnreached(lab: Lab, host: string, addresses: readonly string[]): Promise<string> {
  const targets = addresses.map((address, index) =>
    [address, ...SPREAD.map((step) => addresses[(index + step) % addresses.length])].join(' '),
  );
  const script = `
    docker inspect -f '{{.NetworkSettings.Networks.crowd.IPAddress}} {{.State.Pid}}' $(docker ps -q) |
      while read -r from pid; do
        for to in $(printf '%s\\n' "$@" | sed -n "s/^$from //p"); do
          nsenter -t "$pid" -n ping -n -q -c 1 -w 10 "$to" >/dev/null || echo "$from > $to"
        done &
        while [ "$(jobs -r | wc -l)" -ge 4 ]; do sleep 0.02; done
      done; wait`;
  return lab.run(['in', host, 'bash', '-c', script, 'bash', ...targets], { timeoutMs: 120_000 });
}

describeInLab('scale', { hosts: 2 }, (test) => {
  test(
    `${HOSTS.length * PER_HOST} containers started ten at a time on each host have addresses of their own and reach each other`,
    async (lab) => {
      await createSharedNetwork(lab, 'crowd');
      const started = performance.now();
      await Promise.all(HOSTS.map((host) => startMany(lab, host)));
      const running = performance.now();
      const addresses = (await Promise.all(HOSTS.map((host) => addressesOn(lab, host)))).flat();
      expect(new Set(addresses).size).toBe(HOSTS.length * PER_HOST);
      const unreached = await Promise.all(HOSTS.map((host) => findUnreached(lab, host, addresses)));
      expect(unreached).toEqual(HOSTS.map(() => ''));
      const seconds = (from: number, to: number) => ((to - from) / 1000).toFixed(1);
      console.info(
        `started in ${seconds(started, running)} s, pinged in ${seconds(running, performance.now())} s`,
      );
    },
    { timeoutMs: 300_000 },
  );
});
