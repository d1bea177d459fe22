/**
 * One TCP connection to one etcd endpoint. It is opened when it is first used, and can be replaced.
 *
 * Calls and streams have a connection each: when a call fails, etcd3 closes all channels of its client, and that must not
 * disturb the watches. grpc-js's keepalive pings are not used. It drops a connection whose ping was answered while this process
 * did not run, and the calls on a closing one (seen, with 1.14). A dead connection is found by what is asked on it: calls have
 * limits, and a watch is asked for its progress (watch/etcd-watch.ts).
 */
import { rootCertificates } from 'node:tls';
import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';
import type { EtcdTls } from './etcd-options.js';

type Purpose = 'calls' | 'streams';
type GrpcOptions = NonNullable<NonNullable<ConstructorParameters<typeof Etcd3>[0]>['grpcOptions']>;

export class EtcdConnection {
  #client: Client | undefined;
  #made = 0;
  #renewedAt = -Infinity;

  constructor(
    private readonly url: string,
    private readonly tls: EtcdTls,
    private readonly purpose: Purpose,
  ) {}

  get client(): Client {
    if (!this.#client) {
      this.#made += 1;
      this.#client = new Client({
        hosts: this.url,
        ...(this.url.startsWith('https:') && { credentials: tlsCredentials(this.tls) }),
        // Retries and the choice of an endpoint are ours (etcd-calls.ts): only there is known what may be repeated.
        faultHandling: { global: noop, host: () => noop },
        grpcOptions: {
          ...COMMON,
          // grpc-js shares connections between channels of equal options: this makes another one.
          'grpc.primary_user_agent': `xnet-${this.purpose}/${this.#made}`,
        },
      });
    }
    return this.#client;
  }

  /** The next use opens a new connection; calls and streams of the old one end by themselves. At most once a second. */
  renew(): void {
    // Not the wall clock: put back by an hour, it would keep a dead connection for as long.
    const now = performance.now();
    if (now - this.#renewedAt < 1000) return;
    this.#renewedAt = now;
    this.close();
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }
}

/** States of a gRPC channel in which a request of it has gone nowhere, unless it had a connection before. */
const UNCONNECTED = [0, 1, 3];

class Client extends Etcd3 {
  /** Whether a request that begins now, and still waits when the result is called, may have been sent. */
  async watchConnection(): Promise<() => boolean> {
    const channels = await this.pool.withConnection('KV', ({ resource }) =>
      (['KV', 'Lease'] as const).map((service) => resource.getServiceClient(service).getChannel()),
    );
    // Where a connection is lost, grpc-js ends the requests that were sent on it.
    const isConnected = () =>
      channels.some((channel) => !UNCONNECTED.includes(channel.getConnectivityState(false)));
    const wasConnected = isConnected();
    return () => wasConnected || isConnected();
  }
}

const COMMON: GrpcOptions = {
  // grpc-js would wait 1 s to 120 s between connects.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.enable_http_proxy': 0,
};

function tlsCredentials({ ca, cert, key }: EtcdTls) {
  return {
    rootCertificate: Buffer.from(ca ?? rootCertificates.join('\n')),
    ...(key !== undefined && { privateKey: Buffer.from(key) }),
    ...(cert !== undefined && { certChain: Buffer.from(cert) }),
  };
}
