/** Questions of one host to others, through a store that they share. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Answering, type QuestionHandlers } from '../../../src/agent/questions/answering.js';
import { askHosts } from '../../../src/agent/questions/asking.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { muteLogger } from '../../support/loggers.js';
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
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    stopped += 1;
    yield 'too late';
  },
};

let store: MemoryStore;
let open: AsyncDisposable[];
let stopped: number;

function answering(hostId: string): void {
  const replica = new Replica(store, new RecordReader(muteLogger));
  open.push(new Answering({ replica, hostId, handlers: HANDLERS, logger: muteLogger }), replica);
}

function ask(kind: string, hostIds: readonly string[], patienceMs = 5_000) {
  return askHosts(store, 'h1', { kind, parameters: 4, hostIds }, patienceMs);
}

beforeEach(() => {
  store = new MemoryStore();
  open = [];
  stopped = 0;
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
});
