/** What the kernel makes of the lines of a network's namespace, in miniature: devices, FDB entries, neighbours. */
import type { ForwardingState } from '../../../src/dataplane/forwarding/forwarding-state.js';
import type { Link } from '../../../src/dataplane/overlay/links.js';

const FLOOD = '00:00:00:00:00:00';

/** Of a port of a bridge, as the kernel makes it. */
const NEW_PORT = {
  ...{ learning: true, flood: true, isolated: false, hairpin: false, guard: false },
  ...{ neigh_suppress: false, mcast_flood: true },
};

export class KernelModel {
  readonly #links = new Map<string, Link>();
  /** FDB of br0: MAC -> port. */
  readonly #fdb = new Map<string, string>();
  /** FDB of vxlan0: MAC -> VTEPs. */
  readonly #tunnels = new Map<string, Set<string>>();
  readonly #neighbours = new Map<string, string>();

  constructor(links: Iterable<Link> = [], forwarding?: ForwardingState) {
    for (const link of links) this.#links.set(link.ifname, link);
    if (!forwarding) return;
    for (const [mac, port] of forwarding.ports) this.#fdb.set(mac, port);
    for (const [mac, { bridged, vteps }] of forwarding.remotes) {
      if (bridged) this.#fdb.set(mac, 'vxlan0');
      if (vteps.size > 0) this.#tunnels.set(mac, new Set(vteps));
    }
    if (forwarding.flood.size > 0) this.#tunnels.set(FLOOD, new Set(forwarding.flood.keys()));
    for (const [address, mac] of forwarding.neighbours) this.#neighbours.set(address, mac);
  }

  run(lines: readonly string[]): void {
    for (const line of lines) {
      const [object, ...words] = line.split(' ');
      if (object === 'link') this.#link(words);
      else if (object === 'fdb') this.#changeFdb(words);
      else this.#changeNeighbour(words);
    }
  }

  links(): Link[] {
    return [...this.#links.values()];
  }

  forwarding(): ForwardingState {
    const macs = new Set([...this.#tunnels.keys(), ...this.#fdb.keys()]);
    const remotes = [...macs].flatMap((mac) => {
      const entry = {
        bridged: this.#fdb.get(mac) === 'vxlan0',
        vteps: new Set(this.#tunnels.get(mac)),
      };
      return mac !== FLOOD && (entry.bridged || entry.vteps.size > 0) ? [[mac, entry] as const] : [];
    });
    return {
      remotes: new Map(remotes),
      flood: new Map([...(this.#tunnels.get(FLOOD) ?? [])].map((vtep) => [vtep, true] as const)),
      neighbours: new Map(this.#neighbours),
      ports: new Map([...this.#fdb].filter(([, port]) => port !== 'vxlan0')),
    };
  }

  #link([verb, name = '', ...words]: readonly string[]): void {
    if (verb === 'del') this.#removeLink(name);
    else if (verb === 'set') this.#setLink(name, words);
    else if (!this.#links.has(name)) {
      const kind = words[words.indexOf('type') + 1];
      const linkinfo = { info_kind: kind, info_data: kind === 'vxlan' ? { learning: true } : {} };
      this.#links.set(name, { ifname: name, flags: [], mtu: 1500, group: 'default', linkinfo });
      this.#setLink(name, words);
    }
  }

  #removeLink(name: string): void {
    this.#links.delete(name);
    if (name === 'br0') {
      this.#fdb.clear();
      this.#neighbours.clear();
      for (const [port, link] of this.#links) this.#links.set(port, { ...link, master: undefined });
    } else {
      if (name === 'vxlan0') this.#tunnels.clear();
      for (const [mac, port] of this.#fdb) if (port === name) this.#fdb.delete(mac);
    }
  }

  /** `words` may end with those of a type: all after it are of the device's kind, of its place as a port, or of its peer. */
  #setLink(name: string, words: readonly string[]): void {
    const link = this.#links.get(name);
    if (!link) throw new Error(`Cannot find device "${name}"`);
    const at = words.includes('type') ? words.indexOf('type') : words.length;
    const general = wordPairs(words.slice(0, at));
    const { linkinfo = {} } = link;
    const [kind, ...rest] = words.slice(at + 1);
    if (general.master !== undefined && !this.#links.has(general.master))
      throw new Error(`Device does not exist: ${general.master}`);
    const isNewPort = general.master !== undefined && link.master !== general.master;
    const slave = isNewPort ? NEW_PORT : linkinfo.info_slave_data;
    const changed = { ...link, linkinfo: { ...linkinfo, info_slave_data: slave } };
    if (general.mtu) changed.mtu = Number(general.mtu);
    if (general.group) changed.group = general.group;
    if (general.master) changed.master = general.master;
    if (general.address) changed.address = general.address;
    if (general.addrgenmode) changed.inet6_addr_gen_mode = general.addrgenmode;
    if (words.includes('up')) changed.flags = ['UP'];
    if (kind === 'bridge_slave')
      changed.linkinfo.info_slave_data = { ...slave, ...mapped(wordPairs(rest), (value) => value === 'on') };
    else if (kind === 'bridge')
      changed.linkinfo.info_data = { ...linkinfo.info_data, ...mapped(wordPairs(rest), Number) };
    else if (kind === 'vxlan') {
      changed.linkinfo.info_data = { ...linkinfo.info_data, ...tunnelOf(rest) };
    }
    this.#links.set(name, changed);
  }

  #changeFdb([verb, mac = '', ...words]: readonly string[]): void {
    const value = (name: string) => `${words[words.indexOf(name) + 1]}`;
    const vtep = words.includes('dst') ? value('dst') : undefined;
    if (verb === 'append') this.#tunnels.set(mac, (this.#tunnels.get(mac) ?? new Set()).add(`${vtep}`));
    else if (verb === 'replace') {
      // Of several destinations the first is replaced.
      const [, ...others] = this.#tunnels.get(mac) ?? [];
      if (vtep) this.#tunnels.set(mac, new Set([vtep, ...others]));
      if (words.includes('master')) this.#fdb.set(mac, value('dev'));
    } else {
      if (words.includes('self')) this.#forget(mac, vtep);
      if (words.includes('master') && this.#fdb.get(mac) === value('dev')) this.#fdb.delete(mac);
    }
  }

  /** Without a VTEP, all of them. */
  #forget(mac: string, vtep: string | undefined): void {
    const vteps = this.#tunnels.get(mac);
    if (vtep) vteps?.delete(vtep);
    if (!vtep || vteps?.size === 0) this.#tunnels.delete(mac);
  }

  #changeNeighbour([verb, address = '', ...words]: readonly string[]): void {
    if (verb === 'replace') this.#neighbours.set(address, `${words[words.indexOf('lladdr') + 1]}`);
    else this.#neighbours.delete(address);
  }
}

/** Words that stand alone (`up`, `nolearning`) are passed over where they are last. */
function wordPairs(words: readonly string[]): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (let i = 0; i + 1 < words.length; i += 2) pairs[`${words[i]}`] = `${words[i + 1]}`;
  return pairs;
}

function mapped(pairs: Record<string, string>, to: (value: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key, to(value)]));
}

function tunnelOf(words: readonly string[]): Record<string, unknown> {
  const { id, dstport, local } = wordPairs(words);
  return {
    ...(id && { id: Number(id) }),
    ...(dstport && { port: Number(dstport) }),
    ...(local && { [local.includes(':') ? 'local6' : 'local']: local }),
    ...(words.includes('nolearning') && { learning: false }),
  };
}
