/**
 * The veth pair of an endpoint: a port on br0, and the interface that libnetwork moves into the container.
 */
import type { EndpointSpec, NetworkSpec } from '../dataplane.js';
import { portEntryLine } from '../forwarding/diff-forwarding.js';
import { GROUPS, interfaceName } from '../interface-names.js';
import { portIsRight, portSetLines } from './bridge.js';
import type { Attachment } from './mode.js';

export const VETH: Attachment = {
  add: (network, endpoint, into) => {
    const name = interfaceName(endpoint.id);
    return {
      ...{ kind: 'veth', object: name, was: 'missing' },
      ip: [addLine(network, endpoint, into), ...setLines(network, name)],
      bridge: [portEntryLine(endpoint.mac, name)],
    };
  },
  set: setLines,
  isRight: (link, { mtu }) => portIsRight(link, mtu),
};

/** The pair is born with MAC and MTU set and its outer end in place. */
function addLine({ mtu }: NetworkSpec, { id, mac }: EndpointSpec, into: string): string {
  const name = interfaceName(id);
  const peer = `name ${name} address ${mac} mtu ${mtu} netns ${into}`;
  return `link add ${name} mtu ${mtu} group ${GROUPS.endpoint} type veth peer ${peer}`;
}

/** The group too: a removal that was cut short has marked the port as leaving. */
function setLines({ mtu }: NetworkSpec, port: string): string[] {
  return portSetLines(port, mtu, GROUPS.endpoint);
}
