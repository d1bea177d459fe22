/** load.js, which jest's own environment reads as it is, for TypeScript. */
export function loadRatio(): number;
