/** The leases of the other hosts: each has one of its own, which is renewed as xnet does, and the record that it is alive. */
import { limitTo } from '../../../src/concurrency/limit.js';
import type { KeepAliveStream, RigEtcd } from './etcd.js';
import { aliveWrites, type PlannedHost } from './records.js';

const TTL_SECONDS = 10;
const RENEW_MS = (TTL_SECONDS * 1000) / 3;
const AT_ONCE = 32;

export class SignsOfLife implements Disposable {
  /** By host. */
  readonly #leases = new Map<string, string>();
  readonly #renewing: NodeJS.Timeout;

  private constructor(
    private readonly etcd: RigEtcd,
    private readonly stream: KeepAliveStream,
  ) {
    this.#renewing = setInterval(() => {
      for (const ID of this.#leases.values()) stream.write({ ID });
    }, RENEW_MS);
  }

  /** All of them are alive when it resolves. */
  static async of(etcd: RigEtcd, hosts: readonly PlannedHost[]): Promise<SignsOfLife> {
    const signs = new SignsOfLife(etcd, await etcd.openKeepAlive());
    const limit = limitTo(AT_ONCE);
    await Promise.all(hosts.map((host) => limit(() => signs.come(host))));
    return signs;
  }

  async come(host: PlannedHost): Promise<void> {
    const lease = await this.etcd.grantLease(TTL_SECONDS);
    this.#leases.set(host.id, lease);
    await this.etcd.commit(aliveWrites(host, lease), lease);
  }

  async go({ id }: PlannedHost): Promise<void> {
    const lease = this.#leases.get(id);
    this.#leases.delete(id);
    if (lease !== undefined) await this.etcd.revokeLease(lease);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#renewing);
    this.stream.cancel();
  }
}
