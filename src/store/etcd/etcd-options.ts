/** The options of an EtcdStore, and the defaults of its time limits. */

export interface EtcdOptions {
  /** `http://host:port` or `https://host:port`; all of one kind; the first is used as long as it works. */
  readonly endpoints: readonly string[];
  /** Put before every key, for instance `/xnet/`; others may use the same etcd under other prefixes. */
  readonly prefix: string;
  readonly tls?: EtcdTls;
  readonly credentials?: EtcdCredentials;
  readonly timeouts?: Partial<EtcdTimeouts>;
}

/** PEM texts. `cert` and `key` go together and say who we are. */
export interface EtcdTls {
  /** Default: the certificate authorities that Node.js brings. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface EtcdCredentials {
  readonly user: string;
  readonly password: string;
}

export interface EtcdTimeouts {
  /** One call of the store, with all its tries. */
  readonly budgetMs: number;
  /** One try of something that may be done twice, before another endpoint is asked. */
  readonly tryMs: number;
  /**
   * The one try of a commit. Longer than `tryMs`, since its outcome is unknown when it ends early; but so short that the
   * commit can be made again within a transaction's budget: a request that went to a lost leader is never answered.
   */
  readonly commitMs: number;
  /** How often a watch proves that it still sees everything. */
  readonly watchCheckMs: number;
}

export const DEFAULT_TIMEOUTS: EtcdTimeouts = {
  budgetMs: 4500,
  tryMs: 1500,
  commitMs: 2000,
  watchCheckMs: 4000,
};
