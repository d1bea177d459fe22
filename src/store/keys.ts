/**
 * The layout of the store. Only this folder joins strings into keys; ids reach it checked (no slash), and
 * subnets and addresses are escaped, so that one key never lies inside another's prefix by accident.
 *
 * The operator's prefix (`--prefix`, default `/xnet/`) is put before these by the store itself.
 */
const part = (text: string) => encodeURIComponent(text);

export const keys = {
  /** A host's description; stays when the host is silent. */
  host: (hostId: string) => `hosts/${part(hostId)}`,
  hosts: () => 'hosts/',
  /** Under the host's lease: there while the host is alive. */
  alive: (hostId: string) => `alive/${part(hostId)}`,
  aliveHosts: () => 'alive/',
  /** What a host has found wrong with itself; absent: nothing. Holds only while the host is alive. */
  hostProblems: (hostId: string) => `host-problems/${part(hostId)}`,
  allHostProblems: () => 'host-problems/',
  /** Under a short lease: this host has put back what is its own, after the store was restored from an older backup. */
  putBack: (hostId: string) => `put-back/${part(hostId)}`,
  putBacks: () => 'put-back/',
  /** VTEP address -> host id: no two hosts with one VTEP. */
  vtep: (address: string) => `vteps/${part(address)}`,
  vteps: () => 'vteps/',

  network: (networkId: string) => `networks/${part(networkId)}`,
  networks: () => 'networks/',
  /** VNI -> network id. */
  vni: (vni: number) => `vnis/${vni}`,
  vnis: () => 'vnis/',
  /** Name given with xnet.name -> network id. */
  name: (name: string) => `names/${part(name)}`,
  names: () => 'names/',
  /** Written with each new binding: tells a remover that one came in between. */
  bindingGuard: (networkId: string) => `binding-guards/${part(networkId)}`,
  bindingGuards: () => 'binding-guards/',
  /** One host's Docker network -> its network. */
  binding: (networkId: string, hostId: string, dockerNetworkId: string) =>
    `bindings/${part(networkId)}/${part(hostId)}/${part(dockerNetworkId)}`,
  bindingsOf: (networkId: string) => `bindings/${part(networkId)}/`,
  bindings: () => 'bindings/',

  endpoint: (networkId: string, endpointId: string) => `endpoints/${part(networkId)}/${part(endpointId)}`,
  endpointsOf: (networkId: string) => `endpoints/${part(networkId)}/`,
  endpoints: () => 'endpoints/',

  /** A MAC that a user gave -> the endpoint in the network that has it. */
  mac: (networkId: string, mac: string) => `macs/${part(networkId)}/${part(mac)}`,
  macsOf: (networkId: string) => `macs/${part(networkId)}/`,
  macs: () => 'macs/',

  /** Written with each pool that comes or goes, removed with the last: nobody chooses a subnet by an old list. */
  poolGuard: () => 'pool-guard',
  pool: (poolKey: string) => `pools/${part(poolKey)}`,
  pools: () => 'pools/',
  /** Written with each new reference: tells the remover of a pool that one came in between. */
  poolReferenceGuard: (poolKey: string) => `pool-reference-guards/${part(poolKey)}`,
  poolReferenceGuards: () => 'pool-reference-guards/',
  poolReference: (poolKey: string, hostId: string, reference: string) =>
    `pool-references/${part(poolKey)}/${part(hostId)}/${part(reference)}`,
  poolReferencesOf: (poolKey: string) => `pool-references/${part(poolKey)}/`,
  poolReferences: () => 'pool-references/',

  address: (poolKey: string, address: string) => `addresses/${part(poolKey)}/${part(address)}`,
  addressesOf: (poolKey: string) => `addresses/${part(poolKey)}/`,
  addresses: () => 'addresses/',
  /** Asks whoever has the address with `addressKey` in reserve to give it up. */
  addressWish: (addressKey: string) => `address-wishes/${part(addressKey)}`,
  addressWishes: () => 'address-wishes/',
} as const;

/** The prefix of all keys of the same kind: the first part. */
export function kindOf(key: string): string {
  return key.slice(0, key.indexOf('/') + 1) || key;
}

/** Whether it is what `keys.binding` makes for the host. */
export function isBindingOf(key: string, hostId: string): boolean {
  return key.startsWith(keys.bindings()) && key.split('/')[2] === part(hostId);
}

/** What `keys.pool` was made of. Throws URIError for a key that is no such. */
export function parsePoolRecordKey(key: string): string {
  return decodeURIComponent(key.slice(keys.pools().length));
}

/** What `keys.addressWish` was made of. Throws URIError for a key that is no such. */
export function parseAddressWishKey(key: string): string {
  return decodeURIComponent(key.slice(keys.addressWishes().length));
}

/** What `keys.address` was made of, or undefined for any other key. */
export function parseAddressKey(key: string): { poolKey: string; address: string } | undefined {
  const match = /^addresses\/([^/]+)\/([^/]+)$/.exec(key);
  if (!match?.[1] || !match[2]) return undefined;
  return { poolKey: decodeURIComponent(match[1]), address: decodeURIComponent(match[2]) };
}
