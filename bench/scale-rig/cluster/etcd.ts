/** A real etcd of the rig's own, and a client of it that is not xnet's. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Etcd3, type IRequestOp } from 'etcd3';
import type { Write } from '../../../src/store/store.js';
import { run } from '../../../test/support/programs/command.js';
import { EtcdMember } from '../../../test/support/store/etcd.js';
import { findEtcd } from '../../../test/support/store/etcd-binary.js';
import { eventually } from '../../../test/support/time/eventually.js';

const PREFIX = '/xnet/';
const QUOTA_BYTES = 8 * 1024 ** 3;
/** Of one transaction of `fill`; etcd's own limits are 128 operations and 1.5 MB. */
const BATCH = 2_000;
const AT_ONCE = 3;
const LIMITS = ['--max-txn-ops', '10000', '--max-request-bytes', `${32 * 1024 * 1024}`];

export type KeepAliveStream = Awaited<ReturnType<Etcd3['leaseClient']['leaseKeepAlive']>>;

export interface Filled {
  readonly records: number;
  /** Keys and values as they were sent. */
  readonly bytes: number;
  /** By which etcd's data has grown, with its own overhead and without free pages. */
  readonly storedBytes: number;
  readonly ms: number;
}

export class RigEtcd implements AsyncDisposable {
  readonly #client: Etcd3;

  private constructor(
    private readonly member: EtcdMember,
    private readonly directory: string,
    readonly version: string,
    readonly address: string,
  ) {
    // A list of 10,000 endpoints is above gRPC's 4 MB.
    const grpcOptions = { 'grpc.max_receive_message_length': -1 };
    this.#client = new Etcd3({ hosts: `http://${address}`, grpcOptions });
  }

  /** `directory`: gone at the end. `address`: host:port, where it listens. */
  static async start(directory: string, address: string): Promise<RigEtcd> {
    const { etcd } = await findEtcd();
    const url = `http://${address}`;
    const listen = ['--listen-client-urls', url, '--advertise-client-urls', url];
    const size = ['--quota-backend-bytes', `${QUOTA_BYTES}`, '--snapshot-count', '10000', ...LIMITS];
    const data = join(directory, 'etcd');
    const member = new EtcdMember(2379, etcd, [
      '--data-dir',
      data,
      '--log-level',
      'error',
      ...listen,
      ...size,
    ]);
    member.start();
    const version = /Version: (\S+)/.exec(await run([etcd, '--version']))?.[1] ?? 'unknown';
    const rig = new RigEtcd(member, data, version, address);
    await eventually('etcd answers', async () => {
      member.check();
      await rig.#client.get('ready');
    });
    return rig;
  }

  /** One commit, what is put under the lease. Resolves when etcd has answered. */
  async commit(writes: readonly Write[], lease?: string): Promise<void> {
    const success = writes.map((write) => operationOf(write, lease));
    await this.#client.kv.txn({ compare: [], success, failure: [] });
  }

  /** Resolves to its id. */
  async grantLease(seconds: number): Promise<string> {
    return (await this.#client.leaseClient.leaseGrant({ TTL: seconds })).ID;
  }

  async revokeLease(ID: string): Promise<void> {
    await this.#client.leaseClient.leaseRevoke({ ID });
  }

  /** What it answers is read and dropped. */
  async openKeepAlive(): Promise<KeepAliveStream> {
    const stream = await this.#client.leaseClient.leaseKeepAlive();
    stream.on('data', () => undefined);
    stream.on('error', () => undefined);
    return stream;
  }

  /** Values of all keys under the prefix. */
  async list(prefix: string): Promise<string[]> {
    const values = await this.#client.getAll().prefix(`${PREFIX}${prefix}`).strings();
    return Object.values(values);
  }

  /** In large transactions, a few at once. */
  async fill(writes: Iterable<Write>): Promise<Filled> {
    const begunMs = performance.now();
    const before = await this.#storedBytes();
    let [records, bytes] = [0, 0];
    const batches = batchesOf(writes);
    const work = async () => {
      for (const batch of batches) {
        await this.commit(batch);
        records += batch.length;
        bytes += batch.reduce((sum, write) => sum + sizeOf(write), 0);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const ms = performance.now() - begunMs;
    return { records, bytes, ms, storedBytes: (await this.#storedBytes()) - before };
  }

  async residentMb(): Promise<number> {
    const status = await readFile(`/proc/${this.member.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
  }

  async #storedBytes(): Promise<number> {
    // Without it etcd knows the size of its last commit to disk, a tenth of a second ago.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const metrics = await (await fetch(`http://${this.address}/metrics`)).text();
    return Number(/^etcd_mvcc_db_total_size_in_use_in_bytes (\S+)$/m.exec(metrics)?.[1] ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.member.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Shared by those who take from it: each batch is taken once. */
function* batchesOf(writes: Iterable<Write>): Generator<Write[], undefined> {
  // Of two writes of one key in a transaction etcd takes none: the last one counts.
  let batch = new Map<string, Write>();
  for (const write of writes) {
    batch.set('put' in write ? write.put : 'remove' in write ? write.remove : write.removePrefix, write);
    if (batch.size < BATCH) continue;
    yield [...batch.values()];
    batch = new Map();
  }
  if (batch.size > 0) yield [...batch.values()];
  return undefined;
}

function operationOf(write: Write, lease?: string): IRequestOp {
  if ('put' in write) {
    const put = { key: keyOf(write.put), value: Buffer.from(write.value) };
    return { request_put: lease === undefined ? put : { ...put, lease } };
  }
  if ('remove' in write) return { request_delete_range: { key: keyOf(write.remove) } };
  throw new Error('the rig removes single keys alone');
}

function keyOf(key: string): Buffer {
  return Buffer.from(`${PREFIX}${key}`);
}

function sizeOf(write: Write): number {
  return 'put' in write ? PREFIX.length + write.put.length + write.value.length : 0;
}
