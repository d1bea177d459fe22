// Another process of ours: installs a resolver in the sandbox at argv[3] from the sources at argv[2], prints what
// the keeper would hold, and stays until it is killed, or ends over the query of the number argv[4] (from 1):
// by an error where argv[5] is "throw", else by SIGKILL.
const [sources, sandboxPath, deadly, manner] = process.argv.slice(2);
const { SandboxResolvers } = await import(`${sources}/dns/sandbox/resolvers.js`);
const { HostContainers } = await import(`${sources}/dns/answers/host-containers.js`);
const { NetworkZone } = await import(`${sources}/dns/answers/zone.js`);
const {
  ensureSandboxRules: ensure,
  repairSandboxRules: repair,
  removeSandboxRules: remove,
} = await import(`${sources}/dataplane/sandbox/sandbox-rules.js`);

const web = {
  containerName: 'web',
  names: [],
  addresses: ['10.1.0.2'],
  ports: [],
  alive: true,
};
const zone = NetworkZone.build(['shop'], [web]);
const held = new Map();
const sockets = { hold: async (key, fd) => void held.set(key, fd), release: async () => {}, list: () => [] };
let queries = 0;
process.once('uncaughtException', () => process.exit(1));
/** Asked by the resolver at every query: it has read it by then, and not answered. */
function zoneOf() {
  queries++;
  if (queries !== Number(deadly)) return zone;
  if (manner === 'throw') throw new Error('as a bug would');
  process.kill(process.pid, 'SIGKILL');
  return zone;
}
const containers = new HostContainers(zoneOf);
containers.unreachable();
const resolvers = new SandboxResolvers(zoneOf, containers, { ensure, repair, remove }, sockets);
const reason = await resolvers.attach(sandboxPath, 'n1');
if (reason !== undefined) throw new Error(reason);
const descriptor = (kind) => [...held].find(([key]) => key.includes(kind))[1];
console.log(JSON.stringify({ udp: descriptor('udp'), tcp: descriptor('tcp') }));
setInterval(() => {}, 60_000);
