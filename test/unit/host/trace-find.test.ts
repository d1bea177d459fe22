/** How the ends of a trace are found, and what is refused. */
import { expect, test } from '@jest/globals';
import { Answering } from '../../../src/agent/questions/answering.js';
import { TRACE } from '../../../src/host/answers/trace/ask-host.js';
import { OwnPart } from '../../../src/host/answers/trace/own-part.js';
import { traceWay } from '../../../src/host/answers/trace/tracing.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { muteLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';

function ownPart(): OwnPart {
  return new OwnPart({
    pluginId: undefined,
    dataplane: {} as never,
    docker: () => ({ listContainers: async () => [], inspectContainer: async () => undefined }) as never,
    lanOf: async () => ({}),
    sandboxPathOf: () => undefined,
    wayTo: () => undefined,
    encryptionTo: async () => ({}),
    whyNotInForce: () => undefined,
  });
}

/** A host that answers, unless it is an older one. */
async function startHost(store: MemoryStore, id: string, isOlder = false): Promise<AsyncDisposable> {
  const fixed = { version: 1 as const, vtep: '192.0.2.1', vxlanPort: 4789, xnetVersion: '1' };
  await store.commit(
    [],
    [
      { put: keys.host(id), value: formatRecord({ ...fixed, id, name: `name-${id}` }) },
      { put: keys.alive(id), value: '' },
    ],
  );
  const replica = new Replica(store, new RecordReader(muteLogger));
  const handlers = isOlder ? {} : { [TRACE]: (parameters: unknown) => ownPart().answers(parameters) };
  const answering = new Answering({ replica, hostId: id, handlers, logger: muteLogger });
  return {
    [Symbol.asyncDispose]: async () => {
      await answering[Symbol.asyncDispose]();
      await replica[Symbol.asyncDispose]();
    },
  };
}

test('all other hosts are asked by one question, and those that do not answer are named', async () => {
  await using store = new MemoryStore();
  await using _h1 = await startHost(store, 'h1');
  await using _h2 = await startHost(store, 'h2');
  await using _h3 = await startHost(store, 'h3', true);
  const asked = new Set<string>();
  const stop = new AbortController();
  const watching = (async () => {
    for await (const batch of store.watch(keys.questions(), stop.signal))
      if (batch.type === 'changes') for (const { entry } of batch.changes) if (entry) asked.add(entry.key);
  })();
  const parts = { store, hostId: 'h1', own: ownPart() };
  await expect(traceWay(parts, { from: 'name-h1', to: 'nobody' }, 4789)).rejects.toThrow(
    /^no container and no host is called "nobody" \(not asked: name-h3: its xnet does not know the question "trace": upgrade it\);/,
  );
  expect(asked.size).toBe(1);
  await expect(traceWay(parts, { from: 'name-h1', to: 'outside', port: '443' }, 4789)).rejects.toThrow(
    /port 443 is that of no address; give the address outside/,
  );
  stop.abort();
  await watching;
});
