// Another process of ours: installs a resolver in the sandbox at argv[3] from the sources at argv[2], prints what
// the keeper would hold, and stays until it is killed.
const [sources, sandboxPath] = process.argv.slice(2);
const { SandboxResolvers } = await import(`${sources}/dns/resolvers.js`);
const { NetworkZone } = await import(`${sources}/dns/zone.js`);
const { ensureSandboxRules: ensure, removeSandboxRules: remove } = await import(
  `${sources}/dataplane/sandbox-rules.js`
);

const web = {
  endpointId: 'e1',
  containerName: 'web',
  names: [],
  addresses: ['10.1.0.2'],
  ports: [],
  alive: true,
};
const zone = NetworkZone.build('n1', ['shop'], [web]);
const held = new Map();
const sockets = { hold: async (key, fd) => void held.set(key, fd), release: async () => {}, list: () => [] };
const resolvers = new SandboxResolvers(() => zone, { ensure, remove }, sockets);
const attached = await resolvers.attach(sandboxPath, 'n1');
if (!attached.installed) throw new Error(attached.reason);
const descriptor = (kind) => [...held].find(([key]) => key.includes(kind))[1];
console.log(JSON.stringify({ udp: descriptor('udp'), tcp: descriptor('tcp') }));
setInterval(() => {}, 60_000);
