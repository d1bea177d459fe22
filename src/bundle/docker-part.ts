import type { Config } from '../config/schema.js';
import { DockerodeEngine } from '../docker/dockerode-engine.js';
import { publicOptions, withoutValues } from './hidden.js';
import type { Part } from './part.js';

const DOCKER_MS = 5_000;

/** Docker's version, and its networks as Docker has them. Containers are in it by no more than the lists of xnet say. */
export function dockerPart({ dockerHost }: Pick<Config, 'dockerHost'>): Part {
  const read = async () => {
    const engine = new DockerodeEngine(dockerHost, { readMs: DOCKER_MS });
    try {
      const networks = (await engine.listNetworks()).map(({ labels, options, ipam, ...network }) => ({
        ...network,
        labels: withoutValues(labels),
        options: publicOptions(options),
        ipam: { ...ipam, options: publicOptions(ipam.options) },
      }));
      return `${JSON.stringify({ version: await engine.version(), networks }, undefined, 2)}\n`;
    } finally {
      engine.close();
    }
  };
  return { file: 'docker.json', what: "Docker's version and networks, without the values of labels", read };
}
