// Asks 127.0.0.11:53 in the namespace it is started in and prints JSON: {asked, wrong, lost, medianMs, p99Ms, seconds}.
// Arguments: NAME (a "%" in it is replaced by the query's number), COUNT, CONCURRENCY, SAME_IDS (optional: every
// query has the same id and a socket of its own).
import { createSocket } from 'node:dgram';
import dnsPacket from 'dns-packet';

const [name, countText, concurrencyText, sameIds] = process.argv.slice(2);
const count = Number(countText);
const times = [];
let wrong = 0;
let lost = 0;
let next = 0;

function expected(number) {
  return name.includes('%') ? `10.99.${number >> 8}.${number & 255}` : undefined;
}

function ask(socket, number) {
  const id = sameIds ? 4711 : number & 0xffff;
  const question = { type: 'A', name: name.replace('%', String(number)) };
  const packet = dnsPacket.encode({ type: 'query', id, flags: 0x0100, questions: [question] });
  const started = performance.now();
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      lost++;
      resolve();
    }, 5_000);
    socket.once('message', (message) => {
      clearTimeout(timer);
      times.push(performance.now() - started);
      const response = dnsPacket.decode(message);
      const right = expected(number) === undefined || response.answers[0]?.data === expected(number);
      if (response.id !== id || response.answers.length === 0 || !right) wrong++;
      resolve();
    });
    socket.send(packet, 53, '127.0.0.11');
  });
}

async function worker() {
  let socket = createSocket('udp4');
  while (next < count) {
    await ask(socket, next++);
    if (!sameIds) continue;
    socket.close();
    socket = createSocket('udp4');
  }
  socket.close();
}

const started = performance.now();
const workers = [];
for (let number = 0; number < Number(concurrencyText); number++) {
  workers.push(worker());
  // Sockets hold some 270 small packets; whoever sends more while the other side has no processor loses the rest.
  if (number % 25 === 24) await new Promise((resolve) => setTimeout(resolve, 10));
}
await Promise.all(workers);
times.sort((a, b) => a - b);
const quantile = (share) => Number((times[Math.floor(times.length * share)] ?? Number.NaN).toFixed(3));
const seconds = (performance.now() - started) / 1000;
console.log(
  JSON.stringify({ asked: count, wrong, lost, medianMs: quantile(0.5), p99Ms: quantile(0.99), seconds }),
);
