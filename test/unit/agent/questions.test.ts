/** Questions of one host to others, through a store that they share. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Answering, type QuestionHandlers } from '../../../src/agent/questions/answering.js';
import { askHosts, streamAnswers } from '../../../src/agent/questions/asking.js';
import { sleep } from '../../../src/concurrency/deadline.js';
import { Replica } from '../../../src/replica/replica.js';
import { ownershipOf } from '../../../src/store/known/own-keys.js';
import { FailStaticStore } from '../../../src/store/outage/fail-static-store.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import type { Condition, Lease, Store, WatchBatch, Write } from '../../../src/store/store.js';
import { muteLogger } from '../../support/loggers.js';
import { FailingStore } from '../../support/store/failing-store.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { eventually } from '../../support/time/eventually.js';

const HANDLERS: QuestionHandlers = {
  async *double(parameters) {
    yield Number(parameters) * 2;
    yield 'and that is all';
  },
  // biome-ignore lint/correctness/useYield: it fails before.
  async *fail() {
    throw new Error('the kernel refuses');
  },
  async *wait(_, signal) {
    begun += 1;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    stopped += 1;
    yield 'too late';
  },
  async *work() {
    working += 1;
    await new Promise(() => undefined);
    yield 'never';
  },
  async *follow(_, signal) {
    let end = () => {};
    signal.addEventListener('abort', () => end());
    for (let count = 1; !signal.aborted; count += 1) {
      await new Promise<void>((resolve) => {
        happen = resolve;
        end = resolve;
      });
      if (!signal.aborted) yield count;
    }
  },
};

let store: MemoryStore;
let open: AsyncDisposable[];
let begun: number;
let stopped: number;
let working = 0;
/** Lets something happen on the host that is followed, when it is waited for. */
let happen: (() => void) | undefined;

function answering(hostId: string, of: Store = store): Answering {
  const replica = new Replica(of, new RecordReader(muteLogger));
  const answering = new Answering({ replica, hostId, handlers: HANDLERS, logger: muteLogger });
  open.push(answering, replica);
  return answering;
}

/** What `hostId` answers, until the test ends. */
function follow(hostId: string, asking: Parameters<typeof streamAnswers>[0] = store): unknown[] {
  const values: unknown[] = [];
  const stop = new AbortController();
  const read = async () => {
    const question = { kind: 'follow', parameters: {}, hostIds: [hostId] };
    for await (const { value } of streamAnswers(asking, 'h1', question, stop.signal)) values.push(value);
  };
  const reading = read();
  open.unshift({
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await reading;
    },
  });
  return values;
}

async function somethingHappens(): Promise<void> {
  await eventually(() => expect(happen).toBeDefined());
  happen?.();
  happen = undefined;
}

function ask(kind: string, hostIds: readonly string[], patienceMs = 5_000) {
  return askHosts(store, 'h1', { kind, parameters: 4, hostIds }, patienceMs);
}

beforeEach(() => {
  store = new MemoryStore();
  open = [];
  begun = 0;
  stopped = 0;
  happen = undefined;
  for (const hostId of ['h1', 'h2', 'h3']) answering(hostId);
});

