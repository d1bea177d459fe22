// A way to Docker's API by which everything that Docker says comes late: node late-docker.mjs SOCKET MILLISECONDS
import { connect, createServer } from 'node:net';

const [path, milliseconds] = process.argv.slice(2);

createServer((client) => {
  const docker = connect('/run/docker.sock');
  client.on('error', () => docker.destroy()).pipe(docker);
  docker.on('data', (data) => setTimeout(() => client.write(data), milliseconds));
  docker.on('error', () => client.destroy()).on('end', () => setTimeout(() => client.end(), milliseconds));
}).listen(path);
