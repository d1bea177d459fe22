interface Host {
  readonly vtep: string | undefined;
  readonly isAlive: boolean;
}

/**
 * Where the hosts are. A VTEP is one host's: of several that name it, those that are silent have none while another of them is
 * alive. No effects.
 */
export class Vteps {
  readonly #hosts = new Map<string, Host>();
  /** VTEP -> ids of the hosts that name it. */
  readonly #naming = new Map<string, Set<string>>();

  /** Undefined: it is not known, or another has its VTEP now. */
  of(hostId: string): string | undefined {
    const host = this.#hosts.get(hostId);
    if (host?.vtep === undefined) return undefined;
    const isAnothers = !host.isAlive && this.#at(host.vtep).some((id) => this.#hosts.get(id)?.isAlive);
    return isAnothers ? undefined : host.vtep;
  }

  /** What is known of a host now. Returns the hosts of which `of` answers otherwise than before. */
  set(hostId: string, host: Host): string[] {
    const former = this.#hosts.get(hostId);
    const concerned = [...new Set([hostId, ...this.#at(former?.vtep), ...this.#at(host.vtep)])];
    const before = concerned.map((id) => this.of(id));
    if (former?.vtep !== undefined) this.#forget(former.vtep, hostId);
    if (host.vtep === undefined) this.#hosts.delete(hostId);
    else {
      this.#hosts.set(hostId, host);
      this.#naming.set(host.vtep, (this.#naming.get(host.vtep) ?? new Set()).add(hostId));
    }
    return concerned.filter((id, index) => this.of(id) !== before[index]);
  }

  #forget(vtep: string, hostId: string): void {
    const naming = this.#naming.get(vtep);
    naming?.delete(hostId);
    if (naming?.size === 0) this.#naming.delete(vtep);
  }

  #at(vtep: string | undefined): readonly string[] {
    return vtep === undefined ? [] : [...(this.#naming.get(vtep) ?? [])];
  }
}
