/** Captures on other hosts, through a store that they share. A host that does not answer at all is in e2e/capture. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { CaptureQuestion } from '../../../src/agent/capture/capture-question.js';
import { type AskingStore, type FromHost, OtherHosts } from '../../../src/agent/capture/other-hosts.js';
import { Answering, type Handler } from '../../../src/agent/questions/answering.js';
import { XnetError } from '../../../src/errors.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { muteLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';

const QUESTION: CaptureQuestion = { networks: [], count: 10, seconds: 60, snapBytes: 128, sharedBy: 1 };
const PART = { packets: [[0, '7', 'in', 60, 'AAAA']] };

let store: MemoryStore;
let open: AsyncDisposable[];

beforeEach(() => {
  store = new MemoryStore();
  open = [];
});

afterEach(async () => {
  for (const each of open) await each[Symbol.asyncDispose]();
});

function answering(hostId: string, capture: Handler | undefined): void {
  const replica = new Replica(store, new RecordReader(muteLogger));
  const handlers = capture ? { capture } : {};
  open.push(new Answering({ replica, hostId, handlers, logger: muteLogger }), replica);
}

type GrantLease = AskingStore['grantLease'];

async function captured(
  hostIds: string[],
  grantLease: GrantLease = (options) => store.grantLease(options),
): Promise<FromHost[]> {
  const asking: AskingStore = {
    grantLease,
    commit: (conditions, writes) => store.commit(conditions, writes),
    watch: (prefix, signal) => store.watch(prefix, signal),
  };
  const found: FromHost[] = [];
  const { signal } = new AbortController();
  for await (const each of new OtherHosts(asking, 'own', hostIds, QUESTION).capture(signal)) found.push(each);
  return found;
}

test('what hosts capture comes, and ends with the last of them; one that cannot ends no other', async () => {
  answering('a', async function* (parameters) {
    expect(parameters).toEqual(QUESTION);
    yield PART;
    yield PART;
  });
  answering('b', async function* () {
    yield { packets: [['no packet']] };
    throw new Error('the kernel refuses');
  });
  answering('old', undefined);
  const found = await captured(['a', 'b', 'old']);
  const of = (hostId: string) => found.filter((each) => each.hostId === hostId);
  expect(of('a')).toEqual([
    { hostId: 'a', part: PART },
    { hostId: 'a', part: PART },
    { hostId: 'a', part: {} },
  ]);
  expect(of('b').map(({ refusal }) => refusal)).toEqual([
    'its answer cannot be read; is its xnet newer?',
    'the kernel refuses',
  ]);
  expect(of('old').map(({ refusal }) => refusal)).toEqual([
    'its xnet does not know the question "capture": upgrade it',
  ]);
});

test('hosts are asked when the store answers again, and it is said once that it does not', async () => {
  answering('a', async function* () {
    yield PART;
  });
  let failures = 2;
  const grantLease: GrantLease = async (options) => {
    failures -= 1;
    if (failures >= 0) throw new XnetError('STORE_UNAVAILABLE', 'etcd does not answer');
    return store.grantLease(options);
  };
  expect(await captured(['a'], grantLease)).toEqual([
    { hostId: 'a', refusal: 'etcd does not answer' },
    { hostId: 'a', part: PART },
    { hostId: 'a', part: {} },
  ]);
});
