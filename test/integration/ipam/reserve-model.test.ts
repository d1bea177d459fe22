/**
 * Several hosts over one store that each of them loses now and then, for a while or in the midst of a commit. Whatever
 * they do, no address is held twice; and when all are back nothing is lost: every address can be given.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isXnetError } from '../../../src/errors.js';
import type { Ipam } from '../../../src/ipam/ipam.js';
import { Cluster, ip, poolRequest } from '../../support/ipam/cluster.js';
import { AwayStore } from '../../support/store/away-store.js';
import { eventually } from '../../support/time/eventually.js';

const HOSTS = ['h1', 'h2', 'h3'];
/** A /26, less the network, the gateway's place and the broadcast address. */
const CAPACITY = 61;

const host = fc.nat(HOSTS.length - 1);
type Step =
  | { do: 'claim'; host: number; address: number | undefined }
  | { do: 'release'; pick: number }
  | { do: 'turn'; host: number; away: boolean }
  | { do: 'lose'; host: number; applied: boolean }
  | { do: 'wait' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      host,
      address: fc.option(fc.integer({ min: 2, max: 62 }), { nil: undefined, freq: 4 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('release' as const), pick: fc.nat(1000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const), host, away: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), host, applied: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const) }) },
);
const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { maxLength: 25 });

const claim = (host: number, address?: number): Step => ({ do: 'claim', host, address });
const loseAnswer = (host: number): Step => ({ do: 'lose', host, applied: true });
const RELEASE_FIRST: Step = { do: 'release', pick: 0 };

/** What once went wrong: rounds, and seconds of rest. */
const FOUND: [Step[][], number][] = [
  // A claim is carried out unheard, and what was last heard says that another host has the address.
  [[[claim(1, 2)], [claim(0, 2), loseAnswer(0), RELEASE_FIRST]], 0],
  // A release is carried out unheard, and another host takes the address.
  [[[claim(0, 2)], [loseAnswer(0), RELEASE_FIRST], [claim(1, 2)]], 0],
  // The same, and the host that released it is asked for it again before it hears of that.
  [[[claim(0, 2)], [loseAnswer(0), RELEASE_FIRST], [claim(1, 2)], [claim(0, 2)]], 0],
];

interface Member {
  readonly ipam: Ipam;
  readonly store: AwayStore;
  readonly poolId: string;
}

class Model {
  /** Address -> the host whose container has it. */
  readonly held = new Map<string, Member>();
  readonly #members: readonly Member[];

  constructor(members: readonly Member[]) {
    this.#members = members;
  }

  async run(step: Step): Promise<void> {
    if (step.do === 'release') return this.#release(step.pick);
    if (step.do === 'wait') return new Promise((resolve) => setTimeout(resolve, 4));
    const member = this.#members[step.host]!;
    if (step.do === 'claim') return this.claim(member, step.address).catch(expectRefusal);
    if (step.do === 'turn') return step.away ? member.store.goAway() : member.store.comeBack();
    if (!member.store.away) member.store.loseNextAnswer(step);
  }

  /** Throws what the host throws. */
  async claim(member: Member, last?: number): Promise<void> {
    const named = last === undefined ? {} : { address: ip(`10.1.0.${last}`) };
    const request = { purpose: 'endpoint' as const, ...named };
    const { address } = await member.ipam.requestAddress(member.poolId, request);
    expect(this.held.has(`${address}`)).toBe(false);
    this.held.set(`${address}`, member);
  }

  async #release(pick: number): Promise<void> {
    const [address, member] = [...this.held][pick % this.held.size] ?? [];
    if (!address || !member) return;
    this.held.delete(address);
    await member.ipam.releaseAddress(member.poolId, ip(address)).catch(expectRefusal);
  }
}

function expectRefusal(error: unknown): void {
  if (!isXnetError(error, 'STORE_UNAVAILABLE', 'IN_USE')) throw error;
}

async function join(cluster: Cluster, name: string, restSeconds: number): Promise<Member> {
  const store = new AwayStore(cluster.store, `id-of-${name}`);
  const timing = { reserves: { size: 8, lookMs: 3 }, budgetMs: 250 };
  const ipam = cluster.host(name, { store, restSeconds, ...timing });
  const { poolId } = await ipam.requestPool(poolRequest('10.1.0.0/26'));
  return { ipam, store, poolId };
}

describe('hosts that lose their store now and then', () => {
  test('never hold an address twice, and lose none', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, fc.constantFrom(0, 60), async (rounds, restSeconds) => {
        await using cluster = new Cluster();
        const members: Member[] = [];
        for (const name of HOSTS) members.push(await join(cluster, name, restSeconds));
        const model = new Model(members);
        for (const steps of rounds) await Promise.all(steps.map((one) => model.run(one)));
        for (const { store } of members) await store.comeBack();
        await eventually(() => members.every(({ ipam }) => ipam.counts().unfinished === 0));
        expect(members.flatMap(({ store }) => store.lost)).toEqual([]);
        while (model.held.size < CAPACITY) await model.claim(members[model.held.size % HOSTS.length]!);
        for (const { ipam, poolId } of members) await ipam.releasePool(poolId);
        expect(await cluster.keys()).toEqual([]);
      }),
      // What shrinks runs for minutes: the test's time would be over before it said what failed.
      { numRuns: 40, endOnFailure: true, examples: FOUND },
    );
  }, 120_000);
});