afterEach(async () => {
  for (const each of open) await each[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

describe('a question', () => {
  test('is answered by the hosts that are asked, in parts', async () => {
    expect(await ask('double', ['h3', 'h2'])).toEqual([
      { hostId: 'h3', values: [8, 'and that is all'] },
      { hostId: 'h2', values: [8, 'and that is all'] },
    ]);
    expect(await ask('double', [])).toEqual([]);
  });

  test('leaves nothing in the store', async () => {
    await ask('double', ['h2', 'h3']);
    await eventually(async () => expect((await store.list('')).entries).toEqual([]));
  });

  test.each([
    ['fail', /^the kernel refuses$/],
    ['sing', /does not know the question "sing": upgrade it/],
  ])('%s is refused with the reason', async (kind, refusal) => {
    expect(await ask(kind, ['h2'])).toEqual([
      { hostId: 'h2', values: [], refusal: expect.stringMatching(refusal) },
    ]);
  });

  test('is not waited for longer than that, and the host stops to work on it', async () => {
    const refusal = expect.stringMatching(/^no answer within 0.2 s/);
    expect(await ask('wait', ['h2', 'nobody'], 200)).toEqual([
      { hostId: 'h2', values: [], refusal },
      { hostId: 'nobody', values: [], refusal },
    ]);
    await eventually(() => expect(stopped).toBe(1));
  });

  test('is withdrawn when its answers are wanted no more, and the host stops to work on it', async () => {
    const stop = new AbortController();
    const question = { kind: 'wait', parameters: 4, hostIds: ['h2'] };
    const asked = askHosts(store, 'h1', question, 60_000, stop.signal);
    await eventually(() => expect(begun).toBe(1));
    stop.abort();
    expect(await asked).toMatchObject([{ hostId: 'h2', values: [] }]);
    await eventually(() => expect(stopped).toBe(1));
  });

  test('does not hold up the end of a host that works on it, whatever that takes', async () => {
    const host = answering('h4');
    const asked = ask('work', ['h4'], 1_000);
    await eventually(() => expect(working).toBe(1));
    await host[Symbol.asyncDispose]();
    expect(await asked).toMatchObject([{ hostId: 'h4', values: [] }]);
  });
});

test('a question to all is answered by hosts that come later, too', async () => {
  const stop = new AbortController();
  const answered: string[] = [];
  const read = async () => {
    const question = { kind: 'double', parameters: 1 };
    for await (const { hostId, isLast } of streamAnswers(store, 'h1', question, stop.signal))
      if (isLast) answered.push(hostId);
  };
  const reading = read();
  await eventually(() => expect(answered.toSorted()).toEqual(['h2', 'h3']));
  answering('h9');
  await eventually(() => expect(answered[2]).toBe('h9'));
  stop.abort();
  await reading;
});

test.each<[string, keyof Store]>([
  ['a lease', 'grantLease'],
  ['the question', 'commit'],
])('asking ends in time, though the store does not answer for %s', async (_, call) => {
  const silent = new Proxy(store, {
    get: (of, name) => (name === call ? () => new Promise(() => undefined) : Reflect.get(of, name).bind(of)),
  });
  const question = { kind: 'double', parameters: 1, hostIds: ['h2'] };
  expect(await askHosts(silent, 'h1', question, 100)).toMatchObject([{ hostId: 'h2', values: [] }]);
});

describe('a question that follows what happens', () => {
  test('gets all from a host that is started again', async () => {
    const former = answering('h4');
    const values = follow('h4');
    await somethingHappens();
    await eventually(() => expect(values).toEqual([1]));
    await former[Symbol.asyncDispose]();
    happen = undefined;
    answering('h4');
    await somethingHappens();
    await eventually(() => expect(values).toEqual([1, 1]));
  });

  test('does not fill the store with what was read', async () => {
    const values = follow('h2');
    for (let count = 0; count < 130; count += 1) await somethingHappens();
    await eventually(() => expect(values).toHaveLength(130));
    await eventually(async () => expect((await store.list('answers/')).entries.length).toBeLessThan(100));
    expect(values.at(-1)).toBe(130);
  });

  test('is asked anew when the store has lost it', async () => {
    const leases: Lease[] = [];
    const values = follow('h2', {
      commit: (...commit) => store.commit(...commit),
      watch: (prefix, signal) => store.watch(prefix, signal),
      grantLease: async (options) => {
        leases.push(await store.grantLease(options));
        return leases.at(-1) as Lease;
      },
    });
    await somethingHappens();
    await eventually(() => expect(values).toEqual([1]));
    await eventually(() => expect(happen).toBeDefined());
    happen = undefined;
    await leases[0]?.revoke();
    await eventually(() => expect(leases).toHaveLength(2));
    await somethingHappens();
    await eventually(() => expect(values).toEqual([1, 1]));
  });

  test('is answered by a host that knew it before it was started, and hears of it late', async () => {
    const values = follow('h4');
    await eventually(async () => expect((await store.list('questions/')).entries).toHaveLength(1));
    answering('h4', {
      commit: (conditions: Condition[], writes: Write[]) => store.commit(conditions, writes),
      async *watch(prefix: string, signal: AbortSignal): AsyncGenerator<WatchBatch> {
        yield { type: 'snapshot', snapshot: { ...(await store.list(prefix)), recalled: true } };
        yield* store.watch(prefix, signal);
      },
    } as unknown as Store);
    await somethingHappens();
    await eventually(() => expect(values).toEqual([1]));
  });

  test('goes on after a short absence of the store', async () => {
    const failing = new FailingStore(store);
    answering('h4', failing);
    const values = follow('h4');
    await somethingHappens();
    await eventually(() => expect(values).toEqual([1]));
    await eventually(() => expect(happen).toBeDefined());
    failing.mode = 'refuses';
    await somethingHappens();
    await sleep(100);
    failing.mode = 'answers';
    await somethingHappens();
    await eventually(() => expect(values).toEqual([1, 2, 3]));
  });
});

test('the answers to a question that was asked are no longer among what is last known', async () => {
  const stateDirectory = await mkdtemp(join(tmpdir(), 'xnet-questions-'));
  const asking = await FailStaticStore.open(store, {
    stateDirectory,
    ownership: ownershipOf('h1'),
    logger: muteLogger,
  });
  const question = { kind: 'double', parameters: 4, hostIds: ['h2'] };
  expect(await askHosts(asking, 'h1', question, 5_000)).toMatchObject([{ values: [8, 'and that is all'] }]);
  await asking.list('hosts/');
  await asking[Symbol.asyncDispose]();
  const known = await readFile(join(stateDirectory, 'last-known.jsonl'), 'utf8');
  await rm(stateDirectory, { recursive: true });
  expect(known).toMatch(/hosts/);
  expect(known).not.toMatch(/answers/);
});
