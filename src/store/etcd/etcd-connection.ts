/**
 * One TCP connection to one etcd endpoint. It is opened when it is first used, and can be replaced.
 *
 * Calls and streams have a connection each: when a call fails, etcd3 closes all channels of its client. The other calls on
 * them go on; but grpc-js (1.14) takes a keepalive ping on a closing connection as failed, and drops these calls (seen: the
 * end of one watch lost commits on the same connection). So the connection of the calls, which have deadlines, sends no
 * pings, and a failed call does not disturb the watches.
 */
import { rootCertificates } from 'node:tls';
import { noop } from 'cockatiel';
import { Etcd3 } from 'etcd3';
import type { EtcdTls } from './etcd-options.js';

type Purpose = 'calls' | 'streams';
type GrpcOptions = NonNullable<NonNullable<ConstructorParameters<typeof Etcd3>[0]>['grpcOptions']>;

export class EtcdConnection {
  #client: Etcd3 | undefined;
  #made = 0;
  #renewedAt = 0;

  constructor(
    private readonly url: string,
    private readonly tls: EtcdTls,
    private readonly purpose: Purpose,
  ) {}

  get client(): Etcd3 {
    if (!this.#client) {
      this.#made += 1;
      this.#client = new Etcd3({
        hosts: this.url,
        ...(this.url.startsWith('https:') && { credentials: tlsCredentials(this.tls) }),
        // Retries and the choice of an endpoint are ours (etcd-calls.ts): only there is known what may be repeated.
        faultHandling: { global: noop, host: () => noop },
        grpcOptions: {
          ...COMMON,
          ...(this.purpose === 'streams' && PINGS),
          // grpc-js shares connections between channels of equal options: this makes another one.
          'grpc.primary_user_agent': `xnet-${this.purpose}/${this.#made}`,
        },
      });
    }
    return this.#client;
  }

  /** The next use opens a new connection; calls and streams of the old one end by themselves. At most once a second. */
  renew(): void {
    if (Date.now() - this.#renewedAt < 1000) return;
    this.#renewedAt = Date.now();
    this.close();
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
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

/**
 * They find a dead connection under a watch. etcd closes a connection with more than one ping in 5 s, or with pings while no
 * call is open (its --grpc-keepalive-min-time).
 */
const PINGS: GrpcOptions = {
  'grpc.keepalive_time_ms': 6000,
  'grpc.keepalive_timeout_ms': 2500,
  'grpc.keepalive_permit_without_calls': 0,
};

function tlsCredentials({ ca, cert, key }: EtcdTls) {
  return {
    rootCertificate: Buffer.from(ca ?? rootCertificates.join('\n')),
    ...(key !== undefined && { privateKey: Buffer.from(key) }),
    ...(cert !== undefined && { certChain: Buffer.from(cert) }),
  };
}
