/** Calls that wait while no daemon runs stand in this queue; the kernel cuts it at net.core.somaxconn. */
export const BACKLOG = 4096;
