import { isXnetError } from '../../errors.js';
import { type Change, isExtra } from '../changes.js';
import type { ForwardingChange, Remotes } from '../dataplane.js';
import { applyForwarding } from '../forwarding/apply-forwarding.js';
import type { DesiredForwarding } from '../forwarding/desired-forwarding.js';
import type { ForwardingState } from '../forwarding/forwarding-state.js';
import type { Iproute2 } from '../iproute2/iproute2.js';
import { hasIpv6 } from '../kernel/kernel-support.js';
import type { Layout, Tunnel } from './layout.js';

/**
 * Entries that are set at a time, between which other work on the network is done. Two programs set them in about 15 ms
 * (docs/decisions/0023).
 */
const MOST_AT_ONCE = 1_000;

export interface ForwardingParts {
  readonly iproute2: Iproute2;
  readonly layout: Pick<Layout, 'forwarding'>;
  readonly tunnel: () => Promise<Tunnel>;
}

/** MAC -> port of endpoints of this host. */
type Ports = ReadonlyMap<string, string>;

/** The forwarding entries of one network: what they shall be, and what of it the kernel does not have yet. */
export class NetworkForwarding {
  /** What was asked for last. */
  #wanted: DesiredForwarding | undefined;
  /** What makes the kernel equal to that, in this order. Undefined: the kernel has to be observed. */
  #left: readonly Change[] | undefined;

  constructor(
    private readonly namespace: string,
    private readonly parts: ForwardingParts,
  ) {}

  /** Some entries are to be set by further calls of `set`. */
  get isIncomplete(): boolean {
    return this.#left !== undefined && this.#left.length > 0;
  }

  /** Endpoints on other hosts. */
  get size(): number {
    return this.#wanted?.size ?? 0;
  }

  /** As Dataplane.setForwarding. */
  async set(remotes: Remotes, attached: Ports, changed?: ReadonlySet<string>): Promise<ForwardingChange> {
    const left = [...(await this.#plan(remotes, attached, changed))];
    // Until the kernel has taken them, nothing is known for certain.
    this.#left = undefined;
    const now = left.splice(0, MOST_AT_ONCE);
    await this.#apply(now).catch((error: unknown) => this.#applyRest(left, error));
    this.#left = left;
    const removed = now.filter(isExtra).length;
    return { added: now.length - removed, removed, left: left.length };
  }

  observe(): Promise<ForwardingState> {
    return this.parts.layout.forwarding.observe(this.namespace);
  }

  /** What was never set somebody else is about to set. Entries that lead to ports of strangers are left to them. */
  async repair(observed: ForwardingState, attached: Ports): Promise<readonly Change[]> {
    const own = new Set(attached.values());
    const others = [...observed.ports].filter(([, port]) => !own.has(port));
    const desired = { ...(this.#wanted?.state ?? observed), ports: new Map([...others, ...attached]) };
    const changes = this.parts.layout.forwarding.diff(observed, desired);
    await this.#apply(changes);
    return changes;
  }

  /** The kernel may not have what it had. */
  doubt(): void {
    this.#left = undefined;
  }

  /** The kernel has what is wanted. */
  confirm(): void {
    this.#left = this.#wanted ? [] : undefined;
  }

  /** Nothing is wanted any more. */
  reset(): void {
    this.#wanted = undefined;
    this.#left = undefined;
  }

  #apply(changes: readonly Change[]): Promise<void> {
    return applyForwarding(this.parts.iproute2, this.namespace, changes);
  }

  /**
   * All that can be set is set, whatever the kernel refuses: what it refuses each time would come first each time. Rejects with
   * the first failure.
   */
  async #applyRest(left: Change[], failure: unknown): Promise<never> {
    while (left.length > 0 && isXnetError(failure, 'KERNEL', 'UNSUPPORTED'))
      await this.#apply(left.splice(0, MOST_AT_ONCE)).catch(() => undefined);
    throw failure;
  }

  async #plan(remotes: Remotes, attached: Ports, changed?: ReadonlySet<string>): Promise<readonly Change[]> {
    const { forwarding } = this.parts.layout;
    const wanted = this.#wanted;
    if (wanted && this.#left && changed) {
      const { before, after } = wanted.change(remotes, changed);
      return [...this.#left, ...this.#differences(withPorts(before, attached), after)];
    }
    const next = forwarding.desired((await this.parts.tunnel()).vtep, await hasIpv6());
    const { after } = next.change(remotes, remotes.keys());
    const isKnown = wanted !== undefined && this.#left?.length === 0;
    this.#wanted = next;
    const before = isKnown ? withPorts(wanted.state, attached) : await this.observe();
    return this.#differences(before, after);
  }

  #differences(before: ForwardingState, after: ForwardingState): Change[] {
    return inOrder(this.parts.layout.forwarding.diff(before, { ...after, ports: before.ports }));
  }
}

/** With the ports to which its MACs go back when no other host has them any more. */
function withPorts(state: ForwardingState, attached: Ports): ForwardingState {
  const ports = new Map<string, string>();
  for (const mac of state.remotes.keys()) {
    const port = attached.get(mac);
    if (port !== undefined) ports.set(mac, port);
  }
  return { ...state, ports };
}

/** What is extra last: what takes its place is there before. Else by turns for `bridge` and `ip`, which work side by side. */
function inOrder(changes: readonly Change[]): Change[] {
  const missing = changes.filter((change) => !isExtra(change));
  const [forIp, forBridge] = [missing.filter(({ ip }) => ip), missing.filter(({ ip }) => !ip)];
  const turns = Array.from({ length: Math.max(forIp.length, forBridge.length) }, (_, i) =>
    [forBridge[i], forIp[i]].filter((change) => change !== undefined),
  );
  return [...turns.flat(), ...changes.filter(isExtra)];
}
