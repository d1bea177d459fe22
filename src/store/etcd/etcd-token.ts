/**
 * Session tokens of etcd's user/password authentication, for one endpoint.
 *
 * etcd3's own authentication is not used: it opens a channel for each login, never closes it, and waits up to two minutes
 * between its connects; and it repeats a call without end while a token is refused.
 */
import type { Etcd3, KVClient } from 'etcd3';
import type { EtcdCredentials } from './etcd-options.js';

export type CallOptions = NonNullable<Parameters<KVClient['range']>[1]>;
type Interceptor = NonNullable<CallOptions['interceptors']>[number];

export class EtcdToken {
  readonly #credentials: EtcdCredentials;
  #token: Promise<string> | undefined;

  constructor(credentials: EtcdCredentials) {
    this.#credentials = credentials;
  }

  /** Logs in if that has not been done. */
  get(client: Etcd3, options: CallOptions): Promise<string> {
    this.#token ??= this.#authenticate(client, options);
    return this.#token;
  }

  /** The next call logs in anew. */
  forget(): void {
    this.#token = undefined;
  }

  async #authenticate(client: Etcd3, options: CallOptions): Promise<string> {
    try {
      const { user, password } = this.#credentials;
      const { token } = await client.auth.authenticate({ name: user, password }, options);
      return token;
    } catch (error: unknown) {
      this.forget();
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
