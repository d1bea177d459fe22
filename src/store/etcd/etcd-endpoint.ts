/** One etcd endpoint: its connections and its session. */
import type { Etcd3 } from 'etcd3';
import { EtcdConnection } from './etcd-connection.js';
import type { EtcdOptions } from './etcd-options.js';
import { type CallOptions, EtcdToken, withMetadata } from './etcd-token.js';

export class EtcdEndpoint {
  readonly url: string;
  /** For requests with a deadline. */
  readonly calls: EtcdConnection;
  /** For watches. */
  readonly streams: EtcdConnection;
  readonly #token: EtcdToken | undefined;

  constructor(url: string, { tls = {}, credentials }: EtcdOptions) {
    this.url = url;
    this.calls = new EtcdConnection(url, tls, 'calls');
    this.streams = new EtcdConnection(url, tls, 'streams');
    this.#token = credentials && new EtcdToken(credentials);
  }

  /** Calls `use` with the client, and with the deadline and the session token in the options. Never retries. */
  async call<T>(timeoutMs: number, use: (client: Etcd3, options: CallOptions) => Promise<T>): Promise<T> {
    const { client } = this.calls;
    const deadline = new Date(Date.now() + timeoutMs);
    const token = await this.#token?.get(client, { deadline });
    return use(
      client,
      token === undefined ? { deadline } : { deadline, interceptors: [withMetadata({ token })] },
    );
  }

  /** Options for a stream without a deadline. The member ends the stream when it loses the cluster's leader. */
  async streamOptions(timeoutMs: number): Promise<CallOptions> {
    const deadline = new Date(Date.now() + timeoutMs);
    const token = await this.#token?.get(this.calls.client, { deadline });
    return { interceptors: [withMetadata({ hasleader: 'true', ...(token !== undefined && { token }) })] };
  }

  forgetToken(): void {
    this.#token?.forget();
  }

  close(): void {
    this.calls.close();
    this.streams.close();
  }
}
