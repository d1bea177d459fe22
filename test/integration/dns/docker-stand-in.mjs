// Stands in for Docker's resolver: listens on 127.0.0.11 in the namespace it is started in, prints its ports
// ("udp tcp"), and answers from a fixed set of names. Ends with its standard input.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import dnsPacket from 'dns-packet';

const ADDRESS = '127.0.0.11';
const CHUNKS_4K = Array.from({ length: 17 }, (_, index) => `${index}`.padEnd(200, 'x'));

/** Of swarm's services: a virtual address, and the tasks' where there are any. */
const SERVICES = {
  vip: ['10.1.0.77'],
  'tasks.vip': ['10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5'],
  'tasks.crowd': Array.from({ length: 100 }, (_, index) => `10.1.0.${index + 100}`),
  crowd: ['10.1.0.78'],
  idle: ['10.1.0.79'],
  mute: ['10.1.0.80'],
  'tasks.mute': [],
  web2: ['10.1.0.2'],
  'tasks.web2': ['10.1.0.9'],
};

/** Docker's own view: other addresses than xnet's for the same names. */
function answersTo({ name, type }, query) {
  const asked = name.toLowerCase();
  const number = /^(?:slow-)?n(\d+)\.example$/.exec(asked);
  if (number && type === 'A')
    return [{ name, type, ttl: 600, data: `10.99.${number[1] >> 8}.${number[1] & 255}` }];
  if (type === 'A' && SERVICES[asked]) return SERVICES[asked].map((data) => ({ name, type, ttl: 600, data }));
  if (type === 'A' && (asked === 'web' || asked === 'outside.example' || asked === 'slow.example'))
    return [{ name, type, ttl: 600, data: '192.0.2.1' }];
  if (type === 'TXT' && asked === 'large.example')
    return CHUNKS_4K.map((data) => ({ name, type, ttl: 600, data }));
  const opt = query.additionals.find((record) => record.type === 'OPT');
  const codes = opt?.options.map(({ code }) => code).join('+');
  if (type === 'TXT' && asked === 'edns.example')
    return [
      {
        name,
        type,
        ttl: 600,
        data: opt ? `${opt.udpPayloadSize} do=${opt.flag_do} options=${codes}` : 'none',
      },
    ];
  return undefined;
}

function respond(packet, limit) {
  const query = dnsPacket.decode(packet);
  const [question] = query.questions;
  const answers = question && question.class === 'IN' ? answersTo(question, query) : undefined;
  const NXDOMAIN = 3;
  const opt = query.additionals.find((record) => record.type === 'OPT');
  const response = {
    type: 'response',
    id: query.id,
    flags: 0x0180 | (answers ? 0 : NXDOMAIN),
    questions: query.questions,
    answers: answers ?? [],
    additionals: opt ? [{ type: 'OPT', name: '.', udpPayloadSize: 4096, flags: 0, options: [] }] : [],
  };
  const most = limit ?? Math.max(512, opt?.udpPayloadSize ?? 512);
  const whole = dnsPacket.encode(response);
  if (whole.length <= most) return whole;
  return dnsPacket.encode({ ...response, flags: response.flags | 0x0200, answers: [] });
}

/** Names that begin with "slow" take their time; the tasks of "mute" are never told. */
const delayOf = (packet) => (packet.latin1Slice(13, 17) === 'slow' ? 300 : 0);
const isMute = (packet) => packet.includes('\x05tasks\x04mute');

const udp = createSocket('udp4');
udp.on('message', (packet, { port, address }) => {
  if (isMute(packet)) return;
  const reply = () => udp.send(respond(packet), port, address);
  delayOf(packet) ? setTimeout(reply, delayOf(packet)) : reply();
});

const tcp = createServer((client) => {
  let rest = Buffer.alloc(0);
  client.on('error', () => {});
  client.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      const response = respond(rest.subarray(2, end), 65_535);
      client.write(Buffer.concat([Buffer.of(response.length >> 8, response.length & 255), response]));
      rest = rest.subarray(end);
    }
  });
});

udp.bind(0, ADDRESS, () =>
  tcp.listen(0, ADDRESS, () => process.stdout.write(`${udp.address().port} ${tcp.address().port}\n`)),
);
process.stdin.on('end', () => process.exit(0)).resume();
