import { keys } from '../../store/keys.js';
import type { RecordReader } from '../../store/record-reader.js';
import { type BindingRecord, bindingRecord } from '../../store/records.js';
import type { Entry } from '../../store/store.js';

/** The bindings of one host, by their keys: the others' are not worth reading. */
export function ownBindingEntries(entries: Iterable<Entry>, hostId: string): Entry[] {
  return [...entries].filter(({ key }) => key.includes(`/${hostId}/`));
}

/** The records of one host's bindings among those of all. */
export function readOwnBindings(
  records: RecordReader,
  entries: Iterable<Entry>,
  hostId: string,
): BindingRecord[] {
  const own = ownBindingEntries(entries, hostId);
  return records.read(bindingRecord, keys.bindings(), own).filter((binding) => binding.hostId === hostId);
}
