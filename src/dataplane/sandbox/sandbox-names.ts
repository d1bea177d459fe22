import type { LocalEndpoint } from '../dataplane.js';
import { endpointNameOf } from '../interface-names.js';
import { findSandboxName, isSandbox } from './sandbox-interface.js';

/** Looks into containers that one check may cost, and looks for one name before it is given up. */
const MOST_LOOKS = 10;
const MOST_TRIES = 5;

interface Sought {
  readonly tries: number;
  readonly name?: string | undefined;
}

/**
 * What Docker calls the interfaces of a network's endpoints inside their containers, seen while all was right. Once is
 * enough: it is the same for as long as the endpoint is in the container.
 */
export class SandboxNames {
  #sought: ReadonlyMap<string, Sought> = new Map();

  find(endpointId: string): string | undefined {
    return this.#sought.get(endpointId)?.name;
  }

  /** Looks for those that are not known, some at a time, and forgets all others. Never rejects. */
  async learn(endpoints: readonly LocalEndpoint[]): Promise<void> {
    const sought = new Map<string, Sought>();
    let looks = 0;
    for (const { id, mac, sandboxPath } of endpoints) {
      const { tries, name } = this.#sought.get(id) ?? { tries: 0 };
      const isDue =
        name === undefined && sandboxPath !== undefined && tries < MOST_TRIES && looks < MOST_LOOKS;
      if (isDue) looks++;
      const found = isDue ? await look(sandboxPath, mac) : name;
      sought.set(id, { name: found, tries: isDue ? tries + 1 : tries });
    }
    this.#sought = sought;
  }
}

async function look(sandboxPath: string, mac: string): Promise<string | undefined> {
  if (!(await isSandbox(sandboxPath))) return undefined;
  const name = await findSandboxName(sandboxPath, mac).catch(() => undefined);
  // Docker has moved it in, and is about to name it.
  return name !== undefined && endpointNameOf(name) ? undefined : name;
}
