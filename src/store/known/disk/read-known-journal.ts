import { createReadStream } from 'node:fs';
import { isSameStore } from '../same-store.js';
import { type KnownContent, type Line, parseLine, ReadContent } from './known-content.js';

export interface ReadJournal {
  /** Description of the store that it is of. */
  readonly store: string;
  readonly content: KnownContent;
  /** Up to the end of what was last written as a whole. */
  readonly onDisk: { readonly lines: number; readonly bytes: number };
}

/** A longer line is none of ours: etcd takes 1.5 MB in one request, unless it is set otherwise. */
const LONGEST_LINE = 4 << 20;

/**
 * What a journal (known-journal.ts) says; without what was last written, if a power cut has left that incomplete. `wanted`: of
 * which store it is to be; absent: of any. undefined: it is of another store, or damaged elsewhere, so that nothing in it can be
 * relied on. Throws the file system's errors.
 */
export async function readKnownJournal(path: string, wanted?: string): Promise<ReadJournal | undefined> {
  const content = new ReadContent();
  let store = '';
  let onDisk: ReadJournal['onDisk'] | undefined;
  let lines = 0;
  let together: Line[] = [];
  let [isDamaged, wasDamaged] = [false, false];
  for await (const { text, end } of linesIn(path)) {
    const line = parseLine(text);
    lines += 1;
    if (lines === 1) {
      if (!line || !('store' in line) || !isSameStore(line.store, wanted ?? line.store)) return undefined;
      store = line.store;
    }
    if (line) together.push(line);
    else isDamaged = true;
    if (!line || !('upTo' in line)) continue;
    // More was written after it, so that no power cut has left it so.
    if (wasDamaged) return undefined;
    wasDamaged = isDamaged;
    if (isDamaged) continue;
    for (const each of together) content.take(each);
    together = [];
    onDisk = { lines, bytes: end };
  }
  return onDisk && { store, content, onDisk };
}

/** Each line that is complete, with the bytes up to its end. */
async function* linesIn(path: string): AsyncGenerator<{ readonly text: string; readonly end: number }> {
  let rest = Buffer.alloc(0);
  let end = 0;
  for await (const chunk of createReadStream(path)) {
    const data = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let stop = data.indexOf('\n'); stop >= 0; stop = data.indexOf('\n', start)) {
      end += stop + 1 - start;
      yield { text: data.toString('utf8', start, stop), end };
      start = stop + 1;
    }
    rest = data.subarray(start);
    if (rest.length > LONGEST_LINE) throw new Error(`${path} has a line of more than ${LONGEST_LINE} bytes`);
  }
}
