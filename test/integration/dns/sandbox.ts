/** A network namespace that looks like a container's: resolv.conf, Docker's resolver, and Docker's rules for it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ensureSandboxRules,
  removeSandboxRules,
  repairSandboxRules,
} from '../../../src/dataplane/sandbox/sandbox-rules.js';
import type { SandboxRules } from '../../../src/dns/collaborators.js';
import { Netns } from '../../support/kernel/netns.js';

const here = dirname(fileURLToPath(import.meta.url));

export const rules: SandboxRules = {
  ensure: ensureSandboxRules,
  repair: repairSandboxRules,
  remove: removeSandboxRules,
};

/** How Docker makes its rules: to 28 with iptables; from 29, where chosen, with nftables. */
export type Firewall = 'iptables' | 'nftables';

export interface Sandbox extends AsyncDisposable {
  readonly path: string;
  readonly netns: Netns;
  /** `dig +short` here, with further words. */
  dig(...words: string[]): Promise<string>;
  /** Prints what load-client.mjs measured. */
  load(name: string, count: number, concurrency: number, sameIds?: boolean): Promise<LoadResult>;
  /** Docker's resolver goes and comes back on other ports, as when dockerd restarts with live-restore. */
  restartDocker(): Promise<void>;
  stopDocker(): Promise<void>;
}

export interface LoadResult {
  readonly asked: number;
  readonly wrong: number;
  readonly lost: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly seconds: number;
}

export async function createSandbox(firewall: Firewall = 'iptables'): Promise<Sandbox> {
  const netns = await Netns.create('dns');
  const configuration = `/etc/netns/${netns.name}`;
  let docker: { stop(): Promise<void> } | undefined;
  const dispose = async () => {
    await docker?.stop();
    await netns[Symbol.asyncDispose]();
    await rm(configuration, { recursive: true, force: true });
  };
  try {
    await dressAsContainer(netns, configuration);
    docker = await startDocker(netns, firewall);
  } catch (error) {
    await dispose();
    throw error;
  }
  const stopDocker = async () => docker?.stop();
  return {
    path: `/run/netns/${netns.name}`,
    netns,
    dig: async (...words) => (await netns.exec('dig', '+short', '+tries=1', '+time=3', ...words)).trim(),
    load: async (name, count, concurrency, sameIds = false) => {
      const words = [name, String(count), String(concurrency), ...(sameIds ? ['same'] : [])];
      return JSON.parse(await netns.exec(process.execPath, join(here, 'load-client.mjs'), ...words));
    },
    stopDocker,
    restartDocker: async () => {
      await stopDocker();
      docker = await startDocker(netns, firewall);
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** Clients ask for the families that they have addresses of; `ip netns exec` shows our resolv.conf. */
async function dressAsContainer(netns: Netns, configuration: string): Promise<void> {
  await netns.ip('link add eth0 type bridge');
  await netns.ip('link set eth0 up');
  await netns.ip('addr add 10.1.0.9/24 dev eth0');
  await netns.ip('addr add fd00::9/64 dev eth0 nodad');
  await mkdir(configuration, { recursive: true });
  await writeFile(`${configuration}/resolv.conf`, 'nameserver 127.0.0.11\noptions ndots:0\n');
}

async function startDocker(netns: Netns, firewall: Firewall): Promise<{ stop(): Promise<void> }> {
  // Before all else on this machine: its socket holds some 270 small packets, and must not lose those of a burst.
  const program = ['chrt', '-r', '1', process.execPath, join(here, 'docker-stand-in.mjs')];
  const child = spawn('ip', ['netns', 'exec', netns.name, ...program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const [ports] = (await once(child.stdout, 'data')) as [Buffer];
  const [udp, tcp] = ports.toString().trim().split(' ').map(Number);
  await (firewall === 'iptables' ? iptablesRules : nftablesRules)(netns, udp!, tcp!);
  return {
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/** As `nsenter --net=<SandboxKey> iptables-save` shows them with Docker 20.10 and 28.5. */
async function iptablesRules(netns: Netns, udp: number, tcp: number): Promise<void> {
  const text = `*nat
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
:DOCKER_OUTPUT -
:DOCKER_POSTROUTING -
-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT
-A POSTROUTING -d 127.0.0.11/32 -j DOCKER_POSTROUTING
-A DOCKER_OUTPUT -d 127.0.0.11/32 -p tcp -m tcp --dport 53 -j DNAT --to-destination 127.0.0.11:${tcp}
-A DOCKER_OUTPUT -d 127.0.0.11/32 -p udp -m udp --dport 53 -j DNAT --to-destination 127.0.0.11:${udp}
-A DOCKER_POSTROUTING -s 127.0.0.11/32 -p tcp -m tcp --sport ${tcp} -j SNAT --to-source :53
-A DOCKER_POSTROUTING -s 127.0.0.11/32 -p udp -m udp --sport ${udp} -j SNAT --to-source :53
COMMIT`;
  await netns.exec('sh', '-c', `iptables-restore <<'END'\n${text}\nEND`);
}

/** As moby's daemon/libnetwork/resolver_unix.go, setupNftablesNAT, makes them. */
async function nftablesRules(netns: Netns, udp: number, tcp: number): Promise<void> {
  const text = `
add table ip docker-dns
delete table ip docker-dns
table ip docker-dns {
  chain dns-dnat {
    type nat hook output priority -100; policy accept;
    ip daddr 127.0.0.11 udp dport 53 counter dnat to 127.0.0.11:${udp}
    ip daddr 127.0.0.11 tcp dport 53 counter dnat to 127.0.0.11:${tcp}
  }
  chain dns-snat {
    type nat hook postrouting priority 100; policy accept;
    ip saddr 127.0.0.11 udp sport ${udp} counter snat to :53
    ip saddr 127.0.0.11 tcp sport ${tcp} counter snat to :53
  }
}`;
  await netns.exec('sh', '-c', `nft -f - <<'END'\n${text}\nEND`);
}
