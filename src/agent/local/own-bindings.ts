import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';
import { isBindingOf, keys } from '../../store/keys.js';
import { type BindingRecord, bindingRecord } from '../../store/records.js';

/** The bindings of one host: the others' are not worth reading. */
export function followOwnBindings(replica: Replica, hostId: string): View<BindingRecord> {
  return replica.follow(keys.bindings(), bindingRecord, (key) => isBindingOf(key, hostId));
}
