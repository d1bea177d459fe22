/** `xnet etcd-roles`: the commands of etcdctl that make a user of etcd with the rights that xnet needs, and no others. */
import type { Command } from 'commander';
import { XnetError } from '../../errors.js';
import { quoted } from '../../inet/quoted.js';
import { type Grant, grantsOf } from '../../model/keys.js';
import { shellWord } from '../../shell-word.js';

interface RolesOptions {
  readonly host?: string;
  readonly user: string;
  readonly prefix: string;
}

/** As a host makes it at its first start. */
const HOST_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function addEtcdRoles(program: Command): void {
  program
    .command('etcd-roles')
    .description(
      'print the commands (etcdctl) that give the hosts, or one host, a user of etcd with no more rights than xnet needs',
    )
    .option(
      '--host <id>',
      'id of the host whose user it is (STATE_DIR/host-id); default: one user for all hosts',
    )
    .option('--user <name>', 'of the user: the CN of the certificate, if it has no password', 'xnet')
    .option('--prefix <prefix>', 'under which xnet keeps its keys, as its setting `prefix`', '/xnet/')
    .action((options: RolesOptions) => void process.stdout.write(rolesText(options)));
}

/** Throws INVALID for what is no host id. Pure. */
export function rolesText({ host, user, prefix }: RolesOptions): string {
  if (host !== undefined && !HOST_ID.test(host)) {
    const message = `--host ${quoted(host)} is no host id; give what stands in the file host-id of its state directory, or in xnet status there`;
    throw new XnetError('INVALID', message);
  }
  const role = host === undefined ? 'xnet' : `xnet-${host}`;
  const commands = [
    ['role', 'add', role],
    ...grantsOf(host).map((grant) => grantWords(role, prefix, grant)),
    ['user', 'add', user, '--no-password'],
    ['user', 'grant-role', user, role],
  ];
  return commands.map((words) => `${['etcdctl', ...words].map(shellWord).join(' ')}\n`).join('');
}

function grantWords(role: string, prefix: string, { access, key, isPrefix }: Grant): string[] {
  return [
    'role',
    'grant-permission',
    role,
    ...(isPrefix ? ['--prefix=true'] : []),
    access,
    `${prefix}${key}`,
  ];
}
