// The lab's outside echo server: TCP and UDP port 7, IPv4 and IPv6.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const PORT = 7;

createServer((client) => {
  client.on('error', () => client.destroy());
  client.pipe(client);
}).listen(PORT);

const socket = createSocket('udp6');
socket.on('message', (datagram, peer) => socket.send(datagram, peer.port, peer.address));
socket.bind(PORT);
