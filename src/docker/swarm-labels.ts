/** What swarm writes on the containers of its tasks. */
export const SERVICE_LABEL = 'com.docker.swarm.service.name';
