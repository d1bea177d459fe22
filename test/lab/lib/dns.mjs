// The lab's outside name server: `outside.lab` is the switch's address, no other name exists.
// Usage: node dns.mjs ADDRESS  (UDP port 53)
import { createSocket } from 'node:dgram';

const OUTSIDE = '\x07outside\x03lab\0'; // as names are written in DNS messages
const HEADER_LENGTH = 12;
const TYPE_A = 1;

const address = process.argv[2];
const socket = createSocket('udp4');

socket.on('message', (query, peer) => {
  const nameEnd = query.indexOf(0, HEADER_LENGTH) + 1;
  const end = nameEnd + 4; // after the question's type and class
  if (nameEnd === 0 || query.length < end) return;
  const known = query.toString('latin1', HEADER_LENGTH, nameEnd).toLowerCase() === OUTSIDE;
  const answered = known && query.readUInt16BE(nameEnd) === TYPE_A;
  const header = Buffer.alloc(HEADER_LENGTH);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(known ? 0x8180 : 0x8183, 2); // an answer; 3: no such name
  header.writeUInt16BE(1, 4); // questions
  header.writeUInt16BE(answered ? 1 : 0, 6); // answers
  const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)];
  const parts = [header, query.subarray(HEADER_LENGTH, end), Buffer.from(answered ? record : [])];
  socket.send(Buffer.concat(parts), peer.port, peer.address);
});
socket.bind(53, address);
