/** As Docker knows xnet when it is installed as a managed plugin. */
export const PLUGIN = 'xnet:latest';
