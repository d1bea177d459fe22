/** Attempts of somebody who may not: each must fail, and be seen where there is anything to see. */
import { eventually } from '../time/eventually.js';

export interface Attempt<Scene> {
  readonly what: string;
  /** Makes it; resolves to whether it has succeeded. */
  readonly make: (scene: Scene) => Promise<boolean>;
  /** What is counted, or logged, of such attempts: it is more, or another, after this one. */
  readonly seen?: (scene: Scene) => Promise<string | number>;
  /** Without `seen`: why there is nothing to count. */
  readonly unseen?: string;
}

/** Makes them one after the other; throws naming all that have succeeded, were not seen, or could not be made. */
export async function expectToFail<Scene>(scene: Scene, attempts: readonly Attempt<Scene>[]): Promise<void> {
  const faults: string[] = [];
  for (const { what, make, seen } of attempts) {
    const before = await seen?.(scene);
    try {
      if (await make(scene)) faults.push(`it has succeeded: ${what}`);
    } catch (error) {
      faults.push(`it could not be made: ${what}: ${error}`);
    }
    const isSeen = async () => (await seen?.(scene)) !== before;
    if (seen) await eventually(what, isSeen).catch(() => faults.push(`it was not seen: ${what}`));
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
}
