/** The way to the outside of all networks. */
import type { HostReading, HostRoute } from '../dataplane/host-reading.js';

/** The interface of the default route and its MTU; of several the one that carries least. undefined: there is none. */
export function outwardOf(
  routes: readonly HostRoute[],
  mtus: ReadonlyMap<string, number>,
): { readonly device: string; readonly mtu: number } | undefined {
  const found = routes.flatMap(({ destination, device }) => {
    const mtu = mtus.get(device);
    return destination === 'default' && mtu !== undefined ? [{ device, mtu }] : [];
  });
  return found.sort((a, b) => a.mtu - b.mtu)[0];
}

/** undefined: it is not known. Never rejects. */
export async function readOutwardMtu(
  reading: Pick<HostReading, 'listRoutes' | 'listMtus'>,
): Promise<number | undefined> {
  const read = Promise.all([reading.listRoutes(), reading.listMtus(undefined)]);
  return read.then(
    ([routes, mtus]) => outwardOf(routes, mtus)?.mtu,
    () => undefined,
  );
}
