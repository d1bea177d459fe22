/** What `nft -j` prints of a network's policy table. Pure. */
import { z } from 'zod';
import type { SeenFrames } from './policies.js';
import type { Present } from './table-layout.js';

const named = z.object({ name: z.string() });
const listing = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });
const element = z.object({
  elem: z.object({
    val: z.object({ concat: z.array(z.union([z.string(), z.number()])) }),
    counter: z.object({ packets: z.number() }).optional(),
  }),
});
const set = z.object({ elem: z.array(z.unknown()).default([]) });

/** Throws what zod does for what is no such listing. */
export function readPresent(text: string): Present {
  const objects = listing.parse(JSON.parse(text)).nftables;
  const names = (...kinds: string[]) =>
    objects.flatMap((object) =>
      kinds.flatMap((kind) => (kind in object ? [named.parse(object[kind]).name] : [])),
    );
  return { chains: names('chain'), sets: names('set', 'map'), counters: names('counter') };
}

/** Of a set of MAC . MAC . protocol . port, with counters. */
export function readDenied(text: string): SeenFrames[] {
  const objects = listing.parse(JSON.parse(text)).nftables;
  return objects
    .flatMap((object) => ('set' in object ? set.parse(object.set).elem : []))
    .flatMap((each) => {
      const parsed = element.safeParse(each);
      if (!parsed.success) return [];
      const { val, counter } = parsed.data.elem;
      const [fromMac = '', toMac = '', protocol = '', port = 0] = val.concat;
      const ends = { fromMac: `${fromMac}`, toMac: `${toMac}` };
      return [{ ...ends, protocol: `${protocol}`, port: Number(port), packets: counter?.packets ?? 1 }];
    });
}
