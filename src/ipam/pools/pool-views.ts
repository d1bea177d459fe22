import type { Replica } from '../../replica/replica.js';
import type { PoolReference } from '../pool-id.js';
import { formatPoolKey } from '../pool-name.js';
import { PoolView } from './pool-view.js';

/**
 * The views of the pools in use on this host. A view is opened at the first use of its pool and closed with the last reference of this host to it.
 */
export class PoolViews implements AsyncDisposable {
  readonly #store: Replica;
  readonly #views = new Map<string, PoolView>();

  constructor(store: Replica) {
    this.#store = store;
  }

  /** The view of a reference's pool, ready to choose from. Throws STORE_UNAVAILABLE. */
  async open(pool: PoolReference): Promise<PoolView> {
    const view = this.begin(pool);
    await view.ready();
    return view;
  }

  /** As `open`, without waiting until its addresses are known. */
  begin(pool: PoolReference): PoolView {
    const poolKey = formatPoolKey(pool);
    const view = this.#views.get(poolKey) ?? this.#start(poolKey);
    view.references.set(pool.reference, pool);
    return view;
  }

  /** For a pool whose addresses Docker's own IPAM hands out on this host. */
  beginByDocker(poolKey: string): void {
    const view = this.#views.get(poolKey) ?? this.#start(poolKey);
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

  /** The reference is gone: closes the view of its pool when no other reference of this host uses it. */
  async close(pool: PoolReference): Promise<void> {
    const view = this.#views.get(formatPoolKey(pool));
    if (view?.references.delete(pool.reference)) await this.#closeUnused(view);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const views = [...this.#views.values()];
    this.#views.clear();
    await Promise.all(views.map((view) => view[Symbol.asyncDispose]()));
  }

  async #closeUnused(view: PoolView): Promise<void> {
    if (view.references.size > 0 || view.byDocker) return;
    this.#views.delete(view.poolKey);
    await view[Symbol.asyncDispose]();
  }

  #start(poolKey: string): PoolView {
    const view = new PoolView(this.#store, poolKey);
    this.#views.set(poolKey, view);
    return view;
  }
}
