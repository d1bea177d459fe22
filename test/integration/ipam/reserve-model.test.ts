/**
 * Several hosts over one store that each of them loses now and then, for a while or in the midst of a commit, and whose
 * daemons are killed. Whatever they do, no address is held twice; and when all are back nothing is lost: every address
 * can be given.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isXnetError } from '../../../src/errors.js';
import type { IpAddress } from '../../../src/inet/ip-address.js';
import type { AddressRequest } from '../../../src/ipam/addresses/addresses.js';
import { newRequest } from '../../../src/ipam/hold.js';
import type { Ipam } from '../../../src/ipam/ipam.js';
import type { AddressOfEndpoint } from '../../../src/model/address.js';
import type { CommitPart } from '../../../src/store/store.js';
import { transact } from '../../../src/store/transact.js';
import { Cluster, ip, poolRequest, storeOf } from '../../support/ipam/cluster.js';
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
  | { do: 'restart'; host: number }
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
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), host }) },
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

const SUBNET = '10.1.0.0/26';
const BUDGET_MS = 250;

interface Member {
  ipam: Ipam;
  /** Starts another daemon, after the one that is killed. */
  readonly start: () => Ipam;
  readonly store: AwayStore;
  readonly poolId: string;
}

class Model {
  /** Address -> the host whose container has it. */
  readonly held = new Map<string, Member>();
  /** Containers that are gone, though their host could not write so. */
  readonly #left: [address: string, member: Member][] = [];
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
    if (step.do === 'restart') return this.#restart(member);
    if (!member.store.away) member.store.loseNextAnswer(step);
  }

  /** As Docker starts a container. Throws what the host throws; then the container has not started. */
  async claim(member: Member, last?: number): Promise<void> {
    const named = last === undefined ? {} : { address: ip(`10.1.0.${last}`) };
    const { address } = await this.#request(member, { purpose: 'endpoint', ...named });
    expect(this.held.has(`${address}`)).toBe(false);
    this.held.set(`${address}`, member);
    try {
      await bind(member.ipam, `${address}`);
    } catch (error: unknown) {
      await this.#give(`${address}`, member);
      if (!isXnetError(error, 'STORE_UNAVAILABLE')) throw new Error(`${address} is handed out: ${error}`);
    }
  }

  /** A call that a killed daemon has not answered is asked of the next one, as the keeper does. */
  async #request(member: Member, wanted: AddressRequest): Promise<{ address: IpAddress }> {
    const { id } = newRequest();
    for (let repeated = false; ; repeated = true) {
      const { ipam, poolId } = member;
      const answer = ipam.requestAddress(poolId, wanted, { id, repeated });
      await answer.catch(() => undefined);
      if (member.ipam === ipam) return answer;
    }
  }

  /** To be called when all stores answer. */
  async tidyUp(): Promise<void> {
    for (const [address, member] of this.#left.splice(0)) await this.#give(address, member);
    expect(this.#left).toEqual([]);
  }

  async #release(pick: number): Promise<void> {
    const [address, member] = [...this.held][pick % this.held.size] ?? [];
    if (address && member) await this.#give(address, member);
  }

  /** Also an endpoint that was created without an answer. */
  async #give(address: string, member: Member): Promise<void> {
    this.held.delete(address);
    try {
      await unbind(member.ipam, address);
      const { boundTo } = await member.ipam.releaseAddress(member.poolId, ip(address));
      // A killed daemon has created the endpoint, and the next one does not know it yet.
      if (boundTo !== undefined) await unbind(member.ipam, address, 1);
    } catch (error: unknown) {
      expectRefusal(error);
      this.#left.push([address, member]);
    }
  }

  /** What a killed daemon meant to give back, and could not, is given back by nobody. */
  async #restart(member: Member): Promise<void> {
    if (member.store.away || member.ipam.counts().unfinished > 0) return;
    const before = member.ipam;
    member.ipam = member.start();
    await before[Symbol.asyncDispose]();
  }
}

/** As the driver does at CreateEndpoint. */
function bind(ipam: Ipam, address: string): Promise<void> {
  return commit(ipam, (isRepeated) => ipam.addressBook.bindPlan(endpointOf(address, isRepeated)));
}

/** As the driver does at DeleteEndpoint. */
function unbind(ipam: Ipam, address: string, rounds = 0): Promise<void> {
  return commit(ipam, (isRepeated) => ipam.addressBook.restPlan(endpointOf(address, isRepeated)), rounds);
}

function endpointOf(address: string, isRepeated: boolean): AddressOfEndpoint {
  const poolKey = `xnet-local~${SUBNET}`;
  return { poolKey, address, endpointId: `of-${address}`, networkId: 'n', isRepeated };
}

/** `rounds`: so many have gone before. */
async function commit(
  ipam: Ipam,
  plan: (isRepeated: boolean) => Promise<CommitPart>,
  rounds = 0,
): Promise<void> {
  let round = rounds;
  const attempt = async () => ({ result: undefined, ...(await plan(round++ > 0)) });
  await transact(storeOf(ipam), attempt, { budgetMs: BUDGET_MS });
}

function expectRefusal(error: unknown): void {
  if (!isXnetError(error, 'STORE_UNAVAILABLE', 'IN_USE')) throw error;
}

async function join(cluster: Cluster, name: string, restSeconds: number): Promise<Member> {
  const store = new AwayStore(cluster.store, `id-of-${name}`);
  const timing = { reserves: { size: 8, lookMs: 3, handOverMs: 50 }, budgetMs: BUDGET_MS };
  const start = () => cluster.host(name, { store, restSeconds, ...timing });
  const ipam = start();
  const { poolId } = await ipam.requestPool(poolRequest(SUBNET));
  return { ipam, start, store, poolId };
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
        await model.tidyUp();
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
