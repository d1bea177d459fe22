import { z } from 'zod';
import type { HostRoute } from '../dataplane.js';
import type { Iproute2 } from '../iproute2/iproute2.js';

const routes = z.array(z.object({ dst: z.string(), dev: z.string().optional() }));

/** The routes of the host's main table, IPv4 and IPv6. */
export async function listRoutes(iproute2: Iproute2): Promise<HostRoute[]> {
  const lists = await Promise.all(
    ['-4', '-6'].map((family) => iproute2.show([family, 'route', 'show'], routes)),
  );
  return lists.flat().map(({ dst: destination, dev: device = 'no device' }) => ({ destination, device }));
}
