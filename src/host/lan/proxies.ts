/**
 * Routers that answer for every address of a subnet (proxy ARP, also of private VLANs; proxy ND), of which they have none. What they
 * answer says nothing of devices: each address would be set aside, and no container would start.
 *
 * Who answers is tested by a question for addresses at random. Limit: a device with half of a subnet's addresses or more is taken for
 * such a router; in a subnet of fewer than 128, where a device may have so many, none is.
 */
import { randomBytes } from 'node:crypto';
import { IpAddress } from '../../inet/ip-address.js';
import type { Prefix } from '../../inet/prefix.js';
import type { LanAnswers } from '../../ipam/lan/lan-questions.js';

const SMALLEST_SUBNET = 128n;
/** Who answers for fewer of several addresses is not tested: mostly it is a device, and a start waits for the test. */
const SUSPECT = 2;
const SAMPLE = 16;
/** A test counts as long as an answer does that is remembered. */
const COUNTS_MS = 600_000;

interface Test {
  readonly network: string;
  readonly mac: string;
  readonly isProxy: boolean;
  readonly untilMs: number;
}

export class Proxies {
  /** By network and MAC. */
  readonly #tests = new Map<string, Test>();

  /** For `xnet status`. */
  get problems(): readonly string[] {
    return [...this.#tests.values()]
      .filter(({ isProxy, untilMs }) => isProxy && performance.now() < untilMs)
      .map(
        ({ network, mac }) =>
          `on the LAN of network ${network} the device with MAC ${mac} answers for every address (proxy ARP or ND); its answers do not count, so a container may get an address that something behind it has: switch that off there, or give the network a range that nobody else uses (--ip-range)`,
      );
  }

  forget(network: string): void {
    for (const [key, test] of this.#tests) if (test.network === network) this.#tests.delete(key);
  }

  /** What is left of the answers to `asked`. `ask`: asks the same LAN. Rejects as `ask`. */
  async leaveOut(
    network: string,
    subnet: Prefix,
    { asked, answers }: { readonly asked: readonly string[]; readonly answers: LanAnswers },
    ask: (addresses: readonly string[]) => Promise<LanAnswers | undefined>,
  ): Promise<LanAnswers> {
    if (subnet.size < SMALLEST_SUBNET) return answers;
    const isSuspect = (count: number) => count >= Math.min(SUSPECT, asked.length);
    const counts = countByMac(answers);
    const untested = [...counts].filter(([mac, count]) => isSuspect(count) && !this.#find(network, mac));
    if (untested.length > 0)
      await this.#test(
        network,
        subnet,
        untested.map(([mac]) => mac),
        ask,
      );
    const isDevice = ([, mac]: readonly [string, string]) => !this.#find(network, mac)?.isProxy;
    return { ...answers, devices: new Map([...answers.devices].filter(isDevice)) };
  }

  async #test(
    network: string,
    subnet: Prefix,
    macs: readonly string[],
    ask: (addresses: readonly string[]) => Promise<LanAnswers | undefined>,
  ): Promise<void> {
    const answers = await ask(sampleOf(subnet));
    if (!answers) return;
    const counts = countByMac(answers);
    const now = performance.now();
    for (const [key, { untilMs }] of this.#tests) if (untilMs <= now) this.#tests.delete(key);
    for (const mac of macs) {
      const isProxy = (counts.get(mac) ?? 0) > SAMPLE / 2;
      this.#tests.set(`${network} ${mac}`, { network, mac, isProxy, untilMs: now + COUNTS_MS });
    }
  }

  #find(network: string, mac: string): Test | undefined {
    const test = this.#tests.get(`${network} ${mac}`);
    return test && performance.now() < test.untilMs ? test : undefined;
  }
}

function countByMac({ devices }: LanAnswers): Map<string, number> {
  const counts = new Map<string, number>();
  for (const mac of devices.values()) counts.set(mac, (counts.get(mac) ?? 0) + 1);
  return counts;
}

/** Without the first and the last address, which no device has. */
function sampleOf({ first, size, family }: Prefix): string[] {
  const sample = new Set<string>();
  while (sample.size < SAMPLE) {
    const offset = 1n + (randomBytes(16).readBigUInt64BE() % (size - 2n));
    sample.add(`${IpAddress.of(family, first.value + offset)}`);
  }
  return [...sample];
}
