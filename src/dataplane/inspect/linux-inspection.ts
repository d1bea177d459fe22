/** src/dataplane/inspect: reads what the kernel has, for `xnet trace`; the probe is beside it (src/dataplane/probe). Not in here: judgements, and anything that changes the kernel. */
import type { Inspection } from '../inspection.js';
import { linuxProbing } from '../probe/linux-probing.js';
import { inspectGateway } from './gateway.js';
import { inspectNetwork } from './network.js';
import { inspectRouted } from './routed.js';
import { inspectSandbox } from './sandbox.js';
import { inspectUnderlay } from './underlay.js';

/** `host`: namespace that is "the host". `port`: UDP port of VXLAN. */
export function linuxInspection(host: string | undefined, port: number): Inspection {
  return {
    sandbox: inspectSandbox,
    network: inspectNetwork,
    routed: (endpoint) => inspectRouted(host, endpoint),
    underlay: (vtep, peerVtep, vni) => inspectUnderlay(host, port, { vtep, peerVtep, vni }),
    gateway: (source, destination) => inspectGateway(host, source, destination),
    ...linuxProbing(host),
  };
}
