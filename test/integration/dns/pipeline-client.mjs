// Sends COUNT queries at once over one TCP connection to 127.0.0.11:53 in the namespace it is started in: even
// ids ask for "web", odd ones for "n<id>.example". Prints JSON: [[id, first answer], ...]; ends when all are there
// or nothing comes for two seconds.
import { connect } from 'node:net';
import dnsPacket from 'dns-packet';

const count = Number(process.argv[2]);
const answers = [];
let rest = Buffer.alloc(0);
const client = connect(53, '127.0.0.11');
const queries = Array.from({ length: count }, (_, id) =>
  dnsPacket.streamEncode({
    type: 'query',
    id,
    questions: [{ type: 'A', name: id % 2 ? `n${id}.example` : 'web' }],
  }),
);
const finish = () => {
  console.log(JSON.stringify(answers));
  process.exit(0);
};
client.setTimeout(2_000, finish).on('error', finish).on('end', finish);
client.on('data', (chunk) => {
  rest = Buffer.concat([rest, chunk]);
  while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
    const end = 2 + rest.readUInt16BE(0);
    const { id, answers: records } = dnsPacket.decode(rest.subarray(2, end));
    answers.push([id, records[0]?.data]);
    rest = rest.subarray(end);
  }
});
// Half-closed: the answers still come.
client.end(Buffer.concat(queries));
