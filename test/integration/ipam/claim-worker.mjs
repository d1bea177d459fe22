/**
 * One host in a process of its own: claims and releases addresses at random, then gives everything back.
 * Prints one line per held address: [address, nanoseconds when it was got, when giving it back began]; at last an
 * object with its figures. Times are of the machine's monotonic clock, the same for all processes.
 */
const settings = JSON.parse(process.argv[2]);
const load = (path) => import(`${settings.sources}/${path}.js`);

const { openStore } = await load('store/open-store');
const { RecordReader } = await load('store/record-reader');
const { Replica } = await load('replica/replica');
const { Ipam } = await load('ipam/ipam');
const { Prefix } = await load('inet/prefix');

const now = () => process.hrtime.bigint();
const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** Tries again for as long as only the store is to blame. */
async function persist(call) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (error.code !== 'STORE_UNAVAILABLE' && error.code !== 'STORE_CONFLICT') throw error;
      figures.failures += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const figures = { claims: 0, failures: 0, refusals: 0, claimMs: 0, longestMs: 0 };
const store = await openStore({ url: settings.url, stateDirectory: '', timeouts: settings.timeouts });
const records = new RecordReader(console);
const ipam = new Ipam({
  store: new Replica(store, records),
  records,
  host: { hostId: settings.host, hostName: settings.host },
  defaultPools: [],
  unfinished: { everyMs: 100, forMs: 2500 },
  budgetMs: settings.budgetMs,
});
const { poolId } = await persist(() =>
  ipam.requestPool({ space: 'xnet-local', family: 4, subnet: Prefix.parse(settings.subnet) }),
);
const held = [];

async function claim() {
  const begun = performance.now();
  const { address } = await ipam.requestAddress(poolId, { purpose: 'endpoint' });
  const took = performance.now() - begun;
  figures.claims += 1;
  figures.claimMs += took;
  figures.longestMs = Math.max(figures.longestMs, took);
  held.push({ address, since: now() });
}

/** A release that fails is made good by the IPAM itself, as after a call of Docker's. */
async function release() {
  const [{ address, since }] = held.splice(Math.floor(Math.random() * held.length), 1);
  print([`${address}`, `${since}`, `${now()}`]);
  await ipam.releaseAddress(poolId, address);
}

process.stdin.resume();
print('ready');
await new Promise((resolve) => process.stdin.once('data', resolve));
const begun = performance.now();
while (figures.claims < settings.claims) {
  const isFull = held.length >= settings.holdsAtMost;
  const step = isFull || (held.length > 0 && Math.random() < 0.4) ? release : claim;
  await step().catch((error) => {
    if (error.code !== 'STORE_UNAVAILABLE' && error.code !== 'STORE_CONFLICT') throw error;
    figures.failures += 1;
  });
}
figures.seconds = (performance.now() - begun) / 1000;
while (held.length > 0) await release().catch(() => (figures.failures += 1));
await ipam.releasePool(poolId).catch(() => (figures.failures += 1));
while (ipam.counts().unfinished > 0) await new Promise((resolve) => setTimeout(resolve, 50));
figures.refusals = ipam.counts().refusals;
print(figures);
await ipam[Symbol.asyncDispose]();
await store[Symbol.asyncDispose]();
process.exit(0);
