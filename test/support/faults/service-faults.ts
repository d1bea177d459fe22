/** Faults of what xnet works with on a host, and between hosts: Docker, sockets, files, settings. */
import { type Fault, sh } from './fault.js';

export const SERVICE_FAULTS: readonly Fault[] = [
  {
    ...{ name: "the plugin's socket is gone", on: 'h3', check: 'plugin' },
    inject: sh('h3', 'rm /run/docker/plugins/xnet.sock'),
    found: /Docker does not reach xnet at \S+: there is no such file/,
  },
  {
    ...{ name: 'nobody listens at the socket', on: 'h3', check: 'plugin' },
    inject: sh(
      'h3',
      'cd /run/docker/plugins && rm xnet.sock && timeout 1 socat UNIX-LISTEN:xnet.sock,unlink-close=0 - || true',
    ),
    found: /Docker does not reach xnet at \S+: nobody listens there/,
  },
  {
    ...{ name: 'others than root may command xnet', on: 'h1', check: 'plugin' },
    inject: sh('h1', 'chmod 666 /run/xnet/admin.sock'),
    found: /admin\.sock has mode 666: others than root/,
  },
  {
    ...{ name: 'Docker is stopped', on: 'h3', check: 'docker' },
    inject: (lab) => lab.dockerd('h3', 'stop'),
    found: /Docker does not answer: .*there is no such socket/,
  },
  {
    ...{ name: 'the state directory is read-only', on: 'h1', check: 'disk' },
    inject: sh('h1', 'cd /var/lib && mount --bind xnet xnet && mount -o remount,bind,ro xnet'),
    found: /\/var\/lib\/xnet cannot be written to/,
    after: sh('h1', 'touch /var/lib/xnet/x && rm /var/lib/xnet/x && umount /var/lib/xnet'),
  },
  {
    ...{ name: 'a host has another VXLAN port', on: 'h3', asked: 'h1', check: 'hosts' },
    inject: (lab) => lab.xnet('h3', 'restart', '--', '--vxlan-port', '8472'),
    found: /host h3 uses VXLAN port 8472, this one 4789: no packet arrives/,
    byHand: { remedy: /set vxlanPort alike/, mend: (lab) => lab.xnet('h3', 'restart', '--') },
  },
  {
    ...{ name: 'two hosts have one name', on: 'h3', check: 'hosts', verdict: 'warning' },
    inject: sh('h3', 'hostname h1'),
    found: /another host \(\S+, id \S+\) has the name h1 of this one/,
    after: sh('h3', 'hostname h3'),
  },
  {
    ...{ name: 'two containers have one name', on: 'h2', asked: 'h1', check: 'doubles', verdict: 'warning' },
    inject: sh('h2', 'docker run -d --name db --network shop tools sleep 1d'),
    found: /network shop: the container name db is that of db on h1 and of db on h2/,
    after: sh('h2', 'docker rm -f db-h2'),
  },
];
