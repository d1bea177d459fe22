/**
 * Virtual addresses of swarm's services: Docker's resolver answers a service's name and its aliases with one, behind
 * which Docker puts a load balancer in networks of its own driver alone. In ours nobody has the address. The tasks'
 * addresses are what Docker's resolver knows as `tasks.NAME` (libnetwork's addServiceBinding).
 */
import { formatAddressQuery, parseQuery } from '../answers/query.js';
import { formatResponse, readAddressAnswer } from '../answers/response.js';
import { MOST_TCP_BYTES, TYPE } from '../answers/wire.js';
import type { NetworkZone } from '../answers/zone.js';
import type { UdpForwarder } from './udp-forwarder.js';

/** Docker's resolver knows at once what it knows itself; what it has to ask others for is not of a service. */
const ASKED_MS = 1_000;

/** What an answer may take that does not leave the machine: 3,500 tasks. */
const UDP_BYTES = 60_000;

export class VirtualAddresses {
  constructor(
    private readonly zones: () => readonly NetworkZone[],
    private readonly docker: UdpForwarder,
  ) {}

  /**
   * What the client gets for this answer of Docker's: the tasks' addresses in the place of a virtual one, or the same answer
   * where it has none, or Docker does not give them in time. `query` is what a UDP client asked.
   */
  async replace(answer: Buffer, query?: Buffer): Promise<Buffer> {
    const zones = this.zones();
    // In no network of swarm's there are no such addresses, and no answer is read.
    if (!zones.some((zone) => zone.hasVirtual)) return answer;
    const found = readAddressAnswer(answer);
    if (!found?.addresses.some((address) => isVirtual(zones, address))) return answer;
    const asked = query && parseQuery(query);
    if (typeof asked === 'string') return answer;
    const addresses = await this.#askForTasks(found.query.name);
    if (addresses.length === 0) return answer;
    const answers = live(zones, addresses).map((content) => ({ type: TYPE.A, content }));
    return formatResponse(found.query, { answers }, asked?.udpBytes ?? MOST_TCP_BYTES);
  }

  /** None when Docker does not know them, or does not answer in time. */
  async #askForTasks(name: string): Promise<readonly Uint8Array[]> {
    const query = formatAddressQuery(`tasks.${name}`, UDP_BYTES);
    if (!query) return [];
    const answer = await new Promise<Buffer | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), ASKED_MS).unref();
      try {
        this.docker.forward(query, (message) => {
          clearTimeout(timer);
          resolve(message);
        });
      } catch {
        // No socket to be had: the sandbox ends.
        clearTimeout(timer);
        resolve(undefined);
      }
    });
    return (answer && readAddressAnswer(answer)?.addresses) ?? [];
  }
}

function isVirtual(zones: readonly NetworkZone[], address: Uint8Array): boolean {
  return zones.some((zone) => zone.mayBeVirtual(address)) && holders(zones, address).length === 0;
}

/** Without those of silent hosts, where there are others: as `answerQuery` does. */
function live(zones: readonly NetworkZone[], addresses: readonly Uint8Array[]): readonly Uint8Array[] {
  const others = addresses.filter((address) => holders(zones, address).every(({ alive }) => alive));
  return others.length > 0 ? others : addresses;
}

function holders(zones: readonly NetworkZone[], address: Uint8Array) {
  return zones.flatMap((zone) => zone.findByAddress(address));
}
