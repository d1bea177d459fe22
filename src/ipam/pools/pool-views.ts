import { IpAddress } from '../../inet/ip-address.js';
import { parseAddressKey } from '../../model/address.js';
import type { Replica } from '../../replica/replica.js';
import type { Hold } from '../hold.js';
import { PoolView } from './pool-view.js';
import type { HandedOut } from './stock.js';

/** The views of the pools in use on this host: each from the first use of its pool to the end of this host's last hold on it. */
export class PoolViews implements AsyncDisposable {
  /** Called when a view has changed: its addresses, or what of this host uses it. */
  onTouched: (() => void) | undefined;
  readonly #store: Replica;
  readonly #views = new Map<string, PoolView>();

  constructor(store: Replica) {
    this.#store = store;
  }

  /** The view of the held pool, ready to choose from. Throws STORE_UNAVAILABLE. */
  async open(hold: Hold): Promise<PoolView> {
    const view = this.begin(hold);
    await view.ready();
    return view;
  }

  /** As `open`, without waiting until its addresses are known. */
  begin(hold: Hold): PoolView {
    const view = this.#get(hold.poolKey);
    if (!view.holds.has(hold.id)) view.touch();
    view.holds.set(hold.id, hold);
    return view;
  }

  /** For a pool whose addresses Docker's own IPAM hands out on this host. */
  beginByDocker(poolKey: string): void {
    const view = this.#get(poolKey);
    if (!view.byDocker) view.touch();
    view.byDocker = true;
  }

  /** The Docker network of such a pool is gone. */
  async closeByDocker(view: PoolView): Promise<void> {
    view.byDocker = false;
    await this.#closeUnused(view);
  }

  find(poolKey: string): PoolView | undefined {
    return this.#views.get(poolKey);
  }

  all(): PoolView[] {
    return [...this.#views.values()];
  }

  /** Of the address with this key, from the stock of its pool. */
  handedOut(addressKey: string): HandedOut | undefined {
    const { poolKey = '', address } = parseAddressKey(addressKey) ?? {};
    return address === undefined
      ? undefined
      : this.find(poolKey)?.stock.handedOut(IpAddress.parse(address).value);
  }

  /** Until `work` is done, no other request of this process chooses the addresses with these keys, which are of one pool. */
  async whileInFlight<T>(addressKeys: readonly string[], work: () => Promise<T>): Promise<T> {
    const parsed = addressKeys.flatMap((key) => parseAddressKey(key) ?? []);
    const view = this.find(parsed[0]?.poolKey ?? '');
    const addresses = parsed.map(({ address }) => IpAddress.parse(address).value);
    return view ? view.whileInFlight(addresses, work) : work();
  }

  /** The hold has ended: closes the view of its pool when no other hold of this host uses it. */
  async close({ poolKey, id }: Hold): Promise<void> {
    const view = this.#views.get(poolKey);
    if (view?.holds.delete(id)) await this.#closeUnused(view);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const views = [...this.#views.values()];
    this.#views.clear();
    await Promise.all(views.map((view) => view[Symbol.asyncDispose]()));
  }

  async #closeUnused(view: PoolView): Promise<void> {
    if (view.holds.size > 0 || view.byDocker) return;
    this.#views.delete(view.poolKey);
    await view[Symbol.asyncDispose]();
  }

  #get(poolKey: string): PoolView {
    const view = this.#views.get(poolKey) ?? new PoolView(this.#store, poolKey, () => this.onTouched?.());
    this.#views.set(poolKey, view);
    return view;
  }
}
