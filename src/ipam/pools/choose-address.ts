/**
 * The choice of an automatic address. Pure.
 *
 * Policy: round robin, starting after the last address that was handed out anywhere in the cluster, so that an address
 * is not used again while caches elsewhere still have its former owner. In a pool with `highestFirst`: the highest free
 * address, because Docker's own IPAM on another host takes the lowest one that it believes free, and offers it again
 * when it is taken.
 */
import type { Revision } from '../../store/store.js';
import { isWithin, type Span } from './subnet-rules.js';

/**
 * The first free address after `after` (wrapping round), or the one `skip` free ones further on; undefined when none is
 * free.
 */
export function chooseFree(
  span: Span,
  isTaken: (address: bigint) => boolean,
  after: bigint | undefined,
  skip = 0,
): bigint | undefined {
  const size = span.last - span.first + 1n;
  if (size <= 0n) return undefined;
  const start = after === undefined || after < span.first || after >= span.last ? span.first : after + 1n;
  return firstFree(size, (step) => span.first + ((start - span.first + step) % size), isTaken, skip);
}

/** The highest free address, `skip` free ones further down; undefined when none is free. */
export function chooseHighest(
  span: Span,
  isTaken: (address: bigint) => boolean,
  skip = 0,
): bigint | undefined {
  return firstFree(span.last - span.first + 1n, (step) => span.last - step, isTaken, skip);
}

function firstFree(
  steps: bigint,
  addressAt: (step: bigint) => bigint,
  isTaken: (address: bigint) => boolean,
  skip: number,
): bigint | undefined {
  let left = skip;
  let latest: bigint | undefined;
  for (let step = 0n; step < steps; step++) {
    const address = addressAt(step);
    if (isTaken(address)) continue;
    latest = address;
    if (left-- === 0) break;
  }
  return latest;
}

export interface Resting {
  readonly address: bigint;
  /** Of the release. */
  readonly revision: Revision;
}

/** The longest-resting address of the span, `skip` further on; undefined when none rests. */
export function chooseResting<T extends Resting>(span: Span, resting: Iterable<T>, skip = 0): T | undefined {
  const usable = [...resting].filter(({ address }) => isWithin(span, address));
  usable.sort((one, other) => one.revision - other.revision);
  return usable[Math.min(skip, usable.length - 1)];
}
