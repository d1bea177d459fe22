/** The command by which a person starts this host's xnet anew. `pluginId`: of the managed plugin that it is. */
export function restartCommand(pluginId: string | undefined, units = 'xnet'): string {
  return pluginId === undefined
    ? `systemctl restart ${units}`
    : `docker plugin disable -f ${pluginId} && docker plugin enable ${pluginId}`;
}
