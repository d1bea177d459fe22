/**
 * The veth pair of an endpoint: a port on br0, and the interface that libnetwork moves into the container.
 */
import { portEntryLine } from '../forwarding/diff-forwarding.js';
import { BRIDGE, GROUPS, interfaceName } from '../interface-names.js';
import { PORT_FLAGS } from './bridge.js';
import type { Attachment } from './layout.js';
import { setLines } from './links.js';

export const VETH: Attachment = {
  // The pair is born with MAC and MTU set and its outer end in place.
  add: (network, { id, mac }, into) => {
    const name = interfaceName(id);
    const { mtu, group } = VETH.settings(network);
    const peer = `name ${name} address ${mac} mtu ${mtu} netns ${into}`;
    const add = `link add ${name} mtu ${mtu} group ${group} type veth peer ${peer}`;
    return {
      ...{ kind: 'veth', object: name, was: 'missing' },
      ip: [add, ...setLines(name, VETH.settings(network))],
      bridge: [portEntryLine(mac, name)],
    };
  },
  // The group too: a removal that was cut short has marked the port as leaving.
  settings: ({ mtu }) => ({ mtu, group: GROUPS.endpoint, master: BRIDGE, flags: PORT_FLAGS }),
};
