/** One thing that is done to the lab, and the kinds of them. */
import type { Random } from '../support/random.js';
import type { Model } from './model.js';
import type { World } from './world.js';

export interface Operation {
  readonly kind: string;
  /** As it is printed: with all that was drawn. */
  readonly text: string;
  /** What no other operation of the same step may use. */
  readonly owns?: readonly string[];
  /** What others may use too. */
  readonly uses?: readonly string[];
  /** It may fail in this state, for what it needs is out of order; default: never. Asked of the state before and after. */
  mayFail?(model: Model): boolean;
  /** Changes the model to what is so afterwards; `doubtful`: it may have been refused. */
  apply(model: Model, doubtful: boolean): void;
  /** Does it. Throws when it failed. */
  perform(world: World): Promise<void>;
}

export interface Kind {
  readonly name: string;
  /** How often it is drawn, beside the others. */
  readonly weight: number;
  /** With all particulars; undefined: not possible now. Looks at the model and changes nothing. */
  draw(model: Model, random: Random): Operation | undefined;
}

export function collide(one: Operation, other: Operation): boolean {
  return owns(one, other) || owns(other, one);
}

function owns(one: Operation, other: Operation): boolean {
  const used = [...(other.owns ?? []), ...(other.uses ?? [])];
  return (one.owns ?? []).some((subject) => used.includes(subject));
}
