import { type BindingRecord, bindingRecord, isBindingOf } from '../../model/binding.js';
import { keys } from '../../model/keys.js';
import type { Replica } from '../../replica/replica.js';
import type { View } from '../../replica/view.js';

/** The bindings of one host: the others' are not worth reading. */
export function followOwnBindings(replica: Replica, hostId: string): View<BindingRecord> {
  return replica.follow(keys.bindings(), bindingRecord, (key) => isBindingOf(key, hostId));
}
