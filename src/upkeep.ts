/**
 * How a person looks after this host's xnet: other commands where it is a managed plugin, whose log, files and settings are Docker's,
 * and whose paths are not those of the host. Pure.
 */
import { shellWord } from './shell-word.js';

export interface Upkeep {
  /** Starts xnet anew; containers go on meanwhile. */
  restart(units?: string): string;
  /** Prints its log. */
  readonly log: string;
  /** Where the limit of its open files is kept. */
  readonly fileLimit: string;
  /** A path of this process, as the host has it. */
  hostPath(path: string): string;
  /** Where the file system with the state is mounted on the host, as a word of a shell; `mount`: as this process sees it. */
  stateMount(mount: string): string;
  /** Lets xnet keep its state elsewhere. */
  moveState(mount: string): string;
}

const ON_THE_HOST: Upkeep = {
  restart: (units = 'xnet') => `systemctl restart ${units}`,
  log: 'journalctl -u xnet',
  fileLimit: 'LimitNOFILE=1048576 in xnet.service',
  hostPath: (path) => path,
  stateMount: shellWord,
  moveState: (mount) =>
    `set stateDir in /etc/xnet/xnet.json to a directory on a disk, or mount one at ${mount}; then restart xnet`,
};

/** `pluginId`: of the managed plugin that xnet is; undefined: it is none. */
export function upkeepOf(pluginId: string | undefined): Upkeep {
  if (pluginId === undefined) return ON_THE_HOST;
  const [disable, enable] = [`docker plugin disable -f ${pluginId}`, `docker plugin enable ${pluginId}`];
  const source = `docker plugin inspect -f '{{range .Settings.Mounts}}{{if eq .Name "state"}}{{.Source}}{{end}}{{end}}' ${pluginId}`;
  return {
    restart: () => `${disable} && ${enable}`,
    log: `journalctl -u docker | grep plugin=${pluginId}`,
    fileLimit: 'LimitNOFILE=1048576 in docker.service',
    // As config.json mounts them, and as Docker mounts the directory of a plugin's socket.
    hostPath: (path) =>
      path.replace(/^\/host(?=\/)/, '').replace(/^(\/run\/docker\/plugins)\/(?=[^/]+$)/, `$1/${pluginId}/`),
    stateMount: () => `"$(findmnt -n -o TARGET -T "$(${source})")"`,
    // Without a directory the plugin could not be enabled again.
    moveState: () =>
      `D=DIRECTORY; test -d "$D" && ${disable} && docker plugin set ${pluginId} state.source="$D" && ${enable}   # DIRECTORY: one on a disk`,
  };
}
