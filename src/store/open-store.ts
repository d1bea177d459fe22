/** Opens the store that a setting names. */
import { join } from 'node:path';
import { XnetError } from '../errors.js';
import type { EtcdOptions } from './etcd/etcd-options.js';
import type { Store } from './store.js';

export interface StoreConfig extends Omit<EtcdOptions, 'endpoints' | 'prefix'> {
  /** `embedded`, or `etcd://host:port,host:port` (`etcds://` for TLS, which certificates imply). */
  readonly url: string;
  /** The embedded store is in its subdirectory `store`. */
  readonly stateDirectory: string;
  /** Before every key in etcd. Default `/xnet/`. */
  readonly prefix?: string;
}

/**
 * Does not connect to etcd: the first call does. Throws INVALID for a bad URL, and what LmdbStore.open throws.
 * Loads only the libraries of the store that is named: the other's cost tens of megabytes.
 */
export async function openStore(config: StoreConfig): Promise<Store> {
  const { url, stateDirectory, prefix = '/xnet/', tls, ...rest } = config;
  if (url === 'embedded') {
    const { LmdbStore } = await import('./local/lmdb-store.js');
    return LmdbStore.open(join(stateDirectory, 'store'));
  }
  if ((tls?.cert === undefined) !== (tls?.key === undefined)) {
    throw new XnetError('INVALID', 'a client certificate for etcd and its key must be given together');
  }
  const endpoints = startAnywhere(parseEtcdUrl(url, tls !== undefined));
  const { EtcdStore } = await import('./etcd/etcd-store.js');
  return new EtcdStore({ endpoints, prefix, ...(tls && { tls }), ...rest });
}

/** `etcd://h1:2379,h2` -> `http://h1:2379`, `http://h2:2379`. Port 2379 unless given. */
export function parseEtcdUrl(url: string, secure: boolean): string[] {
  const [, kind, hosts = ''] = /^(etcds?):\/\/([^/?#@]+)\/?$/.exec(url) ?? [];
  const scheme = secure || kind === 'etcds' ? 'https' : 'http';
  const endpoints = hosts.split(',').map((host) => parseEndpoint(host.trim(), scheme));
  if (endpoints.some((endpoint) => endpoint === undefined)) {
    throw new XnetError('INVALID', `${url} is not a store: give embedded or etcd://host:port,host:port`, {
      url,
    });
  }
  return endpoints.flatMap((endpoint) => endpoint ?? []);
}

/** The endpoints in the same order, from a random one on: hosts with the same setting spread over the endpoints. */
function startAnywhere(endpoints: readonly string[]): string[] {
  const start = Math.floor(Math.random() * endpoints.length);
  return [...endpoints.slice(start), ...endpoints.slice(0, start)];
}

function parseEndpoint(host: string, scheme: 'http' | 'https'): string | undefined {
  const [, name, port = '2379'] = /^([\w.-]+|\[[\da-fA-F:]+\])(?::(\d{1,5}))?$/.exec(host) ?? [];
  if (name === undefined || Number(port) === 0 || Number(port) > 65535) return undefined;
  return `${scheme}://${name}:${port}`;
}
