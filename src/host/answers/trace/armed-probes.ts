import type { ArmedProbe, ProbeSight } from '../../../dataplane/probing.js';
import { XnetError } from '../../../errors.js';

/** After this nobody asks about a probe any more. */
const ARMED_MS = 15_000;

/**
 * The probes that this host looks for. Their sockets keep namespaces alive, and so a network from being removed: they are closed as
 * soon as nothing more is to come.
 */
export class ArmedProbes implements Disposable {
  readonly #armed = new Map<string, { readonly probe: ArmedProbe; readonly timer: NodeJS.Timeout }>();

  /** Takes the place of one of the same id: a host is asked again when the store has lost the question. */
  add(probeId: string, probe: ArmedProbe): void {
    this.#disarm(probeId);
    const timer = setTimeout(() => this.#disarm(probeId), ARMED_MS);
    this.#armed.set(probeId, { probe, timer });
  }

  /** `isLast`: it is not asked for again. Throws NOT_FOUND for a probe of an earlier daemon. */
  seen(probeId: string, isLast: boolean): ProbeSight[] {
    const armed = this.#armed.get(probeId);
    if (!armed)
      throw new XnetError('NOT_FOUND', 'its daemon does not know the probe any more: it was started anew');
    const sights = armed.probe.seen();
    if (isLast) this.#disarm(probeId);
    else if (sights.every(isComplete)) armed.probe[Symbol.dispose]();
    return sights;
  }

  [Symbol.dispose](): void {
    for (const probeId of [...this.#armed.keys()]) this.#disarm(probeId);
  }

  #disarm(probeId: string): void {
    const armed = this.#armed.get(probeId);
    clearTimeout(armed?.timer);
    armed?.probe[Symbol.dispose]();
    this.#armed.delete(probeId);
  }
}

function isComplete({ request, answers, refusal }: ProbeSight): boolean {
  return refusal !== undefined || (request && answers.length > 0);
}
