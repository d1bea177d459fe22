import { isIPv6 } from 'node:net';
import { z } from 'zod';
import type { HostPath, HostRoute } from '../host-reading.js';
import type { Iproute2 } from '../iproute2/iproute2.js';

const routes = z.array(
  z.object({
    dst: z.string(),
    dev: z.string().optional(),
    gateway: z.string().optional(),
    type: z.string().optional(),
  }),
);
const paths = z.array(z.object({ dev: z.string().optional() }));

/** The routes of the host's main table, IPv4 and IPv6. */
export async function listRoutes(iproute2: Iproute2): Promise<HostRoute[]> {
  const lists = await Promise.all(
    ['-4', '-6'].map((family) => iproute2.show([family, 'route', 'show'], routes)),
  );
  return lists.flat().map(({ dst: destination, dev: device = 'no device', gateway, type }) => ({
    ...{ destination, device },
    ...(gateway !== undefined && { gateway }),
    ...(type !== undefined && { type }),
  }));
}

/** As Dataplane.findPaths; addresses of another family than `from` have none. One program for all. */
export async function findPaths(
  iproute2: Iproute2,
  from: string,
  addresses: readonly string[],
): Promise<HostPath[]> {
  const alike = addresses.filter((address) => isIPv6(address) === isIPv6(from));
  const lines = alike.map((address) => `route get ${address} from ${from}`);
  const answers = await iproute2.showEach(lines, paths);
  return alike.map((address, index): HostPath => {
    const answer = answers[index] ?? [];
    if (!Array.isArray(answer)) return { address, refusal: answer.words };
    const device = answer[0]?.dev;
    return device === undefined ? { address, refusal: 'no route' } : { address, device };
  });
}
