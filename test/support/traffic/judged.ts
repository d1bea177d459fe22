/**
 * Attempts between containers where policies or isolation hold. That there is no answer shows no denial, since a busy machine may be late:
 * of one that is denied the sender's host has counted that it dropped it.
 */
import { expect } from '@jest/globals';
import { type Container, GREETING_PORT } from '../containers/containers.js';
import type { Lab } from '../lab/lab.js';
import { eventually } from '../time/eventually.js';

export type Kind = 'TCP' | 'UDP';

/** For an attempt that may pass: a lost SYN is sent again after one second, and after three. */
const PATIENT_S = 5;
/** For one that may not. */
const BRIEF_S = 1;

/** Whether one attempt is answered within the time. */
export async function asks(from: Container, to: string, kind: Kind, seconds = PATIENT_S): Promise<boolean> {
  const target =
    kind === 'TCP'
      ? `socat -T ${seconds} -u TCP:${to}:${GREETING_PORT},connect-timeout=${seconds} -`
      : `echo hi | socat -t ${seconds} - UDP:${to}:${GREETING_PORT},shut-none`;
  return (await from.exec('sh', '-c', `(${target}) 2>/dev/null || true`)).trim() !== '';
}

export async function expectReached(from: Container, to: string, kind: Kind = 'TCP'): Promise<void> {
  await eventually(`${from.name} reaches ${to} by ${kind}`, () => asks(from, to, kind));
}

/** Now, and at every attempt until its host has dropped one. */
export async function expectDenied(from: Container, to: string, kind: Kind = 'TCP'): Promise<void> {
  const before = await droppedOn(from.lab, from.host);
  let isReached = false;
  await eventually(`${from.host} drops what ${from.name} sends to ${to} by ${kind}`, async () => {
    isReached = await asks(from, to, kind, BRIEF_S);
    return isReached || (await droppedOn(from.lab, from.host)) > before;
  });
  expect(`${from.name} ${isReached} ${to}`).toBe(`${from.name} false ${to}`);
}

/** Resolves when its host drops it. */
export async function untilDenied(from: Container, to: string, kind: Kind = 'TCP'): Promise<void> {
  await eventually(`${from.host} drops what ${from.name} sends to ${to} by ${kind}`, async () => {
    const before = await droppedOn(from.lab, from.host);
    return !(await asks(from, to, kind, BRIEF_S)) && (await droppedOn(from.lab, from.host)) > before;
  });
}

/** Frames that policies and isolation have dropped on a host, in all networks, since their rules are there. */
export async function droppedOn(lab: Lab, host: string): Promise<number> {
  const each = 'ls /run/netns | grep -E "^xnet-[0-9a-f]{12}$"';
  const list = 'nft list counters table bridge xnet-policy 2>/dev/null';
  const listed = await lab.in(
    host,
    'sh',
    '-c',
    `for n in $(${each}); do ip netns exec $n ${list}; done; true`,
  );
  const counted = listed.matchAll(/counter (?:denied\.\S+|isolated) \{\s+packets (\d+)/g);
  return [...counted].reduce((sum, [, packets]) => sum + Number(packets), 0);
}
