/**
 * One etcd endpoint: its connections, and the session of a user with a password.
 *
 * etcd3's own authentication is not used: it opens a channel for each login, never closes it, and waits up to two minutes
 * between its connects; and it repeats a call without end while a token is refused.
 */
import type { Etcd3 } from 'etcd3';
import { RunningClock } from '../../concurrency/deadline.js';
import { EtcdConnection } from './etcd-connection.js';
import { CallLimit, type CallOptions, type Interceptor } from './etcd-limit.js';
import type { EtcdCredentials, EtcdOptions } from './etcd-options.js';

export type { CallOptions } from './etcd-limit.js';

export class EtcdEndpoint {
  /** For requests with a deadline. */
  readonly calls: EtcdConnection;
  /** For watches. */
  readonly streams: EtcdConnection;
  /** Of the session; undefined before the first login. */
  #token: Promise<string> | undefined;

  constructor(
    readonly url: string,
    private readonly options: EtcdOptions,
  ) {
    this.calls = new EtcdConnection(url, options.tls ?? {}, 'calls');
    this.streams = new EtcdConnection(url, options.tls ?? {}, 'streams');
  }

  /** Calls `use` with the client, and with a time limit by `clock` and the session token in the options. Never retries. */
  async call<T>(
    clock: RunningClock,
    timeoutMs: number,
    use: (client: Etcd3, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const { client } = this.calls;
    using limit = new CallLimit(clock, timeoutMs, await client.watchConnection());
    const session = await this.#session(client, limit);
    const interceptors = [limit.interceptor, ...(session ? [withMetadata(session)] : [])];
    return await use(client, { interceptors });
  }

  /** Options for a stream without a deadline. The member ends the stream when it loses the cluster's leader. */
  async streamOptions(timeoutMs: number): Promise<CallOptions> {
    using clock = new RunningClock();
    using limit = new CallLimit(clock, timeoutMs, () => false);
    const session = await this.#session(this.calls.client, limit);
    return { interceptors: [withMetadata({ hasleader: 'true', ...session })] };
  }

  /** The next call logs in anew. */
  forgetToken(): void {
    this.#token = undefined;
  }

  close(): void {
    this.calls.close();
    this.streams.close();
  }

  /** Logs in if that has not been done. undefined: there are no credentials. */
  async #session(client: Etcd3, limit: CallLimit): Promise<{ readonly token: string } | undefined> {
    const { credentials } = this.options;
    if (!credentials) return undefined;
    this.#token ??= this.#logIn(client, credentials, limit);
    return { token: await this.#token };
  }

  async #logIn(
    client: Etcd3,
    { user: name, password }: EtcdCredentials,
    { interceptor }: CallLimit,
  ): Promise<string> {
    try {
      return (await client.auth.authenticate({ name, password }, { interceptors: [interceptor] })).token;
    } catch (error: unknown) {
      this.forgetToken();
      throw error;
    }
  }
}

/** Sends `metadata` with a call, and hides from etcd3 that a token was refused (see above). */
export function withMetadata(metadata: Readonly<Record<string, string>>): Interceptor {
  const interceptor = (...[options, nextCall]: Parameters<Interceptor>) => {
    const call = nextCall(options);
    const start = call.start.bind(call);
    call.start = (headers, listener) => {
      for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
      start(headers, {
        onReceiveMetadata: (received) => listener?.onReceiveMetadata?.(received),
        onReceiveMessage: (message) => listener?.onReceiveMessage?.(message),
        onReceiveStatus: (status) => {
          const refused = status.details.includes('invalid auth token');
          listener?.onReceiveStatus?.(refused ? { ...status, details: 'session token refused' } : status);
        },
      });
    };
    return call;
  };
  return interceptor as Interceptor;
}
