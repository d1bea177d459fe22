/** The implementations that the contract suite runs over. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../../src/observability/logger.js';
import { EtcdStore } from '../../../src/store/etcd/etcd-store.js';
import { ownershipOf } from '../../../src/store/known/own-keys.js';
import { LmdbStore } from '../../../src/store/local/lmdb-store.js';
import { MemoryStore } from '../../../src/store/local/memory-store.js';
import { FailStaticStore } from '../../../src/store/outage/fail-static-store.js';
import type { Store } from '../../../src/store/store.js';
import { type EtcdCluster, startEtcd } from '../../support/store/etcd.js';

/** Opens empty stores of one implementation; `start` and `stop` bracket the whole suite. */
export interface StoreUnderTest {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  open(): Promise<OpenStore>;
}

export interface OpenStore extends AsyncDisposable {
  readonly store: Store;
}

const nothing = async () => {};

export const memory: StoreUnderTest = {
  name: 'MemoryStore',
  start: nothing,
  stop: nothing,
  open: async () => {
    const store = new MemoryStore();
    return { store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
  },
};

export const lmdb: StoreUnderTest = {
  name: 'LmdbStore',
  start: nothing,
  stop: nothing,
  open: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'xnet-lmdb-'));
    const store = LmdbStore.open(directory);
    return {
      store,
      [Symbol.asyncDispose]: async () => {
        await store[Symbol.asyncDispose]();
        await rm(directory, { recursive: true });
      },
    };
  },
};

export function etcd(): StoreUnderTest {
  let cluster: EtcdCluster | undefined;
  let prefixes = 0;
  return {
    name: 'EtcdStore',
    start: async () => {
      cluster = await startEtcd();
    },
    stop: async () => {
      await cluster?.[Symbol.asyncDispose]();
    },
    open: async () => {
      if (!cluster) throw new Error('not started');
      prefixes += 1;
      const endpoints = cluster.members.map(({ address }) => `http://${address}`);
      const store = new EtcdStore({ endpoints, prefix: `/test-${prefixes}/` });
      return { store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
    },
  };
}

/** As hosts use etcd: while it answers, nothing is different. */
export function failStatic(): StoreUnderTest {
  const below = etcd();
  return {
    name: 'FailStaticStore over EtcdStore',
    start: () => below.start(),
    stop: () => below.stop(),
    open: async () => {
      const { store: inner } = await below.open();
      const stateDirectory = await mkdtemp(join(tmpdir(), 'xnet-static-'));
      const logger = createLogger({ level: 'error', format: 'json' });
      const store = await FailStaticStore.open(inner, {
        stateDirectory,
        ownership: ownershipOf('me'),
        logger,
      });
      return {
        store,
        [Symbol.asyncDispose]: async () => {
          await store[Symbol.asyncDispose]();
          await rm(stateDirectory, { recursive: true });
        },
      };
    },
  };
}
