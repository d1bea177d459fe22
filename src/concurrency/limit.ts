import pLimit from 'p-limit';

export type Limit = <T>(task: () => Promise<T>) => Promise<T>;

/** Runs tasks, at most `size` at a time; the others wait in the order they came. */
export const limitTo: (size: number) => Limit = pLimit;
