/** A fault that is injected into a lab: `xnet doctor` names it as it is, and what it prints mends it. */
import { expect } from '@jest/globals';
import type { Lab } from '../lab/lab.js';
import { xnetAnswer } from '../lab/xnet-answer.js';
import { eventually } from '../time/eventually.js';

export interface Fault {
  readonly name: string;
  /** The host on which it is injected, and the remedy run. */
  readonly on: string;
  /** Whose doctor names it; default: that host's. */
  readonly asked?: string;
  readonly inject: (lab: Lab) => Promise<unknown>;
  readonly check: string;
  /** Default: failure. */
  readonly verdict?: 'warning';
  readonly found: RegExp;
  /** What a person does, where the remedy is words; absent: the remedy is run as printed. */
  readonly byHand?: { readonly remedy: RegExp; readonly mend: (lab: Lab) => Promise<unknown> };
  /** Takes away what the injection alone needed. */
  readonly after?: (lab: Lab) => Promise<unknown>;
}

export interface Finding {
  readonly check: string;
  readonly verdict: string;
  readonly found: string;
  readonly remedy?: string | undefined;
}

/** Runs a script on a host. */
export function sh(host: string, script: string): (lab: Lab) => Promise<string> {
  return (lab) => lab.in(host, 'sh', '-c', script);
}

/** What is not well on the host; with `--all` on any, as that host learns it. */
export async function faultsOf(lab: Lab, host: string, ...options: '--all'[]): Promise<Finding[]> {
  const { hosts } = await xnetAnswer(lab, host, 'doctor', ...options);
  return hosts.flatMap(({ findings }) => findings).filter(({ verdict }) => verdict !== 'ok');
}

export async function expectFault(lab: Lab, host: string, check: string, found: RegExp): Promise<Finding> {
  let fault: Finding | undefined;
  await eventually(async () => {
    const all = await faultsOf(lab, host);
    expect(all).toContainEqual(expect.objectContaining({ check, found: expect.stringMatching(found) }));
    fault = all.find((each) => each.check === check && found.test(each.found));
  });
  return fault as Finding;
}

export async function expectHealthy(lab: Lab, hosts = lab.hosts): Promise<void> {
  for (const host of hosts) await eventually(async () => expect(await faultsOf(lab, host)).toEqual([]));
}

/** The fault from its injection to its end. */
export async function goThrough(lab: Lab, fault: Fault): Promise<void> {
  const { on, asked = on, inject, check, verdict = 'failure', found, byHand, after } = fault;
  await inject(lab);
  const finding = await expectFault(lab, asked, check, found);
  expect(finding.verdict).toBe(verdict);
  const { remedy = '' } = finding;
  if (byHand) {
    expect(remedy).toMatch(byHand.remedy);
    await byHand.mend(lab);
  } else await runRemedy(lab, on, remedy);
  await eventually(async () => {
    const left = (await faultsOf(lab, asked)).filter(
      (each) => each.check === check && found.test(each.found),
    );
    expect(left).toEqual([]);
  });
  await after?.(lab);
}

/** Most of the lab's hosts have no systemd: what its command does, the lab does. */
const SERVICES: readonly [RegExp, (lab: Lab, host: string, remedy: string) => Promise<string>][] = [
  [
    /^(systemctl restart xnet\.socket xnet\.service$|# end xnet serve, and start it again)/,
    (lab, host) => lab.xnet(host, 'restart'),
  ],
  [/^systemctl restart docker +#/, (lab, host) => lab.dockerd(host, 'restart')],
  [
    /^systemctl start etcd +#/,
    async (lab) => {
      for (const member of ['etcd2', 'etcd3']) await lab.etcd('start', member);
      return '';
    },
  ],
  [
    /^hostnamectl set-hostname/,
    (lab, host, remedy) => lab.in(host, 'sh', '-c', remedy.replace('hostnamectl set-hostname', 'hostname')),
  ],
  [/^systemctl start docker +#/, (lab, host) => lab.dockerd(host, 'start')],
];

/** As a person does, on the host. */
export async function runRemedy(lab: Lab, host: string, remedy: string): Promise<void> {
  const service = SERVICES.find(([pattern]) => pattern.test(remedy));
  if (service && lab.hostsOfOwnXnet.includes(host)) await service[1](lab, host, remedy);
  else await lab.in(host, 'sh', '-c', remedy);
}
